//! The synchronisation preferences (DESIGN 9): what they are, what a change may ask, and what each role must provide.
//! The lock is in `authorisation`; what holds on a primary or a satellite is in that program.

use futures::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use supplysync_model::{CopyGrant, Fault, Store, StoreId, SyncId};
use supplysync_store::{AuditEntry, Queries, WriteTx};

use super::authorisation::require_unlocked;
use super::caller::Caller;
use super::lookup;
use super::problems::{Problems, TextLimit};

/// The longest interval between sessions: a day.
pub const MAX_INTERVAL_MINUTES: u32 = 1_440;
/// The longest password in bytes.
const LONGEST_PASSWORD: usize = 1_024;

/// The preferences as they are shown; the password never is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preferences {
    /// This site.
    pub sync_id: SyncId,
    /// Its name.
    pub site_name: String,
    /// The same on all sites.
    pub user_name: String,
    /// Minutes between requests; on the primary what new sites are given.
    pub interval_minutes: u32,
    /// Live push; on the primary what new sites are given.
    pub live: bool,
    /// Where a satellite finds the primary; empty there.
    pub primary_url: String,
    /// With whom this site synchronises.
    pub partners: Vec<Partner>,
    /// Whose data is kept here.
    pub copies: Copies,
    /// Whether the credential from before the last change is accepted still.
    pub previous_accepted: bool,
    /// How copies that satellites wish for are granted; the primary only.
    pub copy_grant: Option<CopyGrant>,
}

/// Whose data is kept, beside the stores active on this site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Copies {
    /// Every store's but these.
    AllBut(Vec<Store>),
    /// These stores'; and those that this site wishes to keep, where that differs.
    Of {
        /// Granted.
        granted: Vec<Store>,
        /// Wished for: the whole list.
        wished: Option<Vec<Store>>,
    },
}

/// A site with whom this one synchronises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partner {
    /// Which.
    pub sync_id: SyncId,
    /// Its name on record.
    pub name: String,
    /// Where it can be reached; may be empty.
    pub url: String,
    /// Active there.
    pub stores: Vec<Store>,
    /// What it says of itself that differs from what is on record.
    pub mismatches: Vec<String>,
}

/// What is to be set; nothing else changes.
#[derive(Debug, Clone, Default)]
pub struct PreferenceChange {
    /// The user name that all sites share.
    pub user_name: Option<String>,
    /// The password that all sites share.
    pub password: Option<SecretString>,
    /// Minutes between requests.
    pub interval_minutes: Option<u32>,
    /// Live push.
    pub live: Option<bool>,
    /// Where the primary is; on a satellite.
    pub primary_url: Option<String>,
    /// Whether the credential from before the last change is accepted still; on the primary, `false` only.
    pub previous_accepted: Option<bool>,
    /// The copies that this site wishes to keep: ids or codes of stores; on a satellite.
    pub copies: Option<Vec<String>>,
    /// How copies that satellites wish for are granted; on the primary.
    pub copy_grant: Option<CopyGrant>,
}

impl PreferenceChange {
    /// What is wrong whatever the role.
    pub fn check(&self, problems: &mut Problems) {
        if let Some(user_name) = &self.user_name {
            problems.text("user_name", user_name, TextLimit::NAME);
        }
        if let Some(password) = &self.password {
            let password = password.expose_secret();
            if password.is_empty() || password.len() > LONGEST_PASSWORD {
                problems.invalid("password", format!("must be 1 to {LONGEST_PASSWORD} bytes long"));
            }
            if password.chars().any(char::is_control) {
                problems.invalid("password", "contains a control character");
            }
        }
        if let Some(minutes) = self.interval_minutes {
            check_interval(minutes, problems);
        }
    }

    /// Whether what a session shows the primary would change.
    pub fn touches_credential(&self) -> bool {
        self.user_name.is_some() || self.password.is_some()
    }
}

/// An interval is a day at most; 0 pauses.
pub fn check_interval(minutes: u32, problems: &mut Problems) {
    if minutes > MAX_INTERVAL_MINUTES {
        problems.invalid(
            "interval_minutes",
            format!("is {minutes}: 0 to {MAX_INTERVAL_MINUTES}, and 0 pauses"),
        );
    }
}

/// Who asks for a change, and the token that must be valid in the transaction that makes it.
#[derive(Debug, Clone)]
pub struct Authority {
    /// Who.
    pub caller: Caller,
    /// The unlock token, if one was sent.
    pub token: Option<SecretString>,
}

impl Authority {
    /// Refuses unless the preferences are unlocked.
    pub async fn require(&self, tx: &mut WriteTx) -> Result<(), Fault> {
        require_unlocked(tx, self.token.as_ref()).await
    }

    /// One line of the audit log for a change that it made. Secrets never go in.
    pub async fn audit(&self, tx: &mut WriteTx, change: Audited) -> Result<(), Fault> {
        let at = tx.now();
        tx.audit(AuditEntry {
            at,
            principal: self.caller.principal.clone(),
            from: self.caller.from.clone(),
            action: change.action.to_owned(),
            subject: change.subject,
            old: change.old,
            new: change.new,
        })
        .await
    }

    /// One line for a preference that is another than before; none if it is the same.
    pub async fn audit_preference(
        &self,
        tx: &mut WriteTx,
        key: &str,
        old: impl ToString,
        new: impl ToString,
    ) -> Result<(), Fault> {
        let (old, new) = (old.to_string(), new.to_string());
        if old == new {
            return Ok(());
        }
        let change = Audited {
            action: "preferences.update",
            subject: key.to_owned(),
            old,
            new,
        };
        self.audit(tx, change).await
    }

    /// One line for the password, which says no more than that.
    pub async fn audit_password(&self, tx: &mut WriteTx) -> Result<(), Fault> {
        let change = Audited {
            action: "preferences.update",
            subject: "password".to_owned(),
            old: String::new(),
            new: String::new(),
        };
        self.audit(tx, change).await
    }
}

/// What a change was, for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// Such as `sites.update`.
    pub action: &'static str,
    /// What it was done to.
    pub subject: String,
    /// Before.
    pub old: String,
    /// After.
    pub new: String,
}

/// Where the preferences of one role are kept and how a change takes effect.
pub trait PreferenceBook: Send + Sync {
    /// The preferences now.
    fn show(&self) -> BoxFuture<'_, Result<Preferences, Fault>>;

    /// Makes the change, all of it or nothing, and says what is to be known about it. Refused unless unlocked.
    fn update(
        &self,
        change: PreferenceChange,
        authority: Authority,
    ) -> BoxFuture<'_, Result<Vec<String>, Fault>>;
}

/// A setting that this role does not have, with where it is.
pub fn not_here(field: &str, instead: &str) -> Fault {
    Fault::field(field, instead)
}

/// The stores with these ids, by code.
pub async fn stores(tx: &Queries, ids: &[StoreId]) -> Result<Vec<Store>, Fault> {
    let found = lookup::stores(tx, &ids.iter().copied().collect()).await?;
    let mut stores: Vec<_> = found.into_values().map(|store| store.value).collect();
    stores.sort_by(|a, b| a.code.cmp(&b.code));
    Ok(stores)
}
