//! The control group all pods live in: whatever runs there is the testbed's, whoever started it.
//!
//! Works with version 1, where every controller has its own tree, and with version 2, where there is one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

use crate::process::signal_pid;

/// Name of the group, below the root of each tree.
pub(crate) const GROUP: &str = "tenancy-testbed";

const ROOT: &str = "/sys/fs/cgroup";

/// Makes the group in every tree.
pub(crate) fn create() -> anyhow::Result<()> {
    for tree in trees() {
        let group = tree.join(GROUP);
        crate::paths::create_directory(&group)?;
        inherit_cpuset(&tree, &group);
    }
    if is_unified() {
        delegate();
    }
    Ok(())
}

/// In version 1 a new cpuset is empty, and nothing can run in it until it says on what.
fn inherit_cpuset(tree: &Path, group: &Path) {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        if let Ok(value) = std::fs::read(tree.join(file)) {
            let _version_2 = std::fs::write(group.join(file), value);
        }
    }
}

/// In version 2 a group's children get only the controllers that it hands down.
fn delegate() {
    let controllers =
        std::fs::read_to_string(Path::new(ROOT).join("cgroup.controllers")).unwrap_or_default();
    for controller in controllers.split_whitespace() {
        for group in [PathBuf::from(ROOT), Path::new(ROOT).join(GROUP)] {
            let _not_available = std::fs::write(
                group.join("cgroup.subtree_control"),
                format!("+{controller}"),
            );
        }
    }
}

/// Kills what runs in the group and removes it.
pub(crate) async fn remove() {
    for _ in 0..50 {
        let groups = groups();
        let members: Vec<i32> = groups.iter().flat_map(|group| members(group)).collect();
        for pid in &members {
            let _already_gone = signal_pid(*pid, Signal::KILL);
        }
        // Children come after their parents in the list, and must go first.
        for group in groups.iter().rev() {
            let _still_in_use = std::fs::remove_dir(group);
        }
        if members.is_empty() && self::groups().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    eprintln!(
        "! a control group named {GROUP} could not be removed: see the processes in its cgroup.procs"
    );
}

/// Processes of a pod.
pub(crate) fn of_pod(uid: &str) -> BTreeSet<i32> {
    let name = format!("pod{uid}");
    let is_pods = |group: &PathBuf| group.iter().any(|part| part == name.as_str());
    let groups = groups().into_iter().filter(is_pods);
    groups.flat_map(|group| members(&group)).collect()
}

/// Whether anything of the group is left.
pub(crate) fn is_there() -> bool {
    !groups().is_empty()
}

fn groups() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = trees()
        .into_iter()
        .map(|tree| tree.join(GROUP))
        .filter(|group| group.is_dir())
        .collect();
    let mut next = 0;
    while next < found.len() {
        found.extend(directories(&found[next].clone()));
        next += 1;
    }
    found
}

fn members(group: &Path) -> Vec<i32> {
    let text = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.parse().ok())
        .filter(|pid| *pid > 0)
        .collect()
}

fn trees() -> Vec<PathBuf> {
    if is_unified() {
        return vec![PathBuf::from(ROOT)];
    }
    // Some trees have a second name, a symbolic link: `cpu,cpuacct` and `cpu`.
    directories(Path::new(ROOT))
        .into_iter()
        .filter(|tree| !tree.is_symlink())
        .collect()
}

fn is_unified() -> bool {
    Path::new(ROOT).join("cgroup.controllers").exists()
}

fn directories(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect()
}
