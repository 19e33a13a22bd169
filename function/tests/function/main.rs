//! The function as Crossplane sees it: request in, response out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

mod contract;
mod fixture;
mod golden;
