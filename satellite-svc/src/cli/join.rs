//! `satellite-svc join`: a token becomes a certificate, a configuration and a database. The key is made here and stays
//! here. Repeating it with the same token goes on from where it was; with a fresh one it brings a site that was set up
//! before a new key and certificate, and leaves the rest as it is.

use std::io::{IsTerminal, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use supplysync_api::fault::from_status;
use supplysync_api::v1::enrolment_service_client::EnrolmentServiceClient;
use supplysync_api::v1::{EnrolRequest, EnrolResponse, FirstSettings};
use supplysync_model::{Fault, FaultCode, Reason, SyncId};
use supplysync_net::client::fault_in;
use supplysync_net::pem_file::{self, Overwrite};
use supplysync_net::{Endpoint, JoinToken, PeerIdentity, TlsMaterial, certificate, signing_request};
use supplysync_node::cli::flags::{CONFIG_FILE, GlobalFlags};
use supplysync_node::cli::output::Answer;
use supplysync_node::cli::problem::Problem;
use supplysync_node::cli::setup::{self, Readers};
use supplysync_node::cli::{run, secret};
use supplysync_store::{NewIdentity, Store};

use super::first_config::FirstConfig;
use super::init::{has_code, keep_code};
use crate::config::Config;

/// The file that says with which token the key in use has joined.
const JOINED: &str = "joined";

/// What joining needs.
#[derive(Debug, Args)]
pub struct JoinArgs {
    /// The join token [default: the file, or standard input]
    #[arg(value_name = "TOKEN", conflicts_with = "token_file")]
    token: Option<SecretArgument>,
    /// A file with the join token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A file with the password that all sites share, for a primary that does not hand it out [default: ask]
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
    /// Serve as soon as it has joined
    #[arg(long)]
    pub serve: bool,
}

/// A token on the command line; never shown again.
#[derive(Clone)]
struct SecretArgument(SecretString);

impl std::str::FromStr for SecretArgument {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<SecretArgument, Self::Err> {
        Ok(SecretArgument(text.into()))
    }
}

impl std::fmt::Debug for SecretArgument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretArgument")
    }
}

/// What has joined.
#[derive(Debug, Serialize)]
struct JoinView {
    sync_id: u16,
    name: String,
    primary_url: String,
    data_dir: PathBuf,
    certificate_until: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorisation_code: Option<String>,
    /// Whether the site was set up before, and at most its certificate is new.
    set_up_before: bool,
    /// Whether it got a certificate; not where it had joined with this token before.
    new_certificate: bool,
    #[serde(skip)]
    serves: bool,
}

/// Joins.
pub async fn run(flags: &GlobalFlags, args: JoinArgs) -> Result<(), Problem> {
    let config: Config = flags.settings()?;
    let token = JoinToken::parse(&read_token(&args)?)?;
    let files = Files::of(&config);
    let found = find(&config, &files, token.site).await?;
    let set_up = found == Found::SetUp;
    let complete = set_up && flags.config_file().is_some_and(|file| file.exists());
    if let Some(until) = files.joined_with(&token).filter(|_| complete) {
        // A server that begins with this, where it has no link, too.
        return flags.output().answer(&JoinView {
            sync_id: token.site.get(),
            name: config.site.name,
            primary_url: config.sync.primary_url,
            data_dir: config.data_dir,
            certificate_until: until,
            authorisation_code: None,
            set_up_before: true,
            new_certificate: false,
            serves: args.serve,
        });
    }
    let code = match set_up {
        true => None,
        false => Some(setup::choose_code(args.authorisation_code_file.as_deref())?),
    };
    setup::make_directory(&config.data_dir)?;
    setup::make_directory(&files.folder)?;

    let key = files.key_for(&token)?;
    let answer = enrol(&token, &key).await?;
    let until = files.keep(&token, &key, &answer)?;
    let settings = answer.settings.unwrap_or_default();
    let password = password(&settings, &args, &config, set_up)?;
    keep_password(&config, password)?;
    let mut shown = None;
    if let Some(code) = code {
        // Once there is a database with a code, the satellite counts as set up.
        let identity = NewIdentity {
            sync_id: token.site,
            site_name: settings.site_name.clone(),
        };
        let database = config.database.access(&config.data_dir)?;
        let store = match found {
            Found::Begun => Store::open(database, run::store_deps()).await?,
            _ => {
                let store = Store::init(database, identity, run::store_deps()).await?;
                // Of a site that has had another machine: what the primary has of its stores is taken back.
                store.ask_recovery(true).await?;
                store
            }
        };
        shown = keep_code(&store, &code).await?;
        store.close().await;
    }
    // Last: a supervisor may wait for it to start the server.
    let config_path = flags
        .config_file()
        .unwrap_or_else(|| config.data_dir.join(CONFIG_FILE));
    if !config_path.exists() {
        let text = args.first(&config, &settings).config_text();
        setup::write_new(&config_path, text.as_bytes(), Readers::Everybody)?;
    }
    flags.output().answer(&JoinView {
        sync_id: token.site.get(),
        name: settings.site_name,
        primary_url: settings.primary_url,
        data_dir: config.data_dir,
        certificate_until: until,
        authorisation_code: shown,
        set_up_before: set_up,
        new_certificate: true,
        serves: args.serve,
    })
}

