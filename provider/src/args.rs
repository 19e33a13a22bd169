//! Flags and environment, named as every Crossplane provider names them.

use std::{net::SocketAddr, time::Duration};

use clap::{ArgAction, Parser};
use managed::options::{self, Options};

/// Manages `PostgreSQL` databases and Vault secrets as Crossplane managed resources.
#[derive(Clone, Debug, Parser)]
#[command(name = "provider-tenancy", version)]
pub struct Args {
    /// Log every pass, not only transitions.
    #[arg(short, long, env = "DEBUG", default_value_t = false)]
    pub debug: bool,

    /// Run only while holding a Lease, so that two pods of a rollout never work at the same time.
    #[arg(short, long, env = "LEADER_ELECTION", default_value_t = true, action = ArgAction::Set,
        num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub leader_election: bool,

    /// How often each resource is observed when nothing happens.
    #[arg(long, env = "POLL", default_value = "1m", value_parser = go_duration)]
    pub poll: Duration,

    /// How often resources are looked for that nobody has looked at for two polls.
    #[arg(short, long, env = "SYNC", default_value = "1h", value_parser = go_duration)]
    pub sync: Duration,

    /// Every poll interval is longer or shorter by up to this many percent.
    #[arg(long, env = "POLL_JITTER_PERCENTAGE", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=90))]
    pub poll_jitter_percentage: u32,

    /// How many resources are looked at per second, and how many at once.
    #[arg(long, env = "MAX_RECONCILE_RATE", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub max_reconcile_rate: u32,

    /// How long the external calls of one pass may take together.
    #[arg(long, env = "TIMEOUT", default_value = "1m", value_parser = go_duration)]
    pub timeout: Duration,

    /// Where /metrics is served.
    #[arg(long, env = "METRICS_BIND_ADDRESS", default_value = ":8080", value_parser = go_address)]
    pub metrics_bind_address: SocketAddr,

    /// Where /healthz and /readyz are served.
    #[arg(long, env = "HEALTH_PROBE_BIND_ADDRESS", default_value = ":8081", value_parser = go_address)]
    pub health_probe_bind_address: SocketAddr,

    /// Namespace of the Lease; the pod's own.
    #[arg(long, env = "POD_NAMESPACE", default_value = "crossplane-system")]
    pub pod_namespace: String,

    /// Who holds the Lease; the pod's own name.
    #[arg(long, env = "HOSTNAME", default_value = "provider-tenancy")]
    pub hostname: String,
}

impl Args {
    /// The settings of the runtime.
    pub fn options(&self) -> Options {
        Options {
            poll: self.poll,
            sync: self.sync,
            poll_jitter_percent: self.poll_jitter_percentage,
            max_reconcile_rate: self.max_reconcile_rate,
            timeout: self.timeout,
            ..Options::default()
        }
    }
}

fn go_duration(text: &str) -> Result<Duration, String> {
    options::duration(text)
        .ok_or_else(|| format!("{text:?} is not a duration; write for example 30s or 10m"))
}

/// Go programs take `:8080` for every address of the machine.
fn go_address(text: &str) -> Result<SocketAddr, String> {
    let full = if text.starts_with(':') {
        format!("0.0.0.0{text}")
    } else {
        text.to_owned()
    };
    full.parse()
        .map_err(|error| format!("{error}; write for example :8080 or 127.0.0.1:8080"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_crossplane_providers() {
        let args = Args::parse_from(["provider-tenancy"]);
        assert!(args.leader_election);
        assert_eq!(args.metrics_bind_address.port(), 8080);
        assert_eq!(args.health_probe_bind_address.port(), 8081);
        assert_eq!(args.poll, Duration::from_mins(1));
        assert_eq!(args.sync, Duration::from_hours(1));
    }

    #[test]
    fn leader_election_can_be_switched_off() {
        assert!(!Args::parse_from(["provider-tenancy", "--leader-election=false"]).leader_election);
        assert!(Args::parse_from(["provider-tenancy", "--leader-election"]).leader_election);
    }

    #[test]
    fn a_wrong_duration_says_how_to_write_one() {
        let error = Args::try_parse_from(["provider-tenancy", "--poll=10"])
            .unwrap_err()
            .to_string();
        assert!(error.contains("write for example 30s or 10m"), "{error}");
    }
}
