//! The kind `JWTAuthConfig`: whose signatures an auth method of type jwt believes.
//!
//! The keys come from the manifest, from a Secret that is followed when they rotate, or from where an
//! issuer publishes them. Vault forgets what a write leaves out, so the whole configuration is written
//! each time. Never give one auth method the keys of several clusters: their issuers are often the same,
//! and then each could log in as the other. Vault cannot forget a configuration, so deleting the resource
//! leaves it; it goes with the `AuthMount`.
//!
//! Needs of Vault: `path "auth/<mount>/config" { capabilities = ["create", "read", "update"] }`.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

use kube::KubeSchema;
use managed::{
    input::{Input, Inputs, SecretKeyRef},
    kind::Kind,
    reference::{NamedReference, Reference, Selector, Target},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PATH_ADVICE, PATH_RULE, adoption::Adopt, auth_mount::AuthMount};

#[cfg(feature = "backends")]
mod external;

/// The configuration of an auth method of type jwt.
#[derive(Clone, Debug)]
pub struct JwtAuthConfig;

/// `spec.forProvider` of a `JWTAuthConfig`.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.mount) || has(self.mountRef) || has(self.mountSelector)",
    "the auth method is not given; set mount, mountRef or mountSelector"
))]
#[x_kube(validation = (
    "!has(oldSelf.mount) || !has(self.mount) || self.mount == oldSelf.mount",
    "mount cannot be changed; make another JWTAuthConfig"
))]
#[x_kube(validation = (
    "[has(self.jwtValidationPubkeys), has(self.jwtValidationPubkeysSecretRef), has(self.jwksUrl), has(self.oidcDiscoveryUrl)].filter(set, set).size() == 1",
    "set exactly one of jwtValidationPubkeys, jwtValidationPubkeysSecretRef, jwksUrl, oidcDiscoveryUrl"
))]
#[x_kube(validation = (
    "!(has(self.caCert) && has(self.caCertSecretRef))",
    "set at most one of caCert and caCertSecretRef"
))]
#[x_kube(validation = (
    "!(has(self.caCert) || has(self.caCertSecretRef)) || has(self.jwksUrl) || has(self.oidcDiscoveryUrl)",
    "a CA is for jwksUrl or oidcDiscoveryUrl; remove it"
))]
#[x_kube(validation = (
    "!(has(self.boundIssuer) && has(self.boundIssuerSecretRef))",
    "set at most one of boundIssuer and boundIssuerSecretRef"
))]
pub struct JwtAuthConfigParameters {
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
    /// Public keys in PEM; a token signed by any of them is believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 8192)))]
    pub jwt_validation_pubkeys: Option<Vec<String>>,
    /// Public keys in PEM, one after the other, from a Secret, such as the key
    /// `service-account-public-keys` of a connection Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt_validation_pubkeys_secret_ref: Option<SecretKeyRef>,
    /// Where the issuer publishes its keys, as Vault reaches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 8, max = 512), regex(pattern = r"^https?://\S+$"))]
    pub jwks_url: Option<String>,
    /// Address of the issuer whose discovery document names its keys, without
    /// `/.well-known/openid-configuration`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 8, max = 512), regex(pattern = r"^https?://\S+$"))]
    pub oidc_discovery_url: Option<String>,
    /// Certificates in PEM of the authorities that sign the certificate of that address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 65536))]
    pub ca_cert: Option<String>,
    /// The certificates from a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_cert_secret_ref: Option<SecretKeyRef>,
    /// Issuer that tokens must name. Not set: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub bound_issuer: Option<String>,
    /// The issuer from a Secret, such as the key `service-account-issuer` of a connection Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound_issuer_secret_ref: Option<SecretKeyRef>,
    /// Algorithms of signatures that are accepted, such as `RS256`. Empty: those that fit the keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 16)))]
    pub jwt_supported_algs: Vec<String>,
    /// Role of a login that names none. Not set: such a login is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub default_role: Option<String>,
    /// Whether a configuration that is there and differs, and that this resource has not written, may
    /// be overwritten. Default `Never`.
    #[serde(default)]
    pub adopt: Adopt,
}

/// `status.atProvider` of a `JWTAuthConfig`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JwtAuthConfigObservation {
    /// Path of the auth method.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mount: String,
    /// Issuer that tokens must name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub bound_issuer: String,
    /// How many public keys are believed; not there when they are looked up at the issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_keys: Option<i64>,
}

impl JwtAuthConfigParameters {
    /// What is written with keys and issuer of the connection Secret `secret`.
    pub fn of_connection(mount: impl Into<String>, secret: &str) -> Self {
        let key = |key: &str| SecretKeyRef {
            name: secret.to_owned(),
            key: key.to_owned(),
        };
        Self {
            mount: Some(mount.into()),
            jwt_validation_pubkeys_secret_ref: Some(key("service-account-public-keys")),
            bound_issuer_secret_ref: Some(key("service-account-issuer")),
            ..Self::default()
        }
    }
}

impl Kind for JwtAuthConfig {
    const GROUP: &'static str = super::GROUP;
    const KIND: &'static str = "JWTAuthConfig";
    const PLURAL: &'static str = "jwtauthconfigs";
    const DESCRIPTION: &'static str =
        "The configuration of an auth method of type jwt of Vault or OpenBao.";
    const CATEGORY: &'static str = super::CATEGORY;

    type Parameters = JwtAuthConfigParameters;
    type Observation = JwtAuthConfigObservation;

    fn external_name(parameters: &Self::Parameters) -> Option<String> {
        parameters.mount.clone()
    }

    fn inputs(parameters: &Self::Parameters) -> Inputs {
        [
            &parameters.jwt_validation_pubkeys_secret_ref,
            &parameters.ca_cert_secret_ref,
            &parameters.bound_issuer_secret_ref,
        ]
        .into_iter()
        .flatten()
        .map(Input::secret)
        .collect()
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
