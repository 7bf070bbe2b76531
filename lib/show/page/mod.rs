//! The fleet as one page of HTML: how scores are spread, who is at risk, who is
//! revoked, and why.
//!
//! The page holds all it needs and asks for nothing: no script, no picture, no
//! font; its content security policy allows one style sheet, by its hash. What
//! strangers wrote goes through [`text`]; maud escapes all the rest as well.

#![allow(clippy::cast_precision_loss, reason = "a drawing needs no more digits than it has pixels")]

mod card;
mod chart;
mod fleet;
mod row;

use super::escape;
use crate::trust::read::{civil, rfc3339};
use crate::trust::{Config, Standing, Subject, Tier, Trend};
use card::Card;
use data_encoding::BASE64;
use fleet::Spread;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use row::Row;
use sha2::{Digest as _, Sha256};
use std::collections::BinaryHeap;

/// Agents in the table behind those that are shown in full; of more only the
/// number is said.
pub const ROWS: usize = 1000;

const STYLE: &str = include_str!("style.css");

/// Who comes first: at risk before revoked before good; the lowest score first,
/// of the revoked the latest; then by name.
type Order = (Standing, i64, Box<str>);

/// Something to show, ordered by who comes first and by nothing else.
struct Ranked<T>(Order, T);

/// Gathers agents, then renders the page. Holds no more of them than it shows.
pub struct Page {
    in_full: usize,
    /// The first so far; on top the last of them.
    cards: BinaryHeap<Ranked<Card>>,
    rows: BinaryHeap<Ranked<Row>>,
    spread: Spread,
}

impl Page {
    /// A page that shows that many agents in full.
    pub fn new(in_full: usize) -> Self {
        Self { in_full, cards: BinaryHeap::new(), rows: BinaryHeap::new(), spread: Spread::default() }
    }

    /// Takes an agent.
    pub fn take(&mut self, subject: &Subject<'_>, config: &Config) {
        self.spread.take(subject, config);
        let order = order(subject, config);
        if belongs(&self.cards, self.in_full, &order) {
            self.cards.push(Ranked(order, Card::of(subject)));
            if self.cards.len() > self.in_full
                && let Some(Ranked(order, card)) = self.cards.pop()
            {
                let row = Row::of(&card.subject(&order.2));
                self.row(order, row);
            }
        } else {
            self.row(order, Row::of(subject));
        }
    }

    fn row(&mut self, order: Order, row: Row) {
        if belongs(&self.rows, ROWS, &order) {
            self.rows.push(Ranked(order, row));
            if self.rows.len() > ROWS {
                self.rows.pop();
            }
        }
    }

    /// The page; `as_of` is in milliseconds since 1970.
    pub fn render(self, config: &Config, as_of: i64) -> String {
        let Self { cards, rows, spread, .. } = self;
        let (cards, rows) = (cards.into_sorted_vec(), rows.into_sorted_vec());
        let shown = cards.len() + rows.len();
        let effective = spread.is_effective();
        let csp = format!(
            "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
            BASE64.encode(&Sha256::digest(STYLE))
        );
        let title = format!("Trust of {}", count(spread.agents(), "agent"));
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(csp);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="referrer" content="no-referrer";
                    meta name="robots" content="noindex";
                    title { (title) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    header {
                        h1 { (title) }
                        p { "As of " (time(as_of)) }
                        (spread.tiles())
                    }
                    main {
                        @if spread.agents() > 0 { (spread.section(config)) }
                        @for (standing, id, title, about) in SECTIONS {
                            @let cards: Vec<&Ranked<Card>> = cards.iter().filter(|card| card.0.0 == standing).collect();
                            (section(id, title, about, &cards, spread.standing(standing), config))
                        }
                        @if !rows.is_empty() { (row::section(&rows, !cards.is_empty(), spread.agents() - cards.len() as u64, config)) }
                        @if spread.agents() > shown as u64 {
                            p.more {
                                (count(spread.agents() - shown as u64, "more agent"))
                                ", none of them worse off than the last one above, are counted but not listed here: "
                                "a page of them all would open nowhere. Records of all of them are what "
                                code { "trust-score" } " prints without " code { "--html" } "."
                            }
                        }
                    }
                    (notes(config, effective))
                }
            }
        };
        page.into_string()
    }
}

