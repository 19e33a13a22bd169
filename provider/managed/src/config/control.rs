//! Provider configs under control: their sessions kept fresh, their readiness told, their deletion
//! held back while they are used.
//!
//! A server that does not answer is asked here, once per config, every few seconds; when it answers
//! again, everyone who uses the config is woken. Resources need not find out one by one.

#[cfg(test)]
mod tests;
mod writing;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{StreamExt, future::BoxFuture};
use kube::{ResourceExt, runtime::watcher::Event};
use tracing::debug;

use crate::{
    cache::{Cache, Name, name_of},
    condition::{self, Claim, READY, Truth},
    config::{
        Config, ConfigStatus, Diagnosis, InUse, MissingRight, ProviderSettings, session::Configs,
        users::Users,
    },
    controller::Reconciler,
    dependents::{ConfigId, Seen, Source},
    external::{Connector, ExternalError},
    queue::{Key, Priority, Wake},
    runtime::Runtime,
    watching,
};

/// How often a server that does not answer is asked again.
const RETRY: Duration = Duration::from_secs(5);

const TERMINATING: &str = "Terminating";
/// The identity may do everything that the kinds in use need.
const RIGHTS_COMPLETE: &str = "RightsComplete";

/// The queue's name for a config.
pub(crate) fn key(id: &ConfigId) -> Key {
    Key {
        group: id.group,
        plural: id.kind.plural(),
        namespace: id.namespace.clone(),
        name: id.name.clone(),
    }
}

/// One of the two kinds of config of one group.
pub(crate) struct ConfigControl<T, C: Connector> {
    pub(super) runtime: Arc<Runtime>,
    pub(super) configs: Arc<Configs<C>>,
    cache: fn(&Configs<C>) -> &Cache<T>,
    /// Those whose server gave no answer to this process.
    silent: Mutex<HashSet<ConfigId>>,
}

