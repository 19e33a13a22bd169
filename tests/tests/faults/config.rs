//! Provider configs that are missing or whose Secrets are wrong. The config's Ready condition tells
//! it as well, and resources that exist stay.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use serde_json::json;
use testbed::resource::condition;
use testbed::tenant::{POSTGRES_SECRET, VAULT_SECRET, postgres_settings};
use testbed::{Resource, Scene, Tenant};

use crate::{credentials_match, login, registration, settled_login};

/// The certificate of an authority that signed nothing here.
const OTHER_CA: &str = include_str!("../postgresql_kinds/other_ca.pem");

type Values = BTreeMap<String, String>;

/// A way to break a Secret: what is done to its values, nothing left of them meaning that it is
/// deleted; and what is then told.
type Fault = (fn(&mut Values), &'static [&'static str]);

const OF_POSTGRES: [Fault; 5] = [
    (
        Values::clear,
        &["Secret", POSTGRES_SECRET, "does not exist; create it"],
    ),
    (
        |secret| drop(secret.insert("password".into(), "wrong".into())),
        &[
            "password authentication failed",
            "28P01",
            "; check username and password",
        ],
    ),
    (
        |secret| drop(secret.remove("password")),
        &["has no key \"password\"", "; add the key \"password\""],
    ),
    (
        |secret| drop(secret.insert("ca.crt".into(), OTHER_CA.into())),
        &["cannot connect to 10.244.0.1:", "certificate", "; check "],
    ),
    (
        |secret| drop(secret.insert("port".into(), "1".into())),
        &[
            "cannot connect to 10.244.0.1:1",
            "refused",
            "; check endpoint, port",
        ],
    ),
];

const OF_VAULT: [Fault; 4] = [
    (
        Values::clear,
        &["Secret", VAULT_SECRET, "does not exist; create it"],
    ),
    (
        |secret| drop(secret.insert("token".into(), "wrong".into())),
        &["vault refuses", "permission denied"],
    ),
    (
        |secret| drop(secret.remove("token")),
        &["has no key \"token\"", "; add the key \"token\""],
    ),
    (
        |secret| drop(secret.insert("ca.crt".into(), OTHER_CA.into())),
        &[
            "cannot reach vault at https://10.244.0.1:8200",
            "; check address, network and CA",
        ],
    ),
];

#[tokio::test]
async fn a_resource_waits_for_its_provider_config() -> anyhow::Result<()> {
    let scene = Scene::beside_others().await?;
    let tenant = Tenant::new(&scene, "no-config").await?;
    let role = tenant.managed("Role", "app");
    let mut early = login("app");
    early["providerConfigRef"]["name"] = json!("later");
    role.apply(&early).await?;
    let config = format!("ProviderConfig {}/later", tenant.name());
    let words = [
        &config,
        "does not exist; create it, or correct providerConfigRef",
    ];
    role.until_told("Synced", "False", &words).await?;
    role.until_told("Ready", "False", &[]).await?;
    ensure!(
        tenant.on_server().await?.is_empty(),
        "it was made all the same"
    );

    tenant
        .postgres_config("later")
        .apply(&postgres_settings())
        .await?;
    role.until_settled().await?;
    tenant.log_in("app-connection", "postgres").await?;
    tenant.finish().await
}

#[tokio::test]
async fn a_broken_secret_of_a_postgresql_config_is_named_and_heals_when_it_is_mended()
-> anyhow::Result<()> {
    let scene = Scene::beside_others().await?;
    let tenant = Tenant::new(&scene, "sql-secret").await?;
    let (before, _) = settled_login(&tenant, "before").await?;
    let config = tenant.postgres_config(testbed::tenant::CONFIG);
    for (number, fault) in OF_POSTGRES.into_iter().enumerate() {
        let newcomer = tenant.managed("Role", &format!("new-{number}"));
        let spec = login(newcomer.name());
        broken(
            &tenant,
            POSTGRES_SECRET,
            fault,
            &config,
            (&newcomer, &spec),
            &before,
        )
        .await
        .with_context(|| format!("fault {:?}", fault.1))?;
    }
    tenant.finish().await
}

#[tokio::test]
async fn a_broken_secret_of_a_vault_config_is_named_and_heals_when_it_is_mended()
-> anyhow::Result<()> {
    let scene = Scene::beside_others().await?;
    let tenant = Tenant::new(&scene, "vault-secret").await?;
    let (_, before) = settled_login(&tenant, "before").await?;
    let config = tenant.vault_config();
    for (number, fault) in OF_VAULT.into_iter().enumerate() {
        let newcomer = tenant.managed("KVSecret", &format!("new-{number}"));
        let mut spec = registration(&tenant, "before");
        spec["forProvider"]["path"] = json!(tenant.path(newcomer.name()));
        broken(
            &tenant,
            VAULT_SECRET,
            fault,
            &config,
            (&newcomer, &spec),
            &before,
        )
        .await
        .with_context(|| format!("fault {:?}", fault.1))?;
    }
    tenant.finish().await
}

/// Breaks the Secret, looks at the config, at somebody who comes and at somebody who was there, and
/// mends it.
async fn broken(
    tenant: &Tenant,
    secret: &str,
    (break_it, words): Fault,
    config: &Resource,
    (newcomer, spec): (&Resource, &serde_json::Value),
    before: &Resource,
) -> anyhow::Result<()> {
    config.until_told("Ready", "True", &[]).await?;
    let good = tenant.secret(secret).await?.context("no Secret")?;
    let mut bad = good.clone();
    break_it(&mut bad);
    if bad.is_empty() {
        tenant.delete_secret(secret).await?;
    } else {
        tenant.put_secret(secret, &bad).await?;
    }
    config.until_told("Ready", "False", words).await?;
    newcomer.apply(spec).await?;
    newcomer.until_told("Synced", "False", words).await?;
    let told = before.look().await?;
    ensure!(
        condition(&told, "Ready")["status"] == "True",
        "what exists does not count as gone: {told}"
    );
    credentials_match(tenant, "before").await?;

    tenant.put_secret(secret, &good).await?;
    config.until_told("Ready", "True", &[]).await?;
    newcomer.until_settled().await?;
    before.until_settled().await?;
    credentials_match(tenant, "before").await.map(drop)
}
