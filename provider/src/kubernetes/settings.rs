//! Provider config of the group: the host cluster, and where in it this backend may write.
//!
//! A namespaced `ProviderConfig` logs in with a kubeconfig from a Secret of its own namespace and may
//! write in that namespace only. Only a `ClusterProviderConfig` may use the provider's own identity
//! or allow other namespaces: otherwise whoever may write configs could write anywhere.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

use kube::KubeSchema;
use managed::{
    config::{ConfigSecretKeyRef, ProviderSettings},
    input::Input,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::vcluster::Images;

/// `spec` of `ProviderConfig` and `ClusterProviderConfig`.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// How to log in to the host cluster, where virtual clusters run and Argo CD's Secrets lie.
    #[serde(default)]
    pub credentials: Credentials,
    /// Namespaces of the host cluster in which resources may write, besides their own. `*` stands for
    /// any characters. `kube-system`, `crossplane-system`, `argocd` and `vault` are allowed only when
    /// they are written out. Only in a `ClusterProviderConfig`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 64),
        inner(regex(pattern = r"^[a-z0-9*]([a-z0-9*-]{0,61}[a-z0-9*])?$"))
    )]
    pub allowed_host_namespaces: Vec<String>,
    /// Where the images of virtual clusters come from, field by field where a `VCluster` says nothing:
    /// a mirror inside the network, for example.
    #[serde(default)]
    pub images: Images,
}

/// How to log in to the host cluster.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "(has(self.source) && self.source == 'Secret') == has(self.secretRef)",
    "source Secret and secretRef go together; set both or neither"
))]
pub struct Credentials {
    /// Where the credentials come from. Default `InjectedIdentity`.
    #[serde(default)]
    pub source: CredentialsSource,
    /// Key of a Secret with a kubeconfig. It must hold its credential itself: programs, files and
    /// impersonation are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<ConfigSecretKeyRef>,
}

/// Where the credentials for the host cluster come from.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum CredentialsSource {
    /// The provider's own `ServiceAccount`. Only in a `ClusterProviderConfig`.
    #[default]
    InjectedIdentity,
    /// A kubeconfig in a Secret.
    Secret,
}

impl Settings {
    /// Settings with the provider's own identity that allow these namespaces.
    pub fn injected<N: Into<String>>(allowed: impl IntoIterator<Item = N>) -> Self {
        Self {
            credentials: Credentials::default(),
            allowed_host_namespaces: allowed.into_iter().map(Into::into).collect(),
            images: Images::default(),
        }
    }
}

impl ProviderSettings for Settings {
    const GROUP: &'static str = super::GROUP;
    const CATEGORY: &'static str = super::CATEGORY;

    fn inputs(&self) -> Vec<Input> {
        let secret = self.credentials.secret_ref.as_ref();
        secret.map(ConfigSecretKeyRef::input).into_iter().collect()
    }
}
