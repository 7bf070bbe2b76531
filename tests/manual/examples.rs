//! Executes every example of every page and compares what it prints.
//!
//! `$ command` is typed into one `sh` session per page, in a fresh folder that
//! is also `HOME`; lines that follow are its stdout and stderr as a terminal
//! shows them. `> ` continues a command. `...` stands for anything on a line, a
//! line of only `...` for any lines, `# exit N` for an exit code other than 0.

use super::{all_pages, bin_dir, root, shell};
use std::fmt::Write as _;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

#[derive(Debug, Default, PartialEq)]
pub(super) struct Step {
    command: String,
    expected: Vec<String>,
    exit: i32,
}

/// The example lines of a man page: what stands between `.EX` and `.EE`.
pub fn roff_examples(page: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match line {
            ".EX" => inside = true,
            ".EE" => {
                inside = false;
                lines.push(String::new());
            }
            _ if inside => lines.push(unescape(line)),
            _ => {}
        }
    }
    lines
}

fn unescape(line: &str) -> String {
    let mut plain = line.to_owned();
    for font in ["\\fB", "\\fI", "\\fR", "\\fP", "\\&"] {
        plain = plain.replace(font, "");
    }
    for (roff, character) in
        [("\\(aq", "'"), ("\\(ha", "^"), ("\\(ti", "~"), ("\\(ga", "`"), ("\\(dq", "\""), ("\\-", "-")]
    {
        plain = plain.replace(roff, character);
    }
    plain.replace("\\(rs", "\\e").replace("\\e", "\\")
}

/// The example lines of the README: its fenced `sh` blocks.
fn markdown_examples(page: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match line.trim_end() {
            "```sh" => inside = true,
            "```" => {
                inside = false;
                lines.push(String::new());
            }
            _ if inside => lines.push(line.to_owned()),
            _ => {}
        }
    }
    lines
}

/// Steps of a page; a block without `$ ` has none.
pub(super) fn steps(lines: &[String]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut open = false;
    for line in lines {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { command: command.to_owned(), ..Step::default() });
            open = true;
            continue;
        }
        let Some(step) = steps.last_mut().filter(|_| open) else { continue };
        if line.is_empty() {
            open = false;
        } else if let Some(more) = line.strip_prefix("> ").filter(|_| step.expected.is_empty()) {
            step.command.push('\n');
            step.command.push_str(more);
        } else if let Some(code) = line.strip_prefix("# exit ") {
            step.exit = code.trim().parse().unwrap_or_else(|_| panic!("not an exit code: {line}"));
        } else {
            step.expected.push(line.clone());
        }
    }
    steps
}

/// Do the printed lines look as the page says?
fn alike(expected: &[String], printed: &[&str]) -> bool {
    match (expected.split_first(), printed.split_first()) {
        (None, None) => true,
        (Some((line, rest)), _) if line.trim() == "..." => {
            (0..=printed.len()).any(|skipped| alike(rest, &printed[skipped..]))
        }
        (Some((line, rest)), Some((first, others))) => line_alike(line, first) && alike(rest, others),
        _ => false,
    }
}

fn line_alike(expected: &str, printed: &str) -> bool {
    let Some((head, tail)) = expected.split_once("...") else { return expected == printed };
    let Some(rest) = printed.strip_prefix(head) else { return false };
    let places = rest.char_indices().map(|(place, _)| place).chain([rest.len()]);
    let mut places = places;
    places.any(|place| line_alike(tail, &rest[place..]))
}

const MARK: &str = "@@ step ended with";

/// The page as one script. A node that an example starts in the background is
/// waited for by its socket, which is how it says that it is ready.
pub(super) fn script(steps: &[Step]) -> String {
    let mut script = String::new();
    for step in steps {
        let _ = writeln!(script, "{}", step.command);
        let _ = writeln!(script, "printf '{MARK} %s\\n' \"$?\"");
        if step.command.contains("--serve") && step.command.trim_end().ends_with('&') {
            let mut words = step.command.split_whitespace().skip_while(|word| *word != "--dir");
            let folder = words.nth(1).unwrap_or("\"$HOME/.local/state/cooee\"");
            let _ = writeln!(script, "until test -S {folder}/node.sock; do sleep 0.02; done");
        }
    }
    script
}

/// Where a page's examples run. The README types `./scripts/enrol`; here that
/// takes the commands just built instead of building them again.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a folder");
    let scripts = home.path().join("scripts");
    std::fs::create_dir(&scripts).expect("a new folder");
    let enrol = root().join("scripts/enrol");
    let wrapper = format!("#!/bin/sh\nexec '{}' --bin-dir '{}' \"$@\"\n", enrol.display(), bin_dir().display());
    std::fs::write(scripts.join("enrol"), wrapper).expect("written");
    std::fs::set_permissions(scripts.join("enrol"), Permissions::from_mode(0o755)).expect("our own file");
    home
}

