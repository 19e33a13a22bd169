//! The providers whose Roles are compared: ours, and provider-sql.

use std::path::PathBuf;

use kube::api::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use super::crds;
use super::subject::Subject;
use crate::network::ADDRESS;
use crate::paths::Paths;
use crate::tools::provider_sql;
use crate::{Postgres, Testbed, product};

/// How our provider is called in the figures.
pub(super) const OURS: &str = "provider-tenancy";
const THEIRS: &str = "provider-sql";
const SECRET: &str = "postgres";

/// A provider that can make Roles.
#[derive(Clone)]
pub(super) struct Contender {
    pub(super) name: &'static str,
    program: PathBuf,
    /// What it is given beside what is measured.
    flags: &'static [&'static str],
    group: &'static str,
    pub(super) role: fn(&str) -> Value,
    config: Value,
}

impl Contender {
    /// The provider of this repository, as it is installed.
    pub(super) fn ours() -> Self {
        let program = "target/x86_64-unknown-linux-gnu/release/provider-tenancy";
        Self {
            name: OURS,
            program: product::root().join(program),
            flags: &[
                "--leader-election=false",
                "--metrics-bind-address=127.0.0.1:18098",
                "--health-probe-bind-address=127.0.0.1:18099",
            ],
            group: "postgresql.pnats.cloud",
            role: our_role,
            config: json!({
                "credentials": {"connectionSecretRef": {"name": SECRET}},
                "sslMode": "require",
            }),
        }
    }

    /// provider-sql with its CRDs, built from its Go module.
    pub(super) async fn theirs(testbed: &Testbed, paths: &Paths) -> anyhow::Result<Self> {
        let (program, crds) = provider_sql(paths).await?;
        crds::install(testbed, &[crds]).await?;
        Ok(Self {
            name: THEIRS,
            program,
            flags: &["--metrics-bind-address=127.0.0.1:18098"],
            group: "postgresql.sql.m.crossplane.io",
            role: their_role,
            config: json!({
                "credentials": {
                    "source": "PostgreSQLConnectionSecret",
                    "connectionSecretRef": {"name": SECRET},
                },
                "sslMode": "require",
            }),
        })
    }

    /// Starts it with further flags.
    pub(super) fn start(&self, testbed: &Testbed, flags: &[String]) -> anyhow::Result<Subject> {
        let own = self.flags.iter().map(|flag| (*flag).to_owned());
        let arguments: Vec<_> = own.chain(flags.iter().cloned()).collect();
        Subject::start(
            testbed,
            testbed.kubeconfig(),
            self.name,
            &self.program,
            &arguments,
        )
    }

    /// Gives it the server, in the namespace.
    pub(super) async fn configure(
        &self,
        testbed: &Testbed,
        postgres: &Postgres,
        namespace: &str,
    ) -> anyhow::Result<()> {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": SECRET, "namespace": namespace},
            "stringData": {
                "username": postgres.user, "password": postgres.password,
                "endpoint": ADDRESS, "port": postgres.port.to_string(),
            },
        });
        let config = json!({
            "apiVersion": format!("{}/v1alpha1", self.group), "kind": "ProviderConfig",
            "metadata": {"name": "default", "namespace": namespace},
            "spec": self.config,
        });
        testbed.apply(&secret.to_string()).await?;
        testbed.apply(&config.to_string()).await
    }

    /// The kind of its Roles.
    pub(super) fn kind(&self) -> ApiResource {
        kind(self.group, "Role", "roles")
    }

    /// What a new Role makes it write.
    pub(super) fn written(&self) -> [String; 3] {
        [
            format!("roles.{}", self.group),
            format!("providerconfigusages.{}", self.group),
            "secrets".to_owned(),
        ]
    }
}

fn our_role(name: &str) -> Value {
    json!({
        "forProvider": {"privileges": {"login": true}},
        "providerConfigRef": {"kind": "ProviderConfig", "name": "default"},
        "writeConnectionSecretToRef": {"name": name},
    })
}

fn their_role(name: &str) -> Value {
    json!({
        "forProvider": {"privileges": {"login": true}},
        "providerConfigRef": {"kind": "ProviderConfig", "name": "default"},
        "writeConnectionSecretToRef": {"name": name},
    })
}

/// What either may have left in a namespace.
pub(super) fn kinds() -> Vec<ApiResource> {
    let groups = ["postgresql.pnats.cloud", "postgresql.sql.m.crossplane.io"];
    let kinds = groups.map(|group| {
        [
            kind(group, "Role", "roles"),
            kind(group, "ProviderConfigUsage", "providerconfigusages"),
            kind(group, "ProviderConfig", "providerconfigs"),
        ]
    });
    kinds.into_iter().flatten().collect()
}

fn kind(group: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, "v1alpha1", kind), plural)
}

/// Takes the CRDs of provider-sql away.
pub(super) async fn remove_theirs(testbed: &Testbed) -> anyhow::Result<()> {
    crds::remove(testbed, &["sql.crossplane.io", "sql.m.crossplane.io"]).await
}
