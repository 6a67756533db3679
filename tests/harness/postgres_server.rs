//! A PostgreSQL server of one's own, for tests that restart it, let it crash, or give it a certificate. Where the tests run as
//! root it runs as the user that its package made, as it refuses to be root.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Signal, geteuid};
use tokio::process::Command;

use crate::postgres::programs;
use crate::{Outcome, Program, eventually, free_address, run};

/// How long making a cluster, starting and stopping it may take.
const LIMIT: Duration = Duration::from_secs(60);
const USER: &str = "postgres";

/// The server.
pub struct PostgresServer {
    bin: PathBuf,
    folder: PathBuf,
    port: u16,
    settings: Vec<String>,
    program: Option<Program>,
}

/// How it is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It cuts its clients and ends in order.
    Fast,
    /// It ends on the spot, and recovers when it starts again: what a crash is.
    Immediate,
}

impl PostgresServer {
    /// Makes a cluster in a new folder inside this one, and starts it.
    pub async fn start(inside: &Path) -> Outcome<PostgresServer> {
        let folder = inside.join("postgres");
        std::fs::create_dir(&folder)?;
        // Whoever it runs as has to get there.
        std::fs::set_permissions(inside, PermissionsExt::from_mode(0o755))?;
        let mut server = PostgresServer {
            bin: programs()?,
            folder,
            port: free_address()?.port(),
            settings: Vec::new(),
            program: None,
        };
        server.give(&server.folder).await?;
        let mut initdb = server.command("initdb");
        initdb.arg("-D").arg(server.data());
        initdb.args([
            "-U",
            "supplysync",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]);
        run(initdb, LIMIT).await?.success()?;
        server.begin().await?;
        Ok(server)
    }

    /// A database of it, as `postgres://…`; what follows the name of the database is the caller's.
    pub fn url(&self, host: &str) -> String {
        format!("postgres://supplysync@{host}:{}/postgres", self.port)
    }

    /// Who may connect, and how, from the next start on: lines of `pg_hba.conf`.
    pub fn admit(&self, lines: &str) -> Outcome<()> {
        Ok(std::fs::write(self.data().join("pg_hba.conf"), lines)?)
    }

    /// From the next start on it has this setting (`ssl=on`), too.
    pub fn set(&mut self, setting: &str) {
        self.settings.push(setting.to_owned());
    }

    /// Makes a file its own, readable by nobody else.
    pub async fn give(&self, path: &Path) -> Outcome<()> {
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode))?;
        if geteuid().is_root() {
            let mut ids = [0; 2];
            for (id, option) in ids.iter_mut().zip(["-u", "-g"]) {
                let mut command = Command::new("id");
                command.args([option, USER]);
                *id = run(command, LIMIT).await?.success()?.trim().parse()?;
            }
            chown(path, Some(ids[0]), Some(ids[1]))?;
        }
        Ok(())
    }

    /// Stops it, and starts it again on the same port.
    pub async fn restart(&mut self, how: Stop) -> Outcome<()> {
        if let Some(mut program) = self.program.take() {
            program.signal(match how {
                Stop::Fast => Signal::INT,
                Stop::Immediate => Signal::QUIT,
            })?;
            program.end(LIMIT).await?;
        }
        self.begin().await
    }

    async fn begin(&mut self) -> Outcome<()> {
        let mut postgres = self.command("postgres");
        postgres.arg("-D").arg(self.data());
        postgres.args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
        postgres
            .arg("-c")
            .arg(format!("unix_socket_directories={}", self.folder.display()));
        // What is not synced outlives a process, and nothing else ends here.
        postgres.args(["-c", "fsync=off"]);
        for setting in &self.settings {
            postgres.args(["-c", setting]);
        }
        let log = self.folder.with_extension("log");
        self.program = Some(Program::start("PostgreSQL", postgres, &log)?);
        let (bin, folder, port) = (&self.bin, &self.folder, self.port.to_string());
        let answers = eventually("PostgreSQL to answer", LIMIT, || async {
            let mut ready = Command::new(bin.join("pg_isready"));
            ready.arg("-h").arg(folder).args(["-p", &port, "--quiet"]);
            Ok((run(ready, LIMIT).await?.code == Some(0)).then_some(()))
        });
        answers
            .await
            .map_err(|trouble| format!("{trouble}\n{}", crate::program::tail(&log, 20)).into())
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn command(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        if !geteuid().is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid", USER, "--regid", USER, "--init-groups"]);
        command.arg(program).current_dir("/");
        command
    }
}