fn check(page: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    let markdown = page.extension().is_some_and(|extension| extension == "md");
    let steps = steps(&if markdown { markdown_examples(&text) } else { roff_examples(&text) });
    if steps.is_empty() {
        return Vec::new();
    }
    let name = page.file_name().unwrap_or_default().to_string_lossy();
    run(&name, &steps, &script(&steps), home().path())
}

/// Runs a script of these steps in a folder, and says what is not as they say.
pub(super) fn run(name: &str, steps: &[Step], script: &str, home: &Path) -> Vec<String> {
    let work = tempfile::tempdir().expect("a folder");
    let file = work.path().join("page.sh");
    std::fs::write(&file, script).expect("written");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("sh");
    command.arg(&file).current_dir(home).stdin(Stdio::null()).env_clear();
    command.env("PATH", format!("{}:{path}", bin_dir().display())).env("HOME", home).env("LC_ALL", "C.UTF-8");
    let ran = shell::run(&mut command, Duration::from_mins(2), true);
    judge(name, steps, &ran)
}

fn judge(name: &str, steps: &[Step], ran: &shell::Ran) -> Vec<String> {
    let output = ran.out();
    let mut faults = Vec::new();
    let mut rest = output.as_str();
    for step in steps {
        let Some((printed, after)) = rest.split_once(MARK) else {
            faults.push(format!("{name}: $ {}\nnever ended; printed so far:\n{rest}", step.command));
            return faults;
        };
        let (code, after) = after.split_once('\n').unwrap_or((after, ""));
        rest = after;
        let lines: Vec<&str> = printed.lines().collect();
        if code.trim() != step.exit.to_string() || !alike(&step.expected, &lines) {
            faults.push(format!(
                "{name}: $ {}\n--- the page says (exit {}):\n{}\n--- it printed (exit {}):\n{printed}",
                step.command,
                step.exit,
                step.expected.join("\n"),
                code.trim(),
            ));
        }
    }
    if !ran.clean {
        faults.push(format!("{name}: a process outlives SIGTERM by 10 s"));
    }
    faults
}

#[test]
fn every_example_prints_what_its_page_says() {
    let faults: Vec<String> = all_pages().iter().flat_map(|page| check(page)).collect();
    assert!(faults.is_empty(), "{} faults\n\n{}", faults.len(), faults.join("\n\n"));
}

#[test]
fn the_comparison_finds_what_differs() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let says = |page: &str, printed: &str| alike(&lines(page), &printed.lines().collect::<Vec<_>>());
    assert!(says("a", "a") && !says("a", "b") && !says("a", "a\nb") && !says("a\nb", "a"));
    assert!(says("a...c", "abc") && says("a...c", "ac") && !says("a...c", "abd") && says("x ... y ...", "x 1 y 2"));
    assert!(says("a\n...\nz", "a\nz") && says("a\n...\nz", "a\nb\nc\nz") && !says("a\n...\nz", "a\nb"));
}

#[test]
fn pages_are_read_as_they_are_shown() {
    let page = ".EX\n$ echo \\(aqa\\-b\\(aq \\e\n> \\(ti\na\\-b \\(ti\n# exit 3\n.EE\ntext\n.EX\nno command\n.EE\n";
    let step = Step { command: "echo 'a-b' \\\n~".to_owned(), expected: vec!["a-b ~".to_owned()], exit: 3 };
    assert_eq!(steps(&roff_examples(page)), [step]);
    let page = "```sh\n$ true\n```\n\n```text\n$ false\n```\n";
    let step = Step { command: "true".to_owned(), ..Step::default() };
    assert_eq!(steps(&markdown_examples(page)), [step]);
}

/// An example that is wrong, one that hangs on a child, and one that leaves a
/// process behind are all found.
#[test]
fn a_wrong_example_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("WRONG.md");
    let faults = |text: &str| {
        std::fs::write(&page, format!("```sh\n{text}\n```\n")).expect("written");
        check(&page)
    };
    assert_eq!(faults("$ echo a\na\n$ sleep 600 &\n$ cd /; false\n# exit 1\n$ pwd\n/"), [""; 0]);
    assert_eq!(faults("$ echo a\nb\n$ false\n$ echo c\nc").len(), 2);
    assert_eq!(faults("$ echo a\na\n$ exit 0\n$ echo b\nb").len(), 1);
}
