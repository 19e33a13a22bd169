//! The figures, as they are written down.

use std::cmp::Ordering;

use serde::Serialize;

use super::super::conditions::Machine;
use super::asked::Asked;
use super::side::Side;
use crate::image::VCLUSTER;
use crate::{Testbed, tools};

/// Everything that was measured.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Figures {
    pub(super) conditions: Conditions,
    pub(super) measured: Vec<Measured>,
}

/// Where, when and with what it was measured.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Conditions {
    #[serde(flatten)]
    pub(super) machine: Machine,
    pub(super) versions: Versions,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Versions {
    pub(super) provider_tenancy: &'static str,
    pub(super) provider_helm: &'static str,
    pub(super) provider_kubernetes: &'static str,
    pub(super) vcluster: &'static str,
    pub(super) kubernetes: String,
}

/// One way to make a virtual cluster.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Measured {
    pub(super) providers: &'static str,
    /// Of every figure by itself.
    pub(super) median: Run,
    pub(super) runs: Vec<Run>,
}

/// One virtual cluster.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Run {
    pub(super) usable_seconds: f64,
    pub(super) until_usable: Asked,
    /// Until 70 s after it was usable; `until_usable` included.
    pub(super) until_second_look: Asked,
    pub(super) cpu_seconds_until_usable: f64,
    pub(super) cpu_seconds: f64,
    pub(super) resident_mib: f64,
    /// The most that each process ever had, summed.
    pub(super) peak_mib: f64,
    pub(super) repairs: Vec<Repair>,
}

/// What became of a change by hand.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Repair {
    pub(super) what: &'static str,
    /// None when two polls did not bring it back.
    pub(super) seconds: Option<f64>,
}

impl Conditions {
    /// Here and now.
    pub(super) async fn found(testbed: &Testbed) -> anyhow::Result<Self> {
        let kubernetes = testbed.client().apiserver_version().await?.git_version;
        Ok(Self {
            machine: Machine::found()?,
            versions: Versions {
                provider_tenancy: env!("CARGO_PKG_VERSION"),
                provider_helm: tools::provider_helm_version(),
                provider_kubernetes: tools::provider_kubernetes_version(),
                vcluster: vcluster_version(),
                kubernetes,
            },
        })
    }
}

/// The version of vCluster that the testbed has.
pub(super) fn vcluster_version() -> &'static str {
    VCLUSTER
        .rsplit_once(':')
        .map_or(VCLUSTER, |(_, version)| version)
}

impl Figures {
    /// None yet.
    pub(super) const fn under(conditions: Conditions) -> Self {
        Self {
            conditions,
            measured: Vec::new(),
        }
    }
}

impl Measured {
    /// None yet.
    pub(super) fn nothing_of(side: &Side) -> Self {
        Self {
            providers: side.name,
            median: Run::default(),
            runs: Vec::new(),
        }
    }

    /// With one more.
    pub(super) fn add(&mut self, run: Run) {
        self.runs.push(run);
        self.median = median_of(&self.runs);
    }
}

fn median_of(runs: &[Run]) -> Run {
    let asked = |of: fn(&Run) -> Asked| Asked {
        writes: median(runs.iter().map(|run| of(run).writes)),
        events: median(runs.iter().map(|run| of(run).events)),
        reads: median(runs.iter().map(|run| of(run).reads)),
    };
    let figure = |of: fn(&Run) -> f64| median(runs.iter().map(of));
    Run {
        usable_seconds: figure(|run| run.usable_seconds),
        until_usable: asked(|run| run.until_usable),
        until_second_look: asked(|run| run.until_second_look),
        cpu_seconds_until_usable: figure(|run| run.cpu_seconds_until_usable),
        cpu_seconds: figure(|run| run.cpu_seconds),
        resident_mib: figure(|run| run.resident_mib),
        peak_mib: figure(|run| run.peak_mib),
        repairs: repairs(runs),
    }
}

/// A change that was never undone took longest.
fn repairs(runs: &[Run]) -> Vec<Repair> {
    let first = runs.first().map(|run| run.repairs.as_slice());
    let changes = first.unwrap_or_default().iter().enumerate();
    let of_change = |(index, repair): (usize, &Repair)| {
        let seconds = runs.iter().filter_map(|run| run.repairs.get(index));
        let seconds = median(seconds.map(|one| one.seconds.unwrap_or(f64::INFINITY)));
        Repair {
            what: repair.what,
            seconds: seconds.is_finite().then_some(seconds),
        }
    };
    changes.map(of_change).collect()
}

/// The higher one of the middle two of an even number.
fn median<T: Copy + Default + PartialOrd>(values: impl Iterator<Item = T>) -> T {
    let mut values: Vec<_> = values.collect();
    values.sort_by(|one, other| one.partial_cmp(other).unwrap_or(Ordering::Equal));
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(usable_seconds: f64, seconds: Option<f64>) -> Run {
        Run {
            usable_seconds,
            repairs: vec![Repair {
                what: "it",
                seconds,
            }],
            ..Run::default()
        }
    }

    #[test]
    fn the_median_is_told_of_each_figure_by_itself() {
        let runs = [run(3.0, Some(9.0)), run(1.0, Some(8.0)), run(2.0, None)];
        let median = median_of(&runs);
        assert_eq!(format!("{:.1}", median.usable_seconds), "2.0");
        assert_eq!(median.repairs[0].seconds, Some(9.0));
    }

    #[test]
    fn what_is_mostly_not_undone_is_told_to_be_never_undone() {
        let runs = [run(3.0, None), run(1.0, Some(8.0)), run(2.0, None)];
        assert_eq!(median_of(&runs).repairs[0].seconds, None);
        assert!(median_of(&[]).repairs.is_empty());
    }
}
