//! A namespace for one test, kubeconfigs for it, a session, and resources that are reconciled as the
//! runtime does it.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use managed::external::{Desired, ExternalClient, ExternalError, Observation, Owner, Readiness};
use managed::input::{Input, Resolved, SecretKeyRef, Value as Secret};
use managed::{ConnectionDetails, Drift, Kind};
use provider_tenancy::kubeconfig::{Access, Credential, Remotes};
use provider_tenancy::kubernetes::Session;
use provider_tenancy::kubernetes::allowance::Allowance;
use rand::distr::{Alphanumeric, SampleString};
use testbed::{Namespace, Testbed};

/// A namespace of its own and the administrator's kubeconfig.
pub(crate) struct Fixture {
    pub(crate) testbed: Testbed,
    pub(crate) namespace: Namespace,
    pub(crate) session: Session,
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

/// A resource as the runtime keeps it.
#[derive(Clone)]
pub(crate) struct Managed<K: Kind>(pub(crate) Desired<K>);

impl Fixture {
    /// With an allowance of the test's own namespace only.
    pub(crate) async fn new() -> Self {
        let testbed = Testbed::shared().await.unwrap();
        let namespace = testbed.namespace("kinds").await.unwrap();
        let session = Session::new(
            testbed.client(),
            testbed.client(),
            Allowance::default(),
            Remotes::default(),
        );
        Self {
            testbed,
            namespace,
            session,
        }
    }

    /// The namespace's name.
    pub(crate) fn name(&self) -> &str {
        self.namespace.name()
    }

    /// The administrator's kubeconfig, with a client certificate.
    pub(crate) fn admin(&self) -> Secret {
        Secret::new(std::fs::read(self.testbed.kubeconfig()).unwrap())
    }

    /// The administrator's way to the cluster.
    pub(crate) fn access(&self) -> Access {
        Access::parse(&self.admin()).unwrap()
    }

    /// A new `ServiceAccount` without rights.
    pub(crate) async fn account(&self, name: &str) {
        let api: Api<ServiceAccount> = Api::namespaced(self.testbed.client(), self.name());
        let account = ServiceAccount {
            metadata: ObjectMeta {
                name: Some(name.into()),
                ..ObjectMeta::default()
            },
            ..ServiceAccount::default()
        };
        api.create(&PostParams::default(), &account).await.unwrap();
    }

    /// A kubeconfig with a token of a `ServiceAccount`.
    pub(crate) async fn token_kubeconfig(&self, account: &str) -> Secret {
        let hour = Duration::from_secs(3600);
        let token = self
            .testbed
            .service_account_token(self.name(), account, None, hour)
            .await
            .unwrap();
        let access = self.access().with(Credential::Token(Secret::from(token)));
        access.kubeconfig("token")
    }

    /// A resource with the administrator's kubeconfig.
    pub(crate) fn managed<K: Kind>(&self, name: &str, parameters: K::Parameters) -> Managed<K>
    where
        Session: ExternalClient<K>,
    {
        let mut managed = Managed::<K>(Desired::<K> {
            external_name: <K as Kind>::external_name(&parameters).unwrap_or_else(|| name.into()),
            deleting: false,
            parameters,
            inputs: Resolved::default(),
            connection: None,
            ledger: BTreeSet::new(),
            last: <K as Kind>::Observation::default(),
            owner: Owner {
                uid: format!("uid-{name}-{}", word()),
                namespace: self.name().into(),
                name: name.into(),
                kind: format!("{}.{}", K::KIND.to_lowercase(), K::GROUP),
                config: "ClusterProviderConfig default".into(),
            },
        });
        managed.set_kubeconfig(self.admin());
        managed
    }

    /// Stores the administrator's kubeconfig where resources refer to it.
    pub(crate) async fn store_kubeconfig(&self) {
        let file = format!(
            "--from-file=kubeconfig={}",
            self.testbed.kubeconfig().display()
        );
        self.kubectl(&["create", "secret", "generic", "cluster", &file])
            .await;
    }

