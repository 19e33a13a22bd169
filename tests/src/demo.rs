//! The demo: what the product does, shown on a real control plane to somebody who has never seen it.
//!
//! Every step is the real thing: packages installed through Crossplane, a claim, a login with what
//! Vault holds, edits behind the provider's back, a deletion. A step that does not happen fails the
//! demo.

mod look;
mod screen;
mod steps;
mod tree;

use std::time::Duration;

use crate::{Namespace, Testbed};

/// What was measured.
#[derive(Debug, Default)]
struct Timings {
    in_vault: Duration,
    ready: Duration,
    repaired_role: Duration,
    repaired_vault: Duration,
    repaired_secret: Duration,
    gone: Duration,
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
    story.delete(&mut timings).await?;
    finish(&testbed, namespace, &timings).await
}

async fn finish(testbed: &Testbed, namespace: Namespace, timings: &Timings) -> anyhow::Result<()> {
    namespace
        .finish(testbed.client(), Duration::from_secs(60))
        .await?;
    screen::heading("What it took");
    let row = |what: &str, took: Duration, today: &str| {
        screen::answer(&format!(
            "{what:<44} {:>7.1} s    {today}",
            took.as_secs_f32()
        ));
    };
    screen::answer(&format!(
        "{:<44} {:>9}    {}",
        "", "here", "today's parts, same machine"
    ));
    row(
        "claim to credentials in Vault",
        timings.in_vault,
        "17 to 54 s",
    );
    row("claim to Ready", timings.ready, "32 to 62 s");
    row(
        "hand edit in PostgreSQL to repaired *",
        timings.repaired_role,
        "not noticed field by field",
    );
    row(
        "hand edit in Vault to repaired *",
        timings.repaired_vault,
        "never",
    );
    row(
        "connection Secret deleted to repaired",
        timings.repaired_secret,
        "never",
    );
    row(
        "deletion to nothing left",
        timings.gone,
        "71 s, and the credentials stay in Vault",
    );
    screen::say(
        "* the demo has these two looked at every 5 s; the provider's default is every minute.",
    );
    screen::say("");
    screen::say("The control plane is still up. Look around:  eval \"$(cargo testbed env)\"");
    screen::say("Take it down and leave nothing behind:       cargo testbed down");
    Ok(())
}
