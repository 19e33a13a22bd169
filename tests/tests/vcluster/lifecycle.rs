//! From nothing to a usable virtual cluster, and back to nothing.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{LogParams, PostParams};
use kube::{Api, Client};
use managed::external::{ExternalClient, Observation, Readiness};
use managed::input::Value as Secret;
use provider_tenancy::kubeconfig::{Credential, probe};
use provider_tenancy::kubernetes::vcluster::{
    BackingStoreType, ClaimDeletion, ExistingClaims, ExposureType, Phase,
};
use serde_json::json;
use testbed::BUSYBOX;

use crate::fixture::{Fixture, NAME};

#[tokio::test]
async fn a_virtual_cluster_comes_up_runs_a_pod_and_goes_without_a_trace() {
    let fixture = Fixture::new().await;
    let mut resource = fixture.resource(Fixture::parameters());

    let begin = Instant::now();
    let access = fixture.until_ready(&mut resource).await;
    println!(
        "usable kubeconfig after {:.1} s",
        begin.elapsed().as_secs_f32()
    );
    let host = format!("{NAME}.{}.svc", fixture.namespace());
    assert_eq!(access.server, format!("https://{host}:443"));
    assert_eq!(access.tls_server_name, None);

    let details = resource.connection.clone().unwrap();
    let issuer = details.get("service-account-issuer").unwrap();
    assert_eq!(
        issuer.expose_str(),
        Some(format!("https://{host}").as_str())
    );
    let keys = details.get("service-account-public-keys").unwrap();
    assert!(
        keys.expose_str()
            .unwrap()
            .starts_with("-----BEGIN PUBLIC KEY-----")
    );
    assert_eq!(resource.last.version.as_deref(), Some("0.36.1"));
    assert_eq!(
        resource.last.cluster.kubernetes_version.as_deref(),
        Some("v1.36.4")
    );

    let token = run_pod(&fixture.inside(access.clone()).await).await;
    println!(
        "a pod runs inside after {:.1} s",
        begin.elapsed().as_secs_f32()
    );
    let worker = access.with(Credential::Token(Secret::from(token.trim())));
    let identity = probe::identity(&fixture.inside(worker).await)
        .await
        .unwrap();
    let worker = "system:serviceaccount:default:default";
    assert_eq!(identity.as_deref(), Some(worker));

    let before = fixture.versions().await;
    assert_eq!(
        fixture.pass(&mut resource).await.unwrap(),
        Vec::<String>::new()
    );
    assert_eq!(fixture.versions().await, before);
    assert_eq!(resource.last.phase, Some(Phase::Running));

    let begin = Instant::now();
    fixture.delete(&mut resource).await;
    println!("gone after {:.1} s", begin.elapsed().as_secs_f32());
    assert_eq!(fixture.remains().await, Vec::<String>::new());
    fixture.finish().await;
}

#[tokio::test]
async fn what_is_on_a_volume_outlives_a_pause_and_the_virtual_cluster_itself() {
    let fixture = Fixture::new().await;
    let volume = Volume::create(&fixture).await;
    let mut parameters = Fixture::parameters();
    parameters.persistence.enabled = true;
    parameters.persistence.size = "1Gi".into();
    parameters.persistence.storage_class_name = Some(fixture.namespace().into());
    parameters.persistence.on_delete = ClaimDeletion::Retain;
    let mut resource = fixture.resource(parameters);
    let access = fixture.until_ready(&mut resource).await;
    write(&fixture.inside(access).await).await;

    resource.parameters.paused = Some(true);
    fixture.pass(&mut resource).await.unwrap();
    let paused = fixture.session.observe(&resource).await.unwrap();
    let Observation::Present {
        at_provider,
        ready,
        connection_details,
        ..
    } = paused
    else {
        panic!("gone");
    };
    assert_eq!(at_provider.phase, Some(Phase::Paused));
    assert!(matches!(ready, Readiness::NotReady(_)));
    assert!(connection_details.is_empty());
    resource.parameters.paused = Some(false);
    let access = fixture.until_ready(&mut resource).await;
    assert!(is_there(&fixture.inside(access).await).await);

    fixture.delete(&mut resource).await;
    assert_eq!(
        fixture.remains().await,
        ["persistentvolumeclaim/data-dev-0"]
    );
    let mut next = fixture.resource(resource.parameters.clone());
    next.owner.uid += "-2";
    let error = fixture.pass(&mut next).await.unwrap_err();
    assert!(error.to_string().contains("data-dev-0"), "{error}");
    next.parameters.persistence.existing_claims = ExistingClaims::Reuse;
    next.parameters.persistence.on_delete = ClaimDeletion::Delete;
    let access = fixture.until_ready(&mut next).await;
    assert!(is_there(&fixture.inside(access).await).await);
    fixture.delete(&mut next).await;
    assert_eq!(fixture.remains().await, Vec::<String>::new());
    volume.remove(&fixture).await;
    fixture.finish().await;
}

