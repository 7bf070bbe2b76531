//! The grammar, read from left to right: three generations in, one spelling out.

use super::address::Temporal;
use std::fmt::Write as _;
use std::ops::Range;

/// Neither an address nor a pattern is longer: 4 KiB.
pub const LIMIT_BYTES: usize = 4096;

pub(super) const SCHEME: &str = "ucxl://";
pub(super) const WILDCARD: &str = "any";
const AGENT_ID: &str = "agentid:";

/// Why a text is not an address or a pattern. Positions count characters from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// More than [`LIMIT_BYTES`].
    #[error("address is longer than {LIMIT_BYTES} bytes")]
    TooLong,
    /// Does not start with `ucxl://`.
    #[error("an address starts with {SCHEME}")]
    Scheme,
    /// A part that must have at least one character has none.
    #[error("character {position}: the {part} is empty")]
    Empty {
        /// agent, role, project, task, id or path segment.
        part: &'static str,
        /// Where it should start.
        position: usize,
    },
    /// A separator should stand here.
    #[error("character {position}: expected \"{separator}\" after the {part}")]
    Separator {
        /// What should stand here.
        separator: char,
        /// What it ends.
        part: &'static str,
        /// Where.
        position: usize,
    },
    /// A character that this part may not have.
    #[error("character {position}: \"{character}\" cannot be in the {part}")]
    Character {
        /// The character.
        character: char,
        /// Where it stands.
        part: &'static str,
        /// Where.
        position: usize,
    },
    /// Not one of the temporal forms.
    #[error("character {position}: the time is one of # *^ *~ *~N ~~ ~~N ^^ ^^N")]
    Temporal {
        /// Where it starts.
        position: usize,
    },
    /// A `.` or `..` segment.
    #[error("character {position}: a path segment cannot be \".\" or \"..\"")]
    Dots {
        /// Where the segment starts.
        position: usize,
    },
    /// Something follows `ucxl://agentid:ID`.
    #[error("character {position}: nothing can follow the id")]
    AfterId {
        /// Where it starts.
        position: usize,
    },
}

/// What was read: the canonical spelling, and where its parts lie in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Parts {
    pub text: String,
    /// agent, role, project, task; or the id alone.
    pub names: Names,
    pub temporal: Temporal,
    /// False for a pattern that asks for no time; an address without means now.
    pub temporal_given: bool,
    pub path: Option<Range<usize>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Names {
    Task([Range<usize>; 4]),
    AgentId(Range<usize>),
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// May the path end in `*`?
    pattern: bool,
    canonical: String,
}

/// Reads an address, or with `pattern` a pattern.
pub(super) fn read(text: &str, pattern: bool) -> Result<Parts, AddressError> {
    if text.len() > LIMIT_BYTES {
        return Err(AddressError::TooLong);
    }
    if !text.starts_with(SCHEME) {
        return Err(AddressError::Scheme);
    }
    let canonical = String::with_capacity(text.len() + 2);
    Reader { text, at: SCHEME.len(), pattern, canonical: canonical + SCHEME }.whole()
}

impl<'t> Reader<'t> {
    fn whole(mut self) -> Result<Parts, AddressError> {
        let authority = self.rest().split('/').next().unwrap_or_default();
        // An agent may be called agentid; only with `@` is it one.
        if authority.starts_with(AGENT_ID) && !authority.contains('@') {
            return self.agent_id();
        }
        let agent = self.component("agent")?;
        self.separator(':', "agent")?;
        let role = self.component("role")?;
        self.separator('@', "role")?;
        let project = self.component("project")?;
        self.separator(':', "project")?;
        let task = self.component("task")?;
        let (temporal, temporal_given) = self.temporal()?;
        let path = self.path()?;
        let names = Names::Task([agent, role, project, task]);
        Ok(Parts { text: self.canonical, names, temporal, temporal_given, path })
    }

