//! What an operator's Prometheus is told of synchronisation: what sessions count, and gauges that are read when somebody asks.
//! docs/monitoring.md lists them all. What the database counts by itself is in `store::measure`.

mod lag;
mod readings;
pub(crate) mod session;

pub(crate) use readings::Readings;

/// Says what each metric tells, and begins those at 0 whose first rise must be seen.
pub(crate) fn begin() {
    supplysync_store::describe_metrics();
    supplysync_runtime::traces::describe();
    session::begin();
}
