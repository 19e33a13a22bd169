//! What limits a virtual cluster in its namespace.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Manifest, given, manifest};
use crate::kubernetes::vcluster::{
    ExposureType, LimitRange, NetworkPolicy, ResourceQuota, target::Target,
};

const PRIVATE: [&str; 5] = [
    "100.64.0.0/10",
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
];

/// Quota, defaults of containers, and network policies, as far as they are asked for.
pub(super) fn all(target: &Target<'_>) -> Vec<Manifest> {
    let isolation = &target.parameters.isolation;
    let name = format!("vc-{}", target.name);
    let make = |kind, content| manifest(target, kind, &name, "vcluster", content);
    let quota = isolation.resource_quota.as_ref();
    let limits = isolation.limit_range.as_ref();
    let mut manifests = Vec::new();
    manifests.extend(quota.map(|quota| make("ResourceQuota", quota_spec(target, quota))));
    manifests.extend(limits.map(|limits| make("LimitRange", limits_spec(limits))));
    if let Some(policy) = &isolation.network_policy {
        manifests.extend(policies(target, policy));
    }
    manifests
}

fn quota_spec(target: &Target<'_>, quota: &ResourceQuota) -> Value {
    // The chart's limit is 0, with which its own Service of these types is refused.
    let node_ports = match target.parameters.exposure.kind {
        ExposureType::NodePort => "2",
        ExposureType::LoadBalancer => "1",
        ExposureType::ClusterIp | ExposureType::Ingress => "0",
    };
    let usual = json!({
        "count/configmaps": "100",
        "count/endpoints": "40",
        "count/persistentvolumeclaims": "20",
        "count/pods": "20",
        "count/secrets": "100",
        "count/services": "20",
        "limits.cpu": "20",
        "limits.ephemeral-storage": "160Gi",
        "limits.memory": "40Gi",
        "requests.cpu": "10",
        "requests.ephemeral-storage": "60Gi",
        "requests.memory": "20Gi",
        "requests.storage": "100Gi",
        "services.loadbalancers": "1",
        "services.nodeports": node_ports,
    });
    let hard = if quota.hard.is_empty() {
        usual
    } else {
        json!(quota.hard)
    };
    json!({"spec": {"hard": hard}})
}

fn limits_spec(limits: &LimitRange) -> Value {
    let or = |given: &BTreeMap<String, String>, usual: Value| {
        if given.is_empty() {
            usual
        } else {
            json!(given)
        }
    };
    let usual = json!({"cpu": "1", "ephemeral-storage": "8Gi", "memory": "512Mi"});
    let usual_request = json!({"cpu": "100m", "ephemeral-storage": "3Gi", "memory": "128Mi"});
    let mut container = given([("min", json!(limits.min)), ("max", json!(limits.max))]);
    container["type"] = "Container".into();
    container["default"] = or(&limits.default, usual);
    container["defaultRequest"] = or(&limits.default_request, usual_request);
    json!({"spec": {"limits": [container]}})
}

fn policies(target: &Target<'_>, policy: &NetworkPolicy) -> [Manifest; 4] {
    let make = |prefix: &str, selected: Value, egress: Vec<Value>, ingress: Vec<Value>| {
        let mut spec = given([("egress", egress.into()), ("ingress", ingress.into())]);
        spec["podSelector"] = json!({"matchLabels": selected});
        spec["policyTypes"] = json!(["Egress", "Ingress"]);
        let name = format!("{prefix}-{}", target.name);
        manifest(
            target,
            "NetworkPolicy",
            &name,
            "vcluster",
            json!({"spec": spec}),
        )
    };
    let peers = Peers::of(target);
    let name_server =
        json!({"k8s-app": "vcluster-kube-dns", "vcluster.loft.sh/managed-by": target.name});
    [
        make(
            "vc-work",
            peers.workload_labels(),
            peers.workload_egress(policy),
            peers.workload_ingress(policy),
        ),
        make(
            "vc-cp",
            peers.control_plane_labels(),
            peers.control_plane_egress(),
            peers.control_plane_ingress(),
        ),
        make(
            "vc-kube-dns",
            name_server,
            peers.name_server_egress(),
            peers.name_server_ingress(),
        ),
        make(
            "vc-snapshot",
            json!({"app": "vcluster-snapshot"}),
            peers.snapshot_egress(),
            Vec::new(),
        ),
    ]
}

