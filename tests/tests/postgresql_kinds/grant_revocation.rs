//! What a Grant takes back, and what it leaves because it is not its own.

use provider_tenancy::postgresql::{
    Grant, Role,
    grant::{GrantOption, GrantParameters, SchemaObjects},
    role::RoleParameters,
};

use crate::{
    pass::{apply, drift, remove, status, wanted},
    place::place,
    server::on_every_server,
};

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
async fn the_right_to_grant_stays_with_the_objects_that_are_still_listed() {
    on_every_server("grantoption", async |server| {
        let place = place(server).await;
        let all = GrantParameters {
            all_in_schema: Some(SchemaObjects::Tables),
            with_option: Some(GrantOption::Grant),
            ..place.in_schema(&["SELECT"])
        };
        let mut grant = wanted::<Grant>("g", all.clone());
        apply(&server.session, &mut grant).await;
        grant.parameters = GrantParameters {
            all_in_schema: None,
            tables: vec!["v".into()],
            ..all
        };
        apply(&server.session, &mut grant).await;
        assert_eq!(place.privileges(server).await, "v SELECT*");
        remove(&server.session, &mut grant).await;
    })
    .await;
}
