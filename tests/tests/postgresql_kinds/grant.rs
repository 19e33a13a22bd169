//! The kind Grant.

use provider_tenancy::postgresql::{
    Database, Grant, Role,
    database::{DatabaseParameters, PublicPrivileges},
    grant::{GrantOption, GrantParameters, Routine, SchemaObjects},
    role::RoleParameters,
};

use crate::{
    pass::{apply, drift, remove, repairs, status, try_apply, wanted},
    server::{Server, on_every_server},
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
    fn grant(&self, privileges: &[&str]) -> GrantParameters {
        GrantParameters {
            privileges: privileges.iter().map(|one| (*one).to_owned()).collect(),
            database: Some(self.database.clone()),
            role: Some(self.role.clone()),
            ..GrantParameters::default()
        }
    }

    fn in_schema(&self, privileges: &[&str]) -> GrantParameters {
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

#[tokio::test]
async fn a_grant_of_each_type_gives_what_it_says_and_takes_all_of_it_back() {
    on_every_server("granttype", async |server| {
        let place = place(server).await;
        let maintain = if server.postgres.major >= 17 { "T 1 MAINTAIN, " } else { "" };
        let all = format!("T 1 DELETE, T 1 INSERT, {maintain}T 1 REFERENCES, T 1 SELECT, T 1 TRIGGER, T 1 TRUNCATE, T 1 UPDATE");
        let option = Some(GrantOption::Grant);
        let routine = |name: &str, args: &[&str]| Routine { name: name.into(), args: args.iter().map(|one| (*one).to_owned()).collect() };
        let cases = [
            (place.grant(&["CONNECT", "TEMP"]), "db CONNECT, db TEMPORARY".to_owned()),
            (GrantParameters { with_option: option, ..place.grant(&["CREATE"]) }, "db CREATE*".into()),
            (GrantParameters { with_option: option, ..place.in_schema(&["ALL"]) }, "s p CREATE*, s p USAGE*".into()),
            (GrantParameters { schema: Some("public".into()), ..place.grant(&["USAGE"]) }, "public USAGE".into()),
            (GrantParameters { tables: vec!["T 1".into()], ..place.in_schema(&["ALL"]) }, all),
            (GrantParameters { tables: vec!["v".into(), "m".into(), "t2".into()], ..place.in_schema(&["SELECT"]) }, "m SELECT, t2 SELECT, v SELECT".into()),
            (GrantParameters { sequences: vec!["q".into()], ..place.in_schema(&["ALL"]) }, "q SELECT, q UPDATE, q USAGE".into()),
            (GrantParameters { routines: vec![routine("f", &["TEXT", "int4[]"])], ..place.in_schema(&["EXECUTE"]) }, "\"s p\".f(text,integer[]) EXECUTE".into()),
            (GrantParameters { routines: vec![routine("p", &[])], ..place.in_schema(&["ALL"]) }, "\"s p\".p() EXECUTE".into()),
            (GrantParameters { all_in_schema: Some(SchemaObjects::Tables), ..place.in_schema(&["SELECT"]) }, "T 1 SELECT, m SELECT, t2 SELECT, v SELECT".into()),
            (GrantParameters { all_in_schema: Some(SchemaObjects::Sequences), ..place.in_schema(&["USAGE"]) }, "q USAGE".into()),
            (GrantParameters { all_in_schema: Some(SchemaObjects::Routines), ..place.in_schema(&["EXECUTE"]) }, "\"s p\".f(integer) EXECUTE, \"s p\".f(text,integer[]) EXECUTE, \"s p\".p() EXECUTE".into()),
        ];
        for (parameters, expected) in cases {
            // On 14 the schema public belongs to the bootstrap superuser.
            if server.postgres.major == 14 && parameters.schema.as_deref() == Some("public") {
                continue;
            }
            let mut grant = wanted::<Grant>("g", parameters);
            apply(&server.session, &mut grant).await;
            assert_eq!(place.privileges(server).await, expected);
            remove(&server.session, &mut grant).await;
            assert_eq!(place.privileges(server).await, "", "after {expected}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_privilege_revoked_by_hand_is_noticed_and_one_granted_by_hand_stays() {
    on_every_server("grantdrift", async |server| {
        let place = place(server).await;
        let role = &place.role;
        let parameters = GrantParameters {
            tables: vec!["T 1".into(), "v".into()],
            ..place.in_schema(&["SELECT", "INSERT"])
        };
        let mut grant = wanted::<Grant>("g", parameters);
        apply(&server.session, &mut grant).await;
        for by_hand in [
            format!("REVOKE SELECT ON \"s p\".\"T 1\" FROM \"{role}\""),
            format!("REVOKE ALL ON \"s p\".v FROM \"{role}\""),
        ] {
            server.sql(&place.database, &by_hand).await;
            repairs(&server.session, &mut grant, &by_hand, &["privileges"]).await;
        }
        server
            .sql(
                &place.database,
                &format!("GRANT UPDATE ON \"s p\".v TO \"{role}\""),
            )
            .await;
        assert_eq!(drift(&server.session, &grant).await, Vec::<String>::new());
        remove(&server.session, &mut grant).await;
        assert_eq!(place.privileges(server).await, "v UPDATE");
    })
    .await;
}

#[tokio::test]
async fn what_leaves_the_spec_is_revoked() {
    on_every_server("grantledger", async |server| {
        let place = place(server).await;
        let tables = |names: &[&str]| {
            names
                .iter()
                .map(|one| (*one).to_owned())
                .collect::<Vec<_>>()
        };
        let start = GrantParameters {
            tables: tables(&["T 1", "v"]),
            with_option: Some(GrantOption::Grant),
            ..place.in_schema(&["SELECT", "INSERT"])
        };
        let mut grant = wanted::<Grant>("g", start.clone());
        apply(&server.session, &mut grant).await;
        assert_eq!(
            place.privileges(server).await,
            "T 1 INSERT*, T 1 SELECT*, v INSERT*, v SELECT*"
        );
        // The right to grant goes, then a privilege, then an object, then the type of object.
        grant.parameters.with_option = None;
        assert_eq!(drift(&server.session, &grant).await, ["withOption"]);
        apply(&server.session, &mut grant).await;
        assert_eq!(
            place.privileges(server).await,
            "T 1 INSERT, T 1 SELECT, v INSERT, v SELECT"
        );
        grant.parameters.privileges = vec!["SELECT".into()];
        assert_eq!(drift(&server.session, &grant).await, ["privileges"]);
        apply(&server.session, &mut grant).await;
        grant.parameters.tables = tables(&["v"]);
        apply(&server.session, &mut grant).await;
        assert_eq!(place.privileges(server).await, "v SELECT");
        grant.parameters = GrantParameters {
            all_in_schema: Some(SchemaObjects::Tables),
            ..place.in_schema(&["SELECT"])
        };
        apply(&server.session, &mut grant).await;
        assert_eq!(
            place.privileges(server).await,
            "T 1 SELECT, m SELECT, t2 SELECT, v SELECT"
        );
        grant.parameters = place.grant(&["CONNECT"]);
        apply(&server.session, &mut grant).await;
        assert_eq!(place.privileges(server).await, "db CONNECT");
        // Another role.
        let other = server.name("other");
        apply(
            &server.session,
            &mut wanted::<Role>(&other, RoleParameters::default()),
        )
        .await;
        grant.parameters.role = Some(other);
        apply(&server.session, &mut grant).await;
        assert_eq!(place.privileges(server).await, "");
        remove(&server.session, &mut grant).await;
    })
    .await;
}

#[tokio::test]
async fn two_grants_on_one_object_do_not_touch_each_other() {
    on_every_server("granttwo", async |server| {
        let place = place(server).await;
        let mut create = wanted::<Grant>(
            "a",
            GrantParameters {
                with_option: Some(GrantOption::Grant),
                ..place.grant(&["CREATE"])
            },
        );
        let mut connect = wanted::<Grant>("b", place.grant(&["CONNECT", "TEMPORARY"]));
        apply(&server.session, &mut create).await;
        apply(&server.session, &mut connect).await;
        assert_eq!(drift(&server.session, &create).await, Vec::<String>::new());
        remove(&server.session, &mut create).await;
        assert_eq!(place.privileges(server).await, "db CONNECT, db TEMPORARY");
        remove(&server.session, &mut connect).await;
    })
    .await;
}

#[tokio::test]
async fn a_grant_to_the_owner_is_ready_and_its_deletion_takes_nothing() {
    on_every_server("grantowner", async |server| {
        let place = place(server).await;
        let parameters = GrantParameters {
            role: Some(place.owner.clone()),
            ..place.grant(&["CONNECT"])
        };
        let mut grant = wanted::<Grant>("g", parameters);
        assert_eq!(drift(&server.session, &grant).await, Vec::<String>::new());
        remove(&server.session, &mut grant).await;
        let query = format!(
            "SELECT has_database_privilege('{}', '{}', 'CONNECT')",
            place.owner, place.database
        );
        assert_eq!(server.ask("postgres", &query).await, "t");
    })
    .await;
}

#[tokio::test]
async fn what_another_role_granted_too_is_shown_and_outlives_the_grant() {
    on_every_server("grantboth", async |server| {
        let place = place(server).await;
        let helper = server.name("helper");
        let role = &place.role;
        server
            .sql(
                &place.database,
                &format!(
                    "CREATE ROLE \"{helper}\"; GRANT USAGE ON SCHEMA \"s p\" TO \"{helper}\";
             GRANT SELECT ON \"s p\".v TO \"{helper}\" WITH GRANT OPTION; SET ROLE \"{helper}\";
             GRANT SELECT ON \"s p\".v TO \"{role}\""
                ),
            )
            .await;
        let parameters = GrantParameters {
            tables: vec!["v".into()],
            ..place.in_schema(&["SELECT", "INSERT"])
        };
        let mut grant = wanted::<Grant>("g", parameters);
        apply(&server.session, &mut grant).await;
        assert_eq!(
            status(&server.session, &grant).await.also_granted_by,
            [helper]
        );
        remove(&server.session, &mut grant).await;
        assert_eq!(place.privileges(server).await, "v SELECT");
    })
    .await;
}

#[tokio::test]
async fn objects_that_come_and_go_are_followed() {
    on_every_server("grantobjects", async |server| {
        let place = place(server).await;
        let all = GrantParameters {
            all_in_schema: Some(SchemaObjects::Tables),
            ..place.in_schema(&["SELECT"])
        };
        let mut grant = wanted::<Grant>("g", all);
        apply(&server.session, &mut grant).await;
        server
            .sql(
                &place.database,
                &format!("SET ROLE \"{}\"; CREATE TABLE \"s p\".late ()", place.owner),
            )
            .await;
        repairs(&server.session, &mut grant, "CREATE TABLE", &["privileges"]).await;
        assert_eq!(status(&server.session, &grant).await.objects, Some(5));
        // A listed object that is not there does not keep the others from their privileges.
        let listed = GrantParameters {
            tables: vec!["v".into(), "missing".into()],
            ..place.in_schema(&["SELECT"])
        };
        grant.parameters = listed;
        apply(&server.session, &mut grant).await;
        assert_eq!(place.privileges(server).await, "v SELECT");
        assert_eq!(
            status(&server.session, &grant).await.missing_objects,
            ["missing"]
        );
        remove(&server.session, &mut grant).await;
        let nothing = GrantParameters {
            tables: vec!["missing".into()],
            ..place.in_schema(&["SELECT"])
        };
        let mut nothing = wanted::<Grant>("g", nothing);
        assert_eq!(
            try_apply(&server.session, &mut nothing)
                .await
                .unwrap_err()
                .class(),
            "blocked"
        );
        remove(&server.session, &mut nothing).await;
    })
    .await;
}

#[tokio::test]
async fn a_grant_whose_role_or_database_is_gone_is_gone_too() {
    on_every_server("grantgone", async |server| {
        let place = place(server).await;
        let parameters = GrantParameters {
            all_in_schema: Some(SchemaObjects::Tables),
            ..place.in_schema(&["SELECT"])
        };
        let mut in_database = wanted::<Grant>("g", parameters);
        apply(&server.session, &mut in_database).await;
        let mut on_database = wanted::<Grant>("g", place.grant(&["CONNECT"]));
        apply(&server.session, &mut on_database).await;
        server
            .sql(
                "postgres",
                &format!("DROP DATABASE \"{}\" WITH (FORCE)", place.database),
            )
            .await;
        for grant in [&mut in_database, &mut on_database] {
            assert_eq!(drift(&server.session, grant).await, ["absent"]);
            assert_eq!(
                try_apply(&server.session, grant).await.unwrap_err().class(),
                "blocked"
            );
            remove(&server.session, grant).await;
        }
        let nobody = GrantParameters {
            role: Some(server.name("nobody")),
            database: Some("postgres".into()),
            ..place.grant(&["CONNECT"])
        };
        let mut nobody = wanted::<Grant>("g", nobody);
        assert_eq!(
            try_apply(&server.session, &mut nobody)
                .await
                .unwrap_err()
                .class(),
            "blocked"
        );
        remove(&server.session, &mut nobody).await;
        // A reference that was never resolved.
        let mut unresolved = wanted::<Grant>(
            "g",
            GrantParameters {
                role: None,
                ..place.grant(&["CONNECT"])
            },
        );
        remove(&server.session, &mut unresolved).await;
    })
    .await;
}

#[tokio::test]
async fn unknown_privileges_are_refused_before_anything_is_granted() {
    on_every_server("grantbad", async |server| {
        let place = place(server).await;
        for privileges in [&["CONNECT", "SELECT"][..], &["NONSENSE"]] {
            let mut grant = wanted::<Grant>("g", place.grant(privileges));
            assert_eq!(
                try_apply(&server.session, &mut grant)
                    .await
                    .unwrap_err()
                    .class(),
                "invalid"
            );
        }
        assert_eq!(place.privileges(server).await, "");
    })
    .await;
}
