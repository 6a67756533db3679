//! One target under libFuzzer: its corpus, its progress as it is told on standard error, and how it ended.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use supplysync_laws::Target;
use supplysync_tests::Outcome;
use tokio::time::Instant;

/// Megabytes that a program may hold: what is read is 4 MiB at most, and the fuzzer keeps its corpus in memory.
const MEGABYTES: u32 = 1_024;
/// Seconds that one input may take.
const SECONDS: u32 = 10;
/// How often progress is shown.
const RHYTHM: Duration = Duration::from_secs(10);
/// The last lines of a program that ended badly.
const LINES: usize = 30;

/// How far the inputs of a corpus reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reach {
    /// Edges of the control flow that were taken.
    pub edges: u64,
    /// The same with how often, and the values that were compared.
    pub features: u64,
    /// Inputs that are kept, for each reaches something of its own.
    pub inputs: u64,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The time was over.
    InTime,
    /// An input broke the law, took too long or too much memory.
    Broken {
        /// Where it is kept.
        input: Option<PathBuf>,
    },
}

/// What became of a target.
#[derive(Debug)]
pub struct Run {
    /// The target's name.
    pub name: &'static str,
    /// How often the law was applied.
    pub executions: u64,
    /// How long it took.
    pub seconds: f64,
    /// What the seeds and the corpus of earlier runs reached.
    pub first: Reach,
    /// What is reached now.
    pub last: Reach,
    /// How it ended.
    pub ended: Ended,
}

/// Runs a target for some time. Its corpus stays under `home`, so that the next run goes on from there.
pub fn run(target: &Target, program: &Path, home: &Path, time: Duration) -> Outcome<Run> {
    let corpus = home.join("corpus").join(target.name);
    let seeds = home.join("seeds").join(target.name);
    let kept = home.join("found");
    for folder in [&corpus, &seeds, &kept] {
        std::fs::create_dir_all(folder)?;
    }
    for (number, seed) in (target.seeds)().iter().enumerate() {
        std::fs::write(seeds.join(number.to_string()), seed)?;
    }
    let started = Instant::now();
    let mut fuzzer = Command::new(program)
        .arg(&corpus)
        .arg(&seeds)
        .arg(format!("-artifact_prefix={}/{}-", kept.display(), target.name))
        .arg(format!("-max_total_time={}", time.as_secs().max(1)))
        .arg(format!("-max_len={}", target.longest))
        .arg(format!("-rss_limit_mb={MEGABYTES}"))
        .arg(format!("-timeout={SECONDS}"))
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut told = Told::default();
    let mut shown = Instant::now();
    if let Some(stderr) = fuzzer.stderr.take() {
        for line in BufReader::new(stderr).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            told.hear(&line);
            if shown.elapsed() >= RHYTHM {
                shown = Instant::now();
                eprintln!(
                    "{}: {:.0} s of {:.0}, {} executions, {} edges",
                    target.name,
                    started.elapsed().as_secs_f64(),
                    time.as_secs_f64(),
                    told.executions,
                    told.last.edges
                );
            }
        }
    }
    let ended = match fuzzer.wait()?.success() {
        true => Ended::InTime,
        false => {
            told.lines.iter().for_each(|line| eprintln!("    {line}"));
            Ended::Broken { input: told.input }
        }
    };
    Ok(Run {
        name: target.name,
        executions: told.executions,
        seconds: started.elapsed().as_secs_f64(),
        first: told.first.unwrap_or_default(),
        last: told.last,
        ended,
    })
}

/// What libFuzzer has said so far.
#[derive(Debug, Default)]
struct Told {
    executions: u64,
    first: Option<Reach>,
    last: Reach,
    input: Option<PathBuf>,
    lines: Vec<String>,
}

impl Told {
    /// A line such as `#4711 NEW cov: 1077 ft: 2003 corp: 55/3084b lim: 4096 exec/s: 512 rss: 61Mb …`, or one
    /// that says where an input was written.
    fn hear(&mut self, line: &str) {
        if let Some((_, path)) = line.split_once("Test unit written to ") {
            self.input = Some(path.trim().into());
        }
        if self.lines.len() == LINES {
            self.lines.remove(0);
        }
        self.lines.push(line.to_owned());
        let mut words = line.split_whitespace();
        let Some(executions) = words.next().and_then(|word| word.strip_prefix('#')?.parse().ok()) else {
            return;
        };
        let event = words.next().unwrap_or_default();
        self.executions = self.executions.max(executions);
        let mut reach = self.last;
        let words: Vec<_> = words.collect();
        for pair in words.windows(2) {
            let [name, value] = pair else { continue };
            let number = value
                .split(['/', 'b'])
                .next()
                .and_then(|number| number.parse().ok());
            match (*name, number) {
                ("cov:", Some(number)) => reach.edges = number,
                ("ft:", Some(number)) => reach.features = number,
                ("corp:", Some(number)) => reach.inputs = number,
                _ => {}
            }
        }
        self.last = reach;
        if event == "INITED" {
            self.first = Some(reach);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_fuzzer_says_is_understood() {
        let mut told = Told::default();
        for line in [
            "INFO: Running with entropic power schedule (0xFF, 100).",
            "#17\tINITED cov: 900 ft: 1100 corp: 12/980b exec/s: 0 rss: 60Mb",
            "#2048\tNEW    cov: 1077 ft: 2003 corp: 55/3084b lim: 4096 exec/s: 512 rss: 61Mb L: 9/80 MS: 1 EraseBytes-",
            "#4096\tpulse  cov: 1077 ft: 2003 corp: 55/3084b lim: 4096 exec/s: 512 rss: 61Mb",
            "artifact_prefix='found/frame-'; Test unit written to found/frame-crash-0a",
        ] {
            told.hear(line);
        }
        assert_eq!(told.executions, 4_096);
        let (first, last) = (told.first.unwrap(), told.last);
        assert_eq!((first.edges, first.features, first.inputs), (900, 1_100, 12));
        assert_eq!((last.edges, last.features, last.inputs), (1_077, 2_003, 55));
        assert_eq!(told.input, Some("found/frame-crash-0a".into()));
        assert_eq!(told.lines.len(), 5);
    }
}
