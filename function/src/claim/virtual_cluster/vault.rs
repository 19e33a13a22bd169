//! What a cluster has in Vault: its credentials at a path, and a login for its workloads.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Registration in Vault.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.mount == oldSelf.mount && (has(self.path) ? self.path : '') == (has(oldSelf.path) ? oldSelf.path : '') && (has(self.name) ? self.name : '') == (has(oldSelf.name) ? oldSelf.name : '') && self.auth == oldSelf.auth",
    "vault.mount, vault.path, vault.name and vault.auth cannot be changed; make a new claim"
))]
#[x_kube(validation = (
    "!has(self.path) || !self.path.split('/').exists(segment, segment == '.' || segment == '..')",
    "vault.path must not contain . or .. as a segment; write the path out"
))]
pub struct ClusterVaultSpec {
    /// Whether the cluster is registered. Default true.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// How workloads log in. `jwt` (default): Vault checks their tokens with the cluster's public keys
    /// and needs no way to the cluster. `kubernetes`: Vault asks the cluster's API server, which it must
    /// reach.
    #[serde(default)]
    pub auth: AuthMethod,
    /// Where the KV version 2 engine is mounted.
    #[serde(default = "default_mount")]
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$")
    )]
    pub mount: String,
    /// Path of the cluster's credentials below the mount. Default: `clusters/<environment>`, so a second
    /// cluster of an environment needs one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 384),
        regex(pattern = r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$")
    )]
    pub path: Option<String>,
    /// Name of the auth method's mount, of the policy and of the role. Default:
    /// `vcluster-<environment>`, so a second cluster of an environment needs one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: Option<String>,
    /// `ServiceAccount` inside the cluster that may log in; it is made. Default: `external-secrets` in
    /// `external-secrets-system`, which is the External Secrets Operator's.
    #[serde(default)]
    pub service_account: LoginAccount,
    /// Paths below the mount that the login may read; `*` at the end stands for everything below.
    /// Default: `infrastructure/databases/<environment>/*` and `apps/<environment>/*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        inner(
            length(min = 1, max = 384),
            regex(pattern = r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*(/\*)?$")
        )
    )]
    pub read: Vec<String>,
    /// A token of few rights beside the kubeconfig, under the key `token`: of a `ServiceAccount` of its
    /// own, and renewed. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<ClusterToken>,
}

/// What a token may do inside the cluster.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterToken {
    /// `ClusterRole` inside the cluster; it must exist. Default `view`.
    #[serde(default = "view")]
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
    )]
    pub cluster_role: String,
    /// Namespaces inside that it holds in; they must exist. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        inner(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub namespaces: Vec<String>,
    /// Life of a token in seconds; it is renewed when four fifths of its life are over. Default 86400, a
    /// day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 600, max = 31_536_000))]
    pub expiration_seconds: Option<i64>,
}

impl Default for ClusterVaultSpec {
    fn default() -> Self {
        Self {
            enabled: true,
            auth: AuthMethod::default(),
            mount: default_mount(),
            path: None,
            name: None,
            service_account: LoginAccount::default(),
            read: Vec::new(),
            token: None,
        }
    }
}

/// How workloads log in to Vault.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMethod {
    /// By public keys.
    #[default]
    Jwt,
    /// By asking the cluster.
    Kubernetes,
}

/// A `ServiceAccount` inside the cluster.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct LoginAccount {
    /// Its namespace.
    #[serde(default = "eso_namespace")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub namespace: String,
    /// Its name.
    #[serde(default = "eso_name")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,
}

impl Default for LoginAccount {
    fn default() -> Self {
        Self {
            namespace: eso_namespace(),
            name: eso_name(),
        }
    }
}

const fn yes() -> bool {
    true
}

fn default_mount() -> String {
    "secret".into()
}

fn view() -> String {
    "view".into()
}

fn eso_namespace() -> String {
    "external-secrets-system".into()
}

fn eso_name() -> String {
    "external-secrets".into()
}
