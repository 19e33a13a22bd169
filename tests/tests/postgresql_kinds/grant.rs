//! The kind Grant: what it gives, to whom, and when it refuses.

use provider_tenancy::postgresql::{
    Grant,
    grant::{GrantOption, GrantParameters, Routine, SchemaObjects},
};

use crate::{
    pass::{apply, drift, remove, repairs, status, try_apply, wanted},
    place::place,
    server::on_every_server,
};

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
