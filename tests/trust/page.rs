//! The page, as a browser shows it.

use super::browser::Browser;
use super::people::fleet;
use super::{signal, trust_score};
use predicates::str::contains;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

/// Markup, quotes, a right-to-left override, NUL, escapes: each stands in a name,
/// a source, details and a trace.
const EVIL: [&str; 8] = [
    "<script>window.hit = 1</script>",
    "\"><img src=x onerror=\"window.hit = 1\">",
    "' onmouseover='window.hit = 1",
    "</style><script>window.hit = 1</script>",
    "&lt;b&gt; &amp;",
    "a\u{202e}gnp.exe\u{2066}",
    "\u{5d0}\u{5d1}\u{5d2} שלום",
    "日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語",
];

fn hostile() -> String {
    let mut lines = String::new();
    let mut line = |agent: &str, text: &str| {
        let line = json!({"agent_did": agent, "dimension": "policy_compliance", "value": 0.2, "source": text,
            "details": text.repeat(3), "trace_id": text, "timestamp": "2026-11-21T10:00:00Z"});
        writeln!(lines, "{line}").expect("a String takes all text");
    };
    for text in EVIL {
        line(text, text);
    }
    line(&"W".repeat(256), "\u{0}\u{1b}[31m\u{7}\r\n");
    line("long", &"x".repeat(256));
    line(&format!("{}#{}", "y".repeat(100), "Z".repeat(155)), "s");
    lines
}

/// The page of that input, in a folder of its own.
fn page(arguments: &[&str], input: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("page.html");
    let mut all = vec!["--html", path.to_str().expect("UTF-8")];
    all.extend(arguments);
    trust_score(&all).write_stdin(input).assert().code(0).stdout("").stderr("");
    (folder, path)
}

/// The page asks for nothing and complains of nothing.
fn keeps_to_itself(browser: &Browser, path: &std::path::Path) {
    let own = format!("file://{}", path.display());
    for event in &browser.events {
        match event["method"].as_str().unwrap_or_default() {
            "Network.requestWillBeSent" => assert_eq!(event["params"]["request"]["url"], own),
            "Log.entryAdded" | "Runtime.exceptionThrown" | "Runtime.consoleAPICalled" => panic!("{event}"),
            _ => (),
        }
    }
}

#[test]
fn people_see_who_is_at_risk_and_why() {
    let (_folder, path) = page(&[], &fleet());
    let mut browser = Browser::start();
    browser.open(&path, 1280, "light");
    keeps_to_itself(&browser, &path);
    let texts = |browser: &mut Browser, selector: &str| {
        browser.ask(&format!(
            "[...document.querySelectorAll({selector:?})].map(e => e.innerText.replace(/\\s+/g, ' ').trim())"
        ))
    };
    assert_eq!(
        texts(&mut browser, "h1, h2"),
        json!([
            "Trust of 4 agents",
            "How scores are spread",
            "At risk 1",
            "Revoked 1",
            "In good standing 2",
            "How to read this"
        ])
    );
    assert_eq!(texts(&mut browser, ".tiles > div"), json!(["Agents 4", "At risk 1", "Revoked 1", "Median score 500"]));
    assert_eq!(texts(&mut browser, "header time"), json!(["2026-11-21 00:01:10 UTC"]));
    assert_eq!(
        texts(&mut browser, ".card h3"),
        json!(["did:web:risky#BBBBBBBBBB", "did:web:gone", "did:web:quiet", "did:web:good#AAAAAAAAAA"])
    );
    assert_eq!(texts(&mut browser, ".total strong"), json!(["446", "735", "500", "625"]));
    assert_eq!(texts(&mut browser, ".tag.alarm"), json!(["at risk", "revoked"]));
    assert_eq!(
        texts(&mut browser, ".reason"),
        json!(["Revoked 2026-11-21 00:00:21 UTC: Trust score 250 below threshold."])
    );
    let risky = texts(&mut browser, "#at-risk tr");
    assert_eq!(risky[0], "Dimension Score Signals Weight Adds");
    assert_eq!(risky[1], "policy compliance 28.5 2 0.25 71.4");
    assert_eq!(risky[2], "resource efficiency 50.0 0 0.15 75.0");
    assert_eq!(risky[6], "Total, without its fraction 446");
    assert_eq!(texts(&mut browser, ".tiers tbody tr").as_array().map(Vec::len), Some(5));
    // The signals of `risky`, the newest first, once they are asked for.
    assert_eq!(browser.ask("document.querySelector('.signals').checkVisibility()"), false);
    browser.ask("document.querySelector('summary').click()");
    assert_eq!(browser.ask("document.querySelector('.signals').checkVisibility()"), true);
    assert_eq!(texts(&mut browser, "#at-risk .value"), json!(["0.37", "0.20"]));
    // One bar for each step of 50 that somebody is in, each chart with its label.
    assert_eq!(browser.ask("document.querySelectorAll('svg.histogram rect').length"), 4);
    assert_eq!(browser.ask("document.querySelectorAll('svg.history[role=img][aria-label]').length"), 4);
    assert_eq!(
        browser.ask("document.querySelector('svg.history').getAttribute('aria-label')"),
        "History of the total: 2 recalculations, first 425, last 446."
    );
    // On paper nobody can open anything.
    browser.open(&path, 800, "light");
    let shown = "getComputedStyle(document.querySelector('details'), '::details-content').contentVisibility";
    assert_eq!(browser.ask(shown), "hidden");
    browser.print();
    assert_eq!(browser.ask(shown), "visible");
}

