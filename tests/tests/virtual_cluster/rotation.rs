//! Certificates and the authority of a cluster are rotated, as `vcluster certs` does it: everybody who
//! has the old ones gets the new ones, both halves at once, and not before they were proven to work.

mod holders;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;
use testbed::product::Flavour;
use testbed::story::Stage;
use testbed::{ADDRESS, Namespace, wait_for_value};

use self::holders::{Certificates, Holders};
use crate::control_plane::ControlPlane;
use crate::team::{Team, holds};

const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn rotated_certificates_and_a_rotated_authority_reach_everybody_who_had_the_old_ones()
-> anyhow::Result<()> {
    let stage = Stage::beside_others(Flavour::Namespaced, "vcr").await?;
    // The provider config allows `argocd` and what begins like this.
    let argocd = stage.testbed.namespace("vc-argocd").await?;
    let team = Team::of(&stage, "sandbox");
    team.claim_with(&fields(&team, &argocd)).await?;
    let story = Story {
        holders: Holders::of(&stage, &team, &team.ready().await?, argocd.name()),
        control_plane: ControlPlane::of(&stage, &team.status().await?)?,
        team: &team,
    };
    let first = story.holders.agreed().await?.context("they differ")?;
    let second = story.rotate("rotate", &first).await?;
    ensure!(second.authority == first.authority, "another authority");
    let third = story.rotate("rotate-ca", &second).await?;
    ensure!(third.authority != second.authority, "the old authority");
    drop(story);
    team.delete().await?;
    team.until_nothing_is_left().await?;
    argocd.finish(stage.testbed.client(), PATIENCE).await?;
    stage.finish().await
}

/// Vault asks the API server about tokens, so it must reach it and know its authority.
fn fields(team: &Team<'_>, argocd: &Namespace) -> serde_json::Value {
    json!({
        "vault": {"name": team.vault_name(), "path": team.vault_path(), "auth": "kubernetes"},
        "exposure": {"type": "NodePort", "host": ADDRESS},
        "argocd": {"enabled": true, "namespace": argocd.name()},
    })
}

struct Story<'a> {
    team: &'a Team<'a>,
    control_plane: ControlPlane<'a>,
    holders: Holders<'a>,
}

impl Story<'_> {
    /// Rotates and waits until everybody has what the control plane has then, and the login is proven
    /// anew.
    async fn rotate(&self, how: &str, before: &Certificates) -> anyhow::Result<Certificates> {
        let tried = self.tried_at().await?;
        self.control_plane.run(&["certs", how]).await?;
        self.control_plane.restart().await?;
        let began = Instant::now();
        let published = self.until_published(before).await?;
        let told = began.elapsed();
        let agreed = wait_for_value("everybody to have the new ones", PATIENCE, async || {
            let agreed = self.holders.agreed().await?;
            Ok(agreed.filter(|agreed| *agreed == published))
        });
        let agreed = agreed
            .await
            .context(format!("{:#?}", self.holders.held().await?))?;
        self.until_proven_after(&tried).await?;
        let all = began.elapsed();
        self.works().await?;
        eprintln!(
            "certs {how}: published after {told:.1?}, everybody and the login after {all:.1?}"
        );
        Ok(agreed)
    }

    /// Waits for new certificates in the Secret and uses them at once.
    async fn until_published(&self, before: &Certificates) -> anyhow::Result<Certificates> {
        let published = wait_for_value("new certificates", PATIENCE, async || {
            let now = self.holders.published().await?;
            Ok((now.certificates != *before).then_some(now))
        })
        .await?;
        let inside = self.holders.open(&published.kubeconfig).await?;
        inside.kubectl(&["get", "namespace", "orders"]).await?;
        let own = self.holders.own().await?;
        ensure!(
            published.certificates == own,
            "not what the control plane has"
        );
        Ok(published.certificates)
    }

    async fn until_proven_after(&self, tried: &str) -> anyhow::Result<()> {
        let proven = wait_for_value("the login to be proven anew", PATIENCE, async || {
            let is_new = self.tried_at().await?.as_str() > tried;
            let is_ready = holds(&self.team.status().await?, "Ready");
            Ok((is_new && is_ready).then_some(()))
        });
        match proven.await {
            Ok(()) => Ok(()),
            Err(error) => Err(error.context(self.team.describe().await)),
        }
    }

    async fn tried_at(&self) -> anyhow::Result<String> {
        let status = self.team.status().await?;
        let at = status["vaultLogin"]["triedAt"].as_str();
        at.map(str::to_owned).context("no login was tried")
    }

    /// The workload logs in, and Argo CD and readers of Vault get in.
    async fn works(&self) -> anyhow::Result<()> {
        let status = self.team.status().await?;
        self.team.assert_status(&status)?;
        let cluster = self.team.cluster_from_vault(&status).await?;
        let token = cluster
            .token("external-secrets-system", "external-secrets")
            .await?;
        self.team.log_in(&token).await?;
        let argocd = self
            .holders
            .open(&self.holders.argocd_kubeconfig().await?)
            .await?;
        argocd
            .kubectl(&["get", "namespace", "orders"])
            .await
            .map(drop)
    }
}
