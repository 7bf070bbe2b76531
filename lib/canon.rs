//! RFC 8785 and digests: the exact bytes that are hashed or signed. Pure.
//!
//! Must not know what the bytes mean.

use serde::Serialize;

/// The RFC 8785 form of `value`.
///
/// # Panics
/// Never for values that our strict reader made: those hold only finite
/// numbers and string keys.
pub fn canonical(value: &impl Serialize) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("finite numbers and string keys only")
}

/// BLAKE3 of `bytes`, 64 lower-case hex digits, as `b3sum` prints it.
pub fn blake3_hex(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// base64url without padding (RFC 4648 section 5).
pub fn base64url(bytes: &[u8]) -> String {
    data_encoding::BASE64URL_NOPAD.encode(bytes)
}

/// The bytes that `text` writes; `None` if it is not base64url without padding,
/// trailing bits included.
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).ok()
}
