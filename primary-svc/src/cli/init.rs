//! `primary-svc init`: authority, certificates, database, credentials and configuration of a new primary. It can be
//! repeated after an interruption, and refuses once the primary is set up.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use futures::FutureExt;
use secrecy::ExposeSecret;
use serde::Serialize;
use supplysync_model::{Fault, FaultCode, Reason, Site, SyncId};
use supplysync_net::credential;
use supplysync_node::cli::flags::{CONFIG_FILE, GlobalFlags};
use supplysync_node::cli::output::Answer;
use supplysync_node::cli::problem::Problem;
use supplysync_node::cli::setup::{self, Chosen, Readers};
use supplysync_node::cli::{run, secret};
use supplysync_node::command::authorisation::{CODE_HASH, hash_code};
use supplysync_record_codec::RecordBody;
use supplysync_store::{NewIdentity, OwnChange, Store};

use super::certs;
use crate::config::Config;
use crate::credentials::{PASSWORD_HASH, USER_NAME};

/// What a new primary must be told.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// A name or address by which satellites and operators reach this server; repeat it for more
    #[arg(long, value_name = "NAME", required = true, num_args = 1..)]
    hostname: Vec<String>,
    /// The name of this site
    #[arg(long, value_name = "SITE NAME", default_value = "Primary")]
    name: String,
    /// The user name that all sites share
    #[arg(long, value_name = "NAME", default_value = "supplysync")]
    user_name: String,
    /// A file with the password that all sites share, on its first line [default: ask, or make one and show it once]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// A file with the authorisation code that unlocks the preferences [default: make one and show it once]
    #[arg(long, value_name = "FILE")]
    authorisation_code_file: Option<PathBuf>,
    /// Address and port for satellites, users and operators [default: 0.0.0.0:8443]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Address and port of /livez and /readyz [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    health_listen: Option<SocketAddr>,
    /// Address and port where satellites join and renew their certificates [default: 0.0.0.0:8445]
    #[arg(long, value_name = "ADDRESS")]
    enrolment_listen: Option<SocketAddr>,
    /// Where the primary is set up already, change nothing and end with 0: for machines that repeat this at each start
    #[arg(long)]
    unless_set_up: bool,
}

/// What was set up, with the secrets made here: shown this once.
#[derive(Debug, Serialize)]
struct InitView {
    sync_id: u16,
    name: String,
    data_dir: PathBuf,
    config: PathBuf,
    authority: PathBuf,
    operator_certificate: PathBuf,
    user_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorisation_code: Option<String>,
}

/// What was set up before.
#[derive(Debug, Serialize)]
struct FoundView {
    sync_id: u16,
    name: String,
    data_dir: PathBuf,
}

impl FoundView {
    /// A database without its certificates is refused: a second authority would shut out everybody.
    fn of(store: &Store, config: &Config) -> Result<FoundView, Problem> {
        let tls = config.tls.resolved(&config.data_dir);
        for file in [&tls.certificate, &tls.key, &tls.authority] {
            if !file.exists() {
                let message = format!(
                    "the database is that of a primary which is set up, but {} is not there: all servers of one database have \
                     the same data directory; bring it back from a backup",
                    file.display()
                );
                return Err(Fault::new(
                    FaultCode::FailedPrecondition,
                    Reason::CERTIFICATE_UNUSABLE,
                    message,
                )
                .into());
            }
        }
        Ok(FoundView {
            sync_id: store.sync_id().get(),
            name: store.identity().site_name.clone(),
            data_dir: config.data_dir.clone(),
        })
    }
}

impl Answer for FoundView {
    fn for_people(&self, _width: Option<u16>) -> String {
        format!(
            "The primary \"{}\" was set up before in {}; nothing was changed",
            self.name,
            self.data_dir.display()
        )
    }
}

/// What a new primary's database begins with.
struct FirstRecords {
    /// Its own site, so that every other can name the owner of master data.
    site: Site,
    user_name: String,
    password_hash: String,
    code_hash: String,
}

