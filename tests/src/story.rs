//! What stories about claims share: a stage, the claims on it, and what became of them.
//!
//! A [`Stage`] is a namespace of its own on the testbed with one of the two configurations installed,
//! and a turn: beside other stories, or alone for those that change what all share. Everything that a
//! story asserts is something a user can see.

mod claim;
mod credentials;
mod everything;
mod outage;
mod remains;

use std::time::Duration;

use anyhow::Context;
use k8s_openapi::api::core::v1::Service;
use kube::Api;
use kube::api::DynamicObject;
use tokio::sync::OnceCell;

pub use self::claim::Claim;
pub use self::credentials::{Credentials, SUCCESS, answer, refusal};
pub use self::everything::Tail;
pub use self::remains::MANAGED_KINDS;
use crate::openbao::client::Client;
use crate::product::{self, Flavour};
use crate::scene::is_product_kept;
use crate::{Namespace, Postgres, Testbed, Turn, wait};

/// How long a story waits for anything before it fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A namespace with the product installed, and a turn.
pub struct Stage {
    /// The testbed.
    pub testbed: Testbed,
    /// The server that claims get their databases on.
    pub postgres: Postgres,
    /// Vault with the rights of its administrator.
    pub vault: Client,
    service: String,
    flavour: Flavour,
    is_alone: bool,
    // Dropped last to first would end the turn before the namespace is asked to go.
    namespace: Namespace,
    _turn: Turn,
}

impl Stage {
    /// A stage beside others.
    pub async fn beside_others(flavour: Flavour, prefix: &str) -> anyhow::Result<Self> {
        let testbed = installed(flavour).await?;
        loop {
            let turn = Turn::beside_others(&testbed).await?;
            if product::is_installed(&testbed, flavour).await? {
                return Self::set(testbed, flavour, prefix, turn, false).await;
            }
            drop(turn);
            let _alone = Turn::alone(&testbed).await?;
            product::install(&testbed, flavour).await?;
        }
    }

    /// A stage on which servers may be stopped, because nobody else is there.
    pub async fn alone(flavour: Flavour, prefix: &str) -> anyhow::Result<Self> {
        let testbed = installed(flavour).await?;
        let turn = Turn::alone(&testbed).await?;
        if !product::is_installed(&testbed, flavour).await? {
            product::install(&testbed, flavour).await?;
        }
        Self::set(testbed, flavour, prefix, turn, true).await
    }

    async fn set(
        testbed: Testbed,
        flavour: Flavour,
        prefix: &str,
        turn: Turn,
        is_alone: bool,
    ) -> anyhow::Result<Self> {
        // A story that was killed may have left it sealed.
        testbed.openbao().unseal().await?;
        let postgres = testbed.default_postgres().await?;
        postgres.start().await?;
        Ok(Self {
            postgres,
            vault: testbed.openbao().client()?,
            service: service_address(&testbed).await?,
            flavour,
            is_alone,
            namespace: testbed.namespace(prefix).await?,
            testbed,
            _turn: turn,
        })
    }

    /// Name of the namespace. It is random, so it also serves as the name of a service that no other
    /// story has.
    pub fn name(&self) -> &str {
        self.namespace.name()
    }

    /// Address of PostgreSQL's Service, which applications connect to.
    pub fn service_address(&self) -> &str {
        &self.service
    }

    /// A claim by name; it need not exist.
    pub fn claim(&self, name: &str) -> Claim<'_> {
        Claim::new(self, self.name(), name)
    }

    /// A claim in another namespace.
    pub fn claim_in<'a>(&'a self, namespace: &'a Namespace, name: &'a str) -> Claim<'a> {
        Claim::new(self, namespace.name(), name)
    }

    /// Objects of one of our kinds in the namespace.
    pub fn api(&self, group: &str, kind: &str) -> Api<DynamicObject> {
        product::api_in(&self.testbed, self.name(), group, kind)
    }

    /// Runs `kubectl` in the namespace.
    pub async fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let namespaced = [arguments, &["-n", self.name()]].concat();
        self.testbed.kubectl(&namespaced).await
    }

    /// Deletes the namespace and waits until it is gone.
    pub async fn finish(self) -> anyhow::Result<()> {
        let client = self.testbed.client();
        self.namespace.finish(client, PATIENCE).await
    }

    /// Deletes the namespace, with everything in it, and waits until it is gone; the turn goes on.
    pub async fn delete_namespace(&self) -> anyhow::Result<()> {
        self.testbed
            .kubectl(&["delete", "namespace", self.name(), "--wait=false"])
            .await?;
        let namespaces: Api<k8s_openapi::api::core::v1::Namespace> =
            Api::all(self.testbed.client());
        wait::wait_gone(&namespaces, self.name(), PATIENCE).await
    }
}

/// The testbed with the product installed, brought up to date once per program; see [`crate::Scene`].
async fn installed(flavour: Flavour) -> anyhow::Result<Testbed> {
    static UP_TO_DATE: OnceCell<()> = OnceCell::const_new();
    let testbed = Testbed::shared().await?;
    let install = async || {
        if is_product_kept() {
            return Ok(());
        }
        let _alone = Turn::alone(&testbed).await?;
        product::install(&testbed, flavour).await
    };
    UP_TO_DATE.get_or_try_init(install).await?;
    Ok(testbed)
}

async fn service_address(testbed: &Testbed) -> anyhow::Result<String> {
    let services: Api<Service> = Api::namespaced(testbed.client(), "shared-services");
    let spec = services.get("postgres").await?.spec;
    spec.and_then(|spec| spec.cluster_ip)
        .context("PostgreSQL's Service has no address")
}
