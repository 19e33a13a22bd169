//! The view of the file system that a pod has, for a program on this machine: no setting makes a program
//! read another file than /etc/resolv.conf.

use std::path::{Path, PathBuf};

use crate::cluster::NAME_SERVER;
use crate::paths;

/// Runs a program with another resolv.conf and, when `$2` names a file, with that at `$3`. In some
/// machines resolv.conf is a link into the directory that is covered then.
const LIKE_A_POD: &str = r#"
    resolv=$(readlink -m /etc/resolv.conf)
    if [ -n "$2" ]; then
        mount -t tmpfs tmpfs /run && mkdir -p "${3%/*}" "${resolv%/*}" && cp "$2" "$3" || exit
    fi
    [ -e "$resolv" ] || : >"$resolv"
    mount --bind "$1" "$resolv" && shift 3 && exec "$@"
"#;

/// What a program finds where it looks.
pub(crate) struct PodView {
    resolver: PathBuf,
    secret: Option<(PathBuf, &'static str)>,
}

impl PodView {
    /// With the cluster's name server, asked as a pod in this namespace asks it. It is written to this
    /// directory.
    pub(crate) fn new(directory: &Path, namespace: &str) -> anyhow::Result<Self> {
        let resolver = directory.join("resolv.conf");
        let search = format!("{namespace}.svc.cluster.local svc.cluster.local cluster.local");
        let names = format!("nameserver {NAME_SERVER}\nsearch {search}\noptions ndots:5\n");
        paths::write(&resolver, names)?;
        Ok(Self {
            resolver,
            secret: None,
        })
    }

    /// With this file at a path below /run, of which nothing else is seen then.
    pub(crate) fn with_secret(self, file: PathBuf, at: &'static str) -> Self {
        Self {
            secret: Some((file, at)),
            ..self
        }
    }

    /// The beginning of a command line whose rest runs with this view.
    pub(crate) fn argv(&self) -> Vec<String> {
        let resolver = self.resolver.display().to_string();
        let (file, at) = self.secret.clone().unwrap_or_default();
        let file = file.display().to_string();
        let view = ["unshare", "--mount", "sh", "-c", LIKE_A_POD, "sh"];
        let argv = [&view[..], &[&resolver, &file, at]].concat();
        argv.into_iter().map(str::to_owned).collect()
    }
}
