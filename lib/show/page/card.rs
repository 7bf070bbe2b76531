//! An agent in full: its score, its history, its dimensions, its last signals.

use super::{chart, count, minute, name, text, tier, time, trend, words};
use crate::trust::{Agent, Config, Dimension, Shown, Standing, Subject};
use maud::{Markup, html};

/// An agent until the page is rendered.
pub struct Card {
    agent: Agent,
    recent: Vec<Shown>,
    effective: Option<u16>,
}

impl Card {
    pub fn of(subject: &Subject<'_>) -> Self {
        let recent = subject.recent.iter().map(|shown| (*shown).clone()).collect();
        Self { agent: subject.agent.clone(), recent, effective: subject.effective }
    }

    pub fn subject<'a>(&'a self, did: &'a str) -> Subject<'a> {
        Subject { did, agent: &self.agent, recent: self.recent.iter().collect(), effective: self.effective }
    }
}

pub fn card(subject: &Subject<'_>, config: &Config) -> Markup {
    let agent = subject.agent;
    let standing = subject.standing(config);
    html! {
        article.card.(agent.tier().name()) {
            header {
                p.total { span.hidden { "Total " } strong { (agent.total()) } span.of { " / 1000" } }
                h3 { (name(subject.did)) }
                p.facts {
                    (tier(agent.tier())) " "
                    @if standing != Standing::Good { span.tag.alarm { (standing.words()) } " " }
                    @if let Some(effective) = subject.effective { span.tag.plain { "effective score " (effective) } " " }
                    (trend(agent.trend())) " "
                    span.sample { (count(agent.window().len() as u64, "signal")) }
                }
            }
            @if let Some(revocation) = agent.revocation() {
                p.reason { "Revoked " (time(revocation.at)) ": " (revocation.reason()) "." }
            }
            (history(agent, config))
            (dimensions(agent, config))
            @if !subject.recent.is_empty() { (signals(&subject.recent)) }
        }
    }
}

fn history(agent: &Agent, config: &Config) -> Markup {
    let totals: Vec<u16> = agent.history().map(|point| point.total).collect();
    let (Some(least), Some(most)) = (totals.iter().min(), totals.iter().max()) else {
        return html! { p.about { "Never scored: no history." } };
    };
    let (from, to) = (agent.history().next(), agent.history().next_back());
    html! {
        figure {
            (chart::history(&totals, config))
            figcaption {
                (count(totals.len() as u64, "recalculation")) ", " (least)
                @if least != most { " to " (most) }
                @if let (Some(from), Some(to)) = (from, to) {
                    br;
                    @if from.at != to.at { (minute(from.at, "")) " – " }
                    (minute(to.at, " UTC"))
                }
            }
        }
    }
}

fn dimensions(agent: &Agent, config: &Config) -> Markup {
    html! {
        table.dimensions {
            caption { "What makes the total" }
            thead {
                tr {
                    th scope="col" { "Dimension" }
                    th scope="col" { "Score" }
                    th scope="col" { "Signals" }
                    th scope="col" { "Weight" }
                    th scope="col" { "Adds" }
                }
            }
            tbody {
                @for dimension in Dimension::ALL {
                    @let score = agent.window().score(dimension);
                    @let weight = config.weights[dimension.index()];
                    @let signals = agent.window().count(dimension);
                    tr.silent[signals == 0] {
                        th scope="row" { (words(dimension.name())) (chart::bar(score)) }
                        td { (format!("{score:.1}")) }
                        td { (signals) }
                        td { (format!("{weight:.2}")) }
                        td { (format!("{:.1}", score * weight * 10.0)) }
                    }
                }
            }
            tfoot { tr { th scope="row" colspan="4" { "Total, without its fraction" } td { (agent.total()) } } }
        }
    }
}

/// The newest first, as people read news.
fn signals(recent: &[&Shown]) -> Markup {
    html! {
        details {
            summary {
                @if recent.len() == 1 { "The only signal" } @else { "Last " (recent.len()) " signals, newest first" }
            }
            ol.signals {
                @for shown in recent.iter().rev() {
                    li {
                        span.value.low[shown.value < 0.3] { (format!("{:.2}", shown.value)) }
                        div {
                            p { (words(shown.dimension.name())) ", " bdi { (text(&shown.source)) } }
                            @if let Some(details) = &shown.details { p.details { bdi { (text(details)) } } }
                            p.meta {
                                (time(shown.at))
                                @if let Some(author) = &shown.author { ", signed by " (name(author)) }
                                @if let Some(trace) = &shown.trace_id { ", trace " bdi { (text(trace)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
