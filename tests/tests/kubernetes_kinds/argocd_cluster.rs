//! `ArgoCDCluster`: the Secret Argo CD reads, and what Argo CD is allowed in the cluster.

use std::time::Duration;

use managed::external::{ExternalError, Observation};
use provider_tenancy::kubeconfig::Credential;
use provider_tenancy::kubernetes::ArgoCdCluster;
use provider_tenancy::kubernetes::argocd_cluster::{
    ArgoCdClusterParameters, CredentialParameters, CredentialType, ServiceAccountName,
};
use provider_tenancy::kubernetes::status::Endpoint;
use serde_json::{Value, json};

use crate::fixture::{Did, Fixture, Managed, kubeconfig_ref, shown, word};

/// A cluster whose Secret and whose `ServiceAccount` are in the test's namespace.
fn cluster(fixture: &Fixture) -> Managed<ArgoCdCluster> {
    let mut parameters = ArgoCdClusterParameters::new(kubeconfig_ref(), word());
    parameters.namespace = fixture.name().into();
    parameters.labels.insert("environment".into(), "dev".into());
    parameters.credential.service_account = Some(ServiceAccountName {
        namespace: fixture.name().into(),
        name: format!("argocd-{}", word()),
    });
    parameters.namespaces = vec![fixture.name().into()];
    parameters.credential.cluster_role = Some("edit".into());
    fixture.managed("dev", parameters)
}

fn account(cluster: &Managed<ArgoCdCluster>) -> String {
    let account = cluster.0.parameters.credential.service_account.as_ref();
    account.unwrap().name.clone()
}

async fn secret(fixture: &Fixture, cluster: &Managed<ArgoCdCluster>) -> Value {
    let name = cluster.0.parameters.secret_name();
    let json = fixture
        .kubectl(&[
            "get",
            "secret",
            &name,
            "--output=json",
            "--ignore-not-found",
        ])
        .await;
    serde_json::from_str(&json).unwrap_or_default()
}

async fn plain(fixture: &Fixture, cluster: &Managed<ArgoCdCluster>, key: &str) -> String {
    let name = cluster.0.parameters.secret_name();
    let template = format!("--output=go-template={{{{index .data {key:?} | base64decode}}}}");
    fixture.kubectl(&["get", "secret", &name, &template]).await
}

async fn config(fixture: &Fixture, cluster: &Managed<ArgoCdCluster>) -> Value {
    serde_json::from_str(&plain(fixture, cluster, "config").await).unwrap()
}

async fn settle(cluster: &mut Managed<ArgoCdCluster>, fixture: &Fixture) {
    assert_eq!(cluster.pass(&fixture.session).await.unwrap(), Did::Created);
    assert_eq!(cluster.pass(&fixture.session).await.unwrap(), Did::Nothing);
}

async fn may(fixture: &Fixture, token: &str, arguments: &[&str]) -> bool {
    let mut access = fixture.access();
    access.credential = Credential::Token(token.into());
    let file = std::env::temp_dir().join(format!("kubeconfig-{}", word()));
    std::fs::write(&file, access.kubeconfig("x").expose()).unwrap();
    let kubeconfig = format!("--kubeconfig={}", file.display());
    let arguments = [&[kubeconfig.as_str(), "auth", "can-i"], arguments].concat();
    let answer = fixture.testbed.kubectl(&arguments).await;
    std::fs::remove_file(file).unwrap();
    answer.is_ok_and(|answer| answer.trim() == "yes")
}

#[tokio::test]
async fn argo_cd_gets_a_token_of_its_own_with_just_the_role_it_is_given() {
    let fixture = Fixture::new().await;
    let mut cluster = cluster(&fixture);
    settle(&mut cluster, &fixture).await;
    let config = config(&fixture, &cluster).await;
    assert_eq!(config["tlsClientConfig"]["insecure"], json!(false));
    assert!(config["tlsClientConfig"]["keyData"].is_null());
    let token = config["bearerToken"].as_str().unwrap();
    let namespace = format!("--namespace={}", fixture.name());
    assert!(may(&fixture, token, &["create", "deployments", &namespace]).await);
    assert!(
        !may(
            &fixture,
            token,
            &["create", "deployments", "--namespace=default"]
        )
        .await
    );
    assert!(!may(&fixture, token, &["create", "rolebindings", &namespace]).await);
    assert_eq!(
        plain(&fixture, &cluster, "server").await,
        fixture.access().server
    );
    assert_eq!(
        plain(&fixture, &cluster, "namespaces").await,
        fixture.name()
    );
    assert_eq!(plain(&fixture, &cluster, "clusterResources").await, "false");
    let status = &cluster.0.last;
    assert!(status.credential.expires_at.is_some());
    let username = format!(
        "system:serviceaccount:{}:{}",
        fixture.name(),
        account(&cluster)
    );
    assert_eq!(
        status.credential.username.as_deref(),
        Some(username.as_str())
    );
}

