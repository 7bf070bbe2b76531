//! `--revocations`: drafts of `revoked` events, for `cooee-pub`.

use cooee::cli::{Failure, Output};
use cooee::enrol::{Revocation, parse_agent_did};
use cooee::jsonl::{member, string};
use cooee::trust;

/// The draft of one, a line without its end. It has no `expires`: how long it
/// waits for a Leader is `cooee-pub`'s to say.
pub fn draft(out: &mut Vec<u8>, did: &str, revocation: &trust::Revocation) {
    let reason = revocation.reason();
    let named = parse_agent_did(did).map(|(key, agent)| Revocation { did: key, agent, reason: reason.clone() });
    // A name that is no did:key is nobody's in a fleet: a Leader refuses it and
    // says so, and whoever else reads this may know it.
    let (subject, whose, target) = match &named {
        Some(revocation) => (revocation.subject(), revocation.member(), revocation.target()),
        None => (format!("ucxl://any:admin@COOEE:revoke/#/name/{}", segment(did)), "agent_did", did.to_owned()),
    };
    let text = |value: &str| {
        let mut quoted = Vec::new();
        string(&mut quoted, value);
        quoted
    };
    let mut data = b"{".to_vec();
    member(&mut data, whose, &text(&target));
    member(&mut data, "reason", &text(&reason));
    data.push(b'}');
    out.push(b'{');
    member(out, "type", b"\"revoked\"");
    member(out, "subject", &text(&subject));
    member(out, "data", &data);
    out.push(b'}');
}

/// A name as a segment of a UCXL path, where colons and the like have no place.
fn segment(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '-' }).collect()
}

/// Prints them.
pub fn print(out: &mut Output, revoked: &[(String, trust::Revocation)]) -> Result<(), Failure> {
    for (did, revocation) in revoked {
        draft(out.buffer(), did, revocation);
        out.buffer().push(b'\n');
        out.spill()?;
    }
    Ok(())
}
