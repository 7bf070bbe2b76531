//! The join token: a secret that lets one host key in.

use crate::canon::{base64url, from_base64url};

/// 128 random bits.
const BYTES: usize = 16;

/// Makes a token's text from its random bits: 22 characters of base64url.
pub fn token_text(random: &[u8; BYTES]) -> String {
    base64url(random)
}

/// Is this the text of a token?
pub fn is_token(text: &str) -> bool {
    from_base64url(text).is_some_and(|bytes| bytes.len() == BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_one_spelling() {
        let token = token_text(&[0xa5; 16]);
        assert_eq!(token.len(), 22);
        assert!(is_token(&token));
        for bad in ["", "abc", &token[..21], &format!("{token}A"), &format!("{token}="), "paWlpaWlpaWlpaWlpaWlpb"] {
            assert!(!is_token(bad), "{bad}");
        }
    }
}
