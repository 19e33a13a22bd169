//! The kind `RemoteObject`: one object of any kind in a cluster behind a kubeconfig.
//!
//! Its manifest is applied server-side and compared field by field with what is there: only the
//! fields it names, and those it named before. A secret gets into it by reference only, never in
//! clear, and is shown nowhere. An object that another resource has made is never touched.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

use kube::KubeSchema;
use managed::{
    input::{Input, Inputs, SecretKeyRef},
    kind::Kind,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::status::{Endpoint, Source};

#[cfg(feature = "backends")]
mod difference;
#[cfg(feature = "backends")]
mod external;
#[cfg(feature = "backends")]
mod readiness;
#[cfg(feature = "backends")]
mod value;
#[cfg(feature = "backends")]
mod wanted;

/// One object in a cluster behind a kubeconfig.
#[derive(Clone, Debug)]
pub struct RemoteObject;

/// `spec.forProvider` of a `RemoteObject`.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.manifest.kind == oldSelf.manifest.kind && self.manifest.metadata.name == oldSelf.manifest.metadata.name",
    "the manifest's kind and name cannot be changed; make another RemoteObject"
))]
#[x_kube(validation = (
    "(has(self.manifest.metadata.__namespace__) ? self.manifest.metadata.__namespace__ : '') == (has(oldSelf.manifest.metadata.__namespace__) ? oldSelf.manifest.metadata.__namespace__ : '')",
    "the manifest's namespace cannot be changed; make another RemoteObject"
))]
#[x_kube(validation = (
    "self.manifest.apiVersion == oldSelf.manifest.apiVersion || (self.manifest.apiVersion.contains('/') && self.manifest.apiVersion.split('/')[0] == oldSelf.manifest.apiVersion.split('/')[0])",
    "the manifest's API group cannot be changed; make another RemoteObject"
))]
pub struct RemoteObjectParameters {
    /// Secret in the namespace of this resource with the kubeconfig of the cluster.
    pub kubeconfig_secret_ref: SecretKeyRef,
    /// Where the cluster is reached, if not where the kubeconfig says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// The object, as in a YAML file: `apiVersion`, `kind`, `metadata` with `name`, perhaps
    /// `namespace`, `labels`, `annotations` and `finalizers`, and what the kind has besides. No
    /// `status`. Fields it does not name are left alone. A Secret's values come from `values` only.
    #[schemars(schema_with = "manifest_schema")]
    pub manifest: Json,
    /// Values that are put into the manifest. Those from Secrets are followed when they change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub values: Vec<ManifestValue>,
    /// When the object counts as ready. Default: when it exists.
    #[serde(default)]
    pub readiness: ReadinessRule,
    /// What becomes of the object when this resource is deleted. Default `Delete`.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Whether an object that exists and carries no mark of a resource may be taken over. Default
    /// `Never`.
    #[serde(default)]
    pub adopt: Adopt,
}

/// A value in the manifest: exactly one of `secretKeyRef` and `template`.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.secretKeyRef) != has(self.template)",
    "set exactly one of secretKeyRef and template"
))]
pub struct ManifestValue {
    /// Where in the manifest: names separated by dots, indices and names with other characters in
    /// brackets, such as `data["tls.key"]` or `spec.env[0].value`. Below `data` of a Secret the value
    /// is encoded as Kubernetes expects it.
    #[schemars(length(min = 1, max = 512))]
    pub to_field_path: String,
    /// The key of a Secret in the namespace of this resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeyRef>,
    /// Text in which `{{ path }}` stands for the value with that `toFieldPath`, and
    /// `{{ path | urlencode }}` for that value as a part of a URL, such as
    /// `redis://:{{ data.password | urlencode }}@cache:6379`. Text without placeholders is the value
    /// itself; whoever may read this resource can see it. An unknown path is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub template: Option<String>,
}

impl ManifestValue {
    /// The key of a Secret.
    pub fn secret(to_field_path: impl Into<String>, reference: SecretKeyRef) -> Self {
        Self {
            to_field_path: to_field_path.into(),
            secret_key_ref: Some(reference),
            template: None,
        }
    }

    /// Text with placeholders for other values, or none.
    pub fn template(to_field_path: impl Into<String>, template: impl Into<String>) -> Self {
        Self {
            to_field_path: to_field_path.into(),
            secret_key_ref: None,
            template: Some(template.into()),
        }
    }
}

