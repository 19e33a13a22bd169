//! The process: logs, probes and metrics, the lease, the provider, the end.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use k8s_controller::LeaderElection;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, Config, client::ClientBuilder};
use managed::{
    http::{self, Health},
    metrics::Metrics,
    provider::Provider,
};
use tokio::{signal::unix, sync::watch};
use tracing::debug;
use tracing_subscriber::EnvFilter;

use crate::{args::Args, kinds};

const LEASE_DURATION: Duration = Duration::from_mins(1);
const RENEW_DEADLINE: Duration = Duration::from_secs(50);
const RETRY_PERIOD: Duration = Duration::from_secs(2);
/// How often handing the lease over is tried, and how long between attempts.
const HAND_OVER_ATTEMPTS: u32 = 20;
const HAND_OVER_PAUSE: Duration = Duration::from_millis(500);

/// Runs until the process is told to stop or loses its lease.
///
/// # Errors
/// When the API server or an address is out of reach at start, and when the lease is lost.
pub async fn run(args: Args) -> anyhow::Result<()> {
    log_to_stdout(args.debug);
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok()
        .context("two TLS providers")?;
    let (metrics, health) = (Arc::new(Metrics::default()), Arc::new(Health::default()));
    let client = client(&metrics).await?;
    let addresses = [args.metrics_bind_address, args.health_probe_bind_address];
    let mut provider = Provider::new(
        client.clone(),
        args.options()?,
        Arc::clone(&metrics),
        Arc::clone(&health),
    );
    kinds::register(&mut provider);
    // A standby is ready too: a rollout waits for the new pod before it stops the old one, which
    // holds the lease.
    health.set_ready();
    tokio::select! {
        served = http::serve(&addresses, metrics, health) => served.context("cannot serve metrics and probes"),
        led = lead(&args, client, provider) => led,
    }
}

/// A client of the API server whose requests are counted.
async fn client(metrics: &Metrics) -> anyhow::Result<Client> {
    let config = Config::infer().await;
    let config = config.context("cannot find the API server; run in a pod or set KUBECONFIG")?;
    let builder = ClientBuilder::try_from(config).context("cannot use what was found")?;
    Ok(builder.with_layer(&metrics.requests()).build())
}

/// Runs the provider, alone or while it holds the lease, until the process is asked to stop.
async fn lead(args: &Args, client: Client, provider: Provider) -> anyhow::Result<()> {
    let (stop, stopped) = watch::channel(false);
    let asked_to_stop = asked_to_stop()?;
    let until_stopped = async {
        asked_to_stop.await;
        stop.send_replace(true);
        std::future::pending::<()>().await;
    };
    let work = async {
        if args.leader_election {
            return in_turn(args, client, provider, stopped).await;
        }
        provider.run(stopped).await;
        Ok(())
    };
    tokio::select! {
        done = work => done,
        () = until_stopped => Ok(()),
    }
}

/// Runs the provider while it holds the lease, and gives that away at the end.
async fn in_turn(
    args: &Args,
    client: Client,
    provider: Provider,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let identity = format!("{}_{}", args.hostname, uuid::Uuid::new_v4());
    let election = election(args, client.clone(), &identity);
    let (leads, is_leading) = watch::channel(false);
    let leading = async {
        leads.send_replace(true);
        provider.run(stopped.clone()).await;
    };
    tokio::select! {
        held = election.with_lease(leading) => {
            held.context("the lease was lost, so this process must not go on")?;
        }
        () = stopped_waiting(stopped.clone(), is_leading) => {}
    }
    let leases = Api::namespaced(client, &args.pod_namespace);
    hand_over(&election, &leases, &args.lease(), &identity).await;
    Ok(())
}

/// Ends when the process is asked to stop while it waits for the lease.
async fn stopped_waiting(mut stopped: watch::Receiver<bool>, is_leading: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
    if *is_leading.borrow() {
        std::future::pending::<()>().await;
    }
}

/// Makes sure that the successor need not wait until the lease expires. In an upgrade Crossplane takes
/// the old revision's rights away a moment before the new one has them, so the first release may have
/// been refused.
async fn hand_over(election: &LeaderElection, leases: &Api<Lease>, lease: &str, identity: &str) {
    for _ in 0..HAND_OVER_ATTEMPTS {
        match leases.get_opt(lease).await {
            Ok(Some(lease)) if holder(&lease) == Some(identity) => election.release().await,
            Ok(_) => return,
            Err(error) => debug!(%error, "cannot read the lease yet"),
        }
        tokio::time::sleep(HAND_OVER_PAUSE).await;
    }
}

fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref()
}

fn election(args: &Args, client: Client, identity: &str) -> LeaderElection {
    LeaderElection::new(client, &args.pod_namespace, &args.lease(), identity)
        .with_lease_duration(LEASE_DURATION)
        .with_renew_deadline(RENEW_DEADLINE)
        .with_retry_period(RETRY_PERIOD)
}

fn asked_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate =
        unix::signal(unix::SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt =
        unix::signal(unix::SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// The transport libraries log requests, which carry secrets; they stay silent whatever the level.
fn log_to_stdout(debug: bool) {
    let level = if debug { "debug" } else { "info" };
    let filter = format!(
        "{level},vaultrs=off,rustify=off,tokio_postgres=off,reqwest=off,hyper=info,hyper_util=info,h2=info,kube=info,rustls=info,tower=info"
    );
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(EnvFilter::new(filter))
        .init();
}
