//! A mount for one test, a session, and resources that are reconciled as the runtime does it.

use std::collections::BTreeSet;

use managed::external::{Desired, ExternalClient, ExternalError, Observation, Owner, Readiness};
use managed::input::{Input, Resolved, Value as Secret};
use provider_tenancy::vault::kv_secret::{KvSecretObservation, KvSecretParameters, ValueSource};
use provider_tenancy::vault::{KvSecret, Session};
use serde_json::{Value, json};
use testbed::Testbed;
use testbed::openbao::client::{Client, Method};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

pub(crate) use crate::server::{connect, resolved, settings, token, token_settings, word};

/// Held for writing by tests that take the server away from the others.
static SERVER: RwLock<()> = RwLock::const_new(());

/// A secret that must be seen nowhere but in Vault.
pub(crate) const CANARY: &str = "canary-p@ss/w:rd+%";

/// A mount of its own, the root client, and a session that may do everything below the mount.
pub(crate) struct Fixture {
    pub(crate) testbed: Testbed,
    pub(crate) root: Client,
    pub(crate) mount: String,
    pub(crate) session: Session,
    _shared: Option<RwLockReadGuard<'static, ()>>,
    _alone: Option<RwLockWriteGuard<'static, ()>>,
}

/// What a pass did.
#[derive(Debug, PartialEq)]
pub(crate) enum Did {
    Nothing,
    Created,
    Updated(Vec<String>),
    Deleted,
    Finalized,
}

/// A `KVSecret` as the runtime keeps it.
#[derive(Clone)]
pub(crate) struct Resource(pub(crate) Desired<KvSecret>);

impl Fixture {
    /// Beside other tests.
    pub(crate) async fn new() -> Self {
        let guard = SERVER.read().await;
        Self::build(Some(guard), None).await
    }

    /// With the server to itself.
    pub(crate) async fn alone() -> Self {
        let guard = SERVER.write().await;
        Self::build(None, Some(guard)).await
    }

    async fn build(
        shared: Option<RwLockReadGuard<'static, ()>>,
        alone: Option<RwLockWriteGuard<'static, ()>>,
    ) -> Self {
        let testbed = Testbed::shared().await.unwrap();
        let root = testbed.openbao().client().unwrap();
        let mount = format!("kv-{}", word());
        let kv = json!({"type": "kv", "options": {"version": "2"}});
        root.write(&format!("sys/mounts/{mount}"), &kv)
            .await
            .unwrap();
        let rights = format!(
            r#"path "{mount}/*" {{ capabilities = ["create", "read", "update", "patch", "delete"] }}"#
        );
        let token = token(&root, &rights).await;
        let session = connect(&testbed, &token_settings(&testbed), &token)
            .await
            .unwrap();
        Self {
            testbed,
            root,
            mount,
            session,
            _shared: shared,
            _alone: alone,
        }
    }

    /// A session whose policy says just this.
    pub(crate) async fn session_with(&self, policy: &str) -> Session {
        let token = token(&self.root, policy).await;
        connect(&self.testbed, &token_settings(&self.testbed), &token)
            .await
            .unwrap()
    }

    /// A resource for `path` with one key `password` from a Secret and what else is given.
    pub(crate) fn resource(&self, path: &str, more: &[(&str, ValueSource)]) -> Resource {
        let password = (
            "password".to_owned(),
            ValueSource::secret("conn", "password"),
        );
        let more = more
            .iter()
            .map(|(key, source)| ((*key).to_owned(), source.clone()));
        let mut parameters = KvSecretParameters::new(path, [password].into_iter().chain(more));
        parameters.mount.clone_from(&self.mount);
        let mut resource = Resource(desired(parameters));
        resource.set_password(CANARY);
        resource
    }

    /// Writes to a path as somebody else would.
    pub(crate) async fn put(&self, path: &str, data: &Value) {
        self.root
            .write(
                &format!("{}/data/{path}", self.mount),
                &json!({"data": data}),
            )
            .await
            .unwrap();
    }

    /// The answer to a read of the data: status and body.
    pub(crate) async fn read(&self, path: &str) -> (u16, Value) {
        let path = format!("{}/data/{path}", self.mount);
        let answer = self.root.request(Method::GET, &path, None).await.unwrap();
        (answer.status, answer.body["data"].clone())
    }

    /// The keys and values at a path.
    pub(crate) async fn data(&self, path: &str) -> Value {
        self.read(path).await.1["data"].clone()
    }

    /// The metadata of a path, null when there is none.
    pub(crate) async fn metadata(&self, path: &str) -> Value {
        let path = format!("{}/metadata/{path}", self.mount);
        self.root.read(&path).await.unwrap().unwrap_or_default()
    }

