//! From database errors to faults: what may be repeated, and what a person reads. The source stays inside.

use std::borrow::Cow;
use std::ops::Deref;

use sea_orm::{DbErr, RuntimeErr};
use supplysync_model::{Fault, FaultCode, Reason};

/// A database error as a fault; one that a repetition may cure has the code `Aborted`.
pub(crate) fn database(error: DbErr) -> Fault {
    match disk_trouble(&error) {
        Some(DiskTrouble::Full) => return disk_full().with_source(error),
        Some(DiskTrouble::Failed) => return disk_failed().with_source(error),
        None => {}
    }
    if connection_lost(&error) {
        let message = "the connection to the database was lost; whether what was under way is recorded is not known: look \
                       before asking for it again";
        return Fault::new(FaultCode::Unavailable, Reason::DATABASE_FAILED, message).with_source(error);
    }
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

/// What a write is refused with while the disk is full.
fn disk_full() -> Fault {
    Fault::new(
        FaultCode::ResourceExhausted,
        Reason::DISK_FULL,
        "the disk of this server is full, so nothing can be recorded: make room there, and it goes on by itself",
    )
}

/// What everything is refused with once the disk has failed.
pub(crate) fn disk_failed() -> Fault {
    Fault::new(
        FaultCode::Unavailable,
        Reason::DISK_FAILED,
        "the disk of this server failed, so nothing more is recorded and the program stops: see its log, and look after the disk",
    )
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
    // PostgreSQL: serialisation failure, deadlock, lock timeout. SQLite: BUSY and LOCKED with their extensions.
    matches!(
        code_of(error).as_deref(),
        Some("40001" | "40P01" | "55P03" | "5" | "6" | "261" | "262" | "517" | "773")
    )
}

#[derive(Debug, PartialEq, Eq)]
enum DiskTrouble {
    Full,
    Failed,
}

/// PostgreSQL looks after its own disk: when a sync fails it stops by itself, and goes on from what is on disk.
fn disk_trouble(error: &DbErr) -> Option<DiskTrouble> {
    match code_of(error)?.as_ref() {
        // PostgreSQL's and SQLite's word for it; and SQLite's where the index of its log finds no room.
        "53100" | "13" | "4874" => Some(DiskTrouble::Full),
        // SQLite's I/O errors of what is stored: those of locks and of memory are none of the disk. In this order:
        // unspecified, read, short read, write, sync, sync of the folder, truncate, size, seek, data, file system.
        "10" | "266" | "522" | "778" | "1034" | "1290" | "1546" | "1802" | "5642" | "8202" | "8458" => {
            Some(DiskTrouble::Failed)
        }
        _ => None,
    }
}

/// In the middle of a statement, as when PostgreSQL restarts: it heals by itself, and who synchronises comes again soon.
fn connection_lost(error: &DbErr) -> bool {
    match beneath(error) {
        Some(sqlx::Error::Io(_)) => !matches!(error, DbErr::Conn(_)),
        // PostgreSQL: stopped by an administrator, after a crash, not yet up; and all of the class of connections.
        Some(sqlx::Error::Database(inner)) => inner.code().is_some_and(|code| {
            code.len() == 5 && (code.starts_with("08") || matches!(&*code, "57P01" | "57P02" | "57P03"))
        }),
        _ => false,
    }
}

/// The database's own code of an error: five characters from PostgreSQL, a smaller number from SQLite.
fn code_of(error: &DbErr) -> Option<Cow<'_, str>> {
    match beneath(error)? {
        sqlx::Error::Database(inner) => inner.code(),
        _ => None,
    }
}

/// What the driver said.
fn beneath(error: &DbErr) -> Option<&sqlx::Error> {
    let (DbErr::Exec(RuntimeErr::SqlxError(inner))
    | DbErr::Query(RuntimeErr::SqlxError(inner))
    | DbErr::Conn(RuntimeErr::SqlxError(inner))) = error
    else {
        return None;
    };
    Some(inner.deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_lost_in_the_middle_may_be_tried_again_and_a_defect_not() {
        let end = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let lost = RuntimeErr::SqlxError(sqlx::Error::Io(end).into());
        assert!(database(DbErr::Query(lost)).retryable());
        let defect = RuntimeErr::SqlxError(sqlx::Error::RowNotFound.into());
        assert!(!database(DbErr::Query(defect)).retryable());
    }
}
