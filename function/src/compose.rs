//! What a claim becomes: from what was observed to what is wanted. Pure.
//!
//! One module per kind of claim. What is composed depends on the claim alone, so nothing that exists
//! is ever left out because something else cannot be seen; observations decide only readiness, status
//! and conditions. The one exception are resources of an older function on their way out.

use std::time::Duration;

use managed::{Kind, ManagedResource, condition::Truth};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    claim::{Claim, PostgresqlInstance, VirtualCluster},
    observed::{Composite, Observed, Origin},
};

pub mod cluster;
pub mod database;
mod name;
mod outlook;
mod planning;
mod standing;

pub use outlook::{Condition, Event};
pub use standing::{Cause, Standing};

/// How long Crossplane may wait before it asks again while something is not ready.
const WHILE_WAITING: Duration = Duration::from_mins(1);
/// The same when all is well. A change of a composed resource makes Crossplane ask at once.
const WHEN_READY: Duration = Duration::from_mins(10);
/// The same while Crossplane does not listen to the claim and to what it became.
const WHILE_WAITING_UNHEARD: Duration = Duration::from_secs(10);
/// The same when all is well and Crossplane does not listen.
const WHEN_READY_UNHEARD: Duration = Duration::from_secs(30);

/// What is wanted for one claim.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Composition {
    /// Managed resources, in the order in which they can become ready.
    pub resources: Vec<Composed>,
    /// `status` of the composite.
    pub status: Value,
    /// Conditions of the composite and the claim.
    pub conditions: Vec<Condition>,
    /// Events on the composite and the claim.
    pub events: Vec<Event>,
}

/// One managed resource of a composition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Composed {
    /// Its key; a contract with what exists.
    pub key: String,
    /// Its kind.
    pub kind: &'static str,
    /// Plural and group, as kubectl takes them.
    pub resource: String,
    /// Its name.
    pub name: String,
    /// The object without status.
    pub object: Value,
    /// What it is a part of.
    pub aspect: Aspect,
    /// How far it is.
    pub standing: Standing,
}

/// What a managed resource is a part of. Each aspect has a condition of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Aspect {
    /// The database and its owner.
    Database,
    /// Logins, groups and what they may do.
    Access,
    /// Credentials in Vault.
    Vault,
    /// Credentials inside a cluster.
    Delivery,
    /// The cluster.
    Cluster,
    /// What is made inside the cluster.
    Inside,
    /// The login of the cluster's workloads to Vault.
    Login,
    /// The registration in Argo CD.
    ArgoCd,
}

/// Why nothing is composed. What exists stays as it is.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// No such claim.
    #[error(
        "kind {0} is none that function-tenancy composes; correct the Composition's compositeTypeRef"
    )]
    UnknownKind(String),
    /// A cluster-scoped composite that nobody claimed.
    #[error("{0} has no claim, so no namespace to compose in; create a claim instead")]
    NoClaim(String),
    /// A field with an impossible value.
    #[error("spec.{field}: {cause}; correct spec.{field}")]
    Field {
        /// Path below `spec`.
        field: String,
        /// What is wrong.
        cause: String,
    },
}

impl Composition {
    /// How long Crossplane may wait before it asks again. An event that its circuit breaker kept back
    /// never comes again, so while it is open the claim would say for minutes what is not so any more.
    pub fn ttl(&self, composite: &Composite) -> Duration {
        let is_ready = |resource: &Composed| resource.standing == Standing::Ready;
        match (self.resources.iter().all(is_ready), composite.is_unheard()) {
            (true, false) => WHEN_READY,
            (false, false) => WHILE_WAITING,
            (true, true) => WHEN_READY_UNHEARD,
            (false, true) => WHILE_WAITING_UNHEARD,
        }
    }

    /// The condition of a type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions
            .iter()
            .find(|condition| condition.kind == kind)
    }
}

impl Condition {
    /// True when it holds.
    pub fn holds(&self) -> bool {
        self.status == Truth::True
    }
}

/// Composes whatever kind of claim was observed.
pub fn compose(observed: &Observed) -> Result<Composition, Refusal> {
    let kind = observed.composite.kind.as_str();
    let mut composition = match kind.strip_prefix('X').unwrap_or(kind) {
        PostgresqlInstance::KIND => database::compose(observed),
        VirtualCluster::KIND => cluster::compose(observed),
        _ => Err(Refusal::UnknownKind(kind.to_owned())),
    }?;
    if planning::is_asked_for(observed) {
        planning::hold_back(&mut composition.resources);
    }
    Ok(composition)
}

fn origin(observed: &Observed) -> Result<Origin, Refusal> {
    let composite = &observed.composite;
    let named = || format!("{} {}", composite.kind, composite.metadata.name);
    composite.origin().ok_or_else(|| Refusal::NoClaim(named()))
}

fn spec<S: DeserializeOwned>(observed: &Observed) -> Result<S, Refusal> {
    serde_path_to_error::deserialize(&observed.composite.spec).map_err(|error| Refusal::Field {
        field: error.path().to_string(),
        cause: error.inner().to_string(),
    })
}

impl Composed {
    fn new<K: Kind>(
        observed: &Observed,
        key: impl Into<String>,
        aspect: Aspect,
        managed: &ManagedResource<K>,
    ) -> Self {
        let key = key.into();
        let mut object = serde_json::to_value(managed).expect("a managed resource is JSON");
        leave_to_operator(&mut object);
        let name = managed.metadata.name.clone().unwrap_or_default();
        let (wanted, seen) = (&object["spec"], observed.resources.get(&key));
        let standing = if observed.composite.was_refused() && standing::is_pending(wanted, seen) {
            standing::refused(K::KIND, &name)
        } else {
            standing::standing(K::KIND, &name, wanted, seen)
        };
        let resource = format!("{}.{}", K::PLURAL, K::GROUP);
        Self {
            key,
            kind: K::KIND,
            resource,
            name,
            object,
            aspect,
            standing,
        }
    }
}

/// The drift policy of a composed resource belongs to whoever operates it, so it is not claimed.
pub(crate) fn leave_to_operator(object: &mut Value) {
    if let Some(spec) = object["spec"].as_object_mut() {
        spec.remove("driftPolicy");
    }
}
