//! The synchronisation preferences, and what a command did to their lock.

use serde::Serialize;
use supplysync_api::v1;

use crate::cli::output::Answer;
use crate::cli::table::{Grid, or_dash};

/// The preferences. There is no password among them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreferencesView {
    /// This site.
    pub sync_id: u32,
    /// Its name.
    pub site_name: String,
    /// The same on all sites.
    pub user_name: String,
    /// Minutes between requests for new information; on the primary what new sites are given.
    pub interval_minutes: u32,
    /// Live push; on the primary what new sites are given.
    pub live: bool,
    /// Where the primary is; empty on the primary.
    pub primary_url: String,
    /// With whom this site synchronises.
    pub sync_with: Vec<PartnerRow>,
    /// Whether a copy of every store is kept here.
    pub copies_all: bool,
    /// Else the codes of the stores whose copy is kept.
    pub copies: Vec<String>,
    /// On the primary: codes of the stores whose data it does not keep.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_kept: Vec<String>,
    /// The codes of the stores whose copy this site wishes to keep, where that differs from what it is granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wished_copies: Option<Vec<String>>,
    /// On the primary: how copies that satellites wish for are granted, ask or any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_grant: Option<&'static str>,
    /// Whether the user name and password from before the last change are accepted still.
    pub previous_credential_accepted: bool,
    /// What to know about the change that was just made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A site with whom this one synchronises.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartnerRow {
    /// Its Sync ID.
    pub sync_id: u32,
    /// Its name.
    pub name: String,
    /// Where it can be reached.
    pub url: String,
    /// Codes of the stores active there.
    pub stores: Vec<String>,
    /// What it says of itself that differs.
    pub mismatches: Vec<String>,
}

impl PreferencesView {
    /// As the server said.
    pub fn new(shown: v1::Preferences, notes: Vec<String>) -> PreferencesView {
        let copy_grant = match shown.copy_grant() {
            v1::CopyGrant::Unspecified => None,
            v1::CopyGrant::Ask => Some("ask"),
            v1::CopyGrant::Any => Some("any"),
        };
        let partners = shown.sync_with.into_iter().map(|partner| PartnerRow {
            sync_id: partner.sync_id,
            name: partner.name,
            url: partner.url,
            stores: codes(partner.stores),
            mismatches: partner.mismatches,
        });
        PreferencesView {
            sync_id: shown.sync_id,
            site_name: shown.site_name,
            user_name: shown.user_name,
            interval_minutes: shown.interval_minutes,
            live: shown.live,
            primary_url: shown.primary_url,
            sync_with: partners.collect(),
            copy_grant,
            copies_all: shown.copies_all,
            not_kept: codes(shown.not_kept),
            wished_copies: shown.wishes_copies.then(|| codes(shown.wished_copies)),
            copies: codes(shown.copies),
            previous_credential_accepted: shown.previous_credential_accepted,
            notes,
        }
    }
}

fn codes(stores: Vec<v1::SiteStore>) -> Vec<String> {
    stores.into_iter().map(|store| store.code).collect()
}

impl Answer for PreferencesView {
    fn for_people(&self, width: Option<u16>) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| text += &format!("{name:15}{value}\n");
        line("Sync ID", &format!("{} ({})", self.sync_id, self.site_name));
        let previous = match self.previous_credential_accepted {
            true => "   (those from before the last change are accepted still)",
            false => "",
        };
        line("user name", &format!("{}{previous}", self.user_name));
        line("password", "(never shown)");
        let interval = match self.interval_minutes {
            0 => "0: paused".to_owned(),
            minutes => format!("{minutes} min"),
        };
        line("interval", &interval);
        line("live push", if self.live { "on" } else { "off" });
        if !self.primary_url.is_empty() {
            line("primary URL", &self.primary_url);
        }
        let copies = match (self.copies_all, self.not_kept.is_empty()) {
            (true, _) => "every store".to_owned(),
            (_, false) => format!("every store but {}", self.not_kept.join(", ")),
            _ => or_dash(&self.copies.join(", ")),
        };
        line("copies", &copies);
        if let Some(wished) = &self.wished_copies {
            let wished = or_dash(&wished.join(", "));
            line("wished copies", &format!("{wished}   (not granted so far)"));
        }
        if let Some(grant) = self.copy_grant {
            line("copy grant", grant);
        }
        let mut grid = Grid::new(
            &[">Sync with", "name", "URL", "active stores", "mismatches"],
            width,
        );
        for partner in &self.sync_with {
            grid.row([
                partner.sync_id.to_string(),
                or_dash(&partner.name),
                or_dash(&partner.url),
                or_dash(&partner.stores.join(", ")),
                or_dash(&partner.mismatches.join("; ")),
            ]);
        }
        text += &format!("\n{}", grid.or("no sites yet: register one with `sites add`"));
        for note in &self.notes {
            text += &format!("\n\n{note}");
        }
        text
    }
}

/// What a command did to the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LockView {
    unlocked: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    expire_time: String,
    #[serde(skip)]
    told: &'static str,
}

impl LockView {
    /// Unlocked until a time.
    pub fn unlocked(expire_time: String) -> LockView {
        LockView {
            unlocked: true,
            expire_time,
            told: "the preferences are unlocked until",
        }
    }

    /// Locked, and whether they had been unlocked from here.
    pub fn locked(was_unlocked: bool) -> LockView {
        LockView {
            unlocked: false,
            expire_time: String::new(),
            told: match was_unlocked {
                true => "the preferences are locked",
                false => "the preferences were not unlocked from here: they are locked",
            },
        }
    }

    /// Another code holds, and every unlocking has ended.
    pub fn code_changed() -> LockView {
        LockView {
            unlocked: false,
            expire_time: String::new(),
            told: "the authorisation code is changed; the preferences are locked",
        }
    }
}

impl Answer for LockView {
    fn for_people(&self, _width: Option<u16>) -> String {
        format!("{} {}", self.told, self.expire_time)
            .trim_end()
            .to_owned()
    }
}
