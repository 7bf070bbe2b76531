//! Writing members into a line, and adding to an object that passes through.

use super::Object;

/// A JSON string with its quotes: shortest escapes (RFC 8785 section 3.2.2.2).
pub fn string(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let plain = text.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).unwrap_or(text.len());
    out.extend_from_slice(&text.as_bytes()[..plain]);
    for byte in text.bytes().skip(plain) {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            0..=0x1f => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// `"key":value` with a comma before it unless it opens the object. `value` is
/// JSON text.
pub fn member(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    string(out, key);
    out.push(b':');
    out.extend_from_slice(value);
}

/// `object` with `members` (key, JSON text) set: one that is there changes in
/// its place, the others follow at the end. What is not named stays byte for
/// byte in value.
pub fn splice(out: &mut Vec<u8>, object: &Object<'_>, members: &[(&str, &[u8])]) {
    out.push(b'{');
    merge(out, object, members);
}

/// As [`splice`], behind a `{` and perhaps members that stand there already; at
/// most 64 members can be set.
pub fn merge(out: &mut Vec<u8>, object: &Object<'_>, members: &[(&str, &[u8])]) {
    let mut set = 0_u64;
    for (raw_key, key, value) in object.iter_with_raw_keys() {
        let value = match members.iter().position(|(name, _)| *name == key) {
            Some(found) => {
                set |= 1 << found;
                members[found].1
            }
            None => value.raw().as_bytes(),
        };
        if raw_key.len() == key.len() {
            pair(out, raw_key, value);
        } else {
            member(out, &key, value);
        }
    }
    for (index, (name, value)) in members.iter().enumerate() {
        if set >> index & 1 == 0 {
            member(out, name, value);
        }
    }
    out.push(b'}');
}

/// As [`member`], with a key that needs no escapes.
fn pair(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    out.reserve(key.len() + value.len() + 4);
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jsonl::Scanner;

    #[test]
    fn what_is_not_named_passes_unchanged() {
        let mut scanner = Scanner::default();
        let object = scanner.object(br#"{ "x" : 1.50, "hash":"old","y":[1, 2] }"#).expect("good");
        let mut out = Vec::new();
        splice(&mut out, &object, &[("hash", b"\"new\""), ("tiny_id", b"\"t\"")]);
        assert_eq!(out, br#"{"x":1.50,"hash":"new","y":[1, 2],"tiny_id":"t"}"#);
        out.clear();
        let empty = scanner.object(b"{}").expect("good");
        splice(&mut out, &empty, &[("a", b"1")]);
        assert_eq!(out, br#"{"a":1}"#);
        out.clear();
        let escaped = scanner.object(br#"{"h\u0061sh":"old","q\"\u0031":"\u0041","e":{}}"#).expect("good");
        splice(&mut out, &escaped, &[("hash", b"\"new\""), ("n", b"0")]);
        assert_eq!(out, br#"{"hash":"new","q\"1":"\u0041","e":{},"n":0}"#);
    }

    #[test]
    fn strings_read_back_as_they_were() {
        let text: String = (0..0x300).filter_map(char::from_u32).chain(['"', '\\', '\u{1f600}']).collect();
        let mut out = Vec::new();
        string(&mut out, &text);
        assert_eq!(serde_json::from_slice::<String>(&out).expect("a string"), text);
    }
}
