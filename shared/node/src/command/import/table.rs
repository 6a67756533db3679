//! A CSV file as rows of named cells, with everything that is wrong with it by line and column.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use csv::{ByteRecord, ReaderBuilder};

/// The largest file taken, in bytes: some 200,000 rows.
pub const MAX_FILE_BYTES: usize = 32 * 1024 * 1024;
/// The most errors listed; a file in the wrong format would list each of its cells otherwise.
pub const MAX_ERRORS: usize = 10_000;
/// The most bytes of all errors listed, so that the answer stays below what a client takes.
const MAX_TOLD_BYTES: usize = 2 * 1024 * 1024;
/// The most characters of one message, and of a column's name: what is wrong may quote a cell of any length.
const MESSAGE_CHARS: usize = 500;
const COLUMN_CHARS: usize = 50;

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowError {
    /// The line in the file, from 1 (the heading); 0 for the file as a whole.
    pub line: u64,
    /// The column's name; empty when the whole row is meant.
    pub column: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Errors of a file, bounded.
#[derive(Debug, Clone, Default)]
pub struct RowErrors {
    found: Vec<RowError>,
    bytes: usize,
    total: u64,
}

impl RowErrors {
    /// Notes one; beyond the limit they are only counted.
    pub fn add(&mut self, line: u64, column: &str, message: impl Display) {
        self.total += 1;
        if self.found.len() == MAX_ERRORS || self.bytes >= MAX_TOLD_BYTES {
            return;
        }
        let error = RowError {
            line,
            column: shortened(column.to_owned(), COLUMN_CHARS),
            message: shortened(message.to_string(), MESSAGE_CHARS),
        };
        self.bytes += error.column.len() + error.message.len();
        self.found.push(error);
    }

    /// How many there are in all.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// In the order of the file.
    pub fn sorted(mut self) -> Vec<RowError> {
        self.found.sort();
        self.found
    }
}

/// The beginning of a text that is longer than so many characters.
fn shortened(mut text: String, chars: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(chars) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A row: its line, and its cells by column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line on which it begins.
    pub line: u64,
    cells: BTreeMap<&'static str, String>,
}

impl Row {
    /// The cell, without surrounding spaces; empty for a column that the file does not have.
    pub fn cell(&self, column: &str) -> &str {
        self.cells.get(column).map_or("", String::as_str)
    }
}

/// The columns of a kind of file: all of them are in the heading, in any order, and no others. A column left
/// out would leave open whether the values on record stay or go.
pub type Columns = &'static [&'static str];

/// Reads the rows; what can't be read is in `errors`, and the other rows are still returned so that their
/// errors are found too.
pub fn read(text: &[u8], columns: Columns, errors: &mut RowErrors) -> Vec<Row> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut reader = ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .from_reader(text);
    let mut record = ByteRecord::new();
    match reader.read_byte_record(&mut record) {
        Ok(true) => {}
        Ok(false) => {
            errors.add(0, "", "the file is empty: a heading row is expected");
            return Vec::new();
        }
        Err(error) => {
            errors.add(1, "", error);
            return Vec::new();
        }
    }
    let heading = match heading(&record, columns, errors) {
        Some(heading) => heading,
        None => return Vec::new(),
    };
    let mut rows = Vec::new();
    let mut lines = Lines { text, at: 0, line: 1 };
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {
                let line = lines.of(&record);
                rows.extend(row(line, &record, &heading, errors));
            }
            Ok(false) => return rows,
            Err(error) => {
                errors.add(lines.line, "", error);
                return rows;
            }
        }
    }
}

/// Counts lines along the text: the reader's own count is one behind where lines end in CR LF.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    fn of(&mut self, record: &ByteRecord) -> u64 {
        let start = record
            .position()
            .and_then(|position| usize::try_from(position.byte()).ok())
            .unwrap_or(self.at);
        while let Some(&byte) = self.text.get(self.at) {
            // The line ends before a record belong to what came before it.
            if self.at >= start && !matches!(byte, b'\r' | b'\n') {
                break;
            }
            let ends = byte == b'\n' || (byte == b'\r' && self.text.get(self.at + 1) != Some(&b'\n'));
            self.line += u64::from(ends);
            self.at += 1;
        }
        self.line
    }
}

