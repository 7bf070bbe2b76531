//! Which agents are there, since when, doing what: from what they have said.

use crate::event::{Event, rfc3339};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};

/// `availability` comes every 30 s; who has missed three is away.
const AWAY: SignedDuration = SignedDuration::from_secs(90);
/// Models of one agent that are shown.
const MODELS_LIMIT: usize = 64;

/// What an agent is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// It waits for work.
    Ready,
    /// It works, and takes more.
    Working,
    /// It takes no more.
    Busy,
    /// It has said nothing for 90 s, though a Leader has let it in.
    Away,
    /// It has only said what it can do.
    Unknown,
}

impl Doing {
    /// As it stands in records.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Working => "working",
            Self::Busy => "busy",
            Self::Away => "away",
            Self::Unknown => "unknown",
        }
    }
}

/// An agent, as far as it has said. What it has not is null.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Presence {
    /// Always `presence`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// 1.
    pub v: u32,
    /// Who: its host's key, and its tiny id unless the host speaks for itself.
    pub agent_did: String,
    /// What a Leader has numbered it.
    pub token: Option<String>,
    /// What it is doing.
    pub state: Doing,
    /// Tasks it works on.
    pub tasks: Option<u64>,
    /// Tasks it would take.
    pub tasks_most: Option<u64>,
    /// Since when it has said the same, as far back as the log goes.
    pub since: Option<String>,
    /// When it was last heard.
    pub seen: Option<String>,
    /// The models it runs.
    pub models: Vec<String>,
    /// What it is best at.
    pub specialisation: Option<String>,
    /// The version of cooee, or of the agent.
    pub version: Option<String>,
}

#[derive(Debug, Default)]
struct Agent {
    availability: Option<Event>,
    /// Since when the state has been the same, without a gap.
    since: Option<Timestamp>,
    capability: Option<Event>,
}

/// What has been said, by who said it.
#[derive(Debug, Default)]
pub struct Presences {
    agents: BTreeMap<String, Agent>,
    /// `enrolled`, by the agents they are about.
    tokens: HashMap<String, Event>,
    /// Agents and whole keys.
    revoked: HashSet<String>,
}

impl Presences {
    /// The types it is made of, by short name.
    pub const TYPES: [&str; 4] = ["availability", "capability", "enrolled", "revoked"];

    /// Takes an event as the log holds it. `enrolled` and `revoked` are for the
    /// caller to pass only if one who may signed them.
    pub fn take(&mut self, event: Event) {
        match event.kind() {
            "enrolled" => {
                let Some(agent_did) = event.data()["agent_did"].as_str() else { return };
                // What it last said may have expired: it is away, not unknown.
                self.agents.entry(agent_did.to_owned()).or_default();
                if self.tokens.get(agent_did).is_none_or(|known| is_newer(&event, known)) {
                    self.tokens.insert(agent_did.to_owned(), event);
                }
            }
            "revoked" => {
                let whom = event.data().get("agent_did").or_else(|| event.data().get("did"));
                self.revoked.extend(whom.and_then(Value::as_str).map(str::to_owned));
            }
            "availability" => {
                let agent = self.agents.entry(event.source()).or_default();
                let Some(known) = &agent.availability else {
                    agent.since = Some(event.time());
                    agent.availability = Some(event);
                    return;
                };
                if is_newer(&event, known) {
                    let same = known.data()["state"] == event.data()["state"];
                    if !same || event.time().duration_since(known.time()) > AWAY {
                        agent.since = Some(event.time());
                    }
                    agent.availability = Some(event);
                }
            }
            "capability" => {
                let agent = self.agents.entry(event.source()).or_default();
                if agent.capability.as_ref().is_none_or(|known| is_newer(&event, known)) {
                    agent.capability = Some(event);
                }
            }
            _ => {}
        }
    }

    /// All agents, by their dids. What is not rightly signed is left out.
    pub fn list(&self, now: Timestamp) -> Vec<Presence> {
        let spoke = |(did, agent): (&String, &Agent)| self.presence(did, agent, now);
        self.agents.iter().filter_map(spoke).collect()
    }

