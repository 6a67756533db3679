//! What happened, one line per event: kept only when asked for, because a seed can always be run again.

use std::collections::VecDeque;

/// The last events of a seed.
#[derive(Debug, Clone, Default)]
pub struct History {
    lines: VecDeque<String>,
    keep: usize,
}

impl History {
    /// Keeps the last `keep` lines; none for 0.
    pub fn keeping(keep: usize) -> History {
        History {
            lines: VecDeque::new(),
            keep,
        }
    }

    /// Whether lines are kept: making one costs more than the event.
    pub fn is_kept(&self) -> bool {
        self.keep > 0
    }

    /// Adds a line.
    pub fn push(&mut self, now: i64, line: String) {
        if self.lines.len() >= self.keep {
            self.lines.pop_front();
        }
        self.lines.push_back(format!("{now:>8}  {line}"));
    }

    /// The lines kept, oldest first.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}
