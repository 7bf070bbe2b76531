//! How many columns text takes on a terminal, and text cut to fit.
//!
//! Columns are those of UAX #11. The text is escaped before it comes here.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Stands for what was cut out.
const CUT: char = '…';

/// The columns that the text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Appends the text and spaces up to that many columns.
pub fn pad(out: &mut String, text: &str, columns: usize) {
    out.push_str(text);
    out.extend(std::iter::repeat_n(' ', columns.saturating_sub(width(text))));
}

/// The text in at most that many columns: what is too much is taken from the
/// middle. A DID ends in what tells its agents apart (`#TINY_ID`), so the end is
/// kept for as long as there is room, and of the rest the beginning.
pub fn cut_middle(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(1);
    let fragment = text.rfind('#').map_or(0, |at| width(&text[at..]));
    let tail = end_of(text, fragment.max(room / 2).min(room));
    let head = start_of(text, room - width(tail));
    format!("{head}{CUT}{tail}")
}

/// As much of the start as fits.
fn start_of(text: &str, columns: usize) -> &str {
    let mut taken = 0;
    for (at, c) in text.char_indices() {
        taken += c.width().unwrap_or(0);
        if taken > columns {
            return &text[..at];
        }
    }
    text
}

/// As much of the end as fits, beginning with a character that takes a column.
fn end_of(text: &str, columns: usize) -> &str {
    let (mut taken, mut from) = (0, text.len());
    for (at, c) in text.char_indices().rev() {
        let wide = c.width().unwrap_or(0);
        taken += wide;
        if taken > columns {
            break;
        }
        if wide > 0 {
            from = at;
        }
    }
    &text[from..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_tells_agents_apart_is_kept() {
        let did = "did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH#BPNTVYSZ5Y";
        assert_eq!(cut_middle(did, 67), did);
        assert_eq!(cut_middle(did, 40), "did:key:z6MkpTHR8VNs…wWsdvktH#BPNTVYSZ5Y");
        assert_eq!(cut_middle(did, 20), "did:key:…#BPNTVYSZ5Y");
        assert_eq!(cut_middle(did, 12), "…#BPNTVYSZ5Y");
        assert_eq!(cut_middle(did, 5), "…SZ5Y");
        assert_eq!((cut_middle(did, 1), cut_middle(did, 0)), ("…".to_owned(), "…".to_owned()));
        assert_eq!(cut_middle("no fragment here", 9), "no f…here");
    }

    #[test]
    fn columns_are_not_characters() {
        assert_eq!((width("日本"), width("e\u{301}"), width("…"), width("▁█")), (4, 1, 1, 2));
        assert_eq!(cut_middle("日本語日本語", 6), "日…語");
        let mut padded = String::new();
        pad(&mut padded, "日本", 6);
        assert_eq!(padded, "日本  ");
    }

    proptest! {
        #[test]
        fn it_never_takes_more(text in "\\PC{0,80}", columns in 1..90usize) {
            let cut = cut_middle(&text, columns);
            prop_assert!(width(&cut) <= columns, "{cut:?}");
            prop_assert!(cut == text || cut.contains(CUT));
        }
    }
}
