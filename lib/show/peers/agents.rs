//! Who is there, as a table.

use crate::show::escape;
use crate::show::grid::{Column, Grid};
use crate::show::units::ago;
use crate::watch::{Doing, Presence};
use jiff::Timestamp;

static COLUMNS: [Column; 8] = [
    Column::new("AGENT").cut_to(14),
    Column::new("TOKEN").spare(4),
    Column::new("STATE"),
    Column::new("TASKS").number(),
    Column::new("SINCE").number(),
    Column::new("MODELS").cut_to(10).spare(5),
    Column::new("SPECIALISATION").cut_to(14).spare(2),
    Column::new("VERSION").cut_to(7).spare(1),
];

/// The lines for a terminal of that many columns; `None` for no terminal.
pub fn agents_table(agents: &[Presence], now: Timestamp, terminal: Option<usize>) -> Vec<String> {
    let mut grid = Grid::new(&COLUMNS);
    for agent in agents {
        let text = |text: &Option<String>| text.as_deref().map(escape).unwrap_or_default();
        let tasks = match (agent.tasks, agent.tasks_most) {
            _ if agent.state == Doing::Away => String::new(),
            (Some(tasks), Some(most)) => format!("{tasks}/{most}"),
            (Some(tasks), None) => tasks.to_string(),
            _ => String::new(),
        };
        let since = agent.since.as_deref().and_then(|since| since.parse().ok());
        grid.push(vec![
            escape(&agent.agent_did),
            text(&agent.token),
            agent.state.word().to_owned(),
            tasks,
            since.map_or_else(String::new, |since| ago(since, now)),
            escape(&agent.models.join(" ")),
            text(&agent.specialisation),
            text(&agent.version),
        ]);
    }
    grid.lines(terminal)
}
