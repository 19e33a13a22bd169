//! Flags and environment, named as every Crossplane provider names them.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::Context;
use clap::{ArgAction, Parser};
use managed::{
    changelog::ChangeLogs,
    options::{self, Options},
    shards::Shards,
};

/// Crossplane's lease for a provider of this name.
const LEASE: &str = "crossplane-leader-election-provider-tenancy";

/// Who writes the change log, as Crossplane's providers write it.
const SELF: &str = concat!("provider-tenancy:v", env!("CARGO_PKG_VERSION"));

/// Longest path of a Unix socket on Linux.
const LONGEST_SOCKET_PATH: usize = 107;

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

    /// How many processes share the resources.
    #[arg(long, env = "SHARD_COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub shard_count: u32,

    /// Which of them this is, counted from zero.
    #[arg(long, env = "SHARD", default_value_t = 0)]
    pub shard: u32,

    /// Tell the sidecar for change logs of each create, update and delete.
    #[arg(long, env = "ENABLE_CHANGE_LOGS", default_value_t = false, action = ArgAction::Set,
        num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub enable_changelogs: bool,

    /// The Unix socket on which the sidecar listens.
    #[arg(long, env = "CHANGELOGS_SOCKET_PATH", default_value = "/var/run/changelogs/changelogs.sock",
        value_parser = socket_path)]
    pub changelogs_socket_path: PathBuf,

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
    ///
    /// # Errors
    /// When there is no such shard.
    pub fn options(&self) -> anyhow::Result<Options> {
        Ok(Options {
            poll: self.poll,
            sync: self.sync,
            poll_jitter_percent: self.poll_jitter_percentage,
            max_reconcile_rate: self.max_reconcile_rate,
            timeout: self.timeout,
            change_logs: self.change_logs(),
            shards: self.shards()?,
            ..Options::default()
        })
    }

    /// The share of the resources that this process manages.
    ///
    /// # Errors
    /// When there is no such shard; says which there are.
    pub fn shards(&self) -> anyhow::Result<Shards> {
        let shards = Shards::new(self.shard, self.shard_count).map_err(anyhow::Error::msg);
        shards.context("cannot use --shard and --shard-count")
    }

    /// The name of the Lease. The first shard has that of a process that is alone, so that one that was
    /// alone before and the first of several never work at the same time.
    pub fn lease(&self) -> String {
        match self.shard {
            0 => LEASE.into(),
            shard => format!("{LEASE}-shard-{shard}"),
        }
    }

    fn change_logs(&self) -> Option<ChangeLogs> {
        self.enable_changelogs.then(|| ChangeLogs {
            socket: self.changelogs_socket_path.clone(),
            provider: SELF.into(),
        })
    }
}

fn go_duration(text: &str) -> Result<Duration, String> {
    options::duration(text)
        .ok_or_else(|| format!("{text:?} is not a duration; write for example 30s or 10m"))
}

fn socket_path(text: &str) -> Result<PathBuf, String> {
    if (1..=LONGEST_SOCKET_PATH).contains(&text.len()) {
        return Ok(text.into());
    }
    Err(format!(
        "a Unix socket has a path of 1 to {LONGEST_SOCKET_PATH} bytes; write for example /var/run/changelogs/changelogs.sock"
    ))
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
    fn change_logs_are_off_unless_asked_for_and_go_where_crossplanes_sidecar_listens() {
        let logs = |args: &[&str]| {
            let args = [&["provider-tenancy"], args].concat();
            Args::parse_from(args).options().unwrap().change_logs
        };
        assert!(logs(&[]).is_none());
        assert!(logs(&["--enable-changelogs=false"]).is_none());
        let logs = logs(&["--enable-changelogs"]).unwrap();
        assert_eq!(
            logs.socket.to_str(),
            Some("/var/run/changelogs/changelogs.sock")
        );
        assert!(logs.provider.starts_with("provider-tenancy:v"));
    }

    #[test]
    fn a_path_that_no_socket_can_have_says_which_can() {
        let path = format!("--changelogs-socket-path=/{}", "a".repeat(120));
        let error = Args::try_parse_from(["provider-tenancy", &path]).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("write for example /var/run/changelogs/changelogs.sock"),
            "{error}"
        );
    }

    #[test]
    fn shards_have_leases_of_their_own_and_the_first_has_that_of_a_process_alone() {
        let shard = |args: &[&str]| {
            let args = Args::parse_from([&["provider-tenancy"], args].concat());
            (args.shards().unwrap(), args.lease())
        };
        let alone = "crossplane-leader-election-provider-tenancy";
        assert_eq!(shard(&[]), (Shards::default(), alone.into()));
        assert_eq!(shard(&["--shard-count=3"]).1, alone);
        let (second, lease) = shard(&["--shard-count=3", "--shard=1"]);
        assert_eq!(second, Shards::new(1, 3).unwrap());
        assert_eq!(lease, format!("{alone}-shard-1"));
    }

    #[test]
    fn a_shard_that_is_not_there_ends_the_process_with_those_that_are() {
        let args = Args::parse_from(["provider-tenancy", "--shard=3", "--shard-count=3"]);
        assert_eq!(
            format!("{:#}", args.options().unwrap_err()),
            "cannot use --shard and --shard-count: there is no shard 3 of 3; set the shard to one of 0 to 2"
        );
    }

    #[test]
    fn a_wrong_duration_says_how_to_write_one() {
        let error = Args::try_parse_from(["provider-tenancy", "--poll=10"])
            .unwrap_err()
            .to_string();
        assert!(error.contains("write for example 30s or 10m"), "{error}");
    }
}
