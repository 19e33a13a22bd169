//! What a user asks for: one module per kind of claim, typed once.
//!
//! From these types come the schema of both composite resource definitions ([`crate::xrd`]), the
//! parsing of requests ([`crate::observed`]) and the status that is written back. A rule that can be
//! checked at admission is declared here, next to the field it is about.

use managed::rehearsal::PlannedStep;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub mod postgresql_instance;
pub mod virtual_cluster;

pub use postgresql_instance::PostgresqlInstance;
pub use virtual_cluster::VirtualCluster;

/// One kind of claim, declared once.
pub trait Claim {
    /// API group.
    const GROUP: &'static str;
    /// API version of the group.
    const VERSION: &'static str = "v1alpha1";
    /// Kind as a user writes it. The composite behind a classic claim has the prefix `X`.
    const KIND: &'static str;
    /// Plural in lower case.
    const PLURAL: &'static str;
    /// Short names for kubectl.
    const SHORT_NAMES: &'static [&'static str];
    /// First sentence of `kubectl explain`.
    const DESCRIPTION: &'static str;
    /// Columns of `kubectl get`, left of those that Crossplane adds.
    const COLUMNS: &'static [Column];
    /// Rules on the whole object that the API server enforces: CEL expression and message.
    const RULES: &'static [(&'static str, &'static str)];

    /// `spec`, without the fields that Crossplane adds.
    type Spec: DeserializeOwned + JsonSchema;
    /// `status`, without the fields that Crossplane adds.
    type Status: Serialize + DeserializeOwned + Default + JsonSchema;
}

/// A column of `kubectl get`.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Heading.
    pub name: &'static str,
    /// Path of the value.
    pub path: &'static str,
    /// Shown only with `-o wide`.
    pub wide: bool,
}

/// What would be done to one composed resource.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ResourcePlan {
    /// Kind and name.
    pub resource: String,
    /// The steps, in order.
    pub steps: Vec<PlannedStep>,
}

/// The stage a service runs in. It is part of every name and path that is made for a claim.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Development.
    Dev,
    /// Staging.
    Staging,
    /// User acceptance tests.
    Uat,
    /// Before production.
    Preprod,
    /// Production.
    Production,
    /// A place to try things.
    Sandbox,
}

impl Environment {
    /// As written in the API, in names and in paths.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Staging => "staging",
            Self::Uat => "uat",
            Self::Preprod => "preprod",
            Self::Production => "production",
            Self::Sandbox => "sandbox",
        }
    }
}

/// What happens to the data when the claim is deleted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum DeletionPolicy {
    /// It is deleted.
    #[default]
    Delete,
    /// It stays, with the role that owns it. Logins and their credentials go.
    Orphan,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_environment_is_the_one_in_the_api() {
        use Environment::{Dev, Preprod, Production, Sandbox, Staging, Uat};
        for environment in [Dev, Staging, Uat, Preprod, Production, Sandbox] {
            assert_eq!(
                serde_json::to_value(environment).unwrap(),
                environment.as_str()
            );
        }
    }
}
