//! `cargo testbed`: the command line.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};

use crate::bench::{self, Wish, clusters};
use crate::environment::Environment;
use crate::paths::Paths;
use crate::process::Running;
use crate::{cluster, lifecycle, packages, testbed};

/// A real control plane on this machine: Kubernetes with pods, Crossplane, OpenBao and PostgreSQL.
///
/// State is kept in /var/lib/tenancy-testbed, built tools in /var/cache/tenancy-testbed; `TESTBED_STATE` and `TESTBED_CACHE`
/// name other directories.
#[derive(Debug, Parser)]
#[command(name = "testbed", bin_name = "cargo testbed")]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start what does not run yet.
    Up {
        /// Further PostgreSQL versions to start, such as 14,15.
        #[arg(long, value_delimiter = ',')]
        postgres: Vec<u16>,
    },
    /// Stop everything and leave nothing behind but the cache.
    Down,
    /// Show what runs.
    Status,
    /// Print shell commands that set up every client: eval "$(cargo testbed env)".
    Env,
    /// Print the log of a server; without a name, list the logs.
    Logs {
        /// Name as in `status`.
        name: Option<String>,
    },
    /// Measure, print a table and write it as JSON. Takes up to forty minutes, alone on the machine.
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
    /// Build and download everything that `up` needs, without starting it.
    Build,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// The runtime of managed resources, and Roles beside provider-sql.
    Runtime(Wish),
    /// One virtual cluster, beside provider-helm and provider-kubernetes.
    Clusters(clusters::Wish),
}

/// Does what the command line asks for.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    testbed::install_crypto();
    let paths = Paths::from_environment();
    match arguments.action {
        Action::Up { postgres } => up(&paths, &postgres).await,
        Action::Down => lifecycle::down(&paths).await,
        Action::Status => status(&paths).await,
        Action::Env => print(&environment(&paths)?.exports()?),
        Action::Logs { name } => logs(&paths, name.as_deref()),
        Action::Bench {
            what: Bench::Runtime(wish),
        } => Box::pin(bench::runtime(&paths, &wish)).await,
        Action::Bench {
            what: Bench::Clusters(wish),
        } => Box::pin(clusters::measure(&paths, &wish)).await,
        Action::Build => build(&paths).await,
    }
}

async fn up(paths: &Paths, majors: &[u16]) -> anyhow::Result<()> {
    let started = Instant::now();
    lifecycle::up(paths, majors).await?;
    eprintln!(
        "  {:6.1} s  the testbed is up: eval \"$(cargo testbed env)\"",
        started.elapsed().as_secs_f32()
    );
    Ok(())
}

async fn build(paths: &Paths) -> anyhow::Result<()> {
    packages::check_machine()?;
    let _lock = lifecycle::Lock::acquire(paths).await?;
    lifecycle::prepare(paths).await.map(drop)
}

fn environment(paths: &Paths) -> anyhow::Result<Environment> {
    Environment::load(paths)?.context("the testbed is not up: run `cargo testbed up`")
}

async fn status(paths: &Paths) -> anyhow::Result<()> {
    let environment = environment(paths)?;
    let mut running = Running::all(paths);
    running.sort_by(|one, other| one.server.name.cmp(&other.server.name));
    let mut text = String::new();
    for one in &running {
        let state = if one.is_alive() { "running" } else { "ended" };
        writeln!(text, "{:<26} {state:<8} {}", one.server.name, one.pid)?;
    }
    writeln!(text, "\nKubernetes    {}", environment.server)?;
    writeln!(text, "OpenBao       {}", environment.openbao.address)?;
    writeln!(text, "registry      {}", environment.registry)?;
    for postgres in environment.postgres.values() {
        writeln!(
            text,
            "PostgreSQL {} {}:{}",
            postgres.major, postgres.host, postgres.port
        )?;
    }
    text += "\n";
    text += &pods(&environment, paths)
        .await
        .unwrap_or_else(|error| format!("{error:#}\n"));
    print(&text)?;
    let dead = lifecycle::dead(paths);
    if dead.is_empty() {
        Ok(())
    } else {
        bail!("{} ended: run `cargo testbed up`", dead.join(", "))
    }
}

async fn pods(environment: &Environment, paths: &Paths) -> anyhow::Result<String> {
    let mut kubectl = cluster::kubectl(&environment.kubectl, paths);
    kubectl.args(["get", "pods", "--all-namespaces"]);
    crate::command::run(&mut kubectl).await
}

fn logs(paths: &Paths, name: Option<&str>) -> anyhow::Result<()> {
    match name {
        Some(name) => print(
            &crate::paths::read(&paths.log(name))
                .context("run `cargo testbed logs` for the names")?,
        ),
        None => print(&log_names(paths)?),
    }
}

fn log_names(paths: &Paths) -> anyhow::Result<String> {
    let entries = std::fs::read_dir(paths.state("logs"))
        .context("there are no logs: run `cargo testbed up`")?;
    let files = entries.flatten().map(|entry| entry.path());
    let mut names: Vec<String> = files
        .filter_map(|file| Some(format!("{}\n", file.file_stem()?.display())))
        .collect();
    names.sort();
    Ok(names.concat())
}

pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("cannot write to standard output")
}
