//! What the API server refuses before anything reaches the provider.
//!
//! The CRDs are installed under a group of the test's own, so that no running provider sees them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use managed::crd;
use provider_tenancy::vault::{KvSecret, Settings};
use serde_json::{Value, json};
use testbed::Testbed;

use crate::fixture::word;

/// CRDs in a group of their own, removed when dropped by [`Admission::finish`].
pub(crate) struct Admission {
    testbed: Testbed,
    group: String,
    names: Vec<String>,
}

impl Admission {
    pub(crate) async fn new(crds: Vec<CustomResourceDefinition>) -> Self {
        let testbed = Testbed::shared().await.unwrap();
        let group = format!("{}.example.org", word());
        let mut names = Vec::new();
        for mut crd in crds {
            crd.spec.group.clone_from(&group);
            let name = format!("{}.{group}", crd.spec.names.plural);
            crd.metadata.name = Some(name.clone());
            testbed
                .apply(&serde_json::to_string(&crd).unwrap())
                .await
                .unwrap();
            testbed
                .kubectl(&[
                    "wait",
                    "--for=condition=Established",
                    "--timeout=30s",
                    &format!("crd/{name}"),
                ])
                .await
                .unwrap();
            names.push(name);
        }
        Self {
            testbed,
            group,
            names,
        }
    }

    /// What the API server says to a new object with this spec.
    pub(crate) async fn create(&self, kind: &str, spec: &Value) -> Result<(), String> {
        let name = word();
        let manifest = self.manifest(kind, &name, spec);
        let outcome = self
            .testbed
            .apply(&manifest)
            .await
            .map_err(|error| format!("{error:#}"));
        if outcome.is_ok() {
            let resource = format!("{}.{}", kind.to_lowercase(), self.group);
            self.testbed
                .kubectl(&["delete", &resource, &name, "--namespace=default"])
                .await
                .unwrap();
        }
        outcome
    }

    fn manifest(&self, kind: &str, name: &str, spec: &Value) -> String {
        json!({
            "apiVersion": format!("{}/v1alpha1", self.group),
            "kind": kind,
            "metadata": {"name": name, "namespace": "default"},
            "spec": spec,
        })
        .to_string()
    }

    pub(crate) async fn finish(self) {
        for name in &self.names {
            self.testbed
                .kubectl(&["delete", "crd", name])
                .await
                .unwrap();
        }
    }
}

#[tokio::test]
async fn a_kv_secret_that_cannot_work_is_refused_with_the_reason() {
    let admission = Admission::new(vec![crd::managed::<KvSecret>()]).await;
    let with =
        |path: &str, source: Value| json!({"forProvider": {"path": path, "data": {"a": source}}});
    let literal = || json!({"value": "x"});
    for path in [
        "a",
        "infrastructure/databases/dev/orders",
        "a b/c",
        "a.b/..c",
    ] {
        admission
            .create("KVSecret", &with(path, literal()))
            .await
            .unwrap();
    }
    for path in [
        "/a", "a/", "a//b", "../a", "a/./b", "a/*", "+/a", " a", "a\tb",
    ] {
        let refused = admission
            .create("KVSecret", &with(path, literal()))
            .await
            .unwrap_err();
        assert!(
            refused.contains("path must be segments between single slashes"),
            "{path:?}: {refused}"
        );
    }
    let one_of = "set exactly one of value, secretKeyRef, fieldRef and template";
    for source in [
        json!({}),
        json!({"value": "x", "template": "y"}),
        json!({"encoding": "Base64"}),
    ] {
        let refused = admission
            .create("KVSecret", &with("a", source.clone()))
            .await
            .unwrap_err();
        assert!(refused.contains(one_of), "{source}: {refused}");
    }
    let empty = json!({"forProvider": {"path": "a", "data": {}}});
    assert!(admission.create("KVSecret", &empty).await.is_err());

    let first = admission.manifest("KVSecret", "fixed", &with("a", literal()));
    admission.testbed.apply(&first).await.unwrap();
    let moved = admission.manifest("KVSecret", "fixed", &with("b", literal()));
    let refused = format!("{:#}", admission.testbed.apply(&moved).await.unwrap_err());
    assert!(
        refused.contains("mount and path cannot be changed"),
        "{refused}"
    );
    admission.finish().await;
}

#[tokio::test]
async fn a_provider_config_that_cannot_work_is_refused_with_the_reason() {
    let [config, _, _] = crd::configs::<Settings>();
    let admission = Admission::new(vec![config]).await;
    let role = || json!({"kubernetes": {"role": "r"}});
    admission
        .create(
            "ProviderConfig",
            &json!({"address": "https://vault:8200", "auth": role()}),
        )
        .await
        .unwrap();
    let plain = json!({"address": "http://vault:8200", "allowHttp": true, "auth": role()});
    admission.create("ProviderConfig", &plain).await.unwrap();
    let both = json!({"kubernetes": {"role": "r"}, "tokenSecretRef": {"name": "a", "key": "b"}});
    let account =
        json!({"kubernetes": {"role": "r", "tokenPath": "/t", "serviceAccountRef": {"name": "a"}}});
    let table = [
        (
            json!({"address": "http://vault:8200", "auth": role()}),
            "address must start with https://",
        ),
        (
            json!({"address": "https://vault:8200", "auth": {}}),
            "exactly one of kubernetes and tokenSecretRef",
        ),
        (
            json!({"address": "https://vault:8200", "auth": both}),
            "exactly one of kubernetes and tokenSecretRef",
        ),
        (
            json!({"address": "https://vault:8200", "auth": account}),
            "at most one of serviceAccountRef and tokenPath",
        ),
    ];
    for (spec, reason) in table {
        let refused = admission.create("ProviderConfig", &spec).await.unwrap_err();
        assert!(refused.contains(reason), "{refused}");
    }
    admission.finish().await;
}