/// When the object counts as ready.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "(self.policy == 'Conditions') == has(self.conditions) && (self.policy == 'Fields') == has(self.fields)",
    "give conditions with policy Conditions, fields with policy Fields, and neither with Exists"
))]
pub struct ReadinessRule {
    /// `Exists`, `Conditions` or `Fields`. Default `Exists`.
    #[serde(default)]
    pub policy: ReadinessPolicy,
    /// Conditions in `status.conditions` that must all hold, and speak of the current generation if
    /// the object's status says which it speaks of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 16))]
    pub conditions: Vec<WantedCondition>,
    /// Fields of the live object that must all have these values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 16))]
    pub fields: Vec<WantedField>,
}

/// How readiness is told.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum ReadinessPolicy {
    /// The object exists.
    #[default]
    Exists,
    /// All of `conditions` hold.
    Conditions,
    /// All of `fields` have their values.
    Fields,
}

/// A condition of the live object.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct WantedCondition {
    /// Type, such as `Available`.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 316))]
    pub kind: String,
    /// Status. Default `True`.
    #[serde(default = "default_status")]
    #[schemars(length(min = 1, max = 16))]
    pub status: String,
}

/// A field of the live object.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct WantedField {
    /// Names separated by dots, such as `status.phase`.
    #[schemars(length(min = 1, max = 512))]
    pub path: String,
    /// The value as text, such as `Active` or `3`.
    #[schemars(length(max = 512))]
    pub value: String,
}

/// What becomes of the object when the resource is deleted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum DeletionPolicy {
    /// It is deleted. When the kubeconfig's Secret is gone, it is taken to be gone with its cluster.
    #[default]
    Delete,
    /// It stays, without the mark of this resource. A cluster that cannot be reached is no obstacle.
    Orphan,
}

/// Whether an object that carries no mark may be taken over.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Adopt {
    /// No.
    #[default]
    Never,
    /// Yes, unless it carries the mark of another resource.
    IfUnowned,
}

/// `status.atProvider` of a `RemoteObject`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoteObjectObservation {
    /// The object in its cluster, such as `Deployment shop/web`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// URL of the cluster's API server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// UID of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Generation of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// The object's own conditions as `Type=Status`, at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub object_conditions: Vec<String>,
}

impl RemoteObjectParameters {
    /// Parameters with the default policies.
    pub fn new(kubeconfig_secret_ref: SecretKeyRef, manifest: Json) -> Self {
        Self {
            kubeconfig_secret_ref,
            endpoint: None,
            manifest,
            values: Vec::new(),
            readiness: ReadinessRule::default(),
            deletion_policy: DeletionPolicy::default(),
            adopt: Adopt::default(),
        }
    }

    /// Where the cluster is.
    pub fn source(&self) -> Source<'_> {
        Source {
            secret: &self.kubeconfig_secret_ref,
            endpoint: self.endpoint.as_ref(),
        }
    }
}

impl Kind for RemoteObject {
    const GROUP: &'static str = super::GROUP;
    const KIND: &'static str = "RemoteObject";
    const PLURAL: &'static str = "remoteobjects";
    const DESCRIPTION: &'static str =
        "One object of any kind in a cluster behind a kubeconfig, compared field by field.";
    const CATEGORY: &'static str = super::CATEGORY;

    type Parameters = RemoteObjectParameters;
    type Observation = RemoteObjectObservation;

    fn inputs(parameters: &Self::Parameters) -> Inputs {
        let values = parameters.values.iter();
        let values = values.filter_map(|value| value.secret_key_ref.as_ref());
        [&parameters.kubeconfig_secret_ref]
            .into_iter()
            .chain(values)
            .map(Input::secret)
            .collect()
    }

    fn external_name(parameters: &Self::Parameters) -> Option<String> {
        parameters.manifest["metadata"]["name"]
            .as_str()
            .map(str::to_owned)
    }
}

fn default_status() -> String {
    "True".into()
}

/// Any object; what tells which one is declared, so that rules can see it.
fn manifest_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
        "required": ["apiVersion", "kind", "metadata"],
        "properties": {
            "apiVersion": { "type": "string", "minLength": 1, "maxLength": 317 },
            "kind": { "type": "string", "minLength": 1, "maxLength": 63 },
            "metadata": {
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": true,
                "required": ["name"],
                "properties": {
                    "name": { "type": "string", "minLength": 1, "maxLength": 253 },
                    "namespace": { "type": "string", "minLength": 1, "maxLength": 63 },
                },
            },
        },
    })
}
