//! `cooee-key`: keys, fleets, join strings.

use assert_cmd::Command;
use predicates::str::contains;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tempfile::TempDir;

fn cooee_key(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("cooee-key"));
    command.args(arguments).arg("--dir").arg(dir);
    command
}

/// Runs it, expects silence on stderr and exit 0, and reads its records.
fn records(mut command: Command) -> Vec<Value> {
    let output = command.assert().success().stderr("").get_output().stdout.clone();
    output.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).expect("JSON")).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode");
}

/// The join string of a fleet file, as a leader would print it.
fn join_string(leader: &Path, token: &str, nodes: &[&str]) -> String {
    let fleet = cooee::enrol::Fleet::parse(&fs::read(leader.join("fleet.json")).expect("file")).expect("fleet");
    let nodes = nodes.iter().map(ToString::to_string).collect();
    let token = token.to_owned();
    cooee::enrol::Invitation { v: 1, fleet: fleet.fleet, leaders: fleet.leaders, nodes, token }.to_text()
}

const TOKEN: &str = "AAECAwQFBgcICQoLDA0ODw";
const OTHER_TOKEN: &str = "AAECAwQFBgcICQoLDA0ODg";

#[test]
fn new_makes_one_key_and_never_another() {
    let folder = TempDir::new().expect("a folder");
    let dir = folder.path().join("deep/er");
    let made = records(cooee_key(&dir, &["new"]));
    assert_eq!(made[0]["type"], "key");
    assert_eq!(mode(&dir.join("host.key")), 0o600);
    assert_eq!(mode(&dir), 0o700);
    let before = fs::read(dir.join("host.key")).expect("key");
    cooee_key(&dir, &["new"]).assert().code(2).stdout("").stderr(contains("never overwritten"));
    assert_eq!(fs::read(dir.join("host.key")).expect("key"), before);
    assert_eq!(records(cooee_key(&dir, &["show"])), made);
    let did = format!("{}\n", made[0]["did"].as_str().expect("did"));
    cooee_key(&dir, &["show", "--raw"]).assert().success().stdout(did).stderr("");
}

#[test]
fn openssl_reads_the_key_and_agrees() {
    let folder = TempDir::new().expect("a folder");
    let made = records(cooee_key(folder.path(), &["new"]));
    let mut openssl = Command::new("openssl");
    openssl.args(["pkey", "-pubout", "-outform", "DER", "-in"]).arg(folder.path().join("host.key"));
    let output = openssl.assert().success().get_output().stdout.clone();
    let public: [u8; 32] = output[output.len() - 32..].try_into().expect("32 bytes");
    assert_eq!(made[0]["did"], cooee::key::Did::from_public_key(public).to_string());
}

#[test]
fn found_makes_everything_once() {
    let folder = TempDir::new().expect("a folder");
    let dir = folder.path();
    let founded = records(cooee_key(dir, &["found", "--only", "2", "--policy", "allow-list"]));
    assert_eq!((&founded[0]["only"], &founded[0]["policy"]), (&Value::from(2), &Value::from("allow-list")));
    for name in ["host.key", "leader.key", "leader.age"] {
        assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
    }
    let shown = records(cooee_key(dir, &["show"]));
    assert_eq!(shown.len(), 3);
    assert_eq!(shown[2], founded[0]);
    assert_eq!(shown[1]["did"], founded[0]["leaders"][0]["did"]);
    assert_eq!(shown[1]["age"][0], founded[0]["leaders"][0]["age"]);
    cooee_key(dir, &["found"]).assert().code(2).stdout("").stderr(contains("already belongs to fleet"));
    assert_eq!(records(cooee_key(dir, &["show"])), shown);
}

#[test]
fn found_goes_on_where_it_was_cut_off() {
    let folder = TempDir::new().expect("a folder");
    let dir = folder.path();
    let founded = records(cooee_key(dir, &["found"]));
    fs::remove_file(dir.join("fleet.json")).expect("removed");
    assert_eq!(records(cooee_key(dir, &["found"])), founded);
}

