//! Copies that were found to differ are repaired without being asked (P11): when, and how often, is the store's.

use std::sync::Arc;

use supplysync_model::Fault;
use supplysync_store::Store;
use tokio_util::sync::CancellationToken;

use crate::session::SyncControl;
use crate::steps::in_steps;

/// Looks for differences until stopped, and has the sessions begin again that went by what has changed.
pub async fn watch(store: Store, control: SyncControl, stop: CancellationToken) -> Result<(), Fault> {
    let step = async move || {
        let begun = store.repair_differences().await?;
        for order in &begun {
            tracing::warn!(
                channel = %order.channel,
                from = order.from.get(),
                "a copy differs from its owner, and nothing explains it: it is loaded afresh"
            );
            control.begin_again(order.from);
        }
        Ok(false)
    };
    in_steps("repair differences", step, Arc::default(), stop).await
}
