//! The kind `Policy`: one ACL policy of Vault, as text or as rules.
//!
//! What a policy means is compared, not how it is written: formatting, comments and order are never
//! drift, and drift names the path of the rule. A mark in a comment on the first line says whose the
//! policy is; a policy without it, or with somebody else's, is not overwritten.
//!
//! Needs of Vault: `path "sys/policies/acl/*" { capabilities = ["create", "read", "update", "delete"] }`.
//! Whoever may write every policy may do everything: restrict the path to the names that are wanted,
//! such as `sys/policies/acl/vcluster-*`.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

use kube::KubeSchema;
use managed::kind::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::adoption::Adopt;

#[cfg(feature = "backends")]
mod document;
#[cfg(feature = "backends")]
mod external;
#[cfg(feature = "backends")]
mod parser;
mod rule;

pub use rule::{Capability, KvAccess, KvRule, PolicyRule};

/// An ACL policy.
#[derive(Clone, Debug)]
pub struct Policy;

/// `spec.forProvider` of a `Policy`.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("self.name == oldSelf.name", "name cannot be changed; make another Policy"))]
#[x_kube(validation = (
    "has(self.hcl) != has(self.rules)",
    "set exactly one of hcl and rules"
))]
pub struct PolicyParameters {
    /// Name of the policy, in lower case. Vault's own `root`, `default` and `default-ceiling` are
    /// refused.
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = "^[a-z0-9_]([a-z0-9_./-]*[a-z0-9_])?$")
    )]
    #[x_kube(validation = (
        "!(self in ['root', 'default', 'default-ceiling', 'response-wrapping', 'control-group'])",
        "this policy is Vault's own; choose another name"
    ))]
    pub name: String,
    /// The policy as text, in HCL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 65536))]
    #[x_kube(validation = ("!self.matches('^\\\\s*[{]')", "this is JSON; write the policy in HCL"))]
    pub hcl: Option<String>,
    /// The policy as rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub rules: Option<Vec<PolicyRule>>,
    /// Whether a policy of this name that is not marked as this resource's may be taken over.
    /// Default `Never`.
    #[serde(default)]
    pub adopt: Adopt,
}

/// `status.atProvider` of a `Policy`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyObservation {
    /// Name of the policy.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Paths that the policy has rules for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
}

impl PolicyParameters {
    /// A policy of rules.
    pub fn new(name: impl Into<String>, rules: Vec<PolicyRule>) -> Self {
        Self {
            name: name.into(),
            hcl: None,
            rules: Some(rules),
            adopt: Adopt::default(),
        }
    }
}

impl Kind for Policy {
    const GROUP: &'static str = super::GROUP;
    const KIND: &'static str = "Policy";
    const PLURAL: &'static str = "policies";
    const SHORT_NAMES: &'static [&'static str] = &["vaultpolicy"];
    const DESCRIPTION: &'static str = "An ACL policy of Vault or OpenBao.";
    const CATEGORY: &'static str = super::CATEGORY;

    type Parameters = PolicyParameters;
    type Observation = PolicyObservation;

    fn external_name(parameters: &Self::Parameters) -> Option<String> {
        Some(parameters.name.clone())
    }
}
