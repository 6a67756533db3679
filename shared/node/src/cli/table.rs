//! The one look of all tables: a header, a rule, two spaces between columns, numbers to the right, no colours.

use comfy_table::{CellAlignment, ContentArrangement, Table};

/// Only the header is underlined: easy to read, to copy and to cut into fields.
const RULE_BELOW_HEADER: &str = "     ──            ";

/// A table under construction.
pub struct Grid(Table);

impl Grid {
    /// A table with these columns; a name that begins with `>` is for numbers, aligned to the right.
    /// Cells wrap at `width` characters; `None` (a pipe, a file) never wraps.
    pub fn new(columns: &[&str], width: Option<u16>) -> Grid {
        let mut table = Table::new();
        table.load_preset(RULE_BELOW_HEADER);
        table.force_no_tty();
        match width {
            Some(width) => table
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(width),
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        table.set_header(columns.iter().map(|name| name.trim_start_matches('>')));
        // One more space comes from the invisible separator.
        for (name, column) in columns.iter().zip(table.column_iter_mut()) {
            column.set_padding((0, 1));
            if name.starts_with('>') {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Grid(table)
    }

    /// Adds a row; as many cells as there are columns.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.add_row(cells.into_iter().collect::<Vec<_>>());
    }

    /// Whether there is no row yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The table as text, or `nothing` when it has no rows.
    pub fn or(self, nothing: &str) -> String {
        if self.is_empty() {
            return nothing.to_owned();
        }
        let lines: Vec<String> = self.0.lines().map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n")
    }

    /// How wide the terminal on standard output is.
    pub fn terminal_width() -> Option<u16> {
        Table::new().width()
    }
}

/// `1234567` as `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An empty text as a dash, so that a cell never looks forgotten.
pub fn or_dash(text: &str) -> String {
    if text.is_empty() { "-" } else { text }.to_owned()
}

/// An RFC 3339 time to the second, with a space, so that people read it and columns stay narrow.
pub fn moment(text: &str) -> String {
    match supplysync_model::Timestamp::parse(text) {
        None => or_dash(text),
        Some(stamp) => {
            let whole = supplysync_model::Timestamp(stamp.0 - stamp.0.rem_euclid(1000));
            whole.to_string().replace('T', " ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(width: Option<u16>) -> String {
        let mut grid = Grid::new(&["store", ">packs", "note"], width);
        grid.row(["WH".into(), "1,200".into(), "counted by two people".into()]);
        grid.row(["CLINIC".into(), "7".into(), "-".into()]);
        grid.or("none")
    }

    #[test]
    fn columns_line_up() {
        assert_eq!(
            sample(None),
            "store   packs  note\n\
             ─────────────────────────────────────\n\
             WH      1,200  counted by two people\n\
             CLINIC      7  -"
        );
    }

    #[test]
    fn a_narrow_terminal_wraps_cells() {
        let text = sample(Some(30));
        assert!(text.lines().all(|line| line.chars().count() <= 30), "{text}");
        assert!(text.lines().count() > 4, "{text}");
    }

    #[test]
    fn an_empty_table_says_so() {
        assert_eq!(Grid::new(&["a"], None).or("no stores"), "no stores");
    }

    #[test]
    fn values_are_readable() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(moment("2026-11-24T04:35:02.123Z"), "2026-11-24 04:35:02Z");
        assert_eq!(moment(""), "-");
    }
}
