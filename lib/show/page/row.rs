//! Agents in a line each, behind those that are shown in full.

use super::{Ranked, chart, count, name, tier, trend, words};
use crate::trust::{Config, Standing, Subject, Tier, Trend};
use maud::{Markup, html};

/// An agent until the page is rendered.
pub struct Row {
    total: u16,
    effective: Option<u16>,
    trend: Trend,
    sample: usize,
    history: Box<[u16]>,
}

impl Row {
    pub fn of(subject: &Subject<'_>) -> Self {
        Self {
            total: subject.agent.total(),
            effective: subject.effective,
            trend: subject.agent.trend(),
            sample: subject.agent.window().len(),
            history: subject.agent.history().map(|point| point.total).collect(),
        }
    }
}

/// The table; `all` counts also those that are not in it.
pub fn section(rows: &[Ranked<Row>], after_cards: bool, all: u64, config: &Config) -> Markup {
    let effective = rows.iter().any(|row| row.1.effective.is_some());
    html! {
        section id="others" {
            h2 { (if after_cards { "The others" } else { "All agents" }) " " span.number { (count(all, "")) } }
            p.about {
                "At risk first, then revoked, then by score. Charts run from 0 to 1000; at risk is below "
                (config.warning_threshold) "."
            }
            table.agents {
                thead {
                    tr {
                        th scope="col" { "Agent" }
                        th scope="col" { "Total" }
                        @if effective { th scope="col" { "Effective" } }
                        th scope="col" { "Standing" }
                        th.wide scope="col" { "Trend" }
                        th.wide scope="col" { "Signals" }
                        th.wide scope="col" { "History" }
                    }
                }
                tbody {
                    @for Ranked((standing, _, did), row) in rows {
                        tr.(Tier::of(row.total).name()) {
                            th scope="row" { (name(did)) }
                            td { (row.total) }
                            @if effective { td { @if let Some(effective) = row.effective { (effective) } } }
                            td.words {
                                (tier(Tier::of(row.total)))
                                @if *standing != Standing::Good { " " span.tag.alarm { (words(standing.words())) } }
                            }
                            td.words.wide { (trend(row.trend)) }
                            td.wide { (row.sample) }
                            td.wide { (chart::small_history(&row.history)) }
                        }
                    }
                }
            }
        }
    }
}
