//! A runtime for Crossplane managed resources.
//!
//! A provider declares its kinds ([`Kind`]), implements four calls per kind on a live session
//! ([`ExternalClient`]) and hands both to a `Provider`. Everything a user of Crossplane expects of a
//! managed resource comes from here and exists once: external names, finalizers, management
//! policies, references, connection Secrets, provider configs with usages, conditions, events,
//! field-by-field drift, polling, back-off, leader election, metrics.
//!
//! The crate knows no backend. Decisions are pure functions over values ([`plan`]); effects are thin.
//!
//! With the feature `runtime` off only the declarations compile, so that a composition function or
//! a package builder can use a provider's kinds without its dependencies.

#[cfg(feature = "runtime")]
mod cache;
pub mod condition;
pub mod config;
pub mod connection;
#[cfg(feature = "runtime")]
mod controller;
pub mod crd;
#[cfg(feature = "runtime")]
mod dependents;
#[cfg(feature = "runtime")]
mod directory;
pub mod drift;
#[cfg(feature = "runtime")]
mod event;
#[cfg(feature = "runtime")]
pub mod external;
#[cfg(feature = "runtime")]
mod gate;
#[cfg(feature = "runtime")]
pub mod http;
pub mod input;
pub mod kind;
#[cfg(feature = "runtime")]
mod lifecycle;
#[cfg(feature = "runtime")]
mod memory;
#[cfg(feature = "runtime")]
pub mod metrics;
#[cfg(feature = "runtime")]
pub mod options;
#[cfg(feature = "runtime")]
mod outcome;
#[cfg(feature = "runtime")]
mod persist;
pub mod plan;
pub mod policy;
#[cfg(feature = "runtime")]
pub mod provider;
#[cfg(feature = "runtime")]
mod queue;
#[cfg(feature = "runtime")]
mod reconcile;
pub mod reference;
#[cfg(feature = "runtime")]
mod resolve;
pub mod resource;
#[cfg(feature = "runtime")]
mod runtime;
#[cfg(any(all(test, feature = "runtime"), feature = "testing"))]
pub mod testing;

pub use condition::Condition;
pub use config::{ConfigRef, ProviderSettings};
pub use connection::ConnectionDetails;
pub use drift::{Drift, Shown};
pub use input::{Input, Inputs};
pub use kind::Kind;
pub use resource::{ManagedResource, Spec, Status};
