//! `prefs`: the synchronisation preferences, and the lock on them.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use secrecy::{ExposeSecret, SecretString};
use supplysync_api::v1;
use supplysync_api::v1::preference_service_client::PreferenceServiceClient;
use supplysync_api::v1::{
    ChangeAuthorisationCodeRequest, GetPreferencesRequest, Preferences, UpdatePreferencesRequest,
};
use tonic::Request;

use super::problem::Problem;
use super::run::Operator;
use super::secret;
use super::unlock::{CodeFlags, lock_and_forget, unlock_and_keep, with_unlocked};
use super::view::{LockView, PreferencesView};

/// What can be done with the preferences.
#[derive(Debug, Subcommand)]
pub enum PrefsCommand {
    /// Show the preferences; the password is never shown
    Show,
    /// Unlock them for ten minutes with the authorisation code; the commands that follow need no code
    Unlock(CodeFlags),
    /// Change one preference (needs the authorisation code, or `prefs unlock` before)
    Set(SetArgs),
    /// Lock them again before the ten minutes are over
    Lock,
    /// Set another authorisation code; ends every unlocking
    ChangeCode(ChangeCodeArgs),
}

/// Which preference, and its new value.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// Which
    // Not `key`: that is the operator's private key, for every command.
    #[arg(id = "preference", value_name = "KEY")]
    key: Key,
    /// Its new value; not for the password, which is asked for
    #[arg(
        value_name = "VALUE",
        required_if_eq_any([
            ("preference", "user-name"),
            ("preference", "interval"),
            ("preference", "live"),
            ("preference", "primary-url"),
            ("preference", "accept-previous"),
            ("preference", "copies"),
            ("preference", "copy-grant"),
        ])
    )]
    value: Option<String>,
    /// A file with the password on its first line [default: ask]
    #[arg(long, value_name = "FILE")]
    value_file: Option<PathBuf>,
    /// Where the authorisation code is.
    #[command(flatten)]
    code: CodeFlags,
}

/// A preference that can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Key {
    /// The user name that all sites share
    UserName,
    /// The password that all sites share: asked for, or from --value-file
    Password,
    /// Minutes between requests for new information; 0 pauses (on the primary: for sites added from now on)
    Interval,
    /// Live push, true or false (on the primary: for sites added from now on)
    Live,
    /// Where the primary is (on a satellite)
    PrimaryUrl,
    /// The stores whose copy this satellite wishes to keep: codes with commas between, or none
    Copies,
    /// How copies that satellites wish for are granted, ask or any (on the primary)
    CopyGrant,
    /// false: retire the user name and password from before the last change (on the primary)
    AcceptPrevious,
}

/// The present code, and the new one.
#[derive(Debug, Args)]
pub struct ChangeCodeArgs {
    /// Where the present code is.
    #[command(flatten)]
    code: CodeFlags,
    /// A file with the new code on its first line [default: ask]
    #[arg(long, value_name = "FILE")]
    new_code_file: Option<PathBuf>,
}

impl PrefsCommand {
    /// Asks, and shows the answer.
    pub async fn run(self, operator: &Operator) -> Result<(), Problem> {
        match self {
            PrefsCommand::Show => show(operator).await,
            PrefsCommand::Unlock(code) => {
                let until = unlock_and_keep(operator, &code).await?;
                operator.output.answer(&LockView::unlocked(until))
            }
            PrefsCommand::Set(args) => set(operator, args).await,
            PrefsCommand::Lock => {
                let was_unlocked = lock_and_forget(operator).await?;
                operator.output.answer(&LockView::locked(was_unlocked))
            }
            PrefsCommand::ChangeCode(args) => change_code(operator, args).await,
        }
    }
}

async fn show(operator: &Operator) -> Result<(), Problem> {
    let mut client = PreferenceServiceClient::new(operator.connect().await?);
    let answer = client
        .get_preferences(GetPreferencesRequest {})
        .await?
        .into_inner();
    let shown = answer.preferences.unwrap_or_default();
    operator.output.answer(&PreferencesView::new(shown, Vec::new()))
}

