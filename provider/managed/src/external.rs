//! What a backend implements: observe, create, update, delete on a live session.
//!
//! A session knows no Kubernetes object, no clock and no status. It gets a [`Desired`] and answers
//! with values, so a backend can be tested with a struct literal against the real server.

mod error;

use std::{collections::BTreeSet, fmt, future::Future, time::Duration};

use futures::{StreamExt, stream};

pub use self::error::{ExternalError, Failure};
use crate::{
    change::Changes,
    condition::Claim,
    config::{Diagnosis, InUse, ProviderSettings},
    connection::ConnectionDetails,
    drift::Drift,
    input::{Resolved, Value},
    kind::Kind,
    rehearsal::Rehearsal,
};

/// A live session that can handle kind `K`.
///
/// Every call may be cancelled at any await and repeated from the start: create on something that
/// exists and delete on something that is gone succeed.
pub trait ExternalClient<K: Kind>: Send + Sync {
    /// Looks and compares; changes nothing outside.
    fn observe(
        &self,
        desired: &Desired<K>,
    ) -> impl Future<Output = Result<Observation<K>, ExternalError>> + Send;

    /// What must be stored before create or update may run, such as a generated password. The
    /// runtime stores it in the connection Secret and then hands it back in
    /// [`Desired::connection`]. Called only when the external resource is missing or differs.
    fn credentials(
        &self,
        _desired: &Desired<K>,
        _observation: &Observation<K>,
    ) -> ConnectionDetails {
        ConnectionDetails::none()
    }

    /// What this resource changes outside, one entry each, so that what later leaves the spec can be
    /// taken back. The runtime remembers the union of the stored and the new entries before it acts,
    /// and only the new ones once spec and external resource agree. Entries are not secret.
    fn ledger(&self, _desired: &Desired<K>) -> BTreeSet<String> {
        BTreeSet::new()
    }

    /// Makes the external resource. What it returns is added to the connection Secret.
    fn create(
        &self,
        desired: &Desired<K>,
    ) -> impl Future<Output = Result<ConnectionDetails, ExternalError>> + Send;

    /// Changes the fields that differ. What it returns is added to the connection Secret.
    fn update(
        &self,
        desired: &Desired<K>,
        drift: &[Drift],
    ) -> impl Future<Output = Result<ConnectionDetails, ExternalError>> + Send;

    /// Deletes the external resource. The runtime observes it gone before it lets the object go.
    fn delete(
        &self,
        desired: &Desired<K>,
    ) -> impl Future<Output = Result<(), ExternalError>> + Send;
}

/// Opens sessions for one API group.
pub trait Connector: Send + Sync + 'static {
    /// Address and credentials.
    type Settings: ProviderSettings;
    /// A session; cheap to clone, shared by every resource that uses the same config.
    type Session: Clone + Send + Sync + 'static;

    /// Opens a session. The runtime keeps it for as long as config and Secrets stay the same.
    fn connect(
        &self,
        config: &ResolvedConfig<Self::Settings>,
    ) -> impl Future<Output = Result<Self::Session, ExternalError>> + Send;

    /// Changes the system tells of by itself. Default: none, so that only polls find them.
    fn changes(&self, _session: &Self::Session) -> Changes {
        stream::pending().boxed()
    }

    /// A session that looks for real and, in place of changing anything, notes what it would send, with
    /// secrets masked. What it notes is shown in `status.plan`. Default: none; a plan then names the
    /// fields that would be changed.
    fn rehearsing(
        &self,
        _session: &Self::Session,
        _rehearsal: &Rehearsal,
    ) -> Option<Self::Session> {
        None
    }

    /// Asks the server who it is, and which of the rights that the kinds in use need are missing.
    /// Shown in the config's status; an error makes the config not ready, a missing right does not.
    fn probe(
        &self,
        session: &Self::Session,
        in_use: &InUse,
    ) -> impl Future<Output = Result<Diagnosis, ExternalError>> + Send;
}

/// A provider config with the values of the Secrets it refers to.
#[derive(Clone)]
pub struct ResolvedConfig<S> {
    /// Kind and name for messages, such as `ClusterProviderConfig default`.
    pub name: String,
    /// The config's own namespace; `None` for a `ClusterProviderConfig`. What a namespaced config
    /// refers to must be in it.
    pub namespace: Option<String>,
    /// The settings.
    pub settings: S,
    /// The Secrets' values, under the inputs that [`ProviderSettings::inputs`] lists.
    pub inputs: Resolved,
    /// How resources that use this config are known to the server.
    pub client: kube::Client,
}

impl<S: fmt::Debug> fmt::Debug for ResolvedConfig<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            namespace,
            settings,
            inputs,
            client: _,
        } = self;
        f.debug_struct("ResolvedConfig")
            .field("name", name)
            .field("namespace", namespace)
            .field("settings", settings)
            .field("inputs", inputs)
            .finish_non_exhaustive()
    }
}

