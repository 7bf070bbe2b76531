//! A fleet of one Leader, and hosts made of keys.

use assert_cmd::Command;
use cooee::agentid::Tuple;
use cooee::enrol::{Fleet, Leader, Policy, subject};
use cooee::event::{Draft, Event, Stamp, rfc3339};
use cooee::key::{Key, write_key};
use cooee::store::{JoinToken, Registry};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;
use uuid::Uuid;

/// A join token's text made of one letter.
pub fn token(letter: char) -> String {
    letter.to_string().repeat(22)
}

pub struct Book {
    pub folder: TempDir,
    pub fleet: Fleet,
    pub key: Key,
}

/// What the command did.
pub struct Ran {
    pub code: i32,
    pub out: Vec<Value>,
    pub text: String,
    pub err: String,
}

impl Book {
    /// A fleet with a registry and ten join tokens, a to j.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Fleet)) -> Self {
        let folder = TempDir::new().expect("a folder");
        let key = Key::from_seed(&[0xee; 32]);
        let mut fleet = Fleet::found(Leader { did: key.did(), age: "age1".to_owned() });
        change(&mut fleet);
        std::fs::write(folder.path().join("fleet.json"), fleet.to_bytes()).expect("written");
        write_key(&folder.path().join("leader.key"), &key).expect("written");
        let book = Self { folder, fleet, key };
        Registry::create(&book.path("registry.db")).expect("made");
        for letter in 'a'..='j' {
            book.invite(&token(letter), &JoinToken::default());
        }
        book
    }

    pub fn policy(policy: Policy) -> Self {
        Self::with(|fleet| fleet.policy = policy)
    }

    pub fn invite(&self, text: &str, limits: &JoinToken) {
        self.registry().add_token(text, limits, Timestamp::now()).expect("added");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn registry(&self) -> Registry {
        Registry::open(&self.path("registry.db")).expect("opened")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("agentid-register"));
        command.args(arguments).arg("--dir").arg(self.folder.path());
        command
    }

    /// Feeds `lines` and reads what is printed.
    pub fn feed(&self, lines: &[String], arguments: &[&str]) -> Ran {
        run(self.command(arguments).write_stdin(lines.join("\n") + "\n"))
    }

    /// One request, one answer, exit 0, silence.
    pub fn ask(&self, line: &str) -> Value {
        let ran = self.feed(&[line.to_owned()], &[]);
        assert_eq!((ran.code, ran.err.as_str(), ran.out.len()), (0, "", 1), "{}", ran.text);
        let event = Event::from_wire(ran.text.trim_end().as_bytes()).expect("wire form");
        event.verify().expect("signed");
        assert_eq!(event.author(), self.key.did());
        ran.out.into_iter().next().expect("one")
    }

    /// All that is kept but what was seen and the audit: what a refusal must
    /// leave as it was.
    pub fn dump(&self) -> String {
        let sql = rusqlite::Connection::open(self.path("registry.db")).expect("opened");
        let mut dump = String::new();
        for table in ["tokens", "keys", "allowed", "hosts", "agents", "sequences", "revocations", "held"] {
            let mut statement = sql.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).expect("a table");
            let columns = statement.column_count();
            let mut rows = statement.query([]).expect("rows");
            while let Some(row) = rows.next().expect("a row") {
                let values: Vec<_> = (0..columns).map(|i| format!("{:?}", row.get_ref(i).expect("a value"))).collect();
                dump.extend([table, ": ", &values.join(" "), "\n"]);
            }
        }
        dump
    }

    pub fn audit(&self) -> Vec<Value> {
        run(&mut self.command(&["--audit"])).out
    }

    pub fn list(&self) -> Vec<Value> {
        let ran = run(&mut self.command(&["--list"]));
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        ran.out
    }

    /// Expects a refusal with this code and exit 0: nothing but one audit line
    /// and the answer is left of it.
    pub fn refuses(&self, line: &str, code: &str, arguments: &[&str]) -> Value {
        let (dump, lines) = (self.dump(), self.audit().len());
        let ran = self.feed(&[line.to_owned()], arguments);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{code}");
        assert_eq!(ran.out.len(), 1, "{code}");
        assert_eq!(ran.out[0]["type"], "cooee.refused.v1", "{code}: {}", ran.text);
        assert_eq!(ran.out[0]["data"]["code"], code, "{}", ran.text);
        assert_eq!(ran.out[0]["data"]["security"], code != "superseded" && code != "denied");
        assert!(ran.out[0]["data"]["leader_time"].is_string());
        assert_eq!(self.dump(), dump, "{code} changed the registry");
        let audit = self.audit();
        assert_eq!(audit.len(), lines + 1, "{code}");
        assert_eq!((&audit[lines]["action"], &audit[lines]["code"]), (&json!("refused"), &json!(code)));
        ran.out.into_iter().next().expect("one")
    }
}

