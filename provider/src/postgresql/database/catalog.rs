//! A database as the catalogs have it: one query on the server, and one inside the database when the
//! schema `public` is looked after.

use serde::Deserialize;

use super::{DatabaseObservation, DatabaseParameters, LocaleProvider, PublicPrivileges};
use crate::postgresql::{
    parameter::setting,
    session::{Address, Identity, Lease, Session},
    sqlstate::Result,
};

/// One database.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are the catalog's own flags"
)]
pub(super) struct Catalog {
    pub(super) oid: i64,
    pub(super) owner: String,
    pub(super) encoding: String,
    /// The wanted encoding is another name for this one.
    pub(super) is_wanted_encoding: bool,
    pub(super) lc_collate: String,
    pub(super) lc_c_type: String,
    pub(super) locale_provider: LocaleProvider,
    #[serde(default)]
    pub(super) locale: Option<String>,
    pub(super) tablespace: String,
    pub(super) allow_connections: bool,
    pub(super) connection_limit: i64,
    pub(super) is_template: bool,
    pub(super) public_connect: bool,
    pub(super) public_temporary: bool,
    /// The administrator may connect.
    pub(super) admits_us: bool,
    #[serde(default)]
    pub(super) settings: Option<Vec<String>>,
    /// The schema `public`; `None` when it was not looked at or does not exist.
    #[serde(default)]
    pub(super) schema: Option<PublicSchema>,
}

/// The schema `public` of one database.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct PublicSchema {
    /// Its owner; the database's owner where that owns it by being so.
    pub(super) owner: String,
    pub(super) usage: bool,
    pub(super) create: bool,
}

/// What `datconnlimit` is after DROP DATABASE was interrupted.
const INVALID: i64 = -2;

impl Catalog {
    /// Reads the database without entering it; `None` when it does not exist.
    pub(super) async fn read(
        lease: &mut Lease,
        identity: &Identity,
        name: &str,
        wanted: &DatabaseParameters,
    ) -> Result<Option<Self>> {
        let encoding = wanted.encoding.as_deref().unwrap_or_default();
        lease.json(&query(identity), &[name, encoding]).await
    }

    /// Also looks at the schema `public`, when it is looked after and can be reached.
    pub(super) async fn enter(
        &mut self,
        session: &Session,
        name: &str,
        wanted: &DatabaseParameters,
    ) -> Result<()> {
        if looks_after_schema(wanted) && self.is_open() {
            self.schema = PublicSchema::read(session, name).await?;
        }
        Ok(())
    }

    /// True when we can connect.
    pub(super) fn is_open(&self) -> bool {
        self.allow_connections && self.admits_us && !self.is_invalid()
    }

    /// True when DROP DATABASE was interrupted: nothing but another DROP works.
    pub(super) fn is_invalid(&self) -> bool {
        self.connection_limit == INVALID
    }

    /// As it is shown in the status.
    pub(super) fn observation(&self, address: &Address) -> DatabaseObservation {
        DatabaseObservation {
            host: Some(address.host.clone()),
            port: Some(address.port.into()),
            oid: Some(self.oid),
            owner: Some(self.owner.clone()),
            encoding: Some(self.encoding.clone()),
            lc_collate: Some(self.lc_collate.clone()),
            lc_c_type: Some(self.lc_c_type.clone()),
            locale_provider: Some(self.locale_provider),
            locale: self.locale.clone(),
            tablespace: Some(self.tablespace.clone()),
            allow_connections: Some(self.allow_connections),
            connection_limit: Some(self.connection_limit),
            is_template: Some(self.is_template),
            public_privileges: Some(PublicPrivileges {
                connect: Some(self.public_connect),
                temporary: Some(self.public_temporary),
                schema_usage: self.schema.as_ref().map(|schema| schema.usage),
                schema_create: self.schema.as_ref().map(|schema| schema.create),
            }),
            configuration_parameters: setting::read(self.settings()),
        }
    }

    /// Configuration parameters as the catalog keeps them.
    pub(super) fn settings(&self) -> &[String] {
        self.settings.as_deref().unwrap_or_default()
    }
}

impl PublicSchema {
    /// Reads the schema from inside the database; `None` when it was dropped.
    pub(super) async fn read(session: &Session, database: &str) -> Result<Option<Self>> {
        const QUERY: &str = "SELECT json_build_object(
            'owner', CASE o.rolname WHEN 'pg_database_owner' THEN
                (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database())
                ELSE o.rolname END,
            'usage', 'USAGE' = ANY(p.privileges), 'create', 'CREATE' = ANY(p.privileges)
        )::text FROM pg_namespace n JOIN pg_roles o ON o.oid = n.nspowner, LATERAL (
            SELECT coalesce(array_agg(a.privilege_type), '{}') AS privileges
            FROM aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a WHERE a.grantee = 0
        ) p WHERE n.nspname = 'public'";
        session.lease_in(database).await?.json(QUERY, &[]).await
    }
}

/// True when rights on the schema `public` are part of the spec.
pub(super) fn looks_after_schema(wanted: &DatabaseParameters) -> bool {
    wanted
        .public_privileges
        .is_some_and(|public| public.schema_usage.is_some() || public.schema_create.is_some())
}

fn query(identity: &Identity) -> String {
    let provider = if identity.is_at_least(15) {
        "CASE d.datlocprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END"
    } else {
        "'libc'"
    };
    let locale = match identity.version / 10_000 {
        14 => "NULL",
        15 | 16 => "d.daticulocale",
        _ => "d.datlocale",
    };
    format!(
        "SELECT json_build_object(
            'oid', d.oid::int8,
            'owner', pg_get_userbyid(d.datdba),
            'encoding', pg_encoding_to_char(d.encoding),
            'isWantedEncoding', $2 = '' OR pg_char_to_encoding($2) = d.encoding,
            'lcCollate', d.datcollate, 'lcCType', d.datctype,
            'localeProvider', {provider}, 'locale', {locale},
            'tablespace', t.spcname,
            'allowConnections', d.datallowconn,
            'connectionLimit', d.datconnlimit,
            'isTemplate', d.datistemplate,
            'publicConnect', 'CONNECT' = ANY(p.privileges),
            'publicTemporary', 'TEMPORARY' = ANY(p.privileges),
            'admitsUs', has_database_privilege(d.oid, 'CONNECT'),
            'settings', (SELECT to_json(s.setconfig) FROM pg_db_role_setting s
                WHERE s.setdatabase = d.oid AND s.setrole = 0)
        )::text FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace, LATERAL (
            SELECT coalesce(array_agg(a.privilege_type), '{{}}') AS privileges
            FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a WHERE a.grantee = 0
        ) p WHERE d.datname = $1"
    )
}
