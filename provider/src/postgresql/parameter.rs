//! Configuration parameters that a role or a database gives to new sessions (`ALTER … SET`).
//!
//! `PostgreSQL` keeps a value as it was written, except for lists of names such as `search_path`,
//! which it quotes anew. Values are therefore compared as lists where the server treats them so, and
//! literally everywhere else.

#[cfg(feature = "backends")]
pub mod setting;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One configuration parameter and its value for new sessions.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationParameter {
    /// Name of the parameter, such as `statement_timeout`.
    #[schemars(regex(pattern = r"^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)*$"))]
    pub name: String,
    /// Its value as written in `postgresql.conf`, such as `30s`; a list is separated by commas.
    pub value: String,
}

impl ConfigurationParameter {
    /// A parameter with its value.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
        }
    }
}
