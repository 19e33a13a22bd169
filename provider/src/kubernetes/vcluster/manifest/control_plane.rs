//! The control plane's pods: what copies the binaries in, and what runs them.

use serde_json::{Value, json};

use super::{Host, Manifest, given, manifest, merge, selector};
use crate::kubernetes::vcluster::{
    document::{DIRECTORY, Document},
    target::{OWNER, Target},
};

/// The first minor of Kubernetes that knows what becomes of a `StatefulSet`'s claims.
const RETENTION: u32 = 27;

/// A `StatefulSet` when the control plane keeps something on a volume, else a Deployment.
pub(super) fn workload(target: &Target<'_>, host: Host, document: &Document) -> Manifest {
    let mut spec = json!({
        "selector": {"matchLabels": selector(target, "vcluster")},
        "template": {
            "metadata": {
                "annotations": {"vClusterConfigHash": document.hash},
                "labels": selector(target, "vcluster"),
            },
            "spec": pod(target),
        },
    });
    spec["replicas"] = replicas(target);
    let kind = if target.is_stateful() {
        merge(&mut spec, stateful(target, host));
        "StatefulSet"
    } else {
        merge(&mut spec, stateless(target));
        "Deployment"
    };
    manifest(target, kind, target.name, "vcluster", json!({"spec": spec}))
}

fn replicas(target: &Target<'_>) -> Value {
    match target.parameters.paused {
        Some(true) => 0.into(),
        _ => target.parameters.replicas.into(),
    }
}

fn stateful(target: &Target<'_>, host: Host) -> Value {
    let mut spec = json!({
        "podManagementPolicy": "Parallel",
        "serviceName": format!("{}-headless", target.name),
        "volumeClaimTemplates": claims(target),
    });
    if host.minor.is_none_or(|minor| minor >= RETENTION) {
        spec["persistentVolumeClaimRetentionPolicy"] = json!({"whenDeleted": "Retain"});
    }
    spec
}

/// The claim of each pod. Its label says whose data the volume holds.
pub(super) fn claims(target: &Target<'_>) -> Value {
    let persistence = &target.parameters.persistence;
    let mut spec = given([("storageClassName", json!(persistence.storage_class_name))]);
    spec["accessModes"] = json!(["ReadWriteOnce"]);
    spec["resources"] = json!({"requests": {"storage": persistence.size}});
    let labels = json!({OWNER: target.owner});
    json!([{"metadata": {"name": "data", "labels": labels}, "spec": spec}])
}

fn stateless(target: &Target<'_>) -> Value {
    let unavailable = i32::from(target.parameters.replicas > 1);
    json!({"strategy": {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": unavailable},
    }})
}

fn pod(target: &Target<'_>) -> Value {
    let mut volumes = vec![
        json!({"name": "helm-cache", "emptyDir": {}}),
        json!({"name": "binaries", "emptyDir": {}}),
        json!({"name": "tmp", "emptyDir": {}}),
        json!({"name": "certs", "emptyDir": {}}),
        json!({"name": "vcluster-config", "secret": {"secretName": format!("vc-config-{}", target.name)}}),
    ];
    if !target.is_stateful() {
        volumes.push(json!({"name": "data", "emptyDir": {}}));
    }
    let mut pod = json!({
        "terminationGracePeriodSeconds": 15,
        "serviceAccountName": target.service_account(),
        "enableServiceLinks": true,
        "volumes": volumes,
        "initContainers": [copier(target)],
        "containers": [syncer(target)],
    });
    merge(&mut pod, placement(target));
    pod
}

/// Where pods may run, for the control plane and for etcd.
pub(super) fn placement(target: &Target<'_>) -> Value {
    let scheduling = &target.parameters.scheduling;
    let spread = &scheduling.topology_spread_constraints;
    given([
        ("nodeSelector", json!(scheduling.node_selector)),
        ("tolerations", json!(scheduling.tolerations)),
        ("affinity", json!(scheduling.affinity)),
        ("topologySpreadConstraints", json!(spread)),
        ("priorityClassName", json!(scheduling.priority_class_name)),
    ])
}

fn copier(target: &Target<'_>) -> Value {
    let mut container = json!({
        "name": "kubernetes",
        "image": target.kubernetes_image(),
        "command": ["cp"],
        "args": ["-r", "/kubernetes/.", "/binaries/"],
        "volumeMounts": [{"name": "binaries", "mountPath": "/binaries"}],
        "resources": {
            "limits": {"cpu": "100m", "memory": "256Mi"},
            "requests": {"cpu": "40m", "memory": "64Mi"},
        },
    });
    merge(&mut container, pull_policy(target));
    container
}

fn syncer(target: &Target<'_>) -> Value {
    let mut container = json!({
        "name": "syncer",
        "image": target.control_plane_image(),
        "livenessProbe": probe("/healthz", (2, 60), Some(60)),
        "readinessProbe": probe("/readyz", (2, 60), None),
        "startupProbe": probe("/readyz", (6, 300), None),
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "runAsGroup": 0,
            "runAsUser": 0,
        },
        "resources": resources(target),
        "env": environment(target),
        "volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "binaries", "mountPath": "/binaries"},
            {"name": "certs", "mountPath": "/pki"},
            {"name": "helm-cache", "mountPath": "/.cache/helm"},
            {"name": "vcluster-config", "mountPath": DIRECTORY},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    });
    merge(&mut container, pull_policy(target));
    container
}

fn resources(target: &Target<'_>) -> Value {
    match &target.parameters.resources {
        Some(resources) => given([
            ("limits", json!(resources.limits)),
            ("requests", json!(resources.requests)),
        ]),
        None => json!({
            "limits": {"ephemeral-storage": "10Gi", "memory": "4Gi"},
            "requests": {"cpu": "200m", "ephemeral-storage": "1Gi", "memory": "256Mi"},
        }),
    }
}

fn environment(target: &Target<'_>) -> Value {
    let field = |name: &str, path: &str| {
        json!({
            "name": name, "valueFrom": {"fieldRef": {"fieldPath": path}},
        })
    };
    json!([
        {"name": "VCLUSTER_NAME", "value": target.name},
        {"name": "LOFT_LOG_ENCODING", "value": "console"},
        field("POD_NAME", "metadata.name"),
        field("POD_IP", "status.podIP"),
        field("NODE_NAME", "spec.nodeName"),
        field("NODE_IP", "status.hostIP"),
    ])
}

fn probe(path: &str, (period, failures): (u32, u32), delay: Option<u32>) -> Value {
    let mut probe = json!({
        "httpGet": {"path": path, "port": 8443, "scheme": "HTTPS"},
        "periodSeconds": period,
        "timeoutSeconds": 3,
        "failureThreshold": failures,
    });
    if let Some(delay) = delay {
        probe["initialDelaySeconds"] = delay.into();
    }
    probe
}

/// `imagePullPolicy` of a container, if one is asked for.
pub(super) fn pull_policy(target: &Target<'_>) -> Value {
    let policy = target.parameters.images.pull_policy;
    given([("imagePullPolicy", json!(policy))])
}
