//! What is applied is what the vCluster chart would install, for the options that are offered.
//!
//! The chart is rendered by Helm from the module the testbed builds vCluster from. Left out of the
//! comparison: the configuration, which is written here in other words and is read by the real control
//! plane in the other tests; its hash; and the marks by which each tool knows its objects.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use provider_tenancy::kubernetes::vcluster::{
    BackingStoreType, ExposureType, Fragment, LimitRange, NetworkPolicy, PublicEgress, PullPolicy,
    RbacMode, ResourceQuota, Resources, VClusterParameters, manifests,
};
use serde_json::{Value, json};
use testbed::Testbed;

type Change = fn(&mut VClusterParameters);

/// What is asked for here, and the values that ask the chart for the same.
fn table() -> Vec<(&'static str, Change, Value)> {
    let mut table = storage();
    table.extend(reach());
    table.extend(limits());
    table
}

fn storage() -> Vec<(&'static str, Change, Value)> {
    vec![
        ("defaults", |_| {}, json!({})),
        (
            "no volume",
            |p| p.persistence.enabled = false,
            json!({"controlPlane": {"statefulSet": {"persistence": {"volumeClaim": {"enabled": false}}}}}),
        ),
        (
            "a volume of another class and size",
            |p| {
                p.persistence.size = "20Gi".into();
                p.persistence.storage_class_name = Some("fast".into());
            },
            json!({"controlPlane": {"statefulSet": {"persistence": {"volumeClaim": {
                "size": "20Gi", "storageClass": "fast",
            }}}}}),
        ),
        (
            "three replicas on three members of etcd",
            |p| {
                p.backing_store.kind = BackingStoreType::DeployedEtcd;
                p.backing_store.etcd_replicas = 3;
                p.replicas = 3;
            },
            json!({"controlPlane": {
                "backingStore": {"etcd": {"deploy": {
                    "enabled": true, "statefulSet": {"highAvailability": {"replicas": 3}},
                }}},
                "statefulSet": {"highAvailability": {"replicas": 3}},
            }}),
        ),
        (
            "pull secrets and policy",
            |p| {
                p.images.pull_secrets = vec!["registry".into()];
                p.images.pull_policy = Some(PullPolicy::Always);
            },
            json!({"controlPlane": {
                // The chart gives these to both ServiceAccounts.
                "advanced": {"serviceAccount": {"imagePullSecrets": [{"name": "registry"}]}},
                "distro": {"k8s": {"imagePullPolicy": "Always"}},
                "statefulSet": {"imagePullPolicy": "Always"},
            }}),
        ),
    ]
}

fn reach() -> Vec<(&'static str, Change, Value)> {
    vec![
        (
            "a port on the nodes",
            |p| {
                p.exposure.kind = ExposureType::NodePort;
                p.exposure.node_port = Some(31443);
            },
            json!({"controlPlane": {"service": {"spec": {"type": "NodePort"}, "httpsNodePort": 31443}}}),
        ),
        (
            "a load balancer with annotations",
            |p| {
                p.exposure.kind = ExposureType::LoadBalancer;
                p.exposure.annotations = [("example.org/class".into(), "internal".into())].into();
            },
            json!({"controlPlane": {"service": {
                "spec": {"type": "LoadBalancer"}, "annotations": {"example.org/class": "internal"},
            }}}),
        ),
        (
            "an Ingress",
            |p| {
                p.exposure.kind = ExposureType::Ingress;
                p.exposure.host = Some("dev.example.org".into());
                p.exposure.ingress_class_name = Some("nginx".into());
            },
            json!({"controlPlane": {"ingress": {
                "enabled": true, "host": "dev.example.org", "spec": {"ingressClassName": "nginx"},
            }}}),
        ),
        (
            "everything copied to the host that can be",
            |p| {
                p.sync.to_host.ingresses = true;
                p.sync.to_host.network_policies = true;
                p.sync.to_host.pod_disruption_budgets = true;
                p.sync.to_host.service_accounts = true;
            },
            json!({"sync": {"toHost": {
                "ingresses": {"enabled": true},
                "networkPolicies": {"enabled": true},
                "podDisruptionBudgets": {"enabled": true},
                "serviceAccounts": {"enabled": true},
            }}}),
        ),
    ]
}