pub fn run(command: &mut Command) -> Ran {
    let output = command.output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let out = text.lines().map(|line| serde_json::from_str(line).unwrap_or(Value::Null)).collect();
    let err = String::from_utf8(output.stderr).expect("UTF-8");
    Ran { code: output.status.code().expect("no signal"), out, text, err }
}

/// A request on its way to be signed: every part may be bent.
#[derive(Clone)]
pub struct Ask {
    pub key: Key,
    pub audience: String,
    pub join_token: Value,
    pub agent: Value,
    pub id: Uuid,
    pub time: Timestamp,
    pub expires: Timestamp,
    pub sequence: u64,
    pub subject: Option<String>,
    pub kind: &'static str,
}

/// Rises over all requests of this process, as a host's sequence file would.
static SEQUENCE: AtomicU64 = AtomicU64::new(0);

impl Ask {
    pub fn new(book: &Book, host: u8, model: &str) -> Self {
        let now = Timestamp::now();
        Self {
            key: Key::from_seed(&[host; 32]),
            audience: book.fleet.fleet.clone(),
            join_token: Value::Null,
            agent: agent(&format!("host{host}"), model, 0),
            id: Uuid::now_v7(),
            time: now,
            expires: now + SignedDuration::from_hours(24),
            sequence: now.as_microsecond().cast_unsigned() + SEQUENCE.fetch_add(1, Ordering::Relaxed),
            subject: None,
            kind: "enrol",
        }
    }

    pub fn token(mut self, letter: char) -> Self {
        self.join_token = json!(token(letter));
        self
    }

    pub fn agent(mut self, agent: Value) -> Self {
        self.agent = agent;
        self
    }

    pub fn event(&self) -> Event {
        let subject = self.subject.clone().unwrap_or_else(|| {
            let text = |field: &str| self.agent[field].as_str().unwrap_or_default().to_owned();
            Tuple::new(&text("gpu_id"), &text("hostname"), &text("mac"), &text("model"))
                .map_or_else(|_| "ucxl://any:any@any:any".to_owned(), |tuple| subject(tuple.hash().tiny_id()))
        });
        let data = json!({"audience": self.audience, "join_token": self.join_token, "agent": self.agent});
        let draft = Draft {
            kind: self.kind.to_owned(),
            subject,
            expires: self.expires,
            data,
            data_base64: None,
            in_reply_to: None,
            agent: None,
        };
        draft.sign(&self.key, &Stamp { id: self.id, time: self.time, sequence: self.sequence }).expect("signed")
    }

    /// The line that `age-enrol --open` prints for it.
    pub fn line(&self) -> String {
        opened(&self.event())
    }
}

pub fn opened(event: &Event) -> String {
    let wire: Value = serde_json::from_slice(event.wire()).expect("JSON");
    json!({"type": "opened", "v": 1, "id": event.id(), "event": wire}).to_string()
}

/// An agent record as hwprobe and agentid-hash make it.
pub fn agent(hostname: &str, model: &str, slot: u8) -> Value {
    let gpu_id = format!("gpu-{slot:04}");
    let mut agent = json!({"type": "agent", "v": 1, "gpu_id": gpu_id, "gpu_slot": slot, "hostname": hostname,
        "mac": "0c42a1b2c3d4", "model": model, "gpu_name": "Test 9000"});
    rehash(&mut agent);
    agent
}

/// Sets the hash and the tiny id that follow from the tuple.
pub fn rehash(agent: &mut Value) {
    let text = |field: &str| agent[field].as_str().expect("a string").to_owned();
    let tuple = Tuple::new(&text("gpu_id"), &text("hostname"), &text("mac"), &text("model")).expect("a tuple");
    let hash = tuple.hash();
    agent["hash"] = json!(hash.to_string());
    agent["tiny_id"] = json!(hash.tiny_id().to_string());
}

/// A `revoked` event of `key`.
pub fn revoked(key: &Key, data: Value) -> Event {
    let now = Timestamp::now();
    let draft = Draft {
        kind: "revoked".to_owned(),
        subject: "ucxl://any:any@any:trust/#/revoked/x".to_owned(),
        expires: now + SignedDuration::from_hours(24),
        data,
        data_base64: None,
        in_reply_to: None,
        agent: None,
    };
    let sequence = now.as_microsecond().cast_unsigned();
    draft.sign(key, &Stamp { id: Uuid::now_v7(), time: now, sequence }).expect("signed")
}

pub fn in_seconds(time: Timestamp, seconds: i64) -> String {
    rfc3339(time + SignedDuration::from_secs(seconds))
}
