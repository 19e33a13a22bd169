//! A PostgreSQL client for pods: Debian's `psql` with the libraries that it is linked to.

use std::path::{Path, PathBuf};

use anyhow::Context;
use tokio::process::Command;
use xtask::layer::Tree;
use xtask::oci::Image;

use super::{cached, image, shell};
use crate::paths::Paths;
use crate::{command, environment};

/// A shell and `psql`.
pub const PSQL: &str = "localhost/psql:1";

/// The archive, made when the cache lacks it.
pub(super) async fn archive(paths: &Paths) -> anyhow::Result<PathBuf> {
    let psql = environment::psql()?;
    let said = command::run(Command::new(&psql).arg("--version")).await?;
    let version = said.split_whitespace().nth(2).unwrap_or("unknown");
    cached(paths, PSQL, version, || async { client(&psql).await }).await
}

async fn client(psql: &Path) -> anyhow::Result<Image> {
    let mut tree = shell(Tree::new())?.file("/usr/local/bin/psql", read(psql)?, 0o755);
    let linked = command::run(Command::new("ldd").arg(psql)).await?;
    for library in libraries(&linked) {
        tree = tree.file(library, read(Path::new(library))?, 0o755);
    }
    image(tree, &["/usr/local/bin/psql"])
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

/// The paths in what `ldd` prints. The kernel's own page has none.
fn libraries(linked: &str) -> impl Iterator<Item = &str> {
    let lines = linked.lines();
    lines.filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_library_with_a_path_is_taken_and_the_loader_too() {
        let linked = "\tlinux-vdso.so.1 (0x7ffc)\n\tlibpq.so.5 => /lib/libpq.so.5 (0x7f5e)\n\t/lib64/ld.so.2 (0x7f5e)\n";
        let found: Vec<_> = libraries(linked).collect();
        assert_eq!(found, ["/lib/libpq.so.5", "/lib64/ld.so.2"]);
    }
}
