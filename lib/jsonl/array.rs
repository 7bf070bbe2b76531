//! The elements of an array that a scan has checked, without a second scan.

use super::{Kind, Value};

/// An array's elements in their order, borrowed from its text.
pub struct Elements<'a> {
    rest: &'a str,
}

impl<'a> Elements<'a> {
    /// `raw` is an array's text, brackets included, already checked.
    pub(super) fn of(raw: &'a str) -> Self {
        Self { rest: &raw[1..raw.len() - 1] }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let from = self.rest.trim_start_matches([' ', '\t', '\r', '\n', ',']);
        let kind = match from.as_bytes().first()? {
            b'"' => Kind::String,
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b't' | b'f' => Kind::Bool,
            b'n' => Kind::Null,
            _ => Kind::Number,
        };
        let (element, rest) = from.split_at(length(from.as_bytes()));
        self.rest = rest;
        Some(Value::checked(element, kind))
    }
}

/// How many bytes the value at the start of `text` takes.
fn length(text: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'"' => at += string_length(&text[at..]) - 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b',' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
        // A string or a container ends with its own last byte.
        if depth == 0 && matches!(text[at - 1], b'"' | b'}' | b']') {
            return at;
        }
    }
    at
}

/// How many bytes the string at the start of `text` takes, quotes included.
fn string_length(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &text[at.min(text.len())..]) {
        at += found;
        if text[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use crate::jsonl::{Kind, Scanner};

    #[test]
    fn elements_are_their_own_text() {
        let text = br#" [ 1 ,-2.5,"a,]\"\\",{"x":[1,"}"]} , [ ] ,true,null,"" ]"#;
        let mut scanner = Scanner::default();
        let value = scanner.value(text).expect("good");
        let seen: Vec<_> = value.elements().expect("an array").map(|element| (element.raw(), element.kind())).collect();
        assert_eq!(
            seen,
            [
                ("1", Kind::Number),
                ("-2.5", Kind::Number),
                ("\"a,]\\\"\\\\\"", Kind::String),
                ("{\"x\":[1,\"}\"]}", Kind::Object),
                ("[ ]", Kind::Array),
                ("true", Kind::Bool),
                ("null", Kind::Null),
                ("\"\"", Kind::String),
            ]
        );
        assert_eq!(scanner.value(b"[]").expect("good").elements().expect("an array").count(), 0);
        assert!(scanner.value(b"{}").expect("good").elements().is_none());
    }

    #[test]
    fn elements_agree_with_serde_json() {
        let text = r#"[[[["a"],"\\"],"\\\""],{"k":"[","l":{"m":[{}]}},1e5,"é",[[],[]],-0]"#;
        let mut scanner = Scanner::default();
        let elements: Vec<_> =
            scanner.value(text.as_bytes()).expect("good").elements().expect("array").map(|e| e.to_json()).collect();
        let want: Vec<serde_json::Value> = serde_json::from_str(text).expect("good");
        assert_eq!(elements, want);
    }
}
