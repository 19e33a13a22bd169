//! How long resources take to get somewhere: the histograms every Crossplane provider exposes, under
//! its names.
//!
//! Kept by UID, so that resources of the same name are not mixed up, and forgotten with the object.
//! What a user changes in the spec is not drift.

use std::{collections::HashMap, sync::Mutex};

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use kube::ResourceExt;
use prometheus_client::{
    metrics::{family::Family, histogram::Histogram},
    registry::Registry,
};

use super::ByGvk;
use crate::{
    condition::{self, READY, SYNCED, UP_TO_DATE},
    kind::Kind,
    outcome::DriftNews,
    resource::{ManagedResource, Status},
};

/// Up to a day, because drift is found by polling and a deletion may wait for people.
const BUCKETS: [f64; 17] = [
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0,
    21_600.0, 86_400.0,
];

type ByKind = Family<ByGvk, Histogram, fn() -> Histogram>;

fn family() -> ByKind {
    ByKind::new_with_constructor(|| Histogram::new(BUCKETS))
}

/// What is remembered of one resource.
#[derive(Debug, Default)]
struct Life {
    awaits_readiness: bool,
    matched_at: Option<Timestamp>,
}

/// The histograms, and what they are measured from.
#[derive(Debug)]
pub(crate) struct Milestones {
    first_reconcile: ByKind,
    first_readiness: ByKind,
    deletion: ByKind,
    drift: ByKind,
    lives: Mutex<HashMap<String, Life>>,
}

impl Default for Milestones {
    fn default() -> Self {
        Self {
            first_reconcile: family(),
            first_readiness: family(),
            deletion: family(),
            drift: family(),
            lives: Mutex::default(),
        }
    }
}

impl Milestones {
    pub(super) fn register(&self, registry: &mut Registry) {
        let all = [
            (
                "first_time_to_reconcile_seconds",
                "Time from creation to the first pass",
                &self.first_reconcile,
            ),
            (
                "first_time_to_readiness_seconds",
                "Time from creation to Ready",
                &self.first_readiness,
            ),
            (
                "deletion_seconds",
                "Time from the request to delete to the end of the object",
                &self.deletion,
            ),
            (
                "drift_seconds",
                "Time from the last pass that found no difference to the correction of drift",
                &self.drift,
            ),
        ];
        for (name, help, family) in all {
            let name = format!("crossplane_managed_resource_{name}");
            registry.register(name, help, family.clone());
        }
    }

    /// Notes a pass and the status it led to.
    pub(crate) fn passed<K: Kind>(
        &self,
        before: &ManagedResource<K>,
        after: &Status<K>,
        drift: &DriftNews,
        now: Timestamp,
    ) {
        let created = before.creation_timestamp();
        let mut lives = self.lives.lock().expect("no panic while held");
        let life = lives.entry(before.uid().unwrap_or_default());
        let life = life.or_insert_with(|| {
            let is_new = !knows(before, SYNCED);
            if is_new {
                measure::<K>(&self.first_reconcile, created.as_ref(), now);
            }
            Life {
                awaits_readiness: is_new,
                matched_at: None,
            }
        });
        if life.awaits_readiness && condition::holds(&after.conditions, READY) {
            life.awaits_readiness = false;
            measure::<K>(&self.first_readiness, created.as_ref(), now);
        }
        if let DriftNews::Corrected(_) = drift {
            let matched = life.matched_at.take().map(Time);
            measure::<K>(&self.drift, matched.as_ref(), now);
        }
        if condition::holds(&after.conditions, UP_TO_DATE) && *drift != DriftNews::Unknown {
            life.matched_at = Some(now);
        }
    }

    /// Notes that a resource was let go.
    pub(crate) fn deleted<K: Kind>(&self, object: &ManagedResource<K>, now: Timestamp) {
        let asked = object.metadata.deletion_timestamp.as_ref();
        measure::<K>(&self.deletion, asked, now);
        self.forget(&object.uid().unwrap_or_default());
    }

    /// Forgets a resource.
    pub(crate) fn forget(&self, uid: &str) {
        self.lives.lock().expect("no panic while held").remove(uid);
    }

    /// How many resources are remembered.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        self.lives.lock().expect("no panic while held").len()
    }
}

fn measure<K: Kind>(family: &ByKind, since: Option<&Time>, now: Timestamp) {
    if let Some(since) = since {
        let seconds = now.duration_since(since.0).as_secs_f64().max(0.0);
        family.get_or_create(&ByGvk::of::<K>()).observe(seconds);
    }
}

fn knows<K: Kind>(object: &ManagedResource<K>, kind: &str) -> bool {
    condition::find(object.conditions(), kind).is_some()
}
