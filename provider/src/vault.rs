//! Vault and `OpenBao`: what is kept at a path, and who keeps it.
//!
//! One file per kind. A kind's file declares it; its behaviour lies in the folder of the same name.
//! Requests go through a session to one server with one login per provider config; every
//! answer is classified by status and body where it arrives, and no value that Vault holds reaches a
//! status, an event, a log or an error.
//!
//! Vault 1.17 and later and `OpenBao` 2.x are supported.

pub mod adoption;
#[cfg(feature = "backends")]
mod answer;
#[cfg(feature = "backends")]
mod auth_method;
pub mod auth_mount;
pub mod auth_role;
#[cfg(feature = "backends")]
mod call;
#[cfg(feature = "backends")]
mod doctor;
pub mod duration;
#[cfg(feature = "backends")]
mod error;
#[cfg(feature = "backends")]
mod field;
#[cfg(feature = "backends")]
mod jwt;
pub mod jwt_auth_config;
pub mod jwt_auth_role;
pub mod kubernetes_auth_config;
pub mod kubernetes_auth_role;
#[cfg(feature = "backends")]
mod kv;
pub mod kv_secret;
#[cfg(feature = "backends")]
mod login;
#[cfg(feature = "backends")]
mod mark;
pub mod mount;
#[cfg(feature = "backends")]
mod mounting;
#[cfg(feature = "backends")]
mod note;
#[cfg(feature = "backends")]
mod path;
#[cfg(feature = "backends")]
mod pem;
pub mod policy;
pub mod proof;
#[cfg(feature = "backends")]
mod session;
pub mod settings;
pub mod token;
#[cfg(feature = "backends")]
mod transport;

pub use auth_mount::AuthMount;
pub use jwt_auth_config::JwtAuthConfig;
pub use jwt_auth_role::JwtAuthRole;
pub use kubernetes_auth_config::KubernetesAuthConfig;
pub use kubernetes_auth_role::KubernetesAuthRole;
pub use kv_secret::KvSecret;
pub use mount::Mount;
pub use policy::Policy;
#[cfg(feature = "backends")]
pub use session::{Connector, Session};
pub use settings::Settings;

/// API group of every kind here.
pub const GROUP: &str = "vault.pnats.cloud";
/// The category kubectl offers for all kinds of this backend.
pub const CATEGORY: &str = "vault";

/// CEL: segments between single slashes that neither Vault's router nor a policy reads as anything else.
const PATH_RULE: &str = r"self.matches('^[^/*+\\s]+( +[^/*+\\s]+)*(/[^/*+\\s]+( +[^/*+\\s]+)*)*$') && !self.matches('(^|/)[.][.]?(/|$)')";
/// What a path that breaks [`PATH_RULE`] is refused with.
const PATH_ADVICE: &str =
    "a path is segments between single slashes, none of them . or .., without * and +";
