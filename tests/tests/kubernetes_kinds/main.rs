//! The kinds of `kubernetes.pnats.cloud`, against the real API server of the testbed, which plays both
//! the host cluster and the cluster behind a kubeconfig.
//!
//! Each test has a namespace of its own.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a fixture that fails is a test that fails"
)]

mod admission;
mod argocd_cluster;
mod cluster_connection;
mod config;
mod fixture;
mod remote_object;
mod service_account_token;
