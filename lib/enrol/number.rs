//! Which number an agent gets.

use crate::agentid::Token;

/// How many numbers tokens of 5 characters hold.
pub const SHORT_NUMBERS: u32 = 1 << 10;
/// How many those of 8 hold.
pub const LONG_NUMBERS: u32 = 1 << 20;
/// The highest slot of a token of 5 characters.
const SHORT_SLOT_MAX: u8 = 15;

/// What the registry knows of numbers, as far as one agent goes.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    /// The numbers of this (model, hostname, mac), lowest first.
    pub own: Vec<Own>,
    /// The lowest number above all that were ever given.
    pub next: u32,
    /// A number below 1,024 that nobody has used for a year, looked for only
    /// when `next` has left that range.
    pub spare: Option<u32>,
}

/// A number of this (model, hostname, mac).
#[derive(Clone, Copy, Debug)]
pub struct Own {
    /// The number.
    pub host_id: u32,
    /// No other tuple has had the slot within a year.
    pub free: bool,
}

/// A number and what has to be done for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allotted {
    /// What the agent gets.
    pub token: Token,
    /// The number is new for this (model, hostname, mac).
    pub new_host: bool,
}

/// No number is left. Nothing was judged; try again when there is room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Every number is used.
    #[error("all {0} numbers are used up")]
    Numbers(u32),
    /// Only a longer token could hold the slot.
    #[error("slot {slot} does not fit a token of version {version}")]
    Slot {
        /// The agent's.
        slot: u8,
        /// The only version allowed.
        version: u8,
    },
}

/// Picks a number for `slot`: an own one, else a new one; short tokens while
/// they fit, unless `only` names the version.
pub fn allot(numbers: &Numbers, slot: u8, only: Option<u8>) -> Result<Allotted, Full> {
    let short = only.filter(|version| *version < 3);
    if let Some(version) = short
        && slot > SHORT_SLOT_MAX
    {
        return Err(Full::Slot { slot, version });
    }
    let limit = if short.is_some() { SHORT_NUMBERS } else { LONG_NUMBERS };
    let own = numbers.own.iter().find(|own| own.free && own.host_id < limit).map(|own| own.host_id);
    let fresh = || match (numbers.next, numbers.spare) {
        (next, _) if next < SHORT_NUMBERS => Some(next),
        (_, Some(spare)) => Some(spare),
        (next, None) => (next < limit).then_some(next),
    };
    let host_id = own.or_else(fresh).ok_or(Full::Numbers(limit))?;
    let version = only.unwrap_or(if host_id < SHORT_NUMBERS && slot <= SHORT_SLOT_MAX { 2 } else { 3 });
    Ok(Allotted { token: Token { version, host_id, gpu_slot: slot, reserved: 0 }, new_host: own.is_none() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(numbers: &Numbers, slot: u8, only: Option<u8>) -> (u8, u32, bool) {
        let allotted = allot(numbers, slot, only).expect("room");
        (allotted.token.version, allotted.token.host_id, allotted.new_host)
    }

    #[test]
    fn short_tokens_while_they_fit() {
        let at = |next| Numbers { next, ..Numbers::default() };
        assert_eq!(given(&at(0), 0, None), (2, 0, true));
        assert_eq!(given(&at(1023), 15, None), (2, 1023, true));
        assert_eq!(given(&at(1023), 16, None), (3, 1023, true));
        assert_eq!(given(&at(1024), 0, None), (3, 1024, true));
        assert_eq!(given(&at(5), 0, Some(1)), (1, 5, true));
        assert_eq!(given(&at(5), 0, Some(3)), (3, 5, true));
        assert_eq!(given(&at(1_048_575), 63, None), (3, 1_048_575, true));
        assert_eq!(allot(&at(1_048_576), 0, None), Err(Full::Numbers(1_048_576)));
        assert_eq!(allot(&at(1024), 0, Some(2)), Err(Full::Numbers(1024)));
        assert_eq!(allot(&at(0), 16, Some(2)), Err(Full::Slot { slot: 16, version: 2 }));
    }

    #[test]
    fn the_own_number_first_and_spare_ones_before_long_ones() {
        let own = |host_id, free| Own { host_id, free };
        let numbers = Numbers { own: vec![own(7, false), own(9, true)], next: 20, spare: None };
        assert_eq!(given(&numbers, 0, None), (2, 9, false));
        assert_eq!(given(&numbers, 40, None), (3, 9, false));
        let numbers = Numbers { own: vec![own(7, false)], next: 20, spare: None };
        assert_eq!(given(&numbers, 0, None), (2, 20, true));
        let numbers = Numbers { own: vec![own(2000, true)], next: 3000, spare: Some(4) };
        assert_eq!(given(&numbers, 0, Some(2)), (2, 4, true));
        assert_eq!(given(&numbers, 0, None), (3, 2000, false));
        let numbers = Numbers { own: vec![], next: 1024, spare: Some(4) };
        assert_eq!(given(&numbers, 0, None), (2, 4, true));
    }
}
