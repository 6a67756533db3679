//! `satellite-svc init`: certificates, password, database and configuration of a new satellite. It can be repeated after
//! an interruption, and refuses once the satellite is set up. The primary assigns the rest at the first contact.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use futures::FutureExt;
use secrecy::ExposeSecret;
use serde::Serialize;
use supplysync_model::{Fault, SyncId};
use supplysync_node::cli::flags::{CONFIG_FILE, GlobalFlags};
use supplysync_node::cli::output::Answer;
use supplysync_node::cli::problem::Problem;
use supplysync_node::cli::setup::{self, Readers};
use supplysync_node::cli::{run, secret};
use supplysync_node::command::authorisation::{CODE_HASH, hash_code};
use supplysync_store::{NewIdentity, Store};

use super::first_config::FirstConfig;
use crate::config::Config;

/// What a new satellite must be told.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The Sync ID under which the primary registered this site (2 to 64 unless raised)
    #[arg(long, value_name = "N", value_parser = satellite_id)]
    sync_id: SyncId,
    /// The name of this site, as the primary has it
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The primary's address, as in https://primary.example.org:8443
    #[arg(long, value_name = "URL")]
    primary_url: String,
    /// The folder that `primary-svc certs issue` wrote: authority.crt, site.crt, site.key, and operator.* if issued
    #[arg(long, value_name = "DIR")]
    certs: PathBuf,
    /// The user name that all sites share
    #[arg(long, value_name = "NAME", default_value = "supplysync")]
    user_name: String,
    /// A file with the password that all sites share, on its first line [default: ask]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// A file with the authorisation code that unlocks this site's preferences [default: make one and show it once]
    #[arg(long, value_name = "FILE")]
    authorisation_code_file: Option<PathBuf>,
    /// Address and port for this site's own users and operators [default: 127.0.0.1:8444]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Address and port of /livez and /readyz [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDRESS")]
    health_listen: Option<SocketAddr>,
}

/// What was set up.
#[derive(Debug, Serialize)]
struct InitView {
    sync_id: u16,
    name: String,
    data_dir: PathBuf,
    config: PathBuf,
    operator_certificate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorisation_code: Option<String>,
}

/// The files that a satellite needs, who may read them, and whether it can do without.
const CERTIFICATES: [(&str, Readers, bool); 5] = [
    ("authority.crt", Readers::Everybody, true),
    ("site.crt", Readers::Everybody, true),
    ("site.key", Readers::Owner, true),
    ("operator.crt", Readers::Everybody, false),
    ("operator.key", Readers::Owner, false),
];

/// Sets the satellite up.
pub async fn run(flags: &GlobalFlags, args: InitArgs) -> Result<(), Problem> {
    let config: Config = flags.settings()?;
    check(&args, &config)?;
    let deps = run::store_deps();
    let database = config.database.access(&config.data_dir)?;
    setup::make_directory(&config.data_dir)?;
    let begun = match setup::existing(database.clone(), deps.clone()).await? {
        Some(store) if store.identity().sync_id != args.sync_id || has_code(&store).await? => {
            return Err(setup::already_set_up(store, &config.data_dir).await);
        }
        begun => begun,
    };
    let password = secret::from_file_or_ask("password", args.password_file.as_deref(), "--password-file")?;
    let code = setup::choose_code(args.authorisation_code_file.as_deref())?;

    let operator = copy_certificates(&args.certs, &config.data_dir.join("tls"))?;
    let password_path = config.data_dir.join("password");
    if !password_path.exists() {
        let line = format!("{}\n", password.expose_secret());
        setup::write_new(&password_path, line.as_bytes(), Readers::Owner)?;
    }
    let config_path = flags
        .config_file()
        .unwrap_or_else(|| config.data_dir.join(CONFIG_FILE));
    if !config_path.exists() {
        setup::write_new(
            &config_path,
            args.first(&config).config_text().as_bytes(),
            Readers::Everybody,
        )?;
    }
    // Last: once there is a database with a code, the satellite counts as set up.
    let identity = NewIdentity {
        sync_id: args.sync_id,
        site_name: args.name.clone(),
    };
    let store = match begun {
        Some(store) => store,
        None => Store::init(database, identity, deps).await?,
    };
    let shown = keep_code(&store, &code).await?;
    store.close().await;

    flags.output().answer(&InitView {
        sync_id: args.sync_id.get(),
        name: args.name,
        data_dir: config.data_dir,
        config: config_path,
        operator_certificate: operator,
        authorisation_code: shown,
    })
}

/// Stores the code that unlocks this site's preferences; the code itself if it was made here and is to be shown.
pub(super) async fn keep_code(store: &Store, code: &setup::Chosen) -> Result<Option<String>, Fault> {
    let hash = hash_code(&code.secret, &*run::random())?;
    let written = store.write("authorisation code", move |tx| {
        tx.set_preference(CODE_HASH, hash.clone().into_bytes()).boxed()
    });
    written.await?;
    Ok(code.made_here.then(|| code.secret.expose_secret().to_owned()))
}

/// Whether an `init` or `join` came to its end on this database.
pub(super) async fn has_code(store: &Store) -> Result<bool, Fault> {
    let code = store
        .read("is set up", |tx| tx.preference(CODE_HASH).boxed())
        .await?;
    Ok(code.is_some())
}

