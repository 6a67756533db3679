//! One process: started, watched, killed. Only processes started here are ever signalled, and none outlives its
//! `Program`. What it prints goes to a file, shown when a test fails.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::{Outcome, within};

/// Lines of the log that a failed test shows.
const SHOWN_LINES: usize = 40;

/// A running program.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    log: PathBuf,
}

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Memory {
    /// Resident now.
    pub resident: u64,
    /// Resident at most since it started.
    pub peak: u64,
}

/// A program that ran to its end.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Program {
    /// Starts it in a process group of its own, so that Ctrl-C reaches the one who started it and nobody else.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Outcome<Program> {
        let out = File::options().create(true).append(true).open(log)?;
        let errors = out.try_clone()?;
        command.stdin(Stdio::null()).stdout(out).stderr(errors);
        let child = own(&mut command)
            .spawn()
            .map_err(|error| format!("{name} does not start: {error}"))?;
        Ok(Program {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
        })
    }

    /// Its process id, while it runs.
    pub fn id(&self) -> Outcome<u32> {
        self.child
            .id()
            .ok_or_else(|| format!("{} has ended", self.name).into())
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Outcome<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// SIGKILL: what a power cut looks like to a process. Returns when it is gone.
    pub async fn kill(&mut self) -> Outcome<()> {
        Ok(self.child.kill().await?)
    }

    /// SIGTERM: asks it to end in order.
    pub fn terminate(&self) -> Outcome<()> {
        self.signal(Signal::TERM)
    }

    /// Any other signal.
    pub(crate) fn signal(&self, signal: Signal) -> Outcome<()> {
        let id = i32::try_from(self.id()?)?;
        let id = Pid::from_raw(id).ok_or("process id 0")?;
        Ok(kill_process(id, signal)?)
    }

    /// Waits for its end.
    pub async fn end(&mut self, limit: Duration) -> Outcome<ExitStatus> {
        let what = format!("the end of {}", self.name);
        within(&what, limit, async { Ok(self.child.wait().await?) }).await
    }

    /// Its memory, as the kernel counts it.
    pub fn memory(&self) -> Outcome<Memory> {
        memory_of(&std::fs::read_to_string(format!("/proc/{}/status", self.id()?))?)
    }

    /// The end of what it has printed.
    pub fn log_tail(&self, lines: usize) -> String {
        tail(&self.log, lines)
    }
}

/// Kills it if it still runs (tokio reaps it), and shows its log if a test is failing.
impl Drop for Program {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "--- the log of {} ends with:\n{}",
                self.name,
                self.log_tail(SHOWN_LINES)
            );
        }
    }
}

/// Runs a command to its end, bounded in time.
pub async fn run(mut command: Command, limit: Duration) -> Outcome<Finished> {
    let what = format!("the end of {:?}", command.as_std());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = within(&what, limit, async { Ok(own(&mut command).output().await?) }).await?;
    Ok(Finished {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

impl Finished {
    /// Its standard output if it ended with 0, else what it said.
    pub fn success(self) -> Outcome<String> {
        match self.code {
            Some(0) => Ok(self.stdout),
            code => Err(format!("ended with {code:?}: {}{}", self.stdout, self.stderr).into()),
        }
    }
}

/// The last lines of a file, if it can be read.
pub(crate) fn tail(file: &Path, lines: usize) -> String {
    let text = std::fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let skip = text.lines().count().saturating_sub(lines);
    text.lines().skip(skip).collect::<Vec<_>>().join("\n")
}

fn own(command: &mut Command) -> &mut Command {
    command.kill_on_drop(true).process_group(0)
}

fn memory_of(status: &str) -> Outcome<Memory> {
    let bytes = |field: &str| -> Outcome<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kibibytes = line.and_then(|rest| rest.split_whitespace().next());
        let kibibytes: u64 = kibibytes
            .ok_or_else(|| format!("no {field} in the status"))?
            .parse()?;
        Ok(kibibytes * 1024)
    };
    Ok(Memory {
        resident: bytes("VmRSS:")?,
        peak: bytes("VmHWM:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn output_and_code_come_back() {
        let finished = run(shell("echo out; echo err >&2; exit 3"), Duration::from_secs(20))
            .await
            .unwrap();
        assert_eq!(
            (finished.code, &*finished.stdout, &*finished.stderr),
            (Some(3), "out\n", "err\n")
        );
        assert!(finished.success().is_err());
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_given_up() {
        let trouble = run(shell("sleep 100"), Duration::from_millis(100))
            .await
            .unwrap_err()
            .to_string();
        assert!(trouble.contains("waited"), "{trouble}");
    }

    #[tokio::test]
    async fn a_running_program_is_measured_and_killed() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut program = Program::start("shell", shell("echo up; sleep 100"), &log).unwrap();
        let memory = program.memory().unwrap();
        assert!(
            memory.resident > 0 && memory.peak >= memory.resident,
            "{memory:?}"
        );
        crate::eventually("its output", Duration::from_secs(20), || async {
            Ok(std::fs::read_to_string(&log)?.contains("up").then_some(()))
        })
        .await
        .unwrap();
        assert_eq!(program.ended().unwrap(), None);
        program.kill().await.unwrap();
        assert!(program.ended().unwrap().is_some());
        assert_eq!(program.log_tail(1), "up");
    }

    #[tokio::test]
    async fn terminate_lets_it_end_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let script = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done";
        let mut program = Program::start("shell", shell(script), &log).unwrap();
        crate::eventually("its trap", Duration::from_secs(20), || async {
            Ok((!std::fs::read(&log)?.is_empty()).then_some(()))
        })
        .await
        .unwrap();
        program.terminate().unwrap();
        let status = program.end(Duration::from_secs(20)).await.unwrap();
        assert_eq!((status.code(), program.log_tail(1)), (Some(0), "bye".to_owned()));
    }

    #[test]
    fn memory_is_read_in_bytes() {
        let memory = memory_of("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n").unwrap();
        assert_eq!(
            memory,
            Memory {
                resident: 1024 * 1024,
                peak: 2048 * 1024
            }
        );
        assert!(memory_of("Name:\tx\n").is_err());
    }
}
