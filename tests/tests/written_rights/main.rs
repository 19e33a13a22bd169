//! What the provider asks of the API server is written down, verb by verb, in `docs/install.md` and in the
//! roles of `examples/install`. A verb that is asked for and stands nowhere fails here, whether it was
//! granted or not. Last of the stories by its name, so that it judges what all of them made the provider ask
//! for; what it makes by itself asks for every verb there is.

mod asked;
mod written;

use std::collections::BTreeSet;

use serde_json::json;
use testbed::product::Flavour;
use testbed::story::Stage;

#[tokio::test]
async fn no_verb_is_used_that_is_not_written_down() -> anyhow::Result<()> {
    let stage = Stage::beside_others(Flavour::Namespaced, "rights").await?;
    a_database_comes_and_goes(&stage).await?;
    a_virtual_cluster_comes_and_goes(&stage).await?;

    let asked = asked::read(&stage.testbed.provider_requests())?;
    let written = written::read()?;
    let missing: BTreeSet<_> = asked
        .iter()
        .filter(|one| !written.iter().any(|rule| rule.covers(one)))
        .map(ToString::to_string)
        .collect();
    assert!(
        missing.is_empty(),
        "asked for and not written down in docs/install.md: {missing:#?}"
    );
    for verb in ["create", "delete", "get", "list", "patch", "watch"] {
        assert!(
            asked.iter().any(|one| one.verb == verb),
            "nobody has asked to {verb}"
        );
    }
    stage.finish().await
}

async fn a_database_comes_and_goes(stage: &Stage) -> anyhow::Result<()> {
    let claim = stage.claim("orders");
    let spec = json!({
        "environment": "dev",
        "service": stage.name(),
        "access": [{ "name": "service", "profile": "readwrite" }],
    });
    claim.apply(&spec).await?;
    claim.ready().await?;
    claim.delete_and_wait().await.map(drop)
}

async fn a_virtual_cluster_comes_and_goes(stage: &Stage) -> anyhow::Result<()> {
    let claim = json!({
        "apiVersion": "cluster.pnats.cloud/v1alpha1",
        "kind": "VirtualCluster",
        "metadata": {"name": "dev", "namespace": stage.name()},
        "spec": {
            "environment": "dev",
            "storage": {"enabled": false},
            "namespaces": ["orders"],
            "vault": {
                "name": format!("vcluster-{}", stage.name()),
                "path": format!("clusters/{}", stage.name()),
            },
        },
    });
    stage.testbed.apply(&claim.to_string()).await?;
    let ready = [
        "wait",
        "virtualcluster/dev",
        "--for=condition=Ready",
        "--timeout=300s",
    ];
    stage.kubectl(&ready).await?;
    let delete = [
        "delete",
        "virtualcluster/dev",
        "--cascade=foreground",
        "--timeout=300s",
    ];
    stage.kubectl(&delete).await.map(drop)
}
