//! The figures, as JSON and as tables.

use std::fmt::Write as _;

use anyhow::Context;
use serde::Serialize;

use super::looks::Latency;

/// Everything that was measured.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Figures {
    machine: Machine,
    version: &'static str,
    pub(super) scale: Vec<Scale>,
    pub(super) roles: Vec<Roles>,
}

/// Where it was measured.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Machine {
    processors: usize,
    memory_gib: f64,
    kernel: String,
}

/// The runtime with one number of resources.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Scale {
    pub(super) resources: u32,
    pub(super) ready: u32,
    pub(super) ready_seconds: f64,
    pub(super) writes_per_resource: f64,
    pub(super) events_per_resource: f64,
    pub(super) cpu_seconds_per_1000: f64,
    pub(super) resident_mib: f64,
    pub(super) resident_after_restart_mib: f64,
    pub(super) looks_at_rest: u64,
    pub(super) writes_at_rest: f64,
    pub(super) cpu_percent_at_rest: f64,
    pub(super) first_look_at_rest: Latency,
    pub(super) first_look_after_restart: Latency,
    pub(super) restart_seconds: f64,
    pub(super) delete_seconds: f64,
}

/// One provider with one number of Roles.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Roles {
    pub(super) provider: &'static str,
    pub(super) flags: String,
    pub(super) count: u32,
    pub(super) ready: u32,
    pub(super) ready_seconds: f64,
    pub(super) writes_per_role: f64,
    pub(super) sessions_at_once: i32,
    pub(super) sessions_opened: i32,
    pub(super) cpu_seconds: f64,
    pub(super) resident_mib: f64,
    pub(super) sessions_opened_at_rest: i32,
    pub(super) writes_at_rest: f64,
    pub(super) cpu_percent_at_rest: f64,
}

impl Machine {
    /// This one.
    pub(super) fn this() -> anyhow::Result<Self> {
        let memory = std::fs::read_to_string("/proc/meminfo").context("no /proc/meminfo")?;
        let kib = memory
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next())
            .and_then(|kib| kib.parse::<f64>().ok());
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
        Ok(Self {
            processors: std::thread::available_parallelism()?.get(),
            memory_gib: kib.unwrap_or_default() / 1024.0 / 1024.0,
            kernel: kernel.trim().to_owned(),
        })
    }
}

impl Figures {
    /// None yet.
    pub(super) fn of(machine: Machine) -> Self {
        Self {
            machine,
            version: env!("CARGO_PKG_VERSION"),
            scale: Vec::new(),
            roles: Vec::new(),
        }
    }

    /// For a person.
    pub(super) fn table(&self) -> String {
        let Machine {
            processors,
            memory_gib,
            kernel,
        } = &self.machine;
        let mut text = format!(
            "\n{processors} processors, {memory_gib:.0} GiB of memory, Linux {kernel}, version {}\n",
            self.version
        );
        self.scale_table(&mut text);
        self.roles_table(&mut text);
        text
    }

    fn scale_table(&self, text: &mut String) {
        let mut row = |name: &str, value: &dyn Fn(&Scale) -> String| {
            let values = self
                .scale
                .iter()
                .map(|scale| format!("{:>16}", value(scale)));
            let _never_fails = writeln!(text, "{name:<44}{}", values.collect::<String>());
        };
        if self.scale.is_empty() {
            return;
        }
        row("\nruntime: resources", &|one| one.resources.to_string());
        row("Ready", &|one| one.ready.to_string());
        row("time to all Ready, s", &|one| {
            format!("{:.1}", one.ready_seconds)
        });
        row("API writes per new resource", &|one| {
            format!("{:.2}", one.writes_per_resource)
        });
        row("events per new resource", &|one| {
            format!("{:.2}", one.events_per_resource)
        });
        row("CPU seconds per 1,000 new", &|one| {
            format!("{:.2}", one.cpu_seconds_per_1000)
        });
        row("resident memory, MiB", &|one| {
            format!("{:.1}", one.resident_mib)
        });
        row("resident memory after a restart, MiB", &|one| {
            format!("{:.1}", one.resident_after_restart_mib)
        });
        row("at rest for 75 s: looks", &|one| {
            one.looks_at_rest.to_string()
        });
        row("at rest for 75 s: API writes", &|one| {
            format!("{:.0}", one.writes_at_rest)
        });
        row("at rest: CPU, % of one processor", &|one| {
            format!("{:.1}", one.cpu_percent_at_rest)
        });
        row("create to first look at rest, p50/p99 ms", &|one| {
            both(&one.first_look_at_rest)
        });
        row("create to first look after restart, p50/p99 ms", &|one| {
            both(&one.first_look_after_restart)
        });
        row("restart to all looked at, s", &|one| {
            format!("{:.1}", one.restart_seconds)
        });
        row("deletion of all, s", &|one| {
            format!("{:.1}", one.delete_seconds)
        });
    }

    /// Each run of the other provider is followed by how many times ours it is.
    fn roles_table(&self, text: &mut String) {
        for one in &self.roles {
            let _never_fails = writeln!(text, "\n{}", one.describe());
            let ours = self.roles.iter().find(|ours| {
                ours.provider != one.provider && ours.provider == OURS && ours.count == one.count
            });
            if let Some(ours) = ours {
                let _never_fails = writeln!(text, "  times ours: {}", one.times(ours));
            }
        }
    }
}

/// How our provider is called in the figures.
pub(super) const OURS: &str = "provider-tenancy";

impl Roles {
    fn describe(&self) -> String {
        let Self {
            provider,
            flags,
            count,
            ready,
            ready_seconds,
            writes_per_role,
            sessions_at_once,
            sessions_opened,
            cpu_seconds,
            resident_mib,
            sessions_opened_at_rest,
            writes_at_rest,
            cpu_percent_at_rest,
        } = self;
        format!(
            "{provider} {flags}: {ready} of {count} Roles Ready after {ready_seconds:.1} s\n  \
             API writes per Role {writes_per_role:.2}, PostgreSQL sessions {sessions_at_once} at once and \
             {sessions_opened} opened, CPU {cpu_seconds:.1} s, memory {resident_mib:.1} MiB\n  \
             at rest for 75 s: {sessions_opened_at_rest} sessions opened, {writes_at_rest:.0} API writes, CPU \
             {cpu_percent_at_rest:.1} % of one processor"
        )
    }

    fn times(&self, ours: &Self) -> String {
        let times = |theirs: f64, ours: f64| {
            if ours > 0.0 {
                format!("{:.1}", theirs / ours)
            } else {
                "-".to_owned()
            }
        };
        format!(
            "time {}, API writes {}, sessions opened {}, CPU {}, memory {}",
            times(self.ready_seconds, ours.ready_seconds),
            times(self.writes_per_role, ours.writes_per_role),
            times(
                f64::from(self.sessions_opened),
                f64::from(ours.sessions_opened)
            ),
            times(self.cpu_seconds, ours.cpu_seconds),
            times(self.resident_mib, ours.resident_mib),
        )
    }
}

fn both(latency: &Latency) -> String {
    format!("{:.0} / {:.0}", latency.p50_ms, latency.p99_ms)
}
