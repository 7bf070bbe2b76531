//! Why a call came to nothing: what it is about, and in words.

use crate::watch::ErrorCode;
use libp2p::swarm::DialError;
use libp2p::{Multiaddr, TransportError};
use std::error::Error;
use std::io::ErrorKind;

/// What a failed call is about, and what to say of it: for each address that
/// has an error of its own, else for all that were called.
pub(super) fn faults(error: &DialError) -> Vec<(Option<&Multiaddr>, ErrorCode, String)> {
    match error {
        DialError::WrongPeerId { obtained, address } => {
            vec![(Some(address), ErrorCode::WrongPeer, format!("{obtained} answers there"))]
        }
        DialError::LocalPeerId { address } => {
            vec![(Some(address), ErrorCode::Myself, "this node itself answers there".to_owned())]
        }
        DialError::Denied { cause } => vec![(None, ErrorCode::Limit, innermost(cause).0)],
        DialError::Transport(errors) => errors
            .iter()
            .map(|(address, error)| {
                let (code, words) = at_transport(error);
                (Some(address), code, words)
            })
            .collect(),
        // Addresses that the swarm listens on are taken out before the call.
        DialError::NoAddresses => vec![(None, ErrorCode::Myself, "this node listens there".to_owned())],
        DialError::DialPeerConditionFalse(_) | DialError::Aborted => {
            vec![(None, ErrorCode::Other, error.to_string())]
        }
    }
}

fn at_transport(error: &TransportError<std::io::Error>) -> (ErrorCode, String) {
    match error {
        TransportError::Other(error) => {
            let (words, kind) = innermost(error);
            // The resolver says it as a program would.
            if words.starts_with("no records found") {
                return (ErrorCode::Unreachable, "its name is not known to DNS".to_owned());
            }
            let kind = kind.or_else(|| by_number(&words));
            (kind.map_or_else(|| by_words(&words), by_kind), words)
        }
        TransportError::MultiaddrNotSupported(_) => (ErrorCode::Other, error.to_string()),
    }
}

/// libp2p wraps "connection refused" in several layers that say nothing. The
/// last one's words, and its kind where the system gave one.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> (String, Option<ErrorKind>) {
    let (mut error, mut kind) = (error, None);
    loop {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            kind = Some(io.kind()).filter(|kind| *kind != ErrorKind::Other).or(kind);
            // What an io::Error wraps is not its source, but the source of that.
            if let Some(inner) = io.get_ref() {
                error = inner;
                continue;
            }
        }
        match error.source() {
            Some(source) => error = source,
            None => return (error.to_string(), kind),
        }
    }
}

fn by_kind(kind: ErrorKind) -> ErrorCode {
    match kind {
        ErrorKind::ConnectionRefused => ErrorCode::PortClosed,
        ErrorKind::TimedOut => ErrorCode::TimedOut,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable => {
            ErrorCode::Unreachable
        }
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => ErrorCode::Broken,
        // Somebody answered, and ended or spoke something else.
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput => ErrorCode::Protocol,
        _ => ErrorCode::Other,
    }
}

/// Some layers pass on the words of the system's error and not the error: they
/// end in `(os error 111)`.
fn by_number(words: &str) -> Option<ErrorKind> {
    let number = words.rsplit_once("(os error ")?.1.strip_suffix(')')?;
    Some(std::io::Error::from_raw_os_error(number.parse().ok()?).kind())
}

/// Errors of the layers above the system have no kind.
fn by_words(words: &str) -> ErrorCode {
    let lower = words.to_ascii_lowercase();
    if lower.contains("timeout") || lower.contains("timed out") { ErrorCode::TimedOut } else { ErrorCode::Protocol }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn transport(error: io::Error) -> (ErrorCode, String) {
        let error = DialError::Transport(vec![(Multiaddr::empty(), TransportError::Other(error))]);
        let [(Some(_), code, words)] = &faults(&error)[..] else { panic!("one address, one fault") };
        (*code, words.clone())
    }

    #[test]
    fn layers_are_looked_through() {
        let refused = io::Error::from_raw_os_error(111);
        let wrapped = io::Error::other(io::Error::other(refused));
        assert_eq!(transport(wrapped), (ErrorCode::PortClosed, "Connection refused (os error 111)".to_owned()));
        let told = io::Error::other("Connection refused (os error 111)");
        assert_eq!(transport(told).0, ErrorCode::PortClosed);
        assert_eq!(transport(io::ErrorKind::TimedOut.into()).0, ErrorCode::TimedOut);
        assert_eq!(transport(io::Error::other("Timeout has been reached")).0, ErrorCode::TimedOut);
        assert_eq!(transport(io::Error::from_raw_os_error(113)).0, ErrorCode::Unreachable);
        assert_eq!(transport(io::ErrorKind::UnexpectedEof.into()).0, ErrorCode::Protocol);
        let no_name = io::Error::other(r#"no records found for Query { name: Name("nothing.invalid.") }"#);
        assert_eq!(transport(no_name), (ErrorCode::Unreachable, "its name is not known to DNS".to_owned()));
        assert_eq!(faults(&DialError::LocalPeerId { address: Multiaddr::empty() })[0].1, ErrorCode::Myself);
    }
}
