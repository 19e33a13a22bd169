//! Installs the Debian packages the testbed needs, when they are missing and we are root.
//!
//! Nothing is started by the installation: a `policy-rc.d` that refuses stands in its way for as long as it runs.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use tokio::process::Command;

use crate::command;

struct Package {
    name: &'static str,
    provides: &'static str,
}

/// What we need from Debian, each with a file that tells whether it is there.
const PACKAGES: [Package; 12] = [
    Package {
        name: "containerd",
        provides: "containerd",
    },
    Package {
        name: "runc",
        provides: "runc",
    },
    Package {
        name: "containernetworking-plugins",
        provides: "/usr/lib/cni/bridge",
    },
    Package {
        name: "docker-registry",
        provides: "docker-registry",
    },
    Package {
        name: "nftables",
        provides: "nft",
    },
    Package {
        name: "iproute2",
        provides: "ip",
    },
    Package {
        name: "kmod",
        provides: "modprobe",
    },
    Package {
        name: "busybox-static",
        provides: "busybox",
    },
    Package {
        name: "postgresql-client",
        provides: "psql",
    },
    Package {
        name: "util-linux",
        provides: "setpriv",
    },
    Package {
        name: "npm",
        provides: "npm",
    },
    Package {
        name: "gcc",
        provides: "gcc",
    },
];

const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Fails with what to do when this machine or user cannot run the testbed.
pub(crate) fn check_machine() -> anyhow::Result<()> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!("the testbed runs containers and binaries for Linux on x86-64: use such a machine");
    }
    if !rustix::process::geteuid().is_root() {
        bail!(
            "the testbed runs a kubelet and containerd, which need root: run the command as root, `sudo -E` keeps the environment"
        );
    }
    Ok(())
}

/// Installs what is missing.
pub(crate) async fn install() -> anyhow::Result<()> {
    let missing: Vec<&str> = PACKAGES
        .iter()
        .filter(|package| !is_there(package))
        .map(|package| package.name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    let apt = command::require(
        "apt-get",
        &format!("install the equivalents of these Debian packages: {list}"),
    )?;
    crate::progress::say(&format!("apt-get install {list}"));
    let _policy = StartNothing::new()?;
    // An index that is a little old still serves; the installation says what it lacks.
    let _updated = command::run(Command::new(&apt).arg("update")).await;
    let mut install = Command::new(&apt);
    install
        .args(["install", "--yes", "--no-install-recommends"])
        .args(&missing)
        .env("DEBIAN_FRONTEND", "noninteractive");
    command::run(&mut install)
        .await
        .with_context(|| format!("cannot install {list}"))?;
    still_missing()
}

fn still_missing() -> anyhow::Result<()> {
    match PACKAGES.iter().find(|package| !is_there(package)) {
        Some(package) => bail!(
            "{} is missing though its package is installed: reinstall {}",
            package.provides,
            package.name
        ),
        None => Ok(()),
    }
}

fn is_there(package: &Package) -> bool {
    Path::new(package.provides).is_absolute() && Path::new(package.provides).exists()
        || command::find(package.provides).is_some()
}

/// Keeps Debian from starting services while it lives; leaves a policy that was there before alone.
struct StartNothing {
    ours: bool,
}

impl StartNothing {
    fn new() -> anyhow::Result<Self> {
        let ours = !Path::new(POLICY).exists();
        if ours {
            std::fs::write(POLICY, "#!/bin/sh\nexit 101\n")
                .with_context(|| format!("cannot write {POLICY}"))?;
            std::fs::set_permissions(POLICY, std::fs::Permissions::from_mode(0o755))?;
        }
        Ok(Self { ours })
    }
}

impl Drop for StartNothing {
    fn drop(&mut self) {
        if self.ours {
            let _already_gone = std::fs::remove_file(POLICY);
        }
    }
}
