//! `agents/capability.json`: the last `capability` of this host that a node has
//! stored, so that the same is not said again and again.
//!
//! Losing it costs one more event: nothing is fsynced here, and a damaged file
//! counts as none.

use super::SpoolError;
use crate::event::{EVENT_LIMIT_BYTES, Event};
use jiff::Timestamp;
use serde_json::Value;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// What was told last.
#[derive(Clone, Debug)]
pub struct Told {
    path: PathBuf,
}

impl Told {
    /// In `dir`, where keys and fleet file are.
    pub fn new(dir: &Path) -> Self {
        Self { path: dir.join("agents/capability.json") }
    }

    /// The event that was told last; `None` if none, or none that can be read.
    pub fn last(&self) -> Option<Event> {
        let mut content = Vec::new();
        File::open(&self.path).ok()?.take(EVENT_LIMIT_BYTES as u64 + 1).read_to_end(&mut content).ok()?;
        Event::from_wire(content.strip_suffix(b"\n")?).ok()
    }

    /// The event that says the same already and has more than half of its life
    /// before it.
    pub fn still_holds(&self, subject: &str, data: &Value, now: Timestamp) -> Option<Event> {
        let told = self.last()?;
        let half = told.time() + told.expires().duration_since(told.time()) / 2;
        (told.subject() == subject && told.data() == data && (told.time()..half).contains(&now)).then_some(told)
    }

    /// A node has stored it.
    pub fn keep(&self, event: &Event) -> Result<(), SpoolError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let written = || -> io::Result<()> {
            DirBuilder::new().mode(0o700).recursive(true).create(folder)?;
            let beside = folder.join(format!(".new-{}-capability.json", std::process::id()));
            let written = fs::write(&beside, [event.wire(), b"\n"].concat());
            written.and_then(|()| fs::rename(&beside, &self.path)).inspect_err(|_| {
                let _ = fs::remove_file(&beside);
            })
        };
        written().map_err(SpoolError::at(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Draft, Stamp};
    use crate::key::Key;
    use jiff::SignedDuration;
    use serde_json::json;

    #[test]
    fn the_same_is_told_again_past_half_of_its_life() {
        let folder = tempfile::tempdir().expect("a folder");
        let told = Told::new(folder.path());
        let time = Timestamp::from_second(1_800_000_000).expect("a time");
        let at = |seconds| time + SignedDuration::from_secs(seconds);
        let data = json!({"models": [{"name": "m", "size_bytes": 7}], "version": "1"});
        let same: Value =
            serde_json::from_str(r#"{"version":"1","models":[{"size_bytes":7,"name":"m"}]}"#).expect("JSON");
        assert!(told.still_holds("ucxl://a:b@c:d", &data, time).is_none(), "nothing was told");
        let draft = Draft {
            kind: "capability".into(),
            subject: "ucxl://a:b@c:d".into(),
            expires: at(100),
            data: data.clone(),
            data_base64: None,
            in_reply_to: None,
            agent: None,
        };
        let stamp = Stamp { id: uuid::Uuid::now_v7(), time, sequence: 1 };
        told.keep(&draft.sign(&Key::from_seed(&[1; 32]), &stamp).expect("a good draft")).expect("kept");
        let holds = |subject: &str, data: &Value, seconds| told.still_holds(subject, data, at(seconds)).is_some();
        assert!(holds("ucxl://a:b@c:d", &data, 0) && holds("ucxl://a:b@c:d", &same, 49));
        assert!(!holds("ucxl://a:b@c:d", &data, 50), "half of its life is over");
        assert!(!holds("ucxl://a:b@c:d", &data, -1), "the clock went back");
        assert!(!holds("ucxl://a:b@c:d", &json!({}), 0) && !holds("ucxl://a:b@c:e", &data, 0));
        fs::write(&told.path, "{}\n").expect("ours");
        assert!(!holds("ucxl://a:b@c:d", &data, 0), "a damaged file counts as none");
    }
}
