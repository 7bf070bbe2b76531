//! `cooee-sub --consumers`: the names that a node remembers.

use crate::manual::bin_dir;
use crate::shell::{self, Ran, until};
use serde_json::Value;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_mins(1);
const ALL: &str = "ucxl://any:any@any:any";

struct Host(TempDir);

/// A command in the background; it ends with the test.
struct Running(Child);

impl Running {
    fn start(host: &Host, arguments: &[&str]) -> Self {
        let mut command = Command::new(bin_dir().join("cooee-sub"));
        command.args(arguments).arg("--dir").arg(host.0.path()).stdin(Stdio::null()).stderr(Stdio::null());
        Self(command.stdout(Stdio::piped()).spawn().expect("it is built"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Host {
    fn sh(&self, line: &str) -> Ran {
        let path = format!("{}:{}", bin_dir().display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(self.0.path()).env("PATH", path).env("HOME", self.0.path());
        shell::run(command.env_remove("XDG_STATE_HOME").stdin(Stdio::null()), LIMIT, false)
    }

    fn silent(&self, line: &str) -> String {
        let ran = self.sh(line);
        assert_eq!((ran.code(), ran.err().as_str()), (0, ""), "{line}");
        ran.out()
    }

    fn consumers(&self) -> Vec<Value> {
        let out = self.silent("cooee-sub --dir . --consumers 2>/dev/null");
        out.lines().map(|line| cooee::jsonl::parse(line.as_bytes()).expect("strict JSON")).collect()
    }
}

/// name, waiting, reading.
fn short(consumers: &[Value]) -> Vec<(String, u64, bool)> {
    let short = |one: &Value| {
        assert_eq!((&one["type"], &one["v"]), (&"consumer".into(), &1.into()));
        let name = one["name"].as_str().expect("text").to_owned();
        (name, one["waiting"].as_u64().expect("a number"), one["reading"].as_bool().expect("yes or no"))
    };
    consumers.iter().map(short).collect()
}

#[test]
fn names_are_listed_with_what_waits_for_them() {
    let host = Host(TempDir::new().expect("a folder"));
    host.silent("cooee-key --dir . new >key");
    assert_eq!(host.consumers(), [Value::Null; 0], "without a node, and without a name");
    let _node = Running::start(&host, &["--serve"]);
    until(LIMIT, || host.0.path().join("node.sock").exists().then_some(())).expect("it is ready");

    host.silent(&format!("seq 5 | cooee-pub --dir . ucxl://any:ops@COOEE:demo >receipt; cooee-sub --dir . --name b --since 1h --count 2 {ALL} | cat >two"));
    host.silent(&format!("cooee-sub --dir . --name a --no-follow {ALL} >five"));
    let listed = host.consumers();
    assert_eq!(short(&listed), [("a".to_owned(), 0, false), ("b".to_owned(), 3, false)]);
    assert!(listed[1]["place"].as_u64() < listed[0]["place"].as_u64(), "{listed:?}");
    assert!(listed[0]["since"].is_string() && listed[0]["used"].is_string(), "{listed:?}");

    host.silent("seq 2 | cooee-pub --dir . ucxl://any:ops@COOEE:demo >receipt");
    // One that is being read, and has taken nothing of what came.
    let reader = Running::start(&host, &["--name", "c", ALL]);
    let expected = [("a".to_owned(), 2, false), ("b".to_owned(), 5, false), ("c".to_owned(), 0, true)];
    until(LIMIT, || (short(&host.consumers()) == expected).then_some(())).expect("the third is listed");
    drop(reader);
    until(LIMIT, || (!short(&host.consumers())[2].2).then_some(())).expect("nobody reads any more");

    host.silent("cooee-sub --dir . --forget b");
    assert_eq!(host.consumers().len(), 2);
    for arguments in
        ["--consumers --forget a", "--consumers --serve", &format!("--consumers {ALL}"), "--consumers --name a"]
    {
        let ran = host.sh(&format!("cooee-sub --dir . {arguments}"));
        assert_eq!((ran.code(), ran.out().as_str()), (2, ""), "{arguments}: {}", ran.err());
    }
}
