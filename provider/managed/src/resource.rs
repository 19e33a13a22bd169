//! The object a user sees: metadata, spec and status of a managed resource of any kind.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    config::ConfigRef,
    connection::LocalSecretReference,
    drift::{DriftPolicy, DriftedField, LastDrift},
    initial::InitialParameters,
    kind::Kind,
    policy::{self, ManagementAction},
    rehearsal::PlannedStep,
};

/// Annotation with the identity in the external system.
pub const EXTERNAL_NAME: &str = "crossplane.io/external-name";
/// Annotation written immediately before create.
pub const CREATE_PENDING: &str = "crossplane.io/external-create-pending";
/// Annotation written after create succeeded.
pub const CREATE_SUCCEEDED: &str = "crossplane.io/external-create-succeeded";
/// Annotation written after create failed.
pub const CREATE_FAILED: &str = "crossplane.io/external-create-failed";
/// Annotation that stops all external calls while it is `"true"`.
pub const PAUSED: &str = "crossplane.io/paused";
/// Annotation that has everything worked out and nothing done while it is `"true"`; see `status.plan`.
pub const PLAN: &str = "tenancy.pnats.cloud/plan";
/// Annotation that replaces the poll interval of this resource; a Go duration such as `30s`.
pub const POLL_INTERVAL: &str = "crossplane.io/poll-interval";
/// Annotation that asks for a pass; any value not seen before.
pub const RECONCILE_REQUESTED: &str = "crossplane.io/reconcile-requested-at";
/// Annotation that remembers what this resource may have changed outside, so that what is removed
/// from the spec can be taken back. Written before the change is made.
pub const LEDGER: &str = "tenancy.pnats.cloud/ledger";
/// Annotation with the shard that has written [`CREATE_PENDING`], where there are several.
pub const CREATING_SHARD: &str = "tenancy.pnats.cloud/creating-shard";
/// Annotation that remembers where the connection details are, so that they can follow when the
/// reference is renamed.
pub const CONNECTION_SECRET: &str = "tenancy.pnats.cloud/connection-secret";
/// Finalizer of every managed resource.
pub const FINALIZER: &str = "finalizer.managedresource.crossplane.io";

/// A managed resource of kind `K`.
#[derive(Clone, Debug)]
pub struct ManagedResource<K: Kind> {
    /// Kubernetes metadata.
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: Spec<K>,
    /// What was found and done.
    pub status: Option<Status<K>>,
}

/// `spec` of every managed resource.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase", bound = "")]
#[schemars(bound = "K: Kind")]
pub struct Spec<K: Kind> {
    /// What the external resource is to be.
    pub for_provider: K::Parameters,
    /// Values for the moment of creation only, for fields that `forProvider` does not set. They are
    /// never compared and never changed afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_provider: Option<InitialParameters<K>>,
    /// The provider config with address and credentials of the server.
    #[serde(default)]
    pub provider_config_ref: ConfigRef,
    /// What the provider may do with the external resource. Default `["*"]`; `["Observe"]` only looks.
    #[serde(default = "policy::everything")]
    pub management_policies: Vec<ManagementAction>,
    /// What to do when somebody else changed the external resource. Default `Correct`.
    #[serde(default)]
    pub drift_policy: DriftPolicy,
    /// Secret in the namespace of this resource that receives the connection details.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_connection_secret_to_ref: Option<LocalSecretReference>,
}

/// `status` of every managed resource.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase", bound = "")]
#[schemars(bound = "K: Kind")]
pub struct Status<K: Kind> {
    /// What was found in the external system.
    #[serde(default)]
    pub at_provider: K::Observation,
    /// Ready, Synced and `UpToDate`.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Fields that differ from the spec now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<DriftedField>,
    /// The last time somebody else changed the external resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_drift: Option<LastDrift>,
    /// What would be done, in order: while the annotation `tenancy.pnats.cloud/plan` is `"true"`, and
    /// where the policies let the external resource only be observed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<PlannedStep>,
    /// The last value of the annotation `crossplane.io/reconcile-requested-at` that was acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// The generation of the spec that was last carried out in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

impl<K: Kind> Default for Status<K> {
    fn default() -> Self {
        Self {
            at_provider: K::Observation::default(),
            conditions: Vec::new(),
            drift: Vec::new(),
            last_drift: None,
            plan: Vec::new(),
            last_handled_reconcile_at: None,
            observed_generation: None,
        }
    }
}

// By hand because deriving would ask for `K: PartialEq`.
impl<K: Kind> PartialEq for Status<K> {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            at_provider,
            conditions,
            drift,
            last_drift,
            plan,
            last_handled_reconcile_at,
            observed_generation,
        } = self;
        *at_provider == other.at_provider
            && *conditions == other.conditions
            && *drift == other.drift
            && *last_drift == other.last_drift
            && *plan == other.plan
            && *last_handled_reconcile_at == other.last_handled_reconcile_at
            && *observed_generation == other.observed_generation
    }
}

