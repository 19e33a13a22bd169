//! What a resource asks for before anything is looked at: nothing, to be left alone, to be let go, or
//! to be managed. Pure.

use crate::{
    kind::Kind,
    policy::{Policies, Reading},
    resource::{FINALIZER, ManagedResource, PAUSED},
};

/// Finalizers of Kubernetes itself. They wait for us, so we must not wait for them.
const OF_KUBERNETES: [&str; 2] = ["foregroundDeletion", "orphan"];

/// The reading of pause, policies and deletion.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Lifecycle {
    /// Nothing is done; the message says why.
    Paused(String),
    /// The policies make no sense; the message says what to use.
    Unsupported(String),
    /// It is being deleted and the external resource stays.
    LetGo,
    /// It is being deleted and we have nothing to do with that any more.
    Released,
    /// It is managed under these policies.
    Managed(Policies),
}

impl Lifecycle {
    /// Reads it off an object.
    pub(crate) fn of<K: Kind>(object: &ManagedResource<K>) -> Self {
        let deleting = object.is_deleting();
        let reading = Policies::read(&object.spec.management_policies);
        if deleting && !object.has_finalizer() {
            return Self::Released;
        }
        if object.annotation(PAUSED) == Some("true") {
            return Self::Paused(paused("the annotation crossplane.io/paused", deleting));
        }
        match reading {
            Reading::Paused => Self::Paused(paused("the empty list managementPolicies", deleting)),
            Reading::Unsupported { delete: false, .. } if deleting => Self::LetGo,
            Reading::Unsupported { message, .. } => Self::Unsupported(message),
            Reading::Supported(policies) if deleting && !policies.delete => Self::LetGo,
            Reading::Supported(policies) => Self::Managed(policies),
        }
    }
}

fn paused(by: &str, deleting: bool) -> String {
    let what = if deleting {
        "deletion waits because reconciliation"
    } else {
        "reconciliation"
    };
    format!("{what} is paused by {by}; remove it to go on")
}

/// Finalizers that others must take off before the external resource may be deleted.
pub(crate) fn foreign_finalizers<K: Kind>(object: &ManagedResource<K>) -> Vec<String> {
    let all = object.metadata.finalizers.iter().flatten();
    all.filter(|finalizer| *finalizer != FINALIZER && !OF_KUBERNETES.contains(&finalizer.as_str()))
        .cloned()
        .collect()
}
