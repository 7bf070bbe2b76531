//! The record of a consumer: a reader that the node knows by name.

use super::record::moment;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A consumer, as the node's log has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "consumer")]
pub struct NamedReader {
    /// 1.
    pub v: u32,
    /// Its name.
    pub name: String,
    /// It has taken all that it wanted up to this place in the node's log.
    pub place: u64,
    /// Events behind that place, of those from `since` on; how many of them it
    /// wants depends on the patterns it will come with.
    pub waiting: u64,
    /// Does somebody read under the name now?
    pub reading: bool,
    /// It wants events from this time on; null: all behind its place.
    #[serde(with = "moment::option")]
    pub since: Option<Timestamp>,
    /// When it last began or took something.
    #[serde(with = "moment")]
    pub used: Timestamp,
}

impl NamedReader {
    /// Reads what came in a frame; a reason if it is none of these.
    pub fn read(json: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(json).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_and_begins_with_its_type() {
        let used: Timestamp = "2026-11-21T12:00:00.25Z".parse().expect("a time");
        let (name, reading) = ("a".to_owned(), true);
        let record = NamedReader { v: 1, name, place: 3, waiting: 2, reading, since: None, used };
        let text = serde_json::to_string(&record).expect("JSON");
        let expected = r#"{"type":"consumer","v":1,"name":"a","place":3,"waiting":2,"reading":true,"since":null,"used":"2026-11-21T12:00:00.250Z"}"#;
        assert_eq!(text, expected);
        assert_eq!(NamedReader::read(&crate::canon::canonical(&record)), Ok(record));
        assert!(NamedReader::read(b"{}").is_err() && NamedReader::read(&text.as_bytes()[..60]).is_err());
    }
}
