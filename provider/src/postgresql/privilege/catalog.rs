//! Access control lists as the catalogs have them: every object at every place in one query.

use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

use super::{Change, Class, Place, Verb};
use crate::postgresql::{session::Lease, sqlstate::Result};

/// What was found at a place.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// The role that is to hold the privileges exists.
    pub role_exists: bool,
    /// The schema, if the place has one, exists.
    pub schema_exists: bool,
    /// For default privileges: the role that makes the objects exists.
    pub creator_exists: bool,
    /// The objects.
    pub objects: Vec<Object>,
}

/// One object.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// The name it was asked for by.
    pub key: String,
    /// The object as GRANT names it, quoted by the server.
    pub on: String,
    /// Its owner.
    pub owner: String,
    /// The role to become to change its privileges.
    pub actor: String,
    /// Privileges of the role.
    pub held: Vec<Held>,
}

/// One privilege of the role.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// What, in the words of SQL.
    pub privilege: String,
    /// The role may grant it to others.
    pub is_grantable: bool,
    /// Who granted it.
    pub grantor: String,
}

impl Object {
    /// True when the role holds the privilege, whoever granted it.
    pub fn holds(&self, privilege: &str) -> bool {
        self.held.iter().any(|held| held.privilege == privilege)
    }

    pub(super) fn may_grant(&self, privilege: &str) -> bool {
        self.held
            .iter()
            .any(|held| held.privilege == privilege && held.is_grantable)
    }

    pub(super) fn change(&self, place: &Place, verb: Verb, privilege: &str) -> Change {
        Change {
            actor: self.actor.clone(),
            place: place.clone(),
            verb,
            on: self.on.clone(),
            privilege: privilege.to_owned(),
        }
    }
}

/// What is asked about one place: all its objects, or those named.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    pub(super) place: &'a Place,
    pub(super) objects: Option<&'a BTreeSet<String>>,
}

impl Ask<'_> {
    fn parameters(&self) -> Value {
        let Place {
            database,
            role,
            schema,
            creator,
            class: _,
        } = self.place;
        json!({"role": role, "database": database, "schema": schema, "creator": creator, "names": self.objects})
    }
}

impl Found {
    /// The answers in the order of the questions.
    pub(super) async fn read(lease: &mut Lease, asks: &[Ask<'_>]) -> Result<Vec<Self>> {
        let parameters: Value = asks.iter().map(Ask::parameters).collect();
        let answers = asks
            .iter()
            .enumerate()
            .map(|(at, ask)| format!("SELECT {at} AS at, ({}) AS found", query(at, ask.place)));
        let sql = format!(
            "SELECT json_agg(one.found ORDER BY one.at)::text FROM ({}) one",
            answers.collect::<Vec<_>>().join(" UNION ALL ")
        );
        let found = lease.json(&sql, &[&parameters.to_string()]).await?;
        Ok(found.unwrap_or_default())
    }
}

/// The only parameter is a list of what [`Ask::parameters`] gives.
fn query(at: usize, place: &Place) -> String {
    let objects = if place.creator.is_some() {
        defaults(place)
    } else {
        objects(place.class)
    };
    format!(
        "WITH asked AS (SELECT a ->> 'role' AS role, a ->> 'database' AS database, a ->> 'schema' AS schema,
                a ->> 'creator' AS creator, nullif(a -> 'names', 'null') AS names
            FROM (SELECT $1::jsonb -> {at} AS a) given),
            grantee AS (SELECT r.oid FROM pg_roles r, asked WHERE r.rolname = asked.role)
        SELECT json_build_object(
            'roleExists', EXISTS (SELECT FROM grantee),
            'schemaExists', asked.schema = '' OR EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = asked.schema),
            'creatorExists', EXISTS (SELECT FROM pg_roles r WHERE r.rolname = asked.creator),
            'objects', (SELECT coalesce(json_agg(json_build_object(
                    'key', o.key, 'on', o.target, 'owner', pg_get_userbyid(o.owner), 'actor', o.actor,
                    'held', (SELECT coalesce(json_agg(json_build_object(
                            'privilege', a.privilege_type, 'isGrantable', a.is_grantable,
                            'grantor', pg_get_userbyid(a.grantor))), '[]')
                        FROM aclexplode(o.acl) a WHERE a.grantee = (SELECT oid FROM grantee))
                ) ORDER BY o.target), '[]') FROM ({objects}) o)
        ) FROM asked"
    )
}

