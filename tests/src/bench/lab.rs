//! The runtime with an external system that costs next to nothing: `provider/managed/examples/lab`.

mod installation;

use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use kube::Api;
use kube::api::DynamicObject;

pub(super) use self::installation::clear;
use self::installation::{Installation, NAMESPACE, item, kind};
use super::api_server::Writes;
use super::figures::{Scale, per};
use super::looks::Looks;
use super::population::Population;
use super::subject::Subject;
use crate::paths::Paths;
use crate::progress::{say, step};
use crate::{Testbed, wait_condition, wait_for};

/// What a new resource makes the provider write.
const WRITTEN: [&str; 3] = [
    "items.lab.pnats.cloud",
    "providerconfigusages.lab.pnats.cloud",
    "secrets",
];
/// What else it could write while nothing happens.
const WRITTEN_AT_REST: [&str; 6] = [
    "items.lab.pnats.cloud",
    "providerconfigusages.lab.pnats.cloud",
    "secrets",
    "providerconfigs.lab.pnats.cloud",
    "clusterproviderconfigs.lab.pnats.cloud",
    "events",
];
/// Where the provider serves its metrics.
const METRICS: &str = "127.0.0.1:18097";
/// How the names of resources begin that are created while the provider starts anew.
const BACKLOG: &str = "backlog";
/// The longest poll, with its jitter.
const POLL: Duration = Duration::from_secs(66);
/// How often it is asked how far the polls have come.
const PAUSE: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(1_800);

/// One measurement.
struct Measurement<'a> {
    testbed: &'a Testbed,
    installation: Installation,
    population: Population,
    count: usize,
}

/// Measures with so many resources. What was measured before something failed stays in `figures`.
pub(super) async fn measure(
    testbed: &Testbed,
    paths: &Paths,
    count: usize,
    figures: &mut Vec<Scale>,
) -> anyhow::Result<()> {
    let program = installation::build().await?;
    clear(testbed, paths).await?;
    let population =
        Population::new(testbed.client(), NAMESPACE, kind("Item", "items"), item).await?;
    let installation = Installation::new(testbed, paths, program).await?;
    let measurement = Measurement {
        testbed,
        installation,
        population,
        count,
    };
    let what = format!("measure the runtime with {count} resources");
    let (scale, subject) = step(&what, measurement.run()).await?;
    figures.push(scale);
    let took = measurement.delete().await?;
    if let Some(scale) = figures.last_mut() {
        scale.delete_seconds = Some(took);
    }
    subject.stop().await?;
    clear(testbed, paths).await
}

