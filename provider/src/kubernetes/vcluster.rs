//! The kind `VCluster`: the control plane of a virtual cluster, in one namespace of the host cluster.
//!
//! What the vCluster chart would install is written here as manifests of our own, one profile for each
//! supported minor of vCluster, and applied by server-side apply. Drift is looked for in the fields that
//! are applied and in no others: what the control plane itself, its command line or an admission
//! webhook adds stays. The Service of the control plane owns, in Kubernetes' sense, everything the
//! virtual cluster's users have; it is deleted with the virtual cluster and never to repair anything.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

use kube::KubeSchema;
use managed::kind::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::{API_REACHABLE, CERTIFICATE_VALID, Endpoint, KUBECONFIG_AVAILABLE};

mod access;
#[cfg(feature = "backends")]
mod address;
#[cfg(feature = "backends")]
mod compare;
#[cfg(feature = "backends")]
mod deletion;
#[cfg(feature = "backends")]
mod document;
mod exposure;
#[cfg(feature = "backends")]
mod external;
mod fragment;
mod image;
mod isolation;
#[cfg(feature = "backends")]
mod manifest;
mod observation;
#[cfg(feature = "backends")]
mod overlay;
#[cfg(feature = "backends")]
mod ownership;
#[cfg(feature = "backends")]
mod place;
mod placement;
#[cfg(feature = "backends")]
mod profile;
#[cfg(feature = "backends")]
mod quantity;
#[cfg(feature = "backends")]
mod report;
#[cfg(feature = "backends")]
mod rights;
#[cfg(feature = "backends")]
mod rollout;
#[cfg(feature = "backends")]
mod scene;
mod storage;
mod sync;
#[cfg(feature = "backends")]
mod target;
#[cfg(feature = "backends")]
mod visit;

pub use access::{Oidc, Rbac, RbacMode};
pub use exposure::{Exposure, ExposureType};
pub use fragment::Fragment;
pub use image::{Images, PullPolicy};
pub use isolation::{
    Isolation, LimitRange, NetworkPolicy, PodSecurityStandard, PublicEgress, ResourceQuota,
};
pub use observation::{Part, Phase, Replicas, VClusterObservation};
pub use placement::{Resources, Scheduling};
pub use storage::{BackingStore, BackingStoreType, ClaimDeletion, ExistingClaims, Persistence};
pub use sync::{FromHost, Networking, Sync, ToHost};

/// The control plane runs, in the host cluster's eyes.
pub const CONTROL_PLANE_READY: &str = "ControlPlaneReady";

/// The control plane of a virtual cluster.
#[derive(Clone, Debug)]
pub struct VCluster;

