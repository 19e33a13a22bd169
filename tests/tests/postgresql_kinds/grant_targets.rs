//! A Grant with a list of targets: one look, one transaction, fields named by target.

use provider_tenancy::postgresql::{
    Grant,
    grant::{GrantOption, GrantParameters, GrantTarget, Routine, SchemaObjects},
};

use crate::{
    pass::{apply, drift, remove, repairs, status, try_apply, wanted},
    place::{Place, place, sorted},
    server::{Admin, on_every_server},
};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn on_database(privileges: &[&str]) -> GrantTarget {
    GrantTarget {
        privileges: words(privileges),
        ..GrantTarget::default()
    }
}

fn in_schema(privileges: &[&str]) -> GrantTarget {
    GrantTarget {
        schema: Some("s p".into()),
        ..on_database(privileges)
    }
}

fn all(objects: SchemaObjects, privileges: &[&str]) -> GrantTarget {
    GrantTarget {
        all_in_schema: Some(objects),
        ..in_schema(privileges)
    }
}

fn tables(names: &[&str], privileges: &[&str]) -> GrantTarget {
    GrantTarget {
        tables: words(names),
        ..in_schema(privileges)
    }
}

impl Place {
    fn targets(&self, targets: &[GrantTarget]) -> GrantParameters {
        GrantParameters {
            targets: targets.to_vec(),
            ..self.grant(&[])
        }
    }
}

/// What a group of a claim gets.
fn of_writers() -> [GrantTarget; 5] {
    [
        on_database(&["CONNECT", "TEMPORARY"]),
        in_schema(&["USAGE"]),
        all(SchemaObjects::Tables, &["SELECT", "INSERT"]),
        all(SchemaObjects::Sequences, &["USAGE"]),
        all(SchemaObjects::Routines, &["EXECUTE"]),
    ]
}

const OF_WRITERS: &str = "\"s p\".f(integer) EXECUTE, \"s p\".f(text,integer[]) EXECUTE, \"s p\".p() EXECUTE, \
    T 1 INSERT, T 1 SELECT, db CONNECT, db TEMPORARY, m INSERT, m SELECT, q USAGE, s p USAGE, \
    t2 INSERT, t2 SELECT, v INSERT, v SELECT";

#[tokio::test]
async fn every_target_of_a_list_is_granted_and_taken_back() {
    on_every_server("wideall", async |server| {
        let place = place(server).await;
        let mut grant = wanted::<Grant>("g", place.targets(&of_writers()));
        apply(&server.session, &mut grant).await;
        assert_eq!(sorted(&place.privileges(server).await), sorted(OF_WRITERS));
        let status = status(&server.session, &grant).await;
        let seen = status.targets.iter().map(|target| {
            (
                target.target.as_str(),
                target.objects,
                target.privileges.join(", "),
            )
        });
        assert_eq!(
            seen.collect::<Vec<_>>(),
            [
                ("database", Some(1), "CONNECT, TEMPORARY".to_owned()),
                ("schema s p", Some(1), "USAGE".into()),
                ("tables in schema s p", Some(4), "INSERT, SELECT".into()),
                ("sequences in schema s p", Some(1), "USAGE".into()),
                ("routines in schema s p", Some(3), "EXECUTE".into()),
            ]
        );
        remove(&server.session, &mut grant).await;
        assert_eq!(place.privileges(server).await, "");
    })
    .await;
}

