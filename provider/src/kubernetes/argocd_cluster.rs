//! The kind `ArgoCDCluster`: a cluster that Argo CD deploys to.
//!
//! It writes Argo CD's own cluster Secret into Argo CD's namespace, which the provider config must
//! allow by name. By default Argo CD gets a `ServiceAccount` of its own in the cluster, made and bound
//! here, with a token that is renewed when four fifths of its life are over. The Secret is written
//! whole, in one request, and only with a credential that was proven.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

use std::collections::BTreeMap;

use kube::KubeSchema;
use managed::{
    input::{Input, Inputs, SecretKeyRef},
    kind::Kind,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::{API_REACHABLE, CredentialStatus, Endpoint, Source};

#[cfg(feature = "backends")]
mod account;
#[cfg(feature = "backends")]
mod external;
#[cfg(feature = "backends")]
mod neighbour;
#[cfg(feature = "backends")]
mod remote;
#[cfg(feature = "backends")]
mod secret;

/// A cluster that Argo CD deploys to.
#[derive(Clone, Debug)]
pub struct ArgoCdCluster;

/// `spec.forProvider` of an `ArgoCDCluster`.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.name == oldSelf.name && self.__namespace__ == oldSelf.__namespace__",
    "name and namespace cannot be changed; make another ArgoCDCluster"
))]
#[x_kube(validation = (
    "!has(self.clusterResources) || has(self.namespaces)",
    "clusterResources needs namespaces: without them Argo CD manages everything"
))]
#[x_kube(validation = (
    "!has(self.labels) || !('argocd.argoproj.io/secret-type' in self.labels)",
    "the label argocd.argoproj.io/secret-type is set already; remove it"
))]
pub struct ArgoCdClusterParameters {
    /// Secret in the namespace of this resource with the kubeconfig of the cluster. With
    /// `ServiceAccountToken` it must allow to make `ServiceAccount`s and to bind the role.
    pub kubeconfig_secret_ref: SecretKeyRef,
    /// Where Argo CD reaches the cluster, if not where the kubeconfig says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// Name of the cluster in Argo CD, as `destination.name` of an Application has it. The Secret is
    /// called `cluster-<name>`.
    #[schemars(
        length(min = 1, max = 200),
        regex(pattern = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")
    )]
    pub name: String,
    /// Namespace of Argo CD in the host cluster. The provider config must allow it. Default `argocd`.
    #[serde(default = "default_namespace")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// Labels of the Secret, which cluster generators of `ApplicationSet`s select by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub labels: BTreeMap<String, String>,
    /// Annotations of the Secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub annotations: BTreeMap<String, String>,
    /// Argo CD project that alone may use the cluster. Not set: every project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub project: Option<String>,
    /// Namespaces of the cluster that Argo CD manages. Not set: all of them. With
    /// `ServiceAccountToken` they must exist, and Argo CD gets rights in no others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 63)))]
    pub namespaces: Vec<String>,
    /// With `namespaces`: whether Argo CD manages cluster-scoped objects, too. Its rights are then
    /// cluster-wide. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_resources: Option<bool>,
    /// How Argo CD logs in to the cluster. Default: as a `ServiceAccount` of its own.
    #[serde(default)]
    pub credential: CredentialParameters,
    /// Whether a Secret, or an object in the cluster, that exists and carries no mark of a resource
    /// may be taken over. Default `Never`.
    #[serde(default)]
    pub adopt: super::remote_object::Adopt,
}

/// How Argo CD logs in to the cluster.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.type == 'ServiceAccountToken' || !(has(self.serviceAccount) || has(self.clusterRole) || has(self.expirationSeconds))",
    "serviceAccount, clusterRole and expirationSeconds go with type ServiceAccountToken"
))]
pub struct CredentialParameters {
    /// `ServiceAccountToken`: a `ServiceAccount` of its own, with a token that is renewed.
    /// `Kubeconfig`: what the kubeconfig holds. Default `ServiceAccountToken`.
    #[serde(default, rename = "type")]
    pub kind: CredentialType,
    /// The `ServiceAccount` in the cluster. Default `argocd-manager` in `kube-system`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<ServiceAccountName>,
    /// `ClusterRole` of the cluster that Argo CD is bound to; it must exist. Default: one of the
    /// `ServiceAccount`'s name is made that may read and write every kind of object, and neither
    /// impersonate nor escalate. Give a narrower one, such as `edit`, where that is enough; Argo CD
    /// then needs `resource.respectRBAC: normal` in its `argocd-cm`, because it wants to list every
    /// kind of object otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub cluster_role: Option<String>,
    /// Life of a token in seconds, at least 600. The cluster may grant less. Default 86400, a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 600, max = 31_536_000))]
    pub expiration_seconds: Option<i64>,
}

/// How Argo CD logs in.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum CredentialType {
    /// As a `ServiceAccount` of its own.
    #[default]
    ServiceAccountToken,
    /// With the credential of the kubeconfig.
    Kubeconfig,
}

/// A `ServiceAccount` in the cluster.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountName {
    /// Namespace; it must exist. Default `kube-system`.
    #[serde(default = "default_account_namespace")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// Name. Default `argocd-manager`.
    #[serde(default = "default_account")]
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
}

impl Default for ServiceAccountName {
    fn default() -> Self {
        Self {
            namespace: default_account_namespace(),
            name: default_account(),
        }
    }
}

/// `status.atProvider` of an `ArgoCDCluster`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ArgoCdClusterObservation {
    /// The Secret, as `<namespace>/<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// URL by which Argo CD knows the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The credential in the Secret.
    #[serde(default)]
    pub credential: CredentialStatus,
}

impl ArgoCdClusterParameters {
    /// Parameters with the default credential in Argo CD's usual namespace.
    pub fn new(kubeconfig_secret_ref: SecretKeyRef, name: impl Into<String>) -> Self {
        Self {
            kubeconfig_secret_ref,
            endpoint: None,
            name: name.into(),
            namespace: default_namespace(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            project: None,
            namespaces: Vec::new(),
            cluster_resources: None,
            credential: CredentialParameters::default(),
            adopt: super::remote_object::Adopt::default(),
        }
    }

    /// Where the cluster is.
    pub fn source(&self) -> Source<'_> {
        Source {
            secret: &self.kubeconfig_secret_ref,
            endpoint: self.endpoint.as_ref(),
        }
    }

    /// Name of the Secret.
    pub fn secret_name(&self) -> String {
        format!("cluster-{}", self.name)
    }
}

impl Kind for ArgoCdCluster {
    const GROUP: &'static str = super::GROUP;
    const KIND: &'static str = "ArgoCDCluster";
    const PLURAL: &'static str = "argocdclusters";
    const DESCRIPTION: &'static str =
        "A cluster that Argo CD deploys to: its Secret, and a ServiceAccount in the cluster.";
    const CATEGORY: &'static str = super::CATEGORY;
    const CONDITIONS: &'static [&'static str] = &[API_REACHABLE];

    type Parameters = ArgoCdClusterParameters;
    type Observation = ArgoCdClusterObservation;

    fn inputs(parameters: &Self::Parameters) -> Inputs {
        [Input::secret(&parameters.kubeconfig_secret_ref)]
            .into_iter()
            .collect()
    }

    fn external_name(parameters: &Self::Parameters) -> Option<String> {
        Some(parameters.secret_name())
    }
}

fn default_namespace() -> String {
    "argocd".into()
}

fn default_account_namespace() -> String {
    "kube-system".into()
}

fn default_account() -> String {
    "argocd-manager".into()
}
