//! Runs a program to its end and keeps what it said.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Runs `command` and returns its standard output. Fails with its standard error when it does not exit with 0.
pub(crate) async fn run(command: &mut Command) -> anyhow::Result<String> {
    feed(command, "").await
}

/// As [`run`], with `input` on standard input.
pub(crate) async fn feed(command: &mut Command, input: &str) -> anyhow::Result<String> {
    let name = command.as_std().get_program().display().to_string();
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot run {name}"))?;
    let mut stdin = child
        .stdin
        .take()
        .context("the child has no standard input")?;
    // A program that does not read its input closes it: that is no failure of ours.
    let (_written, output) = tokio::join!(
        async move { stdin.write_all(input.as_bytes()).await.ok() },
        child.wait_with_output()
    );
    let output = output?;
    if !output.status.success() {
        bail!(
            "{name} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Where on `PATH`, or in the system directories a user's `PATH` may lack, a program lies.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from);
    let directories = std::env::split_paths(&path).chain(system);
    directories
        .map(|directory| directory.join(program))
        .find(|file| is_program(file))
}

/// As [`find`], or an error that names the remedy.
pub(crate) fn require(program: &str, remedy: &str) -> anyhow::Result<PathBuf> {
    find(program).with_context(|| format!("{program} is missing: {remedy}"))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
