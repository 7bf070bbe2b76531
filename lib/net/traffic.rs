//! Bytes counted per connection: what goes through all its streams, before
//! they are encrypted, whichever transport carries them.
//!
//! It costs one addition for each read and each write.

use futures::{AsyncRead, AsyncWrite};
use libp2p::PeerId;
use libp2p::core::muxing::{StreamMuxer, StreamMuxerBox, StreamMuxerEvent};
use libp2p::core::{ConnectedPoint, Multiaddr};
use libp2p::multiaddr::Protocol;
use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, ready};

/// What has gone over one connection.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

impl Traffic {
    /// Bytes in and out.
    pub fn bytes(&self) -> (u64, u64) {
        (self.bytes_in.load(Ordering::Relaxed), self.bytes_out.load(Ordering::Relaxed))
    }
}

struct Fresh {
    peer: PeerId,
    address: Multiaddr,
    traffic: Weak<Traffic>,
}

/// Connections that the transport has made and the swarm has not shown yet.
#[derive(Clone, Default)]
pub(super) struct Meter(Arc<Mutex<Vec<Fresh>>>);

impl Meter {
    /// Counts what goes over a new connection.
    pub fn count<M>(&self, peer: PeerId, muxer: M, point: &ConnectedPoint) -> (PeerId, StreamMuxerBox)
    where
        M: StreamMuxer + Unpin + Send + 'static,
        M::Substream: Unpin + Send + 'static,
        M::Error: Send + Sync + 'static,
    {
        let traffic = Arc::new(Traffic::default());
        let mut fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What was closed before it was shown goes with it.
        fresh.retain(|fresh| fresh.traffic.strong_count() > 0);
        fresh.push(Fresh { peer, address: place(point), traffic: Arc::downgrade(&traffic) });
        (peer, StreamMuxerBox::new(Counted { inner: muxer, traffic }))
    }

    /// The counter of a connection that has come up.
    pub fn take(&self, peer: &PeerId, point: &ConnectedPoint) -> Option<Arc<Traffic>> {
        let address = place(point);
        let mut fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = fresh.iter().position(|fresh| fresh.peer == *peer && fresh.address == address)?;
        fresh.swap_remove(index).traffic.upgrade()
    }
}

/// The other end, without its peer id: a called address may have one.
fn place(point: &ConnectedPoint) -> Multiaddr {
    point.get_remote_address().iter().filter(|part| !matches!(part, Protocol::P2p(_))).collect()
}

/// A connection, or one stream of it.
struct Counted<T> {
    inner: T,
    traffic: Arc<Traffic>,
}

impl<M> StreamMuxer for Counted<M>
where
    M: StreamMuxer + Unpin,
    M::Substream: Unpin,
{
    type Substream = Counted<M::Substream>;
    type Error = M::Error;

    fn poll_inbound(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Self::Substream, M::Error>> {
        let inner = ready!(Pin::new(&mut self.inner).poll_inbound(context))?;
        Poll::Ready(Ok(Counted { inner, traffic: self.traffic.clone() }))
    }

    fn poll_outbound(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Self::Substream, M::Error>> {
        let inner = ready!(Pin::new(&mut self.inner).poll_outbound(context))?;
        Poll::Ready(Ok(Counted { inner, traffic: self.traffic.clone() }))
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), M::Error>> {
        Pin::new(&mut self.inner).poll_close(context)
    }

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, M::Error>> {
        Pin::new(&mut self.inner).poll(context)
    }
}

impl<S> Counted<S> {
    fn came(&self, count: usize) -> Poll<io::Result<usize>> {
        self.traffic.bytes_in.fetch_add(count as u64, Ordering::Relaxed);
        Poll::Ready(Ok(count))
    }

    fn went(&self, count: usize) -> Poll<io::Result<usize>> {
        self.traffic.bytes_out.fetch_add(count as u64, Ordering::Relaxed);
        Poll::Ready(Ok(count))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        self.came(count)
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.inner).poll_read_vectored(context, buffers))?;
        self.came(count)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.inner).poll_write(context, bytes))?;
        self.went(count)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.inner).poll_write_vectored(context, buffers))?;
        self.went(count)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(context)
    }
}