/// `spec.forProvider` of a `VCluster`.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.__namespace__) == has(oldSelf.__namespace__) && (!has(self.__namespace__) || self.__namespace__ == oldSelf.__namespace__)",
    "namespace cannot be changed; make another VCluster"
))]
#[x_kube(validation = (
    "self.backingStore.type == 'DeployedEtcd' || self.replicas == 1",
    "SQLite serves one replica; set backingStore.type to DeployedEtcd"
))]
#[x_kube(validation = (
    "self.backingStore.type == oldSelf.backingStore.type",
    "backingStore.type cannot be changed; make another VCluster"
))]
#[x_kube(validation = (
    "has(self.serviceAccountIssuer) == has(oldSelf.serviceAccountIssuer) && (!has(self.serviceAccountIssuer) || self.serviceAccountIssuer == oldSelf.serviceAccountIssuer)",
    "serviceAccountIssuer cannot be changed; make another VCluster"
))]
pub struct VClusterParameters {
    /// Namespace of the host cluster that holds the control plane and the pods of the virtual cluster.
    /// It holds one virtual cluster. Not set: the namespace of this resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub namespace: Option<String>,
    /// Make the namespace when it does not exist. It is deleted with the virtual cluster when it was
    /// made by this resource. Default false.
    #[serde(default)]
    pub create_namespace: bool,
    /// Version of vCluster, such as `0.36.1`. It can be raised by one minor at a time and not lowered.
    #[schemars(regex(pattern = r"^[0-9]+\.[0-9]+\.[0-9]+$"))]
    pub version: String,
    /// Version of Kubernetes inside, such as `v1.36.0`. Not set: what this version of vCluster comes
    /// with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^v[0-9]+\.[0-9]+\.[0-9]+$"))]
    pub kubernetes_version: Option<String>,
    /// Where the images come from.
    #[serde(default)]
    pub images: Images,
    /// Where the virtual cluster keeps its objects.
    #[serde(default)]
    pub backing_store: BackingStore,
    /// How many control planes run; more than one needs `backingStore.type` `DeployedEtcd`. Default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 5))]
    pub replicas: i32,
    /// The volume of the control plane.
    #[serde(default)]
    pub persistence: Persistence,
    /// What the control plane asks for and may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Where the control plane's pods may run.
    #[serde(default)]
    pub scheduling: Scheduling,
    /// How the API server of the virtual cluster is reached.
    #[serde(default)]
    pub exposure: Exposure,
    /// What is published as the address, in place of what follows from `exposure`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// Issuer of the tokens of `ServiceAccount`s inside. It must differ from that of every other cluster
    /// that the same Vault or OIDC client trusts. Not set: `https://NAME.NAMESPACE.svc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 9, max = 512), regex(pattern = r"^https://[^\s,]+$"))]
    pub service_account_issuer: Option<String>,
    /// People log in to the virtual cluster with tokens of this `OpenID` Connect provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc: Option<Oidc>,
    /// What is copied between the virtual cluster and the host cluster.
    #[serde(default)]
    pub sync: Sync,
    /// Names and networks inside.
    #[serde(default)]
    pub networking: Networking,
    /// What keeps the virtual cluster from using or reaching too much of the host cluster.
    #[serde(default)]
    pub isolation: Isolation,
    /// Rights of the control plane in the host cluster.
    #[serde(default)]
    pub rbac: Rbac,
    /// True: the control plane is stopped and its data kept; false: it runs. Not set: it runs, unless
    /// somebody has paused it with the `vcluster` command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// Further options of vCluster, as in its `vcluster.yaml`. Only options that change neither the
    /// objects in the host cluster nor what other fields here say, and that need no licence.
    #[serde(default, skip_serializing_if = "Fragment::is_empty")]
    pub config: Fragment,
    /// Whether a virtual cluster of the same name that somebody else has made, with Helm for example,
    /// may be taken over. It is restarted with the configuration that is written here, so
    /// `serviceAccountIssuer` should be the issuer it has. Default `Never`.
    #[serde(default)]
    pub adoption_policy: AdoptionPolicy,
}

impl VClusterParameters {
    /// A virtual cluster of this version of vCluster, with the default of every field.
    pub fn new(version: impl Into<String>) -> Self {
        Self {
            namespace: None,
            create_namespace: false,
            version: version.into(),
            kubernetes_version: None,
            images: Images::default(),
            backing_store: BackingStore::default(),
            replicas: one(),
            persistence: Persistence::default(),
            resources: None,
            scheduling: Scheduling::default(),
            exposure: Exposure::default(),
            endpoint: None,
            service_account_issuer: None,
            oidc: None,
            sync: Sync::default(),
            networking: Networking::default(),
            isolation: Isolation::default(),
            rbac: Rbac::default(),
            paused: None,
            config: Fragment::default(),
            adoption_policy: AdoptionPolicy::default(),
        }
    }
}

/// Whether what somebody else has made may be taken over.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum AdoptionPolicy {
    /// No.
    #[default]
    Never,
    /// If no other managed resource owns it.
    IfUnowned,
    /// Even from another managed resource.
    Force,
}

impl Kind for VCluster {
    const GROUP: &'static str = super::GROUP;
    const KIND: &'static str = "VCluster";
    const PLURAL: &'static str = "vclusters";
    const DESCRIPTION: &'static str =
        "The control plane of a virtual cluster (vCluster) in a namespace of the host cluster.";
    const CATEGORY: &'static str = super::CATEGORY;
    const OUTLIVES_READERS: bool = true;
    const CONDITIONS: &'static [&'static str] = &[
        CONTROL_PLANE_READY,
        KUBECONFIG_AVAILABLE,
        API_REACHABLE,
        CERTIFICATE_VALID,
    ];

    type Parameters = VClusterParameters;
    type Observation = VClusterObservation;
}

const fn one() -> i32 {
    1
}

/// The objects of a virtual cluster with this name, in the order in which they are applied to a host
/// cluster of this minor of Kubernetes. `own` is the namespace and the UID of the managed resource.
///
/// # Errors
/// [`ExternalError::Invalid`](managed::external::ExternalError::Invalid) when the parameters cannot work.
#[cfg(feature = "backends")]
pub fn manifests(
    name: &str,
    own: (&str, &str),
    parameters: &VClusterParameters,
    host_minor: Option<u32>,
) -> Result<Vec<serde_json::Value>, managed::external::ExternalError> {
    let target = target::Target::new(name, own, parameters)?;
    let host = manifest::Host { minor: host_minor };
    let manifests = manifest::all(&target, host)?;
    Ok(manifests
        .into_iter()
        .map(|manifest| manifest.body)
        .collect())
}
