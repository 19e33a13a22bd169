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

pub mod condition;
pub mod config;
pub mod connection;
pub mod crd;
pub mod drift;
#[cfg(feature = "runtime")]
pub mod external;
pub mod input;
pub mod kind;
pub mod plan;
pub mod policy;
pub mod reference;
pub mod resource;

pub use condition::Condition;
pub use config::{ConfigRef, ProviderSettings};
pub use connection::ConnectionDetails;
pub use drift::{Drift, Shown};
pub use input::{Input, Inputs};
pub use kind::Kind;
pub use resource::{ManagedResource, Spec, Status};
