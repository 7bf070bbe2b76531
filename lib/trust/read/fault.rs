//! Why a line is no signal.

use crate::{event, jsonl};

/// Why a line is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not strict JSON, or no object.
    #[error(transparent)]
    Json(#[from] jsonl::Error),
    /// A member that must be there is not.
    #[error("\"{0}\" is missing")]
    Missing(&'static str),
    /// A member is of another kind than it must be.
    #[error("\"{name}\" is not {expected}")]
    Kind {
        /// The member.
        name: &'static str,
        /// What it must be: `a number`.
        expected: &'static str,
    },
    /// A number is out of its range.
    #[error("\"{name}\" is {value}, which is not {expected}")]
    Range {
        /// The member.
        name: &'static str,
        /// As it was written, at most 64 characters of it.
        value: String,
        /// Its range.
        expected: &'static str,
    },
    /// A text is empty, too long, or has characters that a name cannot have.
    #[error("\"{name}\" {what}")]
    Text {
        /// The member.
        name: &'static str,
        /// What is wrong.
        what: &'static str,
    },
    /// A dimension that the engine does not have.
    #[error("\"dimension\" \"{0}\" is unknown")]
    Dimension(String),
    /// A time that RFC 3339 does not have.
    #[error("\"timestamp\" \"{0}\" is not an RFC 3339 time with Z or an offset")]
    Time(String),
    /// Nobody can say at one time what was seen at a later one.
    #[error("\"timestamp\" is over an hour ahead of its event")]
    AheadOfEvent,
    /// A record that is no signal.
    #[error("\"type\" \"{0}\" is neither a signal nor what one is made of")]
    Type(String),
    /// A mesh event that is malformed, or not signed by its author.
    #[error("event: {0}")]
    Event(#[from] event::Error),
}

impl Fault {
    /// Is it an attack, if it is no accident?
    pub fn is_security(&self) -> bool {
        matches!(self, Self::Event(event::Error::BadSignature))
    }

    /// How to mend it, where that helps.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Dimension(_) => Some(
                "the dimensions are policy_compliance, resource_efficiency, output_quality, security_posture and collaboration_health",
            ),
            Self::Type(_) => {
                Some("the types are signal, policy, resource_usage, output, security, collaboration; --schema has all")
            }
            _ => None,
        }
    }
}
