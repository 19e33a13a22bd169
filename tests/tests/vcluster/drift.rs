//! What somebody changed by hand is named, and put back.

use std::time::Duration;

use managed::external::ExternalClient;
use provider_tenancy::kubernetes::vcluster::{
    Isolation, LimitRange, NetworkPolicy, ResourceQuota, VClusterParameters,
};

use tokio::time::timeout;

use crate::fixture::{Fixture, NAME};

/// What is changed by hand: kind, name, patch, and the field that is then named.
const CHANGES: [(&str, &str, &str, &str); 11] = [
    (
        "secret",
        "vc-config-dev",
        r#"{"data":{"config.yaml":"e30="}}"#,
        "Secret/vc-config-dev.data.config.yaml",
    ),
    (
        "serviceaccount",
        "vc-dev",
        r#"{"metadata":{"labels":{"app":"other"}}}"#,
        "ServiceAccount/vc-dev.metadata.labels.app",
    ),
    (
        "rolebinding",
        "vc-dev",
        r#"{"subjects":[{"kind":"ServiceAccount","name":"default"}]}"#,
        "RoleBinding/vc-dev.subjects[0].name",
    ),
    (
        "service",
        "dev",
        r#"{"spec":{"selector":{"release":"other"}}}"#,
        "Service/dev.spec.selector.release",
    ),
    (
        "deployment",
        "dev",
        r#"{"spec":{"replicas":0}}"#,
        "Deployment/dev.spec.replicas",
    ),
    (
        "deployment",
        "dev",
        r#"{"spec":{"template":{"spec":{"containers":[{"name":"syncer","resources":{"requests":{"cpu":"1m"}}}]}}}}"#,
        "Deployment/dev.spec.template.spec.containers[syncer].resources.requests.cpu",
    ),
    (
        "resourcequota",
        "vc-dev",
        r#"{"spec":{"hard":{"count/pods":"2"}}}"#,
        "ResourceQuota/vc-dev.spec.hard.count/pods",
    ),
    (
        "limitrange",
        "vc-dev",
        r#"{"spec":{"limits":[{"type":"Container","default":{"cpu":"2"}}]}}"#,
        "LimitRange/vc-dev.spec.limits[0].default.cpu",
    ),
    (
        "networkpolicy",
        "vc-work-dev",
        r#"{"spec":{"egress":[{}]}}"#,
        "NetworkPolicy/vc-work-dev.spec.egress",
    ),
    (
        "networkpolicy",
        "vc-cp-dev",
        r#"{"spec":{"podSelector":{"matchLabels":{"release":"other"}}}}"#,
        "NetworkPolicy/vc-cp-dev.spec.podSelector.matchLabels.release",
    ),
    (
        "deployment",
        "dev",
        r#"{"spec":{"template":{"metadata":{"annotations":{"vClusterConfigHash":"0"}}}}}"#,
        "Deployment/dev.spec.template.metadata.annotations.vClusterConfigHash",
    ),
];

#[tokio::test]
async fn a_change_of_any_object_is_named_by_its_path_and_undone() {
    let fixture = Fixture::new().await;
    let mut resource = fixture.resource(limited());
    fixture.pass(&mut resource).await.unwrap();
    for (kind, name, patch, field) in CHANGES {
        let patch = ["patch", kind, name, "--type=merge", "--patch", patch];
        let patch = if kind == "deployment" {
            strategic(patch)
        } else {
            patch
        };
        fixture.kubectl(&patch).await;
        let found = fixture.pass(&mut resource).await.unwrap();
        assert!(
            found.iter().any(|found| found == field),
            "{field}: {found:?}"
        );
        let left = fixture.pass(&mut resource).await.unwrap();
        assert_eq!(left, Vec::<String>::new(), "{field}");
    }
    fixture.delete(&mut resource).await;
    assert_eq!(fixture.remains().await, Vec::<String>::new());
}

/// A merge patch would replace the list of containers.
fn strategic<'a>(mut patch: [&'a str; 6]) -> [&'a str; 6] {
    patch[3] = "--type=strategic";
    patch
}

