//! `PostgreSQL`: databases, roles, grants and default privileges on a server that exists already.
//!
//! One file per kind. A kind's file declares it; its behaviour lies in the folder of the same name.
//! Every statement is built from [`sql::Ident`] and [`sql::Literal`], so no value reaches the server
//! unquoted, and every failure is classified by SQLSTATE where it happens.
//!
//! Superusers and administrators with `CREATEROLE` and `CREATEDB` are both supported, on
//! `PostgreSQL` 14 to 18.

#[cfg(feature = "backends")]
mod acting;
#[cfg(feature = "backends")]
pub mod connector;
pub mod database;
pub mod default_privileges;
#[cfg(feature = "backends")]
mod doctor;
pub mod grant;
pub mod parameter;
#[cfg(feature = "backends")]
pub mod privilege;
#[cfg(feature = "backends")]
pub mod proof;
pub mod role;
#[cfg(feature = "backends")]
pub mod scram;
#[cfg(feature = "backends")]
pub mod session;
pub mod settings;
#[cfg(feature = "backends")]
pub mod sql;
#[cfg(feature = "backends")]
pub mod sqlstate;
#[cfg(feature = "backends")]
pub mod tls;

#[cfg(feature = "backends")]
pub use connector::Connector;
pub use database::Database;
pub use default_privileges::DefaultPrivileges;
pub use grant::Grant;
pub use role::Role;
#[cfg(feature = "backends")]
pub use session::{Address, Session};
pub use settings::Settings;
#[cfg(feature = "backends")]
pub use tls::Tls;

/// API group of every kind here.
pub const GROUP: &str = "postgresql.pnats.cloud";
/// The category kubectl offers for all kinds of this backend.
pub const CATEGORY: &str = "postgresql";
