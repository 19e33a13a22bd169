//! `cargo testbed bench runtime`: what the runtime of managed resources costs at a thousand and ten thousand
//! resources, and what provider-sql costs beside our provider. `cargo testbed bench clusters`: a virtual cluster.
//!
//! Everything runs against the testbed's own API server, etcd and PostgreSQL. The figures are printed and
//! written to a file; nothing fails because a figure is bad. docs/benchmarks.md says what each one means.

mod api_server;
pub(crate) mod clusters;
mod conditions;
mod contender;
mod crds;
mod figures;
mod lab;
mod looks;
mod population;
mod roles;
mod subject;
mod table;

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::ValueEnum;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use self::conditions::Conditions;
use self::figures::Figures;
use crate::paths::Paths;
use crate::{Testbed, Turn, cli, paths, product};

/// What is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Part {
    /// The runtime with an external system that costs next to nothing.
    Runtime,
    /// Roles in `PostgreSQL`, by our provider and by provider-sql.
    Postgresql,
}

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Wish {
    /// How many resources the runtime gets.
    #[arg(long, value_delimiter = ',', default_value = "1000,10000")]
    resources: Vec<usize>,
    /// How many Roles the providers for `PostgreSQL` get.
    #[arg(long, value_delimiter = ',', default_value = "500,1000")]
    roles: Vec<usize>,
    /// Measure this part only.
    #[arg(long)]
    only: Option<Part>,
}

impl Wish {
    fn includes(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }
}

/// Measures, prints and writes down what it has, also when something failed or Ctrl-C was pressed.
pub(crate) async fn runtime(paths: &Paths, wish: &Wish) -> anyhow::Result<()> {
    let testbed = Testbed::shared().await?;
    let mut figures = Figures::under(Conditions::found(&testbed).await?);
    subject::end_left_behind(paths).await?;
    let measured = tokio::select! {
        measured = measure(&testbed, paths, wish, &mut figures) => measured,
        stopped = asked_to_stop() => stopped,
    };
    // Whoever was in the middle of something has left it behind.
    let cleared = async {
        lab::clear(&testbed, paths).await?;
        roles::clear(&testbed).await?;
        contender::remove_theirs(&testbed).await
    };
    let cleared = cleared.await.context("cannot clear up");
    let file = write("runtime", &figures)?;
    cli::print(&format!(
        "{}\nwritten to {}\n",
        figures.table(),
        file.display()
    ))?;
    measured.and(cleared)
}

async fn measure(
    testbed: &Testbed,
    paths: &Paths,
    wish: &Wish,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    if wish.includes(Part::Runtime) {
        let _turn = Turn::alone(testbed).await?;
        for count in &wish.resources {
            lab::measure(testbed, paths, *count, &mut figures.scale).await?;
        }
    }
    if wish.includes(Part::Postgresql) {
        roles::measure(testbed, paths, &wish.roles, &mut figures.roles).await?;
    }
    Ok(())
}

async fn asked_to_stop() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.context("cannot wait for Ctrl-C")?,
        _ = terminate.recv() => {}
    }
    bail!("stopped before the end: what was measured so far is written down")
}

fn write(name: &str, figures: &impl Serialize) -> anyhow::Result<PathBuf> {
    let file = product::root().join(format!("target/bench/{name}.json"));
    let text = serde_json::to_string_pretty(figures)?;
    paths::write(&file, &text)?;
    Ok(file)
}
