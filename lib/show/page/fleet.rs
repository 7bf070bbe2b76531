//! The fleet as a whole: how many, how they stand, how their scores are spread.

use super::{chart, count, words};
use crate::trust::{Config, Standing, Subject, Tier};
use maud::{Markup, html};

/// Tiers with their lowest and highest scores, the best first.
const TIERS: [(Tier, usize, usize); 5] = [
    (Tier::VerifiedPartner, 900, 1000),
    (Tier::Trusted, 700, 899),
    (Tier::Standard, 500, 699),
    (Tier::Probationary, 300, 499),
    (Tier::Untrusted, 0, 299),
];

/// How many agents have which score.
pub struct Spread {
    scores: [u64; 1001],
    at_risk: u64,
    revoked: u64,
    effective: bool,
}

impl Default for Spread {
    fn default() -> Self {
        Self { scores: [0; 1001], at_risk: 0, revoked: 0, effective: false }
    }
}

impl Spread {
    pub fn take(&mut self, subject: &Subject<'_>, config: &Config) {
        self.scores[usize::from(subject.judged())] += 1;
        self.effective |= subject.effective.is_some();
        match subject.standing(config) {
            Standing::AtRisk => self.at_risk += 1,
            Standing::Revoked => self.revoked += 1,
            Standing::Good => (),
        }
    }

    /// Scores are what totals are worth, not the totals.
    pub fn is_effective(&self) -> bool {
        self.effective
    }

    pub fn agents(&self) -> u64 {
        self.scores.iter().sum()
    }

    /// How many stand that way.
    pub fn standing(&self, standing: Standing) -> u64 {
        match standing {
            Standing::AtRisk => self.at_risk,
            Standing::Revoked => self.revoked,
            Standing::Good => self.agents() - self.at_risk - self.revoked,
        }
    }

    /// The score that half of the agents are at or below.
    fn median(&self) -> Option<usize> {
        let half = self.agents().div_ceil(2);
        let mut below = 0;
        (half > 0).then(|| {
            self.scores.iter().position(|agents| {
                below += agents;
                below >= half
            })
        })?
    }

    /// The numbers at the top, which lead to what they count.
    pub fn tiles(&self) -> Markup {
        html! {
            dl.tiles {
                div { dt { "Agents" } dd { (count(self.agents(), "")) } }
                div.alarm[self.at_risk > 0] { dt { "At risk" } dd { (count(self.at_risk, "")) } }
                div.alarm[self.revoked > 0] { dt { "Revoked" } dd { (count(self.revoked, "")) } }
                @if let Some(median) = self.median() { div { dt { (if self.effective { "Median effective score" } else { "Median score" }) } dd { (median) } } }
            }
        }
    }

    pub fn section(&self, config: &Config) -> Markup {
        html! {
            section id="spread" {
                h2 { "How scores are spread" }
                div.spread {
                    figure {
                        (chart::histogram(&self.scores))
                        figcaption {
                            @if self.effective {
                                "Agents by effective score, in steps of 50. Below " (config.warning_threshold)
                                " an agent is at risk; it is revoked by its total, below "
                                (config.revocation_threshold) "."
                            } @else {
                                "Agents by score, in steps of 50. Below " (config.warning_threshold)
                                " an agent is at risk, below " (config.revocation_threshold) " it is revoked."
                            }
                        }
                    }
                    table.tiers {
                        caption { "Agents by tier" }
                        thead { tr { th scope="col" { "Tier" } th scope="col" { "Scores" } th scope="col" { "Agents" } th.wide scope="col" { "Share" } } }
                        tbody {
                            @for (tier, low, high) in TIERS {
                                @let agents: u64 = self.scores[low..=high].iter().sum();
                                tr {
                                    th scope="row" { span.swatch.(tier.name()) {} (words(tier.name())) }
                                    td { (low) "–" (high) }
                                    td { (count(agents, "")) }
                                    td.wide { (format!("{:.1} %", agents as f64 * 100.0 / self.agents() as f64)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
