//! `status.atProvider` of a `VCluster`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kubernetes::status::ClusterStatus;

/// What was found in the host cluster and in the virtual one.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VClusterObservation {
    /// Where the virtual cluster stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Namespace of the host cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Version of vCluster that the control plane was last told to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What was found out about the virtual cluster itself.
    #[serde(flatten)]
    pub cluster: ClusterStatus,
    /// SHA-256 of the configuration that the control plane reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_hash: Option<String>,
    /// Control planes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<Replicas>,
    /// Range of the addresses of Services.
    #[serde(
        rename = "serviceCIDR",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub service_cidr: Option<String>,
    /// Why a pod of the control plane does not run, as the host cluster says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_message: Option<String>,
    /// Objects in the host cluster that belong to the control plane.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Part>,
}

/// Where a virtual cluster stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Phase {
    /// The control plane was made and has never answered.
    Provisioning,
    /// It runs and answers.
    Running,
    /// It runs while a changed specification is rolled out.
    Upgrading,
    /// It is stopped, and its data is kept.
    Paused,
    /// It has answered and does not any more.
    Degraded,
    /// It is being taken away.
    Deleting,
}

/// Control planes, by how far they are.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replicas {
    /// How many there are to be.
    pub desired: i64,
    /// How many answer their readiness probe.
    pub ready: i64,
    /// How many run the latest specification.
    pub updated: i64,
}

/// An object in the host cluster.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// Kind of the object.
    pub kind: String,
    /// Name of the object.
    pub name: String,
}

#[cfg(feature = "backends")]
impl Part {
    /// An object of this kind and name.
    pub(super) fn new(kind: &str, name: &str) -> Self {
        Self {
            kind: kind.into(),
            name: name.into(),
        }
    }
}

#[cfg(feature = "backends")]
impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

#[cfg(feature = "backends")]
impl std::str::FromStr for Part {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (kind, name) = text.split_once('/').ok_or(())?;
        super::manifest::api_of(kind).ok_or(())?;
        Ok(Self::new(kind, name))
    }
}