fn heading(record: &ByteRecord, columns: Columns, errors: &mut RowErrors) -> Option<Vec<&'static str>> {
    let before = errors.total();
    let mut seen = BTreeSet::new();
    let mut heading = Vec::new();
    for cell in record {
        let name = String::from_utf8_lossy(cell).trim().to_ascii_lowercase();
        let known = columns.iter().find(|column| **column == name);
        match known {
            Some(column) if seen.insert(*column) => heading.push(*column),
            Some(column) => errors.add(1, column, "is there twice"),
            None => {
                errors.add(
                    1,
                    &name,
                    format!("is not a column of this file: expected {}", columns.join(", ")),
                );
            }
        }
    }
    for column in columns {
        if !seen.contains(column) {
            errors.add(1, column, "is missing from the heading");
        }
    }
    (errors.total() == before).then_some(heading)
}

fn row(line: u64, record: &ByteRecord, heading: &[&'static str], errors: &mut RowErrors) -> Option<Row> {
    if record.len() != heading.len() {
        errors.add(
            line,
            "",
            format!("has {} fields: the heading has {}", record.len(), heading.len()),
        );
        return None;
    }
    let mut cells = BTreeMap::new();
    for (column, cell) in heading.iter().zip(record) {
        match std::str::from_utf8(cell) {
            Ok(text) => {
                cells.insert(*column, text.trim().to_owned());
            }
            Err(_) => errors.add(line, column, "is not UTF-8 text"),
        }
    }
    Some(Row { line, cells })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: Columns = &["code", "name"];

    fn read_text(text: &[u8]) -> (Vec<Row>, Vec<RowError>) {
        let mut errors = RowErrors::default();
        let rows = read(text, COLUMNS, &mut errors);
        (rows, errors.sorted())
    }

    #[test]
    fn reads_quotes_marks_and_lines() {
        let (rows, errors) =
            read_text(b"\xef\xbb\xbfname,code\r\n\"A, b\"\"c\"\"\",1\r\n\"two\nlines\",2\r\nlast,3");
        assert_eq!(errors, []);
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 3, 5]);
        assert_eq!(rows[0].cell("name"), "A, b\"c\"");
    }

    #[test]
    fn every_bad_row_is_named_by_its_line() {
        let (rows, errors) = read_text(b"code,name\n1\n2,b\n\xff,c\n4,d,e\n");
        assert_eq!(rows.len(), 2);
        let found: Vec<_> = errors.iter().map(|e| (e.line, e.column.as_str())).collect();
        assert_eq!(found, [(2, ""), (4, "code"), (5, "")]);
    }

    #[test]
    fn what_is_told_stays_small_whatever_the_file_holds() {
        let (_, errors) = read_text(&[b'x'; 100_000]);
        assert!(
            errors
                .iter()
                .all(|error| error.column.chars().count() <= COLUMN_CHARS + 1)
        );
        let mut errors = RowErrors::default();
        for line in 0..MAX_ERRORS as u64 {
            errors.add(line, "code", format!("{:?} is wrong", "\0".repeat(1_000)));
        }
        assert_eq!(errors.total(), MAX_ERRORS as u64);
        let listed = errors.sorted();
        let told: usize = listed
            .iter()
            .map(|error| error.message.len() + error.column.len())
            .sum();
        assert!(
            listed.len() > 1_000 && told <= MAX_TOLD_BYTES + 1_000,
            "{told} bytes of {}",
            listed.len()
        );
    }

    #[test]
    fn a_wrong_heading_is_named_and_nothing_read() {
        let (rows, errors) = read_text(b"code,colour,code\n1,2,3\n");
        assert_eq!(rows.len(), 0);
        let found: Vec<_> = errors.iter().map(|e| e.column.as_str()).collect();
        assert_eq!(found, ["code", "colour", "name"]);
        assert_eq!(read_text(b"").1.len(), 1);
    }
}
