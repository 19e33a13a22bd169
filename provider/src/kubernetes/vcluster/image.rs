//! Where the images of a virtual cluster come from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Images of a virtual cluster. A mirror that keeps the upstream paths needs `registry` alone; any
/// image can be named in full instead.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Images {
    /// Registry, with a path if need be, that holds every image under its upstream path, such as
    /// `registry.example.org/mirror`. Not set: the upstream registries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[^\s/][^\s]*[^\s/]$"))]
    pub registry: Option<String>,
    /// Image of the control plane. Not set: `loft-sh/vcluster-oss`, tagged with `version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[^\s]+$"))]
    pub control_plane: Option<String>,
    /// Image with the binaries of Kubernetes. Not set: `loft-sh/kubernetes`, tagged with
    /// `kubernetesVersion`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[^\s]+$"))]
    pub kubernetes: Option<String>,
    /// Image of the name server inside. Not set: `coredns/coredns` in the version that belongs to
    /// Kubernetes.
    #[serde(rename = "coreDNS", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[^\s]+$"))]
    pub core_dns: Option<String>,
    /// Image of etcd, for the backing store `DeployedEtcd`. Not set: `etcd` of the Kubernetes project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[^\s]+$"))]
    pub etcd: Option<String>,
    /// Image that writes `/etc/hosts` in pods with a host name of their own, as `registry/path:tag`. Not
    /// set: `library/alpine`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 512),
        regex(pattern = r"^[^\s/:]+(:[0-9]+)?/[^\s:]+:[^\s:/]+$")
    )]
    pub hosts_rewrite: Option<String>,
    /// When the node pulls. Not set: what Kubernetes does for the tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_policy: Option<PullPolicy>,
    /// Names of Secrets of type `kubernetes.io/dockerconfigjson` in the namespace of the control plane.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 253)))]
    pub pull_secrets: Vec<String>,
}

impl Images {
    /// These images, and `others` where they say nothing.
    #[must_use]
    pub fn or(&self, others: &Self) -> Self {
        let either = |one: &Option<String>, other: &Option<String>| one.clone().or(other.clone());
        Self {
            registry: either(&self.registry, &others.registry),
            control_plane: either(&self.control_plane, &others.control_plane),
            kubernetes: either(&self.kubernetes, &others.kubernetes),
            core_dns: either(&self.core_dns, &others.core_dns),
            etcd: either(&self.etcd, &others.etcd),
            hosts_rewrite: either(&self.hosts_rewrite, &others.hosts_rewrite),
            pull_policy: self.pull_policy.or(others.pull_policy),
            pull_secrets: if self.pull_secrets.is_empty() {
                others.pull_secrets.clone()
            } else {
                self.pull_secrets.clone()
            },
        }
    }
}

/// When the node pulls an image.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum PullPolicy {
    /// Before every start.
    Always,
    /// When it does not have it.
    IfNotPresent,
    /// Never.
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_virtual_cluster_does_not_say_the_provider_config_does() {
        let own = Images {
            kubernetes: Some("own/kubernetes:1".into()),
            ..Images::default()
        };
        let others = Images {
            registry: Some("mirror".into()),
            kubernetes: Some("mirror/kubernetes:2".into()),
            pull_secrets: vec!["pull".into()],
            ..Images::default()
        };
        let images = own.or(&others);
        assert_eq!(images.registry, others.registry);
        assert_eq!(images.kubernetes, own.kubernetes);
        assert_eq!(images.pull_secrets, others.pull_secrets);
    }
}
