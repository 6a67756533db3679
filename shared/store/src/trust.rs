//! Whether the disk under the database can be relied on. Once it has failed, what it holds is not known: a sync that failed
//! may be reported as done the next time, though nothing was written. So nothing is written any more, and the program
//! ends; the next start reads what is there.

use supplysync_model::{Fault, Reason};
use tokio::sync::watch;

use crate::fault::disk_failed;

/// Shared by all that use the database of one store.
#[derive(Clone, Default)]
pub(crate) struct Trust(watch::Sender<bool>);

impl Trust {
    /// Refuses once the disk has failed.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        if *self.0.borrow() {
            return Err(disk_failed());
        }
        Ok(())
    }

    /// Looks at how something ended, and passes it on.
    pub(crate) fn judge<T>(&self, ended: Result<T, Fault>) -> Result<T, Fault> {
        if let Err(fault) = &ended
            && fault.reason() == Reason::DISK_FAILED
            && !self.0.send_replace(true)
        {
            tracing::error!(
                ?fault,
                "the disk under the database failed; nothing more is written"
            );
        }
        ended
    }

    /// Waits until the disk has failed.
    pub(crate) async fn lost(&self) -> Fault {
        let mut failed = self.0.subscribe();
        // The sender is ours, so it does not go away.
        let _ = failed.wait_for(|failed| *failed).await;
        disk_failed()
    }
}

#[cfg(test)]
mod tests {
    use supplysync_model::FaultCode;

    use super::*;

    #[tokio::test]
    async fn trust_is_lost_once_and_for_all_by_a_disk_that_failed_only() {
        let trust = Trust::default();
        let full = Fault::new(FaultCode::ResourceExhausted, Reason::DISK_FULL, "full");
        assert!(trust.judge::<()>(Err(full)).is_err());
        assert!(trust.judge(Ok(7)).is_ok() && trust.check().is_ok());
        assert!(trust.judge::<()>(Err(disk_failed())).is_err());
        assert!(trust.judge(Ok(7)).is_ok());
        assert_eq!(trust.clone().check().unwrap_err().reason(), Reason::DISK_FAILED);
        assert_eq!(trust.lost().await.reason(), Reason::DISK_FAILED);
    }
}
