//! The `ServiceAccount`, its rights and its token in the cluster.
//!
//! Needs there: get, create, patch and delete on `serviceaccounts`, `clusterroles`,
//! `clusterrolebindings` and `rolebindings`, create on `serviceaccounts/token`, and every right that
//! is given away; an administrator's kubeconfig has all of these.

use std::time::Duration;

use managed::{
    Drift, Shown,
    external::{Desired, ExternalError},
    input::Value,
};
use serde_json::Value as Json;

use super::{ArgoCdCluster, account};
use crate::{
    kubeconfig::{Access, Error, Remote, Remotes, token},
    kubernetes::{
        health::clock,
        manifest::{Mark, Ownership, abandoned, applied, compare},
        object::ObjectRef,
        remote_object::Adopt,
    },
};

/// Life of a token if the spec says nothing.
const DAY: i64 = 86_400;
/// Time for all of the clean-up after deletion.
const CLEANUP: Duration = Duration::from_secs(5);

/// What was found in the cluster.
pub(super) struct Found {
    /// What differs there.
    pub(super) drift: Vec<Drift>,
    /// UID of the `ServiceAccount`, when it exists.
    pub(super) account: Option<String>,
}

/// Compares every object, and finds those that are not wanted any more.
pub(super) async fn look(
    remote: &Remote,
    desired: &Desired<ArgoCdCluster>,
) -> Result<Found, ExternalError> {
    let manifests = account::manifests(&desired.parameters, &desired.owner);
    let mut found = Found {
        drift: Vec::new(),
        account: None,
    };
    for (manifest, object) in manifests.iter().zip(account::objects(&manifests)) {
        let live = remote.get(&object).await?;
        if let Some(live) = &live {
            check(desired, &object, live)?;
        }
        if object.kind.kind == "ServiceAccount" {
            let uid = live
                .as_ref()
                .and_then(|live| live["metadata"]["uid"].as_str());
            found.account = uid.map(str::to_owned);
        }
        found.drift.extend(drift(&object, manifest, live.as_ref()));
    }
    for object in account::left_over(&desired.ledger, &manifests) {
        if mine(remote, desired, &object).await?.is_some() {
            found.drift.push(Drift {
                field: format!("credential.{object}"),
                desired: Shown::absent(),
                observed: Shown::plain("exists"),
            });
        }
    }
    Ok(found)
}

/// Makes every object as it is to be and removes those that are not wanted any more.
pub(super) async fn converge(
    remote: &Remote,
    desired: &Desired<ArgoCdCluster>,
) -> Result<(), ExternalError> {
    let manifests = account::manifests(&desired.parameters, &desired.owner);
    for (manifest, object) in manifests.iter().zip(account::objects(&manifests)) {
        let live = remote.get(&object).await?;
        if let Some(live) = &live {
            check(desired, &object, live)?;
        }
        if !drift(&object, manifest, live.as_ref()).is_empty() {
            remote.apply(&object, manifest).await?;
        }
    }
    for object in account::left_over(&desired.ledger, &manifests) {
        remove(remote, desired, &object).await?;
    }
    Ok(())
}

/// A new token, proven to work.
pub(super) async fn new_token(
    remotes: &Remotes,
    access: &Access,
    desired: &Desired<ArgoCdCluster>,
) -> Result<Value, ExternalError> {
    let account = account::account(&desired.parameters);
    let seconds = desired.parameters.credential.expiration_seconds;
    let name = (account.namespace.as_str(), account.name.as_str());
    Ok(token::proven(remotes, access, name, seconds.unwrap_or(DAY)).await?)
}

/// When the token in the Secret must be renewed; `None` when it must be now.
pub(super) fn renewal(
    token: Option<&Value>,
    account: Option<&str>,
    desired: &Desired<ArgoCdCluster>,
) -> Option<Duration> {
    let name = account::account(&desired.parameters);
    let due = token::due(token?, &name.namespace, &name.name, account?)?;
    token::left(due, clock())
}

/// True when the token in the Secret is the account's and has to be renewed only because its end is near.
pub(super) fn is_due(
    token: Option<&Value>,
    account: Option<&str>,
    desired: &Desired<ArgoCdCluster>,
) -> bool {
    let name = account::account(&desired.parameters);
    let due = token
        .zip(account)
        .and_then(|(token, account)| token::due(token, &name.namespace, &name.name, account));
    due.is_some_and(|due| token::left(due, clock()).is_none())
}

/// Removes everything that is this resource's, as well as it can in five seconds.
pub(super) async fn clean_up(remote: &Remote, desired: &Desired<ArgoCdCluster>) {
    let manifests = account::manifests(&desired.parameters, &desired.owner);
    let wanted = account::objects(&manifests).into_iter().rev();
    let objects: Vec<_> = wanted
        .chain(account::left_over(&desired.ledger, &manifests))
        .collect();
    let removal = async {
        for object in &objects {
            let _best_effort = remove(remote, desired, object).await;
        }
    };
    let _bounded = tokio::time::timeout(CLEANUP, removal).await;
}

async fn remove(
    remote: &Remote,
    desired: &Desired<ArgoCdCluster>,
    object: &ObjectRef,
) -> Result<(), Error> {
    match mine(remote, desired, object).await? {
        Some(uid) => remote.delete(object, &uid).await,
        None => Ok(()),
    }
}

/// UID of the object if it is there and this resource's.
async fn mine(
    remote: &Remote,
    desired: &Desired<ArgoCdCluster>,
    object: &ObjectRef,
) -> Result<Option<String>, Error> {
    let live = remote.get(object).await?;
    let live = live.filter(|live| Mark::of(&desired.owner).judge(live) == Ownership::Mine);
    Ok(live.and_then(|live| live["metadata"]["uid"].as_str().map(str::to_owned)))
}

fn check(
    desired: &Desired<ArgoCdCluster>,
    object: &ObjectRef,
    live: &Json,
) -> Result<(), ExternalError> {
    let adopt = desired.parameters.adopt == Adopt::IfUnowned;
    let ownership = Mark::of(&desired.owner).judge(live);
    ownership.check(&format!("{object} in the cluster"), adopt)
}

fn drift(object: &ObjectRef, manifest: &Json, live: Option<&Json>) -> Vec<Drift> {
    let Some(live) = live else {
        return vec![Drift {
            field: format!("credential.{object}"),
            desired: Shown::plain("exists"),
            observed: Shown::absent(),
        }];
    };
    let tree = applied(live);
    let differs = compare(manifest, live, tree)
        .into_iter()
        .map(|difference| Drift {
            field: format!("credential.{object}.{}", difference.path),
            desired: Shown::plain(&difference.desired),
            observed: difference.observed.map_or_else(Shown::absent, Shown::plain),
        });
    let left = tree
        .map(|tree| abandoned(manifest, tree))
        .unwrap_or_default();
    let left = left.into_iter().map(|path| Drift {
        field: format!("credential.{object}.{path}"),
        desired: Shown::absent(),
        observed: Shown::plain("(applied before)"),
    });
    differs.chain(left).collect()
}
