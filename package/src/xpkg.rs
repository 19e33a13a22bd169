//! Crossplane packages: an OCI image whose annotated layer holds `package.yaml`, and for provider and
//! function the program in the layer below it.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, ensure};

use crate::{
    layer::{Layer, Tree},
    oci::{Execution, Image, Platform},
};

/// Crossplane finds the layer with `package.yaml` by this annotation.
const ANNOTATION: &str = "io.crossplane.xpkg";
const BASE: &str = "base";
/// Crossplane runs packages as this user.
const USER: &str = "2000";

/// One package.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Package {
    /// Name of the repository in a registry.
    pub name: &'static str,
    /// Folder of `crossplane.yaml`, below `package/`.
    pub folder: &'static str,
    /// Folder of further manifests, below the package's own.
    pub manifests: &'static str,
    /// The program, for packages that run.
    pub program: Option<&'static str>,
}

/// Every package.
pub const PACKAGES: [Package; 4] = [
    Package {
        name: "provider-tenancy",
        folder: "provider",
        manifests: "crds",
        program: Some("provider-tenancy"),
    },
    Package {
        name: "function-tenancy",
        folder: "function",
        manifests: ".",
        program: Some("function-tenancy"),
    },
    Package {
        name: "configuration-tenancy",
        folder: "configuration",
        manifests: ".",
        program: None,
    },
    Package {
        name: "configuration-tenancy-claims",
        folder: "configuration-claims",
        manifests: ".",
        program: None,
    },
];

/// A platform that packages are built for: Go's name and Rust's.
pub const PLATFORMS: [(&str, &str); 1] = [("amd64", "x86_64-unknown-linux-gnu")];

impl Package {
    /// The `package.yaml`: `crossplane.yaml` first, then every other manifest by file name.
    pub fn manifest(&self, root: &Path) -> anyhow::Result<String> {
        let folder = root.join("package").join(self.folder);
        let meta = folder.join("crossplane.yaml");
        let mut documents = vec![read(&meta)?];
        for file in yaml_files(&folder.join(self.manifests))? {
            if file.file_name() != meta.file_name() {
                documents.push(read(&file)?);
            }
        }
        Ok(documents.join("---\n"))
    }

    /// One image per platform. Programs must have been built with [`build_programs`].
    pub fn images(&self, root: &Path) -> anyhow::Result<Vec<Image>> {
        PLATFORMS
            .iter()
            .map(|platform| self.image(root, *platform))
            .collect()
    }

    fn image(&self, root: &Path, (architecture, target): (&str, &str)) -> anyhow::Result<Image> {
        let package = Layer::gzip(Tree::new().file("package.yaml", self.manifest(root)?, 0o644))?;
        let package = package.annotated(ANNOTATION, BASE);
        // Image archives cannot carry annotations, so `crossplane xpkg push` looks for a label too.
        let label = (format!("{ANNOTATION}:{}", package.digest), BASE.to_owned());
        let mut execution = Execution {
            labels: [label].into(),
            ..Execution::default()
        };
        let mut layers = Vec::new();
        if let Some(program) = self.program {
            layers.push(Layer::gzip(runtime(
                program,
                &program_path(root, target, program),
            )?)?);
            execution.entrypoint = vec![format!("/usr/local/bin/{program}")];
            execution.user = USER.into();
        }
        layers.push(package);
        Image::new(Platform::linux(architecture), &execution, layers)
    }
}

/// The file system of a program: the program and what name resolution and `id` need. Nothing is
/// ever written to it.
fn runtime(program: &str, path: &Path) -> anyhow::Result<Tree> {
    let binary = std::fs::read(path).with_context(|| {
        format!(
            "cannot read {}; build it with cargo xtask xpkg build",
            path.display()
        )
    })?;
    Ok(Tree::new()
        .file(&format!("usr/local/bin/{program}"), binary, 0o755)
        .file("etc/passwd", "tenancy:x:2000:2000::/:/none\n", 0o644)
        .file("etc/nsswitch.conf", "hosts: files dns\n", 0o644)
        .directory("tmp", 0o777))
}

/// Builds the programs of all packages as static executables. Prints what it builds and how long it took.
///
/// # Errors
/// When a program does not build.
pub fn build_programs(root: &Path) -> anyhow::Result<()> {
    for (architecture, target) in PLATFORMS {
        let started = Instant::now();
        eprintln!("  building the programs for {architecture}, the first time takes minutes");
        let status = build_command(root, target)
            .status()
            .context("cannot run cargo")?;
        ensure!(
            status.success(),
            "the programs do not build for {target}; see the errors above"
        );
        eprintln!(
            "  {:6.1} s  the programs are built",
            started.elapsed().as_secs_f32()
        );
    }
    Ok(())
}

fn build_command(root: &Path, target: &str) -> Command {
    let flags = format!(
        "CARGO_TARGET_{}_RUSTFLAGS",
        target.to_uppercase().replace('-', "_")
    );
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(root)
        .env(flags, "-C target-feature=+crt-static")
        .args([
            "build",
            "--quiet",
            "--release",
            "--locked",
            "--target",
            target,
        ]);
    for program in PACKAGES.iter().filter_map(|package| package.program) {
        cargo.args(["--package", program]);
    }
    cargo
}

fn program_path(root: &Path, target: &str, program: &str) -> PathBuf {
    root.join("target")
        .join(target)
        .join("release")
        .join(program)
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The YAML files of a folder by name.
pub fn yaml_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