#[tokio::test]
async fn a_settled_secret_is_not_written_and_is_looked_at_before_the_token_ends() {
    let fixture = Fixture::new().await;
    let mut cluster = cluster(&fixture);
    cluster.0.parameters.credential.expiration_seconds = Some(600);
    settle(&mut cluster, &fixture).await;
    let before = secret(&fixture, &cluster).await;
    let observed = cluster.observe(&fixture.session).await.unwrap();
    assert!(shown(&observed).0);
    let Observation::Present { look_again, .. } = observed else {
        panic!()
    };
    let look_again = look_again.unwrap();
    assert!(look_again <= Duration::from_secs(480), "{look_again:?}");
    assert!(look_again > Duration::from_secs(400), "{look_again:?}");
    assert_eq!(cluster.pass(&fixture.session).await.unwrap(), Did::Nothing);
    let after = secret(&fixture, &cluster).await;
    assert_eq!(
        before["metadata"]["resourceVersion"],
        after["metadata"]["resourceVersion"]
    );
}

#[tokio::test]
async fn a_hand_edit_is_named_by_field_and_undone_in_one_write() {
    let fixture = Fixture::new().await;
    let mut cluster = cluster(&fixture);
    settle(&mut cluster, &fixture).await;
    let name = cluster.0.parameters.secret_name();
    let edit = json!({
        "metadata": {"labels": {"environment": "prod"}},
        "stringData": {"server": "https://evil.example.org", "config": "{\"bearerToken\":\"canary\",\"username\":\"x\"}"},
    });
    fixture
        .kubectl(&[
            "patch",
            "secret",
            &name,
            "--type=merge",
            "--patch",
            &edit.to_string(),
        ])
        .await;
    let Did::Updated(fields) = cluster.pass(&fixture.session).await.unwrap() else {
        panic!()
    };
    for field in [
        "credential.token",
        "labels.environment",
        "server",
        "config.username",
    ] {
        assert!(fields.contains(&field.to_owned()), "{fields:?}");
    }
    assert_eq!(cluster.pass(&fixture.session).await.unwrap(), Did::Nothing);
    assert_eq!(
        plain(&fixture, &cluster, "server").await,
        fixture.access().server
    );
}

#[tokio::test]
async fn an_account_that_was_made_again_gets_a_new_token() {
    let fixture = Fixture::new().await;
    let mut cluster = cluster(&fixture);
    settle(&mut cluster, &fixture).await;
    let before = config(&fixture, &cluster).await;
    fixture
        .kubectl(&["delete", "serviceaccount", &account(&cluster)])
        .await;
    let Did::Updated(fields) = cluster.pass(&fixture.session).await.unwrap() else {
        panic!()
    };
    assert!(
        fields.contains(&"credential.token".to_owned()),
        "{fields:?}"
    );
    assert_ne!(
        before["bearerToken"],
        config(&fixture, &cluster).await["bearerToken"]
    );
    assert_eq!(cluster.pass(&fixture.session).await.unwrap(), Did::Nothing);
}

#[tokio::test]
async fn another_role_replaces_the_binding_and_leaves_no_old_one() {
    let fixture = Fixture::new().await;
    let mut cluster = cluster(&fixture);
    settle(&mut cluster, &fixture).await;
    cluster.0.parameters.credential.cluster_role = Some("view".into());
    cluster.0.parameters.labels.clear();
    let Did::Updated(fields) = cluster.pass(&fixture.session).await.unwrap() else {
        panic!()
    };
    assert!(
        fields.contains(&"labels.environment".to_owned()),
        "{fields:?}"
    );
    assert_eq!(cluster.pass(&fixture.session).await.unwrap(), Did::Nothing);
    let bindings = fixture
        .kubectl(&["get", "rolebindings", "--output=name"])
        .await;
    assert!(
        bindings.contains(".view") && !bindings.contains(".edit"),
        "{bindings}"
    );
}