fn objects(class: Class) -> String {
    match class {
        Class::Database => "SELECT d.datname AS key, quote_ident(d.datname) AS target, d.datdba AS owner,
                pg_get_userbyid(d.datdba) AS actor, coalesce(d.datacl, acldefault('d', d.datdba)) AS acl
            FROM pg_database d, asked WHERE d.datname = asked.database"
            .into(),
        // The role pg_database_owner cannot be entered; its one member can.
        Class::Schema => "SELECT n.nspname AS key, quote_ident(n.nspname) AS target, n.nspowner AS owner,
                CASE pg_get_userbyid(n.nspowner) WHEN 'pg_database_owner' THEN
                    (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database())
                    ELSE pg_get_userbyid(n.nspowner) END AS actor,
                coalesce(n.nspacl, acldefault('n', n.nspowner)) AS acl
            FROM pg_namespace n, asked WHERE n.nspname = asked.schema"
            .into(),
        Class::Table => relations("'r', 'v', 'm', 'f', 'p'", 'r'),
        Class::Sequence => relations("'S'", 's'),
        Class::Routine | Class::Type => routines(),
    }
}

fn relations(kinds: &str, acl: char) -> String {
    format!(
        "SELECT c.relname AS key, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS target,
            c.relowner AS owner, pg_get_userbyid(c.relowner) AS actor,
            coalesce(c.relacl, acldefault('{acl}', c.relowner)) AS acl
        FROM asked JOIN pg_namespace n ON n.nspname = asked.schema JOIN pg_class c ON c.relnamespace = n.oid
        WHERE c.relkind IN ({kinds})
            AND (asked.names IS NULL OR c.relname::text IN (SELECT jsonb_array_elements_text(asked.names)))"
    )
}

/// Routines are asked for by a list of name and argument types. Types are looked up by the server, so
/// that `int4` and `integer` are the same; the routine itself is not, because that would take a right
/// to use its schema.
fn routines() -> String {
    "SELECT coalesce(s.signature, p.oid::regprocedure::text) AS key, p.oid::regprocedure::text AS target,
        p.proowner AS owner, pg_get_userbyid(p.proowner) AS actor,
        coalesce(p.proacl, acldefault('f', p.proowner)) AS acl
    FROM asked JOIN pg_namespace n ON n.nspname = asked.schema JOIN pg_proc p ON p.pronamespace = n.oid
        LEFT JOIN LATERAL jsonb_array_elements_text(asked.names) AS s(signature)
            ON s.signature::jsonb ->> 0 = p.proname AND string_to_array(p.proargtypes::text, ' ')::oid[] = (
                SELECT coalesce(array_agg(to_regtype(argument)::oid ORDER BY position), '{}')
                FROM jsonb_array_elements_text(s.signature::jsonb - 0) WITH ORDINALITY AS a(argument, position))
    WHERE asked.names IS NULL OR s.signature IS NOT NULL"
        .into()
}

/// Default privileges are one object: without a schema the whole list that new objects get, within one
/// only what is added to it.
fn defaults(place: &Place) -> String {
    let (stored, built_in) = match place.class {
        Class::Table | Class::Database => ('r', 'r'),
        Class::Sequence => ('S', 's'),
        Class::Routine => ('f', 'f'),
        Class::Type => ('T', 'T'),
        Class::Schema => ('n', 'n'),
    };
    format!(
        "SELECT '' AS key, '{}' AS target, c.oid AS owner, c.rolname AS actor,
            coalesce(d.defaclacl, CASE asked.schema WHEN '' THEN acldefault('{built_in}', c.oid) END) AS acl
        FROM asked JOIN pg_roles c ON c.rolname = asked.creator
            LEFT JOIN pg_namespace n ON n.nspname = asked.schema
            LEFT JOIN pg_default_acl d ON d.defaclrole = c.oid AND d.defaclobjtype = '{stored}'
                AND d.defaclnamespace = coalesce(n.oid, 0)
        WHERE asked.schema = '' OR n.oid IS NOT NULL",
        place.class.plural()
    )
}
