//! `RemoteObject`: what the manifest names is kept, and nothing else is touched.

use managed::external::{ExternalError, Observation};
use managed::input::{Input, SecretKeyRef, Value as Secret};
use provider_tenancy::kubernetes::RemoteObject;
use provider_tenancy::kubernetes::remote_object::{
    Adopt, DeletionPolicy, ManifestValue, ReadinessPolicy, ReadinessRule, RemoteObjectParameters,
    WantedCondition, WantedField,
};
use serde_json::{Value, json};

use crate::fixture::{Did, Fixture, Managed, kubeconfig_ref, shown};

const CANARY: &str = "canary-P@ss w:rd";

fn object(fixture: &Fixture, mut manifest: Value) -> Managed<RemoteObject> {
    manifest["metadata"]["namespace"] = fixture.name().into();
    fixture.managed(
        "app",
        RemoteObjectParameters::new(kubeconfig_ref(), manifest),
    )
}

fn config_map(fixture: &Fixture) -> Managed<RemoteObject> {
    let manifest = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "app", "labels": {"team": "shop"}},
        "data": {"a": "1", "b": "2"},
    });
    object(fixture, manifest)
}

fn with_secret(
    fixture: &Fixture,
    manifest: Value,
    path: &str,
    secret: &str,
) -> Managed<RemoteObject> {
    let mut object = object(fixture, manifest);
    let reference = SecretKeyRef {
        name: "source".into(),
        key: "password".into(),
    };
    let value = ManifestValue::secret(path, reference.clone());
    object.0.parameters.values.push(value);
    object
        .0
        .inputs
        .insert(Input::secret(&reference), Secret::from(secret));
    object
}

fn set_source(object: &mut Managed<RemoteObject>, secret: &str) {
    let reference = object.0.parameters.values[0]
        .secret_key_ref
        .clone()
        .unwrap();
    object
        .0
        .inputs
        .insert(Input::secret(&reference), Secret::from(secret));
}

async fn live(fixture: &Fixture, what: &str) -> Value {
    let json = fixture
        .kubectl(&["get", what, "--output=json", "--ignore-not-found"])
        .await;
    serde_json::from_str(&json).unwrap_or_default()
}

async fn settle(object: &mut Managed<RemoteObject>, fixture: &Fixture) {
    assert_eq!(object.pass(&fixture.session).await.unwrap(), Did::Created);
    assert_eq!(object.pass(&fixture.session).await.unwrap(), Did::Nothing);
}

#[tokio::test]
async fn a_settled_object_is_not_written_again() {
    let fixture = Fixture::new().await;
    let mut object = config_map(&fixture);
    settle(&mut object, &fixture).await;
    let before = live(&fixture, "configmap/app").await;
    assert_eq!(object.pass(&fixture.session).await.unwrap(), Did::Nothing);
    let after = live(&fixture, "configmap/app").await;
    assert_eq!(
        before["metadata"]["resourceVersion"],
        after["metadata"]["resourceVersion"]
    );
    assert_eq!(after["data"], json!({"a": "1", "b": "2"}));
    assert_eq!(
        object.0.last.object,
        Some(format!("ConfigMap {}/app", fixture.name()))
    );
}

#[tokio::test]
async fn a_hand_edit_is_named_and_undone_and_what_others_added_stays() {
    let fixture = Fixture::new().await;
    let mut object = config_map(&fixture);
    settle(&mut object, &fixture).await;
    let edit = r#"{"data":{"a":"9","theirs":"x"},"metadata":{"labels":{"team":null}}}"#;
    fixture
        .kubectl(&["patch", "configmap/app", "--type=merge", "--patch", edit])
        .await;
    let did = object.pass(&fixture.session).await.unwrap();
    let fields = ["manifest.data.a", "manifest.metadata.labels.team"].map(str::to_owned);
    assert_eq!(did, Did::Updated(fields.into()));
    let live = live(&fixture, "configmap/app").await;
    assert_eq!(live["data"], json!({"a": "1", "b": "2", "theirs": "x"}));
    assert_eq!(live["metadata"]["labels"]["team"], "shop");
}

