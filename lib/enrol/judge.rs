//! The Leader's judgement of one enrolment: a function of the request, of what
//! the registry holds about it, and of the time.

use super::number::{self, Full, Numbers};
use super::{Fleet, Policy, Refusal, Request};
use crate::agentid::Token;
use crate::event::CLOCK_LEEWAY;
use crate::key::Did;
use jiff::{SignedDuration, Timestamp};

/// A request counts for no longer: the Leader may be away, but not for good.
const LIFETIME_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Agents of a key that an operator listed, and that so has no join token.
const LISTED_AGENTS: u32 = 64;

/// What holds for a whole run.
#[derive(Clone, Debug)]
pub struct Rules<'a> {
    /// The fleet: its id, Leaders, policy, revokers.
    pub fleet: &'a Fleet,
    /// The only token version to give out.
    pub only: Option<u8>,
    /// How long an enrolment counts.
    pub ttl: SignedDuration,
}

/// What the registry holds about one request.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Requests of its author under its id, and what was answered.
    pub seen: Vec<Seen>,
    /// It waits for a human.
    pub held: Option<Held>,
    /// The last sequence taken from its author for its subject.
    pub sequence: Option<u64>,
    /// Why its key or its agent was revoked.
    pub revoked: Option<String>,
    /// Its key, if that was let in.
    pub key: Option<Known>,
    /// Its join token, looked for only if the key is not known.
    pub token: Option<JoinTokenState>,
    /// Its key is on the allow list.
    pub listed: bool,
    /// Who has its tuple.
    pub holder: Option<Holder>,
    /// For an agent without a number.
    pub numbers: Numbers,
}

/// A request that was judged before.
#[derive(Clone, Debug)]
pub struct Seen {
    /// BLAKE3 of its signed bytes.
    pub digest: [u8; 32],
    /// What was said, in its wire form.
    pub answer: Vec<u8>,
}

/// A request that waits.
#[derive(Clone, Debug)]
pub struct Held {
    /// The call for help that was sent, in its wire form.
    pub help: Vec<u8>,
    /// What a human said; none yet.
    pub approved: Option<bool>,
}

/// A key that was let in.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// How many agents it may have.
    pub quota: u32,
    /// How many it has.
    pub agents: u32,
}

/// A join token of this registry.
#[derive(Clone, Debug)]
pub struct JoinTokenState {
    /// The key that used it.
    pub bound: Option<Did>,
    /// Only for this host.
    pub hostname: Option<String>,
    /// For nothing from then on.
    pub expires: Option<Timestamp>,
    /// How many agents its key may have.
    pub quota: u32,
}

/// Who has the tuple.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The key.
    pub did: Did,
    /// Key or agent were revoked, or a year has passed since it expired.
    pub gone: bool,
    /// What it was given.
    pub token: Token,
}

/// Yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The agent's token.
    pub token: Token,
    /// The number is new for its (model, hostname, mac).
    pub new_host: bool,
    /// The agent was enrolled under this key already.
    pub renewal: bool,
    /// The key becomes known, with this many agents.
    pub admits: Option<u32>,
    /// The join token is used up by it.
    pub binds: Option<[u8; 32]>,
    /// Until when it counts.
    pub expires: Timestamp,
}

impl Grant {
    /// The token as people write it.
    pub fn text(&self) -> String {
        self.token.encode().expect("the rules give out fields that fit").to_string()
    }
}

/// What a Leader says to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Grant(Grant),
    /// No.
    Refuse(Refusal),
    /// It was judged before: the same answer, in its wire form.
    Again(Vec<u8>),
    /// A human must say.
    Ask,
    /// No number is left: no answer, try later.
    Full(Full),
}

/// Judges in the order of the checks below; the first cause that holds is the answer.
pub fn judge(request: &Request, state: &State, rules: &Rules<'_>, now: Timestamp) -> Verdict {
    if let Some(seen) = state.seen.iter().find(|seen| seen.digest == request.digest) {
        return Verdict::Again(seen.answer.clone());
    }
    let approved = match &state.held {
        Some(Held { help, approved: None }) => return Verdict::Again(help.clone()),
        Some(Held { approved: Some(false), .. }) => return Verdict::Refuse(Refusal::Denied),
        held => held.is_some(),
    };
    match admissible(request, state, rules, now) {
        Err(refusal) => Verdict::Refuse(refusal),
        Ok(admission) => {
            let renewal = state.holder.as_ref().is_some_and(|holder| holder.did == request.event.author());
            if rules.fleet.policy == Policy::Manual && !renewal && !approved {
                return Verdict::Ask;
            }
            number_and_grant(request, state, rules, admission, renewal, now)
        }
    }
}

/// How a request comes in: with a key that becomes known or not, with a join
/// token that it uses up or not.
#[derive(Clone, Copy)]
struct Admission {
    admits: Option<u32>,
    binds: Option<[u8; 32]>,
}