impl<T, C> ConfigControl<T, C>
where
    T: Config<Settings = C::Settings>,
    C: Connector,
{
    pub(crate) fn new(
        runtime: Arc<Runtime>,
        configs: Arc<Configs<C>>,
        cache: fn(&Configs<C>) -> &Cache<T>,
    ) -> Self {
        Self {
            runtime,
            configs,
            cache,
            silent: Mutex::default(),
        }
    }

    /// Every shard has sessions of its own, and one of them writes what the configs say.
    pub(super) fn writes(&self) -> bool {
        self.runtime.options.shards.is_first()
    }

    /// Watches the kind. Calls `synced` when the first list is in.
    pub(crate) async fn watch(self: Arc<Self>, synced: impl Fn()) {
        let mut events = watching::all::<T>(self.runtime.client.clone());
        let mut listed = HashSet::new();
        while let Some(event) = events.next().await {
            match event {
                Event::Init => listed.clear(),
                Event::InitApply(config) => {
                    listed.insert(name_of(&config));
                    self.applied(config);
                }
                Event::InitDone => {
                    self.prune(&listed);
                    synced();
                }
                Event::Apply(config) => self.applied(config),
                Event::Delete(config) => self.deleted(&config),
            }
        }
    }

    fn applied(&self, config: T) {
        let id = id::<T>(&config);
        let wanted = (
            config.meta().generation,
            config.meta().deletion_timestamp.is_some(),
        );
        let (before, fresher) = (self.cache)(&self.configs).insert(config);
        let known = before.map(|before| {
            (
                before.meta().generation,
                before.meta().deletion_timestamp.is_some(),
            )
        });
        if fresher && known != Some(wanted) {
            self.configs.suspect(&id);
            self.runtime.queue.add(key(&id), Priority::Fresh);
        }
    }

    /// What was deleted while nobody watched is not in the list.
    pub(crate) fn prune(&self, listed: &HashSet<Name>) {
        for config in (self.cache)(&self.configs).all() {
            if !listed.contains(&name_of(config.as_ref())) {
                self.deleted(&config);
            }
        }
    }

    fn deleted(&self, config: &T) {
        let id = id::<T>(config);
        let (namespace, name) = name_of(config);
        (self.cache)(&self.configs).remove(&namespace, &name);
        self.configs.suspect(&id);
        self.runtime.queue.add(key(&id), Priority::Normal);
        self.runtime.wake_all(&Source::Config(id));
    }

    async fn pass(&self, key: &Key) -> Wake {
        let Some(config) = (self.cache)(&self.configs).get(&key.namespace, &key.name) else {
            return self.gone(key);
        };
        let id = id::<T>(config.as_ref());
        let Users {
            count: users,
            in_use,
        } = self.users(&id).await;
        if config.meta().deletion_timestamp.is_some() && users == 0 {
            return if self.writes() {
                self.let_go(&id, config.as_ref()).await
            } else {
                Wake::OnChange
            };
        }
        if self.writes()
            && let Err(error) = self.hold(config.as_ref()).await
        {
            debug!(%error, name = key.name, "cannot add the finalizer to the provider config");
            return Wake::Backoff;
        }
        let probed = self.probe(&id, &in_use).await;
        self.conclude(&id, config.as_ref(), users, probed).await
    }

    fn gone(&self, key: &Key) -> Wake {
        let id = ConfigId {
            group: C::Settings::GROUP,
            kind: T::KIND,
            namespace: key.namespace.clone(),
            name: key.name.clone(),
        };
        self.configs.close(&id);
        self.silent.lock().expect("no panic while held").remove(&id);
        self.runtime.dependents.remove(key);
        Wake::Gone
    }

    /// Refreshes the session, notes which Secrets it depends on, and asks the server who it is.
    async fn probe(&self, id: &ConfigId, in_use: &InUse) -> Result<Diagnosis, ExternalError> {
        let mut seen = Seen::new();
        let inputs = self.configs.inputs(id, &mut seen).await;
        self.runtime.dependents.set(&key(id).into(), seen);
        // Before anything fails: a config whose Secret is gone must not be used any more.
        self.configs.suspect(id);
        inputs?;
        let connected = self.configs.session(id, false).await?;
        if connected.is_new {
            self.runtime.wake_all(&Source::Config(id.clone()));
        }
        let answer = self.configs.connector.probe(&connected.session, in_use);
        let timeout = self.runtime.options.timeout;
        tokio::time::timeout(timeout, answer)
            .await
            .unwrap_or_else(|_| Err(ExternalError::no_answer_within(timeout)))
    }

    async fn conclude(
        &self,
        id: &ConfigId,
        config: &T,
        users: i64,
        probed: Result<Diagnosis, ExternalError>,
    ) -> Wake {
        let now = self.runtime.now();
        let known = config.status().cloned().unwrap_or_default();
        let was_ready = condition::holds(&known.conditions, READY);
        let answers_again = self.answers_again(id, &probed);
        let mut status = ConfigStatus {
            users,
            ..known.clone()
        };
        let claims = match &probed {
            Ok(diagnosis) => {
                status.server = Some(diagnosis.server.clone());
                status.missing_rights.clone_from(&diagnosis.missing_rights);
                vec![Claim::available(), rights(&diagnosis.missing_rights)]
            }
            Err(error) => vec![Claim::unavailable(error.to_string())],
        };
        for claim in claims {
            condition::set(&mut status.conditions, claim, config.meta().generation, now);
        }
        if config.meta().deletion_timestamp.is_some() {
            let message = format!(
                "deletion waits for {users} managed resources that use this config; delete them first"
            );
            let claim = Claim {
                kind: TERMINATING,
                status: Truth::True,
                reason: "InUse",
                message,
            };
            condition::set(&mut status.conditions, claim, config.meta().generation, now);
        }
        if answers_again || probed.is_ok() && !was_ready {
            self.runtime.wake_all(&Source::Config(id.clone()));
        }
        if status != known && self.writes() {
            self.tell(config, &status, &probed, was_ready).await;
        }
        match probed {
            Ok(_) => Wake::After(self.runtime.options.poll),
            Err(ExternalError::Invalid(_)) => Wake::OnChange,
            Err(_) => Wake::After(RETRY),
        }
    }

    /// True when the server answers and did not the last time this process asked.
    fn answers_again(&self, id: &ConfigId, probed: &Result<Diagnosis, ExternalError>) -> bool {
        let mut silent = self.silent.lock().expect("no panic while held");
        if probed.is_ok() {
            return silent.remove(id);
        }
        silent.insert(id.clone());
        false
    }
}

/// A missing right concerns what needs it; the config can be used for everything else.
fn rights(missing: &[MissingRight]) -> Claim {
    let Some(first) = missing.first() else {
        return Claim::new(RIGHTS_COMPLETE, Truth::True, "Complete", "");
    };
    let more = match missing.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more in status.missingRights)"),
    };
    let MissingRight {
        right,
        needed_for,
        remedy,
    } = first;
    let message = format!("{right} is missing for {needed_for}{more}; {remedy}");
    Claim::new(RIGHTS_COMPLETE, Truth::False, "RightsMissing", message)
}

fn id<T: Config>(config: &T) -> ConfigId {
    ConfigId {
        group: T::Settings::GROUP,
        kind: T::KIND,
        namespace: config.namespace().unwrap_or_default(),
        name: config.name_any(),
    }
}

impl<T, C> Reconciler for ConfigControl<T, C>
where
    T: Config<Settings = C::Settings>,
    C: Connector,
{
    fn reconcile<'a>(&'a self, key: &'a Arc<Key>) -> BoxFuture<'a, Wake> {
        Box::pin(self.pass(key))
    }
}
