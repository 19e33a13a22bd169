//! The PostgreSQL kinds: what is wanted, and every edit by hand.

use serde_json::{Value, json};
use testbed::tenant::spec;

use crate::team::CHANGED;
use crate::{Edit, Hand, Probe, Subject};

/// Names on the server.
pub(crate) struct Names {
    pub(crate) app: String,
    pub(crate) group: String,
    pub(crate) owner: String,
    pub(crate) data: String,
}

const ROLE: Subject = ("Role", "app");
const DATABASE: Subject = ("Database", "data");
const ENTRY: Subject = ("Grant", "entry");
const TABLES: Subject = ("Grant", "tables");
const FUTURE: Subject = ("DefaultPrivileges", "future");

// === what is wanted ===

pub(crate) fn role() -> Value {
    let mut role = spec(json!({
        "privileges": {
            "superUser": false, "createDb": false, "createRole": false, "login": true,
            "inherit": true, "replication": false, "bypassRls": false,
        },
        "connectionLimit": 5,
        "validUntil": "2040-01-01T00:00:00Z",
        "memberOf": [{"roleRef": {"name": "group"}}],
        "configurationParameters": [{"name": "statement_timeout", "value": "30s"}],
    }));
    role["writeConnectionSecretToRef"] = json!({"name": "app-connection"});
    role
}

pub(crate) fn database() -> Value {
    spec(json!({
        "ownerRef": {"name": "owner"},
        "allowConnections": true,
        "connectionLimit": 20,
        "isTemplate": false,
        "publicPrivileges": {"connect": false, "temporary": false, "schemaUsage": false, "schemaCreate": false},
        "configurationParameters": [{"name": "statement_timeout", "value": "40s"}],
        "forceDrop": true,
    }))
}

pub(crate) fn entry() -> Value {
    spec(json!({
        "targets": [{"privileges": ["CONNECT", "TEMPORARY"]}],
        "roleRef": {"name": "app"},
        "databaseRef": {"name": "data"},
    }))
}

pub(crate) fn tables() -> Value {
    spec(json!({
        "privileges": ["SELECT", "INSERT"],
        "withOption": "GRANT",
        "roleRef": {"name": "app"},
        "databaseRef": {"name": "data"},
        "schema": "public",
        "allInSchema": "tables",
    }))
}

pub(crate) fn future() -> Value {
    spec(json!({
        "targetRoleRef": {"name": "owner"},
        "roleRef": {"name": "app"},
        "databaseRef": {"name": "data"},
        "schema": "public",
        "objectType": "table",
        "privileges": ["SELECT", "UPDATE"],
        "withOption": "GRANT",
    }))
}

// === edits ===

/// Every edit.
pub(crate) fn edits(names: &Names) -> Vec<Edit> {
    let lists = [
        attributes(names),
        properties(names),
        memberships(names),
        database_properties(names),
        rights_of_public(names),
        grants(names),
        default_privileges(names),
    ];
    lists.into_iter().flatten().collect()
}

fn attributes(names: &Names) -> Vec<Edit> {
    let attribute = |(field, word, column, wanted): (&str, &str, &str, bool)| {
        role_edit(
            names,
            &format!("privileges.{field}"),
            (&wanted.to_string(), &(!wanted).to_string()),
            word,
            &format!("{column}::text"),
        )
    };
    [
        ("superUser", "SUPERUSER", "rolsuper", false),
        ("createDb", "CREATEDB", "rolcreatedb", false),
        ("createRole", "CREATEROLE", "rolcreaterole", false),
        ("login", "NOLOGIN", "rolcanlogin", true),
        ("inherit", "NOINHERIT", "rolinherit", true),
        ("replication", "REPLICATION", "rolreplication", false),
        ("bypassRls", "BYPASSRLS", "rolbypassrls", false),
    ]
    .map(attribute)
    .into()
}

