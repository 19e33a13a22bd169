//! The kind `JWTAuthRole`: which signed tokens log in through an auth method of type jwt, and what they
//! get.
//!
//! A role needs an audience and something that names the bearer, a subject or claims: else whoever can
//! have a token signed by the same keys logs in. With a proof the role is ready only when a login was
//! made that reached what it must and nothing that it must not.
//!
//! Needs of Vault: `path "auth/<mount>/role/*" { capabilities = ["create", "read", "update", "delete"] }`.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

use std::collections::BTreeMap;

use kube::KubeSchema;
use managed::{
    input::Inputs,
    kind::Kind,
    reference::{NamedReference, Reference, Selector, Target},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    PATH_ADVICE, PATH_RULE,
    adoption::Adopt,
    auth_mount::AuthMount,
    auth_role::{AuthRoleObservation, BINDINGS_DISTINCT},
    duration::Ttl,
    proof::{LoginProof, VAULT_LOGIN_PROVEN},
    token::TokenParameters,
};

/// A role of an auth method of type jwt.
#[derive(Clone, Debug)]
pub struct JwtAuthRole;

/// `spec.forProvider` of a `JWTAuthRole`.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.mount) || has(self.mountRef) || has(self.mountSelector)",
    "the auth method is not given; set mount, mountRef or mountSelector"
))]
#[x_kube(validation = (
    "self.name == oldSelf.name && (!has(oldSelf.mount) || !has(self.mount) || self.mount == oldSelf.mount)",
    "mount and name cannot be changed; make another JWTAuthRole"
))]
#[x_kube(validation = (
    "has(self.boundSubject) || (has(self.boundClaims) && size(self.boundClaims) > 0)",
    "whoever has a token of the issuer would log in; set boundSubject or boundClaims"
))]
#[x_kube(validation = (
    "!has(self.proof) || !has(self.token.numUses) || self.token.numUses == 0 || self.token.numUses >= 3",
    "the proof uses a token three times; set token.numUses to 0 or to 3 or more"
))]
pub struct JwtAuthRoleParameters {
    /// Path of the auth method without `auth/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = (PATH_RULE, PATH_ADVICE))]
    pub mount: Option<String>,
    /// Managed resource of kind `AuthMount` that enables it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount_ref: Option<NamedReference>,
    /// Selects a managed resource of kind `AuthMount` that enables it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount_selector: Option<Selector>,
    /// Name of the role, in lower case.
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = "^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$")
    )]
    pub name: String,
    /// Audiences of which a token must have one, such as `vault`.
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 256)))]
    pub bound_audiences: Vec<String>,
    /// Subject that a token must name, such as `system:serviceaccount:payments:api`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub bound_subject: Option<String>,
    /// Claims that a token must have, each with one of the listed values. A name that begins with `/`
    /// is a JSON pointer, such as `/kubernetes.io/namespace`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub bound_claims: BTreeMap<String, Vec<String>>,
    /// How values of `boundClaims` are compared. Default `string`.
    #[serde(default)]
    pub bound_claims_type: BoundClaimsType,
    /// Claim that a login is known by. Default `sub`.
    #[serde(default = "default_user_claim")]
    #[schemars(length(min = 1, max = 256))]
    pub user_claim: String,
    /// Claim with the groups of the bearer. Not set: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub groups_claim: Option<String>,
    /// Claims that become metadata of the login, by the name they get there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub claim_mappings: BTreeMap<String, String>,
    /// How far clocks may differ. Not set: a minute, which is Vault's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_skew_leeway: Option<Ttl>,
    /// How long after its end a token without a beginning is good. Not set: Vault's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_leeway: Option<Ttl>,
    /// How long before its beginning a token is good. Not set: Vault's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before_leeway: Option<Ttl>,
    /// The tokens that a login gets.
    pub token: TokenParameters,
    /// Whether a role of this name that this resource has not written may be taken over. Default
    /// `Never`.
    #[serde(default)]
    pub adopt: Adopt,
    /// A login to try. The role is then ready only when it was proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<LoginProof>,
}

/// How values of claims are compared.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BoundClaimsType {
    /// Exactly.
    #[default]
    String,
    /// `*` stands for anything.
    Glob,
}

impl BoundClaimsType {
    /// The word of Vault's API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Glob => "glob",
        }
    }
}

