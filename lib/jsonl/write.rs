//! Writing members into a line, and adding to an object that passes through.

use super::Object;

/// A JSON string with its quotes: shortest escapes (RFC 8785 section 3.2.2.2).
pub fn string(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for byte in text.bytes() {
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

/// As [`splice`], behind a `{` and perhaps members that stand there already.
pub fn merge(out: &mut Vec<u8>, object: &Object<'_>, members: &[(&str, &[u8])]) {
    for (key, value) in object.iter() {
        let value = members.iter().find(|(name, _)| *name == key).map_or(value.raw().as_bytes(), |(_, new)| new);
        member(out, &key, value);
    }
    for (key, value) in members {
        if object.get(key).is_none() {
            member(out, key, value);
        }
    }
    out.push(b'}');
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
    }

    #[test]
    fn strings_read_back_as_they_were() {
        let text: String = (0..0x300).filter_map(char::from_u32).chain(['"', '\\', '\u{1f600}']).collect();
        let mut out = Vec::new();
        string(&mut out, &text);
        assert_eq!(serde_json::from_slice::<String>(&out).expect("a string"), text);
    }
}
