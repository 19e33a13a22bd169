//! The provider dies by SIGKILL after each step of a cluster's way in and out, and at random moments in
//! between: the end is the same as without.
//!
//! A step is whatever can be seen to change for the first time: an object that comes, turns Ready or
//! goes, on the host cluster or in Vault.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use testbed::HostProvider;
use testbed::product::Flavour;
use testbed::story::{Credentials, Stage};
use tokio::time::sleep;

use crate::sight::{self, Seen};
use crate::team::{Team, holds};

const PATIENCE: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_millis(5);
/// Nothing has changed for so long before it is asked whether the end is reached, which takes time.
const QUIET: Duration = Duration::from_secs(1);
/// The longest time, in milliseconds, until a provider is killed that is killed at random.
const LONGEST_LIFE: u64 = 600;
/// Kills at random on the way in, and as many on the way out.
const AT_RANDOM: usize = 15;

#[tokio::test]
async fn a_provider_killed_at_every_step_of_a_cluster_loses_nothing_and_leaves_nothing()
-> anyhow::Result<()> {
    let stage = Stage::alone(Flavour::Namespaced, "vck").await?;
    let team = Team::of(&stage, "dev");
    let seed = rand::rng().random();
    eprintln!("the moments are those of seed {seed}");
    let mut story = Story {
        stage: &stage,
        team: &team,
        provider: HostProvider::take_over(&stage.testbed).await?,
        random: StdRng::seed_from_u64(seed),
        known: Seen::new(),
        kills: Vec::new(),
    };
    team.claim().await?;
    let is_ready = async || Ok(holds(&team.status().await?, "Ready"));
    story.killing_until("Ready", is_ready).await?;
    everything_is_there_once_and_works(&stage, &team).await?;
    story.tell("until Ready");
    team.delete().await?;
    let is_gone = async || Ok(team.remains().await?.is_empty());
    story.killing_until("gone", is_gone).await?;
    ensure!(
        sight::look(&stage, &team).await?.is_empty(),
        "something is left"
    );
    story.tell("until gone");
    story.provider.give_back().await?;
    stage.finish().await
}

struct Story<'a> {
    stage: &'a Stage,
    team: &'a Team<'a>,
    provider: HostProvider,
    random: StdRng,
    /// What was seen at any time, and what was seen to go.
    known: Seen,
    /// After which step the provider was killed; none for a random moment.
    kills: Vec<Option<String>>,
}

/// How the life of one provider ends.
enum End {
    Done,
    Kill(Option<String>),
}

impl Story<'_> {
    /// Starts the provider and kills it, until what is waited for has come; then it lives on.
    async fn killing_until(
        &mut self,
        what: &str,
        is_so: impl AsyncFn() -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        let mut at_random = AT_RANDOM;
        let mut last = self.look().await?;
        loop {
            self.provider.start()?;
            let is_random = at_random > 0 && self.random.random_bool(0.7);
            let life = self.random.random_range(0..=LONGEST_LIFE);
            let life = is_random.then(|| Duration::from_millis(life));
            match self.live(&mut last, life, &is_so, until).await {
                Ok(End::Done) => return Ok(()),
                Ok(End::Kill(step)) => {
                    at_random -= usize::from(step.is_none());
                    self.kills.push(step);
                }
                Err(error) => {
                    let log = self.provider.log();
                    return Err(error.context(format!("waiting for the claim to be {what}: {log}")));
                }
            }
            self.provider.kill().await?;
            last = self.look().await?;
            self.new_step(&Seen::new(), &last);
        }
    }

    /// One life of the provider, until a step is seen or its time is over.
    async fn live(
        &mut self,
        last: &mut Seen,
        life: Option<Duration>,
        is_so: impl AsyncFn() -> anyhow::Result<bool>,
        until: Instant,
    ) -> anyhow::Result<End> {
        let born = Instant::now();
        let mut changed = born;
        loop {
            let now = self.look().await?;
            if let Some(step) = self.new_step(last, &now) {
                return Ok(End::Kill(Some(step)));
            }
            if *last != now {
                (*last, changed) = (now, Instant::now());
            }
            if life.is_some_and(|life| born.elapsed() >= life) {
                return Ok(End::Kill(None));
            }
            if changed.elapsed() > QUIET && is_so().await? {
                return Ok(End::Done);
            }
            ensure!(Instant::now() < until, "waited {PATIENCE:?} in vain");
            sleep(PAUSE).await;
        }
    }

    async fn look(&self) -> anyhow::Result<Seen> {
        sight::look(self.stage, self.team).await
    }

    /// A step between two looks that was not seen before. All of them are known afterwards.
    fn new_step(&mut self, last: &Seen, now: &Seen) -> Option<String> {
        let came = now.difference(last).cloned();
        let went = last.difference(now).map(|line| format!("{line} gone"));
        let steps: Vec<_> = came.chain(went).collect();
        let mut fresh = steps
            .into_iter()
            .filter(|step| self.known.insert(step.clone()));
        let first = fresh.next();
        fresh.for_each(drop);
        first
    }

    /// Prints where the provider was killed, and forgets it.
    fn tell(&mut self, what: &str) {
        let kills = std::mem::take(&mut self.kills);
        let steps: Vec<_> = kills.iter().flatten().map(String::as_str).collect();
        eprintln!(
            "{} kills {what}, {} at random, {} right after: {}",
            kills.len(),
            kills.len() - steps.len(),
            steps.len(),
            steps.join(", ")
        );
    }
}

/// One of everything, and credentials that are the same everywhere and work.
async fn everything_is_there_once_and_works(stage: &Stage, team: &Team<'_>) -> anyhow::Result<()> {
    let status = team.ready().await?;
    team.assert_status(&status)?;
    let parts = sight::parts(stage).await?;
    for kind in ["Namespace", "Deployment", "Service", "RoleBinding"] {
        let of_kind = format!("{kind} ");
        let of_kind = parts
            .iter()
            .filter(|part| part.starts_with(&of_kind))
            .count();
        ensure!(of_kind == 1, "{of_kind} of {kind}: {parts:?}");
    }
    let mounts = stage.vault.read("sys/auth").await?.context("no mounts")?;
    let mounts = mounts.as_object().into_iter().flatten();
    let mine: Vec<_> = mounts
        .filter(|(path, _)| path.contains(stage.name()))
        .collect();
    ensure!(mine.len() == 1, "{mine:?}");
    let path = status["vaultPath"].as_str().context("no vaultPath")?;
    let in_vault = Credentials::read(stage, path)
        .await?
        .context("no credentials")?;
    ensure!(in_vault.version == 1, "written {} times", in_vault.version);
    let secret = connection(stage, &status).await?;
    ensure!(
        secret["kubeconfig"] == in_vault.get("kubeconfig"),
        "another kubeconfig"
    );
    let cluster = team.cluster_from_vault(&status).await?;
    let token = cluster
        .token("external-secrets-system", "external-secrets")
        .await?;
    team.log_in(&token).await.map(drop)
}

/// What the connection Secret holds, in base64.
async fn connection(stage: &Stage, status: &Value) -> anyhow::Result<Value> {
    let name = status["kubeconfigSecretName"].as_str().context("no name")?;
    let text = stage
        .kubectl(&["get", "secret", name, "-o", "json"])
        .await?;
    let secret: Value = serde_json::from_str(&text)?;
    ensure!(secret["data"].is_object(), "{name} holds nothing");
    Ok(secret["data"].clone())
}
