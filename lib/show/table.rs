//! Agents as a table for a terminal: one line each, as wide as the terminal.
//!
//! Plain text without colour, so that it is the same on paper, in a mail and
//! under `less`. Agents come by twice, once to be measured and once to be
//! printed, so that no number of them has to be held in memory.

use super::{cut_middle, escape, pad, width};
use crate::trust::{Config, Subject};

/// Where stdout is no terminal, names are not longer.
const NAME_COLUMNS: usize = 100;
/// A name is not cut to less while there is another column to leave out.
const NAME_LEAST: usize = 14;
const HISTORY_COLUMNS: usize = 20;
const HISTORY_LEAST: usize = 8;
const GAP: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Agent,
    Total,
    Effective,
    Tier,
    Trend,
    Status,
    Signals,
    History,
}

impl Column {
    const ALL: [Self; 8] = [
        Self::Agent,
        Self::Total,
        Self::Effective,
        Self::Tier,
        Self::Trend,
        Self::Status,
        Self::Signals,
        Self::History,
    ];
    /// What is left out where there is no room, first to last.
    const SPARE: [Self; 4] = [Self::History, Self::Signals, Self::Trend, Self::Tier];

    fn title(self) -> &'static str {
        match self {
            Self::Agent => "AGENT",
            Self::Total => "TOTAL",
            Self::Effective => "EFFECTIVE",
            Self::Tier => "TIER",
            Self::Trend => "TREND",
            Self::Status => "STATUS",
            Self::Signals => "SIGNALS",
            Self::History => "HISTORY",
        }
    }

    fn is_number(self) -> bool {
        matches!(self, Self::Total | Self::Effective | Self::Signals)
    }

    /// The cell; a history of that many columns.
    fn cell(self, subject: &Subject<'_>, config: &Config, history: usize) -> String {
        let agent = subject.agent;
        match self {
            Self::Agent => escape(subject.did),
            Self::Total => agent.total().to_string(),
            Self::Effective => subject.judged().to_string(),
            Self::Tier => agent.tier().name().to_owned(),
            Self::Trend => agent.trend().name().to_owned(),
            Self::Status => subject.standing(config).words().to_owned(),
            Self::Signals => agent.window().len().to_string(),
            Self::History => sparkline(subject, history),
        }
    }
}

/// The first of two passes: how wide the columns are.
#[derive(Debug, Default)]
pub struct Measure {
    widths: [usize; Column::ALL.len()],
    effective: bool,
}

impl Measure {
    /// Measures an agent.
    pub fn take(&mut self, subject: &Subject<'_>, config: &Config) {
        self.effective |= subject.effective.is_some();
        for (widest, column) in self.widths.iter_mut().zip(Column::ALL) {
            *widest = (*widest).max(width(&column.cell(subject, config, HISTORY_COLUMNS)));
        }
    }

    /// The table for a terminal of that many columns; `None` for no terminal.
    pub fn table(&self, terminal: Option<usize>) -> Table {
        let mut columns: Vec<(Column, usize)> = Column::ALL
            .into_iter()
            .zip(self.widths)
            .filter(|(column, _)| *column != Column::Effective || self.effective)
            .map(|(column, widest)| (column, widest.max(column.title().len())))
            .collect();
        let longest = columns[0].1.min(NAME_COLUMNS);
        let mut spare = Column::SPARE.into_iter();
        loop {
            // What the other columns take; the history gives way before names do.
            let others = |columns: &[(Column, usize)]| -> usize {
                let least =
                    |(column, wide): &(Column, usize)| if *column == Column::History { HISTORY_LEAST } else { *wide };
                columns[1..].iter().map(|column| least(column) + GAP).sum()
            };
            let room = terminal.map_or(usize::MAX, |terminal| terminal.saturating_sub(others(&columns)));
            if room < longest.min(NAME_LEAST)
                && let Some(column) = spare.next()
            {
                columns.retain(|(kept, _)| *kept != column);
                continue;
            }
            columns[0].1 = longest.min(room.max(Column::Agent.title().len()));
            let left = room.saturating_sub(columns[0].1);
            if let Some((Column::History, wide)) = columns.last_mut() {
                *wide = (*wide).min(left.saturating_add(HISTORY_LEAST)).max(HISTORY_LEAST);
            }
            return Table { columns };
        }
    }
}

/// The second pass: the lines.
#[derive(Debug)]
pub struct Table {
    columns: Vec<(Column, usize)>,
}

