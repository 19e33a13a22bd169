//! What the API server refuses before anything reaches the provider.
//!
//! The CRD is installed under a group of the test's own, so that no running provider sees it.

use managed::crd;
use provider_tenancy::kubernetes::VCluster;
use serde_json::{Value, json};
use testbed::{Namespace, Testbed};

struct Admission {
    testbed: Testbed,
    namespace: Namespace,
    group: String,
}

impl Admission {
    async fn new() -> Self {
        let testbed = Testbed::shared().await.unwrap();
        let namespace = testbed.namespace("admission").await.unwrap();
        let group = format!("{}.example.org", namespace.name());
        let mut crd = crd::managed::<VCluster>();
        crd.spec.group.clone_from(&group);
        let name = format!("vclusters.{group}");
        crd.metadata.name = Some(name.clone());
        let crd = serde_json::to_string(&crd).unwrap();
        testbed.apply(&crd).await.unwrap();
        let crd = format!("crd/{name}");
        let wait = ["wait", "--for=condition=Established", "--timeout=30s", &crd];
        testbed.kubectl(&wait).await.unwrap();
        Self {
            testbed,
            namespace,
            group,
        }
    }

    async fn apply(&self, parameters: &Value) -> Result<(), String> {
        let manifest = json!({
            "apiVersion": format!("{}/v1alpha1", self.group),
            "kind": "VCluster",
            "metadata": {"name": "dev", "namespace": self.namespace.name()},
            "spec": {"forProvider": parameters},
        });
        let applied = self.testbed.apply(&manifest.to_string()).await;
        applied.map_err(|error| format!("{error:#}"))
    }

    async fn finish(self) {
        let crd = format!("vclusters.{}", self.group);
        self.testbed
            .kubectl(&["delete", "crd", &crd])
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_spec_that_cannot_work_is_refused_with_what_to_do() {
    let admission = Admission::new().await;
    let with = |more: Value| {
        let mut parameters = json!({"version": "0.36.1"});
        let more = more.as_object().cloned().unwrap_or_default();
        parameters.as_object_mut().unwrap().extend(more);
        parameters
    };
    let table = [
        (with(json!({"version": "latest"})), "version"),
        (
            with(json!({"replicas": 3})),
            "set backingStore.type to DeployedEtcd",
        ),
        (with(json!({"exposure": {"type": "NodePort"}})), "set host"),
        (
            with(json!({"exposure": {"nodePort": 31443}})),
            "nodePort belongs to type NodePort",
        ),
        (
            with(json!({"persistence": {"size": "big"}})),
            "quantity such as 5Gi",
        ),
        (
            with(json!({"serviceAccountIssuer": "http://x.example"})),
            "serviceAccountIssuer",
        ),
        (with(json!({"namespace": "../kube-system"})), "namespace"),
        (
            with(json!({"backingStore": {"type": "EmbeddedEtcd"}})),
            "backingStore.type",
        ),
    ];
    for (parameters, words) in table {
        let refused = admission.apply(&parameters).await.unwrap_err();
        assert!(refused.contains(words), "{words}: {refused}");
    }
    let first = with(json!({
        "namespace": "vc-dev",
        "persistence": {"size": "5Gi", "storageClassName": "fast"},
        "config": {"logging": {"encoding": "json"}},
    }));
    admission.apply(&first).await.unwrap();
    let changed = |path: &str, value: Value| {
        let mut parameters = first.clone();
        *parameters.pointer_mut(path).unwrap() = value;
        parameters
    };
    let table = [
        (
            changed("/namespace", json!("vc-other")),
            "make another VCluster",
        ),
        (changed("/persistence/size", json!("1Gi")), "cannot shrink"),
        (
            changed("/persistence/storageClassName", json!("slow")),
            "make another VCluster",
        ),
        (
            with(json!({"namespace": "vc-dev", "persistence": {"enabled": false}})),
            "persistence.enabled cannot",
        ),
    ];
    for (parameters, words) in table {
        let refused = admission.apply(&parameters).await.unwrap_err();
        assert!(refused.contains(words), "{words}: {refused}");
    }
    admission
        .apply(&changed("/persistence/size", json!("10Gi")))
        .await
        .unwrap();
    admission.finish().await;
}
