//! The row of a transaction; its lines are in `stock_transaction_line`.

use sea_orm::entity::prelude::*;
use supplysync_model::{Fault, StatusChange, Timestamp, Transaction, TransactionLine, TransactionStatus};

use crate::projection::code;
use crate::query::Versioned;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stock_transaction")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Vec<u8>,
    pub store_id: Vec<u8>,
    pub number: i64,
    pub transaction_type: i64,
    pub other_party_id: Option<Vec<u8>>,
    pub patient_reference: String,
    pub status: i64,
    pub their_reference: String,
    pub comment: String,
    pub new_at: Option<i64>,
    pub new_by: Option<String>,
    pub confirmed_at: Option<i64>,
    pub confirmed_by: Option<String>,
    pub finalised_at: Option<i64>,
    pub finalised_by: Option<String>,
    pub epoch: i64,
    pub revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The transaction with its lines, which are in order.
    pub fn with_lines(self, lines: Vec<TransactionLine>) -> Result<Versioned<Transaction>, Fault> {
        let status_changes = [
            reached(TransactionStatus::New, self.new_at, self.new_by),
            reached(TransactionStatus::Confirmed, self.confirmed_at, self.confirmed_by),
            reached(TransactionStatus::Finalised, self.finalised_at, self.finalised_by),
        ];
        Ok(Versioned {
            etag: code::etag(self.epoch, self.revision),
            retired: false,
            value: Transaction {
                id: code::id(self.id)?,
                store: code::id(self.store_id)?,
                number: self.number as u64,
                transaction_type: code::transaction_type(self.transaction_type)?,
                other_party: code::optional_id(self.other_party_id)?,
                patient_reference: self.patient_reference,
                status: code::status(self.status)?,
                their_reference: self.their_reference,
                comment: self.comment,
                status_changes: status_changes.into_iter().flatten().collect(),
                lines,
            },
        })
    }
}

fn reached(status: TransactionStatus, at: Option<i64>, by: Option<String>) -> Option<StatusChange> {
    let (at, by) = at.zip(by)?;
    Some(StatusChange {
        status,
        at: Timestamp(at),
        by,
    })
}
