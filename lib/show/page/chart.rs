//! Drawings: SVG in the page itself, coloured by its style sheet.

use super::words;
use crate::trust::{Config, Tier};
use maud::{Markup, html};
use std::fmt::Write as _;

/// The plot of a history: its edges within a box of 360 × 120.
const LEFT: f64 = 34.0;
const RIGHT: f64 = 354.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 112.0;

/// Scores that one bar of the histogram stands for.
const BIN: u16 = 50;
const BINS: usize = 20;

/// A history: totals from left to right, 0 to 1000 from bottom to top.
pub fn history(totals: &[u16], config: &Config) -> Markup {
    let height = |total: u16| BOTTOM - f64::from(total) / 1000.0 * (BOTTOM - TOP);
    let step = (RIGHT - LEFT) / totals.len().saturating_sub(1).max(1) as f64;
    let mut line = String::new();
    for (place, total) in totals.iter().enumerate() {
        let letter = if place == 0 { 'M' } else { 'L' };
        let _ = write!(line, "{letter}{:.1} {:.1}", LEFT + step * place as f64, height(*total));
    }
    let end = LEFT + step * totals.len().saturating_sub(1) as f64;
    let last = totals.last().copied().unwrap_or_default();
    let label = format!(
        "History of the total: {} recalculations, first {}, last {last}.",
        totals.len(),
        totals.first().copied().unwrap_or_default(),
    );
    html! {
        svg.history viewBox="0 0 360 120" role="img" aria-label=(label) {
            @for (score, class) in [
                (1000, "edge"), (0, "edge"),
                (config.warning_threshold, "warning"), (config.revocation_threshold, "revocation"),
            ] {
                @let y = format!("{:.1}", height(score));
                line class=(class) x1=(LEFT) x2=(RIGHT) y1=(y) y2=(y) {}
                text x=(LEFT - 5.0) y=(format!("{:.1}", height(score) + 3.5)) { (score) }
            }
            path.area d=(format!("{line}L{end:.1} {BOTTOM:.1}L{LEFT:.1} {BOTTOM:.1}Z")) {}
            path.line d=(line) {}
            circle cx=(format!("{end:.1}")) cy=(format!("{:.1}", height(last))) r="3.5" {}
        }
    }
}

/// A history in the height of a line of text, for a table.
pub fn small_history(totals: &[u16]) -> Markup {
    let step = 96.0 / totals.len().saturating_sub(1).max(1) as f64;
    let mut line = String::new();
    for (place, total) in totals.iter().enumerate() {
        let letter = if place == 0 { 'M' } else { 'L' };
        let _ = write!(line, "{letter}{:.1} {:.1}", 2.0 + step * place as f64, 18.0 - f64::from(*total) / 62.5);
    }
    // One point alone would be a path without a length.
    if totals.len() == 1 {
        line.push_str("h96");
    }
    html! { svg.small viewBox="0 0 100 20" aria-hidden="true" { path.line d=(line) {} } }
}

/// A dimension's score, 0 to 100, as a bar; the number stands beside it.
pub fn bar(score: f64) -> Markup {
    html! {
        svg.bar viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" {
            rect.track width="100" height="4" {}
            rect.filled width=(format!("{score:.1}")) height="4" {}
        }
    }
}

/// How many agents have which score; `scores` counts them by score, 0 to 1000.
pub fn histogram(scores: &[u64; 1001]) -> Markup {
    let mut bins = [0; BINS];
    for (score, agents) in scores.iter().enumerate() {
        bins[(score / usize::from(BIN)).min(BINS - 1)] += agents;
    }
    let most = bins.iter().copied().max().unwrap_or_default().max(1);
    html! {
        svg.histogram viewBox="-8 0 510 196" role="img" aria-label="How many agents have which score; the table says it in numbers." {
            text.most x="-8" y="12" { "most: " (super::count(most, "")) }
            line.edge x1="0" x2="480" y1="170" y2="170" {}
            @for (bin, agents) in bins.into_iter().enumerate() {
                @if agents > 0 {
                    @let from = bin as u16 * BIN;
                    @let height = (agents as f64 / most as f64 * 146.0).max(2.0);
                    rect class=(Tier::of(from).name()) x=(bin * 24 + 2) width="20" rx="2"
                        y=(format!("{:.1}", 170.0 - height)) height=(format!("{height:.1}")) {
                        title {
                            (from) "–" (if bin + 1 == BINS { 1000 } else { from + BIN - 1 }) ": "
                            (super::count(agents, "agent")) ", " (words(Tier::of(from).name()))
                        }
                    }
                }
            }
            @for score in [0, 300, 500, 700, 900, 1000] {
                text.axis x=(score * 48 / 100) y="188" { (score) }
            }
        }
    }
}
