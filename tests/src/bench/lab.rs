//! The runtime with an external system that costs next to nothing: `provider/managed/examples/lab`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{ApiResource, DeleteParams, GroupVersionKind};
use serde_json::{Value, json};
use tokio::process::Command;

use super::api_server::Writes;
use super::figures::Scale;
use super::looks::Looks;
use super::population::{self, Population};
use super::subject::Subject;
use crate::paths::Paths;
use crate::progress::{say, step};
use crate::{Testbed, command, product, wait_condition, wait_for};

const GROUP: &str = "lab.pnats.cloud";
const NAMESPACE: &str = "bench-runtime";
const CRDS: [&str; 4] = [
    "items.lab.pnats.cloud",
    "providerconfigs.lab.pnats.cloud",
    "clusterproviderconfigs.lab.pnats.cloud",
    "providerconfigusages.lab.pnats.cloud",
];
/// What a new resource makes the provider write.
const WRITTEN: [&str; 3] = [
    "items.lab.pnats.cloud",
    "providerconfigusages.lab.pnats.cloud",
    "secrets",
];
/// Where the provider serves its metrics.
const METRICS: &str = "127.0.0.1:18097";
/// Longer than a poll, so that every resource is looked at while nothing happens.
const AT_REST: Duration = Duration::from_secs(75);
const PATIENCE: Duration = Duration::from_secs(1_800);

/// One measurement.
struct Measurement<'a> {
    testbed: &'a Testbed,
    program: PathBuf,
    /// For shelf and looks.
    directory: PathBuf,
    population: Population,
    count: u32,
}

/// Measures with so many resources.
pub(super) async fn measure(testbed: &Testbed, paths: &Paths, count: u32) -> anyhow::Result<Scale> {
    let program = build().await?;
    let directory = paths.state("bench");
    clear(testbed).await?;
    let _not_there = std::fs::remove_dir_all(&directory);
    install(testbed, &program).await?;
    let kind = kind("Item", "items");
    let population = Population::new(testbed.client(), NAMESPACE, kind, item).await?;
    configure(testbed, &directory).await?;
    let measurement = Measurement {
        testbed,
        program,
        directory,
        population,
        count,
    };
    let scale = step(
        &format!("measure the runtime with {count} resources"),
        measurement.run(),
    )
    .await?;
    let _left = std::fs::remove_dir_all(&measurement.directory);
    clear(testbed).await?;
    Ok(scale)
}

impl Measurement<'_> {
    async fn run(&self) -> anyhow::Result<Scale> {
        let mut scale = Scale {
            resources: self.count,
            ..Scale::default()
        };
        let (subject, looks) = self.start("first")?;
        self.until_served().await?;
        self.fill(&subject, &mut scale).await?;
        self.rest(&subject, &mut scale).await?;
        let create = async |name: &str| self.population.create(name).await;
        say("first looks at rest");
        scale.first_look_at_rest = looks.of_new("rest", create).await?;
        scale.resident_mib = subject.cost()?.resident_mib;
        subject.stop().await?;

        say("restart");
        let restarted = Instant::now();
        let (subject, looks) = self.start("second")?;
        scale.first_look_after_restart = looks.of_new("backlog", create).await?;
        let all = usize::try_from(self.count)? + scale.first_look_at_rest.samples;
        let all = all + scale.first_look_after_restart.samples;
        wait_for(
            "every resource to be looked at again",
            PATIENCE,
            async || {
                subject.cost()?;
                Ok(looks.count() >= all)
            },
        )
        .await?;
        scale.restart_seconds = restarted.elapsed().as_secs_f64();
        scale.resident_after_restart_mib = subject.cost()?.resident_mib;

        say("delete");
        let deleting = Instant::now();
        self.population.delete_all().await?;
        scale.delete_seconds = deleting.elapsed().as_secs_f64();
        subject.stop().await?;
        Ok(scale)
    }

    /// From the first create to the last Ready.
    async fn fill(&self, subject: &Subject, scale: &mut Scale) -> anyhow::Result<()> {
        say("create all");
        let client = self.testbed.client();
        let names: Vec<_> = (0..self.count)
            .map(|number| format!("item-{number}"))
            .collect();
        let (before, cost, started) = (
            Writes::so_far(&client).await?,
            subject.cost()?,
            Instant::now(),
        );
        let (created, ready) = tokio::join!(
            self.population.create_all(&names),
            self.population.until_ready(self.count, PATIENCE)
        );
        created?;
        scale.ready = ready?;
        scale.ready_seconds = started.elapsed().as_secs_f64();
        let (after, used) = (Writes::so_far(&client).await?, subject.cost()?);
        let writes = after.since(&before);
        let per_resource = |writes: f64| writes / f64::from(self.count);
        // The bench's own create of each is not the provider's.
        let own = f64::from(self.count);
        scale.writes_per_resource = per_resource(writes.of(&WRITTEN) - own);
        scale.events_per_resource = per_resource(writes.of(&["events"]));
        let seconds = used.cpu_seconds - cost.cpu_seconds;
        scale.cpu_seconds_per_1000 = seconds * 1_000.0 / f64::from(self.count);
        Ok(())
    }

    /// While nothing happens.
    async fn rest(&self, subject: &Subject, scale: &mut Scale) -> anyhow::Result<()> {
        say("at rest");
        // The look at which a create is marked as a success writes once more.
        tokio::time::sleep(self.settling()).await;
        let client = self.testbed.client();
        let (before, looks, cost) = (
            Writes::so_far(&client).await?,
            looks_so_far().await?,
            subject.cost()?,
        );
        tokio::time::sleep(AT_REST).await;
        let (after, used) = (Writes::so_far(&client).await?, subject.cost()?);
        scale.looks_at_rest = looks_so_far().await? - looks;
        scale.writes_at_rest = after.since(&before).of(&WRITTEN);
        scale.cpu_percent_at_rest =
            (used.cpu_seconds - cost.cpu_seconds) * 100.0 / AT_REST.as_secs_f64();
        Ok(())
    }

    /// As long as the second look at everything takes, at a hundred per second.
    fn settling(&self) -> Duration {
        Duration::from_secs(75) + Duration::from_millis(10) * self.count
    }

    fn start(&self, which: &str) -> anyhow::Result<(Subject, Looks)> {
        let seen = self.directory.join(which);
        let arguments = ["run", "--address", METRICS, "--seen"].map(str::to_owned);
        let arguments = [&arguments[..], &[seen.display().to_string()]].concat();
        let subject = Subject::start(self.testbed, "lab", &self.program, &arguments)?;
        Ok((subject, Looks(seen)))
    }

    async fn until_served(&self) -> anyhow::Result<()> {
        let api = Api::<kube::api::DynamicObject>::namespaced_with(
            self.testbed.client(),
            NAMESPACE,
            &kind("ProviderConfig", "providerconfigs"),
        );
        let wait = Duration::from_secs(30);
        wait_condition(&api, "default", "Ready", "True", wait)
            .await
            .map(drop)
    }
}

