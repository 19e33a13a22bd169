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
    runtime::watcher::{self, Event},
};
use tokio::sync::watch;
use tracing::warn;

use crate::{persist::is_status, watching};

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
        let mut events = watching::events(api);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::{ApiServer, Clock, Fault, Trail};

    const FAKES: &str = "fakes.example.org";

    fn server() -> ApiServer {
        ApiServer::new(Clock::default(), Trail::default())
    }

    fn crd(name: &str) -> CustomResourceDefinition {
        let mut crd = CustomResourceDefinition::default();
        crd.metadata.name = Some(name.into());
        crd
    }

    /// True when it happens within a minute.
    async fn happens(event: impl Future<Output = ()>) -> bool {
        tokio::time::timeout(Duration::from_mins(1), event)
            .await
            .is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_kind_may_start_when_its_crd_comes_and_must_stop_when_it_goes() {
        let (server, gate) = (server(), Gate::new());
        server.put(&crd("others.example.org"));
        let watch = tokio::spawn(gate.clone().run(server.client()));
        assert!(!gate.is_there(FAKES).await);
        assert!(!happens(gate.appears(FAKES)).await);
        for _ in 0..2 {
            server.put(&crd(FAKES));
            assert!(happens(gate.appears(FAKES)).await);
            assert!(!happens(gate.vanishes(FAKES)).await);
            server.delete::<CustomResourceDefinition>("", FAKES);
            assert!(happens(gate.vanishes(FAKES)).await);
        }
        watch.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn without_the_right_to_look_every_kind_starts() {
        let (server, gate) = (server(), Gate::new());
        for _ in 0..100 {
            let refusal = Fault::Refuse(403, "Forbidden");
            server.fail_next("watch customresourcedefinitions", refusal);
        }
        let watch = tokio::spawn(gate.clone().run(server.client()));
        assert!(happens(gate.appears(FAKES)).await);
        assert!(gate.is_there(FAKES).await);
        assert!(!happens(gate.vanishes(FAKES)).await);
        watch.abort();
    }
}
