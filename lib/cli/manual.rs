//! `--generate`: a command's man page and its completions, printed by itself.
//!
//! The page is clap's (NAME, SYNOPSIS, DESCRIPTION, OPTIONS), then the
//! command's own sections, then EXIT STATUS. Their markup is small: `# TITLE`
//! opens a section, four spaces an example, `- ` a list item (with two spaces
//! before the next line: a term, and what it means), `**bold**` and `` `code` ``
//! a word in bold; a blank line ends a paragraph.

use super::{Common, Failure, Output, TABLE, Tool};
use clap::Args as _;
use std::fmt::Write as _;
use std::io::Write as _;

/// What pages are dated: the day of the release they belong to.
const DATE: &str = "2026-11-21";

/// The clap command as `-h` and the page show it.
pub(super) fn command<T: Tool>(name: &'static str) -> clap::Command {
    let mut end = String::from("Examples:\n");
    for line in T::EXAMPLES.trim_matches('\n').lines() {
        let _ = writeln!(end, "  {line}");
    }
    end.push_str("\nExit codes:\n  0 done or yes · 1 no · 2 could not run · 3 some input rejected · 4 try later · 5 refused: security");
    Common::augment_args(T::command()).name(name).version(env!("CARGO_PKG_VERSION")).after_help(end)
}

/// Prints what `--generate what` asks for.
pub(super) fn generate<T: Tool>(name: &'static str, what: &str, out: &mut Output) -> Result<(), Failure> {
    let mut command = command::<T>(name);
    if what == "man" {
        return out.bytes(page::<T>(command).as_bytes());
    }
    let shell = what.strip_prefix("complete-").and_then(|shell| shell.parse::<clap_complete::Shell>().ok());
    let Some(shell) = shell else {
        return Err(Failure::could_not_run(format_args!("cannot generate \"{what}\""))
            .hint("man, complete-bash, complete-zsh, complete-fish, complete-elvish or complete-powershell"));
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    out.bytes(&script)
}

fn page<T: Tool>(command: clap::Command) -> String {
    let command = command.after_help("").after_long_help("");
    let title = command.get_name().to_uppercase();
    let synopsis = command.clone().render_usage().to_string().replace("Usage: ", "");
    let source = concat!("cooee ", env!("CARGO_PKG_VERSION"));
    let man = clap_mangen::Man::new(command).title(title).date(DATE).source(source).manual("cooee");
    let mut head = Vec::new();
    let written = man
        .render_title(&mut head)
        .and_then(|()| man.render_name_section(&mut head))
        // clap_mangen names every option here, but none of their values.
        .and_then(|()| writeln!(head, ".SH SYNOPSIS\n{}", roff(&synopsis)))
        .and_then(|()| man.render_description_section(&mut head))
        .and_then(|()| man.render_options_section(&mut head));
    written.expect("a Vec takes all bytes");
    let mut page = String::from_utf8(head).expect("roff is text");
    sections(T::MANUAL, &mut page);
    page.push_str(".SH \"EXIT STATUS\"\n");
    for (code, meaning) in TABLE {
        let _ = writeln!(page, ".TP\n\\fB{code}\\fR\n{meaning}");
    }
    page
}

/// The small markup → roff.
fn sections(text: &str, page: &mut String) {
    let mut in_example = false;
    let mut in_list = false;
    let mut fresh = true;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let example = line.strip_prefix("    ");
        if in_example && example.is_none() && !line.is_empty() {
            page.push_str(".EE\n.RE\n");
            in_example = false;
            fresh = true;
        }
        if let Some(code) = example {
            if !in_example {
                page.push_str(".PP\n.RS 4\n.EX\n");
                in_example = true;
            }
            let _ = writeln!(page, "{}", guarded(&roff(code)));
        } else if let Some(title) = line.strip_prefix("# ") {
            let _ = writeln!(page, ".SH \"{title}\"");
            (fresh, in_list) = (false, false);
        } else if let Some(item) = line.strip_prefix("- ") {
            let is_term = lines.peek().is_some_and(|next| next.starts_with("  ") && !next.starts_with("    "));
            let tag = if is_term { ".TP 4" } else { ".IP \\(bu 2" };
            let _ = writeln!(page, "{tag}\n{}", guarded(&styled(item)));
            (fresh, in_list) = (false, true);
        } else if line.is_empty() {
            if in_example {
                page.push('\n');
            }
            fresh = true;
        } else {
            let indented = line.strip_prefix("  ").filter(|_| in_list);
            if fresh && indented.is_none() {
                page.push_str(".PP\n");
                in_list = false;
            }
            fresh = false;
            let _ = writeln!(page, "{}", guarded(&styled(indented.unwrap_or(line))));
        }
    }
    if in_example {
        page.push_str(".EE\n.RE\n");
    }
}

/// Roff's own characters made plain.
fn roff(text: &str) -> String {
    text.replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('\'', "\\(aq")
        .replace('^', "\\(ha")
        .replace('~', "\\(ti")
        .replace('`', "\\(ga")
}

/// A line that starts with a dot or a quote would be a request.
fn guarded(line: &str) -> String {
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() }
}

fn styled(text: &str) -> String {
    let mut styled = String::new();
    let mut bold = false;
    for part in text.replace("**", "`").split('`') {
        styled.push_str(if bold { "\\fB" } else { "" });
        styled.push_str(&roff(part));
        styled.push_str(if bold { "\\fR" } else { "" });
        bold = !bold;
    }
    styled
}