    /// Runs `kubectl` in the test's namespace.
    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> String {
        let all = [&["--namespace", self.name()], arguments].concat();
        self.testbed.kubectl(&all).await.unwrap()
    }
}

/// Where every resource finds its kubeconfig.
pub(crate) fn kubeconfig_ref() -> SecretKeyRef {
    SecretKeyRef {
        name: "cluster".into(),
        key: "kubeconfig".into(),
    }
}

impl<K: Kind> Managed<K>
where
    Session: ExternalClient<K>,
{
    /// Another kubeconfig.
    pub(crate) fn set_kubeconfig(&mut self, kubeconfig: Secret) {
        self.0
            .inputs
            .insert(Input::secret(&kubeconfig_ref()), kubeconfig);
    }

    /// As it is on its way out: without inputs.
    pub(crate) fn deleting(&self) -> Self {
        let mut managed = self.clone();
        managed.0.deleting = true;
        managed.0.inputs = Resolved::default();
        managed
    }

    /// Observes; shows no key or token doing so.
    pub(crate) async fn observe(&self, session: &Session) -> Result<Observation<K>, ExternalError> {
        let observed = ExternalClient::<K>::observe(session, &self.0).await;
        let shown = format!("{observed:?} {session:?} {:?}", self.0);
        for secret in ["PRIVATE KEY", "LS0tLS1CRUdJ", "eyJhbGci", "canary"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        observed
    }

    /// One pass of the runtime: observe, then do what is to be done.
    pub(crate) async fn pass(&mut self, session: &Session) -> Result<Did, ExternalError> {
        let did = match self.observe(session).await? {
            Observation::Absent if self.0.deleting => return Ok(Did::Finalized),
            Observation::Present { .. } if self.0.deleting => {
                ExternalClient::<K>::delete(session, &self.0).await?;
                return Ok(Did::Deleted);
            }
            Observation::Absent => {
                self.remember(session);
                let details = ExternalClient::<K>::create(session, &self.0).await?;
                self.publish(&details);
                Did::Created
            }
            Observation::Present { drift, .. } if drift.is_empty() => Did::Nothing,
            Observation::Present { drift, .. } => {
                self.remember(session);
                let details = ExternalClient::<K>::update(session, &self.0, &drift).await?;
                self.publish(&details);
                Did::Updated(fields(drift))
            }
        };
        if let Observation::Present { at_provider, .. } = self.observe(session).await? {
            self.0.last = at_provider;
        }
        Ok(did)
    }

    fn publish(&mut self, details: &ConnectionDetails) {
        if let Some(stored) = &mut self.0.connection {
            for (key, value) in details.iter() {
                stored.insert(key, value.clone());
            }
        }
    }

    fn remember(&mut self, session: &Session) {
        let ledger: BTreeSet<String> = ExternalClient::<K>::ledger(session, &self.0);
        self.0.ledger.extend(ledger);
    }
}

/// The names of the fields that differ.
pub(crate) fn fields(drift: Vec<Drift>) -> Vec<String> {
    drift.into_iter().map(|drift| drift.field).collect()
}

/// A present resource taken apart: readiness, conditions as `Type=Status/Reason`, drifted fields.
pub(crate) fn shown<K: Kind>(observation: &Observation<K>) -> (bool, Vec<String>, Vec<String>) {
    let Observation::Present {
        ready,
        conditions,
        drift,
        ..
    } = observation
    else {
        panic!("it is absent")
    };
    let conditions = conditions
        .iter()
        .map(|claim| format!("{}={}/{}", claim.kind, claim.status.as_str(), claim.reason));
    (
        *ready == Readiness::Ready,
        conditions.collect(),
        fields(drift.clone()),
    )
}

/// A word nobody else uses.
pub(crate) fn word() -> String {
    Alphanumeric
        .sample_string(&mut rand::rng(), 8)
        .to_lowercase()
}
