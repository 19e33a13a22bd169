//! What the API server refuses before anything reaches the provider.

use managed::crd;
use provider_tenancy::vault::{KvSecret, Settings};
use serde_json::{Value, json};
use testbed::Admission;

#[tokio::test]
async fn a_kv_secret_that_cannot_work_is_refused_with_the_reason() {
    let admission = Admission::new(vec![crd::managed::<KvSecret>()])
        .await
        .unwrap();
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

    let (first, moved) = (with("a", literal()), with("b", literal()));
    admission.apply("KVSecret", "fixed", &first).await.unwrap();
    let refused = admission.apply("KVSecret", "fixed", &moved).await;
    let refused = refused.unwrap_err();
    assert!(
        refused.contains("mount and path cannot be changed"),
        "{refused}"
    );
    admission.finish().await.unwrap();
}

#[tokio::test]
async fn a_provider_config_that_cannot_work_is_refused_with_the_reason() {
    let [config, _, _] = crd::configs::<Settings>();
    let admission = Admission::new(vec![config]).await.unwrap();
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
    admission.finish().await.unwrap();
}