/// A join string as `invite` prints it.
fn invited(leader: &Path, arguments: &[&str]) -> String {
    let mut command = cooee_key(leader, &[&["invite"], arguments].concat());
    let output = command.assert().success().get_output().stdout.clone();
    String::from_utf8(output).expect("text").trim_end().to_owned()
}

#[test]
fn invite_prints_a_string_that_joins_and_keeps_no_token() {
    let folder = TempDir::new().expect("a folder");
    let (leader, host) = (folder.path().join("leader"), folder.path().join("host"));
    records(cooee_key(&leader, &["found"]));
    let peer = records(cooee_key(&leader, &["show"]))[0]["peer_id"].as_str().expect("id").to_owned();
    let [loopback, listening, named] = ["/ip4/127.0.0.1/tcp/1", "/ip4/192.0.2.1/tcp/2", "/dns4/a.example/tcp/3"]
        .map(|address| format!("{address}/p2p/{peer}"));
    fs::write(leader.join("listen"), format!("{loopback}\n{listening}\n")).expect("written");
    let string = invited(&leader, &["--node", &named, "--agents", "3"]);
    let joined = records(cooee_key(&host, &["join", &string]));
    assert_eq!(joined[0]["nodes"], serde_json::json!([named, listening, loopback]));
    let token = fs::read_to_string(host.join("join.token")).expect("token").trim().to_owned();
    for file in fs::read_dir(&leader).expect("folder") {
        let bytes = fs::read(file.expect("entry").path()).expect("bytes");
        assert!(!bytes.windows(token.len()).any(|window| window == token.as_bytes()));
    }
    let registry = cooee::store::Registry::read(&leader.join("registry.db")).expect("registry");
    assert_eq!(registry.verify_audit(None).expect("whole").n, 1);
    assert_ne!(invited(&leader, &[]), string, "each string has a token of its own");
}

#[test]
fn invite_wants_a_leaders_folder_and_says_when_no_node_is_named() {
    let folder = TempDir::new().expect("a folder");
    let (leader, host) = (folder.path().join("leader"), folder.path().join("host"));
    cooee_key(&leader, &["invite"]).assert().code(2).stdout("").stderr(contains("fleet.json"));
    records(cooee_key(&leader, &["found"]));
    cooee_key(&leader, &["invite"]).assert().success().stderr(contains("names no node"));
    records(cooee_key(&host, &["join", &invited(&leader, &[])]));
    cooee_key(&host, &["invite"]).assert().code(2).stdout("").stderr(contains("no leader's"));
    for arguments in [["--agents", "0"], ["--agents", "-1"], ["--expires", "0s"], ["--expires", "soon"]] {
        cooee_key(&leader, &[&["invite"], &arguments[..]].concat()).assert().code(2).stdout("");
    }
    // A name as people type it; and none, which would admit nobody.
    for name in ["", " ", "a\nb", "a\u{202e}b"] {
        cooee_key(&leader, &["invite", "--host", name]).assert().code(2).stdout("").stderr(contains("hostname"));
    }
    cooee_key(&leader, &["invite", "--host", " Cafe\u{301} "]).assert().success();
    let sql = rusqlite::Connection::open(leader.join("registry.db")).expect("opened");
    let find = "SELECT count(*) FROM tokens WHERE hostname IS NOT NULL AND hostname = ?1";
    let kept: i64 = sql.query_row(find, ["café"], |row| row.get(0)).expect("counted");
    assert_eq!(kept, 1, "in the form that a host's name has in its tuple");
    drop(sql);
    fs::remove_file(leader.join("registry.db")).expect("removed");
    cooee_key(&leader, &["invite"]).assert().code(2).stdout("").stderr(contains("registry.db"));
    assert!(!leader.join("registry.db").exists());
}

