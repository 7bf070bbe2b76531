//! How far stdin is read, on stderr, for people who wait.
//!
//! Only on a terminal, only from a second on, a few times a second, from one
//! counter: what reads stdin is never held up. Must not know what is read.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "nobody reads more than three digits of a speed, which is not below 0"
)]

use super::Io;
use indicatif::{DecimalBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What is done sooner needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);
const REDRAW: Duration = Duration::from_millis(200);

/// Bytes of stdin that were read. There is one stdin, so there is one counter.
static TOOK: AtomicU64 = AtomicU64::new(0);
/// What takes the bar that is on the terminal now out of the way for a write.
/// Only this much of it is known to every command: what draws bars, and the C
/// maths library that it takes, are in those alone that show one.
static SHOWN: Mutex<Option<Suspend>> = Mutex::new(None);

type Suspend = Box<dyn Fn(&mut dyn FnMut()) + Send>;

/// Counts bytes of stdin that were read other than through `Input`.
pub fn took(bytes: usize) {
    TOOK.fetch_add(bytes as u64, Ordering::Relaxed);
}

/// Shows how far stdin is read, for as long as it lives.
pub struct Progress {
    /// What stops the thread that draws, and the thread; none without a terminal.
    drawing: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Io {
    /// A progress bar from a second on, where stderr is a terminal; drop it
    /// before results are printed.
    pub fn progress(&self) -> Progress {
        if !std::io::stderr().is_terminal() {
            return Progress { drawing: None };
        }
        let (stop, stopped) = channel::<()>();
        let name = self.name();
        let thread = std::thread::spawn(move || {
            let goes_on = |wait| stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout);
            if !goes_on(PATIENCE) {
                return;
            }
            let bar = bar(name, left_in_file());
            let suspended = bar.clone();
            *shown() = Some(Box::new(move |write| suspended.suspend(write)));
            while goes_on(REDRAW) {
                let _nobody_writes = shown();
                bar.set_position(TOOK.load(Ordering::Relaxed));
            }
            let mut shown = shown();
            *shown = None;
            bar.finish_and_clear();
        });
        Progress { drawing: Some((stop, thread)) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.drawing.take() {
            drop(stop);
            let _ = thread.join();
        }
    }
}

/// Writes to stderr while no bar is in the way.
pub(super) fn beside(mut write: impl FnMut()) {
    match &*shown() {
        Some(suspend) => suspend(&mut write),
        None => write(),
    }
}

fn shown() -> MutexGuard<'static, Option<Suspend>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What stdin holds from its first byte that we read; `None` where it is a pipe.
fn left_in_file() -> Option<u64> {
    let stdin = rustix::stdio::stdin();
    let status = rustix::fs::fstat(stdin).ok()?;
    if !rustix::fs::FileType::from_raw_mode(status.st_mode).is_file() {
        return None;
    }
    u64::try_from(status.st_size).ok()
}

fn bar(name: &'static str, length: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr_with_hz(5)).with_prefix(name);
    let template = match length {
        Some(_) => "{prefix}: {percent:>3}% {wide_bar} {decimal_bytes} of {decimal_total_bytes}, {speed}, {left} left",
        None => "{prefix}: {decimal_bytes} read, {speed}, {elapsed_precise}",
    };
    let style = ProgressStyle::with_template(template).expect("a template of known parts");
    // Over all of the time: the bar's own estimate begins when it is first drawn.
    let style = style
        .with_key("speed", |state: &ProgressState, out: &mut dyn Write| {
            let _ = write!(out, "{}/s", DecimalBytes((state.pos() as f64 / state.elapsed().as_secs_f64()) as u64));
        })
        .with_key("left", |state: &ProgressState, out: &mut dyn Write| {
            let left = state.elapsed().as_secs_f64() * (1.0 / f64::from(state.fraction().max(1e-6)) - 1.0);
            let _ = write!(out, "{:#}", HumanDuration(Duration::from_secs_f64(left.clamp(0.0, 1e6))));
        });
    bar.with_style(style.progress_chars("█▉▊▋▌▍▎▏ ")).with_elapsed(PATIENCE)
}
