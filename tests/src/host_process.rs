//! Binaries under test as processes of this machine: they can be killed at any moment, which a pod's cannot as precisely.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use anyhow::bail;
use rustix::process::Signal;

use crate::openbao::random_word;
use crate::paths::{self, Paths};
use crate::process::{Running, Server};

/// How the records of such processes begin.
pub(crate) const PREFIX: &str = "host-";

/// A process that ends when this is dropped.
#[derive(Debug)]
pub struct HostProcess {
    running: Running,
    child: Child,
    paths: Paths,
}

impl HostProcess {
    pub(crate) fn start(
        paths: &Paths,
        name: &str,
        argv: &[String],
        env: BTreeMap<String, String>,
    ) -> anyhow::Result<Self> {
        let [program, arguments @ ..] = argv else {
            bail!("{name} has no command line: give at least a program")
        };
        let server = Server::new(&format!("{PREFIX}{name}-{}", random_word()), program)
            .args(arguments.to_vec());
        let (running, child) = Server { env, ..server }.start(paths)?;
        Ok(Self {
            running,
            child,
            paths: paths.clone(),
        })
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.running.pid
    }

    /// The file its output goes to.
    pub fn log_path(&self) -> PathBuf {
        self.paths.log(&self.running.server.name)
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        paths::read(Path::new(&self.log_path())).unwrap_or_default()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it at once, as a crash of the machine would, and waits until it is gone.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.running
            .stop(Signal::KILL, Duration::from_secs(5))
            .await?;
        self.child.try_wait()?;
        Ok(())
    }

    /// Asks it to end and waits; kills it when it does not end within `patience`.
    pub async fn terminate(&mut self, patience: Duration) -> anyhow::Result<()> {
        self.running.stop(Signal::TERM, patience).await?;
        self.child.try_wait()?;
        Ok(())
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        let _already_gone = self.running.signal(Signal::KILL);
        let _reaped = self.child.wait();
        self.running.forget(&self.paths);
    }
}
