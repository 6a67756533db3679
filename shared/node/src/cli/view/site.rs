//! Sites of the network and what each keeps.

use serde::Serialize;
use supplysync_api::v1;

use crate::cli::output::Answer;
use crate::cli::table::{Grid, or_dash};

/// All sites.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SitesView {
    /// In order of their Sync IDs.
    pub sites: Vec<SiteRow>,
}

/// One site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SiteRow {
    /// Its Sync ID.
    pub sync_id: u32,
    /// Its name.
    pub name: String,
    /// Where it can be reached; empty when it only dials out.
    pub url: String,
    /// Codes of the stores active there.
    pub stores: Vec<String>,
    /// Codes of the stores it keeps a copy of.
    pub copies: Vec<String>,
    /// Minutes between its requests for new information; 0 pauses.
    pub interval_minutes: u32,
    /// Whether its stream stays open.
    pub live: bool,
    /// What it says of itself that differs.
    pub mismatches: Vec<String>,
    /// On the primary: codes of the stores whose data it does not keep.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_kept: Vec<String>,
    /// Codes of the stores whose copy it wishes to keep, where that differs from what it is granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wished_copies: Option<Vec<String>>,
    /// Whether it removes what it holds of stores that it is granted no copy of any more.
    pub remove_withdrawn: bool,
    #[serde(skip)]
    primary: bool,
}

impl SiteRow {
    fn copies_in_words(&self) -> String {
        match (self.primary, self.not_kept.is_empty()) {
            (true, true) => "every store".to_owned(),
            (true, false) => format!("every store but {}", self.not_kept.join(", ")),
            (false, _) => or_dash(&self.copies.join(", ")),
        }
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if let Some(wished) = &self.wished_copies {
            remarks.push(format!(
                "site {} wishes for copies of: {} (grant them with `copies grant --site {}`)",
                self.sync_id,
                or_dash(&wished.join(", ")),
                self.sync_id
            ));
        }
        remarks
    }
}

/// A site that was taken off the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemovedSiteView {
    /// What it was.
    pub sync_id: u16,
    /// What was known to be unfinished.
    pub unfinished: Vec<String>,
}

impl Answer for RemovedSiteView {
    fn for_people(&self, _width: Option<u16>) -> String {
        let mut text = format!("site {} is removed: it is refused from now on", self.sync_id);
        for unfinished in &self.unfinished {
            text += &format!("\nunfinished: {unfinished}");
        }
        text
    }
}

/// One site, as an answer of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SiteView(pub SiteRow);

impl From<v1::Site> for SiteRow {
    fn from(site: v1::Site) -> SiteRow {
        let codes = |stores: Vec<v1::SiteStore>| stores.into_iter().map(|store| store.code).collect();
        SiteRow {
            sync_id: site.sync_id,
            name: site.name,
            url: site.url,
            stores: codes(site.stores),
            copies: codes(site.copies),
            interval_minutes: site.interval_minutes,
            live: site.live,
            mismatches: site.mismatches,
            not_kept: codes(site.not_kept),
            wished_copies: site.wishes_copies.then(|| codes(site.wished_copies)),
            remove_withdrawn: site.remove_withdrawn,
            primary: site.primary,
        }
    }
}

impl Answer for SitesView {
    fn for_people(&self, width: Option<u16>) -> String {
        let columns = [">Sync ID", "name", "URL", "active stores", "copies of"];
        let mut grid = Grid::new(&columns, width);
        for site in &self.sites {
            grid.row([
                site.sync_id.to_string(),
                site.name.clone(),
                or_dash(&site.url),
                or_dash(&site.stores.join(", ")),
                site.copies_in_words(),
            ]);
        }
        let mut text = grid.or("no sites yet: register one with `sites add`");
        for remark in self.sites.iter().flat_map(SiteRow::remarks) {
            text += &format!("\n{remark}");
        }
        text
    }
}

impl Answer for SiteView {
    fn for_people(&self, width: Option<u16>) -> String {
        let sites = vec![self.0.clone()];
        let mut text = SitesView { sites }.for_people(width);
        if self.0.remove_withdrawn {
            text += "\nwithdrawn copies are removed there";
        }
        for mismatch in &self.0.mismatches {
            text += &format!("\nmismatch: {mismatch}");
        }
        text
    }
}
