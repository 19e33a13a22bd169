//! A session with one Vault server: one login per provider config, shared by every resource.
//!
//! Requests are sent once; the runtime repeats what is worth repeating. The one exception is a token
//! that Vault does not know any more: then the session logs in again and sends the request a second
//! time, which is safe because the first was refused before it was looked at.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use arc_swap::ArcSwap;
use managed::{
    config::{Diagnosis, InUse},
    external::{self, ExternalError, ResolvedConfig},
    rehearsal::Rehearsal,
};
use serde_json::{Value, json};
use tokio::{runtime::Handle, sync::Mutex as AsyncMutex, time::Instant};
use vaultrs::client::VaultClient;

use crate::kubeconfig::Remotes;

use super::{
    call::{Call, Reply, Verb},
    doctor,
    error::Error,
    login::{Identity, Login},
    note::Known,
    settings::Settings,
    transport::Transport,
};

/// A login this young is not replaced: if it is refused, a new one would be, too.
const YOUNG: Duration = Duration::from_secs(2);

/// A session; cheap to clone.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
    rehearsed: Option<Arc<Rehearsed>>,
}

/// What a session does that only notes what it would change.
struct Rehearsed {
    rehearsal: Rehearsal,
    /// What is rehearsed did not happen, so nobody else may know of it.
    known: Known,
}

struct Inner {
    transport: Transport,
    identity: Identity,
    login: ArcSwap<Login>,
    entering: AsyncMutex<()>,
    cluster: Option<String>,
    mounts: Mutex<BTreeSet<String>>,
    remotes: Remotes,
    known: Known,
}

impl Session {
    /// Logs in.
    pub(super) async fn open(config: &ResolvedConfig<Settings>) -> Result<Self, Error> {
        let ca =
            match &config.settings.ca_secret_ref {
                Some(reference) => Some(config.inputs.value(&reference.input()).ok_or_else(
                    || Error::Missing {
                        by: reference.input().to_string(),
                        cause: format!("{} does not exist", reference.input()),
                        remedy: "create it, or correct caSecretRef",
                    },
                )?),
                None => None,
            };
        let transport = Transport::new(&config.settings, ca.map(managed::input::Value::expose))?;
        let identity = Identity::of(config)?;
        let login = ArcSwap::from_pointee(identity.log_in(&transport).await?);
        let inner = Arc::new(Inner {
            transport,
            identity,
            login,
            entering: AsyncMutex::default(),
            cluster: config.settings.cluster_name.clone(),
            mounts: Mutex::default(),
            remotes: Remotes::default(),
            known: Known::default(),
        });
        Ok(Self {
            inner,
            rehearsed: None,
        })
    }

    /// The same, but changes are noted and not made.
    pub(super) fn rehearsing(&self, rehearsal: &Rehearsal) -> Self {
        let rehearsed = Rehearsed {
            rehearsal: rehearsal.clone(),
            known: Known::default(),
        };
        Self {
            rehearsed: Some(Arc::new(rehearsed)),
            ..self.clone()
        }
    }

    /// Where changes are noted instead of made.
    pub(super) fn rehearsal(&self) -> Option<&Rehearsal> {
        Some(&self.rehearsed.as_ref()?.rehearsal)
    }

    /// Name of this Kubernetes cluster in owner marks.
    pub(super) fn cluster(&self) -> Option<&str> {
        self.inner.cluster.as_deref()
    }

    /// Clients of the clusters that kubeconfigs lead to.
    pub(super) fn remotes(&self) -> &Remotes {
        &self.inner.remotes
    }

    /// What this session knows and no status says yet.
    pub(super) fn known(&self) -> &Known {
        match &self.rehearsed {
            Some(rehearsed) => &rehearsed.known,
            None => &self.inner.known,
        }
    }

    /// A client with another token; the empty one is nobody's.
    pub(super) fn client(&self, token: &str) -> Result<VaultClient, Error> {
        self.inner.transport.client(token)
    }

    /// Sends a request with another token than the session's own.
    pub(super) async fn send_as(&self, client: &VaultClient, call: &Call) -> Result<Reply, Error> {
        self.inner.transport.send(client, call).await
    }

