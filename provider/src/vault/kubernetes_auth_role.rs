//! The kind `KubernetesAuthRole`: which `ServiceAccounts` of a cluster log in, and what they get.
//!
//! A role needs an audience, so that a token made for something else does not log in, and exact
//! bindings: every `ServiceAccount` of every namespace is refused, and `default`, which every pod has
//! that names no other, only on request. With a proof the role is ready only when a login was made that
//! reached what it must and nothing that it must not.
//!
//! Needs of Vault: `path "auth/<mount>/role/*" { capabilities = ["create", "read", "update", "delete"] }`.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

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
    proof::{LoginProof, VAULT_LOGIN_PROVEN},
    token::TokenParameters,
};

/// A role of an auth method of type kubernetes.
#[derive(Clone, Debug)]
pub struct KubernetesAuthRole;

/// `spec.forProvider` of a `KubernetesAuthRole`.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.mount) || has(self.mountRef) || has(self.mountSelector)",
    "the auth method is not given; set mount, mountRef or mountSelector"
))]
#[x_kube(validation = (
    "self.name == oldSelf.name && (!has(oldSelf.mount) || !has(self.mount) || self.mount == oldSelf.mount)",
    "mount and name cannot be changed; make another KubernetesAuthRole"
))]
#[x_kube(validation = (
    "size(self.boundServiceAccountNamespaces) > 0 || has(self.boundServiceAccountNamespaceSelector)",
    "no namespace is bound; set boundServiceAccountNamespaces"
))]
#[x_kube(validation = (
    "!('*' in self.boundServiceAccountNames && '*' in self.boundServiceAccountNamespaces)",
    "every ServiceAccount of the cluster would log in; bind names or namespaces"
))]
#[x_kube(validation = (
    "(has(self.allowDefaultServiceAccount) && self.allowDefaultServiceAccount) || !self.boundServiceAccountNames.exists(name, name in ['default', '*'])",
    "every pod without a ServiceAccount of its own runs as default; set allowDefaultServiceAccount"
))]
#[x_kube(validation = (
    "!has(self.proof) || !has(self.token.numUses) || self.token.numUses == 0 || self.token.numUses >= 3",
    "the proof uses a token three times; set token.numUses to 0 or to 3 or more"
))]
pub struct KubernetesAuthRoleParameters {
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
    /// Names of the `ServiceAccounts` that log in; `*` is any, of the bound namespaces.
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 253)))]
    pub bound_service_account_names: Vec<String>,
    /// Namespaces of the `ServiceAccounts`; `*` is any, for the bound names.
    #[serde(default)]
    #[schemars(length(max = 64), inner(length(min = 1, max = 63)))]
    pub bound_service_account_namespaces: Vec<String>,
    /// Selects namespaces by their labels, as JSON or YAML of a label selector; the reviewer then reads
    /// namespaces (Vault 1.16 and later).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub bound_service_account_namespace_selector: Option<String>,
    /// Audience that a token must have, such as `vault`.
    #[schemars(length(min = 1, max = 256))]
    pub audience: String,
    /// What a login is known by. Default `serviceaccount_uid`.
    #[serde(default)]
    pub alias_name_source: AliasNameSource,
    /// Allow `default` or `*` among the bound names. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_default_service_account: Option<bool>,
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

/// What a login is known by in Vault.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AliasNameSource {
    /// The UID: a `ServiceAccount` made again is somebody else.
    #[default]
    #[serde(rename = "serviceaccount_uid")]
    Uid,
    /// Namespace and name.
    #[serde(rename = "serviceaccount_name")]
    Name,
}

impl AliasNameSource {
    /// The word of Vault's API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Uid => "serviceaccount_uid",
            Self::Name => "serviceaccount_name",
        }
    }
}

impl KubernetesAuthRoleParameters {
    /// A role for one `ServiceAccount` with the audience `vault`.
    pub fn new(
        mount: impl Into<String>,
        name: impl Into<String>,
        namespace: impl Into<String>,
        service_account: impl Into<String>,
        token: TokenParameters,
    ) -> Self {
        Self {
            mount: Some(mount.into()),
            name: name.into(),
            bound_service_account_names: vec![service_account.into()],
            bound_service_account_namespaces: vec![namespace.into()],
            audience: "vault".into(),
            token,
            ..Self::default()
        }
    }
}

impl Kind for KubernetesAuthRole {
    const GROUP: &'static str = super::GROUP;
    const KIND: &'static str = "KubernetesAuthRole";
    const PLURAL: &'static str = "kubernetesauthroles";
    const DESCRIPTION: &'static str =
        "A role of an auth method of type kubernetes of Vault or OpenBao.";
    const CATEGORY: &'static str = super::CATEGORY;
    const CONDITIONS: &'static [&'static str] = &[VAULT_LOGIN_PROVEN, BINDINGS_DISTINCT];

    type Parameters = KubernetesAuthRoleParameters;
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

#[cfg(feature = "backends")]
impl super::auth_role::AuthRole for KubernetesAuthRole {
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
        fields.set(
            "boundServiceAccountNames",
            "bound_service_account_names",
            &parameters.bound_service_account_names,
        );
        fields.set(
            "boundServiceAccountNamespaces",
            "bound_service_account_namespaces",
            &parameters.bound_service_account_namespaces,
        );
        let selector = parameters
            .bound_service_account_namespace_selector
            .as_deref();
        fields.text(
            "boundServiceAccountNamespaceSelector",
            "bound_service_account_namespace_selector",
            selector.unwrap_or_default(),
        );
        fields.text("audience", "audience", &parameters.audience);
        let source = parameters.alias_name_source.as_str();
        fields.text("aliasNameSource", "alias_name_source", source);
        parameters.token.add_to(&mut fields);
        fields
    }

    fn token(parameters: &Self::Parameters) -> &TokenParameters {
        &parameters.token
    }

    fn audience(parameters: &Self::Parameters) -> &str {
        &parameters.audience
    }

    fn proof(parameters: &Self::Parameters) -> Option<&LoginProof> {
        parameters.proof.as_ref()
    }

    fn overlaps(parameters: &Self::Parameters, other: &serde_json::Value) -> bool {
        let met = |mine: &[String], key| super::auth_role::overlap::meet(mine, &other[key]);
        met(
            &parameters.bound_service_account_names,
            "bound_service_account_names",
        ) && met(
            &parameters.bound_service_account_namespaces,
            "bound_service_account_namespaces",
        )
    }
}
