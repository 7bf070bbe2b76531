//! `--watch` on a terminal: `script` gives it one.

use super::{LIMIT, Node, folder};
use crate::shell;
use std::process::{Command, Stdio};

#[test]
fn the_screen_is_drawn_in_place_and_given_back() {
    let folder = folder(1, None, &[]);
    let _node = Node::start(folder.path(), &[]);
    // Once the log of the terminal, whose first line holds this command, has
    // some screens, it is interrupted.
    let inside = format!(
        "stty cols 80 rows 10; '{}' --watch --every 10ms --dir '{}' & \
         until [ $(grep -ao 'listens nowhere' typed | wc -l) -gt 4 ]; do :; done; kill -INT $!; wait $!; echo rc $?",
        crate::manual::bin_dir().join("cooee-peers").display(),
        folder.path().display()
    );
    let mut script = Command::new("script");
    script.args(["-qefc", &inside, "typed"]).current_dir(folder.path()).stdin(Stdio::null());
    script.env("TERM", "xterm").env("SHELL", "/bin/bash");
    let ran = shell::run(&mut script, LIMIT, false);
    let out = ran.out();
    assert_eq!(ran.code(), 0, "{out:?}");
    let (before, rest) = out.split_once("\u{1b}[?1049h\u{1b}[?25l").expect("it takes the screen");
    let (drawn, after) = rest.split_once("\u{1b}[?25h\u{1b}[?1049l").expect("and gives it back");
    assert!(!before.contains('\u{1b}') && after.trim().starts_with("rc 0") && !after.contains('\u{1b}'), "{out:?}");
    let screens: Vec<&str> = drawn.split("\u{1b}[?2026h\u{1b}[H").skip(1).collect();
    assert!(screens.len() > 2, "{out:?}");
    for screen in &screens[..screens.len() - 1] {
        // Each line is written over, then cleared behind: never cleared first.
        assert!(screen.starts_with("node 12D3KooW") && screen.ends_with("\u{1b}[J\u{1b}[?2026l"), "{screen:?}");
        assert!(
            !screen.contains("\u{1b}[2J") && screen.matches("\u{1b}[K").count() == screen.matches("\r\n").count() + 1
        );
    }
}