    fn agent_id(mut self) -> Result<Parts, AddressError> {
        self.at += AGENT_ID.len();
        self.canonical.push_str(AGENT_ID);
        let id = self.component("id")?;
        if !matches!(self.rest(), "" | "/") {
            return Err(AddressError::AfterId { position: self.position() });
        }
        let names = Names::AgentId(id);
        Ok(Parts { text: self.canonical, names, temporal: Temporal::Now, temporal_given: true, path: None })
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn position(&self) -> usize {
        self.text[..self.at].chars().count() + 1
    }

    /// The character here cannot be in `part`, or `part` has ended and was empty.
    fn unfit(&self, part: &'static str) -> AddressError {
        let position = self.position();
        match self.rest().chars().next() {
            None | Some(':' | '@' | '/') => AddressError::Empty { part, position },
            Some(character) => AddressError::Character { character, part, position },
        }
    }

    fn component(&mut self, part: &'static str) -> Result<Range<usize>, AddressError> {
        let named = self.rest().bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')).count();
        let length = if named == 0 && self.rest().starts_with('*') { 1 } else { named };
        if length == 0 {
            return Err(self.unfit(part));
        }
        let name = &self.rest()[..length];
        let from = self.canonical.len();
        self.canonical.push_str(if name == "*" { WILDCARD } else { name });
        self.at += length;
        match self.rest().chars().next() {
            None | Some(':' | '@' | '/') => Ok(from..self.canonical.len()),
            Some(character) => Err(AddressError::Character { character, part, position: self.position() }),
        }
    }

    fn separator(&mut self, separator: char, part: &'static str) -> Result<(), AddressError> {
        if !self.rest().starts_with(separator) {
            return Err(AddressError::Separator { separator, part, position: self.position() });
        }
        self.at += 1;
        self.canonical.push(separator);
        Ok(())
    }

    /// `/temporal`, or nothing, or a slash alone; the latter two mean now.
    fn temporal(&mut self) -> Result<(Temporal, bool), AddressError> {
        let given = match self.rest() {
            "" | "/" => {
                self.at = self.text.len();
                None
            }
            _ => {
                self.separator('/', "task")?;
                let segment = self.rest().split('/').next().unwrap_or_default();
                let position = self.position();
                self.at += segment.len();
                self.canonical.pop();
                Some(temporal(segment).ok_or(AddressError::Temporal { position })?)
            }
        };
        let temporal = given.unwrap_or(Temporal::Now);
        // A pattern that asks for no time keeps saying so.
        let said = given.is_some() || !self.pattern;
        if said {
            write!(self.canonical, "/{temporal}").expect("a String takes all text");
        }
        Ok((temporal, said))
    }

    fn path(&mut self) -> Result<Option<Range<usize>>, AddressError> {
        if matches!(self.rest(), "" | "/") {
            return Ok(None);
        }
        self.separator('/', "time")?;
        let from = self.canonical.len();
        loop {
            self.segment()?;
            match self.rest() {
                "" | "/" => return Ok(Some(from..self.canonical.len())),
                _ => self.separator('/', "path segment")?,
            }
        }
    }

    fn segment(&mut self) -> Result<(), AddressError> {
        let plain =
            self.rest().bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')).count();
        let star = self.pattern && &self.rest()[plain..] == "*";
        let length = plain + usize::from(star);
        let segment = &self.rest()[..length];
        if matches!(segment, "." | "..") {
            return Err(AddressError::Dots { position: self.position() });
        }
        if length == 0 {
            return Err(match self.unfit("path segment") {
                // Both are separators elsewhere, but not in a path.
                AddressError::Empty { part, position } if !self.rest().starts_with('/') && !self.rest().is_empty() => {
                    let character = self.rest().chars().next().unwrap_or_default();
                    AddressError::Character { character, part, position }
                }
                other => other,
            });
        }
        self.canonical.push_str(segment);
        self.at += length;
        match self.rest().chars().next() {
            None | Some('/') => Ok(()),
            Some(character) => {
                Err(AddressError::Character { character, part: "path segment", position: self.position() })
            }
        }
    }
}

fn temporal(segment: &str) -> Option<Temporal> {
    let number = |digits: &str| {
        if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse::<u64>().ok() } else { None }
    };
    let steps = |digits: &str| if digits.is_empty() { Some(None) } else { number(digits).map(Some) };
    match segment {
        "#" | "*^" => Some(Temporal::Now),
        "*~" => Some(Temporal::Any),
        _ => match segment.split_at_checked(2)? {
            ("*~", digits) => number(digits).map(Temporal::Version),
            ("~~", digits) => steps(digits).map(Temporal::Back),
            ("^^", digits) => steps(digits).map(Temporal::Forward),
            _ => None,
        },
    }
}
