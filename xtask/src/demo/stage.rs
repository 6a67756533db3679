//! What the demo shows and to whom: headings, lines and progress for people, one JSON summary for programs. Every
//! fact that is shown is kept, and a fact that doesn't hold ends the demo.

use std::io::{IsTerminal, Write};

use clap::ValueEnum;
use comfy_table::Table;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};
use supplysync_tests::Outcome;
use tokio::time::Instant;

/// The form of the demo's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Steps, lines and tables, for people.
    Text,
    /// One machine-readable summary at the end.
    Json,
}

/// The stage.
pub struct Stage {
    form: Form,
    terminal: bool,
    started: Instant,
    steps: Vec<Step>,
    ended: bool,
}

struct Step {
    title: String,
    started: Instant,
    facts: Map<String, Value>,
}

impl Stage {
    /// An empty stage.
    pub fn new(form: Form) -> Stage {
        let terminal = std::io::stdout().is_terminal();
        Stage {
            form,
            terminal,
            started: Instant::now(),
            steps: Vec::new(),
            ended: false,
        }
    }

    /// From now on the time counts: what was built before is not part of it.
    pub fn begin(&mut self) {
        self.started = Instant::now();
    }

    /// Begins the next step.
    pub fn step(&mut self, title: &str) {
        let number = self.steps.len() + 1;
        let heading = format!("{number}. {title}");
        self.write("");
        self.write(&if self.terminal {
            format!("\x1b[1m{heading}\x1b[0m")
        } else {
            heading
        });
        self.steps.push(Step {
            title: title.to_owned(),
            started: Instant::now(),
            facts: Map::new(),
        });
    }

    /// A line for people.
    pub fn say(&self, line: &str) {
        let indent = if self.steps.is_empty() || self.ended || line.is_empty() {
            ""
        } else {
            "   "
        };
        self.write(&format!("{indent}{line}"));
    }

    fn write(&self, line: &str) {
        if self.form == Form::Text {
            // A closed pipe must not end the demo before it has cleaned up.
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    }

    /// A table for people.
    pub fn table(&self, heading: &[&str], rows: Vec<Vec<String>>) {
        let mut table = Table::new();
        table.load_preset(UTF8_BORDERS_ONLY).set_header(heading);
        table.add_rows(rows);
        for line in table.to_string().lines() {
            self.say(line.trim_end());
        }
    }

    /// Keeps a fact of the present step.
    pub fn fact(&mut self, name: &str, value: impl Into<Value>) {
        if let Some(step) = self.steps.last_mut() {
            step.facts.insert(name.to_owned(), value.into());
        }
    }

    /// Keeps a fact that must hold, and says it; ends the demo with `otherwise` if it doesn't.
    pub fn must(
        &mut self,
        name: &str,
        holds: bool,
        line: &str,
        otherwise: impl FnOnce() -> String,
    ) -> Outcome<()> {
        self.fact(name, holds);
        if !holds {
            let step = self
                .steps
                .last()
                .map(|step| step.title.clone())
                .unwrap_or_default();
            return Err(format!(
                "step {} ({step}): {name} does not hold: {}",
                self.steps.len(),
                otherwise()
            )
            .into());
        }
        if !line.is_empty() {
            self.say(&format!("✓ {line}"));
        }
        Ok(())
    }

    /// Progress towards `total`: a bar where there is a terminal, plain lines where there is none.
    pub fn progress(&self, what: &str, total: u64) -> Progress {
        let bar = (self.form == Form::Text && self.terminal).then(|| {
            let bar = ProgressBar::new(total);
            if let Ok(style) = ProgressStyle::with_template("   {msg:28} {wide_bar} {pos:>7}/{len} {elapsed}")
            {
                bar.set_style(style);
            }
            bar.set_message(what.to_owned());
            bar
        });
        let plain = (self.form == Form::Text && !self.terminal).then(|| Plain {
            what: what.to_owned(),
            quarter: 0,
        });
        Progress { bar, plain, total }
    }

    /// How it ends when a signal comes: well if everything had been shown by then.
    pub fn interrupted(&self) -> Outcome<()> {
        if self.ended {
            return Ok(());
        }
        Err("interrupted; every process was stopped and the folder removed".into())
    }

    /// The summary for programs, if they asked; the last line for people. Once only.
    pub fn end(&mut self, result: &Outcome<()>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let ok = result.is_ok();
        let seconds = self.started.elapsed().as_secs_f64();
        if self.form == Form::Text {
            self.say("");
            match result {
                Ok(()) => self.say(&format!("All {} steps hold ({seconds:.1} s).", self.steps.len())),
                Err(trouble) => eprintln!("error: {trouble}"),
            }
            return;
        }
        let ended = self
            .steps
            .iter()
            .skip(1)
            .map(|step| step.started)
            .chain([Instant::now()]);
        let steps = self
            .steps
            .iter()
            .zip(ended)
            .enumerate()
            .map(|(index, (step, ended))| {
                let seconds = (ended - step.started).as_secs_f64();
                json!({"number": index + 1, "title": step.title, "seconds": seconds, "facts": step.facts})
            });
        let summary = json!({
            "ok": ok,
            "seconds": seconds,
            "error": result.as_ref().err().map(ToString::to_string),
            "steps": steps.collect::<Vec<_>>(),
        });
        let _ = writeln!(std::io::stdout(), "{summary:#}");
    }
}

/// Progress of one thing.
pub struct Progress {
    bar: Option<ProgressBar>,
    plain: Option<Plain>,
    total: u64,
}

struct Plain {
    what: String,
    quarter: u64,
}

impl Progress {
    /// How far it is. Plain lines come at each quarter only, so that a log stays short.
    pub fn at(&mut self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done.min(self.total));
        }
        let total = self.total.max(1);
        if let Some(plain) = &mut self.plain {
            let quarter = done.min(total) * 4 / total;
            if quarter > plain.quarter {
                plain.quarter = quarter;
                let _ = writeln!(
                    std::io::stdout(),
                    "   {}: {done} of {} records",
                    plain.what,
                    self.total
                );
            }
        }
    }

    /// The end of it.
    pub fn done(&mut self) {
        self.at(self.total);
        if let Some(bar) = &self.bar {
            bar.finish();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_that_does_not_hold_ends_the_demo_and_says_which() {
        let mut stage = Stage::new(Form::Json);
        stage.step("Import");
        assert!(stage.must("items", true, "", String::new).is_ok());
        let trouble = stage
            .must("names", false, "", || "59 of 60".into())
            .unwrap_err()
            .to_string();
        assert!(
            trouble.contains("step 1 (Import)") && trouble.contains("59 of 60"),
            "{trouble}"
        );
        assert_eq!(stage.steps[0].facts["names"], false);
    }
}