fn properties(names: &Names) -> Vec<Edit> {
    let timeout = "configurationParameters.statement_timeout";
    let settings =
        "(SELECT setconfig::text FROM pg_db_role_setting WHERE setrole = oid AND setdatabase = 0)";
    let mut edits = vec![
        role_edit(
            names,
            "connectionLimit",
            ("5", "1"),
            "CONNECTION LIMIT 1",
            "rolconnlimit::text",
        ),
        role_edit(
            names,
            "validUntil",
            ("2040-01-01T00:00:00Z", "2030-01-01"),
            "VALID UNTIL '2030-01-01T00:00:00Z'",
            "extract(epoch FROM rolvaliduntil)::text",
        ),
        role_edit(
            names,
            timeout,
            ("30s", "1s"),
            "SET statement_timeout = '1s'",
            settings,
        ),
        role_edit(
            names,
            timeout,
            ("30s", "(none)"),
            "RESET statement_timeout",
            settings,
        ),
    ];
    let by_hand = format!("PASSWORD '{CHANGED}'");
    let mut password = role_edit(
        names,
        "password",
        ("(sensitive)", "(sensitive)"),
        &by_hand,
        "''",
    );
    password.probe = Probe::Login;
    edits.push(password);
    edits
}

fn role_edit(names: &Names, field: &str, shown: (&str, &str), change: &str, column: &str) -> Edit {
    let app = &names.app;
    let statements = format!("ALTER ROLE \"{app}\" {change}");
    let query = format!("SELECT {column} FROM pg_roles WHERE rolname = '{app}'");
    edit(ROLE, field, shown, "postgres", &statements, &query)
}

fn memberships(names: &Names) -> Vec<Edit> {
    let Names { app, group, .. } = names;
    let query = format!(
        "SELECT string_agg(concat(admin_option, inherit_option, set_option), ' ') FROM pg_auth_members
         WHERE roleid = '\"{group}\"'::regrole AND member = '\"{app}\"'::regrole"
    );
    let change = |suffix: &str, shown: (&str, &str), statements: String| {
        let field = format!("memberOf.{group}{suffix}");
        edit(ROLE, &field, shown, "postgres", &statements, &query)
    };
    let grant = |option: &str| format!("GRANT \"{group}\" TO \"{app}\" WITH {option}");
    vec![
        change(".admin", ("false", "true"), grant("ADMIN TRUE")),
        change(".inherit", ("true", "false"), grant("INHERIT FALSE")),
        change(".set", ("true", "false"), grant("SET FALSE")),
        change(
            "",
            ("member", "(none)"),
            format!("REVOKE \"{group}\" FROM \"{app}\""),
        ),
    ]
}

fn database_properties(names: &Names) -> Vec<Edit> {
    let Names { owner, data, .. } = names;
    let change = |field: &str, shown: (&str, &str), change: &str, column: &str| {
        let statements = format!("ALTER DATABASE \"{data}\" {change}");
        let query = format!("SELECT {column} FROM pg_database WHERE datname = '{data}'");
        edit(DATABASE, field, shown, "postgres", &statements, &query)
    };
    let settings =
        "(SELECT setconfig::text FROM pg_db_role_setting WHERE setrole = 0 AND setdatabase = oid)";
    vec![
        change(
            "owner",
            (owner, "postgres"),
            "OWNER TO postgres",
            "datdba::regrole::text",
        ),
        change(
            "connectionLimit",
            ("20", "3"),
            "CONNECTION LIMIT 3",
            "datconnlimit::text",
        ),
        change(
            "isTemplate",
            ("false", "true"),
            "IS_TEMPLATE true",
            "datistemplate::text",
        ),
        change(
            "configurationParameters.statement_timeout",
            ("40s", "2s"),
            "SET statement_timeout = '2s'",
            settings,
        ),
    ]
}

