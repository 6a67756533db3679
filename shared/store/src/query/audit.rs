//! The audit log as it is read: newest first, filtered.

use sea_orm::{QueryResult, Value};
use supplysync_model::{Fault, Timestamp};
use uuid::Uuid;

use super::column;
use super::page::{PageOf, PageQuery, cut, place};
use crate::fault::damaged;
use crate::{AuditEntry, Queries};

/// Which lines; what is left out does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Who did it, exactly.
    pub principal: Option<String>,
    /// How the action begins.
    pub action: Option<String>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
}

impl Queries {
    /// A page of the audit log, newest first: each line with its id, which is in the order of time.
    pub async fn list_audit_log(
        &self,
        filter: &AuditFilter,
        page: &PageQuery,
    ) -> Result<PageOf<(Uuid, AuditEntry)>, Fault> {
        let mut values: Vec<Value> = Vec::new();
        let mut conditions = vec!["1 = 1".to_owned()];
        let mut also = |condition: &str, value: Value| {
            values.push(value);
            conditions.push(condition.replace('?', &format!("${}", values.len())));
        };
        if let Some(principal) = &filter.principal {
            also("principal = ?", principal.as_str().into());
        }
        if let Some(action) = &filter.action {
            also(
                &format!("SUBSTR(action, 1, {}) = ?", action.chars().count()),
                action.as_str().into(),
            );
        }
        if let Some(from) = filter.from {
            also("at >= ?", from.0.into());
        }
        if let Some(to) = filter.to {
            also("at < ?", to.0.into());
        }
        if let Some([before]) = page.place_of_ids(1)?.as_deref() {
            also("id < ?", before.clone().into());
        }
        let limit = page.limit();
        let sql = format!(
            "SELECT id, at, principal, from_address, action, subject, old_value, new_value FROM audit_log \
             WHERE {} ORDER BY id DESC LIMIT {}",
            conditions.join(" AND "),
            limit + 1
        );
        let rows = self.conn().rows(sql, values).await?;
        let rows = rows.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        let (rows, next) = cut(rows, limit, |(id, _)| place(&[], &[id.as_bytes()]));
        Ok(PageOf { rows, next })
    }
}

fn entry(row: &QueryResult) -> Result<(Uuid, AuditEntry), Fault> {
    let id: Vec<u8> = column(row, 0)?;
    let id = Uuid::from_slice(&id).map_err(|_| damaged("an audit id that is not 16 bytes long"))?;
    let entry = AuditEntry {
        at: Timestamp(column(row, 1)?),
        principal: column(row, 2)?,
        from: column(row, 3)?,
        action: column(row, 4)?,
        subject: column(row, 5)?,
        old: column(row, 6)?,
        new: column(row, 7)?,
    };
    Ok((id, entry))
}
