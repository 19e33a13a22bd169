//! Vault and `OpenBao`: what is kept at a path, and who keeps it.
//!
//! One file per kind. A kind's file declares it; its behaviour lies in the folder of the same name.
//! Requests go through a session to one server with one login per provider config; every
//! answer is classified by status and body where it arrives, and no value that Vault holds reaches a
//! status, an event, a log or an error.
//!
//! Vault 1.17 and later and `OpenBao` 2.x are supported.

#[cfg(feature = "backends")]
mod answer;
#[cfg(feature = "backends")]
mod call;
#[cfg(feature = "backends")]
mod error;
#[cfg(feature = "backends")]
mod jwt;
#[cfg(feature = "backends")]
mod kv;
pub mod kv_secret;
#[cfg(feature = "backends")]
mod login;
#[cfg(feature = "backends")]
mod path;
#[cfg(feature = "backends")]
mod session;
pub mod settings;
#[cfg(feature = "backends")]
mod transport;

pub use kv_secret::KvSecret;
#[cfg(feature = "backends")]
pub use session::{Connector, Session};
pub use settings::Settings;

/// API group of every kind here.
pub const GROUP: &str = "vault.pnats.cloud";
/// The category kubectl offers for all kinds of this backend.
pub const CATEGORY: &str = "vault";
