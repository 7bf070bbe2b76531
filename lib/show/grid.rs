//! Rows of cells under titles, as wide as the terminal.
//!
//! Cells are escaped before they come here.

use super::{cut_middle, pad, width};

const GAP: usize = 2;

/// A column of a [`Grid`].
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Above it.
    pub title: &'static str,
    /// Numbers stand to the right.
    pub is_number: bool,
    /// Cells may be cut to so many columns; 0: they are never cut.
    pub least: usize,
    /// Where there is no room, columns are left out in the order of this; 0
    /// stays.
    pub spare: u8,
}

impl Column {
    /// One that is never cut and never left out.
    pub const fn new(title: &'static str) -> Self {
        Self { title, is_number: false, least: 0, spare: 0 }
    }

    /// For numbers.
    #[must_use]
    pub const fn number(self) -> Self {
        Self { is_number: true, ..self }
    }

    /// Cells may be cut to so many columns.
    #[must_use]
    pub const fn cut_to(self, least: usize) -> Self {
        Self { least, ..self }
    }

    /// Left out where there is no room, the lowest first.
    #[must_use]
    pub const fn spare(self, spare: u8) -> Self {
        Self { spare, ..self }
    }
}

/// A table in memory.
#[derive(Debug)]
pub struct Grid {
    columns: &'static [Column],
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// Without rows.
    pub fn new(columns: &'static [Column]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row: a cell for each column.
    pub fn push(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    /// The line of titles, then a line for each row; `None` is no terminal, and
    /// as wide as it gets.
    pub fn lines(&self, terminal: Option<usize>) -> Vec<String> {
        let widths = self.layout(terminal);
        let titles: Vec<String> = self.columns.iter().map(|column| column.title.to_owned()).collect();
        [&titles].into_iter().chain(&self.rows).map(|cells| self.line(cells, &widths)).collect()
    }

    /// The width of each column; `None`: it is left out.
    fn layout(&self, terminal: Option<usize>) -> Vec<Option<usize>> {
        let widest = |index: usize, column: &Column| {
            let cells = self.rows.iter().map(|cells| width(&cells[index])).max().unwrap_or(0);
            Some(cells.max(width(column.title)))
        };
        let mut widths: Vec<Option<usize>> =
            self.columns.iter().enumerate().map(|(index, column)| widest(index, column)).collect();
        let Some(terminal) = terminal else { return widths };
        loop {
            let shown = widths.iter().flatten().count();
            let room = terminal.saturating_sub(GAP * shown.saturating_sub(1));
            let taken: usize = widths.iter().flatten().sum();
            let Some(excess) = taken.checked_sub(room).filter(|excess| *excess > 0) else { return widths };
            if self.shrink(&mut widths, excess) {
                return widths;
            }
            let spare =
                (0..self.columns.len()).filter(|index| self.columns[*index].spare > 0 && widths[*index].is_some());
            let Some(first) = spare.min_by_key(|index| self.columns[*index].spare) else { return widths };
            widths[first] = None;
        }
    }

    /// Takes that much from columns that may be cut, the widest first; false,
    /// and nothing is taken, if they have not got it.
    fn shrink(&self, widths: &mut [Option<usize>], mut excess: usize) -> bool {
        let least = |index: usize| self.columns[index].least.max(width(self.columns[index].title));
        let give = |index: usize, wide: usize| {
            if self.columns[index].least == 0 { 0 } else { wide.saturating_sub(least(index)) }
        };
        let all: usize = widths.iter().enumerate().map(|(index, wide)| wide.map_or(0, |wide| give(index, wide))).sum();
        if all < excess {
            return false;
        }
        while excess > 0 {
            let can = widths.iter().enumerate().filter_map(|(index, wide)| Some((index, (*wide)?)));
            let widest = can.filter(|(index, wide)| give(*index, *wide) > 0).max_by_key(|(_, wide)| *wide);
            let Some((index, wide)) = widest else { return false };
            widths[index] = Some(wide - 1);
            excess -= 1;
        }
        true
    }

    fn line(&self, cells: &[String], widths: &[Option<usize>]) -> String {
        let mut line = String::new();
        let mut first = true;
        for ((cell, column), wide) in cells.iter().zip(self.columns).zip(widths) {
            let Some(wide) = *wide else { continue };
            if !std::mem::take(&mut first) {
                line.push_str("  ");
            }
            let cell = cut_middle(cell, wide);
            if column.is_number {
                pad(&mut line, "", wide.saturating_sub(width(&cell)));
                line.push_str(&cell);
            } else {
                pad(&mut line, &cell, wide);
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    static COLUMNS: [Column; 4] = [
        Column::new("NAME").cut_to(6),
        Column::new("N").number(),
        Column::new("WORDS").cut_to(5).spare(2),
        Column::new("SPARE").spare(1),
    ];

    fn grid(names: &[&str]) -> Grid {
        let mut grid = Grid::new(&COLUMNS);
        for (name, number) in names.iter().zip([7, 42, 1000]) {
            grid.push(vec![(*name).to_owned(), number.to_string(), "some words".to_owned(), "x".to_owned()]);
        }
        grid
    }

    #[test]
    fn columns_stand_under_their_titles() {
        let grid = grid(&["a", "a longer name"]);
        assert_eq!(
            grid.lines(None),
            [
                "NAME            N  WORDS       SPARE",
                "a               7  some words  x",
                "a longer name  42  some words  x"
            ]
        );
    }

    #[test]
    fn what_may_be_cut_is_cut_before_columns_go() {
        let grid = grid(&["a", "a longer name"]);
        assert_eq!(grid.lines(Some(30))[2], "a lo…name  42  some…rds  x");
        let narrow = grid.lines(Some(18));
        assert_eq!(narrow[0], "NAME     N  WORDS");
        assert!(!narrow[0].contains("SPARE") && narrow.iter().all(|line| width(line) <= 18), "{narrow:?}");
        assert_eq!(grid.lines(Some(12))[2], "a lo…ame  42");
    }

    proptest! {
        #[test]
        fn it_fits(columns in 12..100usize, one in "\\PC{0,40}", two in "[a-z]{0,60}") {
            for line in grid(&[&one, &two]).lines(Some(columns)) {
                prop_assert!(width(&line) <= columns, "{line:?}");
            }
        }
    }
}
