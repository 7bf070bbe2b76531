//! The tuple that makes an agent itself: which model, on which host, on which GPU.

use super::hash::Hash;
use crate::canon;
use serde::Serialize;
use unicode_normalization::UnicodeNormalization;

/// A field of a tuple is no longer: 1 KiB in its canonical form.
pub const FIELD_LIMIT_BYTES: usize = 1024;

/// What stands for no GPU and for no usable MAC.
pub const NONE: &str = "none";

/// Why four fields make no tuple.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TupleError {
    /// Nothing, or white space only.
    #[error("{field} is empty")]
    Empty {
        /// Which field.
        field: &'static str,
    },
    /// More than [`FIELD_LIMIT_BYTES`].
    #[error("{field} is longer than {FIELD_LIMIT_BYTES} bytes")]
    TooLong {
        /// Which field.
        field: &'static str,
    },
    /// A control character, or one that changes how its neighbours look.
    #[error("{field} has the control or format character U+{:04X} at {position}", u32::from(*character))]
    Character {
        /// Which field.
        field: &'static str,
        /// The character.
        character: char,
        /// Where, in characters from 1 of the trimmed field.
        position: usize,
    },
    /// Neither twelve hex digits nor none.
    #[error("mac \"{0}\" is neither twelve hex digits nor \"none\"")]
    Mac(String),
}

/// Who an agent is, in canonical form. Two spellings of one agent are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Tuple {
    gpu_id: String,
    hostname: String,
    mac: String,
    model: String,
}

impl Tuple {
    /// Canonicalises: each field NFC, trimmed, lower case; the colons, hyphens
    /// and dots that people write into a `mac` are dropped. `gpu_id` is the GPU's
    /// UUID, else its PCI address, else `none`; `mac` is twelve hex digits or
    /// `none`.
    pub fn new(gpu_id: &str, hostname: &str, mac: &str, model: &str) -> Result<Self, TupleError> {
        Ok(Self {
            gpu_id: field("gpu_id", gpu_id)?,
            hostname: field("hostname", hostname)?,
            mac: twelve_digits(&field("mac", mac)?)?,
            model: field("model", model)?,
        })
    }

    /// A host's name in the form that a tuple has it in.
    pub fn canonical_hostname(name: &str) -> Result<String, TupleError> {
        field("hostname", name)
    }

    /// The GPU's UUID or PCI address, or `none`.
    pub fn gpu_id(&self) -> &str {
        &self.gpu_id
    }

    /// The host's name.
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// Twelve lower-case hex digits, or `none`.
    pub fn mac(&self) -> &str {
        &self.mac
    }

    /// The model's name.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The bytes that are hashed: the RFC 8785 object of the four fields.
    pub fn canonical(&self) -> Vec<u8> {
        canon::canonical(self)
    }

    /// BLAKE3 of [`Tuple::canonical`].
    pub fn hash(&self) -> Hash {
        Hash::of(&self.canonical())
    }
}

fn field(name: &'static str, text: &str) -> Result<String, TupleError> {
    let trimmed = text.trim();
    // A bound before the work: NFC triples a text at most.
    if trimmed.len() > 3 * FIELD_LIMIT_BYTES {
        return Err(TupleError::TooLong { field: name });
    }
    let bad = |(_, character): &(usize, char)| character.is_control() || is_format(*character);
    if let Some((index, character)) = trimmed.chars().enumerate().find(bad) {
        return Err(TupleError::Character { field: name, character, position: index + 1 });
    }
    // Lower case can take a text out of NFC, so NFC comes last as well as first.
    let composed: String = trimmed.nfc().collect();
    let canonical: String = composed.to_lowercase().nfc().collect();
    match canonical.len() {
        0 => Err(TupleError::Empty { field: name }),
        length if length > FIELD_LIMIT_BYTES => Err(TupleError::TooLong { field: name }),
        _ => Ok(canonical),
    }
}

/// Unicode's format characters (class Cf) and the line and paragraph separators:
/// they make two different names look alike, or one name look like another.
fn is_format(character: char) -> bool {
    matches!(u32::from(character),
        0xad | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890..=0x891 | 0x8e2 | 0x180e | 0x200b..=0x200f
        | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff | 0xfff9..=0xfffb | 0x110bd | 0x110cd | 0x13430..=0x1343f
        | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe007f)
}

