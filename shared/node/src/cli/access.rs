//! `access show`: who may call what, as this program enforces it. Asks no server: the table is part of the program.

use clap::Subcommand;

use super::problem::Problem;
use super::run::Operator;
use super::view::AccessView;
use crate::access;

/// What of the table.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum AccessCommand {
    /// Show for each call which certificates it accepts; a higher role may do what a lower one may
    Show,
}

impl AccessCommand {
    /// Shows it.
    pub fn run(self, operator: &Operator) -> Result<(), Problem> {
        let AccessCommand::Show = self;
        operator.output.answer(&AccessView::new(access::rules()))
    }
}
