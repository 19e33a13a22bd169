//! What a kind declares about itself.
//!
//! CRD, controller, metrics labels, reference page and RBAC documentation are all derived from this
//! one declaration.

use std::{fmt::Debug, time::Duration};

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::{input::Inputs, reference::Reference};

/// One managed kind, declared once.
pub trait Kind: Clone + Debug + Send + Sync + 'static {
    /// API group, for example `postgresql.pnats.cloud`.
    const GROUP: &'static str;
    /// API version of the group.
    const VERSION: &'static str = "v1alpha1";
    /// Kind in upper camel case.
    const KIND: &'static str;
    /// Plural in lower case, as it appears in URLs.
    const PLURAL: &'static str;
    /// Short names for kubectl.
    const SHORT_NAMES: &'static [&'static str] = &[];
    /// First sentence of `kubectl explain`.
    const DESCRIPTION: &'static str;
    /// The category kubectl offers for all kinds of this backend, beside `crossplane` and `managed`.
    const CATEGORY: &'static str;

    /// Others work through the connection Secret of this kind and need it for their own deletion too.
    /// When several are deleted together, this one goes after those that read its Secret; it waits
    /// for them up to a minute.
    const OUTLIVES_READERS: bool = false;

    /// Types of conditions this kind reports beside Ready, Synced and `UpToDate`.
    const CONDITIONS: &'static [&'static str] = &[];

    /// `spec.forProvider`.
    type Parameters: Serialize
        + DeserializeOwned
        + JsonSchema
        + Clone
        + Debug
        + PartialEq
        + Send
        + Sync;
    /// `status.atProvider`.
    type Observation: Serialize
        + DeserializeOwned
        + JsonSchema
        + Clone
        + Debug
        + Default
        + PartialEq
        + Send
        + Sync;

    /// The name in the external system of a resource whose user has not given one by annotation. It
    /// must follow from the parameters and never change. Default: the name of the object.
    fn external_name(_parameters: &Self::Parameters) -> Option<String> {
        None
    }

    /// How long after a successful create the external system may still not show what was made. In
    /// that time it is not made again. Default: none, because most systems show it at once.
    fn create_grace(_parameters: &Self::Parameters) -> Duration {
        Duration::ZERO
    }

    /// Secrets, `ConfigMap`s and managed resources this one reads. The runtime resolves them before
    /// observe, watches them, re-queues on change, and never reads them on the way to deletion.
    fn inputs(_parameters: &Self::Parameters) -> Inputs {
        Inputs::none()
    }

    /// Fields whose value may come from another managed resource, by name or by selector.
    fn references(_parameters: &mut Self::Parameters) -> Vec<Reference<'_>> {
        Vec::new()
    }

    /// Rules on the whole spec that the API server enforces: CEL expression and message.
    /// `self` is the spec. Rules on single fields belong to the fields of [`Kind::Parameters`].
    fn rules() -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }

    /// `group/version`.
    fn api_version() -> String {
        format!("{}/{}", Self::GROUP, Self::VERSION)
    }

    /// The name of the CRD, `<plural>.<group>`.
    fn crd_name() -> String {
        format!("{}.{}", Self::PLURAL, Self::GROUP)
    }
}
