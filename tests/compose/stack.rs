//! One compose file, up under a project name and ports of its own; whatever happens, it is taken down with its volumes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use supplysync_tests::{Outcome, eventually, free_address, run};
use tokio::process::Command;

/// How long the engine may take for one thing.
const LIMIT: Duration = Duration::from_secs(180);
/// What a site keeps, and must never make or get a second time by being started again.
const KEPT: [&str; 4] = [
    "/var/lib/supplysync/tls/site.crt",
    "/var/lib/supplysync/tls/site.key",
    "/var/lib/supplysync/password",
    "/run/secrets/supplysync/authorisation-code",
];

/// What is up.
pub struct Stack {
    file: PathBuf,
    project: String,
    ports: BTreeMap<String, String>,
    /// For what is copied out of containers.
    pub folder: tempfile::TempDir,
}

impl Stack {
    /// Brings it up; `ports` are the names of the variables with its ports.
    pub async fn up(file: &str, ports: &[&str]) -> Outcome<Stack> {
        let mut chosen = BTreeMap::new();
        for name in ports {
            chosen.insert(format!("{name}_PORT"), free_address()?.port().to_string());
        }
        let stack = Stack {
            file: Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(file),
            project: format!("supplysync-test-{}", std::process::id()),
            ports: chosen,
            folder: tempfile::tempdir()?,
        };
        stack.again().await?;
        Ok(stack)
    }

    /// `up` once more.
    pub async fn again(&self) -> Outcome<()> {
        self.compose(&["up", "-d", "--no-build"]).await.map(drop)
    }

    /// Where a service is published, as a URL.
    pub fn url(&self, service: &str) -> String {
        let port = self.ports.get(&format!("{}_PORT", service.to_uppercase()));
        format!("https://localhost:{}", port.map_or("0", String::as_str))
    }

    /// Runs a command of the engine to its end; its output.
    pub async fn engine(&self, words: &[&str]) -> Outcome<String> {
        let mut command = Command::new("docker");
        command.args(words);
        run(command, LIMIT).await?.success()
    }

    async fn compose(&self, words: &[&str]) -> Outcome<String> {
        let mut command = Command::from(self.compose_command());
        command.args(words);
        run(command, LIMIT).await?.success()
    }

    fn compose_command(&self) -> std::process::Command {
        // The plugin of today, or the program of before, as `tests/compose/run` found it.
        let words = std::env::var("COMPOSE").unwrap_or_else(|_| "docker compose".into());
        let mut words = words.split(' ');
        let mut command = std::process::Command::new(words.next().unwrap_or_default());
        command
            .args(words)
            .args(["-p", &self.project, "-f"])
            .arg(&self.file);
        command.envs(&self.ports);
        command
    }

    /// The container of a service.
    pub async fn container(&self, service: &str) -> Outcome<String> {
        let found = self.compose(&["ps", "-q", service]).await?;
        match found.trim() {
            "" => Err(format!("{service} has no container").into()),
            id => Ok(id.to_owned()),
        }
    }

    /// Starts a container that was stopped or killed.
    pub async fn start(&self, service: &str) -> Outcome<()> {
        self.engine(&["start", &self.container(service).await?])
            .await
            .map(drop)
    }

    /// Cuts a satellite's link; its own users reach it still.
    pub async fn cut(&self, service: &str) -> Outcome<()> {
        self.link("disconnect", service).await
    }

    /// And mends it.
    pub async fn mend(&self, service: &str) -> Outcome<()> {
        self.link("connect", service).await
    }

    async fn link(&self, what: &str, service: &str) -> Outcome<()> {
        let network = format!("{}_link", self.project);
        let container = self.container(service).await?;
        self.engine(&["network", what, &network, &container])
            .await
            .map(drop)
    }

    /// Sets another password for all sites, through one primary.
    pub async fn new_password(&self, primary: &str) -> Outcome<()> {
        let container = self.container(primary).await?;
        let run = async |words: &[&str]| {
            let words = [&["exec", &container, "primary-svc"], words].concat();
            self.engine(&words).await
        };
        run(&["make-secret", "/tmp/new-password"]).await?;
        let code = "--code-file=/run/secrets/supplysync/authorisation-code";
        let value = "--value-file=/tmp/new-password";
        run(&["prefs", "set", "password", value, code]).await.map(drop)
    }

