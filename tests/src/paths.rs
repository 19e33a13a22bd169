//! Where the testbed keeps things: state, which `down` removes, and cache, which it keeps.
//!
//! Neither lies under a home directory: PostgreSQL runs as another user and must reach its files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The two directories, from `TESTBED_STATE` and `TESTBED_CACHE` or their defaults.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    /// Everything that belongs to the running testbed.
    pub(crate) state: PathBuf,
    /// Built tools and images, kept between runs.
    pub(crate) cache: PathBuf,
}

impl Paths {
    /// The directories the environment asks for.
    pub(crate) fn from_environment() -> Self {
        let or = |name, default: &str| {
            PathBuf::from(std::env::var_os(name).unwrap_or_else(|| OsString::from(default)))
        };
        Self {
            state: or("TESTBED_STATE", "/var/lib/tenancy-testbed"),
            cache: or("TESTBED_CACHE", "/var/cache/tenancy-testbed"),
        }
    }

    /// A path inside the state directory.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }

    /// Where the named server logs to.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.state.join("logs").join(format!("{name}.log"))
    }

    /// A certificate or key file.
    pub(crate) fn pki(&self, name: &str) -> PathBuf {
        self.state.join("pki").join(name)
    }

    /// The administrator's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.state("admin.kubeconfig")
    }

    /// Where Kubernetes clients cache what the API server offers.
    pub(crate) fn client_cache(&self) -> PathBuf {
        self.state("client-cache")
    }

    /// containerd's socket.
    pub(crate) fn containerd_socket(&self) -> PathBuf {
        self.state("containerd/containerd.sock")
    }
}

/// Creates a directory and its parents.
pub(crate) fn create_directory(path: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))
}

/// Writes a file, and the directory it lies in.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> anyhow::Result<()> {
    if let Some(parent) = path.parent() {
        create_directory(parent)?;
    }
    std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, content: impl AsRef<[u8]>) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    write(path, "")?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    write(path, content)
}

/// Reads a text file.
pub(crate) fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
