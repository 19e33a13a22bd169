//! Builds what this repository ships: CRDs, OCI images and Crossplane packages, without Docker.
//!
//! Every output is a pure function of its input: the same files give the same bytes, so a package's digest can be compared
//! between machines. [`crds`] makes the manifests, [`layer`] one tar layer, [`oci`] puts layers together to an image, [`xpkg`]
//! images to packages, [`registry`] pushes them, and [`check`] refuses a tree that is not in order.

pub mod check;
mod contract;
pub mod crds;
pub mod layer;
pub mod oci;
pub mod reference;
pub mod registry;
pub mod xpkg;
