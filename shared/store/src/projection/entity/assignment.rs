//! The row of an assignment.

use sea_orm::entity::prelude::*;
use supplysync_model::{Assignment, AssignmentState, Epoch, Fault, HandOver};

use crate::projection::code;
use crate::query::Versioned;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "store_assignment")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub store_id: Vec<u8>,
    pub site: i64,
    pub active_epoch: i64,
    pub version: i64,
    pub draining_to: Option<i64>,
    pub given_seq: Option<i64>,
    pub given_totals: Option<Vec<u8>>,
    pub retired: bool,
    pub epoch: i64,
    pub revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for Versioned<Assignment> {
    type Error = Fault;

    fn try_from(row: Model) -> Result<Self, Fault> {
        Ok(Versioned {
            etag: code::etag(row.epoch, row.revision),
            retired: row.retired,
            value: Assignment {
                store: code::id(row.store_id)?,
                site: code::sync_id(row.site)?,
                epoch: Epoch::from_packed(row.active_epoch as u64),
                version: row.version as u64,
                state: match row.draining_to {
                    None => AssignmentState::Active,
                    Some(to) => AssignmentState::Draining {
                        to: code::sync_id(to)?,
                    },
                },
                hand_over: match (row.given_seq, row.given_totals) {
                    (Some(seq), Some(totals)) => Some(HandOver {
                        seq: seq as u64,
                        totals: code::totals(&totals)?,
                    }),
                    _ => None,
                },
            },
        })
    }
}
