//! From database errors to faults: what may be repeated, and what a person reads. The source stays inside.

use std::ops::Deref;

use sea_orm::{DbErr, RuntimeErr};
use supplysync_model::{Fault, FaultCode, Reason};

/// A database error as a fault; one that a repetition may cure has the code `Aborted`.
pub(crate) fn database(error: DbErr) -> Fault {
    let code = match &error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => FaultCode::Unavailable,
        other if lost_a_race(other) => FaultCode::Aborted,
        _ => FaultCode::Internal,
    };
    let message = match code {
        FaultCode::Unavailable => "the database can't be reached; the log of this server says more",
        FaultCode::Aborted => "the database is busy; try again",
        _ => "the database failed; the log of this server says more",
    };
    Fault::new(code, Reason::DATABASE_FAILED, message).with_source(error)
}

/// The same for errors of the driver beneath.
pub(crate) fn driver(error: sqlx::Error) -> Fault {
    database(DbErr::Conn(RuntimeErr::SqlxError(error.into())))
}

/// Whether repeating the whole transaction may succeed.
pub(crate) fn worth_repeating(fault: &Fault) -> bool {
    fault.code() == FaultCode::Aborted && fault.reason() == Reason::DATABASE_FAILED
}

/// A row or file that cannot have been written by this program.
pub(crate) fn damaged(what: impl Into<String>) -> Fault {
    let what = what.into();
    Fault::new(
        FaultCode::DataLoss,
        Reason::DATABASE_FAILED,
        format!(
            "the database holds something that this program never writes ({what}); restore it from a backup"
        ),
    )
}

fn lost_a_race(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(inner)) | DbErr::Query(RuntimeErr::SqlxError(inner))) = error
    else {
        return false;
    };
    let sqlx::Error::Database(inner) = inner.deref() else {
        return false;
    };
    // PostgreSQL: serialisation failure, deadlock, lock timeout. SQLite: BUSY and LOCKED with their extensions.
    matches!(
        inner.code().as_deref(),
        Some("40001" | "40P01" | "55P03" | "5" | "6" | "261" | "262" | "517" | "773")
    )
}
