//! A provider config in use stays until its last user is gone, and a resource whose external resource
//! is to stay needs no server to go.

use anyhow::{Context, ensure};
use serde_json::json;
use testbed::resource::{DeleteParams, condition};
use testbed::tenant::CONFIG;
use testbed::{Scene, Tenant};

use crate::set_up;

/// A version that no other story uses, so that nobody else misses it.
const MAJOR: u16 = 18;

#[tokio::test]
async fn a_provider_config_in_use_goes_with_its_last_user() -> anyhow::Result<()> {
    let scene = Scene::beside_others().await?;
    let tenant = Tenant::new(&scene, "in-use").await?;
    set_up(&tenant).await?;
    let background = DeleteParams::background();
    let config = tenant.postgres_config(CONFIG);
    config.delete(&background).await?;
    let words = [
        "deletion waits for 4 managed resources",
        "; delete them first",
    ];
    config.until_told("Terminating", "True", &words).await?;
    let object = config
        .find()
        .await?
        .context("it is gone while it is in use")?;
    ensure!(
        condition(&object, "Terminating")["reason"] == "InUse",
        "{object}"
    );

    // It still serves those who use it.
    let app = tenant.managed("Role", "app");
    app.merge(&json!({"spec": {"forProvider": {"connectionLimit": 3}}}))
        .await?;
    app.until_settled().await?;
    for (kind, name) in [
        ("Grant", "entry"),
        ("Database", "data"),
        ("Role", "app"),
        ("Role", "owner"),
    ] {
        ensure!(
            config.find().await?.is_some(),
            "it is gone before {kind} {name}"
        );
        let user = tenant.managed(kind, name);
        user.delete(&background).await?;
        user.until_gone().await?;
    }
    config.until_gone().await?;
    ensure!(
        tenant.on_server().await?.is_empty(),
        "{:?}",
        tenant.on_server().await?
    );
    tenant.finish().await
}

#[tokio::test]
async fn without_the_right_to_delete_a_resource_goes_while_the_server_is_away() -> anyhow::Result<()>
{
    let scene = Scene::alone().await?;
    let postgres = scene.postgres(MAJOR).await?;
    let admin = (postgres.user.clone(), postgres.password.clone());
    let tenant = Tenant::on(&scene, "stuck", postgres.clone(), (&admin.0, &admin.1)).await?;
    set_up(&tenant).await?;
    postgres.stop().await?;
    let let_go = let_go(&tenant).await;
    postgres.start().await?;
    let_go?;

    let session = tenant.log_in("app-connection", "postgres").await;
    session.context("role and connection Secret were to stay")?;
    let app = tenant.external_name("app");
    tenant
        .sql(
            &tenant.external_name("data"),
            &format!("DROP OWNED BY \"{app}\""),
        )
        .await?;
    tenant
        .sql("postgres", &format!("DROP ROLE \"{app}\""))
        .await?;
    tenant.finish().await
}

async fn let_go(tenant: &Tenant) -> anyhow::Result<()> {
    let app = tenant.managed("Role", "app");
    app.delete(&DeleteParams::background()).await?;
    app.until_told("Synced", "False", &["cannot connect to"])
        .await?;
    let keep = json!({"spec": {"managementPolicies": ["Observe", "Create", "Update"]}});
    app.merge(&keep).await?;
    app.until_gone().await?;
    let secret = tenant.secrets().get("app-connection").await?;
    let owners = secret.metadata.owner_references.unwrap_or_default();
    ensure!(
        owners.is_empty(),
        "the Secret goes with its owner: {owners:?}"
    );
    Ok(())
}
