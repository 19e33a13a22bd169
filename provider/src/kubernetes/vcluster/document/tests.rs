use serde_json::Value;

use super::*;
use crate::kubernetes::vcluster::{
    BackingStoreType, Fragment, NetworkPolicy, Oidc, PodSecurityStandard, VClusterParameters,
};

fn parameters() -> VClusterParameters {
    VClusterParameters::new("0.36.1")
}

fn document(parameters: &VClusterParameters) -> Result<Document, ExternalError> {
    Document::of(&Target::new("dev", ("team", "uid"), parameters).unwrap())
}

fn read(parameters: &VClusterParameters) -> Value {
    serde_json::from_str(&document(parameters).unwrap().text).unwrap()
}

fn at<'a>(document: &'a Value, path: &str) -> &'a Value {
    let pointer = format!("/{}", path.replace('.', "/"));
    document.pointer(&pointer).unwrap_or(&Value::Null)
}

#[test]
fn what_the_control_plane_takes_for_zero_when_it_is_missing_is_said() {
    let document = read(&parameters());
    for path in [
        "controlPlane.distro.k8s.apiServer.enabled",
        "controlPlane.distro.k8s.controllerManager.enabled",
        "controlPlane.coredns.enabled",
        "controlPlane.advanced.serviceAccount.enabled",
        "controlPlane.service.enabled",
        "experimental.syncSettings.setOwner",
        "sync.toHost.pods.enabled",
        "sync.toHost.services.enabled",
        "sync.toHost.persistentVolumeClaims.enabled",
        "rbac.role.enabled",
    ] {
        assert_eq!(at(&document, path), true, "{path}");
    }
    assert_eq!(at(&document, "controlPlane.proxy.port"), 8443);
    assert_eq!(at(&document, "telemetry.enabled"), false);
}

#[test]
fn tokens_inside_are_accepted_whatever_the_issuer_is() {
    let document = read(&parameters());
    let arguments = at(&document, "controlPlane.distro.k8s.apiServer.extraArgs");
    assert_eq!(
        arguments,
        &json!([
            "--service-account-issuer=https://dev.team.svc",
            "--api-audiences=https://dev.team.svc,https://kubernetes.default.svc.cluster.local,\
             https://kubernetes.default.svc,https://kubernetes.default",
        ])
    );
}

#[test]
fn fields_become_the_options_of_the_same_meaning() {
    let mut parameters = parameters();
    parameters.oidc = Some(Oidc {
        issuer_url: "https://id.example.org".into(),
        client_id: "dev".into(),
        username_claim: None,
        groups_claim: Some("groups".into()),
        ca_cert: None,
    });
    parameters.backing_store.kind = BackingStoreType::DeployedEtcd;
    parameters.backing_store.etcd_replicas = 3;
    parameters.replicas = 3;
    parameters.isolation.pod_security_standard = Some(PodSecurityStandard::Baseline);
    parameters.isolation.network_policy = Some(NetworkPolicy::default());
    parameters.networking.cluster_domain = Some("dev.local".into());
    parameters.networking.fallback_host_cluster = true;
    parameters.sync.to_host.ingresses = true;
    parameters.sync.from_host.events = false;
    let document = read(&parameters);
    let expected = [
        ("policies.podSecurityStandard", json!("baseline")),
        ("policies.networkPolicy.fallbackDns", json!("8.8.8.8")),
        ("networking.advanced.clusterDomain", json!("dev.local")),
        ("networking.advanced.fallbackHostCluster", json!(true)),
        ("sync.toHost.ingresses.enabled", json!(true)),
        ("sync.fromHost.events.enabled", json!(false)),
        (
            "controlPlane.statefulSet.highAvailability.replicas",
            json!(3),
        ),
        (
            "controlPlane.backingStore.etcd.deploy.statefulSet.highAvailability.replicas",
            json!(3),
        ),
    ];
    for (path, value) in expected {
        assert_eq!(at(&document, path), &value, "{path}");
    }
    let arguments = at(&document, "controlPlane.distro.k8s.apiServer.extraArgs");
    assert_eq!(arguments[2], "--oidc-issuer-url=https://id.example.org");
    assert_eq!(arguments[5], "--oidc-groups-claim=groups");
}

#[test]
fn the_hash_follows_the_content_and_nothing_else() {
    let first = document(&parameters()).unwrap();
    assert_eq!(first.hash, document(&parameters()).unwrap().hash);
    assert_eq!(first.hash.len(), 64);
    let mut changed = parameters();
    changed.networking.fallback_host_cluster = true;
    assert_ne!(first.hash, document(&changed).unwrap().hash);
    let mut elsewhere = parameters();
    elsewhere.images.control_plane = Some("localhost/vcluster:1".into());
    assert_eq!(first.hash, document(&elsewhere).unwrap().hash);
}

#[test]
fn an_overlay_is_merged_and_adds_to_arguments() {
    let mut parameters = parameters();
    parameters.config = serde_json::from_value::<Fragment>(json!({
        "logging": {"encoding": "json"},
        "controlPlane": {"distro": {"k8s": {"apiServer": {"extraArgs": ["--v=4"]}}}},
    }))
    .unwrap();
    let document = read(&parameters);
    assert_eq!(at(&document, "logging.encoding"), "json");
    let arguments = at(&document, "controlPlane.distro.k8s.apiServer.extraArgs");
    assert_eq!(arguments.as_array().unwrap().len(), 3);
    assert_eq!(arguments[2], "--v=4");
    assert_eq!(
        at(&document, "controlPlane.distro.k8s.apiServer.enabled"),
        true
    );
}
