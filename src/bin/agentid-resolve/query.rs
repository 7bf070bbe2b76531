//! From a word or a line to what is looked for.

use cooee::agentid::{FIELD_LIMIT_BYTES, IdError, Name, TokenError, TokenText};
use cooee::cli::{Exit, Reject};
use cooee::enrol::parse_agent_did;
use cooee::jsonl::{Object, Scanner};
use cooee::store::Query;
use unicode_normalization::UnicodeNormalization as _;

/// What every name is, where somebody says so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Token,
    TinyId,
    Hash,
    Host,
}

/// What is looked for.
pub struct Wanted {
    /// As it was typed.
    pub word: String,
    pub query: Query,
    /// It has a token's length, and is none.
    pub token_fault: Option<TokenError>,
}

/// A word that is not what it was said to be.
#[derive(Debug, thiserror::Error)]
pub enum BadWord {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Id(#[from] IdError),
    #[error("not a did:key, nor one with #TINY_ID")]
    Did,
    #[error("an empty name")]
    Empty,
    #[error("a name has at most {FIELD_LIMIT_BYTES} bytes")]
    TooLong,
}

impl BadWord {
    /// As for `agentid-decode`: a mistyped token is a no.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Token(TokenError::Checksum { .. }) => Exit::No,
            Self::Token(_) | Self::Id(_) | Self::Did | Self::Empty | Self::TooLong => Exit::CouldNotRun,
        }
    }
}

/// One name.
pub fn from_word(word: &str, kind: Option<Kind>) -> Result<Wanted, BadWord> {
    let word = word.trim();
    let mut token_fault = None;
    let query = match kind {
        _ if word.is_empty() => return Err(BadWord::Empty),
        _ if word.len() > FIELD_LIMIT_BYTES => return Err(BadWord::TooLong),
        Some(Kind::Token) => Query::Token(TokenText::read(word.as_bytes())?),
        Some(Kind::TinyId) => Query::TinyId(word.parse()?),
        Some(Kind::Hash) => Query::Hash(word.parse()?),
        Some(Kind::Host) => Query::Hostname(hostname(word)),
        None if word.starts_with("did:") => {
            let (did, agent) = parse_agent_did(word).ok_or(BadWord::Did)?;
            Query::Agent(did, agent)
        }
        None => match Name::guess(word) {
            Name::Token(token) => Query::Token(token),
            Name::TinyId(tiny_id) => Query::TinyId(tiny_id),
            Name::Hash(hash) => Query::Hash(hash),
            Name::Hostname(name) => {
                token_fault = TokenText::read(word.as_bytes())
                    .err()
                    .filter(|fault| matches!(fault, TokenError::Checksum { .. } | TokenError::Version { .. }));
                Query::Hostname(hostname(&name))
            }
        },
    };
    Ok(Wanted { word: word.to_owned(), query, token_fault })
}

/// One line: a word, or a record or event that names an agent.
pub fn from_line(line: &[u8], kind: Option<Kind>, scanner: &mut Scanner) -> Result<Wanted, Reject> {
    if line.trim_ascii_start().first() != Some(&b'{') {
        let word = std::str::from_utf8(line).map_err(|_| Reject::new("not UTF-8"))?;
        return from_word(word, kind).map_err(Reject::new);
    }
    let object = scanner.object(line).map_err(Reject::new)?;
    if let Some(wanted) = named(&object, kind) {
        return wanted.map_err(Reject::new);
    }
    let data = object.get("data").map(|data| data.raw().to_owned()).unwrap_or_default();
    if let Ok(data) = scanner.object(data.as_bytes())
        && let Some(wanted) = named(&data, kind)
    {
        return wanted.map_err(Reject::new);
    }
    Err(Reject::new("no agent_did, hash, token, tiny_id or hostname in it"))
}

/// By the member that says most.
fn named(object: &Object<'_>, kind: Option<Kind>) -> Option<Result<Wanted, BadWord>> {
    let members = [
        ("agent_did", None),
        ("hash", Some(Kind::Hash)),
        ("token", Some(Kind::Token)),
        ("tiny_id", Some(Kind::TinyId)),
        ("hostname", Some(Kind::Host)),
    ];
    members.into_iter().filter(|(_, member)| kind.is_none() || *member == kind).find_map(|(name, member)| {
        let value = object.get(name)?.as_str()?;
        Some(from_word(&value, member))
    })
}

/// In the form in which the registry has it.
fn hostname(word: &str) -> String {
    word.nfc().collect::<String>().to_lowercase().nfc().collect()
}
