//! The claim `PostgreSQLInstance`: a database on a shared server, logins, their credentials in Vault.
//!
//! What names are made of (environment, service, database name) cannot be changed, because a new name
//! would mean a new database and the deletion of the old one.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

use kube::KubeSchema;
use managed::ConfigRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Claim, Column, DeletionPolicy, Environment, ResourcePlan};

mod delivery;

pub use delivery::{ClusterDelivery, DeliverSpec, DeliveryStatus};

/// A database on a shared `PostgreSQL` server.
#[derive(Clone, Copy, Debug)]
pub struct PostgresqlInstance;

impl Claim for PostgresqlInstance {
    const GROUP: &'static str = "database.pnats.cloud";
    const KIND: &'static str = "PostgreSQLInstance";
    const PLURAL: &'static str = "postgresqlinstances";
    const SHORT_NAMES: &'static [&'static str] = &["pginstance"];
    const DESCRIPTION: &'static str =
        "A database on a shared PostgreSQL server, with logins whose credentials are in Vault.";
    const COLUMNS: &'static [Column] = &[
        Column {
            name: "ENVIRONMENT",
            path: ".spec.environment",
            wide: false,
        },
        Column {
            name: "DATABASE",
            path: ".status.database.name",
            wide: false,
        },
        Column {
            name: "VAULT-PATH",
            path: ".status.vaultPath",
            wide: false,
        },
        Column {
            name: "NEXT",
            path: ".status.nextStep",
            wide: true,
        },
    ];
    const RULES: &'static [(&'static str, &'static str)] = &[(
        "has(self.spec.service) || self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
        "the name of this claim cannot be the name of its service; set spec.service",
    )];

    type Spec = PostgresqlInstanceSpec;
    type Status = PostgresqlInstanceStatus;
}

/// `spec` of a `PostgreSQLInstance`.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.environment == oldSelf.environment",
    "environment cannot be changed, it is part of every name; make a new claim"
))]
#[x_kube(validation = (
    "(has(self.service) ? self.service : '') == (has(oldSelf.service) ? oldSelf.service : '')",
    "service cannot be changed, it is part of every name; make a new claim"
))]
#[x_kube(validation = (
    "(has(self.database) && has(self.database.name) ? self.database.name : '') == (has(oldSelf.database) && has(oldSelf.database.name) ? oldSelf.database.name : '')",
    "database.name cannot be changed, that would drop the database; make a new claim"
))]
pub struct PostgresqlInstanceSpec {
    /// Stage the service runs in. Part of the names of database and roles and of the Vault path.
    pub environment: Environment,
    /// Service that uses the database. Part of the names of database and roles and of the Vault path.
    /// Default: the name of the claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub service: Option<String>,
    /// The database.
    #[serde(default)]
    pub database: DatabaseSpec,
    /// Who may log in. The credentials of the first login are at the Vault path itself, those of
    /// further logins below it. Default: one login named after the service with the profile `owner`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub access: Vec<Access>,
    /// Where the credentials are put.
    #[serde(default)]
    pub vault: VaultSpec,
    /// Further places the credentials are brought to. Default: none.
    #[serde(default)]
    pub deliver: DeliverSpec,
    /// Servers that are used.
    #[serde(default)]
    pub provider_configs: ProviderConfigs,
    /// What happens to the database and the role that owns it when the claim is deleted: `Delete`
    /// (default) drops both and ends open sessions, `Orphan` leaves both.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// The database of a claim.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseSpec {
    /// Name of the database. Because the server is shared, the namespace of the claim is put before
    /// it: `orders` in namespace `shop` becomes `shop_orders`. Default: environment and service, which
    /// makes `shop_dev_orders`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-_a-z0-9]*[a-z0-9])?$")
    )]
    pub name: Option<String>,
    /// How many sessions the database may have at once. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 262_143))]
    pub connection_limit: Option<i64>,
}

