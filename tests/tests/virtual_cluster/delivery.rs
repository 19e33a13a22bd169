//! A database's credentials inside a virtual cluster, used by a pod that runs there.

use std::time::Duration;

use anyhow::{bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testbed::product::Flavour;
use testbed::story::{Claim, Stage};
use testbed::{Inside, PSQL, wait_for, wait_for_value};

use crate::team::Team;

const PATIENCE: Duration = Duration::from_secs(120);
const KEYS: [&str; 7] = [
    "host", "port", "database", "username", "password", "sslmode", "url",
];

#[tokio::test]
async fn a_pod_inside_uses_the_database_with_credentials_that_follow() -> anyhow::Result<()> {
    let stage = Stage::beside_others(Flavour::Namespaced, "dlv").await?;
    let team = Team::of(&stage, "dev");
    let claim = stage.claim("orders");
    // Both at once: nobody should have to know which comes first.
    team.claim().await?;
    let place = json!({"name": "dev", "namespace": "orders", "secretName": "database"});
    let deliver = json!({"virtualCluster": place});
    let access = json!([{"name": "app", "profile": "owner"}]);
    // Its path in Vault is named after the service, so no other story may have the same.
    let spec = json!({"environment": "dev", "service": stage.name(), "access": access, "deliver": deliver});
    claim.apply(&spec).await?;
    let status = team.ready().await?;
    let said = delivered(&claim, "True").await?;
    ensure!(said.contains("orders/database"), "{said}");

    let inside = team.cluster_from_vault(&status).await?;
    same_as_in_vault(&claim, &inside).await?;
    let answer = run(&inside, "select 'as ' || session_user").await?;
    let role = claim.status().await?["access"][0]["role"].clone();
    ensure!(
        answer.trim() == format!("as {}", role.as_str().unwrap_or_default()),
        "{answer}"
    );

    let secret = claim.status().await?["access"][0]["secretName"].clone();
    let before = held(&inside).await?;
    stage
        .kubectl(&["delete", "secret", secret.as_str().unwrap_or_default()])
        .await?;
    wait_for("a new password inside", PATIENCE, async || {
        Ok(held(&inside).await?["password"] != before["password"]
            && same_as_in_vault(&claim, &inside).await.is_ok())
    })
    .await?;

    claim.change(&json!({"deliver": null})).await?;
    wait_for("the Secret inside to be gone", PATIENCE, async || {
        Ok(held(&inside).await?.is_null())
    })
    .await?;
    delivered(&claim, "False").await?;
    claim.change(&json!({"deliver": deliver})).await?;
    delivered(&claim, "True").await?;

    // Both at once, too.
    claim.delete().await?;
    team.delete().await?;
    claim.gone_within(PATIENCE).await?;
    team.until_nothing_is_left().await?;
    stage.finish().await
}

async fn delivered(claim: &Claim<'_>, is: &str) -> anyhow::Result<String> {
    let what = format!("CredentialsDelivered={is}");
    let waited = wait_for_value(&what, PATIENCE, async || {
        let status = claim.status().await?;
        let mut conditions = status["conditions"].as_array().into_iter().flatten();
        let found = conditions.find(|one| one["type"] == "CredentialsDelivered");
        Ok(found
            .filter(|one| one["status"] == is)
            .map(|one| one["message"].as_str().unwrap_or_default().to_owned()))
    });
    match waited.await {
        Ok(message) => Ok(message),
        Err(error) => bail!("{error:#}: {:#}", claim.status().await?),
    }
}

/// What the Secret inside holds; null when it is not there.
async fn held(inside: &Inside) -> anyhow::Result<Value> {
    let get = ["get", "secret", "database", "-n", "orders"];
    let get = [&get[..], &["-o", "json", "--ignore-not-found"]].concat();
    let secret: Value = serde_json::from_str(&inside.kubectl(&get).await?).unwrap_or_default();
    Ok(secret["data"].clone())
}

async fn same_as_in_vault(claim: &Claim<'_>, inside: &Inside) -> anyhow::Result<()> {
    let (in_vault, held) = (claim.credentials("app").await?, held(inside).await?);
    for key in KEYS {
        let wanted = STANDARD.encode(in_vault.get(key));
        ensure!(held[key] == wanted.as_str(), "{key} differs");
    }
    Ok(())
}

/// What a pod inside prints that asks the database with what the Secret holds.
async fn run(inside: &Inside, sql: &str) -> anyhow::Result<String> {
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "ask", "namespace": "orders"},
        "spec": {
            "restartPolicy": "Never",
            "containers": [{
                "name": "psql",
                "image": PSQL,
                "command": ["sh", "-c", format!("psql \"$url\" -Atc \"{sql}\"")],
                "envFrom": [{"secretRef": {"name": "database"}}],
            }],
        },
    });
    inside.apply(&pod.to_string()).await?;
    let phase = [
        "get",
        "pod",
        "ask",
        "-n",
        "orders",
        "-o",
        "jsonpath={.status.phase}",
    ];
    wait_for("the pod to end", PATIENCE, async || {
        let phase = inside.kubectl(&phase).await?;
        Ok(["Succeeded", "Failed"].contains(&phase.as_str()))
    })
    .await?;
    inside.kubectl(&["logs", "ask", "-n", "orders"]).await
}
