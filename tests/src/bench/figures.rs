//! The figures, as they are written down.

use serde::Serialize;

use super::conditions::Conditions;
use super::looks::Latency;

/// Everything that was measured.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Figures {
    pub(super) conditions: Conditions,
    pub(super) scale: Vec<Scale>,
    pub(super) roles: Vec<Roles>,
}

/// The runtime with one number of resources.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Scale {
    pub(super) resources: usize,
    pub(super) ready: usize,
    pub(super) ready_seconds: f64,
    /// Until every one has had its second look, after which nothing is left to write.
    pub(super) writes_per_resource: f64,
    pub(super) writes_per_resource_until_ready: f64,
    pub(super) events_per_resource: f64,
    pub(super) cpu_seconds_per_1000: f64,
    pub(super) rest_seconds: f64,
    pub(super) looks_at_rest: u64,
    pub(super) writes_at_rest: u64,
    pub(super) cpu_percent_at_rest: f64,
    pub(super) first_look_at_rest: Latency,
    pub(super) resident_mib: f64,
    pub(super) peak_mib: f64,
    pub(super) first_look_after_restart: Latency,
    pub(super) restart_seconds: f64,
    pub(super) resident_after_restart_mib: f64,
    pub(super) peak_after_restart_mib: f64,
    /// Nobody knows when it did not come to its end.
    pub(super) delete_seconds: Option<f64>,
}

/// One provider with one number of Roles.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Roles {
    pub(super) provider: &'static str,
    pub(super) flags: String,
    pub(super) count: usize,
    pub(super) ready: usize,
    pub(super) ready_seconds: f64,
    /// Until a minute after all were Ready: both providers write a little more at later looks.
    pub(super) writes_per_role: f64,
    pub(super) writes_per_role_until_ready: f64,
    pub(super) sessions_at_once: u64,
    pub(super) sessions_opened: u64,
    pub(super) cpu_seconds: f64,
    pub(super) resident_mib: f64,
    pub(super) peak_mib: f64,
}

/// How many for each of so many. Counts are far from what a floating point number cannot hold.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a benchmark are small"
)]
pub(super) fn per(total: u64, count: usize) -> f64 {
    total as f64 / count as f64
}

impl Figures {
    /// None yet.
    pub(super) const fn under(conditions: Conditions) -> Self {
        Self {
            conditions,
            scale: Vec::new(),
            roles: Vec::new(),
        }
    }
}
