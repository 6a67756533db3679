//! The sites of a stack as an administrator sees them, through their published ports and the public API.

use std::fs;
use std::time::Duration;

use supplysync_api::v1::{GetPreferencesRequest, ListAuditLogRequest, MasterDataKind};
use supplysync_tests::{
    Called, Certificate, Client, Outcome, differences, eventually, generated_names, prove_equal,
};

use crate::stack::Stack;

/// How long a site may take to answer again after its container was started.
const ANSWERS: Duration = Duration::from_secs(60);

/// The sites.
pub struct Network {
    primary_url: String,
    code: String,
    certificate: Certificate,
    /// Service, Sync ID, URL.
    sites: Vec<(String, u16, String)>,
}

impl Network {
    /// With the certificate of the first administrator, and the code, both from where the stack keeps them.
    pub async fn of(stack: &Stack, primary: &str, sites: &[(&str, u16)]) -> Outcome<Network> {
        for file in ["operator.crt", "operator.key", "authority.crt"] {
            stack
                .copy(primary, &format!("/var/lib/supplysync/tls/{file}"))
                .await?;
        }
        let code = stack
            .copy(primary, "/run/secrets/supplysync/authorisation-code")
            .await?;
        let sites = sites
            .iter()
            .map(|(name, id)| ((*name).to_owned(), *id, stack.url(name)));
        Ok(Network {
            primary_url: stack.url("primary"),
            code: fs::read_to_string(code)?.trim().to_owned(),
            certificate: Certificate::in_folder(stack.folder.path(), "operator"),
            sites: sites.collect(),
        })
    }

    /// Service and Sync ID of each satellite.
    pub fn sites(&self) -> impl Iterator<Item = (&str, u16)> {
        self.sites.iter().map(|(name, id, _)| (name.as_str(), *id))
    }

    /// A fresh connection to the primary, whichever answers: one that was killed is not asked again.
    pub async fn primary(&self) -> Outcome<Client> {
        self.client(&self.primary_url).await
    }

    /// The same with the preferences unlocked.
    pub async fn unlocked(&self) -> Outcome<Client> {
        self.primary().await?.unlock(&self.code).await
    }

    /// A fresh connection to a satellite.
    pub async fn satellite(&self, service: &str) -> Outcome<Client> {
        let found = self.sites.iter().find(|(name, _, _)| name == service);
        let (_, _, url) = found.ok_or_else(|| format!("there is no {service}"))?;
        self.client(url).await
    }

    async fn client(&self, url: &str) -> Outcome<Client> {
        eventually(url, ANSWERS, || async {
            Client::connect(url, &self.certificate).await.map(Some)
        })
        .await
    }

    /// Waits until every satellite holds what the primary does.
    pub async fn in_step(&self, limit: Duration) -> Outcome<()> {
        let looked = eventually("all to be in step", limit, || async {
            let primary = self.primary().await?;
            for (name, _, _) in &self.sites {
                let differences = differences(&primary, &self.satellite(name).await?).await?;
                if let Some(first) = differences.first() {
                    return Err(format!("{name}: {first}").into());
                }
            }
            Ok(Some(()))
        });
        looked.await
    }

    /// Changes master data through whichever primary answers: fifty names, numbered by the round.
    pub async fn change(&self, round: usize) -> Outcome<()> {
        let names = generated_names(round * 100, 50);
        let changed = eventually("an import", ANSWERS, || async {
            let files = vec![(MasterDataKind::Name, names.clone())];
            self.primary().await?.import_all(files).await.map(Some)
        });
        changed.await.map(drop)
    }

    /// All of it is equal, deeply verified at both ends, and every ledger adds up.
    pub async fn prove(&self, limit: Duration) -> Outcome<()> {
        self.in_step(limit).await?;
        for (name, _, _) in &self.sites {
            let (primary, satellite) = (self.primary().await?, self.satellite(name).await?);
            prove_equal(&primary, &satellite, limit)
                .await
                .map_err(|trouble| format!("{name}: {trouble}"))?;
        }
        Ok(())
    }

    /// Waits until every site has shown the new password, so that the old one is retired.
    pub async fn one_password(&self, limit: Duration) -> Outcome<()> {
        let looked = eventually("the old password to be retired", limit, || async {
            let preferences = self.primary().await?;
            let request = GetPreferencesRequest {};
            let found = preferences
                .preferences()
                .get_preferences(request)
                .await
                .answer()?;
            let found = found.preferences.unwrap_or_default();
            Ok((!found.previous_credential_accepted).then_some(()))
        });
        looked.await
    }

    /// How often a satellite has joined, by the primary's audit log.
    pub async fn joined(&self) -> Outcome<usize> {
        let request = ListAuditLogRequest {
            action: "enrolment.enrol".into(),
            ..ListAuditLogRequest::default()
        };
        let answer = self.primary().await?.diagnostics().list_audit_log(request).await;
        Ok(answer.answer()?.entries.len())
    }
}