/// How many passes the provider has made.
async fn looks_so_far() -> anyhow::Result<u64> {
    let answer = reqwest::get(format!("http://{METRICS}/metrics")).await;
    let text = answer.context("the lab serves no metrics")?.text().await?;
    let counts = text
        .lines()
        .filter(|line| line.starts_with("controller_runtime_reconcile_total{"))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
    Ok(counts.sum())
}

async fn build() -> anyhow::Result<PathBuf> {
    let build = async {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(product::root());
        cargo.args([
            "build",
            "--release",
            "--locked",
            "-p",
            "managed",
            "--example",
            "lab",
        ]);
        command::run(&mut cargo).await
    };
    step("build the lab", build).await?;
    Ok(product::root().join("target/release/examples/lab"))
}

async fn install(testbed: &Testbed, program: &Path) -> anyhow::Result<()> {
    let crds = command::run(Command::new(program).arg("crds")).await?;
    for crd in crds.lines() {
        testbed.apply(crd).await?;
    }
    let api: Api<CustomResourceDefinition> = Api::all(testbed.client());
    for name in CRDS {
        let wait = Duration::from_secs(30);
        wait_condition(&api, name, "Established", "True", wait).await?;
    }
    Ok(())
}

async fn configure(testbed: &Testbed, directory: &Path) -> anyhow::Result<()> {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "admin", "namespace": NAMESPACE},
        "stringData": {"password": "unused"},
    });
    let config = json!({
        "apiVersion": format!("{GROUP}/v1alpha1"), "kind": "ProviderConfig",
        "metadata": {"name": "default", "namespace": NAMESPACE},
        "spec": {
            "directory": directory.join("shelf").display().to_string(),
            "passwordSecretRef": {"name": "admin", "key": "password"},
        },
    });
    testbed.apply(&secret.to_string()).await?;
    testbed.apply(&config.to_string()).await
}

fn item(name: &str) -> Value {
    json!({
        "forProvider": {"content": "something"},
        "providerConfigRef": {"kind": "ProviderConfig", "name": "default"},
        "writeConnectionSecretToRef": {"name": name},
    })
}

fn kind(kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, "v1alpha1", kind), plural)
}

/// Takes away everything that a measurement makes in the cluster.
pub(super) async fn clear(testbed: &Testbed) -> anyhow::Result<()> {
    let kinds = [
        kind("Item", "items"),
        kind("ProviderConfigUsage", "providerconfigusages"),
        kind("ProviderConfig", "providerconfigs"),
    ];
    population::clear(&testbed.client(), NAMESPACE, &kinds).await?;
    let api: Api<CustomResourceDefinition> = Api::all(testbed.client());
    for name in CRDS {
        match api.delete(name, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            deleted => drop(deleted?),
        }
    }
    Ok(())
}
