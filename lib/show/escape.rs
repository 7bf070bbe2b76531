//! Untrusted text, made harmless to look at.

use std::fmt::Write as _;

/// Untrusted text as a terminal or a page may show it: control, bidi and
/// invisible format characters become `\u{…}`, so that no field can move a
/// cursor, split a line or reorder what is read.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if c.is_control() || is_format(c) => {
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    safe
}

/// Characters of Unicode's class Cf that change how their neighbours look, and
/// the line separators.
fn is_format(c: char) -> bool {
    matches!(u32::from(c),
        0xad | 0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff | 0xfff9..=0xfffb | 0xe0000..=0xe007f)
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn terminals_see_escapes_only() {
        assert_eq!(escape("a\u{1b}[31m\n\u{202e}b\u{0}é"), "a\\u{1b}[31m\\n\\u{202e}b\\u{0}é");
    }
}
