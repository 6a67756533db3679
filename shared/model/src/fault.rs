//! The one transport-free fault: what went wrong, in words for a person, with its source kept inside.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;

/// What sort of failure it is; mapped to gRPC and HTTP in one place each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultCode {
    /// The request is wrong in itself.
    InvalidArgument,
    /// There is no such thing.
    NotFound,
    /// There is one already.
    AlreadyExists,
    /// Not in the present state; the message says what to do first.
    FailedPrecondition,
    /// Somebody else was faster: read again and repeat.
    Aborted,
    /// Not known who asks.
    Unauthenticated,
    /// Known, and not allowed.
    PermissionDenied,
    /// A limit is reached; later may work.
    ResourceExhausted,
    /// Not reachable for now; later may work.
    Unavailable,
    /// This version does not do it.
    Unimplemented,
    /// Took too long.
    DeadlineExceeded,
    /// Stored data is damaged or foreign.
    DataLoss,
    /// A defect of ours, or of the machine.
    Internal,
}

/// A stable reason, `UPPER_SNAKE`, for programs; one constant per reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reason(pub &'static str);

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        impl Reason {
            $($(#[$doc])* pub const $name: Reason = Reason(stringify!($name));)*

            /// Every reason, for the documentation's test.
            pub const ALL: &'static [Reason] = &[$(Reason::$name,)*];
        }
    };
}

reasons! {
    /// One field or more is wrong; see the violations.
    INVALID_FIELDS;
    /// No record with that id or code.
    RECORD_NOT_FOUND;
    /// The code is in use.
    CODE_TAKEN;
    /// Still in use, so it can't be deleted.
    RECORD_IN_USE;
    /// Changed since it was read.
    STALE_ETAG;
    /// Master data is changed on the primary only.
    MASTER_DATA_IS_PRIMARY_ONLY;
    /// The store is active on another site.
    STORE_NOT_ACTIVE_HERE;
    /// The store is active nowhere yet.
    STORE_NOT_ASSIGNED;
    /// The store has a site already.
    STORE_ALREADY_ASSIGNED;
    /// The store is being moved.
    STORE_DRAINING;
    /// The store was given to this site, and its data are not all here yet.
    STORE_NOT_HERE_YET;
    /// The store is being moved, or is where it would be moved to.
    MOVE_NOT_POSSIBLE;
    /// The store is not being moved.
    NO_MOVE_UNDER_WAY;
    /// Written under an ownership that has ended.
    STALE_EPOCH;
    /// The quarantined change is resolved already, or is not known here.
    QUARANTINE_NOT_FOUND;
    /// The site that has the store holds the quarantined change itself.
    QUARANTINE_OF_OWNER;
    /// The quarantined change was put to the owner, who has not answered.
    QUARANTINE_PROPOSED;
    /// No owner could write what the quarantined change says.
    QUARANTINE_NOT_ACCEPTABLE;
    /// Only its owner may send this record.
    NOT_OWNER;
    /// The record does not belong in that channel.
    WRONG_CHANNEL;
    /// Two different contents under one version.
    FORKED_VERSION;
    /// The body is not what its kind and schema say, or its hash is wrong.
    MALFORMED_RECORD;
    /// A record, frame or batch over its limit.
    TOO_LARGE;
    /// Not enough stock.
    INSUFFICIENT_STOCK;
    /// The stock has expired.
    STOCK_EXPIRED;
    /// The stock or the party is on hold.
    ON_HOLD;
    /// The transaction's status does not allow it.
    WRONG_STATUS;
    /// The item is retired and takes no new receipts.
    ITEM_RETIRED;
    /// The stock line still holds stock.
    STOCK_LINE_NOT_EMPTY;
    /// Not in this version.
    NOT_IN_THIS_VERSION;
    /// The imported file has wrong rows; nothing was imported.
    IMPORT_REJECTED;
    /// The preferences are locked.
    PREFERENCES_LOCKED;
    /// The authorisation code is wrong.
    WRONG_AUTHORISATION_CODE;
    /// Too many wrong codes; wait.
    UNLOCK_LOCKED_OUT;
    /// The Sync ID is in use.
    SYNC_ID_TAKEN;
    /// The Sync ID is out of range or reserved.
    SYNC_ID_OUT_OF_RANGE;
    /// No site with that Sync ID.
    SITE_NOT_FOUND;
    /// Two sites would keep one store.
    STORE_CLAIMED_TWICE;
    /// No client certificate, or one that this service does not accept.
    CERTIFICATE_REQUIRED;
    /// The role does not allow this call.
    ROLE_NOT_ALLOWED;
    /// Certificate, Sync ID, user name and password do not agree with what is expected.
    IDENTITY_REFUSED;
    /// Too many attempts; wait.
    RATE_LIMITED;
    /// The join token is mistyped or cut short.
    TOKEN_MALFORMED;
    /// The primary does not know the join token, or its secret is wrong.
    TOKEN_UNKNOWN;
    /// The join token has let another machine in.
    TOKEN_USED;
    /// The join token has expired.
    TOKEN_EXPIRED;
    /// This primary enrols nobody: the port is off, or the authority's key is not there.
    ENROLMENT_UNAVAILABLE;
    /// The certificate has been revoked.
    CERTIFICATE_REVOKED;
    /// No common protocol version.
    PROTOCOL_UNSUPPORTED;
    /// The peer broke the protocol.
    PROTOCOL_VIOLATION;
    /// The satellite's database was restored or cloned.
    SATELLITE_LINEAGE_BROKEN;
    /// The primary's database was restored or replaced.
    PRIMARY_LINEAGE_BROKEN;
    /// A newer session speaks for the site.
    SESSION_FENCED;
    /// The database is not one of ours.
    DATABASE_FOREIGN;
    /// The database is from a newer version.
    DATABASE_TOO_NEW;
    /// The database belongs to another role or Sync ID.
    DATABASE_OTHER_SITE;
    /// The database has not been initialised.
    DATABASE_NOT_INITIALISED;
    /// The site has been set up already.
    ALREADY_INITIALISED;
    /// Another program has the database open.
    DATABASE_IN_USE;
    /// A backup can't be made or put back; the message says why.
    BACKUP_UNUSABLE;
    /// The database was restored, and has not taken back yet what the primary has.
    RECOVERY_PENDING;
    /// The database failed.
    DATABASE_FAILED;
    /// The disk that the database is on is full.
    DISK_FULL;
    /// The disk that the database is on failed: what it holds is not known.
    DISK_FAILED;
    /// The configuration is wrong.
    CONFIGURATION_INVALID;
    /// A certificate or key can't be read or used.
    CERTIFICATE_UNUSABLE;
    /// The clock is so wrong that certificates are not valid.
    CLOCK_WRONG;
    /// The address is in use or not ours.
    ADDRESS_UNAVAILABLE;
    /// The peer can't be reached.
    PEER_UNREACHABLE;
    /// The server runs, and does not serve yet or any more.
    NOT_READY;
    /// Synchronisation is paused (interval 0).
    SYNC_PAUSED;
    /// The copy is not kept here.
    COPY_NOT_KEPT;
    /// The site wishes for no other copies than it is granted.
    NO_COPIES_WISHED;
    /// User name and password from before the last change are accepted still: they must be retired first.
    PREVIOUS_CREDENTIAL_ACCEPTED;
    /// The site can't be removed while a store is active on it or on its way there.
    SITE_IN_USE;
    /// Removing the site would leave something unfinished; it must be forced.
    SITE_UNFINISHED;
    /// Stopping.
    SHUTTING_DOWN;
    /// A defect of ours.
    INTERNAL;
}

