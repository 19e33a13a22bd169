//! For tests: an API server and an external system in memory, and a kind that lives there.
//!
//! [`ApiServer`] answers a real [`kube::Client`]: resource versions, generations, merge patches,
//! server-side apply of the status, finalizers and the garbage collection of owned objects behave as
//! users know them. [`World`] is what a backend talks to. Both write one [`Trail`], so that a test can
//! say what happened in which order, and stop the process at any step of it.

#![expect(
    clippy::missing_panics_doc,
    reason = "a test that uses these wrongly is to fail"
)]

mod api_server;
mod clock;
mod fake;
mod history;
#[cfg(test)]
pub(crate) mod lab;
mod objects;
mod session;
#[cfg(test)]
pub(crate) mod specimen;
mod target;
mod trail;
mod world;

pub use api_server::{ApiServer, Fault, Request};
pub use clock::Clock;
pub use fake::{Fake, FakeObservation, FakeParameters, FakeSettings};
pub use session::{FakeConnector, FakeSession};
pub use trail::{Moment, Trail};
pub use world::{Thing, World};