fn twelve_digits(mac: &str) -> Result<String, TupleError> {
    if mac == NONE {
        return Ok(mac.to_owned());
    }
    let digits: String = mac.chars().filter(|character| !matches!(character, ':' | '-' | '.')).collect();
    let good = digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if good { Ok(digits) } else { Err(TupleError::Mac(mac.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_one_agent_are_one() {
        let want = Tuple::new("GPU-1", "höst", "00:1A:2b:3C:4D:5E", "Llama3:8B").expect("good");
        assert_eq!(
            want.canonical(),
            r#"{"gpu_id":"gpu-1","hostname":"höst","mac":"001a2b3c4d5e","model":"llama3:8b"}"#.as_bytes()
        );
        for (gpu_id, hostname, mac, model) in [
            (" gpu-1\n", "ho\u{308}st", "001A.2B3C.4D5E", "llama3:8b"),
            ("GPU-1", "HO\u{308}ST", "00-1a-2b-3c-4d-5e", "\tLLAMA3:8B "),
        ] {
            assert_eq!(Tuple::new(gpu_id, hostname, mac, model), Ok(want.clone()));
        }
        // These capitals have no composed form, their small letters have one.
        let name = |model: &str| Tuple::new("none", "h", "none", model).expect("good").model().to_owned();
        for (capital, small) in [("J\u{30c}", "\u{1f0}"), ("H\u{331}", "\u{1e96}"), ("T\u{308}", "\u{1e97}")] {
            assert_eq!((name(capital).as_str(), name(small).as_str()), (small, small));
        }
        let none = Tuple::new("NONE", "h", "None", "m").expect("good");
        assert_eq!((none.gpu_id(), none.hostname(), none.mac(), none.model()), ("none", "h", "none", "m"));
    }

    /// Fixed for good: this is what deployed agents are called.
    #[test]
    fn the_hash_is_that_of_b3sum() {
        let tuple = Tuple::new("none", "host", "001a2b3c4d5e", "llama3:8b").expect("good");
        assert_eq!(tuple.hash().to_string(), "5dabadfb3f2fa4f0b4ec2f42244aafd19ee14f04aad519aa2d63d31149267ef0");
        assert_eq!(tuple.hash().tiny_id().to_string(), "BPNTVYSZ5Y");
    }

    #[test]
    fn separators_move_nothing_between_fields() {
        let hash = |a: &str, b: &str| Tuple::new("none", a, "none", b).expect("good").hash();
        assert_ne!(hash("a|b", "c"), hash("a", "b|c"));
        assert_ne!(hash("a\",\"model\":\"x", "c"), hash("a", "x"));
    }

    #[test]
    fn faults_name_their_field() {
        let new = Tuple::new;
        assert_eq!(new("", "h", "none", "m"), Err(TupleError::Empty { field: "gpu_id" }));
        assert_eq!(new("none", " \n", "none", "m"), Err(TupleError::Empty { field: "hostname" }));
        assert_eq!(new("none", "h", "none", &"m".repeat(1025)), Err(TupleError::TooLong { field: "model" }));
        assert_eq!(new("none", "h", "none", &"m".repeat(100_000)), Err(TupleError::TooLong { field: "model" }));
        assert!(new("none", "h", "none", &"m".repeat(1024)).is_ok());
        for character in
            ['\0', '\n', '\u{1b}', '\u{7f}', '\u{85}', '\u{202e}', '\u{200b}', '\u{feff}', '\u{2066}', '\u{e0041}']
        {
            let text = format!("a{character}b");
            let want = Err(TupleError::Character { field: "model", character, position: 2 });
            assert_eq!(new("none", "h", "none", &text), want, "{text:?}");
        }
        for mac in ["", "00", "001a2b3c4d5", "001a2b3c4d5e0", "001a2b3c4d5g", "００1a2b3c4d5e", "nil"] {
            assert!(new("none", "h", mac, "m").is_err(), "{mac}");
        }
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_a_fixed_point(text in "\\PC{0,40}", mac in "[0-9a-fA-F]{12}") {
            if let Ok(once) = Tuple::new(&text, &text, &mac, &text) {
                let again = Tuple::new(once.gpu_id(), once.hostname(), once.mac(), once.model());
                prop_assert_eq!(again, Ok(once));
            }
        }
    }
}