#[tokio::test]
async fn what_is_deleted_by_hand_is_made_again() {
    let fixture = Fixture::new().await;
    let mut resource = fixture.resource(limited());
    fixture.pass(&mut resource).await.unwrap();
    for (kind, name) in [
        ("serviceaccount", "vc-workload-dev"),
        ("rolebinding", "vc-dev"),
        ("secret", "vc-config-dev"),
        ("service", NAME),
        ("deployment", NAME),
        ("networkpolicy", "vc-snapshot-dev"),
    ] {
        fixture.kubectl(&["delete", kind, name]).await;
        let found = fixture.pass(&mut resource).await.unwrap();
        let found: Vec<_> = found.iter().map(|found| found.to_lowercase()).collect();
        assert_eq!(found[0], format!("{kind}/{name}"));
        let left = fixture.pass(&mut resource).await.unwrap();
        assert_eq!(left, Vec::<String>::new());
        fixture.live(kind, name).await;
    }
    fixture.delete(&mut resource).await;
}

#[tokio::test]
async fn what_others_add_is_no_drift_and_what_leaves_the_spec_is_taken_away() {
    let fixture = Fixture::new().await;
    let mut resource = fixture.resource(limited());
    fixture.pass(&mut resource).await.unwrap();
    let injected = r#"{"spec":{"template":{
        "metadata":{"annotations":{"vcluster.loft.sh/cert-rotation-at":"now"}},
        "spec":{"containers":[{"name":"sidecar","image":"localhost/busybox:1"}]}}}}"#;
    fixture
        .kubectl(&[
            "patch",
            "deployment",
            NAME,
            "--type=strategic",
            "--patch",
            injected,
        ])
        .await;
    let annotation = "vcluster.loft.sh/service-cidr=10.96.0.0/12";
    fixture
        .kubectl(&["annotate", "service", NAME, annotation])
        .await;
    assert_eq!(
        fixture.pass(&mut resource).await.unwrap(),
        Vec::<String>::new()
    );

    resource.parameters.isolation = Isolation::default();
    resource.parameters.scheduling.node_selector.clear();
    let mut found = fixture.pass(&mut resource).await.unwrap();
    found.sort();
    let gone = [
        "LimitRange/vc-dev",
        "NetworkPolicy/vc-cp-dev",
        "NetworkPolicy/vc-kube-dns-dev",
        "NetworkPolicy/vc-snapshot-dev",
        "NetworkPolicy/vc-work-dev",
        "ResourceQuota/vc-dev",
    ];
    for part in gone {
        assert!(found.iter().any(|found| found == part), "{part}: {found:?}");
    }
    let selector = "Deployment/dev.spec.template.spec.nodeSelector";
    assert!(
        found.iter().any(|found| found.starts_with(selector)),
        "{found:?}"
    );
    assert_eq!(
        fixture.pass(&mut resource).await.unwrap(),
        Vec::<String>::new()
    );
    let kinds = "resourcequota,limitrange,networkpolicy";
    assert_eq!(fixture.kubectl(&["get", kinds, "--output=name"]).await, "");
    fixture.delete(&mut resource).await;
    assert_eq!(fixture.remains().await, Vec::<String>::new());
}

#[tokio::test]
async fn being_cut_off_anywhere_does_no_harm() {
    let fixture = Fixture::new().await;
    let mut resource = fixture.resource(limited());
    resource.ledger = fixture.session.ledger(&resource);
    let mut cuts = 0;
    let limits = (0_u64..).map(|step| Duration::from_millis(3 + step * 4));
    for limit in limits.clone() {
        match timeout(limit, fixture.session.create(&resource)).await {
            Err(_elapsed) => cuts += 1,
            Ok(created) => {
                created.unwrap();
                break;
            }
        }
    }
    assert!(cuts > 2, "{cuts}");
    assert_eq!(
        fixture.pass(&mut resource).await.unwrap(),
        Vec::<String>::new()
    );
    resource.deleting = true;
    let mut cuts = 0;
    for limit in limits {
        match timeout(limit, fixture.session.delete(&resource)).await {
            Err(_elapsed) => cuts += 1,
            Ok(deleted) => {
                deleted.unwrap();
                break;
            }
        }
    }
    assert!(cuts > 2, "{cuts}");
    assert_eq!(fixture.remains().await, Vec::<String>::new());
}

/// With everything that limits, on a node that does not exist: no pod starts, none is needed.
fn limited() -> VClusterParameters {
    let mut parameters = Fixture::parameters();
    parameters.isolation = Isolation {
        resource_quota: Some(ResourceQuota::default()),
        limit_range: Some(LimitRange::default()),
        network_policy: Some(NetworkPolicy::default()),
        pod_security_standard: None,
    };
    let nowhere = ("nowhere".to_owned(), "true".to_owned());
    parameters.scheduling.node_selector.extend([nowhere]);
    parameters
}
