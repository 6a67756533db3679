//! Standard output: tables for people, JSON for programs, and progress only where there is a terminal.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use serde::Serialize;

use super::problem::Problem;
use super::table::Grid;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// Tables and sentences, for people.
    #[default]
    Table,
    /// JSON with stable field names, for programs; errors too.
    Json,
}

/// An answer that can be shown to people and to programs.
pub trait Answer: Serialize {
    /// The answer as a person reads it; ends without a line feed.
    fn for_people(&self, width: Option<u16>) -> String;
}

/// Where answers go.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    format: Format,
    width: Option<u16>,
    terminal: bool,
}

impl Output {
    /// Standard output as this process has it.
    pub fn standard(format: Format) -> Output {
        let terminal = io::stdout().is_terminal();
        let width = terminal.then(Grid::terminal_width).flatten();
        Output {
            format,
            width,
            terminal,
        }
    }

    /// The form that was asked for.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether a person looks on, so that a screen may be redrawn and progress shown.
    pub fn is_for_eyes(&self) -> bool {
        self.format == Format::Table && self.terminal
    }

    /// Prints one answer.
    pub fn answer(&self, answer: &impl Answer) -> Result<(), Problem> {
        match self.format {
            Format::Table => self.line(answer.for_people(self.width).trim_end()),
            Format::Json => self.line(&json(answer, true)?),
        }
    }

    /// Prints one answer of many: JSON takes one line each, and a screen is redrawn in place.
    pub fn next_answer(&self, answer: &impl Answer) -> Result<(), Problem> {
        match self.format {
            Format::Json => self.line(&json(answer, false)?),
            Format::Table if self.terminal => {
                let text = answer.for_people(self.width);
                self.line(&format!("\x1b[H\x1b[2J{}", text.trim_end()))
            }
            Format::Table => self.line(&format!("{}\n", answer.for_people(self.width).trim_end())),
        }
    }

    fn line(&self, text: &str) -> Result<(), Problem> {
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        Ok(out.flush()?)
    }
}

fn json(answer: &impl Serialize, pretty: bool) -> Result<String, Problem> {
    let text = if pretty {
        serde_json::to_string_pretty(answer)
    } else {
        serde_json::to_string(answer)
    };
    text.map_err(|error| supplysync_model::Fault::internal(error).into())
}
