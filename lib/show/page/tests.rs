//! What is on the page and in which order; how it looks is tried in a browser.

use super::*;
use crate::trust::{Agent, Dimension};
use proptest::prelude::*;

fn agent(value: f64, signals: usize, at: i64) -> Agent {
    let (mut agent, config) = (Agent::default(), Config::default());
    for dimension in Dimension::ALL.into_iter().cycle().take(signals) {
        agent.signal(dimension, value, at, &config);
    }
    agent.recalculate(at, &config);
    agent
}

/// The names on the page, from the top.
fn names(page: &str) -> Vec<String> {
    page.split("<bdi class=\"did\">").skip(1).filter_map(|rest| Some(rest.split("</bdi>").next()?.to_owned())).collect()
}

proptest! {
    /// Whatever the order they come in: those of the heaps are those of a sort.
    #[test]
    fn the_worst_come_first(
        fleet in prop::collection::btree_map("[a-z]{1,4}", (0.0..1.0f64, 0..9usize, 0..5i64), 0..40),
        in_full in 0..12usize,
    ) {
        let config = Config::default();
        let agents: Vec<(String, Agent)> =
            fleet.into_iter().map(|(did, (value, signals, at))| (did, agent(value, signals, at))).collect();
        let (mut page, mut sorted) = (Page::new(in_full), Vec::new());
        for (did, agent) in &agents {
            let subject = Subject { did, agent, recent: Vec::new(), effective: None };
            page.take(&subject, &config);
            sorted.push((order(&subject, &config), did.clone()));
        }
        sorted.sort();
        let html = page.render(&config, 0);
        let expected: Vec<String> = sorted.into_iter().map(|(_, did)| did).collect();
        prop_assert_eq!(names(&html), expected);
        prop_assert_eq!(html.matches("<article").count(), in_full.min(agents.len()));
    }
}

#[test]
fn nobody_is_no_failure() {
    let page = Page::new(5).render(&Config::default(), i64::MAX);
    assert!(page.contains("<h1>Trust of 0 agents</h1>") && page.contains("9999-12-31 23:59:59 UTC"));
    assert!(!page.contains("NaN") && !page.contains("Median"));
}

#[test]
fn an_effective_score_is_shown_and_judges() {
    let (config, agent) = (Config::default(), agent(0.9, 5, 0));
    for in_full in [0, 1] {
        let mut page = Page::new(in_full);
        page.take(&Subject { did: "a", agent: &agent, recent: Vec::new(), effective: Some(420) }, &config);
        let page = page.render(&config, 0);
        assert!(page.contains("at risk") && page.contains("420") && page.contains("900"), "{page}");
        // Nobody is revoked by what a total is worth.
        assert!(page.contains("Agents by effective score") && !page.contains("below 300 it is revoked."), "{page}");
        assert!(page.contains("Median effective score"), "{page}");
    }
}

#[test]
fn numbers_are_readable() {
    assert_eq!([0, 1, 999, 1000, 1_234_567].map(|n| count(n, "")), ["0", "1", "999", "1,000", "1,234,567"]);
    assert_eq!((count(1, "signal"), count(2, "signal")), ("1 signal".to_owned(), "2 signals".to_owned()));
}
