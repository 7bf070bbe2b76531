//! The five dimensions a signal can speak of.

/// What a signal is about. The order is the engine's: sums run in it, and
/// records list it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Dimension {
    /// Did what policy allows.
    PolicyCompliance,
    /// Stayed within its budget of tokens and compute.
    ResourceEfficiency,
    /// Its consumers accepted what it made.
    OutputQuality,
    /// Stayed within its security boundary.
    SecurityPosture,
    /// Its handoffs to other agents succeeded.
    CollaborationHealth,
}

impl Dimension {
    /// How many there are.
    pub const COUNT: usize = 5;

    /// All, in the engine's order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::PolicyCompliance,
        Self::ResourceEfficiency,
        Self::OutputQuality,
        Self::SecurityPosture,
        Self::CollaborationHealth,
    ];

    /// Its name in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PolicyCompliance => "policy_compliance",
            Self::ResourceEfficiency => "resource_efficiency",
            Self::OutputQuality => "output_quality",
            Self::SecurityPosture => "security_posture",
            Self::CollaborationHealth => "collaboration_health",
        }
    }

    /// The dimension of that name.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|dimension| dimension.name().as_bytes() == name)
    }

    /// The dimension at that place of the engine's order.
    pub fn from_index(index: usize) -> Option<Self> {
        Self::ALL.get(index).copied()
    }

    /// Its place in the engine's order, 0 to 4.
    pub const fn index(self) -> usize {
        self as usize
    }
}
