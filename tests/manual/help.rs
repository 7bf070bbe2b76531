//! Executes every example of every command's `-h`, as `examples` does those of
//! the pages.
//!
//! What an example needs around it (a fleet, a node, a machine with a known
//! name, files) is made by `help/COMMAND.sh`, which one `sh` session reads
//! before it types the examples, in a fresh folder that is also `HOME`.

use super::examples::{Step, run, script, steps};
use super::{bin_dir, commands, root, shell};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

fn folder() -> PathBuf {
    root().join("tests/manual/help")
}

/// What `COMMAND -h` prints between `Examples:` and the exit codes.
fn shown(name: &str) -> String {
    let mut command = Command::new(bin_dir().join(name));
    let ran = shell::run(command.arg("-h").stdin(Stdio::null()), Duration::from_secs(20), false);
    assert_eq!((ran.code(), ran.err()), (0, String::new()), "{name} -h");
    let help = ran.out();
    let examples = help.split_once("\nExamples:\n").and_then(|(_, rest)| rest.split_once("\nExit codes:\n"));
    examples.unwrap_or_else(|| panic!("{name} -h: no examples before exit codes")).0.to_owned()
}

/// The steps of such a text. A line that belongs to none is a fault, so that
/// nothing is left out in silence.
fn read(text: &str) -> Result<Vec<Step>, String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let line = line.strip_prefix("  ").ok_or(format!("not indented: {line}"))?;
        if line.is_empty() || line.starts_with(' ') || lines.is_empty() && !line.starts_with("$ ") {
            return Err(format!("neither a command nor what it prints: {line}"));
        }
        lines.push(line.to_owned());
    }
    Ok(steps(&lines)).and_then(|steps| if steps.is_empty() { Err("no example".to_owned()) } else { Ok(steps) })
}

/// The session: what is around the examples, then they. What the surrounding
/// prints goes to a file; where it fails, the session ends there.
fn session(surrounding: Option<&str>, steps: &[Step]) -> String {
    let folder = folder();
    let folder = folder.display();
    let surrounding = surrounding.unwrap_or_default();
    format!(
        "exec 3>&1 4>&2 >\"$HOME/.surrounding\" 2>&1\n\
         trap 'cat \"$HOME/.surrounding\" >&3' EXIT\n\
         set -e\n\
         help='{folder}'\n\
         . \"$help/start.sh\"\n\
         {surrounding}\n\
         set +e\n\
         trap - EXIT\n\
         exec >&3 2>&4 3>&- 4>&-\n\
         {}",
        script(steps)
    )
}

fn check(name: &str, surrounding: Option<&str>, text: &str) -> Vec<String> {
    let name = format!("{name} -h");
    let steps = match read(text) {
        Ok(steps) => steps,
        Err(fault) => return vec![format!("{name}: {fault}")],
    };
    let home = tempfile::tempdir().expect("a folder");
    run(&name, &steps, &session(surrounding, &steps), home.path())
}

/// Commands and what is around their examples; files that belong to no command
/// are what others read.
fn surrounding(name: &str) -> Option<String> {
    std::fs::read_to_string(folder().join(format!("{name}.sh"))).ok()
}

#[test]
fn every_example_in_a_help_prints_what_it_says() {
    let faults: Vec<String> =
        commands().iter().flat_map(|name| check(name, surrounding(name).as_deref(), &shown(name))).collect();
    assert!(faults.is_empty(), "{} faults\n\n{}", faults.len(), faults.join("\n\n"));
}

#[test]
fn a_wrong_example_in_a_help_is_found() {
    let faults = |surrounding: &str, text: &str| check("x", Some(surrounding), text);
    assert_eq!(
        faults("word=a", "  $ echo $word\n  a\n  $ for n in 1 2; do\n  >   echo $n; done\n  1\n  ...\n"),
        [""; 0]
    );
    assert_eq!(faults("word=b", "  $ echo $word\n  a\n  $ false\n").len(), 2);
    let failed = faults("echo what; echo was >&2; false", "  $ true\n");
    assert!(failed.len() == 1 && failed[0].contains("what\nwas\n"), "{failed:?}");
    for none in ["", "  text\n", "  $ true\n    indented\n", "$ true\n"] {
        assert_eq!(faults("", none).len(), 1, "{none:?}");
    }
}
