//! What a user is told when Vault is not as it must be.

use managed::external::ExternalClient;
use provider_tenancy::vault::KvSecret;
use provider_tenancy::vault::kv_secret::DeletionPolicy::{
    DeleteAllVersions, Destroy, Orphan, Purge, SoftDelete,
};
use provider_tenancy::vault::kv_secret::Strategy;
use serde_json::{Value, json};
use testbed::openbao::client::Method;

use crate::fixture::{Did, Fixture, connect, settings, token_settings, word};

#[tokio::test]
async fn kv_version_1_is_refused_and_nothing_is_written() {
    let fixture = Fixture::new().await;
    let mount = format!("kv1-{}", word());
    fixture
        .root
        .write(&format!("sys/mounts/{mount}"), &json!({"type": "kv"}))
        .await
        .unwrap();
    let rights = format!(r#"path "{mount}/*" {{ capabilities = ["create", "read", "update"] }}"#);
    let session = fixture.session_with(&rights).await;
    let mut resource = fixture.resource("a", &[]);
    resource.0.parameters.mount.clone_from(&mount);
    let refused = resource.pass(&session).await.unwrap_err();
    assert_eq!(refused.class(), "invalid");
    assert!(
        refused
            .to_string()
            .contains(&format!("at {mount} is version 1, not 2")),
        "{refused}"
    );
    assert!(
        ExternalClient::<KvSecret>::create(&session, &resource.0)
            .await
            .is_err()
    );
    assert_eq!(
        fixture.root.list(&mount).await.unwrap(),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_mount_that_does_not_exist_is_named_and_another_one_is_never_used() {
    let fixture = Fixture::new().await;
    let session = fixture
        .session_with(r#"path "nowhere/*" { capabilities = ["create", "read", "update"] }"#)
        .await;
    let mut resource = fixture.resource("a", &[]);
    resource.0.parameters.mount = "nowhere".into();
    let refused = resource.pass(&session).await.unwrap_err();
    assert_eq!(refused.class(), "invalid");
    assert!(
        refused
            .to_string()
            .starts_with("nothing is mounted at the beginning of nowhere/data/a"),
        "{refused}"
    );

    resource.0.parameters.mount = format!("{}/data", fixture.mount);
    let refused = resource.pass(&fixture.session).await.unwrap_err();
    assert_eq!(refused.class(), "invalid", "{refused}");
}

#[tokio::test]
async fn a_policy_that_is_too_narrow_is_answered_with_the_line_it_lacks() {
    let fixture = Fixture::new().await;
    let mount = &fixture.mount;
    let data = |capabilities: &str| {
        format!("path \"{mount}/data/*\" {{ capabilities = [{capabilities}] }}\n")
    };
    let metadata = format!("path \"{mount}/metadata/*\" {{ capabilities = [\"patch\"] }}\n");
    let table = [
        (
            String::from("# nothing"),
            format!(r#"path "{mount}/data/a" {{ capabilities = ["read"] }}"#),
        ),
        (
            data(r#""read""#),
            format!(r#"path "{mount}/data/a" {{ capabilities = ["create", "update"] }}"#),
        ),
        (
            data(r#""create", "read""#),
            format!(r#"path "{mount}/metadata/a" {{ capabilities = ["patch"] }}"#),
        ),
    ];
    for (policy, line) in table {
        let session = fixture.session_with(&policy).await;
        let refused = fixture.resource("a", &[]).pass(&session).await.unwrap_err();
        assert_eq!(refused.class(), "denied", "{refused}");
        assert!(refused.to_string().ends_with(&line), "{refused}");
    }
    fixture
        .root
        .delete(&format!("{mount}/metadata/a"))
        .await
        .unwrap();

    let session = fixture
        .session_with(&(data(r#""create", "read""#) + &metadata))
        .await;
    let mut resource = fixture.resource("b", &[]);
    assert_eq!(resource.pass(&session).await.unwrap(), Did::Created);
    resource.set_password("rotated");
    let refused = resource.pass(&session).await.unwrap_err();
    assert!(refused.to_string().contains("\"update\""), "{refused}");

    fixture.put("c", &json!({"theirs": "x"})).await;
    let mut resource = fixture.resource("c", &[]);
    resource.0.parameters.strategy = Strategy::Merge;
    let refused = resource.pass(&session).await.unwrap_err();
    assert!(refused.to_string().contains("\"update\""), "{refused}");
    let left = resource.deleting().pass(&session).await;
    assert_eq!(
        left.unwrap(),
        Did::Finalized,
        "nothing was written, so nothing is to be deleted"
    );
}

#[tokio::test]
async fn the_documented_policy_is_enough() {
    let fixture = Fixture::new().await;
    let mount = &fixture.mount;
    let policy = format!(
        r#"
        path "{mount}/data/team/*"     {{ capabilities = ["create", "read", "update"] }}
        path "{mount}/metadata/team/*" {{ capabilities = ["read", "patch", "delete"] }}
        path "{mount}/delete/team/*"   {{ capabilities = ["update"] }}
        path "{mount}/destroy/team/*"  {{ capabilities = ["update"] }}
        "#
    );
    let session = fixture.session_with(&policy).await;
    for policy in [SoftDelete, DeleteAllVersions, Destroy, Purge, Orphan] {
        for strategy in [Strategy::Replace, Strategy::Merge, Strategy::CreateOnly] {
            let mut resource = fixture.resource(&format!("team/{policy:?}-{strategy:?}"), &[]);
            resource.0.parameters.strategy = strategy;
            resource.0.parameters.deletion_policy = policy;
            resource.settle(&session).await;
            let mut leaving = resource.deleting();
            assert_eq!(leaving.pass(&session).await.unwrap(), Did::Deleted);
            assert_eq!(leaving.pass(&session).await.unwrap(), Did::Finalized);
        }
    }
}

#[tokio::test]
async fn paths_that_would_be_read_as_others_never_reach_vault() {
    let fixture = Fixture::new().await;
    for path in [
        "infrastructure//x",
        "../sys/policies/acl/x",
        "a/../b",
        "/a",
        "a/",
        "a/*",
    ] {
        let refused = fixture
            .resource(path, &[])
            .pass(&fixture.session)
            .await
            .unwrap_err();
        assert_eq!(refused.class(), "invalid", "{path}: {refused}");
    }
    for path in ["ü/x#y?z", "a b/c", "%2f", "data/a"] {
        fixture.resource(path, &[]).settle(&fixture.session).await;
    }
    let top = fixture
        .root
        .list(&format!("{}/metadata", fixture.mount))
        .await
        .unwrap();
    assert_eq!(top, ["%2f", "a b/", "data/", "ü/"]);
}

#[tokio::test]
async fn a_server_that_is_not_the_right_one_is_not_talked_to() {
    let fixture = Fixture::new().await;
    let testbed = &fixture.testbed;
    let mut elsewhere = token_settings(testbed);
    elsewhere.address = "https://127.0.0.1:9".into();
    let refused = connect(testbed, &elsewhere, "t").await.map(drop);
    assert!(refused.is_ok(), "a token from a Secret needs no login");
    let mut resource = fixture.resource("a", &[]);
    let session = connect(testbed, &elsewhere, "t").await.unwrap();
    let refused = resource.pass(&session).await.unwrap_err();
    assert_eq!(refused.class(), "unreachable");
    assert!(
        refused.to_string().contains("Connection refused"),
        "{refused}"
    );

    let mut untrusted = token_settings(testbed);
    untrusted.ca_secret_ref = None;
    let session = connect(testbed, &untrusted, "t").await;
    let refused = match session {
        Ok(session) => resource.pass(&session).await.unwrap_err(),
        Err(refused) => refused,
    };
    assert!(
        refused.to_string().to_lowercase().contains("certificate"),
        "{refused}"
    );

    let mut plain = settings(testbed);
    plain.address = "http://127.0.0.1:8200".into();
    let refused = connect(testbed, &plain, "t").await.unwrap_err();
    assert!(
        refused.to_string().starts_with("address is plain http"),
        "{refused}"
    );

    let broken = connect(testbed, &token_settings(testbed), "two\nlines")
        .await
        .unwrap_err();
    assert!(
        broken.to_string().contains("control characters"),
        "{broken}"
    );
}

#[tokio::test]
async fn a_namespace_of_openbao_is_used_for_every_path() {
    let fixture = Fixture::new().await;
    let name = format!("ns-{}", word());
    fixture
        .root
        .write(&format!("sys/namespaces/{name}"), &json!({}))
        .await
        .unwrap();
    let kv = json!({"type": "kv", "options": {"version": "2"}});
    fixture
        .root
        .write(&format!("{name}/sys/mounts/secret"), &kv)
        .await
        .unwrap();
    let mut settings = token_settings(&fixture.testbed);
    settings.namespace = Some(name.clone());
    let session = connect(
        &fixture.testbed,
        &settings,
        &fixture.testbed.openbao().token,
    )
    .await
    .unwrap();
    let mut resource = fixture.resource("a", &[]);
    resource.0.parameters.mount = "secret".into();
    resource.settle(&session).await;
    let answer = fixture
        .root
        .request(Method::GET, &format!("{name}/secret/data/a"), None)
        .await
        .unwrap();
    assert_ne!(answer.body["data"]["data"], Value::Null);
}
