//! What keeps a virtual cluster from using or reaching too much of its host cluster.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Fragment;

/// Limits of a virtual cluster.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Isolation {
    /// What everything in the namespace may use together, the control plane included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_quota: Option<ResourceQuota>,
    /// What a container asks for and may use when it does not say. A quota on requests or limits refuses
    /// containers that do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_range: Option<LimitRange>,
    /// Whom the virtual cluster's pods may talk to. The host cluster's network must enforce network
    /// policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_policy: Option<NetworkPolicy>,
    /// Pod Security Standard that pods inside are held to. Not set: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_security_standard: Option<PodSecurityStandard>,
}

/// What everything in the namespace may use together.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceQuota {
    /// Limits by resource, such as `count/pods` or `requests.memory`. Not set: those of the vCluster
    /// chart.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hard: BTreeMap<String, String>,
}

/// Requests and limits of containers. What is not set is as in the vCluster chart.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitRange {
    /// Limits of a container that names none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub default: BTreeMap<String, String>,
    /// Requests of a container that names none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub default_request: BTreeMap<String, String>,
    /// The least a container may ask for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub min: BTreeMap<String, String>,
    /// The most a container may use.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub max: BTreeMap<String, String>,
}

/// Whom pods may talk to: each other, their control plane, their name server, and what is said here.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkPolicy {
    /// Addresses outside the host cluster. Not set: all but the private ranges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_egress: Option<PublicEgress>,
    /// Name server to ask for names outside when the host cluster's does not answer. Not set:
    /// `8.8.8.8`.
    #[serde(
        rename = "fallbackDNS",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(length(min = 1, max = 64))]
    pub fallback_dns: Option<String>,
    /// Further egress rules of pods, as in a `NetworkPolicy`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub workload_egress: Vec<Fragment>,
    /// Further ingress rules of pods, as in a `NetworkPolicy`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub workload_ingress: Vec<Fragment>,
}

/// Addresses that pods may reach.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PublicEgress {
    /// Whether pods may reach any. Default true.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Range that may be reached. Not set: `0.0.0.0/0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub cidr: Option<String>,
    /// Ranges within it that may not. Not set: the private ranges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub except: Option<Vec<String>>,
}

/// A Pod Security Standard.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PodSecurityStandard {
    /// No restriction.
    Privileged,
    /// Known privilege escalations are refused.
    Baseline,
    /// What hardened pods need, and nothing else.
    Restricted,
}

const fn yes() -> bool {
    true
}
