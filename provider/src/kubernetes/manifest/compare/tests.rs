//! The table of the module, and the property that what was applied does not differ.

use proptest::prelude::*;

use super::*;

fn paths(desired: &Json, live: &Json, applied: Option<&Json>) -> Vec<String> {
    let found = compare(desired, live, applied);
    found
        .iter()
        .map(|difference| difference.path.to_string())
        .collect()
}

fn differs(desired: &Json, live: &Json) -> Vec<String> {
    paths(desired, live, None)
}

#[test]
fn what_the_manifest_does_not_name_is_no_drift() {
    let desired = json!({"spec": {"replicas": 2, "template": {}}});
    let live = json!({
        "spec": {"replicas": 2, "revisionHistoryLimit": 10, "template": {"x": 1}},
        "status": {"replicas": 1},
    });
    assert_eq!(differs(&desired, &live), Vec::<String>::new());
}

#[test]
fn a_value_that_differs_or_is_gone_is_named_by_its_path() {
    let desired =
        json!({"metadata": {"labels": {"a": "1", "b.c/d": "2"}}, "spec": {"replicas": 2}});
    let live = json!({"metadata": {"labels": {"a": "9"}}, "spec": {"replicas": 3}});
    assert_eq!(
        differs(&desired, &live),
        [
            "metadata.labels.a",
            "metadata.labels[\"b.c/d\"]",
            "spec.replicas"
        ]
    );
}

#[test]
fn another_spelling_of_the_same_amount_is_no_drift_except_in_free_text() {
    let spelled = |limit: Json| json!({"spec": {"limit": limit}});
    for (a, b) in [
        (json!("1000m"), json!("1")),
        (json!("1Gi"), json!("1024Mi")),
        (json!(8080), json!("8080")),
        (json!(1), json!(1.0)),
    ] {
        assert_eq!(differs(&spelled(a), &spelled(b)), Vec::<String>::new());
    }
    for field in ["data", "labels", "annotations"] {
        let (a, b) = (json!({field: {"x": "1000m"}}), json!({field: {"x": "1"}}));
        assert_eq!(differs(&a, &b), [format!("{field}.x")]);
    }
    assert_eq!(
        differs(&spelled(json!(true)), &spelled(json!("true"))),
        ["spec.limit"]
    );
}

#[test]
fn what_is_empty_may_be_missing() {
    let desired = json!({"a": {}, "b": [], "c": "", "d": {"e": 0}});
    assert_eq!(differs(&desired, &json!({})), ["d.e"]);
}

#[test]
fn items_are_told_apart_as_the_server_does() {
    let applied = json!({"f:spec": {"f:ports": {
        "k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:targetPort": {}},
    }, "f:hosts": {"v:\"a\"": {}}, "f:args": {}}});
    let desired = json!({"spec": {
        "ports": [{"port": 80, "targetPort": 8080}], "hosts": ["a"], "args": ["x"],
    }});
    let live = json!({"spec": {
        "ports": [
            {"port": 443, "protocol": "TCP", "targetPort": 1},
            {"port": 80, "protocol": "TCP", "targetPort": 9090},
        ],
        "hosts": ["b", "a"],
        "args": ["x", "y"],
    }});
    assert_eq!(
        paths(&desired, &live, Some(&applied)),
        ["spec.args", "spec.ports[port=80].targetPort"]
    );
}

#[test]
fn an_item_that_is_gone_is_drift_and_a_foreign_one_is_not() {
    let desired = json!({"containers": [{"name": "app", "image": "x"}]});
    let with_sidecar =
        json!({"containers": [{"name": "mesh"}, {"name": "app", "image": "x", "tty": false}]});
    assert_eq!(differs(&desired, &with_sidecar), Vec::<String>::new());
    let without = json!({"containers": [{"name": "mesh"}]});
    assert_eq!(differs(&desired, &without), ["containers[name=app]"]);
}

fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        "[a-z0-9.]{0,6}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map("[a-z.]{1,4}", inner, 0..4)
                .prop_map(|fields| Json::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_manifest_does_not_differ_from_itself(desired in value()) {
        prop_assert_eq!(compare(&desired, &desired, None), vec![]);
    }

    #[test]
    fn a_changed_number_is_always_found(desired in value(), number in any::<i32>()) {
        let (mut wanted, mut live) = (json!({"rest": desired}), json!({"rest": desired}));
        wanted["n"] = number.into();
        live["n"] = (i64::from(number) + 1).into();
        prop_assert_eq!(differs(&wanted, &live), vec!["n".to_owned()]);
    }
}