impl<K: Kind> ManagedResource<K> {
    /// A resource with default policies.
    pub fn new(name: impl Into<String>, for_provider: K::Parameters) -> Self {
        Self {
            metadata: ObjectMeta {
                name: Some(name.into()),
                ..ObjectMeta::default()
            },
            spec: Spec {
                for_provider,
                init_provider: None,
                provider_config_ref: ConfigRef::default(),
                management_policies: policy::everything(),
                drift_policy: DriftPolicy::default(),
                write_connection_secret_to_ref: None,
            },
            status: None,
        }
    }

    /// An annotation's value.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata
            .annotations
            .as_ref()?
            .get(key)
            .map(String::as_str)
    }

    /// True when a plan is asked for and nothing else.
    pub fn only_plans(&self) -> bool {
        self.annotation(PLAN) == Some("true")
    }

    /// The identity in the external system: the annotation, else what follows from the parameters,
    /// else the object's name.
    pub fn external_name(&self) -> Cow<'_, str> {
        let given = self
            .annotation(EXTERNAL_NAME)
            .filter(|name| !name.is_empty());
        if let Some(given) = given {
            return Cow::Borrowed(given);
        }
        match K::external_name(&self.spec.for_provider) {
            Some(derived) => Cow::Owned(derived),
            None => Cow::Borrowed(self.metadata.name.as_deref().unwrap_or_default()),
        }
    }

    /// The conditions as they were last written.
    pub fn conditions(&self) -> &[Condition] {
        self.status
            .as_ref()
            .map(|status| status.conditions.as_slice())
            .unwrap_or_default()
    }

    /// True when the object is on its way out.
    pub fn is_deleting(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// True when our finalizer is there.
    pub fn has_finalizer(&self) -> bool {
        self.metadata
            .finalizers
            .iter()
            .flatten()
            .any(|finalizer| finalizer == FINALIZER)
    }
}

// === impl Resource, Serialize, Deserialize ===
//
// By hand because `#[derive(CustomResource)]` cannot be generic over the kind.

impl<K: Kind> kube::Resource for ManagedResource<K> {
    type DynamicType = ();
    type Scope = kube::core::NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        K::KIND.into()
    }
    fn group((): &()) -> Cow<'_, str> {
        K::GROUP.into()
    }
    fn version((): &()) -> Cow<'_, str> {
        K::VERSION.into()
    }
    fn api_version((): &()) -> Cow<'_, str> {
        K::api_version().into()
    }
    fn plural((): &()) -> Cow<'_, str> {
        K::PLURAL.into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase", bound = "")]
struct Written<'a, K: Kind> {
    api_version: String,
    kind: &'static str,
    metadata: &'a ObjectMeta,
    spec: &'a Spec<K>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: &'a Option<Status<K>>,
}

#[derive(Deserialize)]
#[serde(bound = "")]
struct Read<K: Kind> {
    metadata: ObjectMeta,
    spec: Spec<K>,
    status: Option<Status<K>>,
}

impl<K: Kind> Serialize for ManagedResource<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            metadata,
            spec,
            status,
        } = self;
        Written {
            api_version: K::api_version(),
            kind: K::KIND,
            metadata,
            spec,
            status,
        }
        .serialize(serializer)
    }
}

impl<'de, K: Kind> Deserialize<'de> for ManagedResource<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Read {
            metadata,
            spec,
            mut status,
        } = Read::deserialize(deserializer)?;
        // Ten thousand of these are kept, and a list that was read has room for more than is in it.
        if let Some(status) = &mut status {
            status.conditions.shrink_to_fit();
        }
        Ok(Self {
            metadata,
            spec,
            status,
        })
    }
}
