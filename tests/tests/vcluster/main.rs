//! `VCluster` against the testbed: real control planes in the host cluster, real pods inside them.
//!
//! The sessions log in as a `ServiceAccount` with the roles in `examples/install/vcluster-rbac.yaml` and
//! nothing else, each in a namespace of its own.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a fixture that fails is a test that fails"
)]

mod admission;
mod adoption;
mod chart;
mod drift;
mod fixture;
mod lifecycle;
mod namespace;
mod people;
mod reach;
mod refusal;
