//! Policies, mounts, auth methods and their roles, against the real OpenBao of the testbed.
//!
//! Each test has a prefix of its own for everything it makes, and a session with just the rights that
//! the kinds say they need for that prefix.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a fixture that fails is a test that fails"
)]

mod auth_mount;
mod cluster;
mod doctor;
mod fixture;
mod jwt;
mod kubernetes;
mod mount;
#[path = "../postgresql_kinds/pass.rs"]
mod pass;
mod policy;
mod proof;
mod rehearsal;
#[path = "../vault/server.rs"]
mod server;