    /// Sends a request. A token that is old is renewed first, one that is dead is replaced.
    pub(super) async fn send(&self, call: &Call) -> Result<Reply, Error> {
        if let (Some(rehearsal), true) = (self.rehearsal(), call.verb.changes()) {
            rehearsal.note(self.inner.transport.address(), call.planned());
            return Ok(Reply::empty());
        }
        let login = self.login().await?;
        match self.inner.transport.send(&login.client, call).await {
            Err(Error::Denied { cause, .. }) if self.is_dead(&login).await => {
                if !self.inner.identity.can_log_in_again() {
                    return Err(dead_token(cause));
                }
                let login = self.log_in_again(&login).await?;
                self.inner.transport.send(&login.client, call).await
            }
            outcome => outcome,
        }
    }

    /// Sends a request that changes something. A write to what does not exist in the API fails; to
    /// delete what is gone succeeds.
    pub(super) async fn change(&self, call: &Call) -> Result<(), Error> {
        let reply = self.send(call).await?;
        if reply.not_found && call.verb != Verb::Delete {
            return Err(Error::Refused {
                operation: call.operation(),
                status: 404,
                cause: "there is no such path in its API".into(),
            });
        }
        Ok(())
    }

    /// Makes sure that KV version 2 is mounted there: on version 1 the same requests would write
    /// something else to somewhere else. `again` asks even if it was found before.
    pub(super) async fn expect_kv_v2(
        &self,
        mount: &str,
        path: &str,
        again: bool,
    ) -> Result<(), Error> {
        if !again
            && self
                .inner
                .mounts
                .lock()
                .expect("no panic while held")
                .contains(mount)
        {
            return Ok(());
        }
        let call = Call::get(format!("sys/internal/ui/mounts/{mount}/data/{path}"));
        let reply = match self.send(&call).await {
            // Vault answers so, too, when the policy covers nothing below the mount; a read tells.
            Err(Error::Denied { .. }) if !again => return Ok(()),
            Err(Error::Denied { .. }) => return Err(unknown_mount(mount)),
            outcome => outcome?,
        };
        kv_v2(mount, reply.data())?;
        self.inner
            .mounts
            .lock()
            .expect("no panic while held")
            .insert(mount.to_owned());
        Ok(())
    }

    /// The mounts that were found to be KV version 2.
    pub(super) fn kv_mounts(&self) -> BTreeSet<String> {
        let mounts = self.inner.mounts.lock();
        mounts.expect("no panic while held").clone()
    }

    // === the token ===

    async fn login(&self) -> Result<Arc<Login>, Error> {
        let login = self.inner.login.load_full();
        if !login.is_ageing() {
            return Ok(login);
        }
        let _entered = self.inner.entering.lock().await;
        let current = self.inner.login.load_full();
        if !current.is_ageing() {
            return Ok(current);
        }
        match self.renewed(&current).await {
            Ok(login) => Ok(self.replace(login)),
            // The Kubernetes API or Vault may be away for a while; the old token is still good.
            Err(_) if !current.is_over() => Ok(current),
            Err(error) => Err(error),
        }
    }

    // A renewal that grants much less than before means that the token's longest life is near.
    async fn renewed(&self, login: &Login) -> Result<Login, Error> {
        if login.renewable && !login.is_over() {
            let call = Call::post("auth/token/renew-self", &json!({}));
            let granted = Instant::now();
            if let Ok(reply) = self.inner.transport.send(&login.client, &call).await {
                let renewed =
                    Login::read(&self.inner.transport, &call, &reply.body["auth"], granted)?;
                if renewed
                    .ttl
                    .zip(login.ttl)
                    .is_some_and(|(new, old)| new >= old / 2)
                {
                    return Ok(renewed);
                }
            }
        }
        self.inner.identity.log_in(&self.inner.transport).await
    }

    async fn log_in_again(&self, refused: &Arc<Login>) -> Result<Arc<Login>, Error> {
        let _entered = self.inner.entering.lock().await;
        let current = self.inner.login.load_full();
        if !Arc::ptr_eq(&current, refused) {
            return Ok(current);
        }
        Ok(self.replace(self.inner.identity.log_in(&self.inner.transport).await?))
    }

    fn replace(&self, login: Login) -> Arc<Login> {
        let login = Arc::new(login);
        self.inner.login.store(Arc::clone(&login));
        login
    }

    /// Vault gives the same answer to a dead token and to one without the right.
    async fn is_dead(&self, login: &Login) -> bool {
        if self.inner.identity.can_log_in_again() && login.granted.elapsed() < YOUNG {
            return false;
        }
        let call = Call::get("auth/token/lookup-self");
        matches!(
            self.inner.transport.send(&login.client, &call).await,
            Err(Error::Denied { .. })
        )
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Session({}, {:?})",
            self.inner.transport.address(),
            self.inner.identity
        )
    }
}

