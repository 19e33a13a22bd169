//! Servers that are away for a while: PostgreSQL stopped, Vault sealed, Vault restarted. New things
//! wait and say for what, deletions wait too, and everything goes on when the server is back.

use std::future::Future;

use anyhow::ensure;
use serde_json::json;
use testbed::resource::{DeleteParams, condition};
use testbed::tenant::{CONFIG, spec};
use testbed::{Scene, Tenant, product};

use crate::{credentials_match, login, registration, settled_login};

/// A version that no other story uses, so that nobody else misses it.
const MAJOR: u16 = 18;

#[tokio::test]
async fn a_stopped_postgresql_is_named_and_everything_goes_on_when_it_is_back() -> anyhow::Result<()>
{
    let scene = Scene::alone().await?;
    let postgres = scene.postgres(MAJOR).await?;
    let admin = (postgres.user.clone(), postgres.password.clone());
    let tenant = Tenant::on(&scene, "stopped", postgres.clone(), (&admin.0, &admin.1)).await?;
    settled_login(&tenant, "before").await?;
    let leaving = tenant.managed("Role", "leaving");
    leaving.apply(&login("leaving")).await?;
    leaving.until_settled().await?;

    postgres.stop().await?;
    let told = without_postgres(&tenant).await;
    postgres.start().await?;
    told?;

    tenant
        .postgres_config(CONFIG)
        .until_told("Ready", "True", &[])
        .await?;
    tenant.managed("Role", "new").until_settled().await?;
    leaving.until_gone().await?;
    ensure!(
        tenant.on_server().await?.len() == 2,
        "{:?}",
        tenant.on_server().await?
    );
    credentials_match(&tenant, "before").await?;
    tenant.finish().await
}

async fn without_postgres(tenant: &Tenant) -> anyhow::Result<()> {
    let address = format!("cannot connect to 10.244.0.1:{}", tenant.postgres().port);
    let words = [
        address.as_str(),
        "refused",
        "; check endpoint, port, sslMode and network",
    ];
    let (newcomer, leaving) = (
        tenant.managed("Role", "new"),
        tenant.managed("Role", "leaving"),
    );
    newcomer.apply(&login("new")).await?;
    newcomer.until_told("Synced", "False", &words).await?;
    tenant
        .postgres_config(CONFIG)
        .until_told("Ready", "False", &words)
        .await?;
    leaving.delete(&DeleteParams::default()).await?;
    leaving.until_told("Synced", "False", &[&address]).await?;
    let before = tenant.managed("Role", "before").look().await?;
    ensure!(condition(&before, "Ready")["status"] == "True", "{before}");
    let in_vault = tenant.in_vault("before").await?;
    ensure!(
        in_vault["password"].is_string(),
        "Vault has lost what it held"
    );
    Ok(())
}

#[tokio::test]
async fn a_sealed_vault_is_named_and_everything_goes_on_when_it_is_unsealed() -> anyhow::Result<()>
{
    let scene = Scene::alone().await?;
    let tenant = Tenant::new(&scene, "sealed").await?;
    settled_login(&tenant, "before").await?;
    let (_, leaving) = settled_login(&tenant, "leaving").await?;

    let told = while_sealed(&scene, without_vault(&tenant)).await;
    told?;

    tenant
        .vault_config()
        .until_told("Ready", "True", &[])
        .await?;
    tenant.managed("KVSecret", "new").until_settled().await?;
    leaving.until_gone().await?;
    ensure!(
        tenant.in_vault("leaving").await?.is_null(),
        "it can still be read"
    );
    credentials_match(&tenant, "before").await?;
    tenant.finish().await
}

async fn while_sealed(
    scene: &Scene,
    part: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    scene.openbao().seal().await?;
    let told = part.await;
    scene.openbao().unseal().await?;
    told
}

async fn without_vault(tenant: &Tenant) -> anyhow::Result<()> {
    let words = ["vault at https://10.244.0.1:8200 is sealed; unseal it"];
    let (newcomer, leaving) = (
        tenant.managed("KVSecret", "new"),
        tenant.managed("KVSecret", "leaving"),
    );
    let mut spec = registration(tenant, "before");
    spec["forProvider"]["path"] = json!(tenant.path("new"));
    newcomer.apply(&spec).await?;
    newcomer.until_told("Synced", "False", &words).await?;
    tenant
        .vault_config()
        .until_told("Ready", "False", &words)
        .await?;
    leaving.delete(&DeleteParams::default()).await?;
    leaving.until_told("Synced", "False", &words).await?;
    let before = tenant.managed("KVSecret", "before").look().await?;
    ensure!(condition(&before, "Ready")["status"] == "True", "{before}");
    tenant
        .log_in("before-connection", "postgres")
        .await
        .map(drop)
}

#[tokio::test]
async fn a_restarted_vault_that_forgot_the_login_gets_a_new_one() -> anyhow::Result<()> {
    let scene = Scene::alone().await?;
    let tenant = Tenant::new(&scene, "restarted").await?;
    // The provider's own login, as it is installed.
    let kv = tenant.managed("KVSecret", "kv");
    let path = format!("infrastructure/databases/dev/{}", tenant.name());
    let mut wanted = spec(json!({
        "path": path, "data": {"key": {"value": "one"}}, "deletionPolicy": "Purge",
    }));
    wanted["providerConfigRef"] = json!({"kind": "ClusterProviderConfig", "name": "default"});
    kv.apply(&wanted).await?;
    kv.until_settled().await?;

    scene.openbao().restart().await?;
    let vault = tenant.vault()?;
    let tokens = "sys/leases/revoke-prefix/auth/kubernetes/login";
    vault.write(tokens, &serde_json::Value::Null).await?;
    wanted["forProvider"]["data"]["key"]["value"] = json!("two");
    kv.apply(&wanted).await?;
    kv.until_settled().await?;
    let held = vault
        .read(&format!("secret/data/{path}"))
        .await?
        .unwrap_or_default();
    ensure!(held["data"]["key"] == "two", "{held}");
    let configs = product::api(
        &scene,
        "vault.pnats.cloud",
        "v1alpha1",
        "ClusterProviderConfig",
    );
    let config = serde_json::to_value(configs.get("default").await?)?;
    ensure!(condition(&config, "Ready")["status"] == "True", "{config}");
    kv.delete(&DeleteParams::default()).await?;
    kv.until_gone().await?;
    tenant.finish().await
}
