//! What handlers take from a request beside its message, and the one place where their faults are logged.

use secrecy::SecretString;
use supplysync_model::{Fault, FaultCode};
use supplysync_net::{PeerIdentity, PeerInfo};
use tonic::{Request, Response, Status};

use crate::command::authorisation::UNLOCK_METADATA;
use crate::command::caller::Caller;
use crate::command::preferences::Authority;

/// Who asks, as the access layer has verified it.
pub fn caller<T>(request: &Request<T>) -> Caller {
    let identity = request.extensions().get::<PeerIdentity>();
    let principal = match identity {
        Some(PeerIdentity::Operator { role, name }) => format!("operator/{role}/{name}"),
        Some(PeerIdentity::Site(site)) => format!("site/{site}"),
        None => "unknown".to_owned(),
    };
    let peer = request.extensions().get::<PeerInfo>();
    let from = peer.map(|peer| peer.address.to_string());
    Caller {
        principal,
        from: from.unwrap_or_default(),
    }
}

/// The unlock token in the metadata, if there is one.
pub fn unlock_token<T>(request: &Request<T>) -> Option<SecretString> {
    let value = request.metadata().get(UNLOCK_METADATA)?;
    value.to_str().ok().map(SecretString::from)
}

/// Who asks, with the unlock token: for changes of what the lock guards.
pub fn authority<T>(request: &Request<T>) -> Authority {
    Authority {
        caller: caller(request),
        token: unlock_token(request),
    }
}

/// The answer on the wire. A fault is logged here, once: ours as errors with their source, the caller's quietly.
pub fn answer<T>(method: &'static str, result: Result<T, Fault>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(|fault| refuse(method, &fault))
}

/// A fault on the wire, logged.
pub fn refuse(method: &'static str, fault: &Fault) -> Status {
    let reason = fault.reason().0;
    match fault.code() {
        FaultCode::Internal | FaultCode::DataLoss => {
            tracing::error!(method, reason, ?fault, "call failed");
        }
        FaultCode::Unavailable => tracing::warn!(method, reason, ?fault, "call failed for now"),
        _ => tracing::debug!(method, reason, message = fault.message(), "call refused"),
    }
    supplysync_api::fault::to_status(fault)
}
