//! Vault and `OpenBao`: what is kept at a path, and who keeps it.
//!
//! One file per kind. A kind's file declares it; its behaviour lies in the folder of the same name.
//! Requests go through [`session`](self) to one server with one login per provider config; every
//! answer is classified by status and body where it arrives, and no value that Vault holds reaches a
//! status, an event, a log or an error.
//!
//! Vault 1.17 and later and `OpenBao` 2.x are supported.

pub mod kv_secret;
pub mod settings;

pub use kv_secret::KvSecret;
pub use settings::Settings;

/// API group of every kind here.
pub const GROUP: &str = "vault.pnats.cloud";
/// The category kubectl offers for all kinds of this backend.
pub const CATEGORY: &str = "vault";