async fn set(operator: &Operator, args: SetArgs) -> Result<(), Problem> {
    let (path, preferences) = args.wanted()?;
    let request = UpdatePreferencesRequest {
        preferences: Some(preferences),
        update_mask: Some(prost_types::FieldMask {
            paths: vec![path.to_owned()],
        }),
    };
    let call = async |channel, request: Request<UpdatePreferencesRequest>| {
        let mut client = PreferenceServiceClient::new(channel);
        client.update_preferences(request).await
    };
    let answer = with_unlocked(operator, &args.code, request, call).await?;
    let shown = answer.preferences.unwrap_or_default();
    operator.output.answer(&PreferencesView::new(shown, answer.notes))
}

async fn change_code(operator: &Operator, args: ChangeCodeArgs) -> Result<(), Problem> {
    let present = args.code.code()?;
    let new = new_secret("new authorisation code", args.new_code_file, "--new-code-file")?;
    let mut client = PreferenceServiceClient::new(operator.connect().await?);
    let request = ChangeAuthorisationCodeRequest {
        authorisation_code: present.expose_secret().to_owned(),
        new_authorisation_code: new.expose_secret().to_owned(),
    };
    client.change_authorisation_code(request).await?;
    operator.output.answer(&LockView::code_changed())
}

fn new_secret(what: &str, file: Option<PathBuf>, otherwise: &str) -> Result<SecretString, Problem> {
    match file {
        Some(path) => secret::from_file(what, &path),
        None => secret::ask_twice(what, otherwise),
    }
}

impl SetArgs {
    /// What to send: the field, and a message with that set.
    fn wanted(&self) -> Result<(&'static str, Preferences), Problem> {
        let mut wanted = Preferences::default();
        if self.key == Key::Password {
            if self.value.is_some() {
                return Err(Problem::usage(
                    "a password is not given on the command line, where others can read it: leave it out and it is asked \
                     for, or use --value-file",
                ));
            }
            let password = new_secret(
                "password that all sites share",
                self.value_file.clone(),
                "--value-file",
            )?;
            wanted.password = password.expose_secret().to_owned();
            return Ok(("password", wanted));
        }
        let value = self.value.as_deref().unwrap_or_default();
        let path = match self.key {
            Key::UserName => {
                wanted.user_name = value.to_owned();
                "user_name"
            }
            Key::PrimaryUrl => {
                wanted.primary_url = value.to_owned();
                "primary_url"
            }
            Key::Interval => {
                wanted.interval_minutes = parsed(value, "interval must be minutes, 0 to 1440")?;
                "interval_minutes"
            }
            Key::Live => {
                wanted.live = parsed(value, "live must be true or false")?;
                "live"
            }
            Key::AcceptPrevious => {
                wanted.previous_credential_accepted = parsed(value, "accept-previous must be true or false")?;
                "previous_credential_accepted"
            }
            Key::Copies => {
                wanted.copies = stores(value);
                "copies"
            }
            Key::CopyGrant => {
                let grant = match value {
                    "ask" => v1::CopyGrant::Ask,
                    "any" => v1::CopyGrant::Any,
                    _ => {
                        return Err(Problem::usage(format!(
                            "copy-grant must be ask or any, not {value:?}"
                        )));
                    }
                };
                wanted.set_copy_grant(grant);
                "copy_grant"
            }
            Key::Password => "password",
        };
        Ok((path, wanted))
    }
}

/// Codes with commas between; "none" is no store at all.
fn stores(value: &str) -> Vec<v1::SiteStore> {
    if value == "none" {
        return Vec::new();
    }
    let codes = value.split(',').map(str::trim);
    codes
        .map(|code| v1::SiteStore {
            code: code.to_owned(),
            ..v1::SiteStore::default()
        })
        .collect()
}

fn parsed<T: std::str::FromStr>(value: &str, told: &str) -> Result<T, Problem> {
    value
        .parse()
        .map_err(|_| Problem::usage(format!("{told}, not {value:?}")))
}
