//! The node's socket: its group is who may use the node.

use super::{LIMIT, NOBODY, User, mode, run};
use crate::shell;
use cooee::event::{Draft, Event, Stamp};
use cooee::key::{Key, write_key};
use jiff::{SignedDuration, Timestamp};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::process::Stdio;
use tempfile::TempDir;

const ALL: &str = "ucxl://any:any@any:any";
const GROUP: u32 = 65_532;
const MEMBER: u32 = 65_531;
const STRANGER: u32 = 65_530;

fn note() -> Event {
    let now = Timestamp::now();
    let draft = Draft {
        kind: "note".into(),
        subject: "ucxl://any:ops@COOEE:demo/#".into(),
        expires: now + SignedDuration::from_hours(1),
        data: "from a member".into(),
        data_base64: None,
        in_reply_to: None,
        agent: None,
    };
    let stamp = Stamp { id: uuid::Uuid::now_v7(), time: now, sequence: now.as_microsecond().unsigned_abs() };
    draft.sign(&Key::from_seed(&[7; 32]), &stamp).expect("signed")
}

/// As the system's folder is laid out: the node's user owns it, the spool is the
/// group's. Only root can be several users; anybody else is the member, and
/// reads off the mode that the kernel keeps strangers out.
#[test]
fn members_of_the_sockets_group_use_the_node_and_nobody_else() {
    let user = User::new();
    let folder = TempDir::new_in("/tmp").expect("a folder");
    let dir = folder.path();
    fs::set_permissions(dir, mode(0o755)).expect("our own folder");
    write_key(&dir.join("host.key"), &Key::from_seed(&[1; 32])).expect("a key");
    fs::create_dir(dir.join("spool")).expect("a folder");
    fs::set_permissions(dir.join("spool"), mode(0o770)).expect("our own folder");
    if user.root {
        for path in [dir.to_owned(), dir.join("host.key"), dir.join("spool")] {
            chown(path, Some(NOBODY), Some(GROUP)).expect("root may");
        }
    }
    let at = ["--dir", dir.to_str().expect("text")];
    let serving = ["--serve", "--listen", "/ip4/127.0.0.1/tcp/0"];
    let mut serve = user.command_as(NOBODY, GROUP, "cooee-sub", &[&serving, &at[..]].concat());
    let mut serve = shell::spawn(serve.stdin(Stdio::null()).stderr(Stdio::null()), LIMIT);
    let socket = dir.join("node.sock");
    let ready = shell::until(LIMIT, || socket.exists().then_some(()));
    let metadata = fs::metadata(&socket);

    let publish = |who: u32, group: u32, event: &Event| {
        let wire = String::from_utf8(event.wire().to_vec()).expect("text");
        run(user.command_as(who, group, "cooee-pub", &at), &wire)
    };
    let read = |who: u32, group: u32| {
        run(user.command_as(who, group, "cooee-sub", &[&["--no-follow", ALL], &at[..]].concat()), "")
    };
    let event = note();
    let (stored, heard) = (publish(MEMBER, GROUP, &event), read(MEMBER, GROUP));
    let strangers = user.root.then(|| (publish(STRANGER, STRANGER, &note()), read(STRANGER, STRANGER)));
    let _ = serve.kill();
    let _ = serve.wait();

    ready.expect("the node is ready");
    let metadata = metadata.expect("a socket");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o660);
    assert_eq!((stored.code(), stored.err().as_str()), (0, ""), "a member may publish");
    assert_eq!((heard.code(), heard.err().as_str()), (0, ""), "and read");
    assert!(heard.out().contains(event.id()), "{}", heard.out());
    if let Some((publishing, reading)) = strangers {
        assert_eq!(metadata.gid(), GROUP);
        for ran in [publishing, reading] {
            assert_eq!((ran.code(), ran.out().as_str()), (2, ""), "{}", ran.err());
            assert!(ran.err().contains("ermission denied"), "{}", ran.err());
        }
    }
}