impl Table {
    /// The line of titles.
    pub fn header(&self) -> String {
        self.line(|column, _| column.title().to_owned())
    }

    /// An agent's line.
    pub fn row(&self, subject: &Subject<'_>, config: &Config) -> String {
        self.line(|column, wide| {
            let cell = column.cell(subject, config, wide);
            if column == Column::Agent { cut_middle(&cell, wide) } else { cell }
        })
    }

    fn line(&self, cell: impl Fn(Column, usize) -> String) -> String {
        let mut line = String::new();
        for (place, (column, wide)) in self.columns.iter().enumerate() {
            if place > 0 {
                line.push_str("  ");
            }
            let cell = cell(*column, *wide);
            if column.is_number() {
                pad(&mut line, "", wide.saturating_sub(width(&cell)));
                line.push_str(&cell);
            } else {
                pad(&mut line, &cell, *wide);
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// The newest totals of an agent's history, newest last, one column each: `▁` is
/// the lowest eighth of 0 to 1000, `█` the highest.
fn sparkline(subject: &Subject<'_>, columns: usize) -> String {
    const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let mut newest: Vec<char> =
        subject.agent.history().rev().take(columns).map(|point| EIGHTHS[usize::from(point.total) * 8 / 1001]).collect();
    newest.reverse();
    newest.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::{Agent, Dimension};
    use proptest::prelude::*;

    const DID: &str = "did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH#BPNTVYSZ5Y";

    fn agent(values: &[f64]) -> Agent {
        let (mut agent, config) = (Agent::default(), Config::default());
        for (at, value) in (0..).zip(values) {
            agent.signal(Dimension::SecurityPosture, *value, at, &config);
            agent.recalculate(at, &config);
        }
        agent
    }

    fn subject<'a>(did: &'a str, agent: &'a Agent) -> Subject<'a> {
        Subject { did, agent, recent: Vec::new(), effective: None }
    }

    fn table(subjects: &[Subject<'_>], terminal: Option<usize>) -> Vec<String> {
        let (config, mut measure) = (Config::default(), Measure::default());
        for subject in subjects {
            measure.take(subject, &config);
        }
        let table = measure.table(terminal);
        let rows = subjects.iter().map(|subject| table.row(subject, &config));
        [table.header()].into_iter().chain(rows).collect()
    }

    #[test]
    fn columns_stand_under_their_titles() {
        let (good, bad, new) = (agent(&[1.0; 9]), agent(&[0.5, 0.4, 0.2, 0.0]), Agent::default());
        let subjects = [subject(DID, &good), subject("did:web:b\u{1b}[2J日本", &bad), subject("c", &new)];
        assert_eq!(
            table(&subjects, None),
            [
                "AGENT                                                                TOTAL  TIER          TREND   STATUS   SIGNALS  HISTORY",
                "did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH#BPNTVYSZ5Y    625  standard      stable                 9  ▅▅▅▅▅▅▅▅▅",
                "did:web:b\\u{1b}[2J日本                                                 443  probationary  stable  at risk        4  ▄▄▄▄▄▄",
                "c                                                                      500  standard      stable                 0",
            ]
        );
    }

    #[test]
    fn a_narrow_terminal_cuts_names_and_then_columns() {
        let good = agent(&[1.0; 30]);
        let at = |columns| table(&[subject(DID, &good)], Some(columns));
        assert_eq!(at(80)[1], "did:key:z6MkpT…tH#BPNTVYSZ5Y    625  standard  stable               30  ▅▅▅▅▅▅▅▅");
        assert_eq!(at(40), ["AGENT            TOTAL  TIER      STATUS", "did…#BPNTVYSZ5Y    625  standard"]);
        // Narrower than what nobody can do without: the lines are longer than the terminal.
        assert_eq!(at(10), ["AGENT  TOTAL  STATUS", "…SZ5Y    625"]);
    }

    proptest! {
        #[test]
        fn it_fits(columns in 36..200usize, did in "\\PC{1,90}", more in "[a-z]{1,90}", count in 0..40usize) {
            let (one, two) = (agent(&vec![1.0; count]), agent(&[0.0; 3]));
            let lines = table(&[subject(&did, &one), subject(&more, &two)], Some(columns));
            for line in &lines {
                prop_assert!(width(line) <= columns, "{} > {columns}: {line:?}", width(line));
            }
            let status = lines[0].find("STATUS").expect("a title");
            prop_assert!(lines[2].contains("revoked") || lines[2].contains("at risk"), "{:?} {status}", lines[2]);
        }
    }
}
