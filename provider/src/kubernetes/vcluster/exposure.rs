//! How the API server of a virtual cluster is reached, and under which names.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the API server is reached.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.host) || !(self.type in ['NodePort', 'Ingress'])",
    "the address of a NodePort or an Ingress is not known here; set host"
))]
#[x_kube(validation = (
    "!has(self.nodePort) || self.type == 'NodePort'",
    "nodePort belongs to type NodePort"
))]
#[x_kube(validation = (
    "!has(self.ingressClassName) || self.type == 'Ingress'",
    "ingressClassName belongs to type Ingress"
))]
pub struct Exposure {
    /// Default `ClusterIP`: reached from the host cluster as `https://NAME.NAMESPACE.svc:443`.
    #[serde(rename = "type", default)]
    pub kind: ExposureType,
    /// Name or address under which the API server is reached from outside; it becomes a name in its
    /// certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[A-Za-z0-9]([-A-Za-z0-9.:]*[A-Za-z0-9])?$")
    )]
    pub host: Option<String>,
    /// Port on the nodes. Not set: the host cluster chooses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub node_port: Option<i32>,
    /// Class of the Ingress. Its controller must pass TLS through to the Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub ingress_class_name: Option<String>,
    /// Annotations of the Service, or of the Ingress with type `Ingress`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Further names and addresses for the API server's certificate.
    #[serde(rename = "extraSANs", default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 253)))]
    pub extra_sans: Vec<String>,
}

/// Ways to the API server.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum ExposureType {
    /// From inside the host cluster only.
    #[default]
    #[serde(rename = "ClusterIP")]
    ClusterIp,
    /// A port on every node.
    NodePort,
    /// A load balancer of the host cluster.
    LoadBalancer,
    /// An Ingress whose controller passes TLS through.
    Ingress,
}

impl ExposureType {
    /// `type` of the Service.
    #[cfg(feature = "backends")]
    pub(super) const fn service_type(self) -> &'static str {
        match self {
            Self::ClusterIp | Self::Ingress => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
        }
    }
}
