//! Sessions: opened once per provider config, shared by every resource that uses it.
//!
//! A session lives as long as the config's generation and the resource versions of its Secrets stay
//! the same. When a Secret vanishes while resources are being deleted, the last good session still
//! serves them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kube::{Client, ResourceExt};
use tokio::{sync::Mutex as AsyncMutex, time::Instant};

use crate::{
    cache::Cache,
    change::{Heard, Listening},
    config::{
        ClusterProviderConfig, Config, ConfigKind, ConfigRef, ProviderConfig, ProviderSettings,
        usage::Known,
    },
    dependents::{ConfigId, Seen},
    external::{Connector, ExternalError, ResolvedConfig},
    input::{Input, Resolved},
    resolve::Reader,
};

/// A failed connection attempt answers for others this long, so that a server that is down is not
/// asked by every resource at once.
const FAILURE_SHARED: Duration = Duration::from_secs(1);

/// The provider configs of one group, and the sessions to their servers.
pub(crate) struct Configs<C: Connector> {
    pub(crate) connector: C,
    heard: Heard,
    client: Client,
    reader: Reader,
    pub(crate) namespaced: Cache<ProviderConfig<C::Settings>>,
    pub(crate) cluster: Cache<ClusterProviderConfig<C::Settings>>,
    pub(crate) usages: Cache<Known>,
    slots: Mutex<HashMap<ConfigId, Arc<Slot<C::Session>>>>,
}

struct Slot<S> {
    stale: AtomicBool,
    state: AsyncMutex<State<S>>,
}

struct State<S> {
    open: Option<Open<S>>,
    failed: Option<Failed>,
}

/// A session, and the ear that is open to its system for as long.
struct Open<S> {
    with: Fingerprint,
    session: S,
    _listening: Listening,
}

impl<S> State<S> {
    /// The answer of an attempt with the same config and Secrets a moment ago.
    fn recent_failure(&self, with: &Fingerprint) -> Option<ExternalError> {
        let failed = self.failed.as_ref()?;
        let is_recent = failed.at.elapsed() < FAILURE_SHARED && failed.with == *with;
        is_recent.then(|| failed.error.clone())
    }
}

/// An attempt that failed. It tells nothing about another config or other Secrets.
struct Failed {
    at: Instant,
    with: Fingerprint,
    error: ExternalError,
}

/// What a session depends on.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Fingerprint {
    uid: Option<String>,
    generation: Option<i64>,
    inputs: Vec<String>,
}

/// A session, and what its config has read.
pub(crate) struct Connected<S> {
    /// The session.
    pub session: S,
    /// True when it was opened just now because the config or one of its Secrets changed.
    pub is_new: bool,
}

impl<C: Connector> Configs<C> {
    /// Configs whose servers are reached through `connector`; `heard` gets what they tell.
    pub(crate) fn new(client: Client, connector: C, heard: Heard) -> Self {
        Self {
            connector,
            heard,
            reader: Reader::new(client.clone()),
            client,
            namespaced: Cache::default(),
            cluster: Cache::default(),
            usages: Cache::default(),
            slots: Mutex::default(),
        }
    }

    /// The config that a resource in `namespace` refers to.
    pub(crate) fn id(namespace: &str, reference: &ConfigRef) -> ConfigId {
        let namespace = match reference.kind {
            ConfigKind::ProviderConfig => namespace.to_owned(),
            ConfigKind::ClusterProviderConfig => String::new(),
        };
        ConfigId {
            group: C::Settings::GROUP,
            kind: reference.kind,
            namespace,
            name: reference.name.clone(),
        }
    }

    /// A session; the shared one unless something it depends on may have changed.
    ///
    /// `deleting` accepts the last good session when config or Secrets are gone.
    pub(crate) async fn session(
        &self,
        id: &ConfigId,
        deleting: bool,
    ) -> Result<Connected<C::Session>, ExternalError> {
        let slot = self.slot(id);
        let mut state = slot.state.lock().await;
        if let (Some(open), false) = (&state.open, slot.stale.load(Ordering::Acquire)) {
            return Ok(Connected {
                session: open.session.clone(),
                is_new: false,
            });
        }
        slot.stale.store(false, Ordering::Release);
        let result = self.reopen(id, &mut state).await;
        match (result, &state.open) {
            (Ok(is_new), Some(open)) => Ok(Connected {
                session: open.session.clone(),
                is_new,
            }),
            (Err(_), Some(open)) if deleting => {
                slot.stale.store(true, Ordering::Release);
                Ok(Connected {
                    session: open.session.clone(),
                    is_new: false,
                })
            }
            (Err(failure), _) => {
                slot.stale.store(true, Ordering::Release);
                Err(failure)
            }
            (Ok(_), None) => Err(gone(id)),
        }
    }

    /// Has the next user of the config look at it, and at its Secrets, again.
    pub(crate) fn suspect(&self, id: &ConfigId) {
        self.slot(id).stale.store(true, Ordering::Release);
    }

    /// Closes the session of a config that is gone.
    pub(crate) fn close(&self, id: &ConfigId) {
        self.slots.lock().expect("no panic while held").remove(id);
    }

