//! Desired manifests against live objects. Pure.
//!
//! What a manifest names is compared and nothing else: fields the API server fills in, and fields of
//! other writers, are no drift. What we applied once and no longer name is drift, too; it is known
//! from the live object's `managedFields`, which also say how the items of a list are told apart.

mod compare;
mod fields;
mod owner;
mod quantity;
mod value;

pub use compare::{Difference, compare};
pub use fields::{abandoned, applied};
pub use owner::{Mark, OWNER, OWNER_UID, Ownership};
pub use value::{Path, pruned, set};

/// Our name as a field manager.
pub const FIELD_MANAGER: &str = "provider-tenancy";
