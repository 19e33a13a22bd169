//! The kind Role.

use managed::{ConnectionDetails, external::ExternalError};
use provider_tenancy::postgresql::{
    Role,
    parameter::ConfigurationParameter,
    role::{Membership, RoleParameters, RolePrivileges},
};

use crate::{
    pass::{apply, drift, remove, repairs, status, try_apply, try_remove, wanted},
    server::{Admin, Server, on_every_server},
};

#[tokio::test]
async fn each_field_changed_by_hand_is_named_and_repaired() {
    on_every_server("rolefield", async |server| {
        let group = server.name("gr.oup");
        apply(
            &server.session,
            &mut wanted::<Role>(&group, RoleParameters::default()),
        )
        .await;
        let name = server.name("ü\"st");
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        let mut role = wanted::<Role>(&name, full(server, &group));
        role.connection = Some(ConnectionDetails::none());
        apply(&server.session, &mut role).await;
        for (by_hand, fields) in edits(server, &group) {
            let by_hand = by_hand.replace("{role}", &quoted);
            server.sql("postgres", &by_hand).await;
            repairs(&server.session, &mut role, &by_hand, &fields).await;
        }
        remove(&server.session, &mut role).await;
    })
    .await;
}

fn full(server: &Server, group: &str) -> RoleParameters {
    let may = server.admin == Admin::Superuser;
    RoleParameters {
        privileges: RolePrivileges {
            super_user: Some(false),
            create_db: Some(false),
            create_role: Some(false),
            login: Some(true),
            inherit: Some(true),
            replication: may.then_some(false),
            bypass_rls: may.then_some(false),
        },
        connection_limit: Some(7),
        valid_until: Some("2099-01-31T01:00:00+01:00".into()),
        member_of: vec![Membership::of(group)],
        configuration_parameters: vec![
            ConfigurationParameter::new("statement_timeout", "30s"),
            ConfigurationParameter::new("search_path", "\"$user\",public, \"we,ird\""),
            ConfigurationParameter::new("application_name", "a = 'b' = c"),
        ],
        ..RoleParameters::default()
    }
}

fn edits(server: &Server, group: &str) -> Vec<(String, Vec<&'static str>)> {
    let own = |text: &str| text.to_owned();
    let mut edits = vec![
        (
            own("ALTER ROLE {role} CREATEDB"),
            vec!["privileges.createDb"],
        ),
        (
            own("ALTER ROLE {role} CREATEROLE"),
            vec!["privileges.createRole"],
        ),
        (own("ALTER ROLE {role} NOLOGIN"), vec!["privileges.login"]),
        (
            own("ALTER ROLE {role} NOINHERIT"),
            vec!["privileges.inherit"],
        ),
        (
            own("ALTER ROLE {role} CONNECTION LIMIT 3"),
            vec!["connectionLimit"],
        ),
        (
            own("ALTER ROLE {role} VALID UNTIL 'infinity'"),
            vec!["validUntil"],
        ),
        (
            own("ALTER ROLE {role} SET statement_timeout TO '1s'"),
            vec!["configurationParameters.statement_timeout"],
        ),
        (
            own("ALTER ROLE {role} RESET search_path"),
            vec!["configurationParameters.search_path"],
        ),
        (
            own("ALTER ROLE {role} RESET ALL"),
            vec![
                "configurationParameters.statement_timeout",
                "configurationParameters.search_path",
                "configurationParameters.application_name",
            ],
        ),
    ];
    edits.extend(superuser_edits(server));
    edits.extend(membership_edits(server, group));
    let named = |fields: Vec<&'static str>| {
        fields
            .into_iter()
            .map(|field| &*field.replace("GROUP", group).leak())
            .collect()
    };
    edits
        .into_iter()
        .map(|(sql, fields)| (sql, named(fields)))
        .collect()
}

fn superuser_edits(server: &Server) -> Vec<(String, Vec<&'static str>)> {
    if server.admin == Admin::CreateRole {
        return Vec::new();
    }
    let own = |text: &str| text.to_owned();
    vec![
        (
            own("ALTER ROLE {role} SUPERUSER"),
            vec!["privileges.superUser"],
        ),
        (
            own("ALTER ROLE {role} REPLICATION"),
            vec!["privileges.replication"],
        ),
        (
            own("ALTER ROLE {role} BYPASSRLS"),
            vec!["privileges.bypassRls"],
        ),
        (own("ALTER ROLE {role} PASSWORD 'other'"), vec!["password"]),
        (own("ALTER ROLE {role} PASSWORD NULL"), vec!["password"]),
    ]
}

