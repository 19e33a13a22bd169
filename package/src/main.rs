//! `cargo xtask`: the repository's own build commands.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Parser, Subcommand};
use xtask::{
    check, oci,
    registry::{self, Reference},
    xpkg::{self, PACKAGES},
};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Builds what this repository ships")]
enum Command {
    /// Write CRDs, XRDs and Compositions from the Rust types.
    Crds,
    /// Build packages, or push them.
    #[command(subcommand)]
    Xpkg(Xpkg),
    /// Check that generated files are fresh and the tree is in order.
    Check,
}

#[derive(Debug, Subcommand)]
enum Xpkg {
    /// Build the programs and write every package as an OCI archive.
    Build {
        /// Folder for the `.xpkg` files.
        #[arg(long, default_value = "target/xpkg")]
        out: PathBuf,
    },
    /// Build and push every package to REGISTRY/PREFIX, with the version of the workspace as tag.
    Push {
        /// For example `registry.example.org/platform`.
        prefix: String,
        /// Tag of every package.
        #[arg(long, default_value = concat!("v", env!("CARGO_PKG_VERSION")))]
        tag: String,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("package/ lies in the repository")?;
    match Command::parse() {
        Command::Crds => check::write(root),
        Command::Check => check::check(root),
        Command::Xpkg(Xpkg::Build { out }) => build(root, &root.join(out)),
        Command::Xpkg(Xpkg::Push { prefix, tag }) => push(root, &prefix, &tag).await,
    }
}

fn build(root: &Path, out: &Path) -> anyhow::Result<()> {
    xpkg::build_programs(root)?;
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    for package in PACKAGES {
        for image in package.images(root)? {
            let path = out.join(format!("{}.xpkg", package.name));
            let file = std::fs::File::create(&path)
                .with_context(|| format!("cannot write {}", path.display()))?;
            oci::archive(package.name, &image, file)?;
            eprintln!("{}  {}", image.digest(), path.display());
        }
    }
    Ok(())
}

async fn push(root: &Path, prefix: &str, tag: &str) -> anyhow::Result<()> {
    xpkg::build_programs(root)?;
    for package in PACKAGES {
        let reference: Reference = format!("{prefix}/{}:{tag}", package.name).parse()?;
        let digest = registry::push_index(&reference, &package.images(root)?).await?;
        eprintln!("{digest}  {prefix}/{}:{tag}", package.name);
    }
    Ok(())
}
