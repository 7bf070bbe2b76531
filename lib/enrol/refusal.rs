//! Why a Leader says no: one cause, one code.

use jiff::Timestamp;

/// A Leader's no. Its text is the `reason` that the sender gets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not what a request must be; the field is named.
    #[error("{field}: {reason}")]
    Malformed {
        /// Where.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// What was sealed does not come out.
    #[error("the sealed request does not open: {0}")]
    Sealed(String),
    /// The sealed event and the one around it are not of one piece.
    #[error("\"{0}\" is not the same inside and outside")]
    Mismatch(&'static str),
    /// Meant for another fleet.
    #[error("meant for another fleet")]
    Audience,
    /// Past its time.
    #[error("expired at {0:.3}")]
    Expired(Timestamp),
    /// Ahead of the Leader's clock.
    #[error("{0} is more than 60 s ahead of the leader's clock")]
    Future(&'static str),
    /// Wants to count for longer than any request may.
    #[error("valid for more than 7 days")]
    TooLong,
    /// Not signed by its author.
    #[error("the signature does not match its author")]
    Signature,
    /// Its author has used the id for other bytes.
    #[error("the id was used for another request")]
    IdReused,
    /// A later one was taken already.
    #[error("sequence {sequence} is not above {taken}, which was taken already")]
    Superseded {
        /// This request's.
        sequence: u64,
        /// The last one taken.
        taken: u64,
    },
    /// The key or the agent was revoked.
    #[error("revoked: {0}")]
    Revoked(String),
    /// An unknown key without a join token.
    #[error("the key is not known here and brings no join token")]
    NoToken,
    /// A join token that nobody here has given out.
    #[error("the join token is not known here")]
    TokenUnknown,
    /// Another key came first.
    #[error("the join token was used by another key")]
    TokenUsed,
    /// Too late.
    #[error("the join token expired at {0:.3}")]
    TokenExpired(Timestamp),
    /// Given to another host.
    #[error("the join token is for the host \"{0}\"")]
    TokenHost(String),
    /// The key has as many agents as it may.
    #[error("the key has enrolled {0} agents, as many as its join token allows")]
    Quota(u32),
    /// The policy is a list, and the key is not on it.
    #[error("the key is not on the allow list")]
    NotAllowed,
    /// Another key holds the tuple.
    #[error("this agent is enrolled under another key")]
    Taken,
    /// Numbers come from the Leader alone.
    #[error("{0}: numbers are given by the leader, not claimed")]
    Claimed(&'static str),
    /// No network card has such an address.
    #[error("mac {0} is no network card's")]
    Mac(String),
    /// A human was asked.
    #[error("a human said no")]
    Denied,
}

impl Refusal {
    /// One word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed",
            Self::Sealed(_) => "sealed",
            Self::Mismatch(_) => "mismatch",
            Self::Audience => "audience",
            Self::Expired(_) => "expired",
            Self::Future(_) => "future",
            Self::TooLong => "lifetime",
            Self::Signature => "signature",
            Self::IdReused => "id_reused",
            Self::Superseded { .. } => "superseded",
            Self::Revoked(_) => "revoked",
            Self::NoToken => "no_token",
            Self::TokenUnknown => "token_unknown",
            Self::TokenUsed => "token_used",
            Self::TokenExpired(_) => "token_expired",
            Self::TokenHost(_) => "token_host",
            Self::Quota(_) => "quota",
            Self::NotAllowed => "not_allowed",
            Self::Taken => "taken",
            Self::Claimed(_) => "claimed",
            Self::Mac(_) => "mac",
            Self::Denied => "denied",
        }
    }

    /// Is it about trust (the sender exits 5), or merely a no (exit 1)? An
    /// honest host whose later request was faster sent nothing suspicious.
    pub fn is_security(&self) -> bool {
        !matches!(self, Self::Superseded { .. } | Self::Denied)
    }
}

/// A request whose `field` is not what it must be.
pub(super) fn malformed(field: &'static str, reason: impl Into<String>) -> Refusal {
    Refusal::Malformed { field, reason: reason.into() }
}
