//! A runtime for Crossplane managed resources.
//!
//! A provider declares its kinds ([`Kind`]), implements four calls per kind on a live session
//! ([`ExternalClient`](external::ExternalClient)) and hands both to a
//! [`Provider`](provider::Provider). Everything a user of Crossplane expects of a managed resource
//! comes from here and exists once: external names, finalizers, management policies, references,
//! connection Secrets, provider configs with usages, conditions, events, field-by-field drift,
//! polling, back-off, metrics, change logs.
//!
//! The crate knows no backend. Decisions are pure functions over values ([`plan`]); effects are thin.
//!
//! # The pass
//!
//! One object at a time, and never two passes over the same one:
//!
//! 1. Read pause, management policies and deletion off the object.
//! 2. Resolve references and inputs. Not on the way to deletion: what vanished first blocks nothing.
//! 3. Get the session of the provider config; all resources of a config share it.
//! 4. Observe: absent, or present with the fields that differ.
//! 5. Decide: create, update, report, delete, wait, settle. A table in [`plan`].
//! 6. Store what must survive a crash (external name, finalizer, ledger, create mark in one patch that
//!    fails when somebody else wrote the object; then the credentials), act, observe again.
//! 7. Turn the outcome, errors included, into a status.
//! 8. Write the status if it differs, and events.
//! 9. Wait for the next poll, the back-off, a change of anything that was read, or for word from the
//!    external system ([`change`]).
//!
//! A new resource costs at most five writes, a steady one none. A pass may die at any point: names are
//! deterministic, and the next pass observes before it acts.
//!
//! # A provider with one kind
//!
//! ```no_run
//! # #[cfg(feature = "runtime")] mod example {
//! use managed::{config::{Diagnosis, InUse}, ConnectionDetails, Drift, Input, Kind, ProviderSettings, external::*, provider::Provider};
//! # use schemars::JsonSchema;
//! # use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, Debug)]
//! struct Topic;
//!
//! /// `spec.forProvider`, and as it is found, `status.atProvider`.
//! #[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
//! struct Layout { partitions: i64 }
//!
//! impl Kind for Topic {
//!     const GROUP: &'static str = "queue.example.org";
//!     const KIND: &'static str = "Topic";
//!     const PLURAL: &'static str = "topics";
//!     const DESCRIPTION: &'static str = "A topic of the queue.";
//!     const CATEGORY: &'static str = "queue";
//!     type Parameters = Layout;
//!     type Observation = Layout;
//! }
//!
//! #[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
//! struct Settings { address: String }
//!
//! impl ProviderSettings for Settings {
//!     const GROUP: &'static str = Topic::GROUP;
//!     const CATEGORY: &'static str = Topic::CATEGORY;
//!     fn inputs(&self) -> Vec<Input> { vec![] }
//! }
//!
//! struct Connector;
//!
//! impl managed::external::Connector for Connector {
//!     type Settings = Settings;
//!     type Session = queue::Client;
//!     async fn connect(&self, config: &ResolvedConfig<Settings>) -> Result<queue::Client, ExternalError> {
//!         queue::Client::open(&config.settings.address).await
//!     }
//!     async fn probe(&self, queue: &queue::Client, _: &InUse) -> Result<Diagnosis, ExternalError> {
//!         Ok(Diagnosis::of(queue.version().await?))
//!     }
//! }
//!
//! impl ExternalClient<Topic> for queue::Client {
//!     async fn observe(&self, desired: &Desired<Topic>) -> Result<Observation<Topic>, ExternalError> {
//!         let Some(partitions) = self.partitions(&desired.external_name).await? else { return Ok(Observation::Absent) };
//!         let mut drift = vec![];
//!         Drift::compare(&mut drift, "partitions", &desired.parameters.partitions, &partitions);
//!         Ok(Observation::present(Layout { partitions }, drift))
//!     }
//!     async fn create(&self, desired: &Desired<Topic>) -> Result<ConnectionDetails, ExternalError> {
//!         self.put(&desired.external_name, desired.parameters.partitions).await.map(|()| ConnectionDetails::none())
//!     }
//!     async fn update(&self, desired: &Desired<Topic>, _: &[Drift]) -> Result<ConnectionDetails, ExternalError> { self.create(desired).await }
//!     async fn delete(&self, desired: &Desired<Topic>) -> Result<(), ExternalError> { self.remove(&desired.external_name).await }
//! }
//!
//! async fn run(client: kube::Client, stop: tokio::sync::watch::Receiver<bool>) {
//!     let mut provider = Provider::new(client, Default::default(), Default::default(), Default::default());
//!     let group = provider.group(Connector);
//!     provider.kind::<Topic, _>(&group);
//!     provider.run(stop).await;
//! }
//! # mod queue {
//! #     use managed::external::ExternalError;
//! #     #[derive(Clone)] pub struct Client;
//! #     impl Client {
//! #         pub async fn open(_: &str) -> Result<Self, ExternalError> { Ok(Self) }
//! #         pub async fn version(&self) -> Result<String, ExternalError> { Ok(String::new()) }
//! #         pub async fn partitions(&self, _: &str) -> Result<Option<i64>, ExternalError> { Ok(None) }
//! #         pub async fn put(&self, _: &str, _: i64) -> Result<(), ExternalError> { Ok(()) }
//! #         pub async fn remove(&self, _: &str) -> Result<(), ExternalError> { Ok(()) }
//! #     }
//! # }
//! # }
//! ```
//!
//! # Without the runtime
//!
//! With the feature `runtime` off only the declarations compile, so that a composition function or
//! a package builder can use a provider's kinds without its dependencies. With the feature `testing`
//! the module `testing` offers an API server in memory.