#[test]
fn what_strangers_wrote_stays_text() {
    let (_folder, path) = page(&[], &hostile());
    let mut browser = Browser::start();
    browser.open(&path, 1280, "dark");
    keeps_to_itself(&browser, &path);
    let found = browser.ask(
        "[window.hit === undefined, document.scripts.length, document.images.length,
          document.querySelectorAll('[onmouseover], [onerror], [style], link, iframe, form, object').length,
          document.querySelectorAll('style').length, document.querySelectorAll('.card').length]",
    );
    assert_eq!(found, json!([true, 0, 0, 0, 1, 11]));
    let text = browser.ask("document.body.textContent");
    let text = text.as_str().expect("text");
    for evil in EVIL {
        assert!(text.contains(&cooee::show::escape(evil)), "{evil:?} is not shown");
    }
    for (hidden, shown) in
        [("\u{202e}", "\\u{202e}"), ("\u{2066}", "\\u{2066}"), ("\u{0}", "\\u{0}"), ("\u{1b}", "\\u{1b}")]
    {
        assert!(!text.contains(hidden) && text.contains(shown), "{shown}");
    }
    assert!(!text.contains('\u{fffd}'), "a raw NUL");
}

/// The lowest contrast between a text and what is behind it, by WCAG 2, and the
/// text that has it.
const CONTRAST: &str = r"(() => {
    const parts = color => color.match(/[\d.]+/g).map(Number);
    const light = color => parts(color).slice(0, 3).map(c => c / 255)
        .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
    const behind = e => {
        for (; e; e = e.parentElement) {
            const color = getComputedStyle(e).backgroundColor;
            if (!(parts(color)[3] === 0)) return color;
        }
        return 'rgb(255, 255, 255)';
    };
    let worst = [99, ''];
    for (const e of document.querySelectorAll('body *')) {
        if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || e.closest('title')) continue;
        const style = getComputedStyle(e);
        const [a, b] = [light(e instanceof SVGElement ? style.fill : style.color), light(behind(e))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < worst[0]) worst = [ratio, e.outerHTML.slice(0, 80)];
    }
    return worst;
})()";

#[test]
fn it_fits_a_telephone_by_day_and_by_night() {
    let many: String =
        (0..30).map(|n| signal(&format!("did:web:{n}#AAAAAAAAAA"), "security_posture", 0.4, n)).collect();
    let pages = [page(&[], &fleet()), page(&[], &hostile()), page(&["--html-agents", "2"], &many)];
    let mut browser = Browser::start();
    for (_folder, path) in &pages {
        let mut papers = Vec::new();
        for scheme in ["light", "dark"] {
            for width in [320, 360, 1280] {
                browser.open(path, width, scheme);
                browser.ask("document.querySelectorAll('details').forEach(e => e.open = true)");
                let wide = browser.ask("document.documentElement.scrollWidth");
                assert!(wide.as_u64().expect("a number") <= u64::from(width), "{} at {width}: {wide}", path.display());
            }
            let worst = browser.ask(CONTRAST);
            assert!(worst[0].as_f64().expect("a number") >= 4.5, "{scheme}: {worst}");
            papers.push(browser.ask("getComputedStyle(document.body).backgroundColor"));
        }
        assert_ne!(papers[0], papers[1], "light and dark");
    }
}

