//! Provider configs: where a server is and how to log in to it.
//!
//! Each API group has three kinds: `ProviderConfig` (for its own namespace), `ClusterProviderConfig`
//! (for every namespace) and `ProviderConfigUsage` (one per managed resource, so that a config in use
//! cannot be deleted).

#[cfg(feature = "runtime")]
pub(crate) mod control;
mod diagnosis;
mod object;
#[cfg(feature = "runtime")]
pub(crate) mod session;
#[cfg(feature = "runtime")]
pub(crate) mod usage;
#[cfg(feature = "runtime")]
pub(crate) mod users;

use std::fmt::Debug;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

#[cfg(feature = "runtime")]
pub use diagnosis::InUse;
pub use diagnosis::{Diagnosis, MissingRight};

use crate::input::Input;

/// Finalizer of a provider config that is in use.
pub const IN_USE: &str = "in-use.crossplane.io";
/// Finalizer of a usage; it goes after the finalizer of the managed resource.
pub const USAGE_FINALIZER: &str = "finalizer.providerconfigusage.crossplane.io";
/// Label of a usage with the config's name.
pub const CONFIG_LABEL: &str = "crossplane.io/provider-config";
/// Label of a usage with the config's kind.
pub const CONFIG_KIND_LABEL: &str = "crossplane.io/provider-config-kind";

/// `spec` of the provider configs of one API group.
pub trait ProviderSettings:
    Serialize + DeserializeOwned + JsonSchema + Clone + Debug + PartialEq + Send + Sync + 'static
{
    /// The API group.
    const GROUP: &'static str;
    /// API version of the group.
    const VERSION: &'static str = "v1alpha1";
    /// The category kubectl offers for all kinds of this backend.
    const CATEGORY: &'static str;

    /// Secrets the settings refer to. A namespace that is not given is the config's own; a
    /// `ClusterProviderConfig` has none and must give it.
    fn inputs(&self) -> Vec<Input>;

    /// Rules on the spec that the API server enforces: CEL expression and message.
    fn rules() -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }
}

/// A key of a Secret as a provider config names it.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigSecretKeyRef {
    /// Namespace of the Secret. Required in a `ClusterProviderConfig`; a `ProviderConfig` reads only
    /// Secrets of its own namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name of the Secret.
    pub name: String,
    /// Key in the Secret's data.
    pub key: String,
}

impl ConfigSecretKeyRef {
    /// As an input.
    pub fn input(&self) -> Input {
        Input::SecretKey {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            key: self.key.clone(),
        }
    }
}

/// Which of the two kinds of provider config.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    Deserialize,
    Eq,
    Hash,
    JsonSchema,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
)]
pub enum ConfigKind {
    /// In the namespace of the managed resource.
    ProviderConfig,
    /// For every namespace.
    #[default]
    ClusterProviderConfig,
}

impl ConfigKind {
    /// As written in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProviderConfig => "ProviderConfig",
            Self::ClusterProviderConfig => "ClusterProviderConfig",
        }
    }

    /// As it appears in URLs.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::ProviderConfig => "providerconfigs",
            Self::ClusterProviderConfig => "clusterproviderconfigs",
        }
    }
}

/// `spec.providerConfigRef`.
#[derive(Clone, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
pub struct ConfigRef {
    /// `ProviderConfig` (in the same namespace) or `ClusterProviderConfig`, the default.
    #[serde(default)]
    pub kind: ConfigKind,
    /// Name of the provider config. Default `default`.
    #[serde(default = "default_name")]
    pub name: String,
}

fn default_name() -> String {
    "default".into()
}

impl Default for ConfigRef {
    fn default() -> Self {
        Self {
            kind: ConfigKind::default(),
            name: default_name(),
        }
    }
}

/// `status` of both kinds of provider config.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigStatus {
    /// Ready, and Terminating while a deletion waits for users.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// How many managed resources use this config.
    #[serde(default)]
    pub users: i64,
    /// What the server is, as it says itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Rights that the kinds in use need and the identity does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_rights: Vec<MissingRight>,
}

/// The namespaced provider config of one group.
#[derive(Clone, Debug)]
pub struct ProviderConfig<S> {
    /// Kubernetes metadata.
    pub metadata: ObjectMeta,
    /// Address and credentials.
    pub spec: S,
    /// Users and readiness.
    pub status: Option<ConfigStatus>,
}

/// The cluster-scoped provider config of one group.
#[derive(Clone, Debug)]
pub struct ClusterProviderConfig<S> {
    /// Kubernetes metadata.
    pub metadata: ObjectMeta,
    /// Address and credentials.
    pub spec: S,
    /// Users and readiness.
    pub status: Option<ConfigStatus>,
}

/// Notes that one managed resource uses one provider config. Named after the resource's UID.
#[derive(Clone, Debug)]
pub struct ProviderConfigUsage<S> {
    /// Kubernetes metadata.
    pub metadata: ObjectMeta,
    /// The config that is used.
    pub provider_config_ref: ConfigRef,
    /// The resource that uses it.
    pub resource_ref: UserRef,
    settings: std::marker::PhantomData<fn() -> S>,
}

/// The resource that uses a config.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserRef {
    /// `group/version`.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// UID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

impl<S> ProviderConfigUsage<S> {
    /// A usage with the given metadata.
    pub fn new(
        metadata: ObjectMeta,
        provider_config_ref: ConfigRef,
        resource_ref: UserRef,
    ) -> Self {
        Self {
            metadata,
            provider_config_ref,
            resource_ref,
            settings: std::marker::PhantomData,
        }
    }
}

/// What both kinds of provider config have in common.
pub trait Config:
    kube::Resource<DynamicType = ()>
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// The settings.
    type Settings: ProviderSettings;
    /// Which of the two this is.
    const KIND: ConfigKind;

    /// Address and credentials.
    fn settings(&self) -> &Self::Settings;
    /// Users and readiness.
    fn status(&self) -> Option<&ConfigStatus>;
    /// The API of this kind; cluster-scoped kinds ignore the namespace.
    #[cfg(feature = "runtime")]
    fn api(client: kube::Client, namespace: &str) -> kube::Api<Self>;
}