fn membership_edits(server: &Server, group: &str) -> Vec<(String, Vec<&'static str>)> {
    let mut edits = Vec::new();
    let grantor = if server.has_membership_options() && server.admin == Admin::CreateRole {
        format!(" GRANTED BY \"{}\"", server.admin_name)
    } else {
        String::new()
    };
    edits.push((
        format!("REVOKE \"{group}\" FROM {{role}}{grantor}"),
        vec!["memberOf.GROUP"],
    ));
    edits.push((
        format!("GRANT \"{group}\" TO {{role}} WITH ADMIN OPTION{grantor}"),
        vec!["memberOf.GROUP.admin"],
    ));
    if server.has_membership_options() {
        edits.push((
            format!("GRANT \"{group}\" TO {{role}} WITH SET FALSE{grantor}"),
            vec!["memberOf.GROUP.set"],
        ));
        edits.push((
            format!("GRANT \"{group}\" TO {{role}} WITH INHERIT FALSE{grantor}"),
            vec!["memberOf.GROUP.inherit"],
        ));
    }
    edits
}

#[tokio::test]
async fn what_leaves_the_spec_is_taken_back_and_what_was_never_in_it_stays() {
    on_every_server("roleledger", async |server| {
        let groups = ["one", "two", "foreign"].map(|group| server.name(group));
        for group in &groups {
            apply(
                &server.session,
                &mut wanted::<Role>(group, RoleParameters::default()),
            )
            .await;
        }
        let mut role = wanted::<Role>(
            &server.name("app"),
            RoleParameters {
                member_of: vec![Membership::of(&groups[0]), Membership::of(&groups[1])],
                configuration_parameters: vec![
                    ConfigurationParameter::new("work_mem", "8MB"),
                    ConfigurationParameter::new("lock_timeout", "1s"),
                ],
                ..RoleParameters::default()
            },
        );
        apply(&server.session, &mut role).await;
        let name = role.external_name.clone();
        server
            .sql(
                "postgres",
                &format!(
                    "ALTER ROLE \"{name}\" SET datestyle TO 'ISO'; GRANT \"{}\" TO \"{name}\"",
                    groups[2]
                ),
            )
            .await;
        role.parameters.member_of.remove(0);
        role.parameters.configuration_parameters.remove(0);
        let expected = [
            "configurationParameters.work_mem".to_owned(),
            format!("memberOf.{}", groups[0]),
        ];
        assert_eq!(drift(&server.session, &role).await, expected);
        apply(&server.session, &mut role).await;
        let seen = status(&server.session, &role).await;
        let roles: Vec<_> = seen
            .member_of
            .iter()
            .map(|membership| membership.role.as_str())
            .collect();
        assert_eq!(roles, [groups[2].as_str(), groups[1].as_str()]);
        assert_eq!(seen.configuration_parameters.len(), 2);
        remove(&server.session, &mut role).await;
    })
    .await;
}

#[tokio::test]
async fn a_role_that_owns_something_is_not_dropped_and_says_what() {
    on_every_server("roleowner", async |server| {
        let mut role = wanted::<Role>(&server.name("owner"), RoleParameters::default());
        apply(&server.session, &mut role).await;
        let (name, database) = (role.external_name.clone(), server.name("d"));
        server
            .sql("postgres", &format!("CREATE DATABASE \"{database}\""))
            .await;
        server
            .sql(
                &database,
                &format!("CREATE TABLE t (); ALTER TABLE t OWNER TO \"{name}\""),
            )
            .await;
        let Err(ExternalError::Blocked { by, .. }) = try_remove(&server.session, &mut role).await
        else {
            panic!("not blocked")
        };
        assert!(by.contains(&format!("1 in database {database}")), "{by}");
        server.sql(&database, "DROP TABLE t").await;
        remove(&server.session, &mut role).await;
    })
    .await;
}

#[tokio::test]
async fn what_the_server_would_refuse_is_classified() {
    on_every_server("rolebad", async |server| {
        let class = async |name: &str, parameters: RoleParameters| {
            try_apply(&server.session, &mut wanted::<Role>(name, parameters))
                .await
                .unwrap_err()
                .class()
        };
        for name in ["pg_x", "public", "none", &"x".repeat(64)] {
            assert_eq!(
                class(name, RoleParameters::default()).await,
                "invalid",
                "{name}"
            );
        }
        let unknown = RoleParameters {
            configuration_parameters: vec![ConfigurationParameter::new("no_such_parameter", "1")],
            ..RoleParameters::default()
        };
        assert_eq!(class(&server.name("a"), unknown).await, "blocked");
        let nobody = RoleParameters {
            member_of: vec![Membership::of(server.name("nobody"))],
            ..RoleParameters::default()
        };
        assert_eq!(class(&server.name("a"), nobody).await, "blocked");
        if server.admin == Admin::CreateRole {
            let mut parameters = RoleParameters::default();
            parameters.privileges.super_user = Some(true);
            assert_eq!(class(&server.name("a"), parameters).await, "denied");
        }
        let exists = format!(
            "SELECT count(*) FROM pg_roles WHERE rolname = '{}'",
            server.name("a")
        );
        assert_eq!(
            server.ask("postgres", &exists).await,
            "0",
            "a refused role leaves nothing"
        );
    })
    .await;
}
