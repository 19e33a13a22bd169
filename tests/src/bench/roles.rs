//! Roles in the same `PostgreSQL`, by our provider and by provider-sql.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::api_server::Writes;
use super::contender::{self, Contender};
use super::figures::{Roles, per};
use super::population::{self, Population};
use super::subject::Subject;
use crate::paths::Paths;
use crate::product::Flavour;
use crate::progress::{say, step};
use crate::story::Stage;
use crate::{HostProvider, Postgres, Session, Testbed};

const NAMESPACE: &str = "bench-roles";
/// After this long every Role of ours has had its second look, at which it writes once more.
const SECOND_LOOK: Duration = Duration::from_secs(70);
/// A run that takes longer is ended, and its figures say how far it came.
const PATIENCE: Duration = Duration::from_secs(600);
const BETWEEN_SAMPLES: Duration = Duration::from_millis(100);
const RATE: &str = "--max-reconcile-rate=100";

/// Measures every number of Roles with ours, whose default rate is 100, and with provider-sql at its
/// default rate of 10 and at that of ours.
pub(super) async fn measure(
    testbed: &Testbed,
    paths: &Paths,
    counts: &[usize],
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
    count: usize,
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
    let sessions = Sessions::watch(postgres).await?;
    fill(
        testbed,
        &population,
        &subject,
        contender,
        sessions,
        &mut roles,
    )
    .await?;
    subject.stop().await?;
    Ok(roles)
}

async fn fill(
    testbed: &Testbed,
    population: &Population,
    subject: &Subject,
    contender: &Contender,
    sessions: Sessions,
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
    (roles.sessions_at_once, roles.sessions_opened) = sessions.end().await?;
    let used = subject.cost()?;
    roles.cpu_seconds = used.cpu_seconds - cost.cpu_seconds;
    (roles.resident_mib, roles.peak_mib) = (used.resident_mib, used.peak_mib);
    let per_role = async || {
        let writes = Writes::so_far(&client).await?.since(&before);
        let written = contender.written();
        let theirs = writes.of(&written.each_ref().map(String::as_str));
        anyhow::Ok(per(theirs.saturating_sub(count as u64), count))
    };
    roles.writes_per_role_until_ready = per_role().await?;
    say("until the second look");
    tokio::time::sleep(SECOND_LOOK).await;
    roles.writes_per_role = per_role().await?;
    Ok(())
}

/// Counts the sessions of others.
struct Sessions {
    most: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    sampling: JoinHandle<anyhow::Result<u64>>,
}

impl Sessions {
    /// Begins to count.
    async fn watch(postgres: &Postgres) -> anyhow::Result<Self> {
        let session = postgres.superuser("postgres").await?;
        let before = opened(&session).await?;
        let (most, is_over) = (
            Arc::new(AtomicU64::new(0)),
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
    async fn end(self) -> anyhow::Result<(u64, u64)> {
        self.is_over.store(true, Ordering::Relaxed);
        let opened = self.sampling.await??;
        Ok((self.most.load(Ordering::Relaxed), opened))
    }
}

async fn at_once(session: &Session) -> anyhow::Result<u64> {
    let others = "select count(*) from pg_stat_activity \
                  where backend_type = 'client backend' and application_name <> 'testbed'";
    count(session, others).await
}

/// Sessions since the statistics began, in every database; those that are still open count once they report.
async fn opened(session: &Session) -> anyhow::Result<u64> {
    let sum = "select sum(sessions)::bigint from pg_stat_database";
    count(session, sum).await
}

async fn count(session: &Session, query: &str) -> anyhow::Result<u64> {
    let count: i64 = session.query_one(query, &[]).await?.get(0);
    Ok(count.unsigned_abs())
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
