//! One site: its folder, its addresses and its process. A network sets it up.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::{Certificate, Client, Memory, Outcome, Program, eventually, free_address, is_ready};

/// How long a server may take to be ready; generous, as the machine may be busy.
const START_LIMIT: Duration = Duration::from_secs(60);
/// The promise: SIGTERM drains and ends with 0 within ten seconds.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// A site.
pub struct Site {
    sync_id: u16,
    name: String,
    binary: PathBuf,
    folder: PathBuf,
    grpc: SocketAddr,
    health: SocketAddr,
    /// A primary's.
    enrolment: Option<SocketAddr>,
    /// Settings beside the addresses, as environment variables.
    settings: Vec<(String, String)>,
    log: PathBuf,
    program: Option<Program>,
}

impl Site {
    /// A site that is not set up yet, with addresses of its own.
    pub(crate) fn new(sync_id: u16, name: &str, binary: &Path, folder: &Path) -> Outcome<Site> {
        std::fs::create_dir_all(folder)?;
        Ok(Site {
            sync_id,
            name: name.to_owned(),
            binary: binary.to_owned(),
            folder: folder.to_owned(),
            grpc: free_address()?,
            health: free_address()?,
            enrolment: (sync_id == 1).then(free_address).transpose()?,
            settings: Vec::new(),
            log: folder.join("log"),
            program: None,
        })
    }

    /// From the next command on, its programs find this setting in the environment.
    pub fn set(&mut self, variable: &str, value: &str) {
        self.settings.push((variable.to_owned(), value.to_owned()));
    }

    /// From the next command on, this is its program: an upgrade, or the way back.
    pub fn replace_program(&mut self, binary: &Path) {
        binary.clone_into(&mut self.binary);
    }

    /// From the next start on, what it prints goes there: beside its folder when nothing of ours may be in that.
    pub fn log_to(&mut self, log: PathBuf) {
        self.log = log;
    }

    /// A command of its program, with its folder and addresses.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        // Nothing of the developer's own set-up may reach a test.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SUPPLYSYNC_") {
                command.env_remove(name);
            }
        }
        command
            .env("SUPPLYSYNC_DATA_DIR", &self.folder)
            .env("SUPPLYSYNC_LISTEN__GRPC", self.grpc.to_string())
            .env("SUPPLYSYNC_LISTEN__HEALTH", self.health.to_string());
        if let Some(enrolment) = self.enrolment {
            command.env("SUPPLYSYNC_ENROLMENT__LISTEN", enrolment.to_string());
        }
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts its server, and waits until that is ready.
    pub async fn start(&mut self) -> Outcome<()> {
        let mut serve = self.command();
        serve.arg("serve");
        self.start_with(serve).await
    }

    /// The same with a command of the caller's making.
    pub async fn start_with(&mut self, serve: Command) -> Outcome<()> {
        let mut program = Program::start(&self.name, serve, &self.log())?;
        let health = self.health;
        let what = format!("{} to be ready", self.name);
        let ready = async {
            eventually(&what, START_LIMIT, || async move {
                Ok(is_ready(health).await?.then_some(()))
            })
            .await
        };
        let ended = async { program.end(START_LIMIT + STOP_LIMIT).await };
        let outcome = tokio::select! {
            ready = ready => ready,
            ended = ended => Err(format!("{} ended at once: {:?}", self.name, ended?.code()).into()),
        };
        if let Err(trouble) = outcome {
            return Err(format!("{trouble}\n{}", program.log_tail(20)).into());
        }
        self.program = Some(program);
        Ok(())
    }

    /// SIGKILL.
    pub async fn kill(&mut self) -> Outcome<()> {
        match self.program.take() {
            Some(mut program) => program.kill().await,
            None => Err(format!("{} is not running", self.name).into()),
        }
    }

    /// A start that SIGKILL cuts short after that time, or soon after it was ready.
    pub async fn start_and_kill(&mut self, after: Duration) -> Outcome<()> {
        let mut serve = self.command();
        serve.arg("serve");
        let mut program = Program::start(&self.name, serve, &self.log())?;
        match program.end(after).await {
            Ok(status) => Err(format!("{} ended by itself: {status}", self.name).into()),
            Err(_) => program.kill().await,
        }
    }

    /// Waits until it has ended by itself; its exit code.
    pub async fn ends_by_itself(&mut self, limit: Duration) -> Outcome<Option<i32>> {
        match self.program.as_mut() {
            Some(program) => {
                let status = program.end(limit).await?;
                self.program = None;
                Ok(status.code())
            }
            None => Err(format!("{} is not running", self.name).into()),
        }
    }

    /// SIGTERM, and the exit code that must be 0 within the promised time; nothing if it is not running.
    pub async fn stop(&mut self) -> Outcome<()> {
        let Some(mut program) = self.program.take() else {
            return Ok(());
        };
        program.terminate()?;
        let status = program.end(STOP_LIMIT).await?;
        if status.code() == Some(0) {
            return Ok(());
        }
        Err(format!(
            "{} ended with {status} after SIGTERM\n{}",
            self.name,
            program.log_tail(20)
        )
        .into())
    }

    /// A connection as its operator, who is an admin.
    pub async fn client(&self) -> Outcome<Client> {
        Client::connect(&self.url(), &self.operator()).await
    }

    /// Its operator's certificate.
    pub fn operator(&self) -> Certificate {
        Certificate::in_folder(&self.folder.join("tls"), "operator")
    }

    /// Its own certificate.
    pub fn certificate(&self) -> Certificate {
        Certificate::in_folder(&self.folder.join("tls"), "site")
    }

    /// Its memory.
    pub fn memory(&self) -> Outcome<Memory> {
        let program = self
            .program
            .as_ref()
            .ok_or_else(|| format!("{} is not running", self.name))?;
        program.memory()
    }

    /// Its process id.
    pub fn process_id(&self) -> Outcome<u32> {
        let program = self
            .program
            .as_ref()
            .ok_or_else(|| format!("{} is not running", self.name))?;
        program.id()
    }

    /// Its Sync ID.
    pub fn sync_id(&self) -> u16 {
        self.sync_id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its data directory.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where its gRPC services are.
    pub fn grpc(&self) -> SocketAddr {
        self.grpc
    }

    /// Where its health port is.
    pub fn health(&self) -> SocketAddr {
        self.health
    }

    /// Where sites join it, if it is a primary.
    pub fn enrolment(&self) -> Option<SocketAddr> {
        self.enrolment
    }

    /// Its gRPC services as a URL.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.grpc.port())
    }

    /// What its process prints.
    pub fn log(&self) -> PathBuf {
        self.log.clone()
    }

    /// The end of that.
    pub fn log_tail(&self, lines: usize) -> String {
        crate::program::tail(&self.log, lines)
    }

    /// What its process has logged under this message, over all its lives. A kill may have cut the last line.
    pub fn logged(&self, message: &str) -> Outcome<Vec<serde_json::Value>> {
        let text = std::fs::read(self.log())?;
        let lines = text.split(|byte| *byte == b'\n');
        let read = lines.filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok());
        Ok(read.filter(|line| line["message"] == message).collect())
    }
}
