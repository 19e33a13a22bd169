//! Roles in the same `PostgreSQL`, by our provider and by provider-sql.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::api_server::Writes;
use super::contender::{self, Contender};
use super::figures::Roles;
use super::population::{self, Population};
use super::subject::Subject;
use crate::paths::Paths;
use crate::product::Flavour;
use crate::progress::{say, step};
use crate::story::Stage;
use crate::{HostProvider, Postgres, Session, Testbed};

const NAMESPACE: &str = "bench-roles";
/// After this long every Role has had its second look.
const SECOND_LOOK: Duration = Duration::from_secs(66);
/// Longer than a poll, so that every Role is looked at while nothing happens.
const AT_REST: Duration = Duration::from_secs(75);
/// A run that takes longer is ended, and its figures say how far it came.
const PATIENCE: Duration = Duration::from_secs(600);
const BETWEEN_SAMPLES: Duration = Duration::from_millis(100);
const RATE: &str = "--max-reconcile-rate=100";

/// Measures every number of Roles with ours, whose default rate is 100, and with provider-sql at its
/// default rate and at that of ours.
pub(super) async fn measure(
    testbed: &Testbed,
    paths: &Paths,
    counts: &[u32],
    figures: &mut Vec<Roles>,
) -> anyhow::Result<()> {
    let stage = Stage::alone(Flavour::Namespaced, "bench").await?;
    clear(testbed).await?;
    let place = HostProvider::take_over(testbed).await?;
    let (ours, theirs) = (Contender::ours(), Contender::theirs(testbed, paths).await?);
    for count in counts {
        for (contender, flags) in [(&ours, &[][..]), (&theirs, &[]), (&theirs, &[RATE])] {
            let flags: Vec<_> = flags.iter().map(|flag| (*flag).to_owned()).collect();
            let what = format!(
                "measure {} {} with {count} Roles",
                contender.name,
                flags.join(" ")
            );
            let run = one(testbed, &stage.postgres, contender, &flags, *count);
            figures.push(step(&what, run).await?);
            clear(testbed).await?;
        }
    }
    place.give_back().await?;
    stage.finish().await
}

async fn one(
    testbed: &Testbed,
    postgres: &Postgres,
    contender: &Contender,
    flags: &[String],
    count: u32,
) -> anyhow::Result<Roles> {
    let population = Population::new(
        testbed.client(),
        NAMESPACE,
        contender.kind(),
        contender.role,
    )
    .await?;
    contender.configure(testbed, postgres, NAMESPACE).await?;
    let subject = contender.start(testbed, flags)?;
    // Until its caches are filled.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let mut roles = Roles {
        provider: contender.name,
        flags: flags.join(" "),
        count,
        ..Roles::default()
    };
    let watch = Sessions::watch(postgres).await?;
    fill(testbed, &population, &subject, contender, &mut roles).await?;
    (roles.sessions_at_once, roles.sessions_opened) = watch.end().await?;
    rest(testbed, postgres, &subject, contender, &mut roles).await?;
    subject.stop().await?;
    Ok(roles)
}

async fn fill(
    testbed: &Testbed,
    population: &Population,
    subject: &Subject,
    contender: &Contender,
    roles: &mut Roles,
) -> anyhow::Result<()> {
    let (client, count) = (testbed.client(), roles.count);
    let names: Vec<_> = (0..count)
        .map(|number| format!("bench-role-{number}"))
        .collect();
    let (before, cost) = (Writes::so_far(&client).await?, subject.cost()?);
    let started = Instant::now();
    let (created, ready) = tokio::join!(
        population.create_all(&names),
        population.until_ready(count, PATIENCE)
    );
    created?;
    roles.ready = ready?;
    roles.ready_seconds = started.elapsed().as_secs_f64();
    let (after, used) = (Writes::so_far(&client).await?, subject.cost()?);
    let written = contender.written();
    let writes = after
        .since(&before)
        .of(&written.each_ref().map(String::as_str));
    roles.writes_per_role = writes / f64::from(count) - 1.0;
    roles.cpu_seconds = used.cpu_seconds - cost.cpu_seconds;
    roles.resident_mib = used.resident_mib;
    Ok(())
}

async fn rest(
    testbed: &Testbed,
    postgres: &Postgres,
    subject: &Subject,
    contender: &Contender,
    roles: &mut Roles,
) -> anyhow::Result<()> {
    say("at rest");
    // The look after the first one writes once more.
    tokio::time::sleep(SECOND_LOOK).await;
    let client = testbed.client();
    let (before, cost) = (Writes::so_far(&client).await?, subject.cost()?);
    let watch = Sessions::watch(postgres).await?;
    tokio::time::sleep(AT_REST).await;
    let (after, used) = (Writes::so_far(&client).await?, subject.cost()?);
    let written = contender.written();
    roles.writes_at_rest = after
        .since(&before)
        .of(&written.each_ref().map(String::as_str));
    roles.sessions_opened_at_rest = watch.end().await?.1;
    roles.cpu_percent_at_rest =
        (used.cpu_seconds - cost.cpu_seconds) * 100.0 / AT_REST.as_secs_f64();
    Ok(())
}

/// Counts the sessions of others.
struct Sessions {
    most: Arc<AtomicI32>,
    is_over: Arc<AtomicBool>,
    sampling: JoinHandle<anyhow::Result<i32>>,
}

impl Sessions {
    /// Begins to count.
    async fn watch(postgres: &Postgres) -> anyhow::Result<Self> {
        let session = postgres.superuser("postgres").await?;
        let before = opened(&session).await?;
        let (most, is_over) = (
            Arc::new(AtomicI32::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (highest, over) = (Arc::clone(&most), Arc::clone(&is_over));
        let sampling = tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                highest.fetch_max(at_once(&session).await?, Ordering::Relaxed);
                tokio::time::sleep(BETWEEN_SAMPLES).await;
            }
            Ok(opened(&session).await? - before)
        });
        Ok(Self {
            most,
            is_over,
            sampling,
        })
    }

    /// How many there were at once, and how many were opened.
    async fn end(self) -> anyhow::Result<(i32, i32)> {
        self.is_over.store(true, Ordering::Relaxed);
        let opened = self.sampling.await??;
        Ok((self.most.load(Ordering::Relaxed), opened))
    }
}

async fn at_once(session: &Session) -> anyhow::Result<i32> {
    let others = "select count(*)::int from pg_stat_activity \
                  where backend_type = 'client backend' and application_name <> 'testbed'";
    Ok(session.query_one(others, &[]).await?.get(0))
}

/// Sessions since the statistics began, in every database; those that are still open count once they report.
async fn opened(session: &Session) -> anyhow::Result<i32> {
    let sum = "select sum(sessions)::int from pg_stat_database";
    Ok(session.query_one(sum, &[]).await?.get(0))
}

/// Takes away everything that a measurement makes in the cluster and in `PostgreSQL`.
pub(super) async fn clear(testbed: &Testbed) -> anyhow::Result<()> {
    population::clear(&testbed.client(), NAMESPACE, &contender::kinds()).await?;
    let postgres = testbed.default_postgres().await?;
    let session = postgres.superuser("postgres").await?;
    let ours = "select quote_ident(rolname) from pg_roles where rolname like 'bench-role-%'";
    for row in session.query(ours, &[]).await? {
        let role: String = row.get(0);
        session.batch_execute(&format!("drop role {role}")).await?;
    }
    Ok(())
}