#[cfg(feature = "runtime")]
mod cache;
#[cfg(feature = "runtime")]
pub mod change;
#[cfg(feature = "runtime")]
pub mod changelog;
pub mod condition;
pub mod config;
pub mod connection;
#[cfg(feature = "runtime")]
mod controller;
pub mod crd;
#[cfg(feature = "runtime")]
mod dependents;
#[cfg(feature = "runtime")]
mod directory;
#[cfg(feature = "runtime")]
mod draining;
pub mod drift;
#[cfg(feature = "runtime")]
mod event;
#[cfg(feature = "runtime")]
pub mod external;
#[cfg(feature = "runtime")]
mod gate;
#[cfg(feature = "runtime")]
pub mod http;
pub mod initial;
pub mod input;
pub mod kind;
#[cfg(feature = "runtime")]
mod lifecycle;
#[cfg(feature = "runtime")]
mod memory;
#[cfg(feature = "runtime")]
pub mod metrics;
#[cfg(feature = "runtime")]
pub mod options;
#[cfg(feature = "runtime")]
mod outcome;
#[cfg(feature = "runtime")]
mod persist;
pub mod plan;
pub mod policy;
#[cfg(feature = "runtime")]
pub mod provider;
#[cfg(feature = "runtime")]
mod queue;
#[cfg(feature = "runtime")]
mod reconcile;
pub mod reference;
pub mod rehearsal;
#[cfg(feature = "runtime")]
mod resolve;
pub mod resource;
#[cfg(feature = "runtime")]
mod runtime;
#[cfg(feature = "runtime")]
pub mod shards;
#[cfg(feature = "runtime")]
mod steady;
#[cfg(any(all(test, feature = "runtime"), feature = "testing"))]
pub mod testing;
#[cfg(feature = "runtime")]
mod watching;

pub use condition::Condition;
pub use config::{ConfigRef, ProviderSettings};
pub use connection::ConnectionDetails;
pub use drift::{Drift, Shown};
pub use input::{Input, Inputs};
pub use kind::Kind;
pub use resource::{ManagedResource, Spec, Status};
