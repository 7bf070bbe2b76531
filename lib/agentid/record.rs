//! The `token` record: what encoding and decoding write as JSON.

use super::token::{Token, TokenError, TokenText};
use crate::jsonl::{self, Object};

/// What a record of a kind that nobody named starts with.
const HEAD: &[u8] = b"{\"type\":\"token\",\"v\":1";

/// Why a JSON object says no fields or no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The member is not there.
    #[error("\"{0}\" is missing")]
    Missing(&'static str),
    /// Not a string.
    #[error("\"token\" is not a string")]
    NotAString,
    /// Not an integer that fits.
    #[error("\"{field}\" is not a whole number from 0 to {most}")]
    NotANumber {
        /// Which member.
        field: &'static str,
        /// The largest that the version holds.
        most: u32,
    },
    /// There is no such version.
    #[error("\"version\" is not 1, 2 or 3")]
    Version,
    /// The token is wrong.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl Token {
    /// The fields of an object: `host_id` and `gpu_slot`, perhaps `version` and
    /// `reserved`; without these they are `version` and 0.
    pub fn from_object(object: &Object<'_>, version: u8) -> Result<Self, RecordError> {
        let mut token = Self { version, host_id: 0, gpu_slot: 0, reserved: 0 };
        if let Some(value) = object.get("version") {
            let version = value.as_u64().and_then(|number| u8::try_from(number).ok());
            token.version = version.filter(|version| (1..=3).contains(version)).ok_or(RecordError::Version)?;
        }
        let (most_host, most_slot, most_reserved) = Self::limits(token.version).map_err(|_| RecordError::Version)?;
        let number = |field, most| match object.get(field) {
            None => Err(RecordError::Missing(field)),
            Some(value) => {
                let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
                number.filter(|number| *number <= most).ok_or(RecordError::NotANumber { field, most })
            }
        };
        token.host_id = number("host_id", most_host)?;
        token.gpu_slot = number("gpu_slot", most_slot.into())? as u8;
        if object.get("reserved").is_some() {
            token.reserved = number("reserved", most_reserved.into())? as u8;
        }
        Ok(token)
    }
}

impl TokenText {
    /// The `token` of an object.
    pub fn from_object(object: &Object<'_>) -> Result<Self, RecordError> {
        let value = object.get("token").ok_or(RecordError::Missing("token"))?;
        let text = value.as_str().ok_or(RecordError::NotAString)?;
        Ok(Self::read(text.as_bytes())?)
    }

    /// Adds the whole record to `out`.
    pub fn write_record(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(HEAD);
        self.with_members(|members| {
            for (name, value) in members {
                out.extend_from_slice(b",\"");
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"\":");
                out.extend_from_slice(value);
            }
        });
        out.push(b'}');
    }

    /// Adds `object` to `out` with this token and its fields set; all else stays
    /// byte for byte in value. An object without a type becomes a `token` record.
    pub fn add_to(&self, object: &Object<'_>, out: &mut Vec<u8>) {
        if object.get("type").is_none() && object.get("v").is_none() {
            out.extend_from_slice(HEAD);
        } else {
            out.push(b'{');
        }
        self.with_members(|members| jsonl::merge(out, object, members));
    }

    #[inline]
    fn with_members(&self, then: impl FnOnce(&[(&str, &[u8]); 6])) {
        let token = self.token();
        let mut quoted = [b'"'; 10];
        let length = self.copy_to(&mut quoted[1..9]);
        let [version, host_id, gpu_slot, reserved, checksum] = &mut [itoa::Buffer::new(); 5];
        then(&[
            ("token", &quoted[..length + 2]),
            ("version", version.format(token.version).as_bytes()),
            ("host_id", host_id.format(token.host_id).as_bytes()),
            ("gpu_slot", gpu_slot.format(token.gpu_slot).as_bytes()),
            ("reserved", reserved.format(token.reserved).as_bytes()),
            ("checksum", checksum.format(self.checksum()).as_bytes()),
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jsonl::Scanner;

    fn added(text: &str) -> Result<String, RecordError> {
        let mut scanner = Scanner::default();
        let object = scanner.object(text.as_bytes()).expect("an object");
        let token = Token::from_object(&object, 1)?.encode().expect("in range");
        let mut out = Vec::new();
        token.add_to(&object, &mut out);
        Ok(String::from_utf8(out).expect("UTF-8"))
    }

    #[test]
    fn fields_are_added_and_the_rest_stays() {
        assert_eq!(
            added(r#"{"host_id":42,"x": [1.50, "a"],"gpu_slot":3}"#).as_deref(),
            Ok(concat!(
                r#"{"type":"token","v":1,"host_id":42,"x":[1.50, "a"],"gpu_slot":3,"token":"458RV","#,
                r#""version":1,"reserved":0,"checksum":27}"#
            ))
        );
        assert_eq!(
            added(r#"{"type":"agent","v":1,"token":"old","version":2,"host_id":42,"gpu_slot":3}"#).as_deref(),
            Ok(concat!(
                r#"{"type":"agent","v":1,"token":"858RJ","version":2,"host_id":42,"gpu_slot":3,"#,
                r#""reserved":0,"checksum":18}"#
            ))
        );
    }

    #[test]
    fn a_record_of_its_own_is_the_same_members() {
        let token = Token { version: 1, host_id: 42, gpu_slot: 3, reserved: 0 }.encode().expect("in range");
        let mut out = Vec::new();
        token.write_record(&mut out);
        let want = br#"{"type":"token","v":1,"token":"458RV","version":1,"host_id":42,"gpu_slot":3,"reserved":0,"checksum":27}"#;
        assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(want));
    }

    #[test]
    fn faults_name_their_member() {
        use RecordError::{Missing, NotANumber, Version};
        let fault = |text: &str| added(text).expect_err(text);
        assert_eq!(fault("{}"), Missing("host_id"));
        assert_eq!(fault(r#"{"host_id":42}"#), Missing("gpu_slot"));
        for wrong in ["1024", "-1", "1e3", "1.0", "\"42\"", "null", "true", "[1]"] {
            let text = format!(r#"{{"gpu_slot":0,"host_id":{wrong}}}"#);
            assert_eq!(fault(&text), NotANumber { field: "host_id", most: 1023 }, "{text}");
        }
        assert_eq!(fault(r#"{"host_id":0,"gpu_slot":16}"#), NotANumber { field: "gpu_slot", most: 15 });
        assert_eq!(
            fault(r#"{"host_id":0,"gpu_slot":0,"reserved":2,"version":3}"#),
            NotANumber { field: "reserved", most: 1 }
        );
        for wrong in ["0", "4", "258", "\"2\"", "null"] {
            assert_eq!(fault(&format!(r#"{{"host_id":0,"gpu_slot":0,"version":{wrong}}}"#)), Version);
        }
    }
}