#[tokio::test]
async fn what_differs_is_named_by_target_and_repaired() {
    on_every_server("widedrift", async |server| {
        let place = place(server).await;
        let role = &place.role;
        let mut targets = of_writers().to_vec();
        targets[3].with_option = Some(GrantOption::Grant);
        let mut grant = wanted::<Grant>("g", place.targets(&targets));
        apply(&server.session, &mut grant).await;
        let database = &place.database;
        let cases = [
            (
                format!("REVOKE TEMPORARY ON DATABASE \"{database}\" FROM \"{role}\""),
                &["targets[database].privileges"][..],
            ),
            (
                format!("REVOKE INSERT ON \"s p\".v FROM \"{role}\""),
                &["targets[tables in schema s p].privileges"],
            ),
            (
                format!("REVOKE GRANT OPTION FOR USAGE ON SEQUENCE \"s p\".q FROM \"{role}\""),
                &["targets[sequences in schema s p].withOption"],
            ),
            (
                format!(
                    "REVOKE USAGE ON SCHEMA \"s p\" FROM \"{role}\"; REVOKE EXECUTE ON PROCEDURE \"s p\".p() FROM \"{role}\""
                ),
                &[
                    "targets[schema s p].privileges",
                    "targets[routines in schema s p].privileges",
                ],
            ),
        ];
        for (by_hand, fields) in cases {
            server.sql(database, &by_hand).await;
            repairs(&server.session, &mut grant, &by_hand, fields).await;
        }
        remove(&server.session, &mut grant).await;
    })
    .await;
}

#[tokio::test]
async fn targets_and_privileges_that_leave_the_list_are_revoked() {
    on_every_server("wideledger", async |server| {
        let place = place(server).await;
        let targets = |targets: &[GrantTarget]| place.targets(targets);
        let routine = GrantTarget {
            routines: vec![Routine {
                name: "f".into(),
                args: words(&["int"]),
            }],
            ..in_schema(&["EXECUTE"])
        };
        let start = [
            on_database(&["CONNECT", "TEMP"]),
            tables(&["T 1"], &["SELECT", "INSERT"]),
            tables(&["v", "m"], &["SELECT"]),
            routine,
        ];
        let mut grant = wanted::<Grant>("g", targets(&start));
        apply(&server.session, &mut grant).await;
        grant.parameters = targets(&[
            on_database(&["CONNECT"]),
            tables(&["T 1"], &["SELECT"]),
            tables(&["v"], &["SELECT"]),
        ]);
        let fields = [
            "targets[database].privileges",
            "targets[table T 1 in schema s p].privileges",
            "targets[routines in schema s p].privileges",
        ];
        assert_eq!(drift(&server.session, &grant).await, fields);
        apply(&server.session, &mut grant).await;
        assert_eq!(
            sorted(&place.privileges(server).await),
            ["T 1 SELECT", "db CONNECT", "v SELECT"]
        );
        // From the list to one target written out, and back; what both ask for stays.
        grant.parameters = place.grant(&["CONNECT"]);
        apply(&server.session, &mut grant).await;
        assert_eq!(place.privileges(server).await, "db CONNECT");
        grant.parameters = targets(&of_writers());
        apply(&server.session, &mut grant).await;
        assert_eq!(sorted(&place.privileges(server).await), sorted(OF_WRITERS));
        remove(&server.session, &mut grant).await;
        assert_eq!(place.privileges(server).await, "");
    })
    .await;
}

#[tokio::test]
async fn a_target_that_is_not_there_is_named_and_does_not_keep_the_others_from_theirs() {
    on_every_server("wideabsent", async |server| {
        let place = place(server).await;
        let late = GrantTarget {
            schema: Some("late".into()),
            ..in_schema(&["USAGE"])
        };
        let targets = [
            on_database(&["CONNECT"]),
            late,
            tables(&["gone", "v"], &["SELECT"]),
        ];
        let mut grant = wanted::<Grant>("g", place.targets(&targets));
        for _ in 0..2 {
            let error = try_apply(&server.session, &mut grant).await.unwrap_err();
            assert_eq!(error.class(), "blocked");
            assert_eq!(
                error.to_string(),
                "schema \"late\" does not exist; create it"
            );
            assert_eq!(place.privileges(server).await, "db CONNECT, v SELECT");
        }
        assert_eq!(
            drift(&server.session, &grant).await,
            ["targets[schema late].privileges"]
        );
        let make = format!("SET ROLE \"{}\"; CREATE SCHEMA late", place.owner);
        server.sql(&place.database, &make).await;
        apply(&server.session, &mut grant).await;
        let status = status(&server.session, &grant).await;
        assert_eq!(status.targets[2].missing_objects, ["gone"]);
        assert_eq!(
            sorted(&place.privileges(server).await),
            ["db CONNECT", "late USAGE", "v SELECT"]
        );
        let drop = format!("DROP DATABASE \"{}\" WITH (FORCE)", place.database);
        server.sql("postgres", &drop).await;
        assert_eq!(drift(&server.session, &grant).await, ["absent"]);
        let error = try_apply(&server.session, &mut grant).await.unwrap_err();
        assert_eq!(error.class(), "blocked");
        remove(&server.session, &mut grant).await;
    })
    .await;
}