fn read_token(args: &JoinArgs) -> Result<SecretString, Problem> {
    if let Some(token) = &args.token {
        return Ok(token.0.clone());
    }
    if let Some(path) = &args.token_file {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| Problem::file("read the join token from", path, &error))?;
        return Ok(SecretString::from(text));
    }
    if std::io::stdin().is_terminal() {
        return secret::ask("join token", "--token-file");
    }
    let mut text = String::new();
    let read = std::io::stdin().take(64 * 1024).read_to_string(&mut text);
    read.map_err(|error| Problem::usage(format!("can't read the join token from standard input: {error}")))?;
    Ok(SecretString::from(text))
}

/// What a data directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// No database.
    Nothing,
    /// One without an authorisation code: setting it up was interrupted.
    Begun,
    /// A site.
    SetUp,
}

/// What this data directory holds; another site than the token's is refused.
async fn find(config: &Config, files: &Files, site: SyncId) -> Result<Found, Problem> {
    let mut found = Found::SetUp;
    let database = config.database.access(&config.data_dir)?;
    let held = match setup::existing(database, run::store_deps()).await {
        Ok(Some(store)) => {
            let held = store.sync_id();
            if !has_code(&store).await? {
                found = Found::Begun;
            }
            store.close().await;
            held
        }
        Ok(None) => return Ok(Found::Nothing),
        // It runs: its certificate says who it is.
        Err(Problem::Failed(failed)) if failed.reason == Reason::DATABASE_IN_USE.0 => {
            match certificate::describe_file(&files.certificate)?.identity {
                Some(PeerIdentity::Site(held)) => held,
                _ => return Err(Problem::Failed(failed)),
            }
        }
        Err(problem) => return Err(problem),
    };
    if held == site {
        return Ok(found);
    }
    let message = format!(
        "{} belongs to site {held}, and the join token is for site {site}: name another data directory; nothing was changed",
        config.data_dir.display()
    );
    Err(Fault::new(
        FaultCode::FailedPrecondition,
        Reason::DATABASE_OTHER_SITE,
        message,
    )
    .into())
}

/// Where certificates and keys are.
struct Files {
    folder: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
    authority: PathBuf,
}

impl Files {
    fn of(config: &Config) -> Files {
        let tls = config.tls.resolved(&config.data_dir);
        let folder = tls.key.parent().unwrap_or(Path::new(".")).to_owned();
        Files {
            folder,
            certificate: tls.certificate,
            key: tls.key,
            authority: tls.authority,
        }
    }

    /// Until when the certificate that came with this token is valid, if there is nothing left to ask for.
    fn joined_with(&self, token: &JoinToken) -> Option<String> {
        let joined = std::fs::read_to_string(self.folder.join(JOINED)).ok()?;
        let same = joined.trim() == name_of(token) && self.authority.exists();
        // One that has expired is renewed by the server, which the token could not do any more.
        let (clock, load) = (run::clock(), TlsMaterial::load_even_expired);
        let held = load(&self.certificate, &self.key, &self.authority, clock).ok()?;
        let ours = *held.identity() == PeerIdentity::Site(token.site);
        (same && ours).then(|| held.description().not_after.to_string())
    }

    /// The key to join with: the one in use if it came with this token, else one of the token's own, made now or by an
    /// attempt that did not come to its end.
    fn key_for(&self, token: &JoinToken) -> Result<PathBuf, Fault> {
        let joined = std::fs::read_to_string(self.folder.join(JOINED)).unwrap_or_default();
        if joined.trim() == name_of(token) && self.key.exists() {
            return Ok(self.key.clone());
        }
        let key = self.folder.join(format!("joining-{}.key", name_of(token)));
        signing_request::make_key(&key)?;
        Ok(key)
    }

    /// Puts key, certificate and authorities in place; until when the certificate is valid. Whatever is cut short here can
    /// be repeated: the token's own key is removed last.
    fn keep(&self, token: &JoinToken, key: &Path, answer: &EnrolResponse) -> Result<String, Fault> {
        check(token, answer)?;
        let staged = self.folder.join("joining.crt");
        let staged_authorities = self.folder.join("joining-authority.crt");
        pem_file::write_certificate(&staged, &answer.certificate, Overwrite::Replace)?;
        pem_file::write_certificate(&staged_authorities, &answer.authorities, Overwrite::Replace)?;
        let usable = TlsMaterial::load(&staged, key, &staged_authorities, run::clock());
        let _ = std::fs::remove_file(&staged);
        let _ = std::fs::remove_file(&staged_authorities);
        let until = usable?.description().not_after;
        if key != self.key {
            let failed = |error| Fault::internal(format!("{}: {error}", key.display()));
            let pem = SecretString::from(std::fs::read_to_string(key).map_err(failed)?);
            pem_file::write_key(&self.key, pem.expose_secret(), Overwrite::Replace)?;
        }
        pem_file::write_certificate(&self.authority, &answer.authorities, Overwrite::Replace)?;
        pem_file::write_certificate(&self.certificate, &answer.certificate, Overwrite::Replace)?;
        pem_file::write_certificate(&self.folder.join(JOINED), &name_of(token), Overwrite::Replace)?;
        if key != self.key {
            std::fs::remove_file(key).map_err(Fault::internal)?;
        }
        Ok(until.to_string())
    }
}

