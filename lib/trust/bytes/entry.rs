//! The log of a run: every signal, every tick, every change of the
//! configuration, in their order, so that all of it can be replayed.

use super::Kept;
use super::read::Reader;
use super::{BytesError, put, put_signed, put_text, put_value};
use crate::trust::{Config, Dimension, Shown};

const SIGNAL: u8 = 0;
const TICK: u8 = 1;
const CONFIG: u8 = 2;

/// One thing that happened in a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry<'b> {
    /// A signal was taken, of the agent with that DID.
    Signal(&'b str, Shown),
    /// At that time every agent was recalculated that this run had touched since
    /// its last tick.
    Tick(i64),
    /// From here on this configuration held for the run.
    Config(Config),
}

/// Appends a signal.
pub fn encode_signal(did: &str, kept: &Kept<'_>, out: &mut Vec<u8>) {
    out.push(SIGNAL);
    put_text(out, did);
    kept.encode(out);
}

/// Appends a tick at that time.
pub fn encode_tick(at: i64, out: &mut Vec<u8>) {
    out.push(TICK);
    put_signed(out, at);
}

/// Appends the configuration that holds from here on.
pub fn encode_config(config: &Config, out: &mut Vec<u8>) {
    out.push(CONFIG);
    config.weights.iter().for_each(|weight| put_value(out, *weight));
    for number in [config.revocation_threshold, config.warning_threshold, config.update_interval_seconds] {
        put(out, number.into());
    }
}

/// The entries of those bytes, up to the first that is none.
pub struct Entries<'b>(Reader<'b>);

impl<'b> Entries<'b> {
    /// Entries written one behind the other.
    pub fn new(bytes: &'b [u8]) -> Self {
        Self(Reader::new(bytes))
    }

    fn read(&mut self) -> Result<Entry<'b>, BytesError> {
        let read = &mut self.0;
        match read.byte()? {
            SIGNAL => {
                let did = read.text()?;
                Ok(Entry::Signal(did, Kept::decode(read)?.into()))
            }
            TICK => read.time(0).map(Entry::Tick),
            CONFIG => {
                let mut weights = [0.0; Dimension::COUNT];
                for weight in &mut weights {
                    *weight = read.double()?;
                }
                let config = Config {
                    weights,
                    revocation_threshold: read.total()?,
                    warning_threshold: read.total()?,
                    update_interval_seconds: read.at_most(300)? as u16,
                };
                config.check().map_err(|_| BytesError)?;
                Ok(Entry::Config(config))
            }
            _ => Err(BytesError),
        }
    }
}

impl<'b> Iterator for Entries<'b> {
    type Item = Result<Entry<'b>, BytesError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let entry = self.read();
        if entry.is_err() {
            self.0 = Reader::new(&[]);
        }
        Some(entry)
    }
}
