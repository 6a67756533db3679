//! The dictionary of channels: a small number stands for a channel's name in every row.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use supplysync_model::Channel;

/// Numbers of channels as committed. A number never changes, so what is cached stays true.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChannelNumbers(Arc<RwLock<HashMap<Channel, i32>>>);

impl ChannelNumbers {
    pub(crate) fn get(&self, channel: Channel) -> Option<i32> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&channel).copied()
    }

    /// Only numbers that are committed may come in: one given by a transaction that rolled back means nothing.
    pub(crate) fn learn(&self, numbers: impl IntoIterator<Item = (Channel, i32)>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).extend(numbers);
    }
}