fn limits() -> Vec<(&'static str, Change, Value)> {
    vec![
        (
            "quota, limits and network policies as the chart has them",
            |p| {
                p.isolation.resource_quota = Some(ResourceQuota::default());
                p.isolation.limit_range = Some(LimitRange::default());
                p.isolation.network_policy = Some(NetworkPolicy::default());
            },
            json!({"policies": {
                "resourceQuota": {"enabled": true},
                "limitRange": {"enabled": true},
                "networkPolicy": {"enabled": true},
            }}),
        ),
        (
            "limits and network policies of one's own",
            |p| {
                p.isolation.limit_range = Some(LimitRange {
                    max: [("cpu".to_owned(), "4".to_owned())].into(),
                    ..LimitRange::default()
                });
                p.isolation.network_policy = Some(NetworkPolicy {
                    public_egress: Some(PublicEgress {
                        enabled: false,
                        cidr: None,
                        except: None,
                    }),
                    workload_egress: vec![fragment(json!({"ports": [{"port": 5432}]}))],
                    ..NetworkPolicy::default()
                });
            },
            json!({"policies": {
                "resourceQuota": {"enabled": false},
                "limitRange": {"enabled": true, "max": {"cpu": 4}},
                "networkPolicy": {"enabled": true, "workload": {
                    "publicEgress": {"enabled": false}, "egress": [{"ports": [{"port": 5432}]}],
                }},
            }}),
        ),
        (
            "resources and places of one's own",
            |p| {
                p.resources = Some(Resources {
                    requests: [("cpu".to_owned(), "50m".to_owned())].into(),
                    limits: [("memory".to_owned(), "1Gi".to_owned())].into(),
                });
                p.scheduling.node_selector = [("a".to_owned(), "b".to_owned())].into();
                p.scheduling.tolerations = vec![fragment(json!({"operator": "Exists"}))];
            },
            json!({"controlPlane": {"statefulSet": {
                "resources": {
                    "limits": {"memory": "1Gi", "ephemeral-storage": null},
                    "requests": {"cpu": "50m", "memory": null, "ephemeral-storage": null},
                },
                "scheduling": {
                    "nodeSelector": {"a": "b"},
                    "tolerations": [{"operator": "Exists"}],
                },
            }}}),
        ),
    ]
}

fn fragment(value: Value) -> Fragment {
    serde_json::from_value(value).unwrap()
}

