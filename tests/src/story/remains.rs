//! What is left of a namespace's claims, anywhere.
//!
//! Names on the server begin with the namespace, which is random, so nothing is taken for another's.

use std::fmt::Debug;

use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::{Credentials, PATIENCE, Stage};
use crate::product::{self, Flavour};
use crate::wait;

/// Kinds that the provider manages for a claim.
pub const MANAGED_KINDS: [(&str, &str); 5] = [
    ("postgresql.pnats.cloud", "Role"),
    ("postgresql.pnats.cloud", "Database"),
    ("postgresql.pnats.cloud", "Grant"),
    ("postgresql.pnats.cloud", "DefaultPrivileges"),
    ("vault.pnats.cloud", "KVSecret"),
];

/// Kinds that keep account of them.
const USAGES: [(&str, &str); 2] = [
    ("postgresql.pnats.cloud", "ProviderConfigUsage"),
    ("vault.pnats.cloud", "ProviderConfigUsage"),
];

impl Stage {
    /// Everything that is left: managed resources, usages, composites, connection Secrets, databases,
    /// roles, and those of the Vault paths, mounts included, that can still be read.
    pub async fn remains(&self, vault_paths: &[&str]) -> anyhow::Result<Vec<String>> {
        let mut left = self.roles_and_databases().await?;
        for (group, kind) in MANAGED_KINDS.into_iter().chain(USAGES) {
            left.extend(names(kind, &self.api(group, kind), "").await?);
        }
        let secrets: Api<Secret> = Api::namespaced(self.testbed.client(), self.name());
        let of_connections = "type=connection.crossplane.io/v1alpha1";
        left.extend(names("Secret", &secrets, of_connections).await?);
        if self.flavour == Flavour::Claims {
            let composites = product::api(
                &self.testbed,
                "database.pnats.cloud",
                "v1alpha1",
                "XPostgreSQLInstance",
            );
            let all = composites.list(&ListParams::default()).await?.items;
            let mine = all
                .into_iter()
                .filter(|one| one.data["spec"]["claimRef"]["namespace"] == self.name());
            left.extend(mine.map(|one| format!("XPostgreSQLInstance {}", one.name_any())));
        }
        for path in vault_paths {
            if Credentials::read(self, path).await?.is_some() {
                left.push(format!("credentials at {path}"));
            }
        }
        Ok(left)
    }

    /// Databases and roles on the server.
    pub async fn roles_and_databases(&self) -> anyhow::Result<Vec<String>> {
        let session = self.postgres.superuser("postgres").await?;
        let sql = "SELECT 'database ' || datname FROM pg_database WHERE starts_with(datname, $1) \
                   UNION ALL SELECT 'role ' || rolname FROM pg_roles WHERE starts_with(rolname, $1) \
                   ORDER BY 1";
        let rows = session.query(sql, &[&format!("{}_", self.name())]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Waits until nothing is left.
    pub async fn until_nothing_is_left(&self, vault_paths: &[&str]) -> anyhow::Result<()> {
        self.until_left("nothing", vault_paths, <[String]>::is_empty)
            .await
    }

    /// Waits until what is left is as it should be; in vain, with what is left.
    pub async fn until_left(
        &self,
        what: &str,
        vault_paths: &[&str],
        is_so: impl Fn(&[String]) -> bool,
    ) -> anyhow::Result<()> {
        let what = format!("{what} to be left");
        let left = wait::wait_for(&what, PATIENCE, async || {
            Ok(is_so(&self.remains(vault_paths).await?))
        });
        match left.await {
            Ok(()) => Ok(()),
            Err(error) => {
                let left = self.remains(vault_paths).await?;
                Err(error.context(format!("left behind: {}", left.join(", "))))
            }
        }
    }
}

async fn names<K>(kind: &str, api: &Api<K>, fields: &str) -> anyhow::Result<Vec<String>>
where
    K: Resource + Clone + Debug + DeserializeOwned,
{
    let listed = api.list(&ListParams::default().fields(fields)).await?;
    let name = |object: &K| format!("{kind} {}", object.name_any());
    Ok(listed.items.iter().map(name).collect())
}
