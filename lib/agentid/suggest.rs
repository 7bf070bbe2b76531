//! What a mistyped token may have been.

use super::crockford::{MEANING, NO_SYMBOL};
use super::token::TokenText;
use std::collections::HashSet;

/// The tokens that have been given out.
#[derive(Clone, Debug, Default)]
pub struct Registered(HashSet<TokenText>);

impl FromIterator<TokenText> for Registered {
    fn from_iter<I: IntoIterator<Item = TokenText>>(tokens: I) -> Self {
        Self(tokens.into_iter().collect())
    }
}

impl Registered {
    /// All registered tokens one typo away from `word`: one character wrong, or
    /// two neighbours swapped. Sorted. A character that no token has counts as
    /// wrong. Costs 255 look-ups at most, however many tokens there are.
    pub fn near(&self, word: &str) -> Vec<TokenText> {
        let Some(symbols) = symbols(word) else { return Vec::new() };
        let long = symbols.len() == 8;
        let unknown: Vec<usize> = (0..symbols.len()).filter(|place| symbols[*place] == NO_SYMBOL).collect();
        let mut found = Vec::new();
        let mut try_out = |symbols: &[u8]| {
            let packed = symbols.iter().fold(0, |packed, symbol| packed << 5 | u64::from(*symbol));
            let candidate = TokenText { packed, long };
            if self.0.contains(&candidate) {
                found.push(candidate);
            }
        };
        let mut changed = symbols.clone();
        for place in 0..symbols.len() {
            if unknown.iter().any(|other| *other != place) {
                continue;
            }
            for symbol in (0..32).filter(|symbol| *symbol != symbols[place]) {
                changed[place] = symbol;
                try_out(&changed);
            }
            changed[place] = symbols[place];
        }
        for place in 1..symbols.len() {
            if unknown.is_empty() && symbols[place] != symbols[place - 1] {
                changed.swap(place, place - 1);
                try_out(&changed);
                changed.swap(place, place - 1);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The five or eight symbols of a word, [`NO_SYMBOL`] for what is none.
fn symbols(word: &str) -> Option<Vec<u8>> {
    let meant = word.chars().filter(|character| *character != '-').take(9);
    let symbols: Vec<u8> =
        meant.map(|character| u8::try_from(character).map_or(NO_SYMBOL, |byte| MEANING[usize::from(byte)])).collect();
    matches!(symbols.len(), 5 | 8).then_some(symbols)
}

#[cfg(test)]
mod tests {
    use super::super::Token;
    use super::*;

    fn fleet() -> Vec<TokenText> {
        let long =
            (0..200u32).map(|n| Token { version: 3, host_id: n * 17 + 1024, gpu_slot: n as u8 % 64, reserved: 0 });
        let short = (0..3000u32).map(|n| Token {
            version: 1 + (n % 2) as u8,
            host_id: n % 1024,
            gpu_slot: n as u8 % 16,
            reserved: 0,
        });
        short.chain(long).map(|token| token.encode().expect("in range")).collect()
    }

    /// The definition, compared token by token.
    fn one_typo(word: &str, token: &str) -> bool {
        let (word, token): (Vec<_>, Vec<_>) = (word.chars().collect(), token.chars().collect());
        let different: Vec<_> = (0..word.len()).filter(|place| word.get(*place) != token.get(*place)).collect();
        word.len() == token.len()
            && match different[..] {
                [_] => true,
                [a, b] => b == a + 1 && word[a] == token[b] && word[b] == token[a],
                _ => false,
            }
    }

    #[test]
    fn all_and_only_the_tokens_one_typo_away() {
        let fleet = fleet();
        let registered: Registered = fleet.iter().copied().collect();
        let mut hits = 0;
        for token in fleet.iter().step_by(37) {
            let right = token.to_string();
            for place in 0..right.len() {
                for wrong in ['0', '7', 'Q', 'U', '*', 'é'] {
                    let mut word: Vec<char> = right.chars().collect();
                    word[place] = wrong;
                    let word: String = word.into_iter().collect();
                    let want: Vec<_> = fleet.iter().filter(|token| one_typo(&word, &token.to_string())).collect();
                    let mut want: Vec<_> = want.into_iter().copied().collect();
                    want.sort_unstable();
                    want.dedup();
                    assert_eq!(registered.near(&word), want, "{word}");
                    hits += want.len();
                }
            }
            for place in 1..right.len() {
                let mut word = right.clone().into_bytes();
                word.swap(place, place - 1);
                let word = String::from_utf8(word).expect("ASCII");
                assert_eq!(registered.near(&word).contains(token), word != right, "{word}");
            }
        }
        assert!(hits > 1000);
    }

    #[test]
    fn typing_rules_hold_and_nonsense_suggests_nothing() {
        let token = Token { version: 1, host_id: 42, gpu_slot: 3, reserved: 0 }.encode().expect("in range");
        let registered: Registered = [token].into_iter().collect();
        for near in ["458rw", "4-58R-U", "548RV", "458Rµ"] {
            assert_eq!(registered.near(near), [token], "{near}");
        }
        for far in ["458RV", "", "458R", "458RVV", "UU8RV", "U48RV", "99999999", &"4".repeat(100_000)] {
            assert_eq!(registered.near(far), [], "{far:.20}");
        }
    }
}
