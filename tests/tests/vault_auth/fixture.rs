//! A prefix for one test, and a session that may do what the kinds need below it.

use managed::external::{Desired, ExternalClient};
use managed::kind::Kind;
use provider_tenancy::vault::Session;
use serde_json::{Value, json};
use testbed::Testbed;
use testbed::openbao::client::{Client, Method};

use crate::pass;
use crate::server::{connect, token, token_settings, word};

/// A prefix of its own, the root client, and a session with the rights that the kinds name.
pub(crate) struct Fixture {
    pub(crate) testbed: Testbed,
    pub(crate) root: Client,
    pub(crate) prefix: String,
    pub(crate) session: Session,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let testbed = Testbed::shared().await.unwrap();
        let root = testbed.openbao().client().unwrap();
        let prefix = format!("test-{}", word());
        let token = token(&root, &rights(&prefix)).await;
        let session = connect(&testbed, &token_settings(&testbed), &token)
            .await
            .unwrap();
        Self {
            testbed,
            root,
            prefix,
            session,
        }
    }

    /// A session whose policy says just this.
    pub(crate) async fn session_with(&self, policy: &str) -> Session {
        let token = token(&self.root, policy).await;
        connect(&self.testbed, &token_settings(&self.testbed), &token)
            .await
            .unwrap()
    }

    /// A name below the prefix.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// Enables an auth method as somebody else would.
    pub(crate) async fn enable(&self, kind: &str) -> String {
        let mount = self.name(kind);
        let path = format!("sys/auth/{mount}");
        self.root
            .write(&path, &json!({"type": kind}))
            .await
            .unwrap();
        mount
    }

    /// The entry of a table of mounts; null when there is none.
    pub(crate) async fn entry(&self, table: &str, path: &str) -> Value {
        let table = self.root.read(table).await.unwrap().unwrap();
        table[format!("{path}/")].clone()
    }

    /// The status and the token of a login.
    pub(crate) async fn log_in(&self, mount: &str, role: &str, jwt: &str) -> (u16, String) {
        let body = json!({"role": role, "jwt": jwt});
        let path = format!("auth/{mount}/login");
        let nobody = self.root.with_token("");
        let answer = nobody
            .request(Method::POST, &path, Some(&body))
            .await
            .unwrap();
        let token = answer.body["auth"]["client_token"]
            .as_str()
            .unwrap_or_default();
        (answer.status, token.to_owned())
    }

    /// How many requests the audit log has seen below a path, by operation.
    pub(crate) fn audited(&self, path: &str, operation: &str) -> usize {
        let log = std::fs::read_to_string(&self.testbed.openbao().audit_log).unwrap();
        let requests = log
            .lines()
            .filter(|line| line.contains(path))
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        requests
            .filter(|entry| entry["type"] == "request")
            .filter(|entry| entry["request"]["operation"] == operation)
            .filter(|entry| {
                let asked = entry["request"]["path"].as_str().unwrap_or_default();
                asked.starts_with(path)
            })
            .count()
    }
}

impl Drop for Fixture {
    /// Removes what carries the prefix. The test's own runtime stands still here, and with it its
    /// connections.
    fn drop(&mut self) {
        let (openbao, prefix) = (self.testbed.openbao().clone(), self.prefix.clone());
        let removal = std::thread::spawn(move || -> Option<()> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .ok()?;
            runtime.block_on(clean_up(openbao.client().ok()?, &prefix))
        });
        let _left_behind = removal.join();
    }
}

async fn clean_up(root: Client, prefix: &str) -> Option<()> {
    for table in ["sys/auth", "sys/mounts"] {
        let mounts = root.read(table).await.ok()??;
        let ours = mounts
            .as_object()?
            .keys()
            .filter(|path| path.starts_with(prefix));
        for path in ours {
            root.delete(&format!("{table}/{path}")).await.ok()?;
        }
    }
    let policies = root.list("sys/policies/acl").await.ok()?;
    for policy in policies.iter().filter(|policy| policy.starts_with(prefix)) {
        root.delete(&format!("sys/policies/acl/{policy}"))
            .await
            .ok()?;
    }
    Some(())
}

/// The rights that the kinds say they need, for everything with this prefix.
fn rights(prefix: &str) -> String {
    format!(
        r#"
path "sys/policies/acl/{prefix}-*" {{ capabilities = ["create", "read", "update", "delete"] }}
path "sys/mounts" {{ capabilities = ["read"] }}
path "sys/mounts/{prefix}-*" {{ capabilities = ["create", "update", "delete"] }}
path "sys/auth" {{ capabilities = ["read"] }}
path "sys/auth/{prefix}-*" {{ capabilities = ["create", "update", "delete", "sudo"] }}
path "auth/{prefix}-*" {{ capabilities = ["create", "read", "update", "delete", "list"] }}
"#
    )
}

/// A resource of this kind whose owner has this UID.
pub(crate) fn owned<K: Kind>(uid: &str, parameters: K::Parameters) -> Desired<K> {
    let mut desired = pass::wanted::<K>("app", parameters);
    uid.clone_into(&mut desired.owner.uid);
    desired.owner.namespace = "team".into();
    uid.clone_into(&mut desired.owner.name);
    desired.owner.kind = format!("{}.{}", K::KIND.to_lowercase(), K::GROUP);
    desired
}

/// Why a pass is refused: class and words.
pub(crate) async fn refusal<K: Kind>(
    session: &Session,
    desired: &mut Desired<K>,
) -> (&'static str, String)
where
    Session: ExternalClient<K>,
{
    let refused = pass::try_apply(session, desired).await.unwrap_err();
    (refused.class(), refused.to_string())
}