#[test]
fn join_takes_a_string_from_everywhere() {
    let folder = TempDir::new().expect("a folder");
    let (leader, host) = (folder.path().join("leader"), folder.path().join("host"));
    let founded = records(cooee_key(&leader, &["found"]));
    let peer = records(cooee_key(&leader, &["show"]))[0]["peer_id"].as_str().expect("id").to_owned();
    let node = format!("/ip4/127.0.0.1/tcp/4001/p2p/{peer}");
    let string = join_string(&leader, TOKEN, &[&node]);
    let joined = records(cooee_key(&host, &["join", &string]));
    assert_eq!(joined[0]["fleet"], founded[0]["fleet"]);
    assert_eq!(joined[0]["leaders"], founded[0]["leaders"]);
    assert_eq!(joined[0]["nodes"][0], node);
    assert_eq!(fs::read_to_string(host.join("join.token")).expect("token"), format!("{TOKEN}\n"));
    assert_eq!(mode(&host.join("join.token")), 0o600);
    assert_eq!(records(cooee_key(&host, &["show"]))[0]["did"], joined[0]["did"]);

    // The same fleet again: the key stays, the token is the new one.
    let next = join_string(&leader, OTHER_TOKEN, &[]);
    let mut from_stdin = cooee_key(&host, &["join", "-"]);
    from_stdin.write_stdin(format!("{next}\r\n"));
    assert_eq!(records(from_stdin), joined);
    assert_eq!(fs::read_to_string(host.join("join.token")).expect("token"), format!("{OTHER_TOKEN}\n"));
    let file = folder.path().join("string");
    fs::write(&file, &string).expect("written");
    assert_eq!(records(cooee_key(&host, &["join", file.to_str().expect("text")])), joined);
    assert_eq!(fs::read_to_string(host.join("join.token")).expect("token"), format!("{TOKEN}\n"));
}

#[test]
fn join_replaces_neither_a_fleet_nor_a_leader() {
    let folder = TempDir::new().expect("a folder");
    let (one, two, host) = (folder.path().join("1"), folder.path().join("2"), folder.path().join("host"));
    records(cooee_key(&one, &["found"]));
    records(cooee_key(&two, &["found"]));
    records(cooee_key(&host, &["join", &join_string(&one, TOKEN, &[])]));
    let before = fs::read(host.join("fleet.json")).expect("file");
    let other = join_string(&two, OTHER_TOKEN, &[]);
    cooee_key(&host, &["join", &other]).assert().code(2).stdout("").stderr(contains("already belongs to fleet"));

    // The same fleet's id with somebody else's leader.
    let mine = cooee::enrol::Invitation::parse(&join_string(&one, OTHER_TOKEN, &[])).expect("good");
    let theirs = cooee::enrol::Invitation::parse(&other).expect("good");
    let forged = cooee::enrol::Invitation { leaders: theirs.leaders, ..mine }.to_text();
    cooee_key(&host, &["join", &forged]).assert().code(5).stdout("").stderr(contains("leader"));
    assert_eq!(fs::read(host.join("fleet.json")).expect("file"), before);
    assert_eq!(fs::read_to_string(host.join("join.token")).expect("token"), format!("{TOKEN}\n"));
}

#[test]
fn a_damaged_string_is_refused_and_not_repeated() {
    let folder = TempDir::new().expect("a folder");
    let (leader, host) = (folder.path().join("leader"), folder.path().join("host"));
    records(cooee_key(&leader, &["found"]));
    let good = join_string(&leader, TOKEN, &[]);
    let bad_token = join_string(&leader, "short", &[]);
    let bad_node = join_string(&leader, TOKEN, &["/ip4/1.2.3.4/tcp/1"]);
    let cut = &good[..good.len() - 4];
    let doubled = format!("{good}{good}");
    for bad in [cut, &bad_token, &bad_node, &doubled, "cooee://", "cooee://!", &good[5..]] {
        let output = cooee_key(&host, &["join", bad]).assert().code(2).stdout("").get_output().stderr.clone();
        let stderr = String::from_utf8(output).expect("text");
        assert!(stderr.starts_with("cooee-key: "), "{stderr}");
        assert!(!stderr.contains(&good[20..60]) && stderr.lines().count() <= 2, "{stderr}");
    }
    cooee_key(&host, &["join", "-"]).write_stdin("").assert().code(2).stdout("").stderr(contains("got nothing"));
    let large = "x".repeat(70_000);
    cooee_key(&host, &["join", "-"]).write_stdin(format!("cooee://{large}")).assert().code(2).stdout("");
    assert!(!host.exists(), "a refused string leaves nothing behind");
}

