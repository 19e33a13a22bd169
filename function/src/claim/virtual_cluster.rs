//! The claim `VirtualCluster`: a cluster of one's own, its credentials in Vault, its workloads known to
//! Vault, and if wanted its registration in Argo CD.
//!
//! What names and paths are made of (environment, type, host namespace, Vault names) cannot be changed,
//! because a new name would mean a new cluster and the deletion of the old one.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

use std::collections::BTreeMap;

use kube::KubeSchema;
use managed::ConfigRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Claim, Column, Environment};

mod status;
mod vault;

pub use status::{VaultLoginStatus, VirtualClusterStatus};
pub use vault::{AuthMethod, ClusterToken, ClusterVaultSpec, LoginAccount};

/// A virtual cluster, or an existing cluster that is treated as one.
#[derive(Clone, Copy, Debug)]
pub struct VirtualCluster;

impl Claim for VirtualCluster {
    const GROUP: &'static str = "cluster.pnats.cloud";
    const KIND: &'static str = "VirtualCluster";
    const PLURAL: &'static str = "virtualclusters";
    const SHORT_NAMES: &'static [&'static str] = &["vcl"];
    const DESCRIPTION: &'static str =
        "A cluster whose credentials are in Vault and whose workloads can log in to Vault.";
    const COLUMNS: &'static [Column] = &[
        Column {
            name: "ENVIRONMENT",
            path: ".spec.environment",
            wide: false,
        },
        Column {
            name: "VERSION",
            path: ".status.kubernetesVersion",
            wide: false,
        },
        Column {
            name: "ENDPOINT",
            path: ".status.endpoint",
            wide: false,
        },
        Column {
            name: "VAULT-PATH",
            path: ".status.vaultPath",
            wide: true,
        },
        Column {
            name: "NEXT",
            path: ".status.nextStep",
            wide: true,
        },
    ];
    const RULES: &'static [(&'static str, &'static str)] = &[(
        "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
        "the name of this claim cannot be the name of a cluster; use lower case letters, digits and -",
    )];

    type Spec = VirtualClusterSpec;
    type Status = VirtualClusterStatus;
}

/// `spec` of a `VirtualCluster`.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.environment == oldSelf.environment && self.type == oldSelf.type",
    "environment and type cannot be changed, that would be another cluster; make a new claim"
))]
#[x_kube(validation = (
    "(has(self.hostNamespace) ? self.hostNamespace : '') == (has(oldSelf.hostNamespace) ? oldSelf.hostNamespace : '')",
    "hostNamespace cannot be changed, that would be another cluster; make a new claim"
))]
#[x_kube(validation = (
    "has(self.existing) == (self.type == 'Existing')",
    "existing says which cluster type Existing is about; set both or neither"
))]
pub struct VirtualClusterSpec {
    /// Stage the cluster serves. Part of the Vault path, and of what its workloads may read there.
    pub environment: Environment,
    /// `VCluster` (default): a virtual cluster is made. `Existing`: a cluster that somebody else makes is
    /// taken by its kubeconfig; everything else here works for both.
    #[serde(rename = "type", default)]
    pub kind: ClusterType,
    /// How much the control plane of a virtual cluster may use: `small` (default) 100m CPU and 256Mi
    /// with at most 1Gi, `medium` 200m and 512Mi with at most 2Gi, `large` 500m and 1Gi with at most 4Gi.
    #[serde(default)]
    pub size: Size,
    /// Version of Kubernetes in a virtual cluster, such as `v1.36.0`. Default: the one its vCluster
    /// version comes with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^v[0-9]+\.[0-9]+\.[0-9]+$"))]
    pub kubernetes_version: Option<String>,
    /// Where a virtual cluster keeps its objects.
    #[serde(default)]
    pub storage: Storage,
    /// How the API server of a virtual cluster is reached.
    #[serde(default)]
    pub exposure: ClusterExposure,
    /// What keeps a virtual cluster from using or reaching too much of the host cluster. `open`: nothing.
    /// `standard` (default): quota, limits, Pod Security Standard baseline. `strict`: also network
    /// policies that let pods reach each other and public addresses only, and Pod Security Standard
    /// restricted.
    #[serde(default)]
    pub isolation: IsolationPreset,
    /// Namespace of the host cluster that holds a virtual cluster; it is made. Default:
    /// `vc-<namespace>-<environment>-<name>`. The provider config must allow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub host_namespace: Option<String>,
    /// The cluster, with `type: Existing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<Existing>,
    /// Registration in Vault.
    #[serde(default)]
    pub vault: ClusterVaultSpec,
    /// Registration in Argo CD.
    #[serde(default)]
    pub argocd: ArgocdSpec,
    /// Namespaces to make inside the cluster. They stay when they are taken off the list, because of
    /// what may be in them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        inner(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub namespaces: Vec<String>,
    /// Servers that are used.
    #[serde(default)]
    pub provider_configs: ClusterProviderConfigs,
}

