//! What is running and how to reach it: the file `env.json`, and the `export` lines made from it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::network::Ports;
use crate::openbao::OpenBao;
use crate::paths::{self, Paths};
use crate::postgres::{DEFAULT_MAJOR, Postgres};
use crate::process::Running;
use crate::tools::Tools;

/// Everything a client needs. Holds credentials: the file is readable by root only.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Environment {
    pub(crate) kubeconfig: PathBuf,
    pub(crate) server: String,
    pub(crate) registry: String,
    pub(crate) kubectl: PathBuf,
    pub(crate) openbao: OpenBao,
    pub(crate) postgres: BTreeMap<u16, Postgres>,
    pub(crate) clients: PathBuf,
    pub(crate) ports: Ports,
    pub(crate) processes: BTreeMap<String, i32>,
}

impl Environment {
    /// The environment of a testbed that came up completely.
    pub(crate) fn load(paths: &Paths) -> anyhow::Result<Option<Self>> {
        let file = paths.state("env.json");
        if !file.exists() {
            return Ok(None);
        }
        let read = serde_json::from_str(&paths::read(&file)?);
        read.map(Some).context(
            "env.json is not of this version: run `cargo testbed down`, then `cargo testbed up`",
        )
    }

    /// Writes the file, which is what makes a testbed count as complete.
    pub(crate) fn save(&mut self, paths: &Paths) -> anyhow::Result<()> {
        self.processes = Running::all(paths)
            .into_iter()
            .map(|running| (running.server.name, running.pid))
            .collect();
        let partial = paths.state("env.json.partial");
        paths::write_private(&partial, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(partial, paths.state("env.json")).context("cannot name env.json")
    }

    /// Shell commands that give a person every client.
    pub(crate) fn exports(&self) -> anyhow::Result<String> {
        let postgres = self
            .postgres
            .get(&DEFAULT_MAJOR)
            .context("the default PostgreSQL is not there: run `cargo testbed up`")?;
        let (port, ca) = (postgres.port.to_string(), postgres.ca.display().to_string());
        let kubeconfig = self.kubeconfig.display().to_string();
        let mut lines = String::new();
        for (name, value) in [
            ("KUBECONFIG", kubeconfig.as_str()),
            ("VAULT_ADDR", &self.openbao.address),
            ("VAULT_TOKEN", &self.openbao.token),
            ("VAULT_CACERT", &ca),
            ("BAO_ADDR", &self.openbao.address),
            ("BAO_TOKEN", &self.openbao.token),
            ("BAO_CACERT", &ca),
            ("PGHOST", "localhost"),
            ("PGPORT", &port),
            ("PGUSER", &postgres.user),
            ("PGPASSWORD", &postgres.password),
            ("PGDATABASE", "postgres"),
            ("PGSSLMODE", "verify-full"),
            ("PGSSLROOTCERT", &ca),
        ] {
            writeln!(lines, "export {name}={}", quoted(value))?;
        }
        writeln!(
            lines,
            "export PATH={}:\"$PATH\"",
            quoted(&self.clients.display().to_string())
        )?;
        Ok(lines)
    }
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// Links every client into one directory, for `PATH`.
pub(crate) fn link_clients(paths: &Paths, tools: &Tools) -> anyhow::Result<PathBuf> {
    let directory = paths.state("bin");
    paths::create_directory(&directory)?;
    let links = [
        ("kubectl", tools.kubernetes("kubectl")),
        ("bao", tools.bao()),
        ("vault", tools.bao()),
        ("helm", tools.helm()),
        ("crossplane", tools.crossplane_cli()),
        ("psql", psql()?),
    ];
    for (name, target) in links {
        let link = directory.join(name);
        if !link.is_symlink() {
            std::os::unix::fs::symlink(&target, &link)
                .with_context(|| format!("cannot link {}", link.display()))?;
        }
    }
    Ok(directory)
}

/// Debian's `psql` on `PATH` is a wrapper that looks for Debian's own clusters: the newest real one is taken.
pub(crate) fn psql() -> anyhow::Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let real = versions
        .map(|version| version.path().join("bin/psql"))
        .filter(|psql: &PathBuf| Path::exists(psql))
        .max();
    real.map_or_else(
        || crate::command::require("psql", "install postgresql-client"),
        Ok,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_value_survives_the_shell() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
