//! Servers that outlive the process that started them, and how to end exactly those.
//!
//! Each is started in a session of its own and recorded with its PID and start time, so a PID that the kernel gave to
//! somebody else meanwhile is never signalled. Each also carries [`MARK`] in its environment, which its descendants inherit:
//! what was started by a command that died before it could write the record is found by that.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::paths::{self, Paths};

/// Names the state directory in the environment of every process of a testbed.
const MARK: &str = "TENANCY_TESTBED_STATE";

/// A client that works on the testbed. It carries the mark, so that one whose command was killed ends with the testbed.
pub(crate) fn client(program: impl AsRef<OsStr>, paths: &Paths) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(program);
    command.env(MARK, &paths.state);
    command
}

/// What to start.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Server {
    /// Name of the record and of the log.
    pub(crate) name: String,
    /// Program and arguments.
    pub(crate) argv: Vec<String>,
    /// Environment beside `PATH` and `HOME`.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    /// User and group to run as, root when absent.
    #[serde(default)]
    pub(crate) user: Option<(u32, u32)>,
}

impl Server {
    pub(crate) fn new(name: &str, program: impl AsRef<Path>) -> Self {
        let argv = vec![program.as_ref().display().to_string()];
        Self {
            name: name.to_owned(),
            argv,
            env: BTreeMap::new(),
            user: None,
        }
    }

    pub(crate) fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.argv.extend(args.into_iter().map(Into::into));
        self
    }

    /// Starts the server; it lives on when this process ends.
    pub(crate) fn start(&self, paths: &Paths) -> anyhow::Result<(Running, Child)> {
        let log = paths.log(&self.name);
        paths::create_directory(&paths.state("logs"))?;
        let output = File::options().create(true).append(true).open(&log)?;
        let child = self
            .command(paths, &output)?
            .spawn()
            .with_context(|| format!("cannot start {}", self.argv[0]))?;
        let pid = i32::try_from(child.id())?;
        let since = Stat::read(pid).map(|stat| stat.since).unwrap_or_default();
        let running = Running {
            server: self.clone(),
            pid,
            since,
        };
        let record = serde_json::to_vec_pretty(&running)?;
        paths::write_private(&record_path(paths, &self.name), record)?;
        Ok((running, child))
    }

    fn command(&self, paths: &Paths, output: &File) -> anyhow::Result<std::process::Command> {
        // setsid(1) and setpriv(1) replace themselves by what they run, so the PID stays that of the server.
        let mut command = std::process::Command::new("setsid");
        if let Some((uid, gid)) = self.user {
            command.args([
                "setpriv",
                &format!("--reuid={uid}"),
                &format!("--regid={gid}"),
                "--clear-groups",
            ]);
        }
        command
            .args(&self.argv)
            .env_clear()
            .envs(&self.env)
            .env(MARK, &paths.state)
            .env("HOME", &paths.state);
        if !self.env.contains_key("PATH") {
            command.env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            );
        }
        command.current_dir("/");
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?);
        Ok(command)
    }
}

/// A started server, as recorded.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Running {
    /// How it was started.
    pub(crate) server: Server,
    /// Its process.
    pub(crate) pid: i32,
    /// When the kernel started it, in clock ticks since boot.
    since: u64,
}

impl Running {
    /// The record of the named server.
    pub(crate) fn named(paths: &Paths, name: &str) -> anyhow::Result<Self> {
        let record = paths::read(&record_path(paths, name))
            .with_context(|| format!("{name} was never started"))?;
        serde_json::from_str(&record)
            .with_context(|| format!("the record of {name} is damaged: run `cargo testbed down`"))
    }

    /// Every record.
    pub(crate) fn all(paths: &Paths) -> Vec<Self> {
        let Ok(entries) = std::fs::read_dir(paths.state("processes")) else {
            return Vec::new();
        };
        let records = entries
            .flatten()
            .filter_map(|entry| std::fs::read(entry.path()).ok());
        records
            .filter_map(|record| serde_json::from_slice(&record).ok())
            .collect()
    }

    /// Whether the recorded process, and no other of its PID, still runs.
    pub(crate) fn is_alive(&self) -> bool {
        Stat::read(self.pid).is_some_and(|stat| stat.since == self.since && !stat.is_zombie)
    }

    /// Sends a signal, unless the process is gone.
    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        if self.is_alive() {
            signal_pid(self.pid, signal)
                .with_context(|| format!("cannot signal {} ({})", self.server.name, self.pid))?;
        }
        Ok(())
    }

    /// Signals the process and waits until it is gone; kills it when it is still there after `patience`.
    pub(crate) async fn stop(&self, signal: Signal, patience: Duration) -> anyhow::Result<()> {
        self.signal(signal)?;
        if !self.gone_within(patience).await {
            self.signal(Signal::KILL)?;
            if !self.gone_within(Duration::from_secs(5)).await {
                bail!(
                    "{} ({}) does not end: look at /proc/{}/stack",
                    self.server.name,
                    self.pid,
                    self.pid
                );
            }
        }
        Ok(())
    }

    async fn gone_within(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        while self.is_alive() {
            if Instant::now() > until {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }

    /// Removes the record.
    pub(crate) fn forget(&self, paths: &Paths) {
        let _already_gone = std::fs::remove_file(record_path(paths, &self.server.name));
    }
}

fn record_path(paths: &Paths, name: &str) -> PathBuf {
    paths.state("processes").join(format!("{name}.json"))
}

/// Signals one process; one that is gone already is no error.
pub(crate) fn signal_pid(pid: i32, signal: Signal) -> anyhow::Result<()> {
    match kill_process(Pid::from_raw(pid).context("0 is no process")?, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// When the kernel started a process that lives, in clock ticks since boot.
pub(crate) fn since(pid: i32) -> Option<u64> {
    let stat = Stat::read(pid).filter(|stat| !stat.is_zombie)?;
    Some(stat.since)
}

/// Every living process that carries this testbed's mark, recorded or not.
pub(crate) fn marked(paths: &Paths) -> Vec<i32> {
    let mark = format!("{MARK}={}", paths.state.display());
    let carries = |pid: &i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|entry| entry == mark.as_bytes())
    };
    processes()
        .filter(carries)
        .filter(|pid| Stat::read(*pid).is_some_and(|stat| !stat.is_zombie))
        .collect()
}

fn processes() -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

struct Stat {
    since: u64,
    is_zombie: bool,
}

impl Stat {
    fn read(pid: i32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field, the program's name, may hold blanks and parentheses: fields are counted from its end.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        Some(Self {
            since: fields.get(19)?.parse().ok()?,
            is_zombie: matches!(*fields.first()?, "Z" | "X"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_pid_is_not_taken_for_the_server() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let since = Stat::read(pid).unwrap().since;
        let server = Server::new("self", "/bin/true");
        assert!(
            Running {
                server: server.clone(),
                pid,
                since
            }
            .is_alive()
        );
        assert!(
            !Running {
                server,
                pid,
                since: since + 1
            }
            .is_alive()
        );
    }
}
