//! The process that is measured.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use rustix::process::Signal;

use crate::paths::Paths;
use crate::process::Running;
use crate::{HostProcess, Testbed, host_process};

/// How many ticks of `/proc/PID/stat` make a second.
const TICKS_PER_SECOND: f64 = 100.0;

/// How the names of these processes begin.
const PREFIX: &str = "bench-";

/// A provider as a process of this machine.
pub(super) struct Subject(HostProcess);

/// What a process has used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    pub(super) cpu_seconds: f64,
    pub(super) resident_mib: f64,
    /// The most it ever had.
    pub(super) peak_mib: f64,
}

impl Subject {
    /// Starts a program with the rights of whoever the kubeconfig logs in.
    pub(super) fn start(
        testbed: &Testbed,
        kubeconfig: &Path,
        name: &str,
        program: &Path,
        arguments: &[String],
    ) -> anyhow::Result<Self> {
        Self::start_with(
            testbed,
            kubeconfig,
            name,
            program,
            arguments,
            BTreeMap::new(),
        )
    }

    /// As [`Subject::start`], with more in its environment.
    pub(super) fn start_with(
        testbed: &Testbed,
        kubeconfig: &Path,
        name: &str,
        program: &Path,
        arguments: &[String],
        mut env: BTreeMap<String, String>,
    ) -> anyhow::Result<Self> {
        let mut argv = vec![program.display().to_string()];
        argv.extend_from_slice(arguments);
        env.insert("KUBECONFIG".to_owned(), kubeconfig.display().to_string());
        let name = format!("{PREFIX}{name}");
        testbed.run_host_process(&name, &argv, env).map(Self)
    }

    /// What it has used since it was started.
    pub(super) fn cost(&self) -> anyhow::Result<Cost> {
        cost(self.0.pid())
    }

    /// Asks it to end, and waits.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        self.0.terminate(Duration::from_secs(40)).await
    }
}

/// Ends the processes of a bench that was killed.
pub(super) async fn end_left_behind(paths: &Paths) -> anyhow::Result<()> {
    let prefix = format!("{}{PREFIX}", host_process::PREFIX);
    for running in Running::all(paths) {
        if running.server.name.starts_with(&prefix) {
            running.stop(Signal::KILL, Duration::from_secs(5)).await?;
            running.forget(paths);
        }
    }
    Ok(())
}

/// What a process has used since it was started.
fn cost(pid: i32) -> anyhow::Result<Cost> {
    let read = |file: &str| {
        let path = format!("/proc/{pid}/{file}");
        std::fs::read_to_string(&path).with_context(|| format!("the provider ended: no {path}"))
    };
    // The name in parentheses may hold anything; user and system time are the 12th and 13th after it.
    let stat = read("stat")?;
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: f64 = ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    let status = read("status")?;
    let mib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
        kib.unwrap_or_default() / 1024.0
    };
    Ok(Cost {
        cpu_seconds: ticks / TICKS_PER_SECOND,
        resident_mib: mib("VmRSS:"),
        peak_mib: mib("VmHWM:"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_memory_and_time() {
        let own = i32::try_from(std::process::id()).unwrap();
        let started = std::time::Instant::now();
        while started.elapsed() < Duration::from_millis(60) {}
        let cost = cost(own).unwrap();
        assert!(cost.resident_mib > 1.0, "{cost:?}");
        assert!(cost.peak_mib >= cost.resident_mib, "{cost:?}");
        assert!(cost.cpu_seconds > 0.0, "{cost:?}");
    }
}
