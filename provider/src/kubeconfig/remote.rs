//! Clients of remote clusters, one per content of a kubeconfig, kept between passes.
//!
//! A changed kubeconfig is another content and so another client. What has not been used for a while
//! is dropped, and with it its connections; there are never more than [`MOST`].

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use kube::{
    Client,
    core::GroupVersionKind,
    discovery::{self, ApiCapabilities, ApiResource},
};
use tokio::time::Instant;

use super::{access::Access, client::within, error::Error};

/// Most clients that are kept.
const MOST: usize = 256;
/// How long an unused client is kept.
const IDLE: Duration = Duration::from_mins(10);
/// Most kinds that are remembered per cluster.
const MOST_KINDS: usize = 512;
/// How long it is remembered how a kind is served.
const KIND_LIFE: Duration = Duration::from_mins(10);

/// The clients. Cheap to clone; clones share them.
#[derive(Clone, Default)]
pub struct Remotes(Arc<Mutex<HashMap<[u8; 32], Kept>>>);

struct Kept {
    remote: Remote,
    used: Instant,
}

/// A remote cluster that may be called. Cheap to clone.
#[derive(Clone)]
pub struct Remote {
    /// The client.
    pub client: Client,
    kinds: Arc<Mutex<HashMap<GroupVersionKind, Served>>>,
}

#[derive(Clone)]
struct Served {
    resource: ApiResource,
    capabilities: ApiCapabilities,
    at: Instant,
}

impl fmt::Debug for Remotes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Remotes").field(&self.len()).finish()
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remote")
    }
}

impl Remotes {
    /// The client for this access, made when there is none yet. Sends nothing.
    ///
    /// # Errors
    /// [`Error::Unusable`] when no client can be made of it.
    pub fn open(&self, access: &Access) -> Result<Remote, Error> {
        let (key, now) = (access.digest(), Instant::now());
        let mut kept = self.kept();
        kept.retain(|_, entry| now.duration_since(entry.used) < IDLE);
        if let Some(entry) = kept.get_mut(&key) {
            entry.used = now;
            return Ok(entry.remote.clone());
        }
        let remote = Remote::new(access.client()?);
        if kept.len() >= MOST {
            let oldest = kept
                .iter()
                .min_by_key(|(_, entry)| entry.used)
                .map(|(key, _)| *key);
            oldest.map(|key| kept.remove(&key));
        }
        let entry = Kept {
            remote: remote.clone(),
            used: now,
        };
        kept.insert(key, entry);
        Ok(remote)
    }

    /// How many clients are kept.
    pub fn len(&self) -> usize {
        self.kept().len()
    }

    /// True when no client is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<[u8; 32], Kept>> {
        self.0.lock().expect("no panic while held")
    }
}

impl Remote {
    /// A remote with this client.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            kinds: Arc::default(),
        }
    }

    /// How the cluster serves a kind; remembered for ten minutes.
    ///
    /// # Errors
    /// [`Error::Call`] with [`Reason::NotFound`](super::Reason::NotFound) when it does not.
    pub async fn served(
        &self,
        kind: &GroupVersionKind,
    ) -> Result<(ApiResource, ApiCapabilities), Error> {
        let now = Instant::now();
        if let Some(served) = self.remembered(kind, now) {
            return Ok((served.resource, served.capabilities));
        }
        let operation = format!("find {} {}", kind.api_version(), kind.kind);
        let (resource, capabilities) =
            within(&operation, discovery::pinned_kind(&self.client, kind)).await?;
        let mut kinds = self.kinds();
        if kinds.len() >= MOST_KINDS {
            kinds.clear();
        }
        let served = Served {
            resource: resource.clone(),
            capabilities: capabilities.clone(),
            at: now,
        };
        kinds.insert(kind.clone(), served);
        Ok((resource, capabilities))
    }

    /// Forgets how kinds are served, because a call to one of them found nothing there.
    pub fn forget(&self) {
        self.kinds().clear();
    }

    fn kinds(&self) -> MutexGuard<'_, HashMap<GroupVersionKind, Served>> {
        self.kinds.lock().expect("no panic while held")
    }

    fn remembered(&self, kind: &GroupVersionKind, now: Instant) -> Option<Served> {
        let kinds = self.kinds();
        let served = kinds.get(kind)?;
        (now.duration_since(served.at) < KIND_LIFE).then(|| served.clone())
    }
}

#[cfg(test)]
mod tests {
    use managed::input::Value;
    use rcgen::{CertificateParams, KeyPair};

    use super::*;
    use crate::kubeconfig::Credential;

    fn access(number: usize, ca: &str) -> Access {
        Access {
            server: format!("https://cluster-{number}"),
            tls_server_name: None,
            ca: Some(ca.to_owned()),
            credential: Credential::Token(Value::from("t")),
            disable_compression: false,
        }
    }

    fn ca() -> String {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec!["ca".to_owned()]).unwrap();
        parameters.self_signed(&key).unwrap().pem()
    }

    #[tokio::test]
    async fn clients_are_shared_bounded_and_dropped_when_they_are_idle() {
        let (remotes, ca) = (Remotes::default(), ca());
        for number in [0, 0, 1] {
            remotes.open(&access(number, &ca)).unwrap();
        }
        assert_eq!(remotes.len(), 2, "one for each kubeconfig");
        for number in 0..MOST + 20 {
            remotes.open(&access(number, &ca)).unwrap();
        }
        assert_eq!(remotes.len(), MOST);
        for kept in remotes.kept().values_mut() {
            kept.used = kept
                .used
                .checked_sub(IDLE)
                .expect("the clock began earlier");
        }
        remotes.open(&access(0, &ca)).unwrap();
        assert_eq!(remotes.len(), 1);
    }
}
