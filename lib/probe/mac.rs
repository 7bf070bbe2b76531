//! Ethernet addresses: reading them, and what their bits say. Pure.
//!
//! Must not know interfaces.

use std::fmt;

/// Prefixes that hypervisors and container engines hand out, of the IEEE's
/// list and of their manuals: VMware, VirtualBox, KVM, Hyper-V, Xen, Parallels,
/// Docker.
const VIRTUAL: [&[u8]; 9] = [
    &[0x00, 0x05, 0x69],
    &[0x00, 0x0c, 0x29],
    &[0x00, 0x50, 0x56],
    &[0x08, 0x00, 0x27],
    &[0x52, 0x54, 0x00],
    &[0x00, 0x15, 0x5d],
    &[0x00, 0x16, 0x3e],
    &[0x00, 0x1c, 0x42],
    &[0x02, 0x42],
];

/// A 48-bit address (IEEE 802). Displays as twelve lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mac([u8; 6]);

impl Mac {
    /// From `02:fc:00:00:00:01`; colons, hyphens or nothing between the bytes.
    pub fn read(text: &str) -> Option<Self> {
        let digits: String = text.trim().chars().filter(|c| !matches!(c, ':' | '-')).collect();
        let mut bytes = [0; 6];
        // Checked first: the decoder panics on a length that does not fit.
        if digits.len() != 12 {
            return None;
        }
        data_encoding::HEXLOWER_PERMISSIVE.decode_mut(digits.as_bytes(), &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// From its bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Why it names no machine, if it does not.
    pub fn unusable(self) -> Option<&'static str> {
        if self.0 == [0; 6] {
            Some("all zero")
        } else if self.0 == [0xff; 6] {
            Some("the broadcast address")
        } else if self.0[0] & 1 != 0 {
            Some("a multicast address")
        } else {
            None
        }
    }

    /// Made up by somebody rather than assigned by the card's maker.
    pub fn is_local(self) -> bool {
        self.0[0] & 2 != 0
    }

    /// Under a prefix that hypervisors or container engines hand out.
    pub fn is_of_a_hypervisor(self) -> bool {
        VIRTUAL.iter().any(|prefix| self.0.starts_with(prefix))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Mac;

    #[test]
    fn reads_twelve_digits_only() {
        for text in ["A0:36:9F:00:00:01", "a0-36-9f-00-00-01", "a0369f000001\n"] {
            assert_eq!(Mac::read(text).map(|mac| mac.to_string()).as_deref(), Some("a0369f000001"), "{text}");
        }
        for text in
            ["", "a0:36:9f:00:00", "a0:36:9f:00:00:01:02", "a0:36:9f:00:00:0g", "a0:36:9f:00:00:0é", "a0:36:9f:00:00:é"]
        {
            assert_eq!(Mac::read(text), None, "{text}");
        }
    }

    #[test]
    fn bits_and_prefixes() {
        let mac = |text| Mac::read(text).expect("good");
        assert_eq!(mac("000000000000").unusable(), Some("all zero"));
        assert_eq!(mac("ffffffffffff").unusable(), Some("the broadcast address"));
        assert_eq!(mac("01005e000001").unusable(), Some("a multicast address"));
        assert_eq!(mac("02fc00000001").unusable(), None);
        assert!(mac("02fc00000001").is_local() && !mac("a0369f000001").is_local());
        assert!(mac("525400123456").is_of_a_hypervisor() && !mac("525401123456").is_of_a_hypervisor());
    }
}
