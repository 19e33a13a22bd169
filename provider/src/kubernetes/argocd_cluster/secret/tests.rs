//! The Secret as Argo CD reads it, and each field that may differ.

use managed::input::SecretKeyRef;

use super::*;
use crate::kubeconfig::Credential;

fn parameters() -> ArgoCdClusterParameters {
    let reference = SecretKeyRef {
        name: "a".into(),
        key: "b".into(),
    };
    let mut parameters = ArgoCdClusterParameters::new(reference, "dev");
    parameters.labels.insert("environment".into(), "dev".into());
    parameters.project = Some("shop".into());
    parameters.namespaces = vec!["a".into(), "b".into()];
    parameters
}

fn access(token: &str) -> Access {
    Access {
        server: "https://dev.vc-dev.svc:443".into(),
        tls_server_name: None,
        ca: Some("CA".into()),
        credential: Credential::Token(Value::from(token)),
        disable_compression: false,
    }
}

fn live() -> Json {
    manifest(&parameters(), &Owner::default(), &access("hunter2"))
}

fn fields(live: &Json) -> Vec<String> {
    let drift = drift(&parameters(), &Owner::default(), &access("hunter2"), live);
    assert!(!format!("{drift:?}").contains("hunter"), "{drift:?}");
    drift.into_iter().map(|drift| drift.field).collect()
}

fn with_config(config: &Json) -> Json {
    let mut live = live();
    live["data"]["config"] = BASE64_STANDARD.encode(config.to_string()).into();
    live
}

#[test]
fn the_secret_is_what_argo_cd_reads() {
    let live = live();
    assert_eq!(live["metadata"]["name"], "cluster-dev");
    assert_eq!(live["metadata"]["namespace"], "argocd");
    assert_eq!(live["metadata"]["labels"][LABEL.0], LABEL.1);
    for (key, value) in [
        ("name", "dev"),
        ("server", "https://dev.vc-dev.svc:443"),
        ("project", "shop"),
        ("namespaces", "a,b"),
        ("clusterResources", "false"),
    ] {
        assert_eq!(plain(&live, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(token(&live), Some(Value::from("hunter2")));
    assert_eq!(fields(&live), Vec::<String>::new());
}

#[test]
fn every_field_that_differs_is_named() {
    let mut edited = live();
    edited["metadata"]["labels"]["environment"] = "prod".into();
    edited["metadata"]["labels"]["theirs"] = "x".into();
    edited["data"]["server"] = BASE64_STANDARD.encode("https://evil").into();
    edited["data"]["project"].take();
    edited["data"]["shard"] = BASE64_STANDARD.encode("1").into();
    assert_eq!(fields(&edited), ["labels.environment", "server", "project"]);
}

#[test]
fn a_changed_or_foreign_value_in_the_config_is_named_by_its_path() {
    let changed =
        json!({"bearerToken": "hunter3", "tlsClientConfig": {"insecure": true, "caData": "Q0E="}});
    assert_eq!(
        fields(&with_config(&changed)),
        ["config.bearerToken", "config.tlsClientConfig.insecure"]
    );
    let foreign = json!({
        "bearerToken": "hunter2", "username": "hunter4",
        "tlsClientConfig": {"insecure": false, "caData": "Q0E=", "keyData": "hunter5"},
    });
    assert_eq!(
        fields(&with_config(&foreign)),
        ["config.tlsClientConfig.keyData", "config.username"]
    );
    let mut broken = live();
    broken["data"]["config"] = "!".into();
    assert_eq!(fields(&broken), ["config"]);
}
