//! Who asks: for the audit log and for the status changes of transactions.

/// The principal behind a command, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The principal, from its certificate: `operator/editor/ana`.
    pub principal: String,
    /// The address it calls from; empty when it is not known.
    pub from: String,
}
