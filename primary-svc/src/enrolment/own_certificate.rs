//! The primary's own certificate, which it renews by itself: it holds the authority's key. Its key and names stay.

use std::sync::Arc;
use std::time::Duration;

use supplysync_model::{Clock, Fault, Random, Reason, SyncId};
use supplysync_net::certificate::{self, Description, Validity};
use supplysync_net::material::RENEWAL_GRACE;
use supplysync_net::pem_file::{self, Overwrite};
use supplysync_net::{PeerIdentity, SigningRequest, signing_request};
use supplysync_node::certificates::pause_between_looks;
use supplysync_node::cli::settings::TlsSection;
use tokio_util::sync::CancellationToken;

use super::issuing::{self, Issuing, folder_of, host_names};
use crate::config::EnrolmentSection;

/// Before the program reads its certificate: one that expired while it was off is replaced, if that is not so long ago
/// that the clock is the likelier cause.
pub fn renew_expired(
    tls: &TlsSection,
    section: &EnrolmentSection,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<(), Fault> {
    // What can't be read is named by whoever reads it to serve with.
    let Ok(present) = certificate::describe_file(&tls.certificate) else {
        return Ok(());
    };
    let now = clock.now();
    let ours = present.identity == Some(PeerIdentity::Site(SyncId::PRIMARY));
    let long_ago = now.millis_since(present.not_after) > millis(RENEWAL_GRACE);
    if !ours || present.validity(now) != Validity::Expired || long_ago {
        return Ok(());
    }
    let authority = match issuing::load(&folder_of(&tls.authority), section) {
        Err(fault) if fault.reason() == Reason::ENROLMENT_UNAVAILABLE => return Ok(()),
        authority => authority?,
    };
    let request = SigningRequest::parse(&signing_request::make_request(&tls.key)?)?;
    let renewed = authority.certify_site(SyncId::PRIMARY, &host_names(&present), &request, now, random)?;
    tracing::info!(expired = %present.not_after, "this primary's certificate had expired and is renewed");
    pem_file::write_certificate(&tls.certificate, &renewed, Overwrite::Replace)
}

/// Renews it while the program runs.
pub async fn keep_valid(issuing: Arc<Issuing>, stop: CancellationToken) -> Result<(), Fault> {
    loop {
        let present = issuing.own().description().clone();
        if let Err(fault) = renew_if_due(&issuing, &present) {
            tracing::error!(
                reason = fault.reason().0,
                ?fault,
                until = %present.not_after,
                "this primary's certificate was not renewed: {fault}"
            );
        }
        let pause = pause_between_looks(&present, issuing.section().certificate_life.duration());
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

fn renew_if_due(issuing: &Issuing, present: &Description) -> Result<(), Fault> {
    let authority = match issuing.authority() {
        // `certs issue` does it where the key is; the log need not say so every hour.
        Err(fault) if fault.reason() == Reason::ENROLMENT_UNAVAILABLE => return Ok(()),
        authority => authority?,
    };
    if present.validity(issuing.clock.now()) == Validity::NotYet || !issuing.is_due(present, &authority)? {
        return Ok(());
    }
    let key = issuing.own_key();
    let request = SigningRequest::parse(&signing_request::make_request(&key)?)?;
    let renewed = issuing.renew(SyncId::PRIMARY, present, &request)?;
    issuing.keep_own(&renewed).map(drop)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
