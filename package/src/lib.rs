//! Builds what this repository ships: OCI images and Crossplane packages, without Docker.
//!
//! Every output is a pure function of its input: the same files give the same bytes, so a package's digest can be compared
//! between machines. [`layer`] makes one tar layer, [`oci`] puts layers together to an image, [`registry`] pushes it.

pub mod layer;
pub mod oci;
pub mod registry;
