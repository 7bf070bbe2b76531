//! A token's fields as one word: `[vVERSION:]HOST_ID:GPU_SLOT[:RESERVED]`.

use super::token::{FieldError, Token};

/// More of a wrong word is not repeated in a message.
const SHOWN_CHARACTERS: usize = 40;

/// Why a word says no fields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordError {
    /// Not two or three numbers with colons between them.
    #[error("\"{0}\" is not HOST_ID:GPU_SLOT, such as 42:3")]
    Shape(String),
    /// Not ASCII digits, or more than any version holds.
    #[error("{field} \"{text}\" is not a whole number from 0 to {most}")]
    Number {
        /// version, host_id, gpu_slot or reserved.
        field: &'static str,
        /// What stands there.
        text: String,
        /// The largest that the version holds.
        most: u32,
    },
    /// No version has this number.
    #[error("version \"{0}\" is not 1, 2 or 3")]
    Version(String),
    /// A number that the version cannot hold.
    #[error(transparent)]
    Field(#[from] FieldError),
}

impl Token {
    /// Reads a word; without `vVERSION:` it is of `version`, without `:RESERVED`
    /// that is 0.
    pub fn from_word(word: &[u8], version: u8) -> Result<Self, WordError> {
        // What nearly every word is, without a look at its faults.
        let (host_id, rest) = leading_number(word);
        if let (Some(host_id), [b':', rest @ ..]) = (host_id, rest)
            && let (Some(gpu_slot), []) = leading_number(rest)
            && let Ok(gpu_slot) = u8::try_from(gpu_slot)
        {
            return Ok(Self { version, host_id, gpu_slot, reserved: 0 });
        }
        from_any_word(word, version)
    }

    /// Adds `vVERSION:HOST_ID:GPU_SLOT:RESERVED` to `out`: always four fields,
    /// so that `cut -d:` finds them.
    pub fn write_word(&self, out: &mut Vec<u8>) {
        let mut digits = itoa::Buffer::new();
        out.extend_from_slice(&[b'v', b'0' + self.version, b':']);
        out.extend_from_slice(digits.format(self.host_id).as_bytes());
        out.push(b':');
        out.extend_from_slice(digits.format(self.gpu_slot).as_bytes());
        out.extend_from_slice(&[b':', b'0' + self.reserved]);
    }
}

/// The number at the start, of nine digits at most, and what follows it.
#[inline]
fn leading_number(word: &[u8]) -> (Option<u32>, &[u8]) {
    let (mut value, mut length) = (0, 0);
    while let Some(digit) = word.get(length).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        if length == 9 {
            return (None, word);
        }
        value = value * 10 + u32::from(digit);
        length += 1;
    }
    if length == 0 { (None, word) } else { (Some(value), &word[length..]) }
}

#[cold]
fn from_any_word(word: &[u8], version: u8) -> Result<Token, WordError> {
    let text = String::from_utf8_lossy(word);
    let (version, fields) = match text.split_once(':') {
        Some((first, fields)) if first.starts_with('v') => {
            (number("version", &first[1..], 3).map_err(|_| WordError::Version(shown(&first[1..])))? as u8, fields)
        }
        _ => (version, &*text),
    };
    let (most_host, most_slot, most_reserved) = Token::limits(version)?;
    let mut parts = fields.split(':');
    let host_id = number("host_id", parts.next().unwrap_or_default(), most_host);
    let (Some(gpu_slot), reserved, None) = (parts.next(), parts.next(), parts.next()) else {
        // A wrong number is the better thing to hear of, where there is one.
        return match host_id {
            Err(WordError::Number { text, .. }) if !text.bytes().any(|byte| byte.is_ascii_digit()) => Err(shape(word)),
            Err(error) => Err(error),
            Ok(_) => Err(shape(word)),
        };
    };
    Ok(Token {
        version,
        host_id: host_id?,
        gpu_slot: number("gpu_slot", gpu_slot, most_slot.into())? as u8,
        reserved: number("reserved", reserved.unwrap_or("0"), most_reserved.into())? as u8,
    })
}

fn shape(word: &[u8]) -> WordError {
    WordError::Shape(shown(&String::from_utf8_lossy(word)))
}

fn number(field: &'static str, text: &str, most: u32) -> Result<u32, WordError> {
    let digits_only = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits_only { text.parse().ok() } else { None };
    number.filter(|number| *number <= most).ok_or_else(|| {
        let text = shown(text);
        WordError::Number { field, text, most }
    })
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(word: &str) -> Result<(u8, u32, u8, u8), String> {
        let token = Token::from_word(word.as_bytes(), 2).and_then(|token| {
            token.encode()?;
            Ok(token)
        });
        token.map(|t| (t.version, t.host_id, t.gpu_slot, t.reserved)).map_err(|error| error.to_string())
    }

    #[test]
    fn words_read_back() {
        assert_eq!(read("42:3"), Ok((2, 42, 3, 0)));
        assert_eq!(read("0042:03:1"), Ok((2, 42, 3, 1)));
        assert_eq!(read("v1:42:3"), Ok((1, 42, 3, 0)));
        assert_eq!(read("v3:1048575:63:1"), Ok((3, 1_048_575, 63, 1)));
        for word in ["v1:42:3:0", "v2:0:0:3", "v3:1048575:63:1"] {
            let mut out = Vec::new();
            Token::from_word(word.as_bytes(), 2).expect("good").write_word(&mut out);
            assert_eq!(out, word.as_bytes());
        }
    }

    #[test]
    fn faults_name_the_field_and_its_range() {
        let host = |text| Err(format!("host_id \"{text}\" is not a whole number from 0 to 1023"));
        for text in ["1e3", " 42", "-1", "+1", "٤٢", "", "0x2a", "4.0", "99999999999999999999"] {
            assert_eq!(read(&format!("{text}:3")), host(text), "{text}");
        }
        for text in ["1024", "999999999"] {
            let want = format!("host_id {text} is not from 0 to 1023, which is what version 2 holds");
            assert_eq!(read(&format!("{text}:3")), Err(want), "{text}");
        }
        assert_eq!(read("1024"), host("1024"));
        assert_eq!(read("-1"), host("-1"));
        assert!(read("42:16").expect_err("too large").starts_with("gpu_slot 16 is not from 0 to 15"));
        assert!(read("42:256").expect_err("too large").starts_with("gpu_slot \"256\" is not a whole"));
        assert!(read("42:3:4").expect_err("too large").starts_with("reserved \"4\" is not a whole number from 0 to 3"));
        assert!(read("v3:1048576:0").expect_err("too large").contains("1048575"));
        assert!(read("v0:1:1").expect_err("no such").contains("version 0"));
        assert!(read("v4:1:1").expect_err("no such").contains("version \"4\""));
        for text in ["42", "x", "", "1:2:3:4", "v2", "v1:", "42 3"] {
            let error = read(text).expect_err(text);
            assert!(error.contains("is not HOST_ID:GPU_SLOT") || error.starts_with("host_id \""), "{text}: {error}");
        }
        assert!(Token::from_word(b"\xff:\xfe", 2).is_err());
        assert!(read(&"9".repeat(100_000)).expect_err("long").len() < 200);
    }
}
