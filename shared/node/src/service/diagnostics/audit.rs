//! The audit log as an answer.

use supplysync_api::fields::{Fields, time_text};
use supplysync_api::v1;
use supplysync_model::{Fault, Timestamp};
use supplysync_store::Queries;
use supplysync_store::query::AuditFilter;

use crate::command::lookup;
use crate::service::page::{next_token, page_query};

pub(super) async fn audit_log(
    tx: &Queries,
    request: v1::ListAuditLogRequest,
) -> Result<v1::ListAuditLogResponse, Fault> {
    let list = format!(
        "audit log {:?}",
        (
            &request.principal,
            &request.action,
            &request.from_time,
            &request.to_time
        )
    );
    let mut fields = Fields::new();
    let from = moment(&mut fields, "from_time", &request.from_time);
    let to = moment(&mut fields, "to_time", &request.to_time);
    let page = page_query(&mut fields, request.page_size, &request.page_token, &list);
    let page = fields.finish(page)?;
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    let filter = AuditFilter {
        principal: given(request.principal),
        action: given(request.action),
        from,
        to,
    };
    let found = tx.list_audit_log(&filter, &page).await?;
    let subjects = found
        .rows
        .iter()
        .filter_map(|(_, entry)| entry.subject.parse().ok());
    let stores = lookup::stores(tx, &subjects.collect()).await?;
    let name = |subject: &str| {
        let store = stores.get(&subject.parse().ok()?)?;
        Some(format!("{} {}", store.value.code, store.value.name))
    };
    let entries = found.rows.into_iter().map(|(id, entry)| v1::AuditLogEntry {
        subject_name: name(&entry.subject).unwrap_or_default(),
        id: id.to_string(),
        time: time_text(Some(entry.at)),
        principal: entry.principal,
        from_address: entry.from,
        action: entry.action,
        subject: entry.subject,
        old_value: entry.old,
        new_value: entry.new,
    });
    Ok(v1::ListAuditLogResponse {
        entries: entries.collect(),
        next_page_token: next_token(&list, found.next),
    })
}

fn moment(fields: &mut Fields, field: &str, text: &str) -> Option<Timestamp> {
    if text.is_empty() {
        return None;
    }
    let read = Timestamp::parse(text);
    if read.is_none() {
        fields.wrong(
            field,
            format!("{text:?} is not a moment such as 2026-11-24T08:00:00Z"),
        );
    }
    read
}