#[tokio::test]
async fn two_control_planes_on_an_etcd_are_reached_through_a_port_of_the_node() {
    let fixture = Fixture::new().await;
    let mut parameters = Fixture::parameters();
    parameters.backing_store.kind = BackingStoreType::DeployedEtcd;
    parameters.replicas = 2;
    parameters.exposure.kind = ExposureType::NodePort;
    let node = fixture.testbed.api_server().trim_start_matches("https://");
    let node = node.split(':').next().unwrap();
    parameters.exposure.host = Some(node.into());
    let mut resource = fixture.resource(parameters);
    let access = fixture.until_ready(&mut resource).await;
    assert_eq!(access.host(), node);
    let client = access.client().unwrap();
    write(&client).await;
    fixture
        .kubectl(&[
            "wait",
            "--for=condition=Available",
            "deployment/dev",
            "--timeout=90s",
        ])
        .await;

    resource.parameters.networking.fallback_host_cluster = true;
    let changed = fixture.pass(&mut resource).await.unwrap();
    let hash = "Deployment/dev.spec.template.metadata.annotations.vClusterConfigHash";
    assert_eq!(changed, ["Secret/vc-config-dev.data.config.yaml", hash]);
    fixture
        .kubectl(&["rollout", "status", "deployment/dev", "--timeout=120s"])
        .await;
    fixture.until_ready(&mut resource).await;
    assert!(is_there(&client).await);
    fixture.delete(&mut resource).await;
    assert_eq!(fixture.remains().await, Vec::<String>::new());
    fixture.finish().await;
}

#[tokio::test]
async fn a_service_deleted_by_hand_comes_back_with_a_kubeconfig_that_works() {
    let fixture = Fixture::new().await;
    let mut resource = fixture.resource(Fixture::parameters());
    let before = fixture.until_ready(&mut resource).await;
    fixture.kubectl(&["delete", "service", NAME]).await;
    fixture
        .kubectl(&["wait", "--for=delete", "secret/vc-dev", "--timeout=60s"])
        .await;
    let found = fixture.pass(&mut resource).await.unwrap();
    assert!(found.contains(&"Service/dev".to_owned()), "{found:?}");
    let after = fixture.until_ready(&mut resource).await;
    assert_ne!(before.digest(), after.digest());
    fixture.delete(&mut resource).await;
    assert_eq!(fixture.remains().await, Vec::<String>::new());
    fixture.finish().await;
}

/// A volume on the node, in a storage class of its own.
struct Volume(std::path::PathBuf);

impl Volume {
    async fn create(fixture: &Fixture) -> Self {
        let path = std::env::temp_dir().join(fixture.namespace());
        let volume = json!({
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": fixture.namespace()},
            "spec": {
                "storageClassName": fixture.namespace(),
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Retain",
                "hostPath": {"path": path, "type": "DirectoryOrCreate"},
            },
        });
        fixture.testbed.apply(&volume.to_string()).await.unwrap();
        Self(path)
    }

    async fn remove(self, fixture: &Fixture) {
        fixture
            .kubectl(&["delete", "persistentvolume", fixture.namespace()])
            .await;
        std::fs::remove_dir_all(self.0).unwrap();
    }
}

async fn write(client: &Client) {
    let map: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "kept"}})).unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    maps.create(&PostParams::default(), &map).await.unwrap();
}

async fn is_there(client: &Client) -> bool {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    maps.get_opt("kept").await.unwrap().is_some()
}

/// A pod inside, and the token that it was given, read from its log through the virtual API server.
async fn run_pod(client: &Client) -> String {
    let script = "cat /var/run/secrets/kubernetes.io/serviceaccount/token; sleep 3600";
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "worker"},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": "worker",
                "image": BUSYBOX,
                "command": ["sh", "-c", script],
            }],
        },
    }))
    .unwrap();
    let pods: Api<Pod> = Api::namespaced(client.clone(), "default");
    let begin = Instant::now();
    // The ServiceAccount of a new namespace comes a moment after it.
    while let Err(error) = pods.create(&PostParams::default(), &pod).await {
        assert!(begin.elapsed() < Duration::from_secs(30), "{error}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    loop {
        let log = pods.logs("worker", &LogParams::default()).await;
        match log {
            Ok(token) if !token.is_empty() => return token,
            log => assert!(begin.elapsed() < Duration::from_secs(120), "{log:?}"),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
