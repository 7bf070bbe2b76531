//! Exit codes and failures: the one table that every man page prints.
//!
//! Must not know any command or any other room's errors: a command says which
//! code its failure means.

use std::fmt::Display;
use std::process::{ExitCode, Termination};

/// How a command ended. The numbers are a promise to scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 0: done, or yes.
    Done,
    /// 1: the answer is no (bad checksum, denied, score below `--min`).
    No,
    /// 2: could not run (usage, configuration, local I/O).
    CouldNotRun,
    /// 3: ran, but some input records were rejected.
    Rejected,
    /// 4: temporary: kept, try later (no peer, busy store).
    Temporary,
    /// 5: refused for security (key permissions, bad signature, replay, expiry).
    Security,
}

impl Exit {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::CouldNotRun => 2,
            Self::Rejected => 3,
            Self::Temporary => 4,
            Self::Security => 5,
        }
    }

    /// Of two outcomes the one a script must hear of: 5 > 4 > 1 > 3 > 0, and
    /// 2 above all, since then nothing was judged at all.
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        let rank = |exit| match exit {
            Self::Done => 0,
            Self::Rejected => 1,
            Self::No => 2,
            Self::Temporary => 3,
            Self::Security => 4,
            Self::CouldNotRun => 5,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

/// The table as help and man pages print it.
pub const TABLE: [(u8, &str); 6] = [
    (0, "done, or yes"),
    (1, "the answer is no"),
    (2, "could not run (usage, configuration, local I/O)"),
    (3, "ran, but some input records were rejected"),
    (4, "temporary: kept, try later (no peer, busy store)"),
    (5, "refused for security (key permissions, bad signature, replay, expiry)"),
];

/// Why a command stops: one line for people, one code for scripts, perhaps a hint.
#[derive(Debug)]
pub struct Failure {
    pub(super) exit: Exit,
    pub(super) message: Option<String>,
    pub(super) hint: Option<String>,
}

impl Failure {
    /// A failure with its code and its message: lower case, no full stop.
    pub fn new(exit: Exit, message: impl Display) -> Self {
        Self { exit, message: Some(message.to_string()), hint: None }
    }

    /// Exit 1.
    pub fn no(message: impl Display) -> Self {
        Self::new(Exit::No, message)
    }

    /// Exit 2.
    pub fn could_not_run(message: impl Display) -> Self {
        Self::new(Exit::CouldNotRun, message)
    }

    /// Exit 4.
    pub fn temporary(message: impl Display) -> Self {
        Self::new(Exit::Temporary, message)
    }

    /// Exit 5.
    pub fn security(message: impl Display) -> Self {
        Self::new(Exit::Security, message)
    }

    /// Stdout's reader went away: a quiet exit 0.
    pub fn closed() -> Self {
        Self { exit: Exit::Done, message: None, hint: None }
    }

    /// Whether it is that.
    pub fn is_closed(&self) -> bool {
        self.message.is_none()
    }

    /// Adds the one line that says how to fix it.
    #[must_use]
    pub fn hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// The exit code it will end with.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The message, without the command's name.
    pub fn message(&self) -> &str {
        self.message.as_deref().unwrap_or_default()
    }
}
