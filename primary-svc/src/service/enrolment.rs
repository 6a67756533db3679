//! `EnrolmentService`: join tokens and expiring certificates become certificates. Who may at all is in `command::join_token`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use futures::FutureExt;
use secrecy::ExposeSecret;
use supplysync_api::v1;
use supplysync_api::v1::enrolment_service_server::EnrolmentService;
use supplysync_model::{Fault, FaultCode, Reason, SyncId};
use supplysync_net::server::Shown;
use supplysync_net::{AddressThrottle, PeerIdentity, Revocations, SigningRequest, Visitor};
use supplysync_node::command::caller::Caller;
use supplysync_node::service::request::answer;
use supplysync_store::Store;
use tonic::{Request, Response, Status};

use crate::command::join_token::{self, Admitted, Applicant};
use crate::credentials::{PASSWORD_HASH, USER_NAME};
use crate::delivery::kept_password;
use crate::enrolment::Issuing;
use crate::enrolment::revoked_file::wait_past;

/// The handler.
pub struct Enrolments {
    store: Store,
    issuing: Arc<Issuing>,
    revocations: Revocations,
    throttle: AddressThrottle,
    password_file: PathBuf,
    max_sync_id: u16,
}

impl Enrolments {
    /// On the primary's store. The file holds the password that all sites share, if it is to be handed out.
    pub fn new(
        store: Store,
        issuing: Arc<Issuing>,
        revocations: Revocations,
        password_file: PathBuf,
        max_sync_id: u16,
    ) -> Enrolments {
        Enrolments {
            store,
            issuing,
            revocations,
            throttle: AddressThrottle::default(),
            password_file,
            max_sync_id,
        }
    }

    async fn enrol(&self, visitor: Visitor, request: v1::EnrolRequest) -> Result<v1::EnrolResponse, Fault> {
        let address = visitor.ends.address.ip();
        self.throttle.check(address, self.issuing.clock.now())?;
        // Before the token is used up.
        let authority = self.issuing.authority()?;
        let asked = SigningRequest::parse(&request.signing_request)?;
        let applicant = Applicant {
            token_id: request.token_id,
            key: blake3::hash(asked.public_key()).as_bytes().to_vec(),
            from: visitor.ends.address.to_string(),
        };
        let admitted = join_token::admit(&self.store, applicant, request.token_secret).await;
        let Admitted { site, settings } = admitted.inspect_err(|fault| self.count(address, fault))?;
        self.throttle.passed(address);
        self.wait_past_revocation(site.sync_id).await?;
        let certificate = self.issuing.certify(site.sync_id, &site.url, &asked)?;
        tracing::info!(site = site.sync_id.get(), %address, "a site has joined");
        let first = self.first_settings().await?;
        Ok(v1::EnrolResponse {
            certificate,
            authorities: authority.trusted(),
            settings: Some(v1::FirstSettings {
                sync_id: site.sync_id.get().into(),
                site_name: site.name,
                interval_minutes: settings.interval_minutes,
                live: settings.live,
                max_sync_id: self.max_sync_id.into(),
                ..first
            }),
        })
    }

    async fn renew(&self, visitor: Visitor, request: v1::RenewRequest) -> Result<v1::RenewResponse, Fault> {
        let (site, shown) = site_of(&visitor)?;
        self.revocations
            .check(&shown.identity, shown.description.issued_at())?;
        let authority = self.issuing.authority()?;
        let asked = SigningRequest::parse(&request.signing_request)?;
        if asked.public_key() != shown.public_key {
            return Err(Fault::field(
                "signing_request",
                "is made with another key than that of the certificate: a new key takes a join token",
            ));
        }
        let certificate = match self.issuing.is_due(&shown.description, &authority)? {
            true => {
                let caller = Caller {
                    principal: shown.identity.principal(),
                    from: visitor.ends.address.to_string(),
                };
                join_token::note_renewal(&self.store, caller, site, shown.description.not_after).await?;
                self.issuing.renew(site, &shown.description, &asked)?
            }
            false => String::new(),
        };
        Ok(v1::RenewResponse {
            certificate,
            authorities: authority.trusted(),
        })
    }