/// Everything that can be wrong is found before anything is written.
fn check(args: &InitArgs, config: &Config) -> Result<(), Problem> {
    if args.sync_id.get() > config.limits.max_sync_id {
        let highest = config.limits.max_sync_id;
        return Err(Problem::usage(format!(
            "Sync ID {} is above the highest, {highest} (limits.max_sync_id raises it, on every site)",
            args.sync_id
        )));
    }
    let missing: Vec<_> = CERTIFICATES
        .iter()
        .filter(|(name, _, needed)| *needed && !args.certs.join(name).is_file())
        .map(|(name, _, _)| *name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let id = args.sync_id;
    Err(Problem::usage(format!(
        "{} lacks {}; on the primary, `primary-svc certs issue site {id} --out DIR` makes them",
        args.certs.display(),
        missing.join(", ")
    )))
}

/// Brings the certificates into the data directory; says whether an operator's is among them.
fn copy_certificates(from: &Path, to: &Path) -> Result<bool, Problem> {
    setup::make_directory(to)?;
    for (name, readers, needed) in CERTIFICATES {
        if needed || from.join(name).is_file() {
            setup::copy_new(&from.join(name), &to.join(name), readers)?;
        }
    }
    Ok(to.join("operator.crt").is_file())
}

fn satellite_id(text: &str) -> Result<SyncId, String> {
    let id: SyncId = text
        .parse()
        .map_err(|_| "must be a number from 2 to 64".to_owned())?;
    if id.is_primary() {
        return Err("1 is the primary; satellites take 2 and above".to_owned());
    }
    Ok(id)
}

impl InitArgs {
    fn first(&self, config: &Config) -> FirstConfig {
        FirstConfig {
            name: self.name.clone(),
            primary_url: self.primary_url.clone(),
            user_name: self.user_name.clone(),
            interval_minutes: config.sync.interval_minutes,
            live: config.sync.live,
            enrolment_urls: config.sync.enrolment_urls.clone(),
            max_sync_id: config.limits.max_sync_id,
            grpc: self.listen.unwrap_or(config.listen.grpc),
            health: self.health_listen.unwrap_or(config.listen.health),
        }
    }
}

impl Answer for InitView {
    fn for_people(&self, _width: Option<u16>) -> String {
        let dir = self.data_dir.display();
        let mut text = format!(
            "Satellite {} \"{}\" is set up in {dir}\n  configuration  {}\n\n",
            self.sync_id,
            self.name,
            self.config.display()
        );
        if let Some(code) = &self.authorisation_code {
            text.pop();
            text += &format!(
                "  authorisation code  {code}   (shown this once: it unlocks the preferences of this site)\n\n"
            );
        }
        if !self.operator_certificate {
            text += "No operator certificate came with the certificates: operator commands need one\n  \
                     (on the primary: primary-svc certs issue operator NAME --role admin --out DIR).\n\n";
        }
        text + &format!("Start it with:  satellite-svc serve --data-dir {dir}")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command, Errand};

    /// A folder as `certs issue` leaves it, and a password; the contents do not matter to `init`.
    fn prepared() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let certs = dir.path().join("certs");
        std::fs::create_dir(&certs).unwrap();
        for name in ["authority.crt", "site.crt", "site.key"] {
            std::fs::write(certs.join(name), name).unwrap();
        }
        std::fs::write(dir.path().join("pw"), "correct horse\n").unwrap();
        dir
    }

    async fn init(dir: &Path, more: &[&str]) -> Result<(), Problem> {
        let path = |name: &str| dir.join(name).display().to_string();
        let (data, certs, password) = (path("data"), path("certs"), path("pw"));
        let mut line = vec![
            "satellite-svc",
            "init",
            "--sync-id",
            "7",
            "--data-dir",
            &data,
            "--certs",
            &certs,
        ];
        line.extend([
            "--password-file",
            &password,
            "--primary-url",
            "https://localhost:8443",
        ]);
        line.extend(["--name", "St. Mary's \"new\" hospital"]);
        line.extend(more);
        let cli = Cli::try_parse_from(line).unwrap();
        match cli.command {
            Command::Errand(errand) => match *errand {
                Errand::Init(args) => run(&cli.global, args).await,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    fn snapshot(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files.extend(snapshot(&path));
            } else {
                files.push((path.clone(), std::fs::read(path).unwrap()));
            }
        }
        files.sort();
        files
    }

    #[tokio::test]
    async fn a_second_run_refuses_and_changes_nothing() {
        let dir = prepared();
        init(dir.path(), &[]).await.unwrap();
        let settings = ["supplysync.toml", "password", "tls/site.key", "tls/authority.crt"];
        let read = || settings.map(|name| std::fs::read(dir.path().join("data").join(name)).unwrap());
        let before = read();
        let problem = init(dir.path(), &["--listen", "127.0.0.1:1"]).await.unwrap_err();
        let mut told = Vec::new();
        problem.report(supplysync_node::cli::output::Format::Table, &mut told);
        let told = String::from_utf8(told).unwrap();
        assert!(told.contains("set up already: Sync ID 7"), "{told}");
        assert_eq!(read(), before);
    }

    #[tokio::test]
    async fn the_configuration_it_writes_is_right() {
        let dir = prepared();
        init(dir.path(), &["--listen", "127.0.0.1:9444", "--user-name", "sync"])
            .await
            .unwrap();
        let file = Some(dir.path().join("data/supplysync.toml"));
        let sources = supplysync_runtime::Sources {
            file,
            ..Default::default()
        };
        let config = supplysync_runtime::config::load::<Config>(&sources)
            .unwrap()
            .config;
        assert_eq!(config.site.name, "St. Mary's \"new\" hospital");
        assert_eq!(config.listen.grpc, "127.0.0.1:9444".parse().unwrap());
        assert_eq!(config.sync.user_name, "sync");
    }

    #[tokio::test]
    async fn nothing_is_written_when_a_certificate_is_missing() {
        let dir = prepared();
        std::fs::remove_file(dir.path().join("certs/site.key")).unwrap();
        let before = snapshot(dir.path());
        assert!(init(dir.path(), &[]).await.is_err());
        assert_eq!(snapshot(dir.path()), before);
    }
}