fn rights_of_public(names: &Names) -> Vec<Edit> {
    let data = &names.data;
    let on_database = format!("SELECT datacl::text FROM pg_database WHERE datname = '{data}'");
    let on_schema = "SELECT nspacl::text FROM pg_namespace WHERE nspname = 'public'";
    let change = |field: &str, database: &str, what: &str, query: &str| {
        let field = format!("publicPrivileges.{field}");
        let statements = format!("GRANT {what} TO PUBLIC");
        edit(
            DATABASE,
            &field,
            ("false", "true"),
            database,
            &statements,
            query,
        )
    };
    let mut closed = edit(
        DATABASE,
        "allowConnections",
        ("true", "false"),
        "postgres",
        &format!("ALTER DATABASE \"{data}\" ALLOW_CONNECTIONS false"),
        &format!("SELECT datallowconn::text FROM pg_database WHERE datname = '{data}'"),
    );
    closed.hidden = &[
        "publicPrivileges.schemaUsage",
        "publicPrivileges.schemaCreate",
    ];
    vec![
        change(
            "connect",
            "postgres",
            &format!("CONNECT ON DATABASE \"{data}\""),
            &on_database,
        ),
        change(
            "temporary",
            "postgres",
            &format!("TEMPORARY ON DATABASE \"{data}\""),
            &on_database,
        ),
        change("schemaUsage", data, "USAGE ON SCHEMA public", on_schema),
        change("schemaCreate", data, "CREATE ON SCHEMA public", on_schema),
        closed,
    ]
}

fn grants(names: &Names) -> Vec<Edit> {
    let Names { app, data, .. } = names;
    let on_database = format!("SELECT datacl::text FROM pg_database WHERE datname = '{data}'");
    let on_table = "SELECT relacl::text FROM pg_class WHERE oid = 'public.customers'::regclass";
    vec![
        edit(
            ENTRY,
            "targets[database].privileges",
            ("CONNECT, TEMPORARY", "CONNECT"),
            "postgres",
            &format!("REVOKE TEMPORARY ON DATABASE \"{data}\" FROM \"{app}\""),
            &on_database,
        ),
        edit(
            TABLES,
            "privileges",
            ("INSERT, SELECT", "SELECT"),
            data,
            &format!("REVOKE INSERT ON public.customers FROM \"{app}\""),
            on_table,
        ),
        edit(
            TABLES,
            "withOption",
            ("GRANT", "(none)"),
            data,
            &format!("REVOKE GRANT OPTION FOR SELECT ON public.customers FROM \"{app}\""),
            on_table,
        ),
    ]
}

fn default_privileges(names: &Names) -> Vec<Edit> {
    let Names {
        app, owner, data, ..
    } = names;
    let query = format!(
        "SELECT defaclacl::text FROM pg_default_acl WHERE defaclrole = '\"{owner}\"'::regrole AND defaclobjtype = 'r'"
    );
    let scope = format!("ALTER DEFAULT PRIVILEGES FOR ROLE \"{owner}\" IN SCHEMA public");
    vec![
        edit(
            FUTURE,
            "privileges",
            ("SELECT, UPDATE", "SELECT"),
            data,
            &format!("{scope} REVOKE UPDATE ON TABLES FROM \"{app}\""),
            &query,
        ),
        edit(
            FUTURE,
            "withOption",
            ("GRANT", "(none)"),
            data,
            &format!("{scope} REVOKE GRANT OPTION FOR SELECT ON TABLES FROM \"{app}\""),
            &query,
        ),
    ]
}

fn edit(
    subject: Subject,
    field: &str,
    (desired, observed): (&str, &str),
    database: &str,
    statements: &str,
    query: &str,
) -> Edit {
    let database = database.to_owned();
    Edit {
        subject,
        field: field.to_owned(),
        hidden: &[],
        desired: desired.to_owned(),
        observed: observed.to_owned(),
        hand: Hand::Sql {
            database: database.clone(),
            statements: statements.to_owned(),
        },
        probe: Probe::Sql {
            database,
            query: query.to_owned(),
        },
    }
}