impl Measurement<'_> {
    /// From the first create to the end of a restart; the provider still runs then.
    async fn run(&self) -> anyhow::Result<(Scale, Subject)> {
        let mut scale = Scale {
            resources: self.count,
            ..Scale::default()
        };
        let (subject, looks) = self.start("first")?;
        self.until_served().await?;
        self.fill(&subject, &mut scale).await?;
        self.rest(&subject, &mut scale).await?;
        say("first looks at rest");
        let create = async |name: &str| self.population.create(name).await;
        scale.first_look_at_rest = looks.of_new("rest", create).await?;
        let used = subject.cost()?;
        (scale.resident_mib, scale.peak_mib) = (used.resident_mib, used.peak_mib);
        subject.stop().await?;
        let subject = self.restart(&mut scale).await?;
        Ok((scale, subject))
    }

    async fn delete(&self) -> anyhow::Result<f64> {
        say("delete");
        let started = Instant::now();
        self.population.delete_all().await?;
        Ok(started.elapsed().as_secs_f64())
    }

    /// From the first create until there is nothing left to write.
    async fn fill(&self, subject: &Subject, scale: &mut Scale) -> anyhow::Result<()> {
        say("create all");
        let client = self.testbed.client();
        let names: Vec<_> = (0..self.count)
            .map(|number| format!("item-{number}"))
            .collect();
        let (before, cost) = (Writes::so_far(&client).await?, subject.cost()?);
        let started = Instant::now();
        let (created, ready) = tokio::join!(
            self.population.create_all(&names),
            self.population.until_ready(self.count, PATIENCE)
        );
        created?;
        scale.ready = ready?;
        scale.ready_seconds = started.elapsed().as_secs_f64();
        let seconds = subject.cost()?.cpu_seconds - cost.cpu_seconds;
        scale.cpu_seconds_per_1000 = seconds * 1_000.0 / per(self.count as u64, 1);
        scale.writes_per_resource_until_ready = self.writes(&before).await?.0;
        say("until the second look");
        // So many looks are not yet one at each: some are looked at once more.
        let (looked, ()) = tokio::join!(self.looks(1), tokio::time::sleep(POLL));
        looked?;
        (scale.writes_per_resource, scale.events_per_resource) = self.writes(&before).await?;
        Ok(())
    }

    /// Writes and events per resource.
    async fn writes(&self, before: &Writes) -> anyhow::Result<(f64, f64)> {
        let writes = Writes::so_far(&self.testbed.client()).await?.since(before);
        // The bench's own create of each is not the provider's.
        let written = writes.of(&WRITTEN).saturating_sub(self.count as u64);
        let events = writes.of(&["events"]);
        Ok((per(written, self.count), per(events, self.count)))
    }

    /// While nothing happens, for at least two polls.
    async fn rest(&self, subject: &Subject, scale: &mut Scale) -> anyhow::Result<()> {
        say("at rest");
        let client = self.testbed.client();
        let (before, cost) = (Writes::so_far(&client).await?, subject.cost()?);
        let started = Instant::now();
        scale.looks_at_rest = self.looks(2).await?;
        let (after, used) = (Writes::so_far(&client).await?, subject.cost()?);
        scale.rest_seconds = started.elapsed().as_secs_f64();
        scale.writes_at_rest = after.since(&before).of(&WRITTEN_AT_REST);
        let seconds = used.cpu_seconds - cost.cpu_seconds;
        scale.cpu_percent_at_rest = seconds * 100.0 / scale.rest_seconds;
        Ok(())
    }

    /// Waits until every resource must have been polled so often, and says how many looks that took. More
    /// resources than the rate allows in a poll take longer.
    async fn looks(&self, polls: u32) -> anyhow::Result<u64> {
        let (before, started) = (looks_so_far().await?, Instant::now());
        let wanted = u64::from(polls) * self.count as u64;
        loop {
            tokio::time::sleep(PAUSE).await;
            let looks = looks_so_far().await? - before;
            if started.elapsed() > POLL * polls && looks >= wanted {
                return Ok(looks);
            }
            anyhow::ensure!(
                started.elapsed() < PATIENCE,
                "only {looks} looks in {PATIENCE:?}: read the log of the lab in `cargo testbed logs`"
            );
        }
    }

    /// Starts the provider anew, and creates resources while it has the backlog of all before it.
    async fn restart(&self, scale: &mut Scale) -> anyhow::Result<Subject> {
        say("restart");
        let started = SystemTime::now();
        let (subject, looks) = self.start("second")?;
        let create = async |name: &str| self.population.create(name).await;
        scale.first_look_after_restart = looks.of_new(BACKLOG, create).await?;
        let of_new = scale.first_look_at_rest.samples + scale.first_look_after_restart.samples;
        let all = self.count + of_new;
        wait_for(
            "every resource to be looked at again",
            PATIENCE,
            async || {
                subject.cost()?;
                Ok(looks.count() >= all)
            },
        )
        .await?;
        let settled = looks.last_beside(BACKLOG).unwrap_or(started);
        scale.restart_seconds = settled.duration_since(started)?.as_secs_f64();
        let used = subject.cost()?;
        scale.resident_after_restart_mib = used.resident_mib;
        scale.peak_after_restart_mib = used.peak_mib;
        Ok(subject)
    }

    fn start(&self, which: &str) -> anyhow::Result<(Subject, Looks)> {
        let seen = self.installation.directory.join(which);
        let arguments = ["run", "--address", METRICS, "--seen"].map(str::to_owned);
        let arguments = [&arguments[..], &[seen.display().to_string()]].concat();
        let Installation {
            program,
            kubeconfig,
            ..
        } = &self.installation;
        let subject = Subject::start(self.testbed, kubeconfig, "lab", program, &arguments)?;
        Ok((subject, Looks(seen)))
    }

    async fn until_served(&self) -> anyhow::Result<()> {
        let api = Api::<DynamicObject>::namespaced_with(
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
