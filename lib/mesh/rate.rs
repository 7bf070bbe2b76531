//! How many requests to enrol one place may hand over: they come from anybody.

use std::collections::HashMap;
use std::net::IpAddr;

/// At once.
const BURST: u64 = 256;
/// After that, one each so often: eight a second.
const EACH_MS: u64 = 125;
/// Places that are remembered.
const PLACES_LIMIT: usize = 4096;

/// A bucket for each address: when it would be full again.
#[derive(Debug, Default)]
pub struct Rates {
    full_ms: HashMap<Option<IpAddr>, u64>,
}

impl Rates {
    /// May this place hand over one more now?
    pub fn take(&mut self, place: Option<IpAddr>, now_ms: u64) -> bool {
        if self.full_ms.len() >= PLACES_LIMIT && !self.full_ms.contains_key(&place) {
            self.full_ms.retain(|_, full| *full > now_ms);
            if self.full_ms.len() >= PLACES_LIMIT {
                return false;
            }
        }
        let full = self.full_ms.entry(place).or_insert(now_ms);
        let next = (*full).max(now_ms) + EACH_MS;
        if next > now_ms + BURST * EACH_MS {
            return false;
        }
        *full = next;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_eight_a_second_for_each_place() {
        let mut rates = Rates::default();
        let taken = |rates: &mut Rates, place, now| (0..1000).filter(|_| rates.take(place, now)).count();
        assert_eq!(taken(&mut rates, None, 1000), 256);
        assert_eq!(taken(&mut rates, Some([127, 0, 0, 1].into()), 1000), 256);
        assert_eq!(taken(&mut rates, None, 2000), 8);
        assert_eq!(taken(&mut rates, None, 1_000_000), 256);
        let places = (0..10_000u32).filter(|n| rates.take(Some(n.to_be_bytes().into()), 2_000_000)).count();
        assert_eq!(places, PLACES_LIMIT);
    }
}