    /// How many requests the audit log has seen for this mount, by operation.
    pub(crate) fn audited(&self, operation: &str) -> usize {
        let log = std::fs::read_to_string(&self.testbed.openbao().audit_log).unwrap();
        let requests = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let prefix = format!("{}/", self.mount);
        requests
            .filter(|entry| {
                entry["type"] == "request" && entry["request"]["operation"] == operation
            })
            .filter(|entry| {
                entry["request"]["path"]
                    .as_str()
                    .unwrap_or_default()
                    .starts_with(&prefix)
            })
            .count()
    }
}

impl Drop for Fixture {
    /// Removes the mount. The test's own runtime stands still here, and with it its connections.
    fn drop(&mut self) {
        let (openbao, path) = (
            self.testbed.openbao().clone(),
            format!("sys/mounts/{}", self.mount),
        );
        let removal = std::thread::spawn(move || -> Option<()> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .ok()?;
            runtime.block_on(async { openbao.client().ok()?.delete(&path).await.ok() })
        });
        let _left_behind = removal.join();
    }
}

impl Resource {
    /// Another value in the source Secret.
    pub(crate) fn set_password(&mut self, password: &str) {
        self.0
            .inputs
            .insert(password_input(), Secret::from(password));
    }

    /// Another identity.
    pub(crate) fn owned_by(mut self, uid: &str, name: &str) -> Self {
        uid.clone_into(&mut self.0.owner.uid);
        name.clone_into(&mut self.0.owner.name);
        self
    }

    /// As it is on its way out: without inputs.
    pub(crate) fn deleting(&self) -> Self {
        let mut resource = self.clone();
        resource.0.deleting = true;
        resource.0.inputs = Resolved::default();
        resource
    }

    /// Observes; shows no secret doing so.
    pub(crate) async fn observe(
        &self,
        session: &Session,
    ) -> Result<Observation<KvSecret>, ExternalError> {
        let observed = ExternalClient::<KvSecret>::observe(session, &self.0).await;
        let shown = format!("{observed:?} {session:?} {:?}", self.0);
        assert!(!shown.contains(CANARY), "{shown}");
        observed
    }

    /// One pass of the runtime: observe, then do what is to be done.
    pub(crate) async fn pass(&mut self, session: &Session) -> Result<Did, ExternalError> {
        let observed = self.observe(session).await?;
        let did = match observed {
            Observation::Absent if self.0.deleting => return Ok(Did::Finalized),
            Observation::Present { .. } if self.0.deleting => {
                session.delete(&self.0).await?;
                return Ok(Did::Deleted);
            }
            Observation::Absent => {
                self.remember(session);
                session.create(&self.0).await?;
                Did::Created
            }
            Observation::Present { drift, .. } if drift.is_empty() => Did::Nothing,
            Observation::Present { drift, .. } => {
                self.remember(session);
                session.update(&self.0, &drift).await?;
                Did::Updated(drift.into_iter().map(|drift| drift.field).collect())
            }
        };
        if let Observation::Present { at_provider, .. } = self.observe(session).await? {
            self.0.last = at_provider;
        }
        Ok(did)
    }

    /// Passes until there is nothing to do.
    pub(crate) async fn settle(&mut self, session: &Session) -> KvSecretObservation {
        for _ in 0..20 {
            if self
                .pass(session)
                .await
                .is_ok_and(|did| did == Did::Nothing)
            {
                return self.0.last.clone();
            }
        }
        panic!("{:?} does not settle", self.0);
    }

    fn remember(&mut self, session: &Session) {
        let ledger: BTreeSet<String> = ExternalClient::<KvSecret>::ledger(session, &self.0);
        self.0.ledger.extend(ledger);
    }
}

/// What a present resource shows: readiness and the fields that differ.
pub(crate) fn shown(observation: &Observation<KvSecret>) -> (bool, Vec<&str>) {
    match observation {
        Observation::Absent => panic!("it is absent"),
        Observation::Present { drift, ready, .. } => {
            let fields = drift.iter().map(|drift| drift.field.as_str()).collect();
            (*ready == Readiness::Ready, fields)
        }
    }
}

fn password_input() -> Input {
    ValueSource::secret("conn", "password").input().unwrap()
}

fn desired(parameters: KvSecretParameters) -> Desired<KvSecret> {
    Desired {
        external_name: "app".into(),
        deleting: false,
        parameters,
        inputs: Resolved::default(),
        connection: None,
        ledger: BTreeSet::new(),
        last: KvSecretObservation::default(),
        owner: Owner {
            uid: "uid-app".into(),
            namespace: "team".into(),
            name: "app".into(),
            kind: "kvsecret.vault.pnats.cloud".into(),
            config: "ClusterProviderConfig default".into(),
        },
    }
}