#[test]
fn a_large_fleet_is_bounded() {
    let many: String = (0..1300).map(|n| signal(&format!("a{n:04}"), "security_posture", 0.9, n)).collect();
    let (_folder, path) = page(&["--html-agents", "5"], &many);
    let page = std::fs::read_to_string(path).expect("written");
    assert_eq!(page.matches("<article").count(), 5);
    assert_eq!(page.matches("<th scope=\"row\"><bdi").count(), 1000);
    assert!(page.contains("295 more agents, none of them"), "how many are not listed is said");
    assert!(page.contains("<dd>1,300</dd>"));
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
    // Those that are alike are taken by name.
    assert!(page.contains("a0004") && page.contains("a1004") && !page.contains("a1005"));
}

#[test]
fn a_file_is_replaced_whole_or_not_at_all() {
    let (folder, path) = page(&[], &fleet());
    let before = std::fs::read(&path).expect("written");
    let html = path.to_str().expect("UTF-8");
    trust_score(&["--html", html, "--strict"]).write_stdin("nonsense\n").assert().code(3).stdout("");
    assert_eq!(std::fs::read(&path).expect("still there"), before);
    let output = trust_score(&["--html", "-"]).write_stdin(fleet()).assert().code(0).get_output().stdout.clone();
    assert_eq!(output, before, "same input, same bytes");
    trust_score(&["--html", "/dev/null/page.html"]).write_stdin(fleet()).assert().code(2).stdout("");
    trust_score(&["--html", html]).write_stdin(signal("b", "output_quality", 1, 0)).assert().code(0);
    assert_ne!(std::fs::read(&path).expect("replaced"), before);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left beside it");
}

/// A folder that takes no file, whoever asks: only the name that was given is
/// said, not that of the file which would have been renamed to it.
#[test]
fn a_page_that_cannot_be_written_is_named() {
    let refused = trust_score(&["--html", "/proc/page.html"]).write_stdin(fleet()).assert().code(2).stdout("");
    refused.stderr("trust-score: /proc/page.html: No such file or directory (os error 2)\n");
}

#[test]
fn a_pipe_is_left_alone_and_a_link_stays_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let [pipe, link, page] = ["pipe", "link", "page"].map(|name| folder.path().join(name));
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).expect("made");
    let refused = trust_score(&["--html", pipe.to_str().expect("UTF-8")]).write_stdin(fleet()).assert().code(2);
    refused.stdout("").stderr(format!("trust-score: {}: not a regular file\n", pipe.display()));
    assert!(!std::fs::metadata(&pipe).expect("still there").is_file());
    std::fs::write(&page, "old").expect("written");
    std::os::unix::fs::symlink("page", &link).expect("linked");
    trust_score(&["--html", link.to_str().expect("UTF-8")]).write_stdin(fleet()).assert().code(0);
    assert!(std::fs::symlink_metadata(&link).expect("still there").is_symlink());
    assert!(std::fs::read_to_string(&page).expect("a page").starts_with("<!DOCTYPE html>"));
}

/// The policy allows no script and the one style sheet that is there.
#[test]
fn the_policy_is_of_this_style_sheet() {
    use sha2::{Digest, Sha256};
    let (_folder, path) = page(&[], &fleet());
    let page = std::fs::read_to_string(path).expect("written");
    let style = page.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next()).expect("a style sheet");
    let hash = data_encoding::BASE64.encode(&Sha256::digest(style));
    let policy = format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'");
    assert!(page.contains(&format!("http-equiv=\"Content-Security-Policy\" content=\"{policy}\"")), "{policy}");
    let links: Vec<Value> = page.match_indices("href=").map(|(at, _)| json!(&page[at..at + 40])).collect();
    assert_eq!(links, Vec::<Value>::new());
}

/// A page that was private stays private, and a link stays a link.
#[test]
fn a_page_keeps_its_mode() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let write = |name: &str| {
        let path = at(name);
        trust_score(&["--html", path.to_str().expect("UTF-8")]).write_stdin(fleet()).assert()
    };
    std::fs::write(at("page"), "old").expect("written");
    std::fs::set_permissions(at("page"), std::fs::Permissions::from_mode(0o600)).expect("private");
    std::os::unix::fs::symlink("page", at("link")).expect("linked");
    write("link").code(0).stdout("").stderr("");
    assert!(at("link").is_symlink());
    let page = std::fs::read_to_string(at("page")).expect("a page");
    assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
    assert_eq!(std::fs::metadata(at("page")).expect("there").permissions().mode() & 0o777, 0o600);
    write("none/page").code(2).stderr(contains("none/page: No such file or directory (os error 2)\n"));
    assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 2, "no temporary file stays");
}
