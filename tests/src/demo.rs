//! The demo: what the product does, shown on a real control plane to somebody who has never seen it.
//!
//! Every step is the real thing: packages installed through Crossplane, a claim, a login with what
//! Vault holds, edits behind the provider's back, a deletion. A step that does not happen fails the
//! demo.

mod claimed;
mod cluster;
mod look;
mod report;
mod screen;
mod steps;
mod tree;

use std::time::Duration;

use crate::Testbed;

/// What was measured.
#[derive(Debug, Default)]
struct Timings {
    in_vault: Duration,
    ready: Duration,
    repaired_role: Duration,
    repaired_vault: Duration,
    repaired_secret: Duration,
    gone: Duration,
    cluster_usable: Duration,
    login_proven: Duration,
    cluster_ready: Duration,
    delivered: Duration,
    pod: Duration,
    repaired_cluster: Duration,
    cluster_gone: Duration,
}

/// Runs the demo. The testbed stays up afterwards, to look around.
///
/// # Errors
/// When something does not happen; the error says what was waited for and what was seen instead.
pub async fn run() -> anyhow::Result<()> {
    screen::heading("1  A control plane on this machine");
    screen::say(
        "etcd, Kubernetes with pods, Crossplane, OpenBao (Vault's open fork) and PostgreSQL, all real.",
    );
    screen::say("The first run builds them and takes a while; later ones start in under a minute.");
    let testbed = Testbed::shared().await?;

    screen::heading("2  The product, installed through Crossplane");
    steps::install(&testbed).await?;

    let namespace = testbed.namespace("demo").await?;
    let mut timings = Timings::default();
    let story = steps::Story::new(&testbed, &namespace).await?;
    story.claim(&mut timings).await?;
    story.log_in().await?;
    story.break_and_mend(&mut timings).await?;
    story.claim_cluster(&mut timings).await?;
    story.use_inside(&mut timings).await?;
    story.break_cluster(&mut timings).await?;
    story.delete(&mut timings).await?;
    story.delete_cluster(&mut timings).await?;
    namespace
        .finish(testbed.client(), Duration::from_secs(60))
        .await?;
    report::print(&timings);
    Ok(())
}