#[tokio::test]
async fn what_leaves_the_manifest_leaves_the_object() {
    let fixture = Fixture::new().await;
    let mut object = config_map(&fixture);
    settle(&mut object, &fixture).await;
    object.0.parameters.manifest["data"] = json!({"a": "1"});
    let did = object.pass(&fixture.session).await.unwrap();
    assert_eq!(did, Did::Updated(vec!["manifest.data.b".into()]));
    assert_eq!(
        live(&fixture, "configmap/app").await["data"],
        json!({"a": "1"})
    );
    assert_eq!(object.pass(&fixture.session).await.unwrap(), Did::Nothing);
}

#[tokio::test]
async fn an_object_deleted_by_hand_is_made_again() {
    let fixture = Fixture::new().await;
    let mut object = config_map(&fixture);
    settle(&mut object, &fixture).await;
    fixture.kubectl(&["delete", "configmap/app"]).await;
    settle(&mut object, &fixture).await;
}

#[tokio::test]
async fn a_secret_follows_its_source_and_is_shown_nowhere() {
    let fixture = Fixture::new().await;
    let manifest = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app"}});
    let mut object = with_secret(&fixture, manifest, "stringData.password", CANARY);
    settle(&mut object, &fixture).await;
    let read = async || {
        let path = "--output=go-template={{.data.password | base64decode}}";
        fixture.kubectl(&["get", "secret/app", path]).await
    };
    assert_eq!(read().await, CANARY);
    set_source(&mut object, "canary-new");
    let did = object.pass(&fixture.session).await.unwrap();
    assert_eq!(did, Did::Updated(vec!["manifest.data.password".into()]));
    assert_eq!(read().await, "canary-new");
}

#[tokio::test]
async fn a_secret_that_the_server_refuses_is_not_quoted() {
    let fixture = Fixture::new().await;
    let manifest = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "app"}, "spec": {"type": "ExternalName"}});
    let mut object = with_secret(&fixture, manifest, "spec.externalName", CANARY);
    let refused = object.pass(&fixture.session).await.unwrap_err();
    assert!(matches!(refused, ExternalError::Invalid(_)), "{refused:?}");
    assert!(
        !format!("{refused} {refused:?}").contains("canary"),
        "{refused}"
    );
}