impl JwtAuthRoleParameters {
    /// A role for one `ServiceAccount` of a cluster with the audience `vault`.
    pub fn new(
        mount: impl Into<String>,
        name: impl Into<String>,
        namespace: &str,
        service_account: &str,
        token: TokenParameters,
    ) -> Self {
        Self {
            mount: Some(mount.into()),
            name: name.into(),
            bound_audiences: vec!["vault".into()],
            bound_subject: Some(format!(
                "system:serviceaccount:{namespace}:{service_account}"
            )),
            user_claim: default_user_claim(),
            token,
            ..Self::default()
        }
    }
}

impl Kind for JwtAuthRole {
    const GROUP: &'static str = super::GROUP;
    const KIND: &'static str = "JWTAuthRole";
    const PLURAL: &'static str = "jwtauthroles";
    const DESCRIPTION: &'static str = "A role of an auth method of type jwt of Vault or OpenBao.";
    const CATEGORY: &'static str = super::CATEGORY;
    const CONDITIONS: &'static [&'static str] = &[VAULT_LOGIN_PROVEN, BINDINGS_DISTINCT];

    type Parameters = JwtAuthRoleParameters;
    type Observation = AuthRoleObservation;

    fn external_name(parameters: &Self::Parameters) -> Option<String> {
        let mount = parameters.mount.as_deref()?;
        Some(format!("{mount}/{}", parameters.name))
    }

    fn inputs(parameters: &Self::Parameters) -> Inputs {
        parameters.proof.iter().map(LoginProof::input).collect()
    }

    fn references(parameters: &mut Self::Parameters) -> Vec<Reference<'_>> {
        vec![Reference {
            field: "mount".into(),
            target: Target::of::<AuthMount>(),
            value: &mut parameters.mount,
            reference: parameters.mount_ref.as_ref(),
            selector: parameters.mount_selector.as_ref(),
        }]
    }
}

fn default_user_claim() -> String {
    "sub".into()
}

#[cfg(feature = "backends")]
impl super::auth_role::AuthRole for JwtAuthRole {
    fn mount(parameters: &Self::Parameters) -> Option<&str> {
        parameters.mount.as_deref()
    }

    fn name(parameters: &Self::Parameters) -> &str {
        &parameters.name
    }

    fn adopt(parameters: &Self::Parameters) -> Adopt {
        parameters.adopt
    }

    fn fields(parameters: &Self::Parameters) -> super::field::Fields {
        let mut fields = super::field::Fields::default();
        fields.text("roleType", "role_type", "jwt");
        fields.set(
            "boundAudiences",
            "bound_audiences",
            &parameters.bound_audiences,
        );
        let subject = parameters.bound_subject.as_deref().unwrap_or_default();
        fields.text("boundSubject", "bound_subject", subject);
        fields.sets("boundClaims", "bound_claims", &parameters.bound_claims);
        let claims_type = parameters.bound_claims_type.as_str();
        fields.text("boundClaimsType", "bound_claims_type", claims_type);
        fields.text("userClaim", "user_claim", &parameters.user_claim);
        let is_pointer = parameters.user_claim.starts_with('/');
        fields.truth("userClaim", "user_claim_json_pointer", is_pointer);
        let groups = parameters.groups_claim.as_deref().unwrap_or_default();
        fields.text("groupsClaim", "groups_claim", groups);
        fields.texts(
            "claimMappings",
            "claim_mappings",
            &parameters.claim_mappings,
        );
        let skew = parameters.clock_skew_leeway.as_ref();
        fields.ttl("clockSkewLeeway", "clock_skew_leeway", skew);
        let expiration = parameters.expiration_leeway.as_ref();
        fields.ttl("expirationLeeway", "expiration_leeway", expiration);
        let not_before = parameters.not_before_leeway.as_ref();
        fields.ttl("notBeforeLeeway", "not_before_leeway", not_before);
        parameters.token.add_to(&mut fields);
        fields
    }

    fn token(parameters: &Self::Parameters) -> &TokenParameters {
        &parameters.token
    }

    fn audience(parameters: &Self::Parameters) -> &str {
        parameters
            .bound_audiences
            .first()
            .map_or("", String::as_str)
    }

    fn proof(parameters: &Self::Parameters) -> Option<&LoginProof> {
        parameters.proof.as_ref()
    }

    fn overlaps(parameters: &Self::Parameters, other: &serde_json::Value) -> bool {
        let subject = other["bound_subject"].as_str();
        parameters.bound_subject.is_some() && parameters.bound_subject.as_deref() == subject
    }
}
