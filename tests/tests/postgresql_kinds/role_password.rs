//! Passwords of the kind Role: made, given, changed by hand.

use managed::{
    ConnectionDetails,
    external::{Desired, ExternalClient, Observation},
    input::{Input, SecretKeyRef, Value},
};
use provider_tenancy::postgresql::{
    Role,
    role::{PasswordState, RoleParameters, RolePrivileges},
};

use crate::{
    pass::{apply, drift, remove, status, wanted},
    server::{Admin, on_every_server},
};

fn login() -> RoleParameters {
    RoleParameters {
        privileges: RolePrivileges {
            login: Some(true),
            ..RolePrivileges::default()
        },
        ..RoleParameters::default()
    }
}

fn password(role: &Desired<Role>) -> Value {
    role.connection
        .as_ref()
        .unwrap()
        .get("password")
        .expect("the password is stored")
        .clone()
}

#[tokio::test]
async fn a_generated_password_logs_in_and_is_generated_once() {
    on_every_server("rolepass", async |server| {
        let mut role = wanted::<Role>(&server.name("app"), login());
        role.connection = Some(ConnectionDetails::none());
        apply(&server.session, &mut role).await;
        let first = password(&role);
        assert!(
            server
                .logs_in(&role.external_name, &first, "postgres")
                .await
        );
        apply(&server.session, &mut role).await;
        assert_eq!(password(&role), first);
        let expected = match server.admin {
            Admin::Superuser => PasswordState::Verified,
            Admin::CreateRole => PasswordState::LoggedIn,
        };
        assert_eq!(
            status(&server.session, &role).await.password,
            Some(expected)
        );
        // The connection Secret was deleted: a new password is made and takes effect.
        role.connection = Some(ConnectionDetails::none());
        assert_eq!(drift(&server.session, &role).await, ["password"]);
        apply(&server.session, &mut role).await;
        assert!(
            !server
                .logs_in(&role.external_name, &first, "postgres")
                .await
        );
        assert!(
            server
                .logs_in(&role.external_name, &password(&role), "postgres")
                .await
        );
        // Dropped by hand: it comes back with the password that applications have.
        server
            .sql("postgres", &format!("DROP ROLE \"{}\"", role.external_name))
            .await;
        let stored = password(&role);
        server.session.proofs().forget(&role.external_name);
        apply(&server.session, &mut role).await;
        assert!(
            server
                .logs_in(&role.external_name, &stored, "postgres")
                .await
        );
        remove(&server.session, &mut role).await;
    })
    .await;
}

#[tokio::test]
async fn all_that_an_application_needs_is_stored_together_with_the_new_password() {
    on_every_server("rolestore", async |server| {
        let mut role = wanted::<Role>(&server.name("app"), login());
        role.connection = Some(ConnectionDetails::none());
        let absent = Observation::Absent;
        let stored = ExternalClient::<Role>::credentials(&server.session, &role, &absent);
        role.connection = Some(stored.clone());
        let created = server.session.create(&role).await;
        let mut both = stored.clone();
        both.merge(&created.unwrap());
        assert!(both == stored, "more was told after the create");
        remove(&server.session, &mut role).await;
    })
    .await;
}

#[tokio::test]
async fn a_password_changed_by_hand_is_noticed_without_reading_verifiers() {
    on_every_server("roleprobe", async |server| {
        let mut role = wanted::<Role>(&server.name("app"), login());
        role.connection = Some(ConnectionDetails::none());
        apply(&server.session, &mut role).await;
        server
            .sql(
                "postgres",
                &format!("ALTER ROLE \"{}\" PASSWORD 'by hand'", role.external_name),
            )
            .await;
        // Stands for the minutes after which a login is repeated.
        server.session.proofs().forget(&role.external_name);
        assert_eq!(drift(&server.session, &role).await, ["password"]);
        apply(&server.session, &mut role).await;
        assert!(
            server
                .logs_in(&role.external_name, &password(&role), "postgres")
                .await
        );
        // Neither a limit of zero sessions nor a closed database make a password wrong.
        server
            .sql(
                "postgres",
                &format!("ALTER ROLE \"{}\" CONNECTION LIMIT 0", role.external_name),
            )
            .await;
        server.session.proofs().forget(&role.external_name);
        assert_eq!(drift(&server.session, &role).await, Vec::<String>::new());
        remove(&server.session, &mut role).await;
    })
    .await;
}

#[tokio::test]
async fn a_password_changed_by_hand_together_with_a_field_is_noticed_at_the_same_look() {
    on_every_server("roleboth", async |server| {
        let parameters = RoleParameters {
            connection_limit: Some(9),
            ..login()
        };
        let mut role = wanted::<Role>(&server.name("app"), parameters);
        role.connection = Some(ConnectionDetails::none());
        apply(&server.session, &mut role).await;
        let alter = format!("ALTER ROLE \"{}\"", role.external_name);
        let by_hand = format!("{alter} PASSWORD 'by hand' CONNECTION LIMIT 5");
        server.sql("postgres", &by_hand).await;
        let found = drift(&server.session, &role).await;
        assert_eq!(found, ["connectionLimit", "password"]);
        apply(&server.session, &mut role).await;
        remove(&server.session, &mut role).await;
    })
    .await;
}

#[tokio::test]
async fn a_referenced_password_is_followed_whatever_it_contains() {
    on_every_server("roleref", async |server| {
        let reference = SecretKeyRef {
            name: "s".into(),
            key: "p".into(),
        };
        let mut role = wanted::<Role>(
            &server.name("app"),
            RoleParameters {
                password_secret_ref: Some(reference.clone()),
                ..login()
            },
        );
        role.connection = Some(ConnectionDetails::none());
        let strange = "'\"\\ %@:/\u{a0}ümlaut🐘$1".to_owned() + &"x".repeat(900);
        for password in ["first", &strange, "last"] {
            role.inputs = [(Input::secret(&reference), Value::from(password))]
                .into_iter()
                .collect();
            assert_ne!(drift(&server.session, &role).await, Vec::<String>::new());
            apply(&server.session, &mut role).await;
            assert!(
                server
                    .logs_in(&role.external_name, &Value::from(password), "postgres")
                    .await,
                "{password}"
            );
            assert_eq!(self::password(&role), Value::from(password));
        }
        remove(&server.session, &mut role).await;
    })
    .await;
}

#[tokio::test]
async fn a_verifier_is_stored_as_it_is() {
    on_every_server("roleverbatim", async |server| {
        let reference = SecretKeyRef { name: "s".into(), key: "p".into() };
        // Made from the password "pencil".
        let verifier = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
        let parameters = RoleParameters { password_secret_ref: Some(reference.clone()), ..login() };
        let mut role = wanted::<Role>(&server.name("app"), parameters);
        role.connection = Some(ConnectionDetails::none());
        role.inputs = [(Input::secret(&reference), Value::from(verifier))].into_iter().collect();
        apply(&server.session, &mut role).await;
        assert!(server.logs_in(&role.external_name, &Value::from("pencil"), "postgres").await);
        assert_eq!(role.connection.as_ref().unwrap().get("password"), None);
        remove(&server.session, &mut role).await;
    })
    .await;
}
