//! Where the value of a key comes from.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

use kube::KubeSchema;
use managed::input::{Input, SecretKeyRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the value of a key comes from: exactly one of `value`, `secretKeyRef`, `fieldRef` and
/// `template`.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "[has(self.value), has(self.secretKeyRef), has(self.fieldRef), has(self.template)].filter(is_set, is_set).size() == 1",
    "set exactly one of value, secretKeyRef, fieldRef and template"
))]
pub struct ValueSource {
    /// The value itself. Whoever may read this resource can see it: nothing secret belongs here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// A key of a Secret in the namespace of this resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeyRef>,
    /// A field of another managed resource in the namespace of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field_ref: Option<FieldRef>,
    /// Text in which `{{ key }}` stands for the value of another key of `data`, and
    /// `{{ key | urlencode }}` for that value as a part of a URL. An unknown key is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// How the value is written. Vault holds text: a Secret's value that is not UTF-8 needs `Base64`.
    /// Default `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
}

/// A field of a managed resource in the same namespace.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldRef {
    /// `group/version` of the resource.
    pub api_version: String,
    /// Kind of the resource.
    pub kind: String,
    /// Name of the resource.
    pub name: String,
    /// Path of the field, such as `status.atProvider.host`.
    pub field_path: String,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Encoding {
    /// As it is. It must be UTF-8.
    #[default]
    None,
    /// As standard base64 with padding.
    Base64,
}

impl ValueSource {
    /// The value itself.
    pub fn literal(value: impl Into<String>) -> Self {
        Self {
            value: Some(value.into()),
            ..Self::default()
        }
    }

    /// A key of a Secret.
    pub fn secret(name: impl Into<String>, key: impl Into<String>) -> Self {
        let reference = SecretKeyRef {
            name: name.into(),
            key: key.into(),
        };
        Self {
            secret_key_ref: Some(reference),
            ..Self::default()
        }
    }

    /// As it is, written in base64.
    #[must_use]
    pub fn in_base64(mut self) -> Self {
        self.encoding = Some(Encoding::Base64);
        self
    }

    /// A field of another managed resource.
    pub fn field(reference: FieldRef) -> Self {
        Self {
            field_ref: Some(reference),
            ..Self::default()
        }
    }

    /// Text with placeholders for other keys.
    pub fn template(template: impl Into<String>) -> Self {
        Self {
            template: Some(template.into()),
            ..Self::default()
        }
    }

    /// What has to be read from the cluster, if anything.
    pub fn input(&self) -> Option<Input> {
        let secret = self.secret_key_ref.as_ref().map(Input::secret);
        secret.or_else(|| self.field_ref.as_ref().map(FieldRef::input))
    }
}

impl FieldRef {
    /// As an input.
    pub fn input(&self) -> Input {
        Input::Field {
            api_version: self.api_version.clone(),
            kind: self.kind.clone(),
            name: self.name.clone(),
            path: self.field_path.clone(),
        }
    }
}
