//! Man pages and help: up to date, without lint, short enough.

use super::{bin_dir, commands, root, shell};
use std::process::{Command, Stdio};
use std::time::Duration;

fn output_of(name: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(bin_dir().join(name));
    let ran = shell::run(command.args(arguments).stdin(Stdio::null()), Duration::from_mins(1), false);
    assert_eq!((ran.code(), ran.err()), (0, String::new()), "{name} {arguments:?}");
    ran.out()
}

#[test]
fn pages_are_what_the_commands_generate() {
    let mut stale = Vec::new();
    for name in commands() {
        let page = root().join(format!("man/{name}.1"));
        if std::fs::read_to_string(&page).unwrap_or_default() != output_of(&name, &["--generate", "man"]) {
            stale.push(format!("{name} --generate man >man/{name}.1"));
        }
    }
    assert!(stale.is_empty(), "not up to date; run:\n{}", stale.join("\n"));
}

#[test]
fn pages_have_no_lint() {
    let pages = super::all_pages();
    let pages = pages.iter().filter(|page| page.extension().is_none_or(|extension| extension != "md"));
    let mut mandoc = Command::new("mandoc");
    mandoc.args(["-T", "lint", "-W", "warning"]).args(pages).current_dir(root()).stdin(Stdio::null());
    let ran = shell::run(&mut mandoc, Duration::from_mins(1), true);
    assert_eq!((ran.code(), ran.out()), (0, String::new()));
}

#[test]
fn help_fits_one_screen() {
    let mut faults = Vec::new();
    for name in commands() {
        let help = output_of(&name, &["-h"]);
        let (lines, columns) = (help.lines().count(), help.lines().map(|line| line.chars().count()).max().unwrap_or(0));
        if !(10..=50).contains(&lines) || columns > 100 {
            faults.push(format!("{name} -h: {lines} lines of {columns} columns, 50 of 100 at most"));
        }
        if !help.contains("Examples:\n  $ ") || !help.contains("Exit codes:") {
            faults.push(format!("{name} -h: no examples or no exit codes"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn completions_are_there() {
    for name in commands() {
        for shell in ["bash", "zsh", "fish"] {
            let script = output_of(&name, &["--generate", &format!("complete-{shell}")]);
            assert!(script.contains(&name), "{name}: {shell}");
            if shell == "bash" {
                let ran = shell::run(
                    Command::new("bash").args(["-n", "-c", &script]).stdin(Stdio::null()),
                    Duration::from_mins(1),
                    true,
                );
                assert_eq!((ran.code(), ran.out()), (0, String::new()), "{name}");
            }
        }
    }
}

#[test]
fn schemas_are_json_schemas() {
    for name in commands() {
        let text = output_of(&name, &["--schema"]);
        let schema = cooee::jsonl::parse(text.trim_end().as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(schema.get("$schema").is_some(), "{name}: no $schema");
    }
}

#[test]
fn versions_name_the_command() {
    for name in commands() {
        assert_eq!(output_of(&name, &["--version"]), format!("{name} {}\n", env!("CARGO_PKG_VERSION")));
    }
}
