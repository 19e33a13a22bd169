//! The kind Database.

use managed::external::ExternalError;
use provider_tenancy::postgresql::{
    Database, Role,
    database::{DatabaseParameters, LocaleProvider, PublicPrivileges},
    parameter::ConfigurationParameter,
    role::RoleParameters,
};

use crate::{
    pass::{apply, drift, remove, repairs, status, try_apply, try_remove, wanted},
    server::{Admin, Server, on_every_server},
};

/// On 14 the schema `public` belongs to the bootstrap superuser, and only that may close it.
fn closed(server: &Server) -> PublicPrivileges {
    let mut closed = PublicPrivileges::closed();
    if server.postgres.major == 14 && server.admin == Admin::CreateRole {
        closed.schema_usage = None;
        closed.schema_create = None;
    }
    closed
}

async fn role(server: &Server, name: &str) -> String {
    let name = server.name(name);
    apply(
        &server.session,
        &mut wanted::<Role>(&name, RoleParameters::default()),
    )
    .await;
    name
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What somebody does by hand to the database DB, and the field that differs then.
fn edits(server: &Server, other: &str) -> Vec<(String, &'static str)> {
    let mut edits = vec![
        (format!("ALTER DATABASE DB OWNER TO \"{other}\""), "owner"),
        (
            "ALTER DATABASE DB CONNECTION LIMIT 3".into(),
            "connectionLimit",
        ),
        ("ALTER DATABASE DB IS_TEMPLATE true".into(), "isTemplate"),
        (
            "GRANT CONNECT ON DATABASE DB TO PUBLIC".into(),
            "publicPrivileges.connect",
        ),
        (
            "GRANT TEMPORARY ON DATABASE DB TO PUBLIC".into(),
            "publicPrivileges.temporary",
        ),
        (
            "ALTER DATABASE DB SET statement_timeout TO '1s'".into(),
            "configurationParameters.statement_timeout",
        ),
        (
            "ALTER DATABASE DB RESET ALL".into(),
            "configurationParameters.statement_timeout",
        ),
    ];
    if closed(server).schema_create.is_some() {
        edits.push((
            "GRANT CREATE ON SCHEMA public TO PUBLIC".into(),
            "publicPrivileges.schemaCreate",
        ));
        edits.push((
            "GRANT USAGE ON SCHEMA public TO PUBLIC".into(),
            "publicPrivileges.schemaUsage",
        ));
    }
    edits
}

#[tokio::test]
async fn each_field_changed_by_hand_is_named_and_repaired() {
    on_every_server("dbfield", async |server| {
        let owner = role(server, "owner").await;
        let other = role(server, "other").await;
        let name = server.name("we\"ird na%me/?#🐘");
        let mut database = wanted::<Database>(
            &name,
            DatabaseParameters {
                owner: Some(owner.clone()),
                encoding: Some("utf8".into()),
                lc_collate: Some("POSIX".into()),
                allow_connections: Some(true),
                connection_limit: Some(9),
                is_template: Some(false),
                public_privileges: Some(closed(server)),
                configuration_parameters: vec![ConfigurationParameter::new(
                    "statement_timeout",
                    "30s",
                )],
                ..DatabaseParameters::default()
            },
        );
        apply(&server.session, &mut database).await;
        let quoted = quoted(&name);
        for (by_hand, field) in edits(server, &other) {
            let by_hand = by_hand
                .replace("DB", &quoted)
                .replace(&format!("{quoted}_"), "DB_");
            server.sql(&name, &by_hand).await;
            repairs(&server.session, &mut database, &by_hand, &[field]).await;
        }
        // A closed database cannot be looked into, so its schema counts as different, too.
        server
            .sql(
                "postgres",
                &format!("ALTER DATABASE {quoted} ALLOW_CONNECTIONS false"),
            )
            .await;
        assert_eq!(
            drift(&server.session, &database).await[0],
            "allowConnections"
        );
        apply(&server.session, &mut database).await;
        let seen = status(&server.session, &database).await;
        assert_eq!((seen.owner, seen.connection_limit), (Some(owner), Some(9)));
        remove(&server.session, &mut database).await;
    })
    .await;
}

#[tokio::test]
async fn a_role_without_grants_cannot_enter_a_closed_database() {
    on_every_server("dbclosed", async |server| {
        let owner = role(server, "owner").await;
        let mut database = wanted::<Database>(
            &server.name("d"),
            DatabaseParameters {
                owner: Some(owner),
                public_privileges: Some(closed(server)),
                ..DatabaseParameters::default()
            },
        );
        apply(&server.session, &mut database).await;
        let stranger = server.name("stranger");
        server
            .sql(
                "postgres",
                &format!("CREATE ROLE \"{stranger}\" LOGIN PASSWORD 'p'"),
            )
            .await;
        let name = &database.external_name;
        let connect = server.postgres.connect(&stranger, "p", name).await;
        assert!(connect.is_err());
        remove(&server.session, &mut database).await;
    })
    .await;
}

#[tokio::test]
async fn an_interrupted_create_is_finished() {
    on_every_server("dbhalf", async |server| {
        let owner = role(server, "owner").await;
        let mut database = wanted::<Database>(&server.name("d"), DatabaseParameters {
            owner: Some(owner.clone()),
            public_privileges: Some(closed(server)),
            ..DatabaseParameters::default()
        });
        if server.admin == Admin::CreateRole {
            // Leaves the administrator able to act for the owner, as the first half of a create does.
            let options = if server.has_membership_options() { " WITH INHERIT FALSE, SET TRUE" } else { "" };
            server.sql("postgres", &format!("GRANT \"{owner}\" TO \"{}\"{options}", server.admin_name)).await;
        }
        let name = &database.external_name;
        server.sql("postgres", &format!("CREATE DATABASE \"{name}\" OWNER \"{owner}\" TEMPLATE template0 ALLOW_CONNECTIONS false")).await;
        apply(&server.session, &mut database).await;
        let seen = status(&server.session, &database).await;
        assert_eq!(seen.allow_connections, Some(true));
        assert_eq!(seen.public_privileges.and_then(|public| public.connect), Some(false));
        remove(&server.session, &mut database).await;
    })
    .await;
}

#[tokio::test]
async fn a_database_in_use_stays_unless_it_is_dropped_by_force() {
    on_every_server("dbuse", async |server| {
        let owner = role(server, "owner").await;
        let parameters = DatabaseParameters {
            owner: Some(owner),
            is_template: Some(true),
            ..DatabaseParameters::default()
        };
        let mut database = wanted::<Database>(&server.name("d"), parameters);
        apply(&server.session, &mut database).await;
        let name = database.external_name.clone();
        let user = server.name("user");
        server
            .sql(
                "postgres",
                &format!("CREATE ROLE \"{user}\" LOGIN PASSWORD 'p'"),
            )
            .await;
        let client = server.postgres.connect(&user, "p", &name).await.unwrap();
        let Err(ExternalError::Blocked { by, .. }) =
            try_remove(&server.session, &mut database).await
        else {
            panic!("not blocked")
        };
        assert_eq!(by, format!("1 session(s) of {user}"));
        database.parameters.force_drop = Some(true);
        if server.admin == Admin::CreateRole {
            let Err(error) = try_remove(&server.session, &mut database).await else {
                panic!("not denied")
            };
            assert!(
                error.to_string().ends_with(&format!(
                    "run GRANT pg_signal_backend TO \"{}\"",
                    server.admin_name
                )),
                "{error}"
            );
            server
                .sql(
                    "postgres",
                    &format!("GRANT pg_signal_backend TO \"{}\"", server.admin_name),
                )
                .await;
        }
        remove(&server.session, &mut database).await;
        assert!(client.simple_query("SELECT 1").await.is_err());
    })
    .await;
}

#[tokio::test]
async fn what_is_fixed_at_creation_is_reported_and_not_fought_over() {
    on_every_server("dbfixed", async |server| {
        let mut database = wanted::<Database>(&server.name("d"), DatabaseParameters::default());
        apply(&server.session, &mut database).await;
        database.parameters.encoding = Some("LATIN1".into());
        database.parameters.connection_limit = Some(4);
        let error = try_apply(&server.session, &mut database).await.unwrap_err();
        assert_eq!(error.class(), "invalid");
        assert!(
            error
                .to_string()
                .starts_with("encoding: want LATIN1, found UTF8"),
            "{error}"
        );
        assert_eq!(
            drift(&server.session, &database).await,
            ["encoding"],
            "what can be changed was changed"
        );
        remove(&server.session, &mut database).await;
    })
    .await;
}

#[tokio::test]
async fn locale_providers_are_used_where_the_server_has_them() {
    on_every_server("dblocale", async |server| {
        for (provider, since) in [(LocaleProvider::Icu, 15), (LocaleProvider::Builtin, 17)] {
            let mut parameters = DatabaseParameters {
                encoding: Some("UTF8".into()),
                locale_provider: Some(provider),
                ..DatabaseParameters::default()
            };
            match provider {
                LocaleProvider::Icu => parameters.icu_locale = Some("en-US".into()),
                _ => parameters.builtin_locale = Some("C.UTF-8".into()),
            }
            let mut database = wanted::<Database>(&server.name("d"), parameters);
            if server.postgres.major < since {
                let error = try_apply(&server.session, &mut database).await.unwrap_err();
                assert_eq!(error.class(), "invalid", "{error}");
                continue;
            }
            apply(&server.session, &mut database).await;
            remove(&server.session, &mut database).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_belongs_to_the_server_is_never_dropped_and_what_is_gone_is_gone() {
    on_every_server("dbgone", async |server| {
        let mut postgres = wanted::<Database>("postgres", DatabaseParameters::default());
        assert_eq!(
            try_remove(&server.session, &mut postgres)
                .await
                .unwrap_err()
                .class(),
            "invalid"
        );
        let missing_owner = DatabaseParameters {
            owner: Some(server.name("nobody")),
            ..DatabaseParameters::default()
        };
        let mut database = wanted::<Database>(&server.name("d"), missing_owner);
        assert_eq!(
            try_apply(&server.session, &mut database)
                .await
                .unwrap_err()
                .class(),
            "blocked"
        );
        remove(&server.session, &mut database).await;
    })
    .await;
}

#[tokio::test]
async fn an_invalid_database_is_reported_and_can_be_dropped() {
    on_every_server("dbinvalid", async |server| {
        let mut database = wanted::<Database>(&server.name("d"), DatabaseParameters::default());
        apply(&server.session, &mut database).await;
        let name = &database.external_name;
        server
            .sql(
                "postgres",
                &format!("UPDATE pg_database SET datconnlimit = -2 WHERE datname = '{name}'"),
            )
            .await;
        assert_eq!(
            drift(&server.session, &database).await,
            Vec::<String>::new()
        );
        assert_eq!(
            status(&server.session, &database).await.connection_limit,
            Some(-2)
        );
        remove(&server.session, &mut database).await;
    })
    .await;
}
