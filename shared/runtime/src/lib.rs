//! What every program here stands on: configuration, logging, supervised tasks, orderly shutdown, health, metrics,
//! traces, the system's clock and random bits. Nothing about synchronisation or stock.

pub mod clock;
pub mod config;
pub mod health;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod memory;
pub mod metrics;
pub mod service;
pub mod tasks;
pub mod telemetry;
pub mod traces;

pub use clock::{SystemClock, SystemRandom};
pub use config::{Loaded, Setting, Sources, Validate};
pub use health::{Health, Readiness};
pub use metrics::{Gauges, Metrics};
pub use service::{Context, service_main};
pub use tasks::{OnEnd, Tasks};
pub use telemetry::{LogConfig, LogFormat};
pub use traces::{Traces, TracesConfig};
