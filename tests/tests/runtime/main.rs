//! The runtime of managed resources against the real API server, with an external system in memory that
//! fails, hangs, loses answers and changes by itself when it is told to.
//!
//! The provider runs in this process, and its kind is one that is made for tests. One test after the
//! other, because a provider manages every resource of its kinds.

mod deleting;
mod failing;
mod lab;
mod leading;
mod living;
mod sharing;
mod starting;