    fn presence(&self, agent_did: &str, agent: &Agent, now: Timestamp) -> Option<Presence> {
        let key = agent_did.split('#').next().unwrap_or(agent_did);
        if self.revoked.contains(agent_did) || self.revoked.contains(key) {
            return None;
        }
        let signed = |event: &&Event| event.verify().is_ok();
        let availability = agent.availability.as_ref().filter(signed);
        // A host says what all its agents can do.
        let host = agent_did.split_once('#').and_then(|(did, _)| self.agents.get(did));
        let capability = agent.capability.as_ref().or(host.and_then(|host| host.capability.as_ref())).filter(signed);
        let enrolled = self.tokens.get(agent_did).filter(|event| is_valid(event, now));
        let own_capability = agent.capability.as_ref().filter(signed);
        if availability.is_none() && enrolled.is_none() && own_capability.is_none() {
            return None;
        }
        let said = availability.map(Event::data);
        let number = |field: &str| said.and_then(|data| data[field].as_u64());
        let can = capability.map(Event::data);
        let text = |field: &str| can.and_then(|data| data[field].as_str()).map(str::to_owned);
        let heard = availability.or(own_capability).map(Event::time);
        let away = |event: &Event| now.duration_since(event.time()) > AWAY;
        let state = match (availability, said.and_then(|data| data["state"].as_str())) {
            (Some(event), _) if away(event) => Doing::Away,
            (None, _) if enrolled.is_some() => Doing::Away,
            (_, Some("ready")) => Doing::Ready,
            (_, Some("working")) => Doing::Working,
            (_, Some("busy")) => Doing::Busy,
            _ => Doing::Unknown,
        };
        // One that is away has been so since it was last heard.
        let since = if state == Doing::Away { heard } else { availability.and(agent.since) };
        let token = enrolled.and_then(|event| event.data()["token"].as_str());
        Some(Presence {
            kind: "presence",
            v: 1,
            agent_did: agent_did.to_owned(),
            token: token.map(str::to_owned),
            state,
            tasks: number("tasks"),
            tasks_most: number("tasks_most"),
            since: since.map(rfc3339),
            seen: heard.map(rfc3339),
            models: models(can),
            specialisation: text("specialisation"),
            version: text("version"),
        })
    }
}