/// What a managed resource asks for, complete.
#[derive(Clone, Debug)]
pub struct Desired<K: Kind> {
    /// The object is on its way out. What belongs to somebody else then counts as absent.
    pub deleting: bool,
    /// The identity in the external system.
    pub external_name: String,
    /// `spec.forProvider` with references resolved.
    pub parameters: K::Parameters,
    /// The values of the kind's inputs; empty while deleting.
    pub inputs: Resolved,
    /// What the connection Secret holds; `None` when the resource names no such Secret.
    pub connection: Option<ConnectionDetails>,
    /// What earlier passes may have changed outside.
    pub ledger: BTreeSet<String>,
    /// `status.atProvider` as it was last written.
    pub last: K::Observation,
    /// Who asks, for marks of ownership.
    pub owner: Owner,
}

impl<K: Kind> Desired<K> {
    /// A value of the connection Secret.
    pub fn stored(&self, key: &str) -> Option<&Value> {
        self.connection.as_ref()?.get(key)
    }
}

/// The managed resource behind a [`Desired`].
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Owner {
    /// UID of the object.
    pub uid: String,
    /// Namespace of the object.
    pub namespace: String,
    /// Name of the object.
    pub name: String,
    /// Kind of the object with its group, such as `kvsecret.vault.pnats.cloud`.
    pub kind: String,
    /// Kind and name of its provider config.
    pub config: String,
}

/// What was found.
#[derive(Clone, Debug)]
pub enum Observation<K: Kind> {
    /// The external resource does not exist.
    Absent,
    /// It exists.
    Present {
        /// For `status.atProvider`.
        at_provider: K::Observation,
        /// Fields that differ; empty when it matches.
        drift: Vec<Drift>,
        /// Added to the connection Secret where it says something else.
        connection_details: ConnectionDetails,
        /// Whether it can be used.
        ready: Readiness,
        /// What else there is to say, of the types in [`Kind::CONDITIONS`]. A type that is not
        /// mentioned keeps what it said before.
        conditions: Vec<Claim>,
        /// Look again no later than after this, however long the poll interval: something expires.
        look_again: Option<Duration>,
        /// Fields that differ only because what they hold is about to expire.
        due: Vec<&'static str>,
        /// What was found for fields that the spec leaves open. It fills them when the policies allow
        /// `LateInitialize`; what the spec says is never replaced.
        found: Option<Box<K::Parameters>>,
        /// Secrets that what was found depends on beside those the spec refers to. It is looked at
        /// again as soon as one of them changes.
        secrets: Vec<SeenSecret>,
    },
}

/// A Secret of the cluster that the provider runs in, as it was when it was seen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeenSecret {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Resource version; empty when it was not there.
    pub version: String,
}

impl<K: Kind> Observation<K> {
    /// A resource that exists, works, and publishes nothing.
    pub fn present(at_provider: K::Observation, drift: Vec<Drift>) -> Self {
        Self::Present {
            at_provider,
            drift,
            connection_details: ConnectionDetails::none(),
            ready: Readiness::Ready,
            conditions: Vec::new(),
            look_again: None,
            due: Vec::new(),
            found: None,
            secrets: Vec::new(),
        }
    }

    /// As it is, publishing these connection details. Nothing changes when it is absent; that also
    /// holds for the methods below.
    #[must_use]
    pub fn publishing(mut self, details: ConnectionDetails) -> Self {
        if let Self::Present {
            connection_details, ..
        } = &mut self
        {
            *connection_details = details;
        }
        self
    }

    /// As it is, with this readiness.
    #[must_use]
    pub fn being(mut self, readiness: Readiness) -> Self {
        if let Self::Present { ready, .. } = &mut self {
            *ready = readiness;
        }
        self
    }

    /// As it is, with these conditions of the kind's own.
    #[must_use]
    pub fn telling(mut self, claims: Vec<Claim>) -> Self {
        if let Self::Present { conditions, .. } = &mut self {
            *conditions = claims;
        }
        self
    }

    /// As it is; these of its fields differ only because what they hold is about to expire. They are
    /// made anew whatever the drift policy says, and nobody is told of drift.
    #[must_use]
    pub fn renewing(mut self, fields: impl IntoIterator<Item = &'static str>) -> Self {
        if let Self::Present { due, .. } = &mut self {
            *due = fields.into_iter().collect();
        }
        self
    }

    /// As it is, with what was found for fields that the spec leaves open.
    #[must_use]
    pub fn filling(mut self, parameters: K::Parameters) -> Self {
        if let Self::Present { found, .. } = &mut self {
            *found = Some(Box::new(parameters));
        }
        self
    }

    /// As it is, to be looked at again as soon as one of these Secrets is another than it was. A write of
    /// one's own costs one look.
    #[must_use]
    pub fn following(mut self, seen: impl IntoIterator<Item = SeenSecret>) -> Self {
        if let Self::Present { secrets, .. } = &mut self {
            *secrets = seen.into_iter().collect();
        }
        self
    }

    /// As it is, to be looked at again after `time` at the latest.
    #[must_use]
    pub fn again_within(mut self, time: Duration) -> Self {
        if let Self::Present { look_again, .. } = &mut self {
            *look_again = Some(time);
        }
        self
    }
}

/// Whether an existing external resource can be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Readiness {
    /// It can.
    Ready,
    /// It cannot yet, and nothing is in the way: it is being made.
    Creating(String),
    /// Something is in the way, or it cannot be used any more.
    NotReady(String),
}
