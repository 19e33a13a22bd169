//! What becomes of a manifest, and what is refused.

use std::collections::BTreeSet;

use managed::{
    external::Owner,
    input::{Resolved, SecretKeyRef},
};

use super::*;
use crate::kubernetes::remote_object::{RemoteObjectObservation, RemoteObjectParameters};

fn key(key: &str) -> SecretKeyRef {
    SecretKeyRef {
        name: "source".into(),
        key: key.into(),
    }
}

fn wanted(manifest: Json, values: &[(&str, &str)]) -> Result<Wanted, ExternalError> {
    let mut parameters = RemoteObjectParameters::new(key("kubeconfig"), manifest);
    let mut inputs = Resolved::default();
    for (path, secret) in values {
        let reference = key(path);
        inputs.insert(managed::Input::secret(&reference), Value::from(*secret));
        parameters.values.push(ManifestValue {
            to_field_path: (*path).to_owned(),
            secret_key_ref: reference,
        });
    }
    Wanted::of(&Desired {
        deleting: false,
        external_name: "x".into(),
        parameters,
        inputs,
        connection: None,
        ledger: BTreeSet::new(),
        last: RemoteObjectObservation::default(),
        owner: Owner::default(),
    })
}

fn secret() -> Json {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "type": "Opaque"})
}

fn config_map() -> Json {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "b"}})
}

#[test]
fn the_values_of_a_secret_end_up_in_data() {
    let wanted = wanted(
        secret(),
        &[("stringData.a", "hunter2"), ("data[\"b.c\"]", "hunter3")],
    );
    let wanted = wanted.ok().unwrap();
    assert_eq!(
        wanted.manifest["data"],
        json!({"a": "aHVudGVyMg==", "b.c": "aHVudGVyMw=="})
    );
    assert!(wanted.manifest["stringData"].is_null());
}

#[test]
fn a_secret_is_hidden_wherever_it_stands() {
    let wanted = wanted(config_map(), &[("data.password", "hunter2")])
        .ok()
        .unwrap();
    assert!(wanted.hides("data.password", &json!("hunter2")));
    assert!(wanted.hides("data", &json!({"password": "hunter2", "a": "b"})));
    assert!(wanted.hides("spec.x", &json!([{"y": "hunter2"}])));
    assert!(!wanted.hides("data.a", &json!("b")));
    assert!(wanted.is_quoted_in("Invalid value: \"hunter2\"") && !wanted.is_quoted_in("no"));
}

#[test]
fn what_must_not_be_in_a_manifest_is_refused() {
    let with = |mut manifest: Json, field: &str, value: Json| {
        manifest[field] = value;
        manifest
    };
    let named = |name: &str| json!({"name": "x", name: "y"});
    for manifest in [
        json!({"kind": "ConfigMap"}),
        with(secret(), "data", json!({"a": "YQ=="})),
        with(secret(), "stringData", json!({"a": "b"})),
        with(config_map(), "status", json!({"a": 1})),
        with(config_map(), "metadata", named("uid")),
        with(config_map(), "metadata", named("resourceVersion")),
        with(config_map(), "metadata", named("managedFields")),
        with(config_map(), "metadata", named("ownerReferences")),
    ] {
        assert!(wanted(manifest.clone(), &[]).is_err(), "{manifest}");
    }
    for path in [
        "metadata.name",
        "kind",
        "status.x",
        "data.a.b",
        "data[",
        "metadata[\"labels\"].x",
    ] {
        assert!(
            wanted(config_map(), &[(path, "hunter2")]).is_err(),
            "{path}"
        );
    }
}

#[test]
fn the_mark_is_part_of_what_is_wanted() {
    let wanted = wanted(config_map(), &[]).ok().unwrap();
    let annotations = wanted.manifest["metadata"]["annotations"]
        .as_object()
        .unwrap();
    assert_eq!(annotations.len(), 2);
}
