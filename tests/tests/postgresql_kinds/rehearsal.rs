//! Plans: what is told and not done is exactly what would be done.

use managed::{
    ConnectionDetails,
    external::{Desired, ExternalClient},
    kind::Kind,
    rehearsal::PlannedStep,
};
use provider_tenancy::postgresql::{
    Connector, Database, Grant, Role, Session,
    database::{DatabaseParameters, PublicPrivileges},
    grant::GrantParameters,
    parameter::ConfigurationParameter,
    role::{Membership, RoleParameters, RolePrivileges},
};

use crate::{
    pass::{self, apply, drift, remove, wanted},
    server::{Server, on_every_server, on_one_server},
};

/// What would be done.
async fn plan<K: Kind>(server: &Server, desired: &mut Desired<K>) -> Vec<PlannedStep>
where
    Session: ExternalClient<K>,
{
    pass::plan(&Connector, &server.session, desired).await
}

/// Does by hand, as the administrator, what a plan says: what has the same target in one transaction, but
/// for what cannot be part of one.
async fn carry_out(server: &Server, steps: &[PlannedStep]) {
    let is_alone = |step: &PlannedStep| {
        ["CREATE DATABASE", "DROP DATABASE"]
            .iter()
            .any(|begin| step.action.starts_with(begin))
    };
    let together = |one: &PlannedStep, other: &PlannedStep| {
        one.target == other.target && !is_alone(one) && !is_alone(other)
    };
    for part in steps.chunk_by(together) {
        let (_, place) = part[0].target.split_once(", database ").unwrap();
        let (database, role) = place.split_once(", as role ").unwrap_or((place, "NONE"));
        let session = server
            .postgres
            .connect(&server.admin_name, "adm'in", database)
            .await
            .unwrap();
        let actions: Vec<_> = part.iter().map(|step| step.action.as_str()).collect();
        let become_owner = format!("SET ROLE {role}");
        session.batch_execute(&become_owner).await.unwrap();
        let done = session.batch_execute(&actions.join("; ")).await;
        done.unwrap_or_else(|error| panic!("{part:?}: {error:?}"));
    }
}

/// Nothing is there after the plan; everything is after it was carried out by hand.
async fn plan_and_do<K: Kind>(server: &Server, desired: &mut Desired<K>)
where
    Session: ExternalClient<K>,
{
    let before = drift(&server.session, desired).await;
    assert_ne!(before, [""; 0], "there is something to plan");
    let steps = plan(server, desired).await;
    assert_eq!(
        drift(&server.session, desired).await,
        before,
        "a plan changes nothing: {steps:?}"
    );
    carry_out(server, &steps).await;
    assert_eq!(
        drift(&server.session, desired).await,
        [""; 0],
        "{} after {steps:?}",
        K::KIND
    );
}

fn closed(owner: &str) -> DatabaseParameters {
    DatabaseParameters {
        owner: Some(owner.into()),
        connection_limit: Some(9),
        public_privileges: Some(PublicPrivileges::closed()),
        configuration_parameters: vec![ConfigurationParameter::new("work_mem", "8MB")],
        ..DatabaseParameters::default()
    }
}

#[tokio::test]
async fn a_plan_that_is_carried_out_by_hand_leaves_nothing_to_do() {
    on_every_server("plan", async |server| {
        let group = server.name("group");
        let mut group_role = wanted::<Role>(&group, RoleParameters::default());
        plan_and_do(server, &mut group_role).await;
        let parameters = RoleParameters {
            privileges: RolePrivileges {
                create_db: Some(false),
                ..RolePrivileges::default()
            },
            member_of: vec![Membership::of(&group)],
            ..RoleParameters::default()
        };
        let owner = server.name("owner");
        let mut owner_role = wanted::<Role>(&owner, parameters);
        plan_and_do(server, &mut owner_role).await;

        // On 14 the schema public belongs to the superuser who made the server.
        let mut parameters = closed(&owner);
        if server.postgres.major == 14 {
            parameters.public_privileges = None;
        }
        let name = server.name("db");
        let mut database = wanted::<Database>(&name, parameters);
        plan_and_do(server, &mut database).await;
        database.parameters.connection_limit = Some(3);
        database.parameters.owner = Some(group.clone());
        plan_and_do(server, &mut database).await;

        let parameters = GrantParameters {
            privileges: vec!["CONNECT".into(), "TEMPORARY".into()],
            database: Some(name.clone()),
            role: Some(owner.clone()),
            ..GrantParameters::default()
        };
        let mut grant = wanted::<Grant>("grant", parameters);
        plan_and_do(server, &mut grant).await;
        grant.deleting = true;
        let steps = plan(server, &mut grant).await;
        carry_out(server, &steps).await;
        assert_eq!(drift(&server.session, &grant).await, ["absent"]);

        database.deleting = true;
        let steps = plan(server, &mut database).await;
        assert_eq!(drift(&server.session, &database).await, [""; 0]);
        carry_out(server, &steps).await;
        assert_eq!(drift(&server.session, &database).await, ["absent"]);
        for role in [&mut owner_role, &mut group_role] {
            remove(&server.session, role).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_planned_password_is_never_shown() {
    on_one_server("plansecret", async |server| {
        let parameters = RoleParameters {
            privileges: RolePrivileges {
                login: Some(true),
                ..RolePrivileges::default()
            },
            ..RoleParameters::default()
        };
        let name = server.name("app");
        let mut role = wanted::<Role>(&name, parameters);
        role.connection = Some(ConnectionDetails::none().with("password", "canary"));
        let steps = plan(server, &mut role).await;
        assert_eq!(
            steps[0].action,
            format!(r#"CREATE ROLE "{name}" LOGIN PASSWORD '(sensitive)'"#)
        );
        apply(&server.session, &mut role).await;
        role.connection = Some(ConnectionDetails::none().with("password", "other canary"));
        let steps = plan(server, &mut role).await;
        assert_eq!(
            steps[0].action,
            format!(r#"ALTER ROLE "{name}" PASSWORD '(sensitive)'"#)
        );
        remove(&server.session, &mut role).await;
    })
    .await;
}
