//! A kind for tests: it has a size and a colour, may refer to others of its kind, may take its
//! password from a Secret, and shares itself with those it names.

use std::{collections::BTreeSet, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    config::{ConfigSecretKeyRef, ProviderSettings},
    input::{Input, Inputs, SecretKeyRef},
    kind::Kind,
    reference::{NamedReference, Reference, Selector, Target},
};

/// A kind for tests.
#[derive(Clone, Debug)]
pub struct Fake;

/// The kind's own condition: nothing ails the thing.
pub(super) const HEALTHY: &str = "Healthy";

/// `spec.forProvider` of a [`Fake`].
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FakeParameters {
    /// A field that may be shown.
    pub size: i64,
    /// Another field that may be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// External name of another [`Fake`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Fills `parent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_ref: Option<NamedReference>,
    /// Fills `parent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_selector: Option<Selector>,
    /// External name of one more [`Fake`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Fills `peer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_ref: Option<NamedReference>,
    /// Where the password comes from; generated when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_secret_ref: Option<SecretKeyRef>,
    /// External name, in place of the object's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// For how many seconds after it was made it may not show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shows_within: Option<u64>,
    /// With whom it is shared. What leaves the list is taken back.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub shares: BTreeSet<String>,
}

/// `status.atProvider` of a [`Fake`].
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FakeObservation {
    /// External name.
    pub id: String,
    /// Observed size.
    pub size: i64,
}

impl Kind for Fake {
    const GROUP: &'static str = "example.org";
    const KIND: &'static str = "Fake";
    const PLURAL: &'static str = "fakes";
    const DESCRIPTION: &'static str = "Something that exists in memory.";
    const CATEGORY: &'static str = "fake";
    const OUTLIVES_READERS: bool = true;
    const CONDITIONS: &'static [&'static str] = &[HEALTHY];

    type Parameters = FakeParameters;
    type Observation = FakeObservation;

    fn external_name(parameters: &FakeParameters) -> Option<String> {
        parameters.alias.clone()
    }

    fn create_grace(parameters: &FakeParameters) -> Duration {
        Duration::from_secs(parameters.shows_within.unwrap_or_default())
    }

    fn inputs(parameters: &FakeParameters) -> Inputs {
        parameters
            .password_secret_ref
            .iter()
            .map(Input::secret)
            .collect()
    }

    fn references(parameters: &mut FakeParameters) -> Vec<Reference<'_>> {
        let FakeParameters {
            parent,
            parent_ref,
            parent_selector,
            peer,
            peer_ref,
            ..
        } = parameters;
        vec![
            Reference {
                field: "parent".into(),
                target: Target::of::<Self>(),
                value: parent,
                reference: parent_ref.as_ref(),
                selector: parent_selector.as_ref(),
            },
            Reference {
                field: "peer".into(),
                target: Target::of::<Self>(),
                value: peer,
                reference: peer_ref.as_ref(),
                selector: None,
            },
        ]
    }
}

/// `spec` of the provider configs of [`Fake`].
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FakeSettings {
    /// The administrator's password.
    pub password_secret_ref: ConfigSecretKeyRef,
}

impl ProviderSettings for FakeSettings {
    const GROUP: &'static str = "example.org";
    const CATEGORY: &'static str = "fake";

    fn inputs(&self) -> Vec<Input> {
        vec![self.password_secret_ref.input()]
    }
}
