//! What is declared: the kind and the provider config.

use managed::{Input, Kind, ProviderSettings, config::ConfigSecretKeyRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind.
#[derive(Clone, Debug)]
pub(crate) struct Item;

/// `spec.forProvider` of an [`Item`].
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Parameters {
    /// What the item holds.
    pub(crate) content: String,
}

/// `status.atProvider` of an [`Item`].
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Found {
    /// What the item was found to hold.
    pub(crate) content: String,
}

impl Kind for Item {
    const GROUP: &'static str = "lab.pnats.cloud";
    const KIND: &'static str = "Item";
    const PLURAL: &'static str = "items";
    const DESCRIPTION: &'static str = "A file on a shelf.";
    const CATEGORY: &'static str = "lab";

    type Parameters = Parameters;
    type Observation = Found;
}

/// `spec` of a provider config.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Settings {
    /// The directory that items are kept in.
    pub(crate) directory: String,
    /// The password of whoever may use the shelf. Nobody checks it here.
    pub(crate) password_secret_ref: ConfigSecretKeyRef,
}

impl ProviderSettings for Settings {
    const GROUP: &'static str = Item::GROUP;
    const CATEGORY: &'static str = Item::CATEGORY;

    fn inputs(&self) -> Vec<Input> {
        vec![self.password_secret_ref.input()]
    }
}
