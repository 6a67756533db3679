//! What went wrong in a handshake, in words for the person at this end. One function for each end.

use std::error::Error as StdError;

use rustls::{AlertDescription, CertificateError, Error as TlsError};
use rustls_pki_types::UnixTime;
use supplysync_model::{Fault, FaultCode, Reason, Timestamp};

use crate::certificate::Validity;

/// The TLS error somewhere below `error`, if there is one.
pub(crate) fn tls_error_in<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a TlsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<TlsError>() {
            return Some(tls);
        }
        // An io::Error passes over what it wraps when asked for its source.
        next = match error.downcast_ref::<std::io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    None
}

/// Why a server turned a client away, for the server's log.
pub(crate) fn client_refused(error: &std::io::Error) -> Fault {
    match tls_error_in(error) {
        Some(TlsError::NoCertificatesPresented) => required("it showed no certificate"),
        Some(TlsError::InvalidCertificate(why)) => client_certificate(why),
        Some(TlsError::AlertReceived(alert)) => required(format!(
            "it does not accept this server's certificate ({alert:?})"
        )),
        Some(TlsError::PeerIncompatible(_)) => required("it does not speak TLS 1.3 as this network does"),
        Some(TlsError::InvalidMessage(_) | TlsError::InappropriateMessage { .. }) => {
            required("it does not speak TLS")
        }
        Some(_) => required("the TLS handshake failed"),
        None => required("it closed the connection during the TLS handshake"),
    }
}

fn client_certificate(why: &CertificateError) -> Fault {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidYet, NotValidYetContext, Revoked, UnknownIssuer,
    };
    match why {
        UnknownIssuer | BadSignature => required("its certificate is of an unknown authority"),
        ExpiredContext { not_after, time } => required(format!(
            "its certificate expired at {}; this server's clock says {}",
            moment(not_after),
            moment(time)
        )),
        Expired => required("its certificate has expired"),
        NotValidYetContext { time, not_before } => clock_wrong(format!(
            "its certificate is valid from {}, but this server's clock says {}; check this machine's clock",
            moment(not_before),
            moment(time)
        )),
        NotValidYet => clock_wrong("its certificate is not valid yet; check this machine's clock"),
        Revoked => required("its certificate has been revoked"),
        _ => required("its certificate can't be accepted"),
    }
}

/// Why a client could not agree with the server it dialled. `own` is where our own certificate stands by our clock.
pub(crate) fn server_refused(server: &str, error: &TlsError, own: Option<Validity>) -> Fault {
    match error {
        TlsError::InvalidCertificate(CertificateError::UnknownIssuer) if own.is_none() => unusable(format!(
            "{server} is not the primary that the join token is for: its certificate is of another authority, or it is not a primary; \
             check the token, and whether the address leads to the right server"
        )),
        TlsError::InvalidCertificate(why) => server_certificate(server, why),
        TlsError::AlertReceived(alert) => alert_received(server, *alert, own),
        TlsError::PeerIncompatible(_) | TlsError::NoApplicationProtocol => unusable(format!(
            "{server} does not speak TLS 1.3 with HTTP/2; is it a Supplysync server of this network?"
        )),
        _ => unusable(format!(
            "{server} does not speak TLS; is that the right address and port?"
        )),
    }
}

fn server_certificate(server: &str, why: &CertificateError) -> Fault {
    use CertificateError::{
        ApplicationVerificationFailure, BadSignature, Expired, ExpiredContext, NotValidForName,
        NotValidForNameContext, NotValidYet, NotValidYetContext, Revoked, UnknownIssuer,
    };
    match why {
        UnknownIssuer | BadSignature => unusable(format!(
            "the certificate of {server} is of another authority than ours; it is not a server of this network, or authority.crt here is not its authority's"
        )),
        NotValidForNameContext { expected, presented } => unusable(format!(
            "the server at {server} is not {}: its certificate is for {}; use one of those names, or issue it a certificate for this one",
            expected.to_str(),
            presented.join(", ")
        )),
        ApplicationVerificationFailure => unusable(format!(
            "the server at {server} is of this network, but not the site that was dialled: its certificate is for another"
        )),
        Revoked => unusable(format!("the certificate of {server} was revoked")),
        NotValidForName => unusable(format!("the certificate of {server} is for another name")),
        NotValidYetContext { time, not_before } => clock_wrong(format!(
            "the certificate of {server} is valid from {}, but this machine's clock says {}; check this machine's clock",
            moment(not_before),
            moment(time)
        )),
        NotValidYet => clock_wrong(format!(
            "the certificate of {server} is not valid yet; check this machine's clock"
        )),
        // An expired certificate is the rarer cause on a machine whose battery has died, so the clock is named first.
        ExpiredContext { time, not_after } => clock_wrong(format!(
            "by this machine's clock ({}) the certificate of {server} expired at {}; check this machine's clock, and if it is right, renew that server's certificate",
            moment(time),
            moment(not_after)
        )),
        Expired => clock_wrong(format!(
            "by this machine's clock the certificate of {server} has expired; check this machine's clock"
        )),
        _ => unusable(format!(
            "the certificate of {server} can't be accepted; the log says why"
        )),
    }
}

fn alert_received(server: &str, alert: AlertDescription, own: Option<Validity>) -> Fault {
    match alert {
        AlertDescription::CertificateRequired => {
            required(format!("{server} asks for a certificate and got none"))
        }
        AlertDescription::UnknownCA | AlertDescription::DecryptError => required(format!(
            "{server} does not know the authority that issued our certificate; use one that its `certs issue` made"
        )),
        AlertDescription::CertificateRevoked => Fault::new(
            FaultCode::Unauthenticated,
            Reason::CERTIFICATE_REVOKED,
            format!(
                "{server} has revoked our certificate; ask the administrator of the primary for a fresh join token (`sites token`), or as an operator for a new \
                 certificate"
            ),
        ),
        AlertDescription::CertificateExpired if own == Some(Validity::Valid) => clock_wrong(format!(
            "{server} says that our certificate is not valid at this time, but by our clock it is; one of the two clocks is wrong"
        )),
        AlertDescription::CertificateExpired => required(format!(
            "{server} refuses our certificate because it has expired or is not valid yet; see `certs show` and check this machine's clock"
        )),
        other => required(format!(
            "{server} refuses our certificate ({other:?}); its log says why"
        )),
    }
}

/// Nobody answers, or not in time.
pub(crate) fn unreachable(server: &str, why: &str) -> Fault {
    Fault::new(
        FaultCode::Unavailable,
        Reason::PEER_UNREACHABLE,
        format!("can't reach {server}: {why}"),
    )
    .with_metadata("server", server)
}

fn required(why: impl Into<String>) -> Fault {
    Fault::new(FaultCode::Unauthenticated, Reason::CERTIFICATE_REQUIRED, why)
}

fn unusable(why: String) -> Fault {
    Fault::new(FaultCode::FailedPrecondition, Reason::CERTIFICATE_UNUSABLE, why)
}

fn clock_wrong(why: impl Into<String>) -> Fault {
    Fault::new(FaultCode::FailedPrecondition, Reason::CLOCK_WRONG, why)
}

fn moment(time: &UnixTime) -> Timestamp {
    Timestamp(
        i64::try_from(time.as_secs())
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000),
    )
}