#[tokio::test]
async fn what_the_server_fills_in_is_no_drift() {
    let fixture = Fixture::new().await;
    let container = |name: &str| {
        json!({
            "name": name, "image": "registry.example.org/web:1",
            "ports": [{"containerPort": 8080}, {"containerPort": 53, "protocol": "UDP"}],
            "resources": {"requests": {"cpu": "1000m", "memory": "1024Mi"}, "limits": {"cpu": 2}},
            "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
            "livenessProbe": {"httpGet": {"path": "/", "port": "http"}},
            "securityContext": {},
        })
    };
    let manifests = [
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app"}, "spec": {
            "replicas": 0, "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "a"}}, "spec": {
                "containers": [container("one"), container("two")],
                "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}],
                "tolerations": [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "Exists"}],
            }},
        }}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "app"}, "spec": {
            "selector": {"app": "a"},
            "ports": [{"name": "http", "port": 80, "targetPort": "http"}, {"name": "dns", "port": 53, "protocol": "UDP"}],
        }}),
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "app"}, "spec": {"hard": {"cpu": "2000m", "memory": "1024Mi", "pods": 4}}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "app"}, "rules": [
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "app"}, "spec": {
            "podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": 80}]}]}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app", "finalizers": []}, "automountServiceAccountToken": false}),
    ];
    for manifest in manifests {
        let mut object = object(&fixture, manifest.clone());
        assert_eq!(
            object.pass(&fixture.session).await.unwrap(),
            Did::Created,
            "{manifest}"
        );
        assert_eq!(
            object.pass(&fixture.session).await.unwrap(),
            Did::Nothing,
            "{manifest}"
        );
    }
    let edit =
        r#"[{"op":"replace","path":"/spec/template/spec/containers/1/image","value":"x:2"}]"#;
    fixture
        .kubectl(&["patch", "deployment/app", "--type=json", "--patch", edit])
        .await;
    let manifest = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app"}, "spec": {
        "selector": {"matchLabels": {"app": "a"}},
        "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [container("two")]}},
    }});
    let mut other = object(&fixture, manifest);
    let refused = other.pass(&fixture.session).await.unwrap_err();
    assert!(
        refused.to_string().contains("belongs to remoteobject"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_container_is_found_by_its_name_and_a_removed_one_is_taken_out() {
    let fixture = Fixture::new().await;
    let containers = |names: &[&str]| {
        let containers = names
            .iter()
            .map(|name| json!({"name": name, "image": "x:1"}));
        json!(containers.collect::<Vec<_>>())
    };
    let manifest = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app"}, "spec": {
        "replicas": 0, "selector": {"matchLabels": {"app": "a"}},
        "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": containers(&["one", "two"])}},
    }});
    let mut object = object(&fixture, manifest);
    settle(&mut object, &fixture).await;
    let edit =
        r#"[{"op":"replace","path":"/spec/template/spec/containers/1/image","value":"x:2"}]"#;
    fixture
        .kubectl(&["patch", "deployment/app", "--type=json", "--patch", edit])
        .await;
    let path = "manifest.spec.template.spec.containers[name=two].image".to_owned();
    assert_eq!(
        object.pass(&fixture.session).await.unwrap(),
        Did::Updated(vec![path])
    );
    object.0.parameters.manifest["spec"]["template"]["spec"]["containers"] = containers(&["two"]);
    let path = "manifest.spec.template.spec.containers[name=one]".to_owned();
    assert_eq!(
        object.pass(&fixture.session).await.unwrap(),
        Did::Updated(vec![path])
    );
    assert_eq!(object.pass(&fixture.session).await.unwrap(), Did::Nothing);
}

#[tokio::test]
async fn an_object_of_somebody_else_is_taken_over_only_when_that_is_asked_for() {
    let fixture = Fixture::new().await;
    fixture
        .kubectl(&["create", "configmap", "app", "--from-literal=a=theirs"])
        .await;
    let mut object = config_map(&fixture);
    let refused = object.pass(&fixture.session).await.unwrap_err();
    assert!(
        matches!(refused, ExternalError::Blocked { .. }),
        "{refused:?}"
    );
    object.0.parameters.adopt = Adopt::IfUnowned;
    assert!(matches!(
        object.pass(&fixture.session).await.unwrap(),
        Did::Updated(_)
    ));
    assert_eq!(object.pass(&fixture.session).await.unwrap(), Did::Nothing);
    let mut second = config_map(&fixture);
    second.0.parameters.adopt = Adopt::IfUnowned;
    let refused = second.pass(&fixture.session).await.unwrap_err();
    assert!(refused.to_string().contains("belongs to"), "{refused}");
}

#[tokio::test]
async fn readiness_follows_conditions_and_fields() {
    let fixture = Fixture::new().await;
    let mut object = config_map(&fixture);
    settle(&mut object, &fixture).await;
    let rule = |policy, conditions, fields| ReadinessRule {
        policy,
        conditions,
        fields,
    };
    let available = vec![WantedCondition {
        kind: "Available".into(),
        status: "True".into(),
    }];
    object.0.parameters.readiness = rule(ReadinessPolicy::Conditions, available, vec![]);
    assert!(!shown(&object.observe(&fixture.session).await.unwrap()).0);
    let field = vec![WantedField {
        path: "data.a".into(),
        value: "1".into(),
    }];
    object.0.parameters.readiness = rule(ReadinessPolicy::Fields, vec![], field);
    assert!(shown(&object.observe(&fixture.session).await.unwrap()).0);
}

