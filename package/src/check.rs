//! What must be true of the tree and no compiler checks: generated files are fresh, every kind has an
//! example, every Rust file is compiled, no file is too long, the runtime's contract names tests that exist.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::{contract, crds};

/// A file longer than this hides a concept that wants a name.
const LONGEST_FILE: usize = 500;

/// Checks everything and reports all findings at once.
///
/// # Errors
/// When there is a finding; each says what to do.
pub fn check(root: &Path) -> anyhow::Result<()> {
    let mut findings = stale(root)?;
    findings.extend(without_example(root)?);
    findings.extend(contract::findings(root)?);
    let sources = rust_files(root)?;
    findings.extend(too_long(root, &sources)?);
    findings.extend(orphans(root, &sources)?);
    if findings.is_empty() {
        return Ok(());
    }
    bail!("{}", findings.join("\n"))
}

/// Writes every generated file and removes those that are not generated any more.
///
/// # Errors
/// When a file cannot be written.
pub fn write(root: &Path) -> anyhow::Result<()> {
    let files = crds::generated()?;
    for old in generated_on_disk(root)? {
        if !files.contains_key(&old) {
            std::fs::remove_file(root.join(&old))
                .with_context(|| format!("cannot remove {}", old.display()))?;
        }
    }
    for (path, content) in files {
        let path = root.join(path);
        let folder = path.parent().context("a generated file lies in a folder")?;
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        std::fs::write(&path, content)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn stale(root: &Path) -> anyhow::Result<Vec<String>> {
    let files = crds::generated()?;
    let differs = |(path, content): (&PathBuf, &String)| {
        let fresh = std::fs::read_to_string(root.join(path)).is_ok_and(|found| found == *content);
        (!fresh).then(|| format!("{} is stale: run cargo xtask crds", path.display()))
    };
    let mut findings: Vec<_> = files.iter().filter_map(differs).collect();
    let left_over = generated_on_disk(root)?
        .into_iter()
        .filter(|path| !files.contains_key(path));
    findings.extend(left_over.map(|path| {
        format!(
            "{} is not generated any more: run cargo xtask crds",
            path.display()
        )
    }));
    Ok(findings)
}

fn generated_on_disk(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in [
        "package/provider/crds",
        "package/configuration",
        "package/configuration-claims",
    ] {
        if !root.join(folder).is_dir() {
            continue;
        }
        for path in crate::xpkg::yaml_files(&root.join(folder))? {
            if path
                .file_name()
                .is_some_and(|name| name != "crossplane.yaml")
            {
                found.push(
                    path.strip_prefix(root)
                        .context("a file of the repository")?
                        .to_owned(),
                );
            }
        }
    }
    Ok(found)
}

fn without_example(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut examples = String::new();
    for file in files(&root.join("examples"), "yaml")? {
        examples.push_str(
            &std::fs::read_to_string(&file)
                .with_context(|| format!("cannot read {}", file.display()))?,
        );
    }
    let mut findings = Vec::new();
    for crd in provider_tenancy::kinds::crds() {
        let (kind, group) = (&crd.spec.names.kind, &crd.spec.group);
        let declared = examples.contains(&format!("kind: {kind}\n"))
            && examples.contains(&format!("{group}/"));
        if !declared && kind != "ProviderConfigUsage" {
            findings.push(format!(
                "{kind} of {group} has no example: add one below examples/"
            ));
        }
    }
    Ok(findings)
}

fn rust_files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut sources = Vec::new();
    for folder in ["function", "package", "provider", "tests"] {
        sources.extend(files(&root.join(folder), "rs")?);
    }
    Ok(sources)
}

fn too_long(root: &Path, sources: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    for path in sources {
        let lines = std::fs::read_to_string(path)?.lines().count();
        if lines > LONGEST_FILE {
            let path = path.strip_prefix(root)?.display();
            findings.push(format!(
                "{path} has {lines} lines: name a concept in it and give it a file"
            ));
        }
    }
    Ok(findings)
}

/// A module that no `mod` names is silently left out of the build.
fn orphans(root: &Path, sources: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    for path in sources {
        let stem = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        let is_root = ["main", "lib"].contains(&stem)
            || path.parent().is_some_and(|parent| {
                parent.ends_with("bin")
                    || parent.ends_with("tests")
                    || parent.ends_with("examples")
                    || parent.ends_with("benches")
            });
        if !is_root && !is_declared(path, stem)? {
            findings.push(format!(
                "{} is not compiled: declare it with mod {stem}",
                path.strip_prefix(root)?.display()
            ));
        }
    }
    Ok(findings)
}

fn is_declared(path: &Path, module: &str) -> anyhow::Result<bool> {
    let folder = path.parent().context("a file lies in a folder")?;
    let own = folder.with_extension("rs");
    for parent in [
        own,
        folder.join("lib.rs"),
        folder.join("main.rs"),
        folder.join("mod.rs"),
    ] {
        if !parent.is_file() {
            continue;
        }
        let text = std::fs::read_to_string(&parent)?;
        if text
            .lines()
            .any(|line| line.trim_start().ends_with(&format!("mod {module};")))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Every file with this extension below a folder, by name; what Cargo builds is left out.
fn files(folder: &Path, extension: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in
        std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?
    {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(files(&path, extension)?);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
