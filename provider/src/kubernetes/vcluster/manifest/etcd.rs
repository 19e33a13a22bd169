//! The etcd beside a control plane of several replicas.

use serde_json::{Value, json};

use super::{
    Host, Manifest,
    control_plane::{claims, placement, pull_policy},
    manifest, merge, selector,
};
use crate::kubernetes::vcluster::target::Target;

const APP: &str = "vcluster-etcd";
const PKI: &str = "/run/config/pki";

/// Services and `StatefulSet` of etcd. Its certificates are in a Secret that the control plane makes.
pub(super) fn all(target: &Target<'_>, _host: Host) -> [Manifest; 3] {
    let name = format!("{}-etcd", target.name);
    let headless = json!({"spec": {
        "clusterIP": "None",
        "publishNotReadyAddresses": true,
        "ports": ports(),
        "selector": selector(target, APP),
    }});
    let service = json!({"spec": {
        "type": "ClusterIP",
        "ports": ports(),
        "selector": selector(target, APP),
    }});
    let headless_name = format!("{name}-headless");
    [
        manifest(target, "Service", &headless_name, APP, headless),
        manifest(target, "Service", &name, APP, service),
        manifest(
            target,
            "StatefulSet",
            &name,
            APP,
            json!({"spec": spec(target)}),
        ),
    ]
}

fn ports() -> Value {
    json!([
        {"name": "etcd", "port": 2379, "protocol": "TCP", "targetPort": 2379},
        {"name": "peer", "port": 2380, "protocol": "TCP", "targetPort": 2380},
    ])
}

fn spec(target: &Target<'_>) -> Value {
    let mut spec = json!({
        "replicas": target.parameters.backing_store.etcd_replicas,
        "podManagementPolicy": "Parallel",
        "serviceName": format!("{}-etcd-headless", target.name),
        "selector": {"matchLabels": selector(target, APP)},
        "template": {
            "metadata": {"labels": selector(target, APP)},
            "spec": pod(target),
        },
    });
    if target.parameters.persistence.enabled {
        spec["volumeClaimTemplates"] = claims(target);
    }
    spec
}

fn pod(target: &Target<'_>) -> Value {
    let certificates = format!("{}-certs", target.name);
    let mut volumes = vec![json!({"name": "certs", "secret": {"secretName": certificates}})];
    if !target.parameters.persistence.enabled {
        volumes.push(json!({"name": "data", "emptyDir": {}}));
    }
    let mut pod = json!({
        "affinity": apart(target),
        "automountServiceAccountToken": false,
        "containers": [container(target)],
        "enableServiceLinks": true,
        "serviceAccountName": target.service_account(),
        "terminationGracePeriodSeconds": 10,
        "volumes": volumes,
    });
    let placement = placement(target);
    if placement.get("affinity").is_some() {
        pod["affinity"] = json!({});
    }
    merge(&mut pod, placement);
    pod
}

/// Members prefer nodes, and zones, of their own.
fn apart(target: &Target<'_>) -> Value {
    let term = |weight: u32, topology: &str| {
        json!({
            "weight": weight,
            "podAffinityTerm": {
                "labelSelector": {"matchExpressions": [
                    {"key": "app", "operator": "In", "values": [APP]},
                    {"key": "release", "operator": "In", "values": [target.name]},
                ]},
                "topologyKey": topology,
            },
        })
    };
    json!({"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
        term(100, "kubernetes.io/hostname"),
        term(50, "topology.kubernetes.io/zone"),
    ]}})
}

fn container(target: &Target<'_>) -> Value {
    let probe = |path: &str, failures: u32| {
        json!({
            "httpGet": {"path": path, "port": 2381, "scheme": "HTTP"},
            "initialDelaySeconds": 10,
            "timeoutSeconds": 15,
            "periodSeconds": 10,
            "successThreshold": 1,
            "failureThreshold": failures,
        })
    };
    let mut container = json!({
        "name": "etcd",
        "image": target.etcd_image(),
        "command": command(target),
        "env": [{"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "volumeMounts": [
            {"name": "data", "mountPath": "/var/lib/etcd"},
            {"name": "certs", "mountPath": PKI, "readOnly": true},
        ],
        "resources": {"requests": {"cpu": "20m", "memory": "150Mi"}},
        "livenessProbe": probe("/livez", 8),
        "startupProbe": probe("/readyz", 24),
    });
    merge(&mut container, pull_policy(target));
    container
}

fn command(target: &Target<'_>) -> Vec<String> {
    let domain = format!("{}-etcd-headless.{}", target.name, target.namespace);
    let members: Vec<_> = (0..target.parameters.backing_store.etcd_replicas)
        .map(|index| {
            format!(
                "{0}-etcd-{index}=https://{0}-etcd-{index}.{domain}:2380",
                target.name
            )
        })
        .collect();
    vec![
        "etcd".to_owned(),
        format!("--cert-file={PKI}/etcd-server.crt"),
        "--client-cert-auth=true".to_owned(),
        "--data-dir=/var/lib/etcd".to_owned(),
        format!("--advertise-client-urls=https://$(NAME).{domain}:2379"),
        format!("--initial-advertise-peer-urls=https://$(NAME).{domain}:2380"),
        format!("--initial-cluster={}", members.join(",")),
        format!("--initial-cluster-token={}", target.name),
        "--initial-cluster-state=new".to_owned(),
        "--listen-client-urls=https://0.0.0.0:2379".to_owned(),
        "--listen-metrics-urls=http://0.0.0.0:2381".to_owned(),
        "--listen-peer-urls=https://0.0.0.0:2380".to_owned(),
        format!("--key-file={PKI}/etcd-server.key"),
        "--name=$(NAME)".to_owned(),
        format!("--peer-cert-file={PKI}/etcd-peer.crt"),
        "--peer-client-cert-auth=true".to_owned(),
        format!("--peer-key-file={PKI}/etcd-peer.key"),
        format!("--peer-trusted-ca-file={PKI}/etcd-ca.crt"),
        "--snapshot-count=10000".to_owned(),
        format!("--trusted-ca-file={PKI}/etcd-ca.crt"),
    ]
}
