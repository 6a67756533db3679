//! `docs/administration.md`, typed from its first line to its last by somebody who has the real programs and nothing else.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use supplysync_tests::{Binaries, Finished, Program, eventually, free_address, is_ready, run};
use tokio::process::Command;
use tokio::time::Duration;

use crate::document::{Document, Step, unseen};
use crate::world::{COMMAND_LIMIT, turn};

const PAGE: &str = include_str!("../../docs/administration.md");
const LIMIT: Duration = Duration::from_secs(90);

/// All that differs here from what the page says: the values of these variables, which the page exports.
const PORTS: [&str; 9] = [
    "PRIMARY_PORT",
    "JOINING_PORT",
    "PRIMARY_HEALTH",
    "NORTH_PORT",
    "NORTH_HEALTH",
    "EAST_PORT",
    "EAST_HEALTH",
    "LAKE_PORT",
    "LAKE_HEALTH",
];

/// What a person repeats until it shows what the page says. Everything else is typed once.
const LOOKING: [&str; 10] = [
    "status",
    "stores moves",
    "sites list",
    "quarantine",
    "verify",
    "ledger",
    "report",
    "stock list",
    "trace",
    "audit list",
];

/// Somebody at a keyboard.
struct Administrator<'a> {
    folder: &'a Path,
    path: String,
    exported: BTreeMap<String, String>,
    servers: Vec<Program>,
}

#[tokio::test]
async fn every_command_of_the_administration_page_does_what_the_page_says() {
    let _turn = turn().await;
    let document = Document::read(PAGE);
    let folder = tempfile::tempdir().unwrap();
    let programs = Binaries::beside_this_program().unwrap().primary;
    let path = std::env::var("PATH").unwrap();
    let mut administrator = Administrator {
        folder: folder.path(),
        path: format!("{}:{path}", programs.parent().unwrap().display()),
        exported: BTreeMap::new(),
        servers: Vec::new(),
    };
    for step in &document.steps {
        administrator.take(step).await;
    }
    for port in PORTS {
        assert!(
            administrator.exported.contains_key(port),
            "the page exports no {port}"
        );
    }
    administrator.check_mentions(&document).await;
    for server in &mut administrator.servers {
        server.terminate().unwrap();
        let status = server.end(LIMIT).await.unwrap();
        assert_eq!(status.code(), Some(0), "{}", server.log_tail(20));
    }
}

impl Administrator<'_> {
    async fn take(&mut self, step: &Step) {
        if let Some(variables) = step.command.strip_prefix("export ") {
            self.export(variables);
        } else if let Some(serve) = step.command.strip_suffix('&') {
            self.serve(step, serve.trim_end()).await;
        } else {
            self.type_in(step).await;
        }
    }

    fn export(&mut self, variables: &str) {
        for variable in variables.split_whitespace() {
            let (name, value) = variable.split_once('=').expect(variable);
            let value = match PORTS.contains(&name) {
                true => free_address().unwrap().port().to_string(),
                false => value.to_owned(),
            };
            self.exported.insert(name.to_owned(), value);
        }
    }

    /// Starts a server beside everything that follows, and waits until it is ready.
    async fn serve(&mut self, step: &Step, serve: &str) {
        assert!(serve.contains("-svc serve "), "line {}: {serve}", step.line);
        let after = |mark: &str| {
            let (_, rest) = serve.split_once(mark).expect(serve);
            rest.split_whitespace().next().expect(serve)
        };
        let log = self.folder.join(after("> "));
        let data_dir = self.folder.join(after("--data-dir "));
        let program = Program::start(after("--data-dir "), self.shell(&format!("exec {serve}")), &log);
        self.servers.push(program.unwrap());
        let settings = std::fs::read_to_string(data_dir.join("supplysync.toml")).unwrap();
        let health = settings
            .lines()
            .find_map(|line| line.strip_prefix("health = \""))
            .expect("no health port");
        let health: SocketAddr = health.trim_end_matches('"').parse().unwrap();
        let what = format!("line {}: {serve} to be ready", step.line);
        let ready = eventually(&what, LIMIT, || async move {
            Ok(is_ready(health).await?.then_some(()))
        });
        ready.await.unwrap();
    }

    async fn type_in(&self, step: &Step) {
        let look = || async {
            let finished = run(self.shell(&step.command), COMMAND_LIMIT).await?;
            match complaint(step, &finished) {
                None => Ok(Some(())),
                Some(complaint) => Err(complaint.into()),
            }
        };
        let looks = LOOKING.iter().any(|words| {
            let typed = format!(" {} ", step.command.replace('\n', " "));
            typed.contains(&format!("-svc {words} "))
        });
        let outcome = match looks {
            true => eventually("it", LIMIT, look).await,
            false => look().await.map(Option::unwrap_or_default),
        };
        if let Err(trouble) = outcome {
            panic!("line {}: {}\n{trouble}", step.line, step.command);
        }
    }

    fn shell(&self, command: &str) -> Command {
        let mut shell = Command::new("sh");
        // Nothing of the developer's own set-up may reach a test.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SUPPLYSYNC_") {
                shell.env_remove(name);
            }
        }
        shell
            .args(["-c", command])
            .current_dir(self.folder)
            .env("PATH", &self.path)
            .envs(&self.exported);
        shell
    }

    /// What the text mentions in passing was typed too, in some form, and its flags exist.
    async fn check_mentions(&self, document: &Document) {
        let subcommands = document.subcommands();
        for mention in &document.mentioned {
            let mut words = mention.split_whitespace().peekable();
            if !words.peek().is_some_and(|first| subcommands.contains(first)) {
                continue;
            }
            let command: Vec<_> = words
                .take_while(|word| {
                    word.chars()
                        .all(|letter| letter.is_ascii_lowercase() || letter == '-')
                })
                .take_while(|word| !word.starts_with("--"))
                .collect();
            let command = command.join(" ");
            let run_by = |step: &&Step| step.command.contains(&format!("-svc {command} "));
            let step = document.steps.iter().find(run_by);
            let step = step.unwrap_or_else(|| panic!("`{mention}` is mentioned and no command is like it"));
            let (program, _) = step.command.split_once("-svc ").expect(mention);
            let program = program.split_whitespace().last().expect(mention);
            let help = run(
                self.shell(&format!("{program}-svc {command} --help")),
                COMMAND_LIMIT,
            );
            let help = help.await.unwrap().success().unwrap();
            for flag in mention.split_whitespace().filter(|word| word.starts_with("--")) {
                assert!(help.contains(flag), "`{mention}`: there is no {flag}");
            }
        }
    }
}

/// What differs from what the page says.
fn complaint(step: &Step, finished: &Finished) -> Option<String> {
    let printed = format!("{}\n{}", finished.stdout, finished.stderr);
    let unseen = unseen(&step.shown, &printed);
    let as_told = finished.code == Some(step.code) && unseen.is_empty() && !printed.contains("panicked");
    (!as_told).then(|| {
        let (code, promised) = (finished.code, step.code);
        format!("exit code {code:?}, promised {promised}; not seen: {unseen:#?}; printed:\n{printed}")
    })
}