/// One wrong field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// The path to the field, such as `lines[2].packs`.
    pub field: String,
    /// What is wrong, and what would be right.
    pub description: String,
}

/// A failure: for a person, for a program, and (kept inside) for whoever reads the log.
pub struct Fault(Box<Inner>);

struct Inner {
    code: FaultCode,
    reason: Reason,
    message: String,
    violations: Vec<FieldViolation>,
    metadata: BTreeMap<&'static str, String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Fault {
    /// A fault with a public message that tells a person what to do.
    pub fn new(code: FaultCode, reason: Reason, message: impl Into<String>) -> Fault {
        Fault(Box::new(Inner {
            code,
            reason,
            message: message.into(),
            violations: Vec::new(),
            metadata: BTreeMap::new(),
            source: None,
        }))
    }

    /// All wrong fields of a request at once.
    pub fn invalid(violations: Vec<FieldViolation>) -> Fault {
        let listed: Vec<_> = violations
            .iter()
            .map(|v| format!("{}: {}", v.field, v.description))
            .collect();
        let mut fault = Fault::new(
            FaultCode::InvalidArgument,
            Reason::INVALID_FIELDS,
            listed.join("; "),
        );
        fault.0.violations = violations;
        fault
    }

    /// One wrong field.
    pub fn field(field: impl Into<String>, description: impl Into<String>) -> Fault {
        Fault::invalid(vec![FieldViolation {
            field: field.into(),
            description: description.into(),
        }])
    }

    /// An address that can't be listened on; says which and what to do.
    pub fn address_unavailable(address: impl fmt::Display, error: std::io::Error) -> Fault {
        use std::io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
        let advice = match error.kind() {
            AddrInUse => "another program uses it; stop that one, or set another port",
            AddrNotAvailable => "this machine has no such address; set one that it has, or 0.0.0.0 for all",
            PermissionDenied => "ports below 1024 need a privilege; set a port above",
            _ => "the system refused it; the log says why",
        };
        Fault::new(
            FaultCode::FailedPrecondition,
            Reason::ADDRESS_UNAVAILABLE,
            format!("can't listen on {address}: {advice}"),
        )
        .with_source(error)
    }

    /// A defect of ours; the source goes to the log, not to the caller.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Fault {
        Fault::new(
            FaultCode::Internal,
            Reason::INTERNAL,
            "an internal error; the log of this server says more",
        )
        .with_source(source)
    }

    /// Adds the internal source, which never leaves the machine.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Fault {
        self.0.source = Some(source.into());
        self
    }

    /// Adds a fact for programs, sent as `ErrorInfo` metadata.
    #[must_use]
    pub fn with_metadata(mut self, key: &'static str, value: impl fmt::Display) -> Fault {
        self.0.metadata.insert(key, value.to_string());
        self
    }

    /// Adds field violations, keeping the message.
    #[must_use]
    pub fn with_violations(mut self, violations: Vec<FieldViolation>) -> Fault {
        self.0.violations = violations;
        self
    }

    /// What sort of failure.
    pub fn code(&self) -> FaultCode {
        self.0.code
    }

    /// The stable reason.
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// The words for a person.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Wrong fields, if any.
    pub fn violations(&self) -> &[FieldViolation] {
        &self.0.violations
    }

    /// Facts for programs.
    pub fn metadata(&self) -> &BTreeMap<&'static str, String> {
        &self.0.metadata
    }

    /// Whether the same call may work later without a change.
    pub fn retryable(&self) -> bool {
        use FaultCode::*;
        matches!(
            self.0.code,
            Unavailable | DeadlineExceeded | ResourceExhausted | Aborted
        )
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("code", &self.0.code)
            .field("reason", &self.0.reason.0)
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl StdError for Fault {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| source.as_ref() as _)
    }
}