/// What came must be what was asked for: a site's certificate for the token's Sync ID, of the authority that it pins.
fn check(token: &JoinToken, answer: &EnrolResponse) -> Result<(), Fault> {
    let foreign = |why: &str| {
        let message = format!("the primary answered with {why}; nothing was kept");
        Fault::new(
            FaultCode::FailedPrecondition,
            Reason::CERTIFICATE_UNUSABLE,
            message,
        )
    };
    let certificates = pem_file::parse_certificates(&answer.certificate);
    let certificates = certificates.ok_or_else(|| foreign("no certificate"))?;
    let identity = certificates
        .first()
        .map(PeerIdentity::of_certificate)
        .transpose()?;
    if identity != Some(PeerIdentity::Site(token.site)) {
        return Err(foreign("the certificate of somebody else"));
    }
    let authorities = pem_file::parse_certificates(&answer.authorities).unwrap_or_default();
    let pinned = authorities
        .iter()
        .any(|authority| certificate::fingerprint(authority).is_ok_and(|found| found == token.authority));
    match pinned {
        true => Ok(()),
        false => Err(foreign("another authority than the token's")),
    }
}

/// Asks at each address until one answers; a refusal is an answer.
async fn enrol(token: &JoinToken, key: &Path) -> Result<EnrolResponse, Fault> {
    let signing_request = signing_request::make_request(key)?;
    let mut unreachable = None;
    for url in &token.urls {
        let endpoint = Endpoint::pinned(url, token.authority, run::clock())?;
        let channel = match endpoint.connect().await {
            Ok(channel) => channel,
            Err(fault) => {
                unreachable.get_or_insert(fault);
                continue;
            }
        };
        let request = EnrolRequest {
            token_id: token.id.to_vec(),
            token_secret: token.secret.expose_secret().to_vec(),
            signing_request: signing_request.clone(),
        };
        match EnrolmentServiceClient::new(channel).enrol(request).await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) => return Err(fault_in(&status).unwrap_or_else(|| from_status(&status).into())),
        }
    }
    Err(unreachable.unwrap_or_else(|| Fault::internal("a join token without an address")))
}

/// The password to keep, if there is a new one.
fn password(
    settings: &FirstSettings,
    args: &JoinArgs,
    config: &Config,
    set_up: bool,
) -> Result<Option<SecretString>, Problem> {
    if let Some(password) = &settings.password {
        return Ok(Some(SecretString::from(password.as_str())));
    }
    let held = set_up || config.data_dir.join(&config.sync.password_file).exists();
    match &args.password_file {
        None if held => Ok(None),
        file => secret::from_file_or_ask("password", file.as_deref(), "--password-file").map(Some),
    }
}

fn keep_password(config: &Config, password: Option<SecretString>) -> Result<(), Problem> {
    let Some(password) = password else {
        return Ok(());
    };
    let line = format!("{}\n", password.expose_secret());
    let path = config.data_dir.join(&config.sync.password_file);
    Ok(pem_file::write_key(&path, &line, Overwrite::Replace)?)
}

impl JoinArgs {
    fn first(&self, config: &Config, settings: &FirstSettings) -> FirstConfig {
        FirstConfig {
            name: settings.site_name.clone(),
            primary_url: settings.primary_url.clone(),
            user_name: settings.user_name.clone(),
            interval_minutes: settings.interval_minutes,
            live: settings.live,
            enrolment_urls: settings.enrolment_urls.clone(),
            max_sync_id: u16::try_from(settings.max_sync_id).unwrap_or(config.limits.max_sync_id),
            grpc: self.listen.unwrap_or(config.listen.grpc),
            health: self.health_listen.unwrap_or(config.listen.health),
        }
    }
}

fn name_of(token: &JoinToken) -> String {
    token.id.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Answer for JoinView {
    fn for_people(&self, _width: Option<u16>) -> String {
        let dir = self.data_dir.display();
        let mut text = format!(
            "Site {} \"{}\" has joined the network of {}; its certificate is valid until {} and renews by itself.\n",
            self.sync_id, self.name, self.primary_url, self.certificate_until
        );
        if !self.new_certificate {
            text += "It had joined with this token before: nothing was changed.\n";
        } else if self.set_up_before {
            text += "It was set up before: key and certificate are new, the rest is as it was; a running server takes them by itself.\n";
        } else {
            text += "Operator commands here need an operator's certificate\n  \
                     (on the primary: primary-svc certs issue operator NAME --role ROLE --out DIR; then into tls/ here).\n";
        }
        if let Some(code) = &self.authorisation_code {
            text += &format!(
                "Authorisation code of this site:  {code}   (shown this once: it unlocks its preferences)\n"
            );
        }
        if !self.serves {
            text += &format!("\nStart it with:  satellite-svc serve --data-dir {dir}");
        }
        text
    }
}
