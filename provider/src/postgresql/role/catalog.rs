//! A role as the catalogs have it, read in one query.

use managed::input::Value;
use serde::{Deserialize, Deserializer};

use super::{ObservedMembership, RoleObservation, RolePrivileges};
use crate::postgresql::{
    parameter::setting,
    session::{Identity, Lease},
    sqlstate::Result,
};

/// One role.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Catalog {
    pub(super) oid: i64,
    pub(super) privileges: RolePrivileges,
    pub(super) connection_limit: i64,
    pub(super) valid_until: Option<String>,
    /// VALID UNTIL has passed, so that a correct password is refused.
    pub(super) is_expired: bool,
    #[serde(default)]
    pub(super) settings: Option<Vec<String>>,
    #[serde(default)]
    pub(super) memberships: Vec<Row>,
    /// What the server keeps instead of a password; `None` also when it may not be read.
    #[serde(default, deserialize_with = "secret")]
    pub(super) verifier: Option<Value>,
}

/// One row of `pg_auth_members`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Row {
    #[serde(flatten)]
    pub(super) membership: ObservedMembership,
    /// Our GRANT and REVOKE change this row and no other.
    pub(super) ours: bool,
}

impl Catalog {
    /// Reads the role; `None` when it does not exist.
    pub(super) async fn read(
        lease: &mut Lease,
        identity: &Identity,
        role: &str,
    ) -> Result<Option<Self>> {
        lease.json(&query(identity), &[role]).await
    }

    /// As it is shown in the status.
    pub(super) fn observation(&self) -> RoleObservation {
        RoleObservation {
            oid: Some(self.oid),
            privileges: self.privileges,
            connection_limit: Some(self.connection_limit),
            valid_until: Some(
                self.valid_until
                    .clone()
                    .unwrap_or_else(|| "infinity".into()),
            ),
            password: None,
            member_of: self
                .memberships
                .iter()
                .map(|row| row.membership.clone())
                .collect(),
            configuration_parameters: setting::read(self.settings.as_deref().unwrap_or_default()),
        }
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Value::from))
}

fn query(identity: &Identity) -> String {
    let options = if identity.has_membership_options() {
        "'grantor', pg_get_userbyid(m.grantor), 'inherit', m.inherit_option, 'set', m.set_option"
    } else {
        "'inherit', r.rolinherit, 'set', true"
    };
    let ours = match (identity.has_membership_options(), identity.is_superuser) {
        (false, _) => "true",
        // Whichever superuser grants, the bootstrap superuser is recorded as the grantor.
        (true, true) => "m.grantor = 10",
        (true, false) => "pg_get_userbyid(m.grantor) = current_user",
    };
    let (verifier, authid) = if identity.reads_verifiers {
        ("a.rolpassword", "LEFT JOIN pg_authid a ON a.oid = r.oid")
    } else {
        ("NULL", "")
    };
    format!(
        "SELECT json_build_object(
            'oid', r.oid::int8,
            'privileges', json_build_object(
                'superUser', r.rolsuper, 'createDb', r.rolcreatedb, 'createRole', r.rolcreaterole,
                'login', r.rolcanlogin, 'inherit', r.rolinherit, 'replication', r.rolreplication,
                'bypassRls', r.rolbypassrls),
            'connectionLimit', r.rolconnlimit,
            'validUntil', CASE WHEN isfinite(r.rolvaliduntil) THEN
                to_char(r.rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') END,
            'isExpired', coalesce(r.rolvaliduntil <= now(), false),
            'settings', (SELECT to_json(s.setconfig) FROM pg_db_role_setting s
                WHERE s.setrole = r.oid AND s.setdatabase = 0),
            'memberships', (SELECT coalesce(json_agg(json_build_object(
                    'role', g.rolname, 'admin', m.admin_option, 'ours', {ours}, {options})
                    ORDER BY g.rolname, m.grantor), '[]')
                FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid),
            'verifier', {verifier}
        )::text FROM pg_roles r {authid} WHERE r.rolname = $1"
    )
}
