//! `cargo testbed bench clusters`: one virtual cluster made by our kind `VCluster`, beside the same one made by
//! provider-helm from vCluster's chart, whose kubeconfig provider-kubernetes publishes.
//!
//! docs/benchmarks.md says what each figure means. Nothing fails because a figure is bad.

mod access;
mod asked;
mod chart;
mod drift;
mod figures;
mod installation;
mod side;
mod table;
mod theirs;

use std::time::{Duration, Instant};

use anyhow::Context;

use self::asked::Asked;
use self::figures::{Conditions, Figures, Measured, Run};
use self::installation::Installation;
use self::side::Side;
use super::{asked_to_stop, subject, write};
use crate::paths::Paths;
use crate::progress::{say, step};
use crate::{HostProvider, Scene, Testbed, cli};

/// Where the managed resources are.
const NAMESPACE: &str = "bench-clusters";
/// Where the control plane runs. The testbed's provider config allows names that begin so.
const HOST_NAMESPACE: &str = "vc-bench-clusters";
/// Name of the virtual cluster.
const NAME: &str = "dev";
/// The connection Secret.
const SECRET: &str = "dev-kubeconfig";
/// Until a provider's caches are filled.
const WARM_UP: Duration = Duration::from_secs(10);
/// After this long every resource has had its second look.
const SECOND_LOOK: Duration = Duration::from_secs(70);

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Wish {
    /// How often each is measured; the median is told.
    #[arg(long, default_value_t = 3)]
    times: usize,
}

/// Measures, prints and writes down what it has, also when something failed or Ctrl-C was pressed.
pub(crate) async fn measure(paths: &Paths, wish: &Wish) -> anyhow::Result<()> {
    let scene = Scene::alone().await?;
    let testbed: &Testbed = &scene;
    let mut figures = Figures::under(Conditions::found(testbed).await?);
    subject::end_left_behind(paths).await?;
    let measured = tokio::select! {
        measured = both(testbed, paths, wish.times, &mut figures) => measured,
        stopped = asked_to_stop() => stopped,
    };
    let cleared = installation::remove(testbed, paths).await;
    let cleared = cleared.context("cannot clear up");
    let file = write("clusters", &figures)?;
    let table = figures.table();
    cli::print(&format!("{table}\nwritten to {}\n", file.display()))?;
    measured.and(cleared)
}

async fn both(
    testbed: &Testbed,
    paths: &Paths,
    times: usize,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    testbed.import_vcluster_images().await?;
    installation::remove(testbed, paths).await?;
    let installation = Installation::new(testbed, paths).await?;
    let place = HostProvider::take_over(testbed).await?;
    let sides = [Side::ours(), installation.theirs()];
    figures.measured = sides.iter().map(Measured::nothing_of).collect();
    for time in 1..=times {
        for (side, measured) in sides.iter().zip(&mut figures.measured) {
            let what = format!("measure {}, {time} of {times}", side.name);
            measured.add(step(&what, one(testbed, side)).await?);
            installation::empty(testbed).await?;
        }
    }
    place.give_back().await
}

/// From an empty namespace to what becomes of changes made by hand.
async fn one(testbed: &Testbed, side: &Side) -> anyhow::Result<Run> {
    side.prepare(testbed).await?;
    let running = side.start(testbed).await?;
    tokio::time::sleep(WARM_UP).await;
    let client = testbed.client();
    let (before, cost) = (Asked::so_far(&client, side.key).await?, running.cost()?);
    let started = Instant::now();
    side.create(testbed).await?;
    access::until_usable(testbed).await?;
    let mut run = Run {
        usable_seconds: started.elapsed().as_secs_f64(),
        until_usable: Asked::so_far(&client, side.key).await?.since(&before),
        cpu_seconds_until_usable: running.cost()?.cpu_seconds - cost.cpu_seconds,
        ..Run::default()
    };
    say("until the second look");
    tokio::time::sleep(SECOND_LOOK).await;
    let used = running.cost()?;
    run.until_second_look = Asked::so_far(&client, side.key).await?.since(&before);
    run.cpu_seconds = used.cpu_seconds - cost.cpu_seconds;
    (run.resident_mib, run.peak_mib) = (used.resident_mib, used.peak_mib);
    say("changes by hand");
    run.repairs = drift::repairs(testbed).await?;
    running.stop().await?;
    Ok(run)
}