/// Each standing's place on the page.
const SECTIONS: [(Standing, &str, &str, &str); 3] = [
    (Standing::AtRisk, "at-risk", "At risk", "Below the warning threshold, not yet revoked; the lowest score first."),
    (Standing::Revoked, "revoked", "Revoked", "For good, whatever they do later; the latest first."),
    (Standing::Good, "good", "In good standing", "The lowest score first."),
];

fn section(id: &str, title: &str, about: &str, cards: &[&Ranked<Card>], all: u64, config: &Config) -> Markup {
    html! {
        @if !cards.is_empty() {
            section id=(id) {
                h2 { (title) " " span.number { (count(all, "")) } }
                p.about {
                    (about)
                    @if all > cards.len() as u64 { " The first " (cards.len()) " in full, more of them in the table below." }
                }
                div.cards {
                    @for Ranked(order, card) in cards { (card::card(&card.subject(&order.2), config)) }
                }
            }
        }
    }
}

/// What the numbers mean.
fn notes(config: &Config, effective: bool) -> Markup {
    html! {
        footer {
            h2 { "How to read this" }
            p {
                "A total runs from 0 to 1000: ten times the sum of each dimension's score (0 to 100; 50 without a signal) "
                "times its weight. A score is the mean of the dimension's last 100 signals, newer ones weighing up to "
                "twice as much. "
                @if effective { "The effective score is what a total is worth, as the options of trust-score judge it. " }
                "Below " (config.warning_threshold) " an agent is at risk; a total below "
                (config.revocation_threshold) " revokes it for good. Charts show up to 100 recalculations, one step "
                "each, on the same scale for all."
            }
            p { "Written by trust-score " (env!("CARGO_PKG_VERSION")) "." }
        }
    }
}

/// Whether it comes before the last of that many.
fn belongs<T>(heap: &BinaryHeap<Ranked<T>>, limit: usize, order: &Order) -> bool {
    heap.len() < limit || limit > 0 && heap.peek().is_some_and(|last| *order < last.0)
}

fn order(subject: &Subject<'_>, config: &Config) -> Order {
    let within = subject.agent.revocation().map_or_else(|| i64::from(subject.judged()), |revocation| -revocation.at);
    (subject.standing(config), within, subject.did.into())
}

/// What strangers wrote: controls and what reorders text made visible.
fn text(text: &str) -> Markup {
    html! { (escape(text)) }
}

/// An agent's name: what tells agents of one host apart stands out.
fn name(did: &str) -> Markup {
    let (host, agent) = did.split_at(did.rfind('#').unwrap_or(did.len()));
    html! { bdi.did { (text(host)) @if !agent.is_empty() { b { (text(agent)) } } } }
}

fn time(ms: i64) -> Markup {
    html! { time datetime=(rfc3339(ms)) { (civil(ms).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()) } }
}

/// As [`time`], for two that share a line.
fn minute(ms: i64, zone: &str) -> Markup {
    html! { time datetime=(rfc3339(ms)) { (civil(ms).strftime("%Y-%m-%d %H:%M").to_string()) (zone) } }
}

fn count(count: u64, of: &str) -> String {
    let digits = count.to_string();
    let mut number = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            number.push(',');
        }
        number.push(digit);
    }
    match (of, count) {
        ("", _) => number,
        (of, 1) => format!("{number} {of}"),
        (of, _) => format!("{number} {of}s"),
    }
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

fn tier(tier: Tier) -> Markup {
    html! { span.tag.(tier.name()) { (words(tier.name())) } }
}

fn trend(trend: Trend) -> Markup {
    let arrow = match trend {
        Trend::Improving => "↗",
        Trend::Degrading => "↘",
        Trend::Stable => "→",
    };
    html! { span.trend { span aria-hidden="true" { (arrow) } " " (trend.name()) } }
}

impl<T> PartialEq for Ranked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Eq for Ranked<T> {}

impl<T> PartialOrd for Ranked<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Ranked<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

#[cfg(test)]
mod tests;
