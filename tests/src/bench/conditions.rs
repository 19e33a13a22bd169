//! Where, when and with what it was measured.

use std::time::SystemTime;

use anyhow::Context;
use k8s_openapi::jiff::Timestamp;
use serde::Serialize;

use crate::{Testbed, tools};

/// What a figure depends on beside the program.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Conditions {
    #[serde(flatten)]
    machine: Machine,
    versions: Versions,
}

/// The machine, and when it was measured.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Machine {
    date: String,
    processors: usize,
    memory_gib: f64,
    kernel: String,
    /// Processes that wanted to run in the minute before, on average.
    load_before: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Versions {
    provider_tenancy: &'static str,
    provider_sql: &'static str,
    kubernetes: String,
    postgresql: String,
}

impl Conditions {
    /// Here and now.
    pub(super) async fn found(testbed: &Testbed) -> anyhow::Result<Self> {
        Ok(Self {
            machine: Machine::found()?,
            versions: Versions::found(testbed).await?,
        })
    }

    /// In two lines.
    pub(super) fn describe(&self) -> String {
        let Versions {
            provider_tenancy,
            provider_sql,
            kubernetes,
            postgresql,
        } = &self.versions;
        format!(
            "{}\nprovider-tenancy {provider_tenancy}, provider-sql {provider_sql}, Kubernetes {kubernetes}, PostgreSQL {postgresql}",
            self.machine.describe()
        )
    }
}

impl Machine {
    /// Here and now.
    pub(super) fn found() -> anyhow::Result<Self> {
        let date = Timestamp::try_from(SystemTime::now())?;
        Ok(Self {
            date: date.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            processors: std::thread::available_parallelism()?.get(),
            memory_gib: memory_kib()? / 1024.0 / 1024.0,
            kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            load_before: load()?,
        })
    }

    /// In a line.
    pub(super) fn describe(&self) -> String {
        let Self {
            date,
            processors,
            memory_gib,
            kernel,
            load_before,
        } = self;
        format!(
            "{date}, {processors} processors, {memory_gib:.0} GiB of memory, Linux {kernel}, load {load_before} before"
        )
    }
}

impl Versions {
    async fn found(testbed: &Testbed) -> anyhow::Result<Self> {
        let postgres = testbed.default_postgres().await?;
        let session = postgres.superuser("postgres").await?;
        let server = session.query_one("show server_version", &[]).await?;
        Ok(Self {
            provider_tenancy: env!("CARGO_PKG_VERSION"),
            provider_sql: tools::provider_sql_version(),
            kubernetes: testbed.client().apiserver_version().await?.git_version,
            postgresql: server.get(0),
        })
    }
}

fn memory_kib() -> anyhow::Result<f64> {
    let memory = read("/proc/meminfo")?;
    let line = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.context("/proc/meminfo does not say how much memory there is: mount the kernel's own /proc")
}

fn load() -> anyhow::Result<f64> {
    let load = read("/proc/loadavg")?;
    let minute = load.split(' ').next().and_then(|load| load.parse().ok());
    minute.context("/proc/loadavg is not the kernel's: mount its own /proc")
}

fn read(file: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("no {file}: mount /proc"))
}
