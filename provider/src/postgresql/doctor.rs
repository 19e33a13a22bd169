//! The doctor: which rights of the administrator the kinds in use need and do not have, and the
//! statement that gives each. Asked anew at every look at the provider config, so a right that was
//! granted is seen without a reconnect.

use managed::config::{Diagnosis, InUse};
use serde::Deserialize;

use super::sql::Ident;

/// What the administrator may do on the server. Reading it needs no right.
pub(super) const QUERY: &str = "SELECT json_build_object(
    'isSuperuser', r.rolsuper,
    'createsRoles', r.rolcreaterole,
    'createsDatabases', r.rolcreatedb,
    'endsSessions', pg_has_role('pg_signal_backend', 'MEMBER')
)::text FROM pg_roles r WHERE r.rolname = current_user";

/// Rights of the administrator.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are the server's own flags"
)]
pub(super) struct Rights {
    is_superuser: bool,
    creates_roles: bool,
    creates_databases: bool,
    ends_sessions: bool,
}

impl Rights {
    /// What is missing for the kinds in use.
    pub(super) fn diagnose(self, server: String, admin: &Ident, in_use: &InUse) -> Diagnosis {
        let mut diagnosis = Diagnosis::of(server);
        if self.is_superuser {
            return diagnosis;
        }
        let uses = |kind: &str| in_use.contains(kind);
        if uses("Role") && !self.creates_roles {
            let remedy = format!("ALTER ROLE {admin} CREATEROLE");
            diagnosis = diagnosis.lacking("CREATEROLE", "kind Role", remedy);
        }
        if uses("Database") && !self.creates_databases {
            let remedy = format!("ALTER ROLE {admin} CREATEDB");
            diagnosis = diagnosis.lacking("CREATEDB", "kind Database", remedy);
        }
        if uses("Database") && !self.ends_sessions {
            let needed_for = "dropping a Database with forceDrop while others have sessions in it";
            let remedy = format!("GRANT pg_signal_backend TO {admin}");
            diagnosis = diagnosis.lacking("pg_signal_backend", needed_for, remedy);
        }
        diagnosis
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Rights = Rights {
        is_superuser: false,
        creates_roles: false,
        creates_databases: false,
        ends_sessions: false,
    };

    fn remedies(rights: Rights, in_use: &[&str]) -> Vec<String> {
        let mut used = InUse::default();
        for kind in in_use {
            used.insert(*kind, "any");
        }
        let admin = Ident::new("tenancy admin").unwrap();
        let diagnosis = rights.diagnose("PostgreSQL 17".into(), &admin, &used);
        let missing = diagnosis.missing_rights.into_iter();
        missing.map(|missing| missing.remedy).collect()
    }

    #[test]
    fn each_missing_right_comes_with_the_statement_that_gives_it() {
        assert_eq!(
            remedies(NONE, &["Role", "Database"]),
            [
                "ALTER ROLE \"tenancy admin\" CREATEROLE",
                "ALTER ROLE \"tenancy admin\" CREATEDB",
                "GRANT pg_signal_backend TO \"tenancy admin\"",
            ]
        );
    }

    #[test]
    fn only_kinds_in_use_need_rights() {
        assert_eq!(remedies(NONE, &["Grant"]), [""; 0]);
        assert_eq!(
            remedies(NONE, &["Role"]),
            ["ALTER ROLE \"tenancy admin\" CREATEROLE"]
        );
    }

    #[test]
    fn a_superuser_lacks_nothing() {
        let rights = Rights {
            is_superuser: true,
            ..NONE
        };
        assert_eq!(remedies(rights, &["Role", "Database"]), [""; 0]);
    }
}
