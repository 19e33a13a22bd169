//! Everything deleted at once, in many orders.

use anyhow::Context;
use futures::future::try_join_all;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use testbed::resource::DeleteParams;
use testbed::{Scene, Tenant};

use crate::{Part, nothing_is_left, set_up};

/// How many orders are tried beside the two plain ones and the namespace alone.
const SHUFFLES: usize = 6;

/// One way to delete everything.
#[derive(Debug)]
struct Way {
    /// The order of the parts; those that are not in it go with the namespace.
    order: Vec<usize>,
    /// When the namespace is deleted, too: after so many parts.
    namespace_after: usize,
    /// Whether dependents go first.
    foreground: bool,
}

#[tokio::test]
async fn everything_deleted_at_once_in_any_order_is_gone_without_a_hand() -> anyhow::Result<()> {
    let scene = Scene::beside_others().await?;
    let seed = rand::rng().random();
    eprintln!("the orders are those of seed {seed}");
    let ways = ways(&mut StdRng::seed_from_u64(seed));
    let gone = ways.iter().map(|way| deleted(&scene, way));
    let gone = try_join_all(gone).await.map(drop);
    gone.with_context(|| format!("with seed {seed}"))
}

/// There are nine parts: five managed resources, two provider configs, two Secrets.
fn ways(random: &mut StdRng) -> Vec<Way> {
    let all: Vec<usize> = (0..9).collect();
    let way = |order: Vec<usize>, foreground| Way {
        namespace_after: order.len(),
        order,
        foreground,
    };
    let mut ways = vec![
        way(all.clone(), false),
        way(all.iter().rev().copied().collect(), true),
        way(Vec::new(), false),
    ];
    for number in 0..SHUFFLES {
        let mut order = all.clone();
        order.shuffle(random);
        let mut way = way(order, number % 2 == 0);
        way.namespace_after = random.random_range(0..=way.order.len());
        ways.push(way);
    }
    ways
}

async fn deleted(scene: &Scene, way: &Way) -> anyhow::Result<()> {
    let tenant = Tenant::new(scene, "order").await?;
    deleted_of(&tenant, way)
        .await
        .with_context(|| format!("{way:?}"))?;
    tenant.finish().await
}

async fn deleted_of(tenant: &Tenant, way: &Way) -> anyhow::Result<()> {
    let parts = set_up(tenant).await?;
    let params = if way.foreground {
        DeleteParams::foreground()
    } else {
        DeleteParams::background()
    };
    for (place, part) in way.order.iter().map(|index| &parts[*index]).enumerate() {
        if place == way.namespace_after {
            tenant.start_deletion().await?;
        }
        delete(tenant, part, &params)
            .await
            .with_context(|| format!("at {}", part.name()))?;
    }
    if way.namespace_after >= way.order.len() {
        tenant.start_deletion().await?;
    }
    tenant.until_gone().await?;
    nothing_is_left(tenant).await
}

/// What went with the namespace in the meantime need not be deleted any more.
async fn delete(tenant: &Tenant, part: &Part, params: &DeleteParams) -> anyhow::Result<()> {
    match part.delete(tenant, params).await {
        Err(error) if is_gone(&error) => Ok(()),
        outcome => outcome,
    }
}

fn is_gone(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(kube::Error::Api(status)) if status.code == 404)
}