#[tokio::test]
async fn the_default_role_is_made_bound_everywhere_and_removed_again() {
    let fixture = Fixture::new().await;
    fixture.store_kubeconfig().await;
    let mut cluster = cluster(&fixture);
    cluster.0.parameters.credential.cluster_role = None;
    cluster.0.parameters.namespaces.clear();
    settle(&mut cluster, &fixture).await;
    let token = config(&fixture, &cluster).await["bearerToken"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(may(&fixture, &token, &["create", "namespaces"]).await);
    assert!(!may(&fixture, &token, &["impersonate", "users"]).await);
    assert!(!may(&fixture, &token, &["escalate", "clusterroles"]).await);
    let mut leaving = cluster.deleting();
    assert_eq!(leaving.pass(&fixture.session).await.unwrap(), Did::Deleted);
    assert_eq!(
        leaving.pass(&fixture.session).await.unwrap(),
        Did::Finalized
    );
    assert_eq!(secret(&fixture, &cluster).await, Value::Null);
    for kind in ["clusterroles", "clusterrolebindings", "serviceaccounts"] {
        let left = fixture.kubectl(&["get", kind, "--output=name"]).await;
        assert!(!left.contains(&account(&cluster)), "{kind}");
    }
}

#[tokio::test]
async fn the_kubeconfigs_own_certificate_is_used_when_that_is_asked_for_and_follows_rotation() {
    let fixture = Fixture::new().await;
    let mut cluster = cluster(&fixture);
    cluster.0.parameters.credential = CredentialParameters::default();
    cluster.0.parameters.credential.kind = CredentialType::Kubeconfig;
    settle(&mut cluster, &fixture).await;
    let found = config(&fixture, &cluster).await;
    assert!(found["tlsClientConfig"]["keyData"].is_string() && found["bearerToken"].is_null());
    fixture.account("other").await;
    cluster.set_kubeconfig(fixture.token_kubeconfig("other").await);
    let Did::Updated(fields) = cluster.pass(&fixture.session).await.unwrap() else {
        panic!()
    };
    assert!(
        fields.contains(&"config.bearerToken".to_owned()),
        "{fields:?}"
    );
    assert!(config(&fixture, &cluster).await["tlsClientConfig"]["keyData"].is_null());
    assert_eq!(cluster.pass(&fixture.session).await.unwrap(), Did::Nothing);
}

#[tokio::test]
async fn an_address_that_means_another_cluster_to_argo_cd_is_refused_before_anything_is_written() {
    let fixture = Fixture::new().await;
    for server in [
        "https://localhost:6443",
        "https://127.0.0.1:6443",
        "https://kubernetes.default.svc",
    ] {
        let mut cluster = cluster(&fixture);
        cluster.0.parameters.endpoint = Some(Endpoint {
            server: Some(server.into()),
            tls_server_name: None,
        });
        let refused = cluster.pass(&fixture.session).await.unwrap_err();
        assert!(
            matches!(refused, ExternalError::Invalid(_)),
            "{server}: {refused:?}"
        );
        assert_eq!(secret(&fixture, &cluster).await, Value::Null);
    }
}

#[tokio::test]
async fn a_server_that_argo_cd_knows_already_is_refused() {
    let fixture = Fixture::new().await;
    let mut first = cluster(&fixture);
    settle(&mut first, &fixture).await;
    let mut second = cluster(&fixture);
    let refused = second.pass(&fixture.session).await.unwrap_err();
    assert!(
        matches!(refused, ExternalError::Blocked { .. }),
        "{refused:?}"
    );
    assert!(
        refused
            .to_string()
            .contains(&first.0.parameters.secret_name()),
        "{refused}"
    );
}

#[tokio::test]
async fn a_namespace_the_config_does_not_allow_is_refused() {
    let fixture = Fixture::new().await;
    for namespace in ["argocd", "default"] {
        let mut cluster = cluster(&fixture);
        cluster.0.parameters.namespace = namespace.into();
        let refused = cluster.pass(&fixture.session).await.unwrap_err();
        assert!(
            refused.to_string().contains("allowedHostNamespaces"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_secret_or_an_account_of_somebody_else_is_left_alone() {
    let fixture = Fixture::new().await;
    let mut cluster = cluster(&fixture);
    let name = cluster.0.parameters.secret_name();
    fixture
        .kubectl(&["create", "secret", "generic", &name])
        .await;
    let refused = cluster.pass(&fixture.session).await.unwrap_err();
    assert!(
        matches!(refused, ExternalError::Blocked { .. }),
        "{refused:?}"
    );
    fixture.kubectl(&["delete", "secret", &name]).await;
    fixture.account(&account(&cluster)).await;
    let refused = cluster.pass(&fixture.session).await.unwrap_err();
    assert!(refused.to_string().contains("ServiceAccount"), "{refused}");
    assert_eq!(secret(&fixture, &cluster).await, Value::Null);
}

#[tokio::test]
async fn the_secret_of_a_cluster_whose_kubeconfig_is_gone_is_still_removed() {
    let fixture = Fixture::new().await;
    let mut cluster = cluster(&fixture);
    settle(&mut cluster, &fixture).await;
    let mut leaving = cluster.deleting();
    assert_eq!(leaving.pass(&fixture.session).await.unwrap(), Did::Deleted);
    assert_eq!(
        leaving.pass(&fixture.session).await.unwrap(),
        Did::Finalized
    );
}
