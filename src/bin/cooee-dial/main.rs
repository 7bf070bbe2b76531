//! `cooee-dial`: calls a node and carries frames to it and back.

use clap::Parser;
use cooee::attach::{self, FrameError};
use cooee::cli::{self, Exit, Failure, Io, Tool, duration};
use cooee::handover::LinkError;
use cooee::net::{self, DialError, Dialer, Multiaddr};
use jiff::SignedDuration;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Longer than the longest wait that a request may ask for.
const REPLY_PATIENCE: Duration = Duration::from_secs(40);

/// Call a node over libp2p and carry frames between it and stdin and stdout
#[derive(Parser)]
struct Dial {
    /// Whom to call, up to eight; the first that answers is asked
    #[arg(value_name = "MULTIADDR", required = true)]
    addresses: Vec<String>,
    /// The fleet's id; without it an ad hoc node is called
    #[arg(long, value_name = "ID")]
    fleet: Option<String>,
    /// Give up after this when nobody answers the call
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    timeout: SignedDuration,
}

impl Tool for Dial {
    const SCHEMA: &'static str = include_str!("schema.json");
    const MANUAL: &'static str = include_str!("../../../man/cooee-dial.md");
    const EXAMPLES: &'static str = r#"
$ frame='{"elements":["'$(printf %064d 1)'"],"op":"get"}'
$ printf '\0\0\0\134%s' "$frame" | cooee-dial "$(cat listen)" | tail -c +5
{"events":[],"op":"events"}"#;

    fn run(self, io: &mut Io) -> Result<Exit, Failure> {
        let read = |text: &String| {
            net::address(text).map_err(|error| {
                Failure::could_not_run(format_args!("\"{text}\": {error}"))
                    .hint("such as /ip4/192.0.2.7/tcp/4001/p2p/ID")
            })
        };
        let addresses: Vec<Multiaddr> = self.addresses.iter().map(read).collect::<Result<_, _>>()?;
        let deadline = Instant::now() + self.timeout.unsigned_abs();
        let mut input = io.stdin()?;
        let mut dialer = match Dialer::connect(&addresses, self.fleet.as_deref(), deadline) {
            Ok(dialer) => dialer,
            Err(error) => return failed(io, &error),
        };
        let mut body = Vec::new();
        loop {
            match attach::read_body(&mut input, &mut body) {
                Ok(true) => {}
                Ok(false) => return Ok(Exit::Done),
                Err(error) => return Err(Failure::could_not_run(format_args!("reading stdin: {error}"))),
            }
            match dialer.carry(framed(&body)?, Instant::now() + REPLY_PATIENCE) {
                Ok(reply) => io.out.bytes(&framed(&reply)?)?,
                Err(error) => return failed(io, &error),
            }
            io.out.flush()?;
        }
    }
}

fn framed(body: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut frame = Vec::with_capacity(body.len() + attach::HEADER_BYTES);
    let sealed: Result<(), FrameError> = attach::seal(&mut frame, |out| out.extend_from_slice(body));
    sealed.map_err(Failure::temporary)?;
    Ok(frame)
}

/// Says what became of the call in place of a reply, for the program that
/// asked, and on stderr, for people.
fn failed(io: &mut Io, error: &DialError) -> Result<Exit, Failure> {
    let link = match error {
        DialError::WrongPeer { .. } => LinkError::WrongPeer(error.to_string()),
        DialError::TimedOut => LinkError::TimedOut,
        DialError::NoAddress | DialError::Unreachable(_) | DialError::OtherFleet => {
            LinkError::Unreachable(error.to_string())
        }
        DialError::Broken(_) | DialError::Frame(_) | DialError::Network(_) => LinkError::Broken(error.to_string()),
    };
    let mut frame = Vec::new();
    if link.to_reply().frame(&mut frame).is_ok() {
        io.out.bytes(&frame)?;
        io.out.flush()?;
    }
    Err(if matches!(link, LinkError::WrongPeer(_)) { Failure::security(link) } else { Failure::temporary(link) })
}

fn main() -> ExitCode {
    cli::main::<Dial>("cooee-dial")
}
