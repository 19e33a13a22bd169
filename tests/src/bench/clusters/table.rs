//! The figures, for a person.

use std::fmt::Write as _;

use super::super::table::{Row, in_tenths, memory, table};
use super::asked::Asked;
use super::figures::{Figures, Measured, Run, Versions};

impl Figures {
    /// As a table of medians.
    pub(super) fn table(&self) -> String {
        let Versions {
            provider_tenancy,
            provider_helm,
            provider_kubernetes,
            vcluster,
            kubernetes,
        } = &self.conditions.versions;
        let machine = self.conditions.machine.describe();
        let mut text = format!(
            "\n{machine}\nprovider-tenancy {provider_tenancy}, provider-helm {provider_helm}, provider-kubernetes \
             {provider_kubernetes}, vCluster {vcluster}, Kubernetes {kubernetes}\n\nOne virtual cluster, medians\n"
        );
        let measured = self.measured.iter().filter(|one| !one.runs.is_empty());
        let measured: Vec<_> = measured.cloned().collect();
        table(&mut text, &measured, ROWS);
        repairs(&mut text, &measured);
        text
    }
}

const ROWS: &[Row<Measured>] = &[
    ("", |one| one.providers.to_owned()),
    ("runs", |one| one.runs.len().to_string()),
    ("claim to usable kubeconfig, s", |one| {
        in_tenths(one.median.usable_seconds)
    }),
    ("  fastest / slowest, s", |one| range(&one.runs)),
    ("until usable: writes / reads / events", |one| {
        asked(one.median.until_usable)
    }),
    ("until second look: writes / reads / events", |one| {
        asked(one.median.until_second_look)
    }),
    ("CPU seconds until usable", |one| {
        format!("{:.2}", one.median.cpu_seconds_until_usable)
    }),
    ("CPU seconds until second look", |one| {
        format!("{:.2}", one.median.cpu_seconds)
    }),
    ("memory/at most, MiB", |one| {
        memory(one.median.resident_mib, one.median.peak_mib)
    }),
];

fn range(runs: &[Run]) -> String {
    let seconds = runs.iter().map(|run| run.usable_seconds);
    let fastest = seconds.clone().fold(f64::INFINITY, f64::min);
    let slowest = seconds.fold(0.0, f64::max);
    format!("{fastest:.1} / {slowest:.1}")
}

fn asked(asked: Asked) -> String {
    let Asked {
        writes,
        events,
        reads,
    } = asked;
    format!("{writes} / {reads} / {events}")
}

/// A row for each change by hand.
fn repairs(text: &mut String, measured: &[Measured]) {
    let changes = measured.first().map(|one| one.median.repairs.as_slice());
    for (index, change) in changes.unwrap_or_default().iter().enumerate() {
        let seconds = |one: &Measured| one.median.repairs.get(index)?.seconds;
        let shown = measured.iter().map(|one| {
            let shown = seconds(one).map_or_else(|| "never".to_owned(), in_tenths);
            format!("{shown:>34}")
        });
        let name = format!("{}, s", change.what);
        let _never_fails = writeln!(text, "{name:<48}{}", shown.collect::<String>());
    }
}