/// Sets the primary up.
pub async fn run(flags: &GlobalFlags, args: InitArgs) -> Result<(), Problem> {
    let config: Config = flags.settings()?;
    setup::make_directory(&config.data_dir)?;
    let database = config.database.access(&config.data_dir)?;
    let deps = run::store_deps();
    let begun = setup::existing(database.clone(), deps.clone()).await?;
    let begun = match begun {
        Some(store) if args.unless_set_up && is_complete(&store).await? => {
            let found = FoundView::of(&store, &config);
            store.close().await;
            return flags.output().answer(&found?);
        }
        Some(store) if is_complete(&store).await? => {
            return Err(setup::already_set_up(store, &config.data_dir).await);
        }
        begun => begun,
    };
    let password = choose_password(args.password_file.as_deref())?;
    let code = setup::choose_code(args.authorisation_code_file.as_deref())?;

    let tls = config.data_dir.join("tls");
    certs::make_first(&tls, &args.hostname)?;
    let config_path = flags
        .config_file()
        .unwrap_or_else(|| config.data_dir.join(CONFIG_FILE));
    if !config_path.exists() {
        setup::write_new(
            &config_path,
            args.config_text(&config).as_bytes(),
            Readers::Everybody,
        )?;
    }
    let identity = NewIdentity {
        sync_id: SyncId::PRIMARY,
        site_name: args.name.clone(),
    };
    let store = match begun {
        Some(store) => store,
        None => Store::init(database, identity, deps).await?,
    };
    let random = run::random();
    let first = FirstRecords {
        site: Site {
            sync_id: SyncId::PRIMARY,
            name: args.name.clone(),
            url: args.url(&config),
        },
        user_name: args.user_name.clone(),
        password_hash: credential::hash_secret(&password.secret, &*random)?,
        code_hash: hash_code(&code.secret, &*random)?,
    };
    // For sites that join; readable by the service only, as on every satellite.
    let password_path = config.data_dir.join(&config.enrolment.password_file);
    if !password_path.exists() {
        let line = format!("{}\n", password.secret.expose_secret());
        setup::write_new(&password_path, line.as_bytes(), Readers::Owner)?;
    }
    first.write(&store).await?;
    store.close().await;

    let shown = |chosen: Chosen| chosen.made_here.then(|| chosen.secret.expose_secret().to_owned());
    flags.output().answer(&InitView {
        sync_id: SyncId::PRIMARY.get(),
        name: args.name,
        config: config_path,
        authority: tls.join("authority.crt"),
        operator_certificate: tls.join("operator.crt"),
        data_dir: config.data_dir,
        user_name: args.user_name,
        password: shown(password),
        authorisation_code: shown(code),
    })
}

/// Whether an `init` came to its end on this database.
async fn is_complete(store: &Store) -> Result<bool, Fault> {
    let user_name = store
        .read("is set up", |tx| tx.preference(USER_NAME).boxed())
        .await?;
    Ok(user_name.is_some())
}

fn choose_password(file: Option<&Path>) -> Result<Chosen, Problem> {
    let made_here = file.is_none() && !std::io::stdin().is_terminal();
    let secret = match file {
        Some(path) => secret::from_file("password", path)?,
        None if made_here => secret::generate(run::random().bytes16()),
        None => secret::ask_twice("password that all sites will share", "--password-file")?,
    };
    Ok(Chosen { secret, made_here })
}

impl FirstRecords {
    /// In one transaction, the user name last: there is either all of it or nothing.
    async fn write(self, store: &Store) -> Result<(), Fault> {
        let first = Arc::new(self);
        store
            .write("set up the primary", move |tx| {
                let first = first.clone();
                Box::pin(async move {
                    tx.put(vec![first.site_record()]).await?;
                    tx.set_preference(PASSWORD_HASH, first.password_hash.clone().into_bytes())
                        .await?;
                    tx.set_preference(CODE_HASH, first.code_hash.clone().into_bytes())
                        .await?;
                    tx.set_preference(USER_NAME, first.user_name.clone().into_bytes())
                        .await
                })
            })
            .await
    }

    fn site_record(&self) -> OwnChange {
        OwnChange {
            body: RecordBody::Site(self.site.clone()),
            deleted: false,
            expected: None,
        }
    }
}

impl InitArgs {
    /// How satellites reach this server.
    fn url(&self, config: &Config) -> String {
        let port = self.listen.unwrap_or(config.listen.grpc).port();
        let host = self.hostname.first().map_or("localhost", String::as_str);
        format!("https://{host}:{port}")
    }

    /// The configuration file of this primary.
    fn config_text(&self, config: &Config) -> String {
        format!(
            "# The configuration of this primary. What is not here has its default; `primary-svc config show` prints everything.\n\
             # Relative paths are in the data directory.\n\
             \n\
             [site]\nname = {name}\n\
             \n\
             [listen]\ngrpc = \"{grpc}\"\nhealth = \"{health}\"\n\
             \n\
             # Where satellites join and renew their certificates; enabled = false turns it off.\n\
             [enrolment]\nlisten = \"{enrolment}\"\n\
             \n\
             # sqlite:FILE, or postgres://USER@HOST/DATABASE with a file that holds the password.\n\
             # [database]\n# url = \"sqlite:supplysync.db\"\n# password_file = \"\"\n",
            name = setup::toml_text(&self.name),
            grpc = self.listen.unwrap_or(config.listen.grpc),
            health = self.health_listen.unwrap_or(config.listen.health),
            enrolment = self.enrolment_listen.unwrap_or(config.enrolment.listen),
        )
    }
}

impl Answer for InitView {
    fn for_people(&self, _width: Option<u16>) -> String {
        let mut text = format!(
            "The primary \"{}\" is set up in {}\n",
            self.name,
            self.data_dir.display()
        );
        let mut line = |name: &str, value: String| text += &format!("  {name:22}{value}\n");
        line("configuration", self.config.display().to_string());
        line("authority", self.authority.display().to_string());
        line(
            "operator certificate",
            self.operator_certificate.display().to_string(),
        );
        line("user name", self.user_name.clone());
        if let Some(password) = &self.password {
            line(
                "password",
                format!("{password}   (shown this once: every satellite needs it)"),
            );
        }
        if let Some(code) = &self.authorisation_code {
            line(
                "authorisation code",
                format!("{code}   (shown this once: it unlocks the preferences)"),
            );
        }
        let dir = self.data_dir.display();
        text + &format!("\nStart it with:  primary-svc serve --data-dir {dir}")
    }
}