    /// The Secrets a config reads, for the index of dependents; found or not.
    pub(crate) async fn inputs(&self, id: &ConfigId, seen: &mut Seen) -> Result<(), ExternalError> {
        let settings = self.settings(id).ok_or_else(|| gone(id))?.0;
        self.reader
            .read(&id.namespace, &allowed(id, settings.inputs())?, seen)
            .await
            .map(|_| ())
    }

    fn slot(&self, id: &ConfigId) -> Arc<Slot<C::Session>> {
        let mut slots = self.slots.lock().expect("no panic while held");
        let fresh = || {
            let state = AsyncMutex::new(State {
                open: None,
                failed: None,
            });
            Arc::new(Slot {
                stale: AtomicBool::new(false),
                state,
            })
        };
        Arc::clone(slots.entry(id.clone()).or_insert_with(fresh))
    }

    async fn reopen(
        &self,
        id: &ConfigId,
        state: &mut State<C::Session>,
    ) -> Result<bool, ExternalError> {
        let (settings, uid, generation) = self.settings(id).ok_or_else(|| gone(id))?;
        let mut seen = Seen::new();
        let inputs = allowed(id, settings.inputs())?;
        let inputs = self.reader.read(&id.namespace, &inputs, &mut seen).await?;
        refuse_empty(&inputs)?;
        let mut versions: Vec<_> = seen
            .iter()
            .map(|(source, version)| format!("{source:?}={version}"))
            .collect();
        versions.sort();
        let fingerprint = Fingerprint {
            uid,
            generation,
            inputs: versions,
        };
        if state
            .open
            .as_ref()
            .is_some_and(|open| open.with == fingerprint)
        {
            return Ok(false);
        }
        if let Some(error) = state.recent_failure(&fingerprint) {
            return Err(error);
        }
        let config = self.resolved(id, settings, inputs);
        match self.connector.connect(&config).await {
            Ok(session) => {
                let changes = self.connector.changes(&session);
                state.open = Some(Open {
                    with: fingerprint,
                    session,
                    _listening: Listening::to(changes, Arc::clone(&self.heard)),
                });
                state.failed = None;
                Ok(true)
            }
            Err(error) => {
                state.failed = Some(Failed {
                    at: Instant::now(),
                    with: fingerprint,
                    error: error.clone(),
                });
                Err(error)
            }
        }
    }

    fn resolved(
        &self,
        id: &ConfigId,
        settings: C::Settings,
        inputs: Resolved,
    ) -> ResolvedConfig<C::Settings> {
        let namespace = Some(id.namespace.clone()).filter(|namespace| !namespace.is_empty());
        ResolvedConfig {
            name: described(id),
            namespace,
            settings,
            inputs,
            client: self.client.clone(),
        }
    }

    fn settings(&self, id: &ConfigId) -> Option<(C::Settings, Option<String>, Option<i64>)> {
        fn parts<T: Config>(config: &T) -> (T::Settings, Option<String>, Option<i64>) {
            (
                config.settings().clone(),
                config.uid(),
                config.meta().generation,
            )
        }
        match id.kind {
            ConfigKind::ProviderConfig => self
                .namespaced
                .get(&id.namespace, &id.name)
                .map(|config| parts(config.as_ref())),
            ConfigKind::ClusterProviderConfig => self
                .cluster
                .get("", &id.name)
                .map(|config| parts(config.as_ref())),
        }
    }
}

/// Kind and name as messages show them.
pub(crate) fn described(id: &ConfigId) -> String {
    match id.kind {
        ConfigKind::ProviderConfig => format!("ProviderConfig {}/{}", id.namespace, id.name),
        ConfigKind::ClusterProviderConfig => format!("ClusterProviderConfig {}", id.name),
    }
}

fn gone(id: &ConfigId) -> ExternalError {
    let name = described(id);
    ExternalError::blocked(
        name.clone(),
        format!("{name} of {} does not exist", id.group),
        "create it, or correct providerConfigRef",
    )
}

/// An empty credential is one that somebody forgot; a server might take it for none at all.
fn refuse_empty(inputs: &Resolved) -> Result<(), ExternalError> {
    match inputs.iter().find(|(_, value)| value.expose().is_empty()) {
        Some((input, _)) => Err(ExternalError::blocked(
            input.to_string(),
            format!("{input} is empty"),
            "store the credential there",
        )),
        None => Ok(()),
    }
}

/// A namespaced config reads Secrets of its own namespace only; otherwise whoever may write configs
/// in one namespace could use the credentials of another.
fn allowed(id: &ConfigId, inputs: Vec<Input>) -> Result<Vec<Input>, ExternalError> {
    for input in &inputs {
        let Input::SecretKey {
            namespace, name, ..
        } = input
        else {
            continue;
        };
        match (id.kind, namespace) {
            (ConfigKind::ClusterProviderConfig, None) => {
                return Err(ExternalError::invalid(
                    format!("{} names Secret {name} without a namespace", described(id)),
                    "set the namespace of the Secret reference",
                ));
            }
            (ConfigKind::ProviderConfig, Some(other)) if *other != id.namespace => {
                return Err(ExternalError::invalid(
                    format!("{} names a Secret in namespace {other}", described(id)),
                    "use a Secret in its own namespace",
                ));
            }
            _ => {}
        }
    }
    Ok(inputs)
}