    /// What costs an attempt: what a guesser would meet, and no failure of ours.
    fn count(&self, address: IpAddr, fault: &Fault) {
        let tokens = [Reason::TOKEN_UNKNOWN, Reason::TOKEN_USED, Reason::TOKEN_EXPIRED];
        if tokens.contains(&fault.reason()) {
            tracing::warn!(%address, reason = fault.reason().0, "enrolment refused");
            self.throttle.failed(address, self.issuing.clock.now());
        }
    }

    /// A certificate that is issued in the very second of the site's revocation would be refused too.
    async fn wait_past_revocation(&self, site: SyncId) -> Result<(), Fault> {
        let whom = PeerIdentity::Site(site);
        let Some(revoked_at) = self.revocations.revoked_at(&whom) else {
            return Ok(());
        };
        let wait = wait_past(&whom, revoked_at, self.issuing.clock.now())?;
        tokio::time::sleep(wait).await;
        Ok(())
    }

    async fn first_settings(&self) -> Result<v1::FirstSettings, Fault> {
        let read = self.store.read("first settings", |tx| {
            async move {
                let primary = tx.site(SyncId::PRIMARY).await?;
                let text = |value: Option<Vec<u8>>| value.and_then(|bytes| String::from_utf8(bytes).ok());
                let user_name = text(tx.preference(USER_NAME).await?);
                let hash = text(tx.preference(PASSWORD_HASH).await?);
                Ok((primary.map(|found| found.value.url), user_name, hash))
            }
            .boxed()
        });
        let (url, user_name, hash) = read.await?;
        let password = match hash {
            Some(hash) => kept_password(self.password_file.clone(), &hash).await?,
            None => None,
        };
        Ok(v1::FirstSettings {
            primary_url: url.unwrap_or_default(),
            user_name: user_name.unwrap_or_default(),
            password: password.map(|password| password.expose_secret().to_owned()),
            enrolment_urls: self.issuing.urls(),
            ..v1::FirstSettings::default()
        })
    }
}

fn site_of(visitor: &Visitor) -> Result<(SyncId, &Shown), Fault> {
    let shown = visitor.certificate.as_ref().ok_or_else(|| {
        Fault::new(
            FaultCode::Unauthenticated,
            Reason::CERTIFICATE_REQUIRED,
            "renewal needs the site's present certificate; who has none joins with a token",
        )
    })?;
    match shown.identity {
        PeerIdentity::Site(site) if !site.is_primary() => Ok((site, shown)),
        _ => Err(Fault::new(
            FaultCode::PermissionDenied,
            Reason::ROLE_NOT_ALLOWED,
            format!(
                "{} may not renew here: satellites may; operators get theirs with `certs issue`",
                shown.identity
            ),
        )),
    }
}

fn visitor<T>(request: &Request<T>) -> Result<Visitor, Fault> {
    let visitor = request.extensions().get::<Visitor>().cloned();
    visitor.ok_or_else(|| Fault::internal("a call on the enrolment port from nowhere"))
}

#[tonic::async_trait]
impl EnrolmentService for Enrolments {
    async fn enrol(&self, request: Request<v1::EnrolRequest>) -> Result<Response<v1::EnrolResponse>, Status> {
        let answered = match visitor(&request) {
            Ok(visitor) => Enrolments::enrol(self, visitor, request.into_inner()).await,
            Err(fault) => Err(fault),
        };
        answer("Enrol", answered)
    }

    async fn renew(&self, request: Request<v1::RenewRequest>) -> Result<Response<v1::RenewResponse>, Status> {
        let answered = match visitor(&request) {
            Ok(visitor) => Enrolments::renew(self, visitor, request.into_inner()).await,
            Err(fault) => Err(fault),
        };
        answer("Renew", answered)
    }
}
