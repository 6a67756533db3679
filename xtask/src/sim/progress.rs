//! How far the seeds are: a bar on a terminal, a line for each tenth otherwise.

use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

/// Shown on standard error, so that the report can be kept by itself.
pub struct Progress {
    bar: Option<ProgressBar>,
    done: AtomicU64,
    total: u64,
}

impl Progress {
    /// For that many seeds.
    pub fn new(total: u64) -> Progress {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total);
            let template = "{wide_bar} {human_pos} of {human_len} seeds, {per_sec}, {eta} left";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        Progress {
            bar,
            done: AtomicU64::new(0),
            total,
        }
    }

    /// One more is done.
    pub fn advance(&self) {
        if let Some(bar) = &self.bar {
            return bar.inc(1);
        }
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let tenth = self.total.div_ceil(10).max(1);
        if done.is_multiple_of(tenth) {
            eprintln!("{done} of {} seeds", self.total);
        }
    }

    /// All are done, or enough failed.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
