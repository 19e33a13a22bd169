//! The tokens that a role of an auth method issues: the fields that every kind of role shares.
//!
//! A field that is not set means the server's default, and is drift when somebody sets it by hand.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration::Ttl;

/// The tokens that a login through the role gets.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!self.policies.exists(policy, policy == 'root')",
    "a role must not issue root tokens; name a policy that lists what is needed"
))]
pub struct TokenParameters {
    /// Policies of the tokens, beside Vault's own `default`.
    #[serde(default)]
    #[schemars(
        length(max = 32),
        inner(length(min = 1, max = 128), regex(pattern = r"^[^A-Z\s]+$"))
    )]
    pub policies: Vec<String>,
    /// How long a token lives, such as `20m`. Not set: the mount's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Ttl>,
    /// How long a token may live with renewals. Not set: the mount's maximum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ttl: Option<Ttl>,
    /// An end that no renewal moves, even of periodic tokens. Not set: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explicit_max_ttl: Option<Ttl>,
    /// Makes tokens periodic: renewable for ever, each time for this long. Not set: they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Ttl>,
    /// Type of the tokens. Default `default`, which leaves it to the mount.
    #[serde(default)]
    pub r#type: TokenType,
    /// Networks that tokens may be used from, such as `10.244.0.0/16`. Empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 64)))]
    pub bound_cidrs: Vec<String>,
    /// Leave Vault's policy `default` out. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_default_policy: Option<bool>,
    /// How often a token may be used. Default 0, which is without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub num_uses: Option<i64>,
}

/// Type of the tokens that a role issues.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenType {
    /// As the mount says.
    #[default]
    Default,
    /// Renewable and revocable, kept in Vault's storage.
    Service,
    /// Light, neither renewable nor revocable.
    Batch,
    /// Service, unless the login asks for batch.
    DefaultService,
    /// Batch, unless the login asks for service.
    DefaultBatch,
}

impl TokenType {
    /// The word of Vault's API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Service => "service",
            Self::Batch => "batch",
            Self::DefaultService => "default-service",
            Self::DefaultBatch => "default-batch",
        }
    }
}

impl TokenParameters {
    /// Tokens with these policies that live for `ttl`.
    pub fn new<P: Into<String>>(policies: impl IntoIterator<Item = P>, ttl: &str) -> Self {
        Self {
            policies: policies.into_iter().map(Into::into).collect(),
            ttl: Some(Ttl::new(ttl)),
            ..Self::default()
        }
    }
}

#[cfg(feature = "backends")]
impl TokenParameters {
    /// Adds the fields as the API of every auth method names them.
    pub(super) fn add_to(&self, fields: &mut super::field::Fields) {
        fields.set("token.policies", "token_policies", &self.policies);
        fields.ttl("token.ttl", "token_ttl", self.ttl.as_ref());
        fields.ttl("token.maxTtl", "token_max_ttl", self.max_ttl.as_ref());
        let explicit = self.explicit_max_ttl.as_ref();
        fields.ttl("token.explicitMaxTtl", "token_explicit_max_ttl", explicit);
        fields.ttl("token.period", "token_period", self.period.as_ref());
        fields.text("token.type", "token_type", self.r#type.as_str());
        fields.set("token.boundCidrs", "token_bound_cidrs", &self.bound_cidrs);
        let no_default = self.no_default_policy.unwrap_or_default();
        fields.truth(
            "token.noDefaultPolicy",
            "token_no_default_policy",
            no_default,
        );
        let uses = self.num_uses.and_then(|uses| u64::try_from(uses).ok());
        fields.number("token.numUses", "token_num_uses", uses.unwrap_or(0));
    }
}
