//! What a user's agent runner says of its agents → drafts of `availability`.
//!
//! Must not know files, nor when something is said.

use super::Draft;
use crate::agentid::TinyId;
use crate::jsonl::{self, Lines, Value};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// Agents in one text, at most.
pub const AGENTS_LIMIT: usize = 256;
/// A text's bytes, at most.
pub const TEXT_LIMIT_BYTES: u64 = 64 * 1024;
/// How long what is said is kept. It is said again every 30 s, and who has not
/// for 90 s is away: for the rest of this time it can be seen since when.
pub const LIFE: SignedDuration = SignedDuration::from_mins(10);

/// How one agent is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Availability {
    tiny_id: String,
    state: String,
    tasks: u64,
    tasks_most: u64,
}

/// Why a text says nothing of any agent.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AvailabilityError {
    /// A line is not as it must be.
    #[error("line {line}: {reason}")]
    Line {
        /// From 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// More than [`AGENTS_LIMIT`].
    #[error("more than {AGENTS_LIMIT} agents")]
    TooMany,
}

impl Availability {
    /// All agents of a text, JSON lines of `tiny_id`, `state`, `tasks` and
    /// `tasks_most`; other members are passed over. One bad line makes the text
    /// a bad one: half of what runs here is not what runs here.
    pub fn read(text: &[u8]) -> Result<Vec<Self>, AvailabilityError> {
        let mut agents: Vec<Self> = Vec::new();
        let mut lines = Lines::new(text);
        loop {
            let bad = |line, reason: String| AvailabilityError::Line { line, reason };
            let next = lines.next().map_err(|error| bad(0, error.to_string()))?;
            let Some(line) = next else { return Ok(agents) };
            let read = line.map_err(|fault| fault.to_string()).and_then(|line| Self::read_line(line, &agents));
            agents.push(read.map_err(|reason| bad(lines.number(), reason))?);
            if agents.len() > AGENTS_LIMIT {
                return Err(AvailabilityError::TooMany);
            }
        }
    }

    fn read_line(line: &[u8], before: &[Self]) -> Result<Self, String> {
        let mut scanner = jsonl::Scanner::default();
        let object = scanner.object(line).map_err(|error| error.to_string())?;
        let text = |name: &str| object.get(name).and_then(|value: Value<'_>| Some(value.as_str()?.into_owned()));
        let number = |name: &str| object.get(name).and_then(|value: Value<'_>| value.as_u64());
        let tiny_id: TinyId = text("tiny_id")
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| "\"tiny_id\" must be an agent's ten characters".to_owned())?;
        let tiny_id = tiny_id.to_string();
        if before.iter().any(|agent| agent.tiny_id == tiny_id) {
            return Err(format!("agent {tiny_id} has a line already"));
        }
        let state = text("state").filter(|state| ["ready", "working", "busy"].contains(&state.as_str()));
        let state = state.ok_or_else(|| "\"state\" must be ready, working or busy".to_owned())?;
        let (tasks, tasks_most) = number("tasks")
            .zip(number("tasks_most"))
            .ok_or_else(|| "\"tasks\" and \"tasks_most\" must be whole numbers".to_owned())?;
        Ok(Self { tiny_id, state, tasks, tasks_most })
    }

    /// The event that says so, good for [`LIFE`].
    pub fn draft(&self, now: Timestamp) -> Draft {
        Draft {
            kind: "availability".to_owned(),
            subject: format!("ucxl://any:any@COOEE:availability/#/agentid/{}", self.tiny_id),
            expires: now + LIFE,
            data: json!({"state": self.state, "tasks": self.tasks, "tasks_most": self.tasks_most}),
            data_base64: None,
            in_reply_to: None,
            agent: Some(self.tiny_id.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ucxl::Address;

    fn line(tiny_id: &str) -> String {
        format!(r#"{{"tiny_id":"{tiny_id}","state":"ready","tasks":0,"tasks_most":4}}"#)
    }

    #[test]
    fn agents_are_read_and_said() {
        let text = format!("{}\r\n\n{{\"other\":[],{}", line("0123456789"), &line("ABCDEFGHJK")[1..]);
        let agents = Availability::read(text.as_bytes()).expect("good lines");
        assert_eq!(agents.iter().map(|agent| agent.tiny_id.as_str()).collect::<Vec<_>>(), ["0123456789", "ABCDEFGHJK"]);
        let draft = agents[0].draft(Timestamp::UNIX_EPOCH);
        assert!(draft.subject.parse::<Address>().is_ok_and(|address| address.to_string() == draft.subject));
        assert_eq!(draft.data, json!({"state": "ready", "tasks": 0, "tasks_most": 4}));
        assert_eq!((draft.agent.as_deref(), draft.expires.as_second()), (Some("0123456789"), 600));
        assert_eq!(Availability::read(b"").expect("nobody is here"), []);
    }

    #[test]
    fn one_bad_line_is_a_bad_text() {
        let good = line("0123456789");
        for (bad, reason) in [
            ("{", "column"),
            ("[]", "expected a JSON object"),
            (r#"{"tiny_id":"01234","state":"ready","tasks":0,"tasks_most":4}"#, "ten characters"),
            (r#"{"tiny_id":7,"state":"ready","tasks":0,"tasks_most":4}"#, "ten characters"),
            (r#"{"tiny_id":"ABCDEFGHJK","state":"asleep","tasks":0,"tasks_most":4}"#, "ready, working or busy"),
            (r#"{"tiny_id":"ABCDEFGHJK","state":"ready","tasks":-1,"tasks_most":4}"#, "whole numbers"),
            (r#"{"tiny_id":"ABCDEFGHJK","state":"ready","tasks":0}"#, "whole numbers"),
            (&line("0123456789"), "agent 0123456789 has a line already"),
            (&line("o123456789"), "agent 0123456789 has a line already"),
        ] {
            let error = Availability::read(format!("{good}\n{bad}\n").as_bytes()).expect_err(bad).to_string();
            assert!(error.starts_with("line 2: ") && error.contains(reason), "{bad}: {error}");
        }
        let many = |count: usize| (0..count).map(|n| line(&format!("{n:010}")) + "\n").collect::<String>();
        assert_eq!(Availability::read(many(AGENTS_LIMIT).as_bytes()).map(|agents| agents.len()), Ok(AGENTS_LIMIT));
        assert_eq!(Availability::read(many(AGENTS_LIMIT + 1).as_bytes()), Err(AvailabilityError::TooMany));
    }
}