    /// Copies a file out of a service; where it is then.
    pub async fn copy(&self, service: &str, path: &str) -> Outcome<PathBuf> {
        let name = path.rsplit('/').next().unwrap_or_default();
        let to = self.folder.path().join(name);
        let from = format!("{}:{path}", self.container(service).await?);
        self.engine(&["cp", &from, &to.to_string_lossy()]).await?;
        Ok(to)
    }

    /// Keys, certificates and secrets of services.
    pub async fn kept(&self, services: &[&str]) -> Outcome<Vec<String>> {
        let mut kept = Vec::new();
        for service in services {
            for path in KEPT {
                kept.push(fs::read_to_string(self.copy(service, path).await?)?);
            }
        }
        Ok(kept)
    }

    /// Nobody is root, may gain anything, or writes outside of volumes.
    pub async fn is_confined(&self, services: &[&str]) -> Outcome<()> {
        for service in services {
            let container = self.container(service).await?;
            let form = "{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}";
            let found = self.engine(&["inspect", "-f", form, &container]).await?;
            assert_eq!(
                found.trim(),
                "10001:10001 true [ALL] [no-new-privileges:true]",
                "{service}"
            );
            let form = "{{.State.Health.Status}}";
            let well = eventually("a healthy container", LIMIT, || async {
                let health = self.engine(&["inspect", "-f", form, &container]).await?;
                Ok((health.trim() == "healthy").then_some(()))
            });
            well.await.map_err(|trouble| format!("{service}: {trouble}"))?;
        }
        Ok(())
    }

    /// No secret is in what any container has written.
    pub async fn tells_no_secret(&self, services: &[&str]) -> Outcome<()> {
        let told = self.compose(&["logs", "--no-color"]).await?;
        assert!(told.contains("has joined"), "there are no logs");
        let kept = self.kept(services).await?;
        let mut secrets: Vec<_> = kept.iter().filter(|text| text.lines().count() == 1).collect();
        let token = fs::read_to_string(
            self.copy(services[0], "/run/secrets/supplysync/join-token")
                .await?,
        )?;
        assert!(token.starts_with("ssjoin1_"), "no join token");
        secrets.push(&token);
        for secret in secrets {
            assert!(secret.trim().len() >= 16, "that is no secret");
            assert!(
                !told.contains(secret.trim()),
                "a secret is in the log of a container"
            );
        }
        Ok(())
    }

    /// Says what each takes of memory, and took at the most since this was asked before.
    pub async fn tell_memory(&self, when: &str, services: &[&str]) -> Outcome<()> {
        println!("resident memory {when}:");
        for service in services {
            let container = self.container(service).await?;
            let id = self
                .engine(&["inspect", "-f", "{{.State.Pid}}", &container])
                .await?;
            let process = format!("/proc/{}", id.trim());
            let status = fs::read_to_string(format!("{process}/status")).unwrap_or_default();
            let of = |what: &str| {
                let found = status.lines().find_map(|line| line.strip_prefix(what));
                found.unwrap_or("?").trim().to_owned()
            };
            println!("  {service}: {}, at the most {}", of("VmRSS:"), of("VmHWM:"));
            // Sets the most back to what it is now; without the right to, it stays that since the start.
            let _ = fs::write(format!("{process}/clear_refs"), "5");
        }
        Ok(())
    }

    /// Takes it down, and its volumes with it; errors are told.
    pub async fn down(&self) -> Outcome<()> {
        self.compose(&["down", "--volumes", "--timeout", "5"])
            .await
            .map(drop)
    }
}

/// Whatever happened: what its containers said last is shown if a test fails, and nothing of it stays.
impl Drop for Stack {
    fn drop(&mut self) {
        if !self.ports.is_empty() {
            let mut down = self.compose_command();
            let _ = down.args(["down", "--volumes", "--timeout", "5"]).output();
        }
    }
}
