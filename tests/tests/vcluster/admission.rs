//! What the API server refuses before anything reaches the provider.

use managed::crd;
use provider_tenancy::kubernetes::VCluster;
use serde_json::{Value, json};
use testbed::Admission;

#[tokio::test]
async fn a_spec_that_cannot_work_is_refused_with_what_to_do() {
    let admission = Admission::new(vec![crd::managed::<VCluster>()])
        .await
        .unwrap();
    let table = [
        (json!({"version": "latest"}), "version"),
        (
            json!({"replicas": 3}),
            "set backingStore.type to DeployedEtcd",
        ),
        (json!({"exposure": {"type": "NodePort"}}), "set host"),
        (
            json!({"exposure": {"nodePort": 31443}}),
            "nodePort belongs to type NodePort",
        ),
        (
            json!({"persistence": {"size": "big"}}),
            "quantity such as 5Gi",
        ),
        (
            json!({"serviceAccountIssuer": "http://x.example"}),
            "serviceAccountIssuer",
        ),
        (json!({"namespace": "../kube-system"}), "namespace"),
        (
            json!({"backingStore": {"type": "EmbeddedEtcd"}}),
            "backingStore.type",
        ),
    ];
    for (parameters, words) in table {
        admission
            .refuses("VCluster", &with(&parameters), words)
            .await
            .unwrap();
    }
    admission.finish().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_changed_is_refused_and_a_volume_may_grow() {
    let admission = Admission::new(vec![crd::managed::<VCluster>()])
        .await
        .unwrap();
    let first = with(&json!({
        "namespace": "vc-dev",
        "persistence": {"size": "5Gi", "storageClassName": "fast"},
        "config": {"logging": {"encoding": "json"}},
    }));
    admission.apply("VCluster", "dev", &first).await.unwrap();
    let changed = |path: &str, value: Value| {
        let mut parameters = first.clone();
        *parameters["forProvider"].pointer_mut(path).unwrap() = value;
        parameters
    };
    let another = "make another VCluster";
    let table = [
        (changed("/namespace", json!("vc-other")), another),
        (changed("/persistence/size", json!("1Gi")), "cannot shrink"),
        (
            changed("/persistence/storageClassName", json!("slow")),
            another,
        ),
        (
            changed(
                "/persistence",
                json!({"enabled": false, "storageClassName": "fast"}),
            ),
            "persistence.enabled cannot",
        ),
    ];
    for (parameters, words) in table {
        let refused = admission
            .apply("VCluster", "dev", &parameters)
            .await
            .unwrap_err();
        assert!(refused.contains(words), "{words}: {refused}");
    }
    let grown = changed("/persistence/size", json!("10Gi"));
    admission.apply("VCluster", "dev", &grown).await.unwrap();
    admission.finish().await.unwrap();
}

/// A spec with the least that is needed, and this.
fn with(more: &Value) -> Value {
    let mut parameters = json!({"version": "0.36.1"});
    let more = more.as_object().cloned().unwrap_or_default();
    parameters.as_object_mut().unwrap().extend(more);
    json!({"forProvider": parameters})
}