#[tokio::test]
async fn a_list_is_granted_as_a_whole_or_not_at_all() {
    on_every_server("widewhole", async |server| {
        let place = place(server).await;
        // On the owner's table the first statement succeeds; the second one is refused.
        let foreign = format!(
            "CREATE TABLE \"s p\".foreign_one (); ALTER TABLE \"s p\".foreign_one OWNER TO \"{}\"; \
             CREATE FUNCTION \"s p\".refuse() RETURNS event_trigger LANGUAGE plpgsql AS \
             $$ BEGIN IF tg_tag = 'GRANT' AND EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_type = 'TABLE') \
             THEN RAISE 'no grant on tables today'; END IF; END $$; \
             CREATE EVENT TRIGGER refuse ON ddl_command_end EXECUTE FUNCTION \"s p\".refuse()",
            place.owner
        );
        server.sql(&place.database, &foreign).await;
        let targets = [on_database(&["CONNECT"]), in_schema(&["USAGE"]), tables(&["v"], &["SELECT"])];
        let mut grant = wanted::<Grant>("g", place.targets(&targets));
        let error = try_apply(&server.session, &mut grant).await.unwrap_err();
        assert!(error.to_string().contains("no grant on tables today"), "{error}");
        assert_eq!(place.privileges(server).await, "");
        server.sql(&place.database, "DROP EVENT TRIGGER refuse").await;
        apply(&server.session, &mut grant).await;
        remove(&server.session, &mut grant).await;
    })
    .await;
}

#[tokio::test]
async fn objects_of_several_owners_are_granted_together() {
    on_every_server("wideowners", async |server| {
        let place = place(server).await;
        let second = server.name("second");
        // A CREATEROLE administrator may act for roles it made.
        let creator = match server.admin {
            Admin::Superuser => String::new(),
            Admin::CreateRole => format!("SET ROLE \"{}\"; ", server.admin_name),
        };
        server
            .sql("postgres", &format!("{creator}CREATE ROLE \"{second}\""))
            .await;
        let move_one = format!(
            "GRANT USAGE ON SCHEMA \"s p\" TO \"{second}\"; ALTER SEQUENCE \"s p\".q OWNER TO \"{second}\""
        );
        server.sql(&place.database, &move_one).await;
        let mut grant = wanted::<Grant>("g", place.targets(&of_writers()));
        apply(&server.session, &mut grant).await;
        assert_eq!(sorted(&place.privileges(server).await), sorted(OF_WRITERS));
        remove(&server.session, &mut grant).await;
        assert_eq!(place.privileges(server).await, "");
    })
    .await;
}

#[tokio::test]
async fn what_another_grant_takes_with_it_is_noticed_and_granted_again() {
    on_every_server("widetwo", async |server| {
        let place = place(server).await;
        let mut narrow = wanted::<Grant>("n", place.grant(&["CONNECT"]));
        apply(&server.session, &mut narrow).await;
        let mut wide = wanted::<Grant>("w", place.targets(&of_writers()));
        apply(&server.session, &mut wide).await;
        remove(&server.session, &mut narrow).await;
        repairs(
            &server.session,
            &mut wide,
            "deletion of another Grant",
            &["targets[database].privileges"],
        )
        .await;
        remove(&server.session, &mut wide).await;
    })
    .await;
}
