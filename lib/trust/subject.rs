//! An agent as whoever prints it sees it.

use super::{Agent, Config, Shown};

/// An agent with its name and what else is known of it.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// Its name, a DID.
    pub did: &'a str,
    /// What is known of it.
    pub agent: &'a Agent,
    /// Its last signals, oldest first, at most ten; none if they were not kept.
    pub recent: Vec<&'a Shown>,
    /// What its total is worth, 0 to 1000, where options say that this is not
    /// the total itself.
    pub effective: Option<u16>,
}

/// Whether an agent may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Not revoked, but below the warning threshold.
    AtRisk,
    /// Revoked.
    Revoked,
    /// Neither.
    Good,
}

impl Standing {
    /// In words; nothing where there is nothing to say.
    pub fn words(self) -> &'static str {
        match self {
            Self::AtRisk => "at risk",
            Self::Revoked => "revoked",
            Self::Good => "",
        }
    }
}

impl Subject<'_> {
    /// What it is judged by, 0 to 1000: the effective score, else the total.
    pub fn judged(&self) -> u16 {
        self.effective.unwrap_or_else(|| self.agent.total())
    }

    /// Whether it may go on.
    pub fn standing(&self, config: &Config) -> Standing {
        if self.agent.revocation().is_some() {
            Standing::Revoked
        } else if self.judged() < config.warning_threshold {
            Standing::AtRisk
        } else {
            Standing::Good
        }
    }
}
