//! Kubeconfigs of other clusters: read strictly, proven to work, written back.
//!
//! Not a backend: every backend that talks to a cluster through a kubeconfig uses this. What a
//! kubeconfig may ask of its reader beyond bytes of its own (run a program, open a file, act as
//! somebody else, skip verification) is refused with the reason. Every call to a remote API server
//! has a time limit, TLS is verified, and no key or token reaches a `Debug`, a log or an error.

mod access;
pub mod certificate;
mod client;
mod error;
pub mod issuer;
mod parse;
pub mod probe;
mod remote;
pub mod token;
mod write;

pub use access::{Access, Credential};
pub use client::within;
pub use error::{Error, Reason, Refusal};
pub use remote::{Remote, Remotes};