/// Who talks to whom.
struct Peers<'a> {
    name: &'a str,
}

impl<'a> Peers<'a> {
    const fn of(target: &Target<'a>) -> Self {
        Self { name: target.name }
    }

    fn workload_labels(&self) -> Value {
        json!({"vcluster.loft.sh/managed-by": self.name})
    }

    fn control_plane_labels(&self) -> Value {
        json!({"release": self.name})
    }

    fn workloads(&self) -> Value {
        json!([{"podSelector": {"matchLabels": self.workload_labels()}}])
    }

    fn control_planes(&self) -> Value {
        json!([{"podSelector": {"matchLabels": self.control_plane_labels()}}])
    }

    fn workload_egress(&self, policy: &NetworkPolicy) -> Vec<Value> {
        let mut rules = vec![
            json!({"ports": ports(&[("UDP", 1053), ("TCP", 1053), ("TCP", 8443)]), "to": self.control_planes()}),
            json!({"to": self.workloads()}),
        ];
        rules.extend(public(policy));
        rules.extend(policy.workload_egress.iter().map(|rule| json!(rule)));
        rules
    }

    fn workload_ingress(&self, policy: &NetworkPolicy) -> Vec<Value> {
        let mut rules = vec![
            json!({"from": self.control_planes()}),
            json!({"from": self.workloads()}),
        ];
        rules.extend(policy.workload_ingress.iter().map(|rule| json!(rule)));
        rules
    }

    fn control_plane_egress(&self) -> Vec<Value> {
        vec![
            json!({"to": host_dns()}),
            json!({"ports": ports(&[("TCP", 443), ("TCP", 8443), ("TCP", 6443)])}),
            json!({"to": self.control_planes()}),
            json!({"to": self.workloads()}),
            json!({"to": platform()}),
        ]
    }

    fn control_plane_ingress(&self) -> Vec<Value> {
        vec![
            json!({"ports": ports(&[("TCP", 8443)])}),
            json!({"from": self.control_planes()}),
            json!({"ports": ports(&[("UDP", 1053), ("TCP", 1053), ("TCP", 8443)]), "from": self.workloads()}),
            json!({"from": [{"podSelector": {"matchLabels": {"app": "vcluster-snapshot"}}}]}),
            json!({"from": platform()}),
        ]
    }

    fn name_server_egress(&self) -> Vec<Value> {
        vec![
            json!({"to": host_dns()}),
            json!({"ports": ports(&[("TCP", 8443)]), "to": self.control_planes()}),
        ]
    }

    fn name_server_ingress(&self) -> Vec<Value> {
        vec![json!({"ports": ports(&[("TCP", 1053), ("UDP", 1053)]), "from": self.workloads()})]
    }

    fn snapshot_egress(&self) -> Vec<Value> {
        vec![
            json!({"to": self.control_planes()}),
            json!({"to": host_dns()}),
            json!({"ports": ports(&[("TCP", 443), ("TCP", 8443), ("TCP", 6443)])}),
        ]
    }
}

fn ports(ports: &[(&str, u16)]) -> Value {
    let port = |(protocol, port): &(&str, u16)| json!({"port": port, "protocol": protocol});
    ports.iter().map(port).collect()
}

fn host_dns() -> Value {
    json!([{
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }])
}

fn platform() -> Value {
    json!([{"podSelector": {"matchLabels": {"app": "loft"}}, "namespaceSelector": {}}])
}

fn public(policy: &NetworkPolicy) -> Option<Value> {
    let egress = policy.public_egress.as_ref();
    if egress.is_some_and(|egress| !egress.enabled) {
        return None;
    }
    let cidr = egress.and_then(|egress| egress.cidr.as_deref());
    let except = egress.and_then(|egress| egress.except.clone());
    let except = except.unwrap_or_else(|| PRIVATE.map(str::to_owned).to_vec());
    let block = json!({"cidr": cidr.unwrap_or("0.0.0.0/0"), "except": except});
    Some(json!({"to": [{"ipBlock": block}]}))
}
