//! No key twice in one object, however it is written.

use super::Reason;
use super::value::unescape;
use std::borrow::Cow;

/// Pairwise comparison of keys up to here; sorted above, so that a line of
/// 100,000 keys is not 10^10 comparisons.
const PAIRWISE_KEYS: usize = 16;
/// What is said of a key: one may fill a whole line, and an error is for people.
const SHOWN_CHARS: usize = 64;

/// No key twice, by meaning. The error carries the second one's place.
#[inline]
pub(super) fn unique(text: &str, keys: &mut [(u32, u32, bool)], any_escaped: bool) -> Result<(), (Reason, usize)> {
    let raw = |key: &(u32, u32, bool)| &text[key.0 as usize..key.1 as usize];
    let duplicate = |key: &(u32, u32, bool)| {
        let name = if key.2 { unescape(raw(key)) } else { raw(key).to_owned() };
        Err((Reason::DuplicateKey(name.chars().take(SHOWN_CHARS).collect()), key.0 as usize - 1))
    };
    if any_escaped {
        let mut meant: Vec<_> = keys
            .iter()
            .map(|key| (if key.2 { Cow::Owned(unescape(raw(key))) } else { Cow::Borrowed(raw(key)) }, *key))
            .collect();
        meant.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.0.cmp(&b.1.0)));
        return meant.windows(2).find(|pair| pair[0].0 == pair[1].0).map_or(Ok(()), |pair| duplicate(&pair[1].1));
    }
    if keys.len() <= PAIRWISE_KEYS {
        // Most keys differ in their sketches, so that few are read twice.
        let mut sketches = [0; PAIRWISE_KEYS];
        for (index, key) in keys.iter().enumerate() {
            let sketch = sketch(&text.as_bytes()[key.0 as usize..key.1 as usize]);
            let alike = |earlier: usize| sketches[earlier] == sketch && raw(&keys[earlier]) == raw(key);
            if (0..index).any(alike) {
                return duplicate(key);
            }
            sketches[index] = sketch;
        }
        return Ok(());
    }
    keys.sort_unstable_by(|a, b| raw(a).cmp(raw(b)).then(a.0.cmp(&b.0)));
    keys.windows(2).find(|pair| raw(&pair[0]) == raw(&pair[1])).map_or(Ok(()), |pair| duplicate(&pair[1]))
}

/// A key's length and three of its bytes: what is not equal here is not equal.
#[inline]
fn sketch(key: &[u8]) -> u64 {
    let byte = |at: usize| u64::from(key.get(at).copied().unwrap_or_default());
    (key.len() as u64) << 24 | byte(0) << 16 | byte(key.len() / 2) << 8 | byte(key.len().wrapping_sub(1))
}
