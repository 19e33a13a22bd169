//! What the server is, and what the administrator may do there.

use std::fmt;

use serde::Deserialize;

use super::connection::Connection;
use crate::postgresql::sqlstate::{Error, Result};

const QUERY: &str = "SELECT json_build_object(
    'admin', r.rolname,
    'isSuperuser', r.rolsuper,
    'createsRoles', r.rolcreaterole,
    'readsVerifiers', has_table_privilege('pg_catalog.pg_authid', 'SELECT'),
    'version', current_setting('server_version_num')::int,
    'release', current_setting('server_version'),
    'isStandby', pg_is_in_recovery()
)::text FROM pg_roles r WHERE r.rolname = current_user";

/// Oldest server that is supported, as `server_version_num`.
const OLDEST: u32 = 140_000;

/// What the server is, and what we may do there.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are the server's own flags"
)]
pub struct Identity {
    /// Name of the administrator.
    pub admin: String,
    /// The administrator is a superuser.
    pub is_superuser: bool,
    /// The administrator has CREATEROLE.
    pub creates_roles: bool,
    /// The administrator may read password verifiers.
    pub reads_verifiers: bool,
    /// `server_version_num`, such as 170010.
    pub version: u32,
    /// The version as people say it.
    pub release: String,
    /// The server replays another one's changes and takes none itself.
    pub is_standby: bool,
}

impl Identity {
    /// Asks the server.
    pub(crate) async fn of(connection: &mut Connection) -> Result<Self> {
        let identity: Option<Self> = connection.json(QUERY, &[]).await?;
        let gone = || Error::Lost {
            cause: "the administrator's role is gone".into(),
        };
        let identity = identity.ok_or_else(gone)?;
        identity.supported()
    }

    fn supported(self) -> Result<Self> {
        if self.version < OLDEST {
            let cause = format!("PostgreSQL {} is older than 14", self.release);
            return Err(
                managed::external::ExternalError::invalid(cause, "upgrade the server").into(),
            );
        }
        Ok(self)
    }

    /// True when the server is of this major version or newer.
    pub const fn is_at_least(&self, major: u32) -> bool {
        self.version >= major * 10_000
    }

    /// True when memberships have the options INHERIT and SET, and a grantor each.
    pub const fn has_membership_options(&self) -> bool {
        self.is_at_least(16)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let release = self.release.split_whitespace().next().unwrap_or_default();
        let standing = if self.is_superuser {
            "superuser"
        } else {
            "administrator"
        };
        write!(f, "PostgreSQL {release} as {standing} {}", self.admin)
    }
}
