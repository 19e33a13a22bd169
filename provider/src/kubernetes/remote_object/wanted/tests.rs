//! What becomes of a manifest, and what is refused.

use std::collections::BTreeSet;

use managed::{
    external::Owner,
    input::{Resolved, SecretKeyRef, Value},
};

use super::*;
use crate::kubernetes::remote_object::{
    ManifestValue, RemoteObjectObservation, RemoteObjectParameters,
};

fn key(key: &str) -> SecretKeyRef {
    SecretKeyRef {
        name: "source".into(),
        key: key.into(),
    }
}

fn wanted(manifest: Json, secrets: &[(&str, &str)]) -> Result<Wanted, ExternalError> {
    filled(manifest, secrets, &[])
}

fn filled(
    manifest: Json,
    secrets: &[(&str, &str)],
    templates: &[(&str, &str)],
) -> Result<Wanted, ExternalError> {
    let mut parameters = RemoteObjectParameters::new(key("kubeconfig"), manifest);
    let mut inputs = Resolved::default();
    for (path, secret) in secrets {
        let reference = key(path);
        inputs.insert(managed::Input::secret(&reference), Value::from(*secret));
        parameters
            .values
            .push(ManifestValue::secret(*path, reference));
    }
    let templates = templates.iter();
    let templates = templates.map(|(path, text)| ManifestValue::template(*path, *text));
    parameters.values.extend(templates);
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

#[test]
fn a_template_is_filled_with_other_values_and_hidden_as_they_are() {
    let url = "postgresql://app:{{ data.password | urlencode }}@db/{{ data.name }}";
    let secrets = [("data.password", "p@ss")];
    let templates = [("data.url", url), ("data.name", "app")];
    let wanted = filled(config_map(), &secrets, &templates);
    let wanted = wanted.ok().unwrap();
    let url = "postgresql://app:p%40ss@db/app";
    assert_eq!(wanted.manifest["data"]["url"], url);
    assert!(wanted.hides("data.url", &json!(url)));
}

#[test]
fn text_without_placeholders_is_the_value_and_no_secret() {
    let templates = [("data.database", "orders")];
    let wanted = filled(config_map(), &[], &templates).ok().unwrap();
    assert_eq!(wanted.manifest["data"]["database"], "orders");
    assert!(!wanted.hides("data.database", &json!("orders")));
    let in_secret = filled(secret(), &[], &templates).ok().unwrap();
    assert_eq!(in_secret.manifest["data"], json!({"database": "b3JkZXJz"}));
}

#[test]
fn a_template_names_values_without_placeholders_only() {
    for template in ["{{ data.none }}", "{{ data.other }}", "{{ data.a", "{{ }}"] {
        let templates = [("data.b", template), ("data.other", "x {{ data.a }}")];
        let refused = filled(config_map(), &[("data.a", "hunter2")], &templates);
        let refused = refused.err().unwrap().to_string();
        assert!(
            refused.contains("data.b") && refused.contains("toFieldPath"),
            "{refused}"
        );
        assert!(!refused.contains("hunter2"), "{refused}");
    }
}
