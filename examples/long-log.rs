//! Writes a log of many events, of which some are of the last hour, to measure
//! what a long log costs: `cargo run --example long-log -- DIR [EVENTS [HOURS [BYTES]]]`.
//!
//! The events are notes of BYTES of text (default 100) under DIR's `host.key`,
//! spread evenly over the last HOURS (default 2), stored as a node stores them.

use cooee::event::{Draft, Event, Stamp};
use cooee::key::{Key, read_key};
use cooee::mesh::{Log as _, Mark};
use cooee::store::Log;
use jiff::{SignedDuration, Timestamp};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

/// Events under one commit.
const BATCH: u64 = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: long-log DIR [EVENTS [HOURS [BYTES]]]")?;
    let mut number = |default| arguments.next().map_or(Ok(default), |text| text.parse());
    let (events, hours, bytes) = (number(1_000_000)?, number(2)?, number(100)?);
    write(&PathBuf::from(folder), events, hours, bytes)
}

fn write(folder: &Path, events: u64, hours: u64, bytes: u64) -> Result<(), Box<dyn Error>> {
    let key = read_key(&folder.join("host.key"))?;
    let mut log = Log::open(&folder.join("log.db"))?;
    let cores = std::thread::available_parallelism()?.get() as u64;
    let begin = Timestamp::now() - SignedDuration::from_hours(hours.cast_signed());
    let step_us = hours * 3_600_000_000 / events.max(1);
    let note = |number: u64| {
        let time = begin + SignedDuration::from_micros((number * step_us).cast_signed());
        sign(&key, number, time, bytes as usize)
    };
    // Signed on every core, stored here in their order.
    std::thread::scope(|scope| {
        let signers: Vec<_> = (0..cores)
            .map(|core| {
                let (sender, receiver) = sync_channel(64);
                scope.spawn(move || {
                    let mut own = (core..events).step_by(cores as usize);
                    own.all(|number| sender.send(note(number)).is_ok())
                });
                receiver
            })
            .collect();
        for number in 0..events {
            if number % BATCH == 0 {
                log.begin()?;
            }
            log.insert(&signers[(number % cores) as usize].recv()?, &Mark::default())?;
            if number % BATCH == BATCH - 1 || number + 1 == events {
                log.commit()?;
            }
        }
        Ok(())
    })
}

fn sign(key: &Key, number: u64, time: Timestamp, bytes: usize) -> Event {
    let draft = Draft {
        kind: "note".to_owned(),
        subject: format!("ucxl://any:bench@COOEE:log/#/{}", number % 100),
        expires: time + SignedDuration::from_hours(7 * 24),
        data: "x".repeat(bytes).into(),
        data_base64: None,
        in_reply_to: None,
        agent: None,
    };
    let mut noise = [0; 10];
    noise[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    let ms = time.as_millisecond().unsigned_abs();
    let id = uuid::Builder::from_unix_timestamp_millis(ms, &noise).into_uuid();
    let sequence = time.as_microsecond().unsigned_abs();
    draft.sign(key, &Stamp { id, time, sequence }).expect("a good draft")
}
