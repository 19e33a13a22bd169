use rstest::rstest;
use serde_json::json;

use super::*;
use crate::kubernetes::vcluster::observation::Part;

fn found(kind: &str, desired: Value, live: &Value) -> Vec<String> {
    let manifest = Manifest {
        part: Part::new(kind, "dev"),
        body: desired,
    };
    let drift = differences(&manifest, live);
    drift.into_iter().map(|drift| drift.field).collect()
}

#[rstest]
#[case(json!({"spec": {"a": 1}}), json!({"spec": {"a": 1, "b": 2}, "status": {}}))]
#[case(
    json!({"spec": {"resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}}}}),
    json!({"spec": {"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}})
)]
#[case(
    json!({"spec": {"ports": [{"name": "https", "targetPort": "8443"}]}}),
    json!({"spec": {"ports": [{"name": "https", "targetPort": 8443, "nodePort": 31000}]}})
)]
#[case(
    json!({"spec": {"containers": [{"name": "syncer", "image": "a"}]}}),
    json!({"spec": {"containers": [
        {"name": "sidecar", "image": "b"},
        {"name": "syncer", "image": "a", "terminationMessagePath": "/dev/termination-log"},
    ]}})
)]
#[case(
    json!({"spec": {"volumes": [{"name": "tmp", "emptyDir": {}}]}}),
    json!({"spec": {"volumes": [{"name": "injected"}, {"name": "tmp", "emptyDir": {}}]}})
)]
#[case(
    json!({"metadata": {"annotations": {"a": "1"}}}),
    json!({"metadata": {"annotations": {"a": "1", "vcluster.loft.sh/service-cidr": "10.0.0.0/8"}}})
)]
fn what_others_add_or_write_differently_is_no_difference(
    #[case] desired: Value,
    #[case] live: Value,
) {
    assert_eq!(found("Service", desired, &live), Vec::<String>::new());
}

#[rstest]
#[case(json!({"spec": {"a": 1}}), json!({"spec": {"a": 2}}), "Service/dev.spec.a")]
#[case(json!({"spec": {"a": 1}}), json!({"spec": {}}), "Service/dev.spec.a")]
#[case(json!({"spec": {"a": 1}}), json!({}), "Service/dev.spec")]
#[case(
    json!({"spec": {"x": "1000m"}}), json!({"spec": {"x": "1"}}),
    "Service/dev.spec.x"
)]
#[case(
    json!({"spec": {"hard": {"count/pods": "20"}}}), json!({"spec": {"hard": {"count/pods": "2"}}}),
    "Service/dev.spec.hard.count/pods"
)]
#[case(
    json!({"spec": {"env": [{"name": "A", "value": "1"}]}}),
    json!({"spec": {"env": [{"name": "B", "value": "1"}]}}),
    "Service/dev.spec.env[A]"
)]
#[case(
    json!({"spec": {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}}),
    json!({"spec": {"volumeMounts": [{"name": "tmp", "mountPath": "/data"}]}}),
    "Service/dev.spec.volumeMounts[/data].name"
)]
#[case(
    json!({"rules": [{"verbs": ["get"]}]}), json!({"rules": [{"verbs": ["get", "list"]}]}),
    "Service/dev.rules[0].verbs"
)]
#[case(
    json!({"rules": [{"verbs": ["get"]}]}), json!({"rules": [{"verbs": ["get"]}, {}]}),
    "Service/dev.rules"
)]
#[case(
    json!({"metadata": {"labels": {"app": "a"}}}), json!({"metadata": {"labels": {"app": "b"}}}),
    "Service/dev.metadata.labels.app"
)]
fn a_field_that_differs_is_named_by_its_path(
    #[case] desired: Value,
    #[case] live: Value,
    #[case] field: &str,
) {
    assert_eq!(found("Service", desired, &live), [field]);
}

#[test]
fn a_field_that_is_applied_no_longer_is_named_for_as_long_as_it_is_ours() {
    let live = |manager: &str| {
        json!({
            "metadata": {"managedFields": [{
                "manager": manager,
                "operation": "Apply",
                "fieldsV1": {"f:spec": {
                    "f:kept": {},
                    "f:gone": {"f:below": {}},
                    "f:containers": {
                        "k:{\"name\":\"kept\"}": {".": {}, "f:image": {}, "f:name": {}},
                        "k:{\"name\":\"gone\"}": {".": {}, "f:name": {}},
                    },
                    "f:list": {"v:\"gone\"": {}},
                }},
            }]},
            "spec": {"kept": 1, "gone": {"below": 1}, "list": ["gone"], "containers": [
                {"name": "kept", "image": "a"}, {"name": "gone"},
            ]},
        })
    };
    let desired = json!({"spec": {
        "kept": 1, "list": ["gone"], "containers": [{"name": "kept", "image": "a"}],
    }});
    assert_eq!(
        found("Service", desired.clone(), &live(MANAGER)),
        [
            "Service/dev.spec.containers[{\"name\":\"gone\"}]",
            "Service/dev.spec.gone",
        ]
    );
    let nothing = Vec::<String>::new();
    assert_eq!(found("Service", desired, &live("kubectl")), nothing);
}

#[test]
fn what_a_secret_holds_is_not_shown() {
    let manifest = Manifest {
        part: Part::new("Secret", "vc-config-dev"),
        body: json!({"data": {"config.yaml": "aHVudGVyMg=="}}),
    };
    let drift = differences(&manifest, &json!({"data": {"config.yaml": "aHVudGVyMw=="}}));
    assert_eq!(drift.len(), 1);
    assert!(!format!("{drift:?}").contains("aHVudGVy"));
}