impl Drop for Inner {
    /// Revokes the token if it was ours and there is still somebody to do it; else it expires.
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if self.identity.can_log_in_again() {
            let (transport, login) = (self.transport.clone(), self.login.load_full());
            runtime.spawn(async move {
                let call = Call::post("auth/token/revoke-self", &json!({}));
                let _ = transport.send(&login.client, &call).await;
            });
        }
    }
}

fn kv_v2(mount: &str, found: &Value) -> Result<(), Error> {
    let path = found["path"]
        .as_str()
        .unwrap_or_default()
        .trim_end_matches('/');
    let kind = found["type"].as_str().unwrap_or_default();
    let version = found["options"]["version"].as_str().unwrap_or("1");
    let cause = if path != mount {
        format!("nothing is mounted at {mount}; the path is in the mount {path}")
    } else if kind != "kv" {
        format!("the secrets engine at {mount} is {kind}, not kv")
    } else if version != "2" {
        format!("the kv secrets engine at {mount} is version {version}, not 2")
    } else {
        return Ok(());
    };
    Err(Error::Mount {
        cause,
        remedy: "correct mount, or enable KV version 2 there",
    })
}

fn unknown_mount(mount: &str) -> Error {
    Error::Denied {
        operation: format!("to tell what is mounted at {mount}"),
        cause: "permission denied".into(),
        policy: format!(r#"path "sys/internal/ui/mounts/{mount}" {{ capabilities = ["read"] }}"#),
    }
}

/// Opens sessions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Connector;

impl external::Connector for Connector {
    type Settings = Settings;
    type Session = Session;

    async fn connect(&self, config: &ResolvedConfig<Settings>) -> Result<Session, ExternalError> {
        Ok(Session::open(config).await?)
    }

    fn rehearsing(&self, session: &Session, rehearsal: &Rehearsal) -> Option<Session> {
        Some(session.rehearsing(rehearsal))
    }

    async fn probe(&self, session: &Session, in_use: &InUse) -> Result<Diagnosis, ExternalError> {
        let health = session
            .send(&Call::get("sys/health").with_query("standbyok=true&perfstandbyok=true"))
            .await?;
        match session.send(&Call::get("auth/token/lookup-self")).await {
            // The login was accepted; a role without the default policy may not look itself up.
            Err(Error::Denied { .. }) if session.inner.identity.can_log_in_again() => {}
            outcome => drop(outcome?),
        }
        let diagnosis = Diagnosis::of(product(&health.body));
        Ok(doctor::examine(session, diagnosis, in_use).await?)
    }
}

fn dead_token(cause: String) -> Error {
    Error::LoginRefused {
        cause,
        remedy: "store a valid token with policy default in tokenSecretRef",
    }
}

/// Product and version. Only Vault says whether it is the Enterprise edition.
fn product(health: &Value) -> String {
    let version = health["version"].as_str().unwrap_or("of unknown version");
    let is_vault = version.starts_with("1.") || health.get("enterprise").is_some();
    format!("{} {version}", if is_vault { "Vault" } else { "OpenBao" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_product_is_told_from_the_health_of_each_generation() {
        let cases = [
            (
                json!({ "version": "1.17.2", "performance_standby": false }),
                "Vault 1.17.2",
            ),
            (
                json!({ "version": "2.0.1", "enterprise": false }),
                "Vault 2.0.1",
            ),
            (
                json!({ "version": "2.4.0", "performance_standby": false }),
                "OpenBao 2.4.0",
            ),
            (json!({ "version": "2.6.1" }), "OpenBao 2.6.1"),
        ];
        for (health, expected) in cases {
            assert_eq!(product(&health), expected);
        }
    }

    #[test]
    fn only_kv_version_2_at_exactly_this_mount_will_do() {
        let found = |path: &str, kind: &str, version: &str| json!({ "path": path, "type": kind, "options": { "version": version } });
        assert!(kv_v2("secret", &found("secret/", "kv", "2")).is_ok());
        assert!(kv_v2("secret/foo", &found("secret/", "kv", "2")).is_err());
        assert!(kv_v2("secret", &found("secret/", "kv", "1")).is_err());
        assert!(
            kv_v2(
                "secret",
                &json!({ "path": "secret/", "type": "kv", "options": null })
            )
            .is_err()
        );
        assert!(kv_v2("pki", &found("pki/", "pki", "2")).is_err());
    }
}
