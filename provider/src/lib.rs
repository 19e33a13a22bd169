//! A native Crossplane provider: managed resources for PostgreSQL, for Vault or `OpenBao`, and for clusters.
//!
//! Each backend is a module that declares its kinds, one file each, and implements them on a session
//! of its own; backends do not know each other. The runtime is the crate `managed`.
//!
//! With the feature `backends` off only the declarations compile, for the composition function and
//! the package builder.

#[cfg(feature = "backends")]
pub mod args;
pub mod kinds;
#[cfg(feature = "backends")]
pub mod kubeconfig;
pub mod kubernetes;
#[cfg(feature = "backends")]
mod patience;
pub mod postgresql;
#[cfg(feature = "backends")]
pub mod run;
#[cfg(feature = "backends")]
mod template;
pub mod vault;