#[tokio::test]
async fn the_objects_are_those_of_the_chart() {
    let testbed = Testbed::shared().await.unwrap();
    let chart = testbed.vcluster_chart().await.unwrap();
    let mut differences = Vec::new();
    for (what, change, values) in table() {
        let mut parameters = VClusterParameters::new("0.36.1");
        parameters.rbac.mode = RbacMode::Managed;
        change(&mut parameters);
        let ours = manifests("dev", ("vc-dev", "uid"), &parameters, Some(36)).unwrap();
        let ours = by_name(ours);
        let theirs = by_name(render(&testbed.clients().join("helm"), &chart, &values));
        let names: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
        for name in names {
            let (ours, theirs) = (ours.get(name), theirs.get(name));
            if ours != theirs {
                differences.push(format!("{what}: {name}\n  {ours:?}\n  {theirs:?}"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test]
async fn every_key_of_the_configuration_is_one_that_vcluster_knows() {
    let testbed = Testbed::shared().await.unwrap();
    let chart = testbed.vcluster_chart().await.unwrap();
    let schema = std::fs::read_to_string(chart.join("values.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    for (what, change, _) in table() {
        let mut parameters = VClusterParameters::new("0.36.1");
        change(&mut parameters);
        let objects = manifests("dev", ("vc-dev", "uid"), &parameters, None).unwrap();
        let document = configuration(&objects);
        let mut unknown = BTreeSet::new();
        find_unknown(&schema, &schema, &document, "", &mut unknown);
        assert_eq!(unknown, BTreeSet::new(), "{what}");
    }
}

fn configuration(objects: &[Value]) -> Value {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let secret = objects
        .iter()
        .find(|object| object["kind"] == "Secret")
        .unwrap();
    let text = secret["data"]["config.yaml"].as_str().unwrap();
    serde_json::from_slice(&BASE64_STANDARD.decode(text).unwrap()).unwrap()
}

fn find_unknown(
    root: &Value,
    schema: &Value,
    value: &Value,
    path: &str,
    unknown: &mut BTreeSet<String>,
) {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    for (key, value) in value.as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        match schema["properties"].get(key) {
            Some(schema) => find_unknown(root, schema, value, &path, unknown),
            None if schema["additionalProperties"] == false => {
                unknown.insert(path);
            }
            None => {}
        }
    }
}

/// What Helm makes of the chart.
fn render(helm: &Path, chart: &Path, values: &Value) -> Vec<Value> {
    let file = std::env::temp_dir().join(format!("vcluster-values-{}.json", std::process::id()));
    std::fs::write(&file, values.to_string()).unwrap();
    let image = "controlPlane.statefulSet.image.repository=loft-sh/vcluster-oss,\
                 controlPlane.statefulSet.image.tag=0.36.1";
    let output = Command::new(helm)
        .args([
            "template",
            "dev",
            "--namespace",
            "vc-dev",
            "--kube-version",
            "1.36.4",
        ])
        .args(["--set", image])
        .arg("--values")
        .arg(&file)
        .arg(chart)
        .output()
        .unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let documents = text
        .split("\n---\n")
        .map(|text| text.trim_start_matches("---\n"));
    documents
        .filter_map(|text| serde_saphyr::from_str::<Value>(text).ok())
        .filter(Value::is_object)
        .collect()
}

fn by_name(objects: Vec<Value>) -> BTreeMap<String, Value> {
    let name = |object: &Value| {
        let (kind, name) = (&object["kind"], &object["metadata"]["name"]);
        format!("{}/{}", kind.as_str().unwrap(), name.as_str().unwrap())
    };
    let objects = objects.into_iter();
    objects
        .map(|object| (name(&object), normal(object)))
        .collect()
}

/// The object without what is left out of the comparison, and with lists in one order.
fn normal(mut object: Value) -> Value {
    for labels in [
        "/metadata/labels",
        "/spec/volumeClaimTemplates/0/metadata/labels",
    ] {
        if let Some(labels) = object.pointer_mut(labels).and_then(Value::as_object_mut) {
            labels.retain(|key, _| !["heritage", "chart", OWNER].contains(&key.as_str()));
        }
    }
    if let Some(annotations) = object.pointer_mut("/spec/template/metadata/annotations") {
        annotations["vClusterConfigHash"] = "left out".into();
    }
    if object["kind"] == "Secret" {
        object["data"] = "left out".into();
    }
    tidy(&mut object, "");
    object
}

const OWNER: &str = "kubernetes.pnats.cloud/owner-uid";

/// Takes away what says nothing, and orders lists whose order says nothing.
fn tidy(value: &mut Value, key: &str) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields.iter_mut() {
                tidy(value, key);
            }
            fields.retain(|key, value| !is_nothing(key, value));
        }
        Value::Array(items) => {
            for item in items.iter_mut() {
                tidy(item, "");
            }
            if !matches!(key, "command" | "args") {
                items.sort_by_key(Value::to_string);
            }
        }
        _ => {}
    }
}

fn is_nothing(key: &str, value: &Value) -> bool {
    let is_empty = value.as_object().is_some_and(serde_json::Map::is_empty)
        || value.as_array().is_some_and(Vec::is_empty);
    let says_nothing = [
        "annotations",
        "labels",
        "nodeSelector",
        "securityContext",
        "tls",
        "tolerations",
    ];
    value.is_null()
        || (is_empty && says_nothing.contains(&key))
        || (key == "nodePort" && value == 0)
}
