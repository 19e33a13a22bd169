//! The PostgreSQL kinds against real servers: every supported major version, as superuser and as an administrator that has only CREATEROLE and CREATEDB.
//!
//! The kinds are called as the runtime calls them, without Kubernetes. Each test runs its scenario on every server in turn,
//! with names of its own, and says which server it failed on.

#![expect(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the whole crate is a test, its helpers included"
)]

#[path = "postgresql_kinds/database.rs"]
mod database;
#[path = "postgresql_kinds/default_privileges.rs"]
mod default_privileges;
#[path = "postgresql_kinds/grant.rs"]
mod grant;
#[path = "postgresql_kinds/grant_revocation.rs"]
mod grant_revocation;
#[path = "postgresql_kinds/grant_targets.rs"]
mod grant_targets;
#[path = "postgresql_kinds/pass.rs"]
mod pass;
#[path = "postgresql_kinds/place.rs"]
mod place;
#[path = "postgresql_kinds/rehearsal.rs"]
mod rehearsal;
#[path = "postgresql_kinds/role.rs"]
mod role;
#[path = "postgresql_kinds/role_password.rs"]
mod role_password;
#[path = "postgresql_kinds/server.rs"]
mod server;
#[path = "postgresql_kinds/session.rs"]
mod session;
