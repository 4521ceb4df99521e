//! THE DOOR: options, assembly, both runtimes, signals, the orderly stop. The only crate that knows both runtimes.
//!
//! ```text
//!  main ─▶ Config ─▶ ServerFactory ─▶ Assembled ─▶ RuntimeManager
//!                       │ opens the database,          │ threads, order,
//!                       │ binds the sockets            │ signals, stop
//! ```

pub mod logging;

mod apply;
mod config;
mod control;
mod factory;
mod health;
mod identity;
mod listen;
mod machine;
mod observer;
mod runtime_config;
mod runtime_manager;

pub use config::{Config, ConfigError, Startup};
pub use factory::ServerFactory;
pub use machine::Machine;
pub use runtime_config::{RuntimeConfig, RuntimeMode};
pub use runtime_manager::RuntimeManager;
