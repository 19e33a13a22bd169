//! Takes away everything a testbed leaves on a machine, in whatever state it is: complete, half started or killed.
//!
//! Only what is recognisably ours is touched: processes that carry our mark or run in our control group, mounts and logs that
//! point into the state directory, the bridge and kube-proxy's tables.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::Signal;

use crate::network::NETWORK;
use crate::paths::Paths;
use crate::process::{Running, marked, signal_pid};
use crate::{cgroup, network};

/// Where the kubelet keeps the socket of device plugins, whatever directory it is given for the rest.
pub(crate) const KUBELET_DIRECTORY: &str = "/var/lib/kubelet/device-plugins";

/// Name of the file in the state directory that says that [`KUBELET_DIRECTORY`] was not there before us.
pub(crate) const OWNS_KUBELET_DIRECTORY: &str = "owns-kubelet-directory";

/// Whether there is anything to take away.
pub(crate) fn is_needed(paths: &Paths) -> bool {
    paths.state.exists() || cgroup::is_there() || !marked(paths).is_empty()
}

/// Ends every process, undoes what was changed in the kernel and removes the state directory.
pub(crate) async fn remove(paths: &Paths) -> anyhow::Result<()> {
    if !is_needed(paths) {
        return Ok(());
    }
    stop_postgres(paths).await;
    end_marked(paths).await?;
    cgroup::remove().await;
    let sockets = shim_sockets(paths);
    let containers = containers(paths);
    unmount_all(paths)?;
    network::remove(paths).await;
    for socket in &sockets {
        remove_file(socket);
    }
    remove_links(paths);
    remove_network_results(&containers);
    if paths.state(OWNS_KUBELET_DIRECTORY).exists() {
        let _already_gone = fs::remove_dir_all(KUBELET_DIRECTORY);
        let _others_use_it = fs::remove_dir("/var/lib/kubelet");
    }
    remove_state(paths)
}

/// A killed PostgreSQL would leave its shared memory behind, so it gets the signal that makes it end at once but in order.
async fn stop_postgres(paths: &Paths) {
    for running in Running::all(paths) {
        let is_postgres = running.server.name.starts_with("postgres-");
        if is_postgres && let Err(error) = running.stop(Signal::QUIT, Duration::from_secs(5)).await
        {
            eprintln!("! {error:#}");
        }
    }
}

async fn end_marked(paths: &Paths) -> anyhow::Result<()> {
    let until = Instant::now() + Duration::from_secs(10);
    // The kubelet first, or it would start again what ends.
    for running in Running::all(paths)
        .iter()
        .filter(|running| running.server.name == "kubelet")
    {
        running.stop(Signal::KILL, Duration::from_secs(5)).await?;
    }
    loop {
        let left = marked(paths);
        if left.is_empty() {
            return Ok(());
        }
        for pid in &left {
            signal_pid(*pid, Signal::KILL)?;
        }
        if Instant::now() > until {
            bail!("processes {left:?} do not end: look at /proc/PID/stack");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Sockets that containerd's shims listened on, which lie outside our directory.
fn shim_sockets(paths: &Paths) -> Vec<PathBuf> {
    let addresses = tasks(paths)
        .into_iter()
        .filter_map(|task| fs::read_to_string(task.join("address")).ok());
    addresses
        .map(|address| PathBuf::from(address.trim().trim_start_matches("unix://")))
        .collect()
}

fn containers(paths: &Paths) -> Vec<String> {
    let named = |path: PathBuf| Some(path.file_name()?.to_str()?.to_owned());
    let running = tasks(paths).into_iter().filter_map(named);
    let sandboxes = entries(&paths.state("containerd/root/io.containerd.grpc.v1.cri/sandboxes"));
    running
        .chain(sandboxes.into_iter().filter_map(named))
        .collect()
}

fn tasks(paths: &Paths) -> Vec<PathBuf> {
    entries(&paths.state("containerd/state/io.containerd.runtime.v2.task/k8s.io"))
}

fn unmount_all(paths: &Paths) -> anyhow::Result<()> {
    for _ in 0..5 {
        let mounts = mounts(paths)?;
        if mounts.is_empty() {
            return Ok(());
        }
        // Later mounts lie on earlier ones.
        for mount in mounts.iter().rev() {
            let _retried = unmount(mount.as_str(), UnmountFlags::DETACH);
        }
    }
    bail!(
        "{:?} cannot be unmounted: end what uses it, `fuser -m` names it",
        mounts(paths)?
    )
}

fn mounts(paths: &Paths) -> anyhow::Result<Vec<String>> {
    let table =
        fs::read_to_string("/proc/self/mountinfo").context("cannot read the mount table")?;
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    Ok(points
        .filter(|point| Path::new(point).starts_with(&paths.state))
        .map(str::to_owned)
        .collect())
}

/// The kubelet links every container's log from a directory it cannot be told to leave alone.
fn remove_links(paths: &Paths) {
    for link in entries(Path::new("/var/log/containers")) {
        if fs::read_link(&link).is_ok_and(|target| target.starts_with(&paths.state)) {
            remove_file(&link);
        }
    }
    let _others_use_it = fs::remove_dir("/var/log/containers");
}

/// The network plugins note each pod's result in a directory that containerd does not let us choose.
fn remove_network_results(containers: &[String]) {
    for result in entries(Path::new("/var/lib/cni/results")) {
        let name = result.file_name().unwrap_or_default().display().to_string();
        let is_loopback = containers
            .iter()
            .any(|container| name.contains(container.as_str()));
        if name.starts_with(NETWORK) || is_loopback {
            remove_file(&result);
        }
    }
    for directory in [
        "/var/lib/cni/results",
        "/var/lib/cni",
        "/run/containerd/s",
        "/run/containerd",
    ] {
        let _others_use_it = fs::remove_dir(directory);
    }
}

fn remove_state(paths: &Paths) -> anyhow::Result<()> {
    match fs::remove_dir_all(&paths.state) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error)
            .with_context(|| format!("cannot remove {}: remove it by hand", paths.state.display())),
        _ => Ok(()),
    }
}

fn remove_file(path: &Path) {
    let _already_gone = fs::remove_file(path);
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect()
}
