//! Rules of a policy as a manifest writes them.
//!
//! A rule names a path and capabilities, or access to a path of a KV v2 secrets engine, which stands for
//! several paths of its API: content, metadata and versions have one each.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One rule: a path with capabilities, or access to a KV v2 path.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.kv) ? !has(self.path) && !has(self.capabilities) : has(self.path) && has(self.capabilities)",
    "set path and capabilities, or kv alone"
))]
pub struct PolicyRule {
    /// Path of Vault's API without `/v1/`; `*` at the end and `+` as a segment are wildcards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 512),
        regex(pattern = r#"^[^"\\\x00-\x1f/][^"\\\x00-\x1f]*$"#)
    )]
    pub path: Option<String>,
    /// What may be done there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 10))]
    pub capabilities: Option<Vec<Capability>>,
    /// Access to a path of a KV v2 secrets engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv: Option<KvRule>,
}

/// Access to a path of a KV v2 secrets engine.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KvRule {
    /// Mount of the secrets engine. Default `secret`.
    #[serde(default = "default_mount")]
    #[schemars(
        length(min = 1, max = 256),
        regex(pattern = r#"^[^"\\\x00-\x1f/]+(/[^"\\\x00-\x1f/]+)*$"#)
    )]
    pub mount: String,
    /// Path below the mount, without `data/`; `*` at the end and `+` as a segment are wildcards.
    #[schemars(
        length(min = 1, max = 512),
        regex(pattern = r#"^[^"\\\x00-\x1f/][^"\\\x00-\x1f]*$"#)
    )]
    pub path: String,
    /// What may be done there.
    #[schemars(length(min = 1, max = 4))]
    pub access: Vec<KvAccess>,
}

/// What may be done with a path of a KV v2 secrets engine.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum KvAccess {
    /// Read content and metadata.
    Read,
    /// Write content, as a whole or in part.
    Write,
    /// List the names below the path.
    List,
    /// Delete and undelete versions; nothing is destroyed for good.
    Delete,
}

/// A capability of a policy, in Vault's words.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Capability {
    /// Write to what does not exist.
    Create,
    /// Read.
    Read,
    /// Write to what exists.
    Update,
    /// Change a part.
    Patch,
    /// Delete.
    Delete,
    /// List names.
    List,
    /// List names of all levels below (`OpenBao`).
    Scan,
    /// Use paths that need root rights.
    Sudo,
    /// Nothing at all, whatever other rules say.
    Deny,
}

impl PolicyRule {
    /// A path with capabilities.
    pub fn path(
        path: impl Into<String>,
        capabilities: impl IntoIterator<Item = Capability>,
    ) -> Self {
        Self {
            path: Some(path.into()),
            capabilities: Some(capabilities.into_iter().collect()),
            kv: None,
        }
    }

    /// Access to a path of a KV v2 secrets engine.
    pub fn kv(
        mount: impl Into<String>,
        path: impl Into<String>,
        access: impl IntoIterator<Item = KvAccess>,
    ) -> Self {
        Self {
            kv: Some(KvRule {
                mount: mount.into(),
                path: path.into(),
                access: access.into_iter().collect(),
            }),
            ..Self::default()
        }
    }
}

impl Capability {
    /// The word of a policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::List => "list",
            Self::Scan => "scan",
            Self::Sudo => "sudo",
            Self::Deny => "deny",
        }
    }
}

fn default_mount() -> String {
    "secret".into()
}