/// Who makes the cluster.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum ClusterType {
    /// This claim: a virtual cluster.
    #[default]
    VCluster,
    /// Somebody else.
    Existing,
}

/// How much a control plane may use.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// A few people.
    #[default]
    Small,
    /// A team.
    Medium,
    /// Many controllers.
    Large,
}

/// What keeps a virtual cluster in its place.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum IsolationPreset {
    /// Nothing.
    Open,
    /// Quota, limits, no privileged pods.
    #[default]
    Standard,
    /// Also network policies, and hardened pods only.
    Strict,
}

/// Where a virtual cluster keeps its objects.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.enabled == oldSelf.enabled && (has(self.storageClassName) ? self.storageClassName : '') == (has(oldSelf.storageClassName) ? oldSelf.storageClassName : '')",
    "storage.enabled and storage.storageClassName cannot be changed; make a new claim"
))]
pub struct Storage {
    /// Whether objects are kept on a volume. Without one they are lost when the control plane's pod goes.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Size of the volume. It can grow if the storage class allows it.
    #[serde(default = "five_gibibytes")]
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(validation = ("isQuantity(self)", "size must be a quantity such as 5Gi"))]
    pub size: String,
    /// Storage class. Default: that of the host cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub storage_class_name: Option<String>,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            enabled: yes(),
            size: five_gibibytes(),
            storage_class_name: None,
        }
    }
}

/// How an API server is reached.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.host) || !(self.type in ['NodePort', 'Ingress'])",
    "the address of a NodePort or an Ingress is not known here; set exposure.host"
))]
pub struct ClusterExposure {
    /// `ClusterIP` (default): from inside the host cluster. `NodePort`, `LoadBalancer`, `Ingress`: from
    /// outside as well; the controller of an Ingress must pass TLS through.
    #[serde(rename = "type", default)]
    pub kind: ExposureKind,
    /// Name or address under which it is reached from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$")
    )]
    pub host: Option<String>,
}

/// Ways to an API server.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum ExposureKind {
    /// From inside the host cluster.
    #[default]
    #[serde(rename = "ClusterIP")]
    ClusterIp,
    /// A port on every node.
    NodePort,
    /// A load balancer.
    LoadBalancer,
    /// An Ingress that passes TLS through.
    Ingress,
}

/// A cluster that somebody else makes.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Existing {
    /// Secret beside the claim with the kubeconfig. Its identity needs the rights to do what the claim
    /// asks for inside the cluster: to make namespaces and `ServiceAccount`s and tokens for them.
    pub kubeconfig_secret_ref: KubeconfigSecretRef,
    /// Where the cluster is reached, if not where the kubeconfig says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 9, max = 512), regex(pattern = r"^https://[^\s/]+$"))]
    pub server: Option<String>,
    /// Name to expect in the API server's certificate. Default: the host that is connected to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub tls_server_name: Option<String>,
}

/// A kubeconfig in a Secret.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct KubeconfigSecretRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key in it. Cluster API writes `value`, k3k `kubeconfig.yaml`, Kamaji `admin.svc`. Default
    /// `kubeconfig`.
    #[serde(default = "kubeconfig")]
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// Registration in Argo CD.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.__namespace__ == oldSelf.__namespace__",
    "argocd.namespace cannot be changed; make a new claim"
))]
pub struct ArgocdSpec {
    /// Whether the cluster is registered. Default false.
    #[serde(default)]
    pub enabled: bool,
    /// Namespace of the host cluster in which Argo CD runs. The provider config must allow it.
    #[serde(default = "argocd")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// Project of Argo CD the cluster belongs to. Default: none, any project may use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub project: Option<String>,
    /// Labels of the registration, for the cluster generators of `ApplicationSets`. `environment` is set
    /// anyway.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub labels: BTreeMap<String, String>,
}

impl Default for ArgocdSpec {
    fn default() -> Self {
        Self {
            enabled: false,
            namespace: argocd(),
            project: None,
            labels: BTreeMap::new(),
        }
    }
}

/// Provider configs of the servers that are used.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterProviderConfigs {
    /// Host cluster. Default: the `ClusterProviderConfig` `default` of `kubernetes.pnats.cloud`.
    #[serde(default)]
    pub kubernetes: ConfigRef,
    /// Vault or `OpenBao`. Default: the `ClusterProviderConfig` `default` of `vault.pnats.cloud`.
    #[serde(default)]
    pub vault: ConfigRef,
}

const fn yes() -> bool {
    true
}

fn five_gibibytes() -> String {
    "5Gi".into()
}

fn kubeconfig() -> String {
    "kubeconfig".into()
}

fn argocd() -> String {
    "argocd".into()
}
