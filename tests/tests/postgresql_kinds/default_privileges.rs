//! The kind `DefaultPrivileges`.

use managed::external::{Desired, ExternalClient as _, Observation};
use provider_tenancy::postgresql::{
    DefaultPrivileges, Role,
    default_privileges::{DefaultPrivilegesParameters, DefaultPrivilegesTarget, ObjectType},
    grant::GrantOption,
    role::RoleParameters,
};

use crate::{
    pass::{apply, drift, remove, repairs, status, wanted},
    place::{Place, place, sorted},
    server::on_every_server,
};

fn default(
    place: &Place,
    creator: &str,
    schema: Option<&str>,
    object_type: ObjectType,
    privileges: &[&str],
) -> Desired<DefaultPrivileges> {
    let parameters = DefaultPrivilegesParameters {
        target_role: Some(creator.to_owned()),
        role: Some(place.role.clone()),
        database: Some(place.database.clone()),
        schema: schema.map(str::to_owned),
        object_type: Some(object_type),
        privileges: privileges.iter().map(|one| (*one).to_owned()).collect(),
        ..DefaultPrivilegesParameters::default()
    };
    wanted::<DefaultPrivileges>("d", parameters)
}

#[tokio::test]
async fn default_privileges_of_each_type_are_given_and_taken_back() {
    on_every_server("default", async |server| {
        let place = place(server).await;
        let cases = [
            (
                Some("s p"),
                ObjectType::Table,
                &["SELECT"][..],
                "default r in schema SELECT",
            ),
            (
                None,
                ObjectType::Table,
                &["INSERT", "SELECT"],
                "default r INSERT, default r SELECT",
            ),
            (None, ObjectType::Sequence, &["USAGE"], "default S USAGE"),
            (
                Some("s p"),
                ObjectType::Function,
                &["ALL"],
                "default f in schema EXECUTE",
            ),
            (
                None,
                ObjectType::Schema,
                &["ALL"],
                "default n CREATE, default n USAGE",
            ),
            (None, ObjectType::Type, &["USAGE"], "default T USAGE"),
        ];
        for (schema, object_type, privileges, expected) in cases {
            let mut default = default(&place, &place.owner, schema, object_type, privileges);
            apply(&server.session, &mut default).await;
            assert_eq!(place.privileges(server).await, expected);
            remove(&server.session, &mut default).await;
            assert_eq!(place.privileges(server).await, "", "after {expected}");
        }
    })
    .await;
}

#[tokio::test]
async fn default_privileges_reach_what_the_creator_makes_later() {
    on_every_server("defaultlater", async |server| {
        let place = place(server).await;
        let mut all = default(
            &place,
            &place.owner,
            Some("s p"),
            ObjectType::Table,
            &["ALL"],
        );
        apply(&server.session, &mut all).await;
        let expected = if server.postgres.major >= 17 { 8 } else { 7 };
        assert_eq!(
            status(&server.session, &all).await.privileges.len(),
            expected
        );
        let make = format!("SET ROLE \"{}\"; CREATE TABLE \"s p\".late ()", place.owner);
        server.sql(&place.database, &make).await;
        let query = format!(
            "SELECT has_table_privilege('{}', '\"s p\".late', 'DELETE')",
            place.role
        );
        assert_eq!(server.ask(&place.database, &query).await, "t");
        remove(&server.session, &mut all).await;
    })
    .await;
}

