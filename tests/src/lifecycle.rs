//! Brings the testbed up and takes it down.
//!
//! Both hold a lock, so tests that start at the same time share one start. What is found decides:
//!
//! | found | `up` |
//! |---|---|
//! | nothing | starts everything |
//! | complete, all processes alive | keeps it, adds what is asked for |
//! | complete, only PostgreSQL or OpenBao ended | starts those again |
//! | anything else: a killed `up`, a restarted machine | cleans up, then starts everything |

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::path::PathBuf;

use anyhow::Context;

use crate::cluster::{self, HostService};
use crate::environment::{self, Environment};
use crate::network::{self, ADDRESS, Ports};
use crate::openbao::OpenBao;
use crate::paths::{self, Paths};
use crate::postgres::{DEFAULT_MAJOR, Postgres};
use crate::process::Running;
use crate::progress::{say, step};
use crate::registry::{self, REGISTRY};
use crate::tools::Tools;
use crate::{cache, cleanup, control_plane, crossplane, node, packages, pki};

/// Held while the testbed is changed.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock. It lies with the cache, because `down` removes the state directory.
    pub(crate) async fn acquire(paths: &Paths) -> anyhow::Result<Self> {
        paths::create_directory(&paths.cache)?;
        let file = File::create(paths.cache.join("lock"))?;
        let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await?;
        Ok(Self {
            _file: locked.context("cannot lock the testbed")?,
        })
    }
}

/// Starts what does not run yet, with these PostgreSQL versions beside the default one.
pub(crate) async fn up(paths: &Paths, majors: &[u16]) -> anyhow::Result<Environment> {
    packages::check_machine()?;
    let _lock = Lock::acquire(paths).await?;
    let mut environment = match running(paths).await? {
        Some(environment) => environment,
        None => Box::pin(start(paths)).await?,
    };
    for major in majors {
        add_postgres(paths, &mut environment, *major).await?;
    }
    Ok(environment)
}

/// Makes sure that a PostgreSQL of this version runs; the caller holds the lock.
pub(crate) async fn add_postgres(
    paths: &Paths,
    environment: &mut Environment,
    major: u16,
) -> anyhow::Result<()> {
    if let Entry::Vacant(entry) = environment.postgres.entry(major) {
        let postgres = step(
            &format!("PostgreSQL {major}"),
            Postgres::create(paths, major),
        )
        .await?;
        entry.insert(postgres);
        environment.save(paths)?;
    }
    Ok(())
}

/// The environment of a testbed that runs, repaired where that is possible. Cleans up what is left of one that does not.
async fn running(paths: &Paths) -> anyhow::Result<Option<Environment>> {
    let dead = dead(paths);
    let environment = Environment::load(paths).ok().flatten();
    match environment {
        Some(environment) if dead.is_empty() => Ok(Some(environment)),
        Some(environment) if dead.iter().all(|name| is_restartable(name)) => step(
            &format!("start {} again", dead.join(", ")),
            revive(paths, environment),
        )
        .await
        .map(Some),
        _ if cleanup::is_needed(paths) => {
            say("what is left of an earlier testbed is not complete: cleaning up");
            step("clean up", cleanup::remove(paths)).await?;
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// Names of the recorded servers that do not run any more.
pub(crate) fn dead(paths: &Paths) -> Vec<String> {
    let servers = Running::all(paths)
        .into_iter()
        .filter(|running| !running.is_alive())
        .map(|running| running.server.name);
    servers
        .filter(|name| !name.starts_with(crate::host_process::PREFIX))
        .collect()
}

fn is_restartable(name: &str) -> bool {
    name == "openbao" || name.starts_with("postgres-")
}

async fn revive(paths: &Paths, mut environment: Environment) -> anyhow::Result<Environment> {
    for postgres in environment.postgres.values() {
        postgres.start().await?;
    }
    environment.openbao.start().await?;
    environment.save(paths)?;
    Ok(environment)
}

/// Everything that is built or downloaded before anything starts.
pub(crate) async fn prepare(paths: &Paths) -> anyhow::Result<Tools> {
    step("Debian packages", packages::install()).await?;
    let tools = step("tools", Tools::build(paths)).await?;
    cache::postgres(paths, DEFAULT_MAJOR).await?;
    step("images", crate::image::archives(paths, &tools)).await?;
    Ok(tools)
}

async fn start(paths: &Paths) -> anyhow::Result<Environment> {
    let tools = prepare(paths).await?;
    paths::create_directory(&paths.state)?;
    let ports = Ports::choose()?;
    let server = format!("https://{ADDRESS}:{}", ports.api);
    pki::create(paths, &server)?;
    step("network", network::create(paths)).await?;
    let (cluster, postgres, openbao) = tokio::try_join!(
        start_cluster(paths, &tools, &ports),
        step("PostgreSQL 17", Postgres::create(paths, DEFAULT_MAJOR)),
        step("OpenBao", OpenBao::create(paths, &tools, &ports)),
    )?;
    let () = cluster;
    step(
        "services in the cluster",
        publish(paths, &tools, &postgres, &openbao, &ports),
    )
    .await?;
    let mut environment = Environment {
        kubeconfig: paths.kubeconfig(),
        server,
        registry: REGISTRY.to_owned(),
        kubectl: tools.kubernetes("kubectl"),
        clients: environment::link_clients(paths, &tools)?,
        openbao,
        postgres: BTreeMap::from([(DEFAULT_MAJOR, postgres)]),
        ports,
        processes: BTreeMap::new(),
    };
    environment.save(paths)?;
    Ok(environment)
}

async fn start_cluster(paths: &Paths, tools: &Tools, ports: &Ports) -> anyhow::Result<()> {
    let machine = async {
        step("containerd", node::start_containerd(paths)).await?;
        step("import images", node::import_images(paths, tools)).await
    };
    tokio::try_join!(
        step("control plane", control_plane::start(paths, tools, ports)),
        step("registry", registry::start(paths)),
        machine,
    )?;
    step("node", node::start_kubelet(paths, tools, ports)).await?;
    let kubectl: PathBuf = tools.kubernetes("kubectl");
    tokio::try_join!(
        step("CoreDNS", cluster::start_coredns(&kubectl, paths)),
        step("Crossplane", crossplane::install(paths, tools)),
    )?;
    Ok(())
}

async fn publish(
    paths: &Paths,
    tools: &Tools,
    postgres: &Postgres,
    openbao: &OpenBao,
    ports: &Ports,
) -> anyhow::Result<()> {
    let kubectl = tools.kubernetes("kubectl");
    let servers = [
        HostService {
            namespace: "shared-services",
            name: "postgres",
            port: 5432,
            target: postgres.port,
        },
        HostService {
            namespace: "vault",
            name: "vault",
            port: 8200,
            target: ports.openbao,
        },
    ];
    for server in &servers {
        cluster::publish(&kubectl, paths, server).await?;
    }
    openbao
        .trust_cluster(paths, tools, &format!("https://{ADDRESS}:{}", ports.api))
        .await
}

/// Stops everything and removes what it left. Does nothing when nothing is there.
pub(crate) async fn down(paths: &Paths) -> anyhow::Result<()> {
    packages::check_machine()?;
    let _lock = Lock::acquire(paths).await?;
    step("down", cleanup::remove(paths)).await
}