/// Is an enrolment still good?
fn is_valid(enrolled: &Event, now: Timestamp) -> bool {
    let until = enrolled.data()["expires"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    until.is_none_or(|until| until > now)
}

fn is_newer(event: &Event, known: &Event) -> bool {
    (event.sequence(), event.time()) > (known.sequence(), known.time())
}

/// Models by name: a list of names, or of objects that have one.
fn models(data: Option<&Value>) -> Vec<String> {
    let list = data.and_then(|data| data["models"].as_array()).map(Vec::as_slice).unwrap_or_default();
    let name = |model: &Value| model.as_str().or_else(|| model["name"].as_str()).map(str::to_owned);
    list.iter().filter_map(name).take(MODELS_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Draft, Stamp};
    use crate::key::Key;
    use serde_json::json;
    use uuid::Uuid;

    fn says(seed: u8, agent: Option<&str>, kind: &str, data: Value, seconds: i64) -> Event {
        let time = Timestamp::from_second(1_800_000_000 + seconds).expect("a time");
        let draft = Draft {
            kind: kind.to_owned(),
            subject: "ucxl://any:any@COOEE:presence/#".to_owned(),
            expires: time + SignedDuration::from_hours(1),
            data,
            data_base64: None,
            in_reply_to: None,
            agent: agent.map(str::to_owned),
        };
        let stamp = Stamp { id: Uuid::now_v7(), time, sequence: time.as_microsecond().unsigned_abs() };
        draft.sign(&Key::from_seed(&[seed; 32]), &stamp).expect("a good draft")
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
    }

    #[test]
    fn the_newest_word_counts_and_silence_is_away() {
        let tiny = "0000000001";
        let did = format!("{}#{tiny}", Key::from_seed(&[2; 32]).did());
        let available = |state: &str, tasks: u64, seconds| {
            says(2, Some(tiny), "availability", json!({"state": state, "tasks": tasks, "tasks_most": 4}), seconds)
        };
        let mut presences = Presences::default();
        for event in [
            available("ready", 0, 0),
            available("working", 1, 30),
            available("working", 2, 90),
            // Late: it changes nothing.
            available("busy", 4, 60),
            says(2, None, "capability", json!({"models": [{"name": "llama3:8b"}, "m2"], "version": "0.1.0"}), 1),
            says(1, None, "enrolled", json!({"agent_did": did, "token": "80007"}), 0),
            says(1, None, "enrolled", json!({"agent_did": did, "token": "80015"}), 5),
            says(1, None, "enrolled", json!({"agent_did": "over", "token": "1", "expires": rfc3339(at(99))}), 5),
        ] {
            presences.take(event);
        }
        let listed = presences.list(at(100));
        assert_eq!(listed.len(), 2, "the agent, and its host by its capability");
        let agent = listed.iter().find(|presence| presence.agent_did == did).expect("the agent");
        assert_eq!((agent.state, agent.tasks, agent.tasks_most), (Doing::Working, Some(2), Some(4)));
        assert_eq!((agent.token.as_deref(), agent.version.as_deref()), (Some("80015"), Some("0.1.0")));
        assert_eq!(agent.models, ["llama3:8b", "m2"]);
        assert_eq!((agent.since.as_deref(), agent.seen.as_deref()), (Some(&*rfc3339(at(30))), Some(&*rfc3339(at(90)))));
        let host = listed.iter().find(|presence| presence.agent_did != did).expect("the host");
        assert_eq!((host.state, &host.since), (Doing::Unknown, &None));

        let state = |presences: &Presences, seconds| {
            presences.list(at(seconds)).into_iter().find(|one| one.agent_did == did).map(|one| one.state)
        };
        assert_eq!((state(&presences, 180), state(&presences, 181)), (Some(Doing::Working), Some(Doing::Away)));
        // Back after a gap: since then, though it says the same.
        presences.take(available("working", 1, 300));
        let listed = presences.list(at(301));
        let agent = listed.iter().find(|presence| presence.agent_did == did).expect("the agent");
        assert_eq!(agent.since.as_deref(), Some(&*rfc3339(at(300))));
    }

    #[test]
    fn whoever_was_let_in_and_is_silent_is_away_until_it_is_revoked() {
        let did = format!("{}#0000000001", Key::from_seed(&[2; 32]).did());
        let mut presences = Presences::default();
        let until = rfc3339(at(1000));
        presences.take(says(1, None, "enrolled", json!({"agent_did": did, "token": "80007", "expires": until}), 0));
        let listed = presences.list(at(1));
        assert_eq!((listed.len(), listed[0].state, listed[0].token.as_deref()), (1, Doing::Away, Some("80007")));
        assert_eq!((&listed[0].seen, &listed[0].since), (&None, &None));
        assert_eq!(presences.list(at(1000)), [], "its enrolment is over");
        presences.take(says(2, Some("0000000001"), "availability", json!({"state": "ready"}), 2));
        assert_eq!(presences.list(at(3))[0].state, Doing::Ready);
        let key = did.split('#').next().expect("a key");
        presences.take(says(1, None, "revoked", json!({"did": key}), 3));
        assert_eq!(presences.list(at(4)), []);
    }

    #[test]
    fn what_is_not_rightly_signed_is_nobody() {
        let good = says(3, None, "availability", json!({"state": "ready"}), 0);
        let forged = String::from_utf8(good.wire().to_vec()).expect("text").replace("ready", "bready");
        let mut presences = Presences::default();
        presences.take(Event::from_wire(forged.as_bytes()).expect("well-formed"));
        assert_eq!(presences.list(at(1)), []);
    }
}
