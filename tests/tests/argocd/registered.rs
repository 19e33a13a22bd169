//! A claim with `argocd.enabled`, from its registration to Argo CD having forgotten it.

use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testbed::product::Flavour;
use testbed::story::Stage;
use testbed::{ArgoCd, Inside, wait_for};

use crate::cluster::{Cluster, PATIENCE, TEAM};
use crate::guestbook;

#[tokio::test]
async fn argo_cd_deploys_to_a_claims_cluster_follows_its_new_token_and_forgets_it_with_the_claim()
-> anyhow::Result<()> {
    let stage = Stage::beside_others(Flavour::Namespaced, "argo").await?;
    let argo_cd = ArgoCd::start(&stage.testbed, &json!({})).await?;
    let cluster = Cluster::new(&stage, &argo_cd);
    let first = guestbook::commit(&argo_cd, "1").await?;
    deploy_to_all_of(&stage, &argo_cd).await?;
    let started = Instant::now();
    cluster.claim(&registration(&stage, &argo_cd)).await?;
    let status = cluster.until("Ready").await?;
    let ready = started.elapsed();

    let name = status["argocdCluster"].as_str().context("no name")?;
    let application = format!("guestbook-{name}");
    argo_cd.until_deployed(&application, &first).await?;
    let deployed = started.elapsed();
    let inside = cluster.inside(&status).await?;
    guestbook::runs("1", TEAM, async |get| inside.kubectl(get).await).await?;
    a_hand_edit_is_undone(&inside).await?;

    let renewed = Instant::now();
    the_token_is_another(&cluster, &argo_cd, name, &inside).await?;
    let second = guestbook::commit(&argo_cd, "2").await?;
    argo_cd.refresh(&application).await?;
    argo_cd.until_deployed(&application, &second).await?;
    let renewed = renewed.elapsed();
    guestbook::runs("2", TEAM, async |get| inside.kubectl(get).await).await?;

    cluster.register(false).await?;
    until_let_go(&argo_cd, &application).await?;
    guestbook::runs("2", TEAM, async |get| inside.kubectl(get).await).await?;
    cluster.register(true).await?;
    argo_cd.until_deployed(&application, &second).await?;

    let leaving = Instant::now();
    cluster.delete().await?;
    argo_cd_forgets_first(&cluster, &argo_cd, name).await?;
    until_let_go(&argo_cd, &application).await?;
    let forgotten = leaving.elapsed();
    cluster.until_gone().await?;
    eprintln!(
        "argo cd: claim to Ready {ready:.1?}, to Healthy {deployed:.1?}; \
         new token and release {renewed:.1?}; forgotten {forgotten:.1?}"
    );
    argo_cd.finish().await?;
    stage.finish().await
}

/// The labels are those that the `ApplicationSet` selects by.
fn registration(stage: &Stage, argo_cd: &ArgoCd) -> Value {
    json!({
        "enabled": true,
        "namespace": argo_cd.namespace(),
        "project": ArgoCd::PROJECT,
        "labels": {"tier": stage.name()},
    })
}

/// Before there is any: the claim's labels and environment alone make the Application.
async fn deploy_to_all_of(stage: &Stage, argo_cd: &ArgoCd) -> anyhow::Result<()> {
    let labels = json!({"environment": "dev", "tier": stage.name()});
    let set = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": {"name": "guestbook", "namespace": argo_cd.namespace()},
        "spec": {
            "goTemplate": true,
            "generators": [{"clusters": {"selector": {"matchLabels": labels}}}],
            "template": {
                "metadata": {"name": "guestbook-{{.name}}"},
                "spec": guestbook::spec(argo_cd, "{{.name}}", TEAM),
            },
        },
    });
    stage.testbed.apply(&set.to_string()).await
}

/// The `ApplicationSet` takes the Application back, and what was deployed does not hold it up.
async fn until_let_go(argo_cd: &ArgoCd, application: &str) -> anyhow::Result<()> {
    wait_for("the Application to be gone", PATIENCE, async || {
        Ok(argo_cd.get("application", application).await?.is_null())
    })
    .await
}

/// Argo CD watches the cluster: nobody asks it to look.
async fn a_hand_edit_is_undone(inside: &Inside) -> anyhow::Result<()> {
    let deployment = ["deployment", "guestbook", "-n", TEAM];
    let scale = ["scale", "--replicas=0"];
    inside.kubectl(&[&scale[..], &deployment].concat()).await?;
    wait_for("the guestbook to be scaled back", PATIENCE, async || {
        let replicas = ["-o", "jsonpath={.spec.replicas}"];
        let get = [&["get"], &deployment[..], &replicas].concat();
        Ok(inside.kubectl(&get).await? == "1")
    })
    .await
}

/// Argo CD's account is made again, so that what it logged in with is worth nothing any more.
async fn the_token_is_another(
    cluster: &Cluster<'_>,
    argo_cd: &ArgoCd,
    name: &str,
    inside: &Inside,
) -> anyhow::Result<()> {
    let secret = format!("cluster-{name}");
    let config = async || {
        let secret = argo_cd.get("secret", &secret).await?;
        anyhow::Ok(secret["data"]["config"].clone())
    };
    let before = config().await?;
    let account = ["serviceaccount", "argocd-manager", "-n", "kube-system"];
    inside
        .kubectl(&[&["delete"], &account[..]].concat())
        .await?;
    cluster.look_again().await?;
    wait_for("another token", PATIENCE, async || {
        let now = config().await?;
        Ok(now.is_string() && now != before)
    })
    .await
}

/// The cluster is still there when Argo CD knows it no more: it never looks for one that is gone.
async fn argo_cd_forgets_first(
    cluster: &Cluster<'_>,
    argo_cd: &ArgoCd,
    name: &str,
) -> anyhow::Result<()> {
    let secret = format!("cluster-{name}");
    wait_for("the cluster to be forgotten", PATIENCE, async || {
        let there = cluster.is_there().await?;
        let known = !argo_cd.get("secret", &secret).await?.is_null();
        ensure!(there || !known, "Argo CD knows a cluster that is gone");
        Ok(!known)
    })
    .await
}
