//! The provider dies at random moments, by SIGKILL, while it creates, updates and deletes: no
//! credential is lost or mismatched, nothing exists twice, nothing is left behind.
//!
//! In every round some services are made, those of the round before are changed, and those of the
//! round before that are deleted, all at once and while the provider is killed. So each service meets
//! a kill in each of the three.

mod service;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures::future::{join_all, try_join_all};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use testbed::{CROSSPLANE_NAMESPACE, HostProvider, Scene, Tenant, Testbed, wait_for};

use self::service::{Phase, Service};

const ROUNDS: usize = 50;
/// Services made in each round.
const SERVICES: usize = 2;
/// The longest time, in milliseconds, that the provider lives before it is killed.
const LONGEST_LIFE: u64 = 400;

#[tokio::test]
async fn a_provider_killed_at_any_moment_loses_and_mixes_up_no_credential() -> anyhow::Result<()> {
    let scene = Scene::alone().await?;
    let seed = rand::rng().random();
    eprintln!("the moments are those of seed {seed}");
    let (username, password) = installed_admin(&scene).await?;
    let postgres = scene.default_postgres().await?;
    let tenant = Tenant::on(&scene, "killed", postgres, (&username, &password)).await?;
    let provider = HostProvider::take_over(&scene).await?;
    let mut story = Story {
        tenant,
        provider,
        random: StdRng::seed_from_u64(seed),
        services: Vec::new(),
        kills: 0,
        hits: 0,
    };
    let started = Instant::now();
    for round in 0..ROUNDS + 2 {
        let what = || format!("round {round} of seed {seed}");
        story.round(round).await.with_context(what)?;
    }
    eprintln!(
        "{ROUNDS} rounds, {} kills, {} of them in the middle of the work, {:.0} s",
        story.kills,
        story.hits,
        started.elapsed().as_secs_f32()
    );
    ensure!(story.hits * 4 > story.kills, "too few kills hit anything");
    story.finish().await
}

struct Story {
    tenant: Tenant,
    provider: HostProvider,
    random: StdRng,
    services: Vec<Service>,
    kills: usize,
    hits: usize,
}

impl Story {
    /// One round: the work is given out, the provider is killed, and when it has come back everything
    /// is as it was asked for.
    async fn round(&mut self, round: usize) -> anyhow::Result<()> {
        self.services
            .retain(|service| service.phase != Phase::Deleted);
        for service in &mut self.services {
            service.advance(self.random.random());
        }
        if round < ROUNDS {
            let fresh = (0..SERVICES).map(|number| Service::new(&self.tenant, round, number));
            self.services.extend(fresh);
        }
        self.provider.start()?;
        let life = self.random_life();
        let work = async {
            let given = self
                .services
                .iter()
                .map(|service| service.give_out(&self.tenant));
            try_join_all(given).await.map(drop)
        };
        let (given, killed) = tokio::join!(work, kill_after(&mut self.provider, life));
        given?;
        killed?;
        self.count_kill().await?;
        while self.random.random_bool(0.5) {
            self.provider.start()?;
            let life = self.random_life();
            kill_after(&mut self.provider, life).await?;
            self.count_kill().await?;
        }
        self.provider.start()?;
        self.until_done().await?;
        self.nothing_is_there_twice().await
    }

    fn random_life(&mut self) -> Duration {
        Duration::from_millis(self.random.random_range(0..=LONGEST_LIFE))
    }

    async fn count_kill(&mut self) -> anyhow::Result<()> {
        let states = try_join_all(self.services.iter().map(Service::progress)).await?;
        let (begun, done): (Vec<_>, Vec<_>) = states.into_iter().unzip();
        self.kills += 1;
        self.hits += usize::from(begun.contains(&true) && done.contains(&false));
        Ok(())
    }

    async fn until_done(&self) -> anyhow::Result<()> {
        let verdicts = async || {
            join_all(
                self.services
                    .iter()
                    .map(|service| service.check(&self.tenant)),
            )
            .await
        };
        let done = wait_for(
            "the services to be as they should",
            Duration::from_secs(30),
            async || Ok(verdicts().await.iter().all(Result::is_ok)),
        );
        if let Err(error) = done.await {
            let wrong: Vec<_> = verdicts()
                .await
                .into_iter()
                .filter_map(Result::err)
                .collect();
            let wrong = wrong
                .iter()
                .map(|error| format!("{error:#}"))
                .collect::<Vec<_>>()
                .join("\n");
            return Err(error.context(format!("{wrong}\n{}", self.provider.log())));
        }
        Ok(())
    }

    async fn nothing_is_there_twice(&self) -> anyhow::Result<()> {
        let there = self
            .services
            .iter()
            .filter(|service| service.phase != Phase::Deleted);
        let mut expected: Vec<_> = there
            .flat_map(|service| service.on_server(&self.tenant))
            .collect();
        expected.sort();
        let found = self.tenant.on_server().await?;
        ensure!(
            found == expected,
            "on the server are {found:?} and not {expected:?}"
        );
        Ok(())
    }

    async fn finish(self) -> anyhow::Result<()> {
        let Self {
            tenant, provider, ..
        } = self;
        tenant.start_deletion().await?;
        tenant.until_gone().await?;
        provider.give_back().await?;
        tenant.finish().await
    }
}

async fn kill_after(provider: &mut HostProvider, life: Duration) -> anyhow::Result<()> {
    tokio::time::sleep(life).await;
    provider.kill().await
}

/// The administrator that the product is installed with: no superuser.
async fn installed_admin(testbed: &Testbed) -> anyhow::Result<(String, String)> {
    let api: Api<Secret> = Api::namespaced(testbed.client(), CROSSPLANE_NAMESPACE);
    let data: BTreeMap<_, _> = api.get("postgresql-admin").await?.data.unwrap_or_default();
    let value = |key: &str| {
        let value = data
            .get(key)
            .with_context(|| format!("postgresql-admin has no {key}"))?;
        Ok::<_, anyhow::Error>(String::from_utf8(value.0.clone())?)
    };
    Ok((value("username")?, value("password")?))
}
