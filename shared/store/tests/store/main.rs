//! The store's suite: every test on SQLite, and on PostgreSQL when `SUPPLYSYNC_TEST_POSTGRES` names a server. What is
//! protocol, not database, is written against `Records`, which the simulator's model store answers to as well.

#![expect(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod alike;
mod atomic;
mod audit;
mod backlog;
mod commit_order;
mod copies;
mod database;
mod digest;
mod enrolment;
mod feed;
mod full_disk;
mod hand_over;
mod later_life;
mod ledger;
mod link;
mod load;
mod model;
mod moves;
mod not_kept;
mod notices;
mod opening;
mod own;
mod page;
mod parked;
mod peer;
mod proposals;
mod push;
mod records;
mod recovery;
mod repair;
mod sample;
mod withdrawn;
mod witness;

/// Runs `async fn name(bed: impl Bed)` on each kind of store.
macro_rules! on_every_store {
    ($($name:ident;)*) => {
        $crate::on_every_database! { $($name;)* }
        mod model {$(
            #[tokio::test]
            async fn $name() {
                super::$name(crate::model::Models).await;
            }
        )*}
    };
}

/// Runs `async fn name(bed: impl Database)` on each database.
macro_rules! on_every_database {
    ($($name:ident;)*) => {$(
        mod $name {
            #[tokio::test]
            async fn sqlite() {
                super::$name(crate::database::Sqlite::new()).await;
            }

            #[tokio::test]
            async fn postgres() {
                crate::database::Postgres::with(super::$name).await;
            }
        }
    )*};
}

pub(crate) use {on_every_database, on_every_store};
