//! Event types, and which type answers which.

use std::borrow::Cow;

/// The type on the wire for a short name: `enrol` → `cooee.enrol.v1`; a name
/// with a dot is a type already.
pub fn type_of(short: &str) -> Cow<'_, str> {
    if short.contains('.') { Cow::Borrowed(short) } else { Cow::Owned(format!("cooee.{short}.v1")) }
}

/// The short name of one of our types; another's type as it is.
pub fn short(kind: &str) -> &str {
    kind.strip_prefix("cooee.").and_then(|rest| rest.strip_suffix(".v1")).unwrap_or(kind)
}

/// The types that answer a type, by short names; empty where nothing does.
pub fn answers_of(short: &str) -> &'static [&'static str] {
    match short {
        "enrol" => &["enrolled", "refused"],
        "pr" | "dr" => &["accepted", "refused"],
        "help" => &["answer"],
        "revoked" => &["revoked", "refused"],
        _ => &[],
    }
}

/// Does an event of this type stay until a Leader has answered it? `revoked`
/// only while no Leader signed it, which `by_leader` says.
pub fn is_request(short: &str, by_leader: bool) -> bool {
    if short == "revoked" { !by_leader } else { !answers_of(short).is_empty() }
}