fn admissible(request: &Request, state: &State, rules: &Rules<'_>, now: Timestamp) -> Result<Admission, Refusal> {
    let event = &request.event;
    if request.audience != rules.fleet.fleet {
        return Err(Refusal::Audience);
    }
    timely(event, now)?;
    if !request.signed {
        return Err(Refusal::Signature);
    }
    if !state.seen.is_empty() {
        return Err(Refusal::IdReused);
    }
    if let Some(taken) = state.sequence.filter(|taken| event.sequence() <= *taken) {
        return Err(Refusal::Superseded { sequence: event.sequence(), taken });
    }
    if let Some(reason) = &state.revoked {
        return Err(Refusal::Revoked(reason.clone()));
    }
    let admission = known_or_invited(request, state, rules, now)?;
    if rules.fleet.policy == Policy::AllowList && !state.listed {
        return Err(Refusal::NotAllowed);
    }
    if let Some(claim) = ["token", "host_id"].into_iter().find(|field| request.record.contains_key(*field)) {
        return Err(Refusal::Claimed(claim));
    }
    if impossible_mac(request.tuple.mac()) {
        return Err(Refusal::Mac(request.tuple.mac().to_owned()));
    }
    if state.holder.as_ref().is_some_and(|holder| holder.did != event.author() && !holder.gone) {
        return Err(Refusal::Taken);
    }
    Ok(admission)
}

/// Neither expired nor from the future, and not valid for too long.
pub(super) fn timely(event: &crate::event::Event, now: Timestamp) -> Result<(), Refusal> {
    let latest = now + CLOCK_LEEWAY;
    if event.expires().duration_since(event.time()) > LIFETIME_MAX {
        return Err(Refusal::TooLong);
    }
    if event.time() > latest {
        return Err(Refusal::Future("time"));
    }
    // Else one request could push all later ones of its author out.
    if i128::from(event.sequence()) > i128::from(latest.as_microsecond()) {
        return Err(Refusal::Future("sequence"));
    }
    if now.duration_since(event.expires()) > CLOCK_LEEWAY {
        return Err(Refusal::Expired(event.expires()));
    }
    Ok(())
}

fn known_or_invited(request: &Request, state: &State, rules: &Rules<'_>, now: Timestamp) -> Result<Admission, Refusal> {
    if let Some(known) = state.key {
        let renewal = state.holder.as_ref().is_some_and(|holder| holder.did == request.event.author());
        if !renewal && known.agents >= known.quota {
            return Err(Refusal::Quota(known.quota));
        }
        return Ok(Admission { admits: None, binds: None });
    }
    if rules.fleet.policy == Policy::AllowList && state.listed {
        return Ok(Admission { admits: Some(LISTED_AGENTS), binds: None });
    }
    let hash = request.join_token_hash().ok_or(Refusal::NoToken)?;
    let token = state.token.as_ref().ok_or(Refusal::TokenUnknown)?;
    if token.bound.is_some_and(|key| key != request.event.author()) {
        return Err(Refusal::TokenUsed);
    }
    if let Some(expires) = token.expires.filter(|expires| *expires <= now) {
        return Err(Refusal::TokenExpired(expires));
    }
    if let Some(hostname) = token.hostname.as_ref().filter(|hostname| *hostname != request.tuple.hostname()) {
        return Err(Refusal::TokenHost(hostname.clone()));
    }
    Ok(Admission { admits: Some(token.quota), binds: Some(hash) })
}

/// All zero, broadcast or multicast: no card sends from such an address.
fn impossible_mac(mac: &str) -> bool {
    mac == "000000000000" || mac.as_bytes().get(1).is_some_and(|digit| mac.len() == 12 && digit_value(*digit) & 1 == 1)
}

/// Set by software, so that another host may have the same.
pub fn is_locally_administered(mac: &str) -> bool {
    mac.as_bytes().get(1).is_some_and(|digit| mac.len() == 12 && digit_value(*digit) & 2 == 2)
}

fn digit_value(digit: u8) -> u8 {
    char::from(digit).to_digit(16).unwrap_or(0) as u8
}

fn number_and_grant(
    request: &Request,
    state: &State,
    rules: &Rules<'_>,
    admission: Admission,
    renewal: bool,
    now: Timestamp,
) -> Verdict {
    let (token, new_host) = match &state.holder {
        Some(holder) => (holder.token, false),
        None => match number::allot(&state.numbers, request.slot, rules.only) {
            Ok(allotted) => (allotted.token, allotted.new_host),
            Err(full) => return Verdict::Full(full),
        },
    };
    let Admission { admits, binds } = admission;
    Verdict::Grant(Grant { token, new_host, renewal, admits, binds, expires: now + rules.ttl })
}

/// May this clock be judged by? A Leader that believes in 1970 or 2100 would
/// take every expired request, or none.
pub fn is_sane_clock(now: Timestamp) -> bool {
    const FROM_S: i64 = 1_735_689_600; // 2025-01-01
    const TO_S: i64 = 4_102_444_800; // 2100-01-01
    (FROM_S..TO_S).contains(&now.as_second())
}
