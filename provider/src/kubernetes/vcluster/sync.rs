//! What is copied between a virtual cluster and its host, and what is called how inside.
//!
//! Pods, Services, endpoints, claims, and the Secrets and `ConfigMap`s that pods use are always copied to
//! the host.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is copied.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sync {
    /// From the virtual cluster to the host.
    #[serde(default)]
    pub to_host: ToHost,
    /// From the host to the virtual cluster.
    #[serde(default)]
    pub from_host: FromHost,
}

/// What is copied to the host beyond what always is. With `rbac.mode` `SharedClusterRole` each of them
/// needs one more `ClusterRole`, which is installed with the provider.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each switch is a field of its own in vcluster.yaml"
)]
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToHost {
    /// Ingresses. Default false.
    #[serde(default)]
    pub ingresses: bool,
    /// Network policies. Default false.
    #[serde(default)]
    pub network_policies: bool,
    /// Pod disruption budgets. Default false.
    #[serde(default)]
    pub pod_disruption_budgets: bool,
    /// `ServiceAccount`s. Default false.
    #[serde(default)]
    pub service_accounts: bool,
    /// All Secrets, not only those that pods use. Default false.
    #[serde(default)]
    pub all_secrets: bool,
    /// All `ConfigMap`s, not only those that pods use. Default false.
    #[serde(default)]
    pub all_config_maps: bool,
}

/// What is copied to the virtual cluster.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FromHost {
    /// Events of the host's copies. Default true.
    #[serde(default = "yes")]
    pub events: bool,
}

impl Default for FromHost {
    fn default() -> Self {
        Self { events: yes() }
    }
}

/// Names and networks inside.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Networking {
    /// Domain of Services inside. Not set: `cluster.local`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
    )]
    pub cluster_domain: Option<String>,
    /// Names that do not exist inside are looked up in the host cluster, so that pods reach its Services
    /// as `SERVICE.NAMESPACE.svc.cluster.local`. Default false.
    #[serde(default)]
    pub fallback_host_cluster: bool,
}

const fn yes() -> bool {
    true
}
