//! A claim as a namespaced composite resource, from its YAML to nothing left of it, as pods under
//! Crossplane's own RBAC. Everything asserted is what a user sees.

mod change;
mod collision;
mod deletion;
mod outage;
mod planning;
mod profile;
mod refusal;
mod shards;
mod status;

use testbed::product::Flavour;
use testbed::story::Stage;

async fn stage(prefix: &str) -> anyhow::Result<Stage> {
    Stage::beside_others(Flavour::Namespaced, prefix).await
}

async fn stage_alone(prefix: &str) -> anyhow::Result<Stage> {
    Stage::alone(Flavour::Namespaced, prefix).await
}