#[test]
fn bad_arguments_are_exit_2() {
    let folder = TempDir::new().expect("a folder");
    let dir = folder.path().join("none");
    for arguments in [
        &["found", "--policy", "all"][..],
        &["found", "--only", "4"],
        &["found", "--node", "/ip4/127.0.0.1/tcp/1"],
        &["found", "--node", "127.0.0.1:4001"],
        &["join"],
        &["melt"],
        &[],
    ] {
        cooee_key(&dir, arguments).assert().code(2).stdout("").stderr(predicates::str::starts_with("cooee-key: "));
    }
    assert!(!dir.exists());
    cooee_key(&dir, &[]).assert().stderr("cooee-key: expected a command\ncooee-key: hint: try --help\n");
    cooee_key(&dir, &["show"]).assert().code(2).stdout("").stderr(contains("no key and no fleet file"));
    cooee_key(&dir, &["show", "--raw"]).assert().code(2).stdout("").stderr(contains("cooee-key new"));
}

#[test]
fn a_key_file_that_is_not_one_is_named() {
    let folder = TempDir::new().expect("a folder");
    let dir = folder.path();
    records(cooee_key(dir, &["found"]));
    let path = dir.join("leader.key");
    let good = fs::read_to_string(&path).expect("key");
    let refused = |code: i32, what: &str| {
        cooee_key(dir, &["show"]).assert().code(code).stderr(contains(what));
    };
    let write = |content: &str| {
        let _ = fs::remove_file(&path);
        fs::write(&path, content).expect("written");
        set_mode(&path, 0o600);
    };
    set_mode(&path, 0o644);
    refused(5, "others can read it");
    for (content, what) in [
        ("", "empty"),
        ("# only\n# comments\n", "no key"),
        (&format!("{good}{good}"), "more than one key"),
        ("AGE-SECRET-KEY-1QQQ", "no key"),
        (&good.replace("MC4C", "MC4D"), "not an Ed25519 key"),
        (&"#".repeat(5000), "too large"),
    ] {
        write(content);
        refused(2, what);
    }
    write(&good.replace('\n', "\r\n"));
    cooee_key(dir, &["show"]).assert().success().stderr("");
    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("a folder");
    refused(2, "not a regular file");
    fs::remove_dir(&path).expect("removed");
    Command::new("mkfifo").arg(&path).assert().success();
    set_mode(&path, 0o600);
    refused(2, "not a regular file");
    fs::remove_file(&path).expect("removed");
    write(&good);
    set_mode(dir, 0o770);
    refused(5, "others can write the folder");
}

#[test]
fn an_age_identity_file_that_is_not_one_is_named() {
    let folder = TempDir::new().expect("a folder");
    let dir = folder.path();
    records(cooee_key(dir, &["found"]));
    let path = dir.join("leader.age");
    let good = fs::read_to_string(&path).expect("key");
    set_mode(&path, 0o644);
    cooee_key(dir, &["show"]).assert().code(5).stderr(contains("others can read it"));
    set_mode(&path, 0o600);
    let secret = good.lines().last().expect("a line").to_owned();
    for (content, what) in [
        (String::new(), "empty"),
        ("# only\n".to_owned(), "only comments"),
        (good.replace("1Q", "1P").replace("AGE-SECRET-KEY-1", "AGE-SECRET-KEY-1Q"), "line 2: not an age identity"),
    ] {
        fs::write(&path, content).expect("written");
        let output = cooee_key(dir, &["show"]).assert().code(2).stderr(contains(what)).get_output().stderr.clone();
        assert!(!String::from_utf8_lossy(&output).contains(&secret[20..40]));
    }
    fs::write(&path, good.replace('\n', "\r\n")).expect("written");
    cooee_key(dir, &["show"]).assert().success().stderr("");
}
