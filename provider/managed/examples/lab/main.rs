//! A whole provider with one kind, whose external system is a directory: an example for authors, and what
//! `cargo testbed bench runtime` measures.
//!
//! `lab crds` prints the CRDs. `lab run` manages every `Item` of the cluster that KUBECONFIG leads to.

mod item;
mod shelf;

use std::{
    error::Error, io, io::Write as _, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration,
};

use clap::Parser;
use managed::{
    crd,
    http::{self, Health},
    metrics::Metrics,
    options::{self, Options},
    provider::Provider,
};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    item::{Item, Settings},
    shelf::Shelves,
};

/// A provider whose external system is a directory.
#[derive(Debug, Parser)]
enum Arguments {
    /// Print the CRDs.
    Crds,
    /// Manage items.
    Run(Run),
}

#[derive(Debug, clap::Args)]
struct Run {
    /// Where a file is made the first time this process looks for an item.
    #[arg(long)]
    seen: PathBuf,
    /// How often each resource is observed when nothing happens.
    #[arg(long, default_value = "1m", value_parser = duration)]
    poll: Duration,
    /// How many resources are looked at per second, and how many at once.
    #[arg(long, default_value_t = 100)]
    max_reconcile_rate: u32,
    /// Where /metrics and the probes are served.
    #[arg(long, default_value = "127.0.0.1:0")]
    address: SocketAddr,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    match Arguments::parse() {
        Arguments::Crds => print_crds(),
        Arguments::Run(run) => manage(run).await,
    }
}

fn print_crds() -> Result<(), Box<dyn Error>> {
    let mut stdout = io::stdout().lock();
    let [namespaced, cluster, usages] = crd::configs::<Settings>();
    for crd in [namespaced, cluster, usages, crd::managed::<Item>()] {
        writeln!(stdout, "{}", serde_json::to_string(&crd)?)?;
    }
    Ok(())
}

async fn manage(run: Run) -> Result<(), Box<dyn Error>> {
    let client = kube::Client::try_default().await?;
    let options = Options {
        poll: run.poll,
        max_reconcile_rate: run.max_reconcile_rate,
        ..Options::default()
    };
    let (metrics, health) = (Arc::new(Metrics::default()), Arc::new(Health::default()));
    let mut provider = Provider::new(client, options, Arc::clone(&metrics), Arc::clone(&health));
    let group = provider.group(Shelves::noting_in(run.seen)?);
    provider.kind::<Item, _>(&group);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        terminate.recv().await;
        stop.send_replace(true);
    });
    let addresses = [run.address];
    tokio::select! {
        served = http::serve(&addresses, metrics, health) => Ok(served?),
        () = provider.run(stopped) => Ok(()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    options::duration(text).ok_or_else(|| "write for example 30s or 10m".into())
}