#[tokio::test]
async fn deletion_removes_the_object_or_leaves_it_to_others() {
    let fixture = Fixture::new().await;
    fixture.store_kubeconfig().await;
    let mut object = config_map(&fixture);
    settle(&mut object, &fixture).await;
    let mut orphan = object.deleting();
    orphan.0.parameters.deletion_policy = DeletionPolicy::Orphan;
    assert_eq!(orphan.pass(&fixture.session).await.unwrap(), Did::Deleted);
    assert_eq!(orphan.pass(&fixture.session).await.unwrap(), Did::Finalized);
    let left = live(&fixture, "configmap/app").await;
    assert_eq!(left["data"], json!({"a": "1", "b": "2"}));
    assert!(left["metadata"]["annotations"].is_null());
    object.0.parameters.adopt = Adopt::IfUnowned;
    object.pass(&fixture.session).await.unwrap();
    let mut leaving = object.deleting();
    assert_eq!(leaving.pass(&fixture.session).await.unwrap(), Did::Deleted);
    assert_eq!(
        leaving.pass(&fixture.session).await.unwrap(),
        Did::Finalized
    );
    assert_eq!(live(&fixture, "configmap/app").await, Value::Null);
}

#[tokio::test]
async fn deletion_leaves_alone_what_belongs_to_somebody_else() {
    let fixture = Fixture::new().await;
    fixture.store_kubeconfig().await;
    let mut owner = config_map(&fixture);
    settle(&mut owner, &fixture).await;
    let mut other = config_map(&fixture).deleting();
    assert_eq!(other.pass(&fixture.session).await.unwrap(), Did::Finalized);
    assert_eq!(owner.pass(&fixture.session).await.unwrap(), Did::Nothing);
}

#[tokio::test]
async fn a_kubeconfig_that_vanished_first_blocks_no_deletion() {
    let fixture = Fixture::new().await;
    let mut object = config_map(&fixture);
    settle(&mut object, &fixture).await;
    let mut leaving = object.deleting();
    assert_eq!(
        leaving.pass(&fixture.session).await.unwrap(),
        Did::Finalized
    );
}

#[tokio::test]
async fn a_kind_or_a_namespace_that_is_not_there_is_named() {
    let fixture = Fixture::new().await;
    let unknown =
        json!({"apiVersion": "example.org/v1", "kind": "Bird", "metadata": {"name": "app"}});
    let refused = object(&fixture, unknown)
        .pass(&fixture.session)
        .await
        .unwrap_err();
    assert!(
        matches!(refused, ExternalError::Blocked { .. }),
        "{refused:?}"
    );
    let mut elsewhere = config_map(&fixture);
    elsewhere.0.parameters.manifest["metadata"]["namespace"] = "nowhere-at-all".into();
    let refused = elsewhere.pass(&fixture.session).await.unwrap_err();
    assert!(refused.to_string().contains("nowhere-at-all"), "{refused}");
    let cluster = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "app"}});
    let refused = object(&fixture, cluster)
        .pass(&fixture.session)
        .await
        .unwrap_err();
    assert!(matches!(refused, ExternalError::Invalid(_)), "{refused:?}");
}

#[tokio::test]
async fn a_kubeconfig_without_the_right_is_told_which_one_is_missing() {
    let fixture = Fixture::new().await;
    fixture.account("nobody").await;
    let mut object = config_map(&fixture);
    object.set_kubeconfig(fixture.token_kubeconfig("nobody").await);
    let refused = object.pass(&fixture.session).await.unwrap_err();
    assert!(matches!(refused, ExternalError::Denied(_)), "{refused:?}");
    assert!(
        refused
            .to_string()
            .contains("cannot get resource \"configmaps\""),
        "{refused}"
    );
}

#[tokio::test]
async fn an_absent_object_is_absent() {
    let fixture = Fixture::new().await;
    let observed = config_map(&fixture)
        .observe(&fixture.session)
        .await
        .unwrap();
    assert!(matches!(observed, Observation::Absent));
}
