//! `KVSecret` and the login to Vault, against the real OpenBao of the testbed.
//!
//! Each test has a mount of its own. Tests that seal or stop the server wait for the others.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a fixture that fails is a test that fails"
)]

mod admission;
mod admission_auth;
mod content;
mod deletion;
mod doctor;
mod fixture;
mod login;
mod outage;
mod ownership;
#[path = "../postgresql_kinds/pass.rs"]
#[expect(dead_code, reason = "shared with other crates")]
mod pass;
mod refusal;
mod rehearsal;
mod server;