#[tokio::test]
async fn default_privileges_that_differ_in_schema_or_creator_are_apart() {
    on_every_server("defaultapart", async |server| {
        let place = place(server).await;
        let second = server.name("second");
        apply(
            &server.session,
            &mut wanted::<Role>(&second, RoleParameters::default()),
        )
        .await;
        let mut first = default(&place, &place.owner, None, ObjectType::Table, &["SELECT"]);
        apply(&server.session, &mut first).await;
        for (creator, schema) in [(&place.owner, Some("s p")), (&second, None)] {
            let other = default(&place, creator, schema, ObjectType::Table, &["SELECT"]);
            let observation = server.session.observe(&other).await.unwrap();
            assert!(
                matches!(observation, Observation::Absent),
                "{creator} {schema:?}"
            );
        }
        // Changed by hand, the spec narrowed, and moved to another schema.
        let role = &place.role;
        let by_hand = format!(
            "ALTER DEFAULT PRIVILEGES FOR ROLE \"{}\" REVOKE SELECT ON TABLES FROM \"{role}\"",
            place.owner
        );
        first.parameters.privileges = vec!["SELECT".into(), "INSERT".into()];
        apply(&server.session, &mut first).await;
        server.sql(&place.database, &by_hand).await;
        repairs(&server.session, &mut first, &by_hand, &["privileges"]).await;
        first.parameters.privileges = vec!["INSERT".into()];
        apply(&server.session, &mut first).await;
        assert_eq!(place.privileges(server).await, "default r INSERT");
        first.parameters.schema = Some("s p".into());
        first.parameters.with_option = Some(GrantOption::Grant);
        apply(&server.session, &mut first).await;
        assert_eq!(
            place.privileges(server).await,
            "default r in schema INSERT*"
        );
        remove(&server.session, &mut first).await;
        assert_eq!(place.privileges(server).await, "");
    })
    .await;
}

#[tokio::test]
async fn several_types_in_one_list_are_given_named_and_taken_back() {
    on_every_server("defaultlist", async |server| {
        let place = place(server).await;
        let of_type = |object_type, privilege: &str| DefaultPrivilegesTarget {
            object_type,
            privileges: vec![privilege.to_owned()],
            ..DefaultPrivilegesTarget::default()
        };
        let parameters = DefaultPrivilegesParameters {
            target_role: Some(place.owner.clone()),
            role: Some(place.role.clone()),
            database: Some(place.database.clone()),
            targets: vec![
                of_type(ObjectType::Schema, "USAGE"),
                of_type(ObjectType::Table, "SELECT"),
                of_type(ObjectType::Function, "EXECUTE"),
                DefaultPrivilegesTarget {
                    schema: Some("s p".into()),
                    ..of_type(ObjectType::Sequence, "USAGE")
                },
            ],
            ..DefaultPrivilegesParameters::default()
        };
        let mut list = wanted::<DefaultPrivileges>("d", parameters);
        apply(&server.session, &mut list).await;
        let given = "default S in schema USAGE, default f EXECUTE, default n USAGE, default r SELECT";
        let privileges = place.privileges(server).await;
        assert_eq!(sorted(&privileges), sorted(given));
        let seen = status(&server.session, &list).await.targets;
        let seen: Vec<_> = seen.iter().map(|target| target.target.as_str()).collect();
        assert_eq!(seen, ["schema", "table", "function", "sequence in schema s p"]);
        let by_hand = format!(
            "ALTER DEFAULT PRIVILEGES FOR ROLE \"{0}\" REVOKE SELECT ON TABLES FROM \"{1}\";
             ALTER DEFAULT PRIVILEGES FOR ROLE \"{0}\" IN SCHEMA \"s p\" REVOKE USAGE ON SEQUENCES FROM \"{1}\"",
            place.owner, place.role
        );
        server.sql(&place.database, &by_hand).await;
        let fields = [
            "targets[table].privileges",
            "targets[sequence in schema s p].privileges",
        ];
        repairs(&server.session, &mut list, &by_hand, &fields).await;
        // A target that leaves the list.
        list.parameters.targets.remove(1);
        assert_eq!(
            drift(&server.session, &list).await,
            ["targets[table].privileges"]
        );
        apply(&server.session, &mut list).await;
        remove(&server.session, &mut list).await;
        assert_eq!(place.privileges(server).await, "");
    })
    .await;
}
