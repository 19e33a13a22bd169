//! Safe start: a kind runs when its CRD is there.
//!
//! Crossplane may activate a kind long after the provider has started. The gate watches the names of
//! CRDs, nothing more; it needs list and watch on CRDs and stays open when it may not look.

use std::{collections::HashSet, sync::Arc};

use futures::StreamExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, ResourceExt,
    api::PartialObjectMeta,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use tokio::sync::watch;
use tracing::warn;

use crate::persist::is_status;

#[derive(Clone, Debug, Default)]
struct Known {
    /// The first list is in.
    complete: bool,
    /// Nobody may look, so every CRD counts as there.
    open: bool,
    names: HashSet<String>,
}

/// Knows which CRDs are there.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<watch::Sender<Known>>);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Known::default())))
    }

    /// Watches the names of CRDs.
    pub(crate) async fn run(self, client: Client) {
        let api: Api<PartialObjectMeta<CustomResourceDefinition>> = Api::all(client);
        let mut events = watcher(api, watcher::Config::default())
            .default_backoff()
            .boxed();
        let mut listing = HashSet::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => listing.clear(),
                Ok(Event::InitApply(crd)) => {
                    listing.insert(crd.name_any());
                }
                Ok(Event::InitDone) => self.change(|known| {
                    known.names.clone_from(&listing);
                    known.complete = true;
                }),
                Ok(Event::Apply(crd)) => self.change(|known| {
                    known.names.insert(crd.name_any());
                }),
                Ok(Event::Delete(crd)) => self.change(|known| {
                    known.names.remove(&crd.name_any());
                }),
                Err(error) => self.failed(&error),
            }
        }
    }

    /// Waits until the names are known. Says whether the CRD is there.
    pub(crate) async fn is_there(&self, crd: &str) -> bool {
        let mut known = self.0.subscribe();
        let known = known.wait_for(|known| known.complete || known.open).await;
        known.is_ok_and(|known| known.open || known.names.contains(crd))
    }

    /// Waits until the CRD is there.
    pub(crate) async fn appears(&self, crd: &str) {
        let mut known = self.0.subscribe();
        let _ = known
            .wait_for(|known| known.open || known.names.contains(crd))
            .await;
    }

    /// Waits until the CRD is not there.
    pub(crate) async fn vanishes(&self, crd: &str) {
        let mut known = self.0.subscribe();
        let gone = |known: &Known| known.complete && !known.open && !known.names.contains(crd);
        let _ = known.wait_for(gone).await;
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        self.0.send_if_modified(|known| {
            change(known);
            true
        });
    }

    fn failed(&self, error: &watcher::Error) {
        if let watcher::Error::InitialListFailed(inner) | watcher::Error::WatchStartFailed(inner) =
            error
            && is_status(inner, 403)
        {
            warn!("may not list and watch CRDs, so every kind starts now; grant it for safe start");
            self.change(|known| known.open = true);
            return;
        }
        warn!(%error, kind = "CustomResourceDefinition", "watch interrupted, trying again");
    }
}
