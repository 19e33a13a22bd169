//! What the API server refuses before anything reaches the provider, and that it keeps manifests whole.

use managed::crd;
use provider_tenancy::kubernetes::{ArgoCdCluster, ClusterConnection, RemoteObject, Settings};
use serde_json::{Value, json};
use testbed::Admission;

#[expect(clippy::needless_pass_by_value, reason = "as json! takes it")]
fn remote(manifest: Value) -> Value {
    json!({"forProvider": {"kubeconfigSecretRef": {"name": "a", "key": "b"}, "manifest": manifest}})
}

#[expect(clippy::needless_pass_by_value, reason = "as json! takes it")]
fn argo(more: Value) -> Value {
    let mut parameters = json!({"kubeconfigSecretRef": {"name": "a", "key": "b"}, "name": "dev"});
    for (field, value) in more.as_object().unwrap() {
        parameters[field] = value.clone();
    }
    json!({"forProvider": parameters})
}

#[tokio::test]
async fn a_manifest_is_kept_whole_and_its_object_cannot_change() {
    let admission = Admission::new(vec![crd::managed::<RemoteObject>()])
        .await
        .unwrap();
    let manifest = |kind: &str, name: &str| {
        json!({
            "apiVersion": "apps/v1", "kind": kind,
            "metadata": {"name": name, "labels": {"a.b/c": "d"}, "annotations": {"x": "y"}},
            "spec": {"deep": [{"name": "a", "n": 1.5, "b": true}]},
        })
    };
    let spec = remote(manifest("Deployment", "web"));
    admission.apply("RemoteObject", "web", &spec).await.unwrap();
    let kept = admission.get("RemoteObject", "web").await.unwrap();
    assert_eq!(
        kept["spec"]["forProvider"]["manifest"],
        spec["forProvider"]["manifest"]
    );
    for (kind, name) in [("Deployment", "other"), ("StatefulSet", "web")] {
        let refused = admission
            .apply("RemoteObject", "web", &remote(manifest(kind, name)))
            .await;
        assert!(refused.unwrap_err().contains("make another RemoteObject"));
    }
    let mut newer = manifest("Deployment", "web");
    newer["apiVersion"] = "apps/v2".into();
    admission
        .apply("RemoteObject", "web", &remote(newer.clone()))
        .await
        .unwrap();
    newer["apiVersion"] = "example.org/v2".into();
    let refused = admission.apply("RemoteObject", "web", &remote(newer)).await;
    assert!(refused.unwrap_err().contains("API group cannot be changed"));
    admission
        .refuses("RemoteObject", &remote(json!({"kind": "X"})), "apiVersion")
        .await
        .unwrap();
    let mut rule = remote(manifest("Deployment", "web"));
    rule["forProvider"]["readiness"] = json!({"policy": "Conditions"});
    admission
        .refuses(
            "RemoteObject",
            &rule,
            "give conditions with policy Conditions",
        )
        .await
        .unwrap();
    admission.finish().await.unwrap();
}

#[tokio::test]
async fn a_cluster_of_argo_cd_keeps_its_name_and_its_label() {
    let admission = Admission::new(vec![crd::managed::<ArgoCdCluster>()])
        .await
        .unwrap();
    admission
        .apply("ArgoCDCluster", "dev", &argo(json!({})))
        .await
        .unwrap();
    for changed in [json!({"name": "other"}), json!({"namespace": "other"})] {
        let refused = admission
            .apply("ArgoCDCluster", "dev", &argo(changed))
            .await;
        assert!(
            refused
                .unwrap_err()
                .contains("name and namespace cannot be changed")
        );
    }
    for (more, why) in [
        (
            json!({"labels": {"argocd.argoproj.io/secret-type": "x"}}),
            "is set already",
        ),
        (
            json!({"clusterResources": true}),
            "clusterResources needs namespaces",
        ),
        (json!({"name": "Not a name"}), "name"),
        (
            json!({"endpoint": {"server": "http://plain"}}),
            "endpoint.server",
        ),
        (
            json!({"credential": {"type": "Kubeconfig", "clusterRole": "edit"}}),
            "go with type ServiceAccountToken",
        ),
        (
            json!({"credential": {"expirationSeconds": 60}}),
            "expirationSeconds",
        ),
    ] {
        admission
            .refuses("ArgoCDCluster", &argo(more), why)
            .await
            .unwrap();
    }
    admission.finish().await.unwrap();
}

#[tokio::test]
async fn a_config_names_its_secret_exactly_when_it_uses_one() {
    let crds = crd::configs::<Settings>().into_iter();
    let crds = crds.chain([crd::managed::<ClusterConnection>()]).collect();
    let admission = Admission::new(crds).await.unwrap();
    let reference = json!({"name": "a", "key": "b"});
    let with_secret = json!({"credentials": {"source": "Secret", "secretRef": reference}});
    admission
        .create("ProviderConfig", &with_secret)
        .await
        .unwrap();
    admission
        .create("ProviderConfig", &json!({}))
        .await
        .unwrap();
    for credentials in [json!({"source": "Secret"}), json!({"secretRef": reference})] {
        let spec = json!({"credentials": credentials});
        admission
            .refuses("ProviderConfig", &spec, "set both or neither")
            .await
            .unwrap();
    }
    let patterns = json!({"allowedHostNamespaces": ["Not/a/pattern"]});
    admission
        .refuses("ProviderConfig", &patterns, "allowedHostNamespaces")
        .await
        .unwrap();
    admission.finish().await.unwrap();
}
