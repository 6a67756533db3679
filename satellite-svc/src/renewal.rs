//! The site's certificate renews by itself: this site asks at the enrolment port, showing the present certificate, and the
//! primary says when it is time. New authorities come the same way.

use std::sync::Arc;
use std::time::Duration;

use supplysync_api::fault::from_status;
use supplysync_api::v1::enrolment_service_client::EnrolmentServiceClient;
use supplysync_api::v1::{RenewRequest, RenewResponse};
use supplysync_model::{Clock, Fault, Random, Reason};
use supplysync_net::client::fault_in;
use supplysync_net::{Endpoint, signing_request};
use supplysync_node::certificates::{Certificates, pause_between_looks};
use tokio_util::sync::CancellationToken;

/// What is due is asked for this much oftener.
const DUE: u32 = 6;
/// No life of a certificate is longer.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// Keeps the certificate valid.
pub struct Renewal {
    /// Where to ask, the first that answers.
    pub urls: Vec<String>,
    /// The certificate.
    pub certificates: Certificates,
    /// When it is time.
    pub clock: Arc<dyn Clock>,
    /// Sites do not all ask at the same moment.
    pub random: Arc<dyn Random>,
    /// Cancelled when the program stops.
    pub stop: CancellationToken,
}

impl Renewal {
    /// Asks now and then until the program stops.
    pub async fn run(self) -> Result<(), Fault> {
        let mut told = None;
        loop {
            let asked = tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                asked = self.ask() => asked,
            };
            let due = self.clock.now() >= self.certificates.present().description().renew_at(LONGEST);
            told = match asked {
                Ok(()) => None,
                Err(fault) => Some(self.tell(&fault, due, told)),
            };
            tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(self.pause(due)) => {}
            }
        }
    }

    async fn ask(&self) -> Result<(), Fault> {
        let answer = self.answer().await?;
        if self.certificates.keep(&answer.certificate, &answer.authorities)? {
            tracing::info!(
                renewed = !answer.certificate.is_empty(),
                "the primary sent a new certificate or new authorities"
            );
        }
        Ok(())
    }

    async fn answer(&self) -> Result<RenewResponse, Fault> {
        let signing_request = signing_request::make_request(&self.certificates.files().key)?;
        let present = self.certificates.present();
        let mut unreachable = None;
        for url in &self.urls {
            let channel = match Endpoint::new(url, &present)?.connect().await {
                Ok(channel) => channel,
                Err(fault) => {
                    unreachable.get_or_insert(fault);
                    continue;
                }
            };
            let request = RenewRequest {
                signing_request: signing_request.clone(),
            };
            let answered = EnrolmentServiceClient::new(channel).renew(request).await;
            return match answered {
                Ok(answer) => Ok(answer.into_inner()),
                Err(status) => Err(fault_in(&status).unwrap_or_else(|| from_status(&status).into())),
            };
        }
        Err(unreachable.unwrap_or_else(|| Fault::internal("no address to renew at")))
    }

    /// Loudly once for each new reason when the certificate is due; quietly as long as it is good.
    fn tell(&self, fault: &Fault, due: bool, told: Option<Reason>) -> Reason {
        let (reason, until) = (
            fault.reason(),
            self.certificates.present().description().not_after,
        );
        if due && told != Some(reason) {
            tracing::error!(reason = reason.0, ?fault, %until, "this site's certificate can't be renewed for now: {fault}");
        } else {
            tracing::debug!(
                reason = reason.0,
                ?fault,
                "the enrolment port was not reached: {fault}"
            );
        }
        reason
    }

    fn pause(&self, due: bool) -> Duration {
        let pause = pause_between_looks(self.certificates.present().description(), LONGEST);
        let pause = if due { pause / DUE } else { pause };
        // Half of it, and up to half more.
        let half = u64::try_from(pause.as_millis() / 2).unwrap_or(u64::MAX).max(1);
        Duration::from_millis(half + self.random.u64() % half)
    }
}
