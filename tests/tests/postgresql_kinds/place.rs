//! Where privileges are tried: a database, a schema, objects of each type, a role without any right.

use provider_tenancy::postgresql::{
    Database, Role,
    database::{DatabaseParameters, PublicPrivileges},
    grant::GrantParameters,
    role::RoleParameters,
};

use crate::{
    pass::{apply, wanted},
    server::Server,
};

/// A closed database with an owner, a schema with objects of each type, and a role to grant to.
pub(crate) struct Place {
    pub(crate) database: String,
    pub(crate) owner: String,
    pub(crate) role: String,
}

const OBJECTS: &str = "CREATE SCHEMA \"s p\";
    CREATE TABLE \"s p\".\"T 1\" (a int); CREATE TABLE \"s p\".t2 (a int) PARTITION BY LIST (a);
    CREATE VIEW \"s p\".v AS SELECT 1 AS a; CREATE MATERIALIZED VIEW \"s p\".m AS SELECT 1 AS a;
    CREATE SEQUENCE \"s p\".q;
    CREATE FUNCTION \"s p\".f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE FUNCTION \"s p\".f(text, int[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE PROCEDURE \"s p\".p() LANGUAGE sql AS 'SELECT 1';";

/// Makes the place.
pub(crate) async fn place(server: &Server) -> Place {
    let [owner, role] = ["owner", "role"].map(|name| server.name(name));
    for name in [&owner, &role] {
        apply(
            &server.session,
            &mut wanted::<Role>(name, RoleParameters::default()),
        )
        .await;
    }
    let database = server.name("d-b");
    let parameters = DatabaseParameters {
        owner: Some(owner.clone()),
        public_privileges: Some(PublicPrivileges {
            connect: Some(false),
            temporary: Some(false),
            ..PublicPrivileges::default()
        }),
        ..DatabaseParameters::default()
    };
    apply(
        &server.session,
        &mut wanted::<Database>(&database, parameters),
    )
    .await;
    server
        .sql(&database, &format!("SET ROLE \"{owner}\"; {OBJECTS}"))
        .await;
    Place {
        database,
        owner,
        role,
    }
}

impl Place {
    /// Privileges on the database.
    pub(crate) fn grant(&self, privileges: &[&str]) -> GrantParameters {
        GrantParameters {
            privileges: privileges.iter().map(|one| (*one).to_owned()).collect(),
            database: Some(self.database.clone()),
            role: Some(self.role.clone()),
            ..GrantParameters::default()
        }
    }

    /// Privileges on the schema `s p`, or in it.
    pub(crate) fn in_schema(&self, privileges: &[&str]) -> GrantParameters {
        GrantParameters {
            schema: Some("s p".into()),
            ..self.grant(privileges)
        }
    }

    /// Everything the role has been granted in the database and on it, in words.
    pub(crate) async fn privileges(&self, server: &Server) -> String {
        let query = format!(
            "SELECT coalesce(string_agg(what || ' ' || a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END, ', ' ORDER BY what, a.privilege_type), '') FROM (
                SELECT 'db' AS what, datacl AS acl FROM pg_database WHERE datname = current_database()
                UNION ALL SELECT nspname, nspacl FROM pg_namespace
                UNION ALL SELECT relname, relacl FROM pg_class
                UNION ALL SELECT oid::regprocedure::text, proacl FROM pg_proc
                UNION ALL SELECT 'default ' || defaclobjtype::text || CASE defaclnamespace WHEN 0 THEN '' ELSE ' in schema' END, defaclacl FROM pg_default_acl
            ) o, aclexplode(acl) a WHERE a.grantee = (SELECT oid FROM pg_roles WHERE rolname = '{}')",
            self.role
        );
        server.ask(&self.database, &query).await
    }
}

/// What [`Place::privileges`] says, independent of the server's collation.
pub(crate) fn sorted(privileges: &str) -> Vec<&str> {
    let mut privileges: Vec<_> = privileges.split(", ").collect();
    privileges.sort_unstable();
    privileges
}
