//! The managed resources behind a claim, drawn as they turn Ready.

use std::collections::BTreeMap;
use std::time::Instant;

use kube::api::{DynamicObject, ListParams};
use kube::{Api, ResourceExt};

use super::screen;
use crate::wait::has_condition;
use crate::{Testbed, product};

/// Every kind a claim may be made of.
const KINDS: [(&str, &str); 11] = [
    ("postgresql.pnats.cloud", "Role"),
    ("postgresql.pnats.cloud", "Database"),
    ("postgresql.pnats.cloud", "Grant"),
    ("postgresql.pnats.cloud", "DefaultPrivileges"),
    ("kubernetes.pnats.cloud", "VCluster"),
    ("kubernetes.pnats.cloud", "RemoteObject"),
    ("vault.pnats.cloud", "KVSecret"),
    ("vault.pnats.cloud", "Policy"),
    ("vault.pnats.cloud", "AuthMount"),
    ("vault.pnats.cloud", "JWTAuthConfig"),
    ("vault.pnats.cloud", "JWTAuthRole"),
];

/// The resources of one claim, as they were seen last.
pub(super) struct Tree {
    kinds: Vec<(&'static str, Api<DynamicObject>)>,
    of_claim: ListParams,
    seen: BTreeMap<String, bool>,
    started: Instant,
}

impl Tree {
    /// Looks at everything of a claim; times are counted from `started`.
    pub(super) fn new(testbed: &Testbed, namespace: &str, claim: &str, started: Instant) -> Self {
        let kinds =
            KINDS.map(|(group, kind)| (kind, product::api_in(testbed, namespace, group, kind)));
        Self {
            kinds: kinds.into(),
            of_claim: ListParams::default().labels(&format!("crossplane.io/composite={claim}")),
            seen: BTreeMap::new(),
            started,
        }
    }

    /// Prints what has changed since the last look and returns how many there are and how many are
    /// ready.
    pub(super) async fn look(&mut self) -> anyhow::Result<(usize, usize)> {
        let (mut all, mut ready) = (0, 0);
        for (kind, api) in &self.kinds {
            let found = api.list(&self.of_claim).await?;
            for object in &found.items {
                let is_ready = has_condition(object, "Ready", "True");
                all += 1;
                ready += usize::from(is_ready);
                let name = format!("{kind}/{}", object.name_any());
                if self.seen.get(&name) != Some(&is_ready) {
                    self.seen.insert(name.clone(), is_ready);
                    draw(self.started, &name, is_ready);
                }
            }
        }
        Ok((all, ready))
    }

    /// How many are left.
    pub(super) async fn count(&self) -> anyhow::Result<usize> {
        let mut count = 0;
        for (_, api) in &self.kinds {
            count += api.list(&self.of_claim).await?.items.len();
        }
        Ok(count)
    }
}

fn draw(started: Instant, name: &str, is_ready: bool) {
    let mark = if is_ready { "●" } else { "○" };
    let state = if is_ready {
        "Ready"
    } else {
        "made, not ready yet"
    };
    screen::answer(&format!(
        "{:5.1} s  {mark} {name:<58} {state}",
        started.elapsed().as_secs_f32()
    ));
}
