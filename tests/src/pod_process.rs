//! Processes of pods. On this machine they are processes like any other, so they can be halted and killed.

use anyhow::Context;
use rustix::process::Signal;

use crate::process::{self, signal_pid};
use crate::{Testbed, cgroup};

/// A process of a pod.
#[derive(Debug)]
pub struct PodProcess {
    pid: i32,
    since: u64,
}

/// A process that stands still: it accepts connections and answers nothing. It goes on when this is dropped.
#[derive(Debug)]
pub struct Halted(PodProcess);

impl Testbed {
    /// The process of a pod that runs this program.
    pub fn pod_process(&self, pod_uid: &str, program: &str) -> anyhow::Result<PodProcess> {
        let runs = |pid: &i32| name(*pid).as_deref() == Some(program);
        let pid = cgroup::of_pod(pod_uid).into_iter().find(runs);
        let pid = pid.with_context(|| format!("pod {pod_uid} runs no {program}"))?;
        let since = process::since(pid).with_context(|| format!("{program} has just ended"))?;
        Ok(PodProcess { pid, since })
    }
}

impl PodProcess {
    /// Lets it stand still.
    pub fn halt(self) -> anyhow::Result<Halted> {
        self.signal(Signal::STOP)?;
        Ok(Halted(self))
    }

    /// Ends it at once. If its container ends with it, the kubelet starts that again with the volumes it had.
    pub fn kill(self) -> anyhow::Result<()> {
        self.signal(Signal::KILL)
    }

    /// Sends a signal, unless the process is gone and its number is somebody else's.
    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        if process::since(self.pid) == Some(self.since) {
            signal_pid(self.pid, signal)?;
        }
        Ok(())
    }
}

impl Drop for Halted {
    fn drop(&mut self) {
        if let Err(error) = self.0.signal(Signal::CONT) {
            eprintln!("! process {} still stands: {error:#}", self.0.pid);
        }
    }
}

fn name(pid: i32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}