/// One login.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!(self.name in ['owners', 'writers', 'readers'])",
    "owners, writers and readers are the groups of this database; choose another name"
))]
pub struct Access {
    /// Name of the login within the claim, such as `reporting`. The role on the server is named after
    /// environment, service and this name.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,
    /// What the login may do: `owner` everything in this database, `readwrite` read and change rows,
    /// `readonly` read rows.
    pub profile: Profile,
    /// How many sessions the login may have at once. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 262_143))]
    pub connection_limit: Option<i64>,
}

/// What a login may do in the database.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Everything: make and change tables, read and change rows.
    Owner,
    /// Read and change rows, call routines.
    Readwrite,
    /// Read rows.
    Readonly,
}

/// Where credentials are put.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.path) || !self.path.startsWith(self.mount + '/')",
    "vault.path begins below the mount; leave the mount out of it"
))]
#[x_kube(validation = (
    "self.mount == oldSelf.mount && (has(self.path) ? self.path : '') == (has(oldSelf.path) ? oldSelf.path : '')",
    "vault.mount and vault.path cannot be changed; make a new claim"
))]
#[x_kube(validation = (
    "!has(self.path) || !self.path.split('/').exists(segment, segment == '.' || segment == '..')",
    "vault.path must not contain . or .. as a segment; write the path out"
))]
pub struct VaultSpec {
    /// Whether credentials are put in Vault. They are in a Secret beside the claim either way.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Where the KV version 2 engine is mounted.
    #[serde(default = "default_mount")]
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$")
    )]
    pub mount: String,
    /// Path below the mount. Default: `infrastructure/databases/<environment>/<service>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 384),
        regex(pattern = r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$")
    )]
    pub path: Option<String>,
}

impl Default for VaultSpec {
    fn default() -> Self {
        Self {
            enabled: true,
            mount: default_mount(),
            path: None,
        }
    }
}

/// Provider configs of the servers that are used.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderConfigs {
    /// `PostgreSQL` server. Default: the `ClusterProviderConfig` `default` of
    /// `postgresql.pnats.cloud`.
    #[serde(default)]
    pub postgresql: ConfigRef,
    /// Vault or `OpenBao`. Default: the `ClusterProviderConfig` `default` of `vault.pnats.cloud`.
    #[serde(default)]
    pub vault: ConfigRef,
    /// Host cluster, when credentials are delivered to a cluster. Default: the `ClusterProviderConfig`
    /// `default` of `kubernetes.pnats.cloud`.
    #[serde(default)]
    pub kubernetes: ConfigRef,
}

/// `status` of a `PostgreSQLInstance`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PostgresqlInstanceStatus {
    /// What to do next: a command that reads the credentials, or what is in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_step: Option<String>,
    /// What would be done to which resource, while the annotation `tenancy.pnats.cloud/plan` of the claim
    /// is `"true"`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<ResourcePlan>,
    /// Vault path of the first login's credentials, mount included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_path: Option<String>,
    /// The database and its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<DatabaseStatus>,
    /// The logins, in the order of the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub access: Vec<AccessStatus>,
    /// The Secret inside a cluster, when one is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryStatus>,
}

/// The database and its address.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseStatus {
    /// Name of the database on the server.
    pub name: String,
    /// Role that owns the database and everything in it. Nobody logs in as this role.
    pub owner: String,
    /// Host name or address of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Port of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i64>,
}

/// One login.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessStatus {
    /// Name of the login within the claim.
    pub name: String,
    /// What the login may do.
    pub profile: Profile,
    /// Role on the server; this is the user name.
    pub role: String,
    /// Secret beside the claim that holds the credentials.
    pub secret_name: String,
    /// Vault path of the credentials, mount included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_path: Option<String>,
    /// Version of the credentials at the Vault path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_version: Option<i64>,
    /// When the credentials were last written to Vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_at: Option<String>,
}

const fn yes() -> bool {
    true
}

fn default_mount() -> String {
    "secret".into()
}
