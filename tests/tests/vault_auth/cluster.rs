//! The testbed's own cluster as one that Vault is to know: a namespace, its ServiceAccounts, and a
//! kubeconfig that may mint tokens for them and nothing else.

use std::time::Duration;

use managed::external::Desired;
use managed::input::{Input, SecretKeyRef, Value as Secret};
use provider_tenancy::vault::kubernetes_auth_config::{KubernetesAuthConfigParameters, Reviewer};
use provider_tenancy::vault::kubernetes_auth_role::KubernetesAuthRoleParameters;
use provider_tenancy::vault::proof::{LoginProof, ServiceAccount};
use provider_tenancy::vault::token::TokenParameters;
use provider_tenancy::vault::{KubernetesAuthConfig, KubernetesAuthRole};
use serde_json::json;
use testbed::Namespace;

use crate::fixture::{Fixture, owned};

/// A namespace with the ServiceAccounts `api` and `other`, an auth method, and a KV engine.
pub(crate) struct Cluster {
    pub(crate) fixture: Fixture,
    pub(crate) namespace: Namespace,
    pub(crate) mount: String,
    /// The KV engine.
    pub(crate) kv: String,
    /// May mint tokens in the namespace.
    pub(crate) kubeconfig: String,
}

impl Cluster {
    pub(crate) async fn new() -> Self {
        let fixture = Fixture::new().await;
        let namespace = fixture.testbed.namespace("vault-auth").await.unwrap();
        fixture
            .testbed
            .apply(&accounts(namespace.name()))
            .await
            .unwrap();
        let mount = fixture.enable("kubernetes").await;
        let kv = fixture.name("kv");
        let engine = json!({"type": "kv", "options": {"version": "2"}});
        fixture
            .root
            .write(&format!("sys/mounts/{kv}"), &engine)
            .await
            .unwrap();
        let hour = Duration::from_secs(3_600);
        let file = fixture
            .testbed
            .service_account_kubeconfig(namespace.name(), "minter", hour)
            .await
            .unwrap();
        let kubeconfig = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(file).unwrap();
        Self {
            fixture,
            namespace,
            mount,
            kv,
            kubeconfig,
        }
    }

    /// A token of one of the ServiceAccounts.
    pub(crate) async fn token(&self, account: &str, audience: &str) -> String {
        let life = Duration::from_secs(600);
        let testbed = &self.fixture.testbed;
        let token =
            testbed.service_account_token(self.namespace.name(), account, Some(audience), life);
        token.await.unwrap()
    }

    /// The auth method's configuration with host and CA from a connection Secret.
    pub(crate) fn config(&self) -> Desired<KubernetesAuthConfig> {
        let parameters = KubernetesAuthConfigParameters::of_connection(&self.mount, "dev");
        let mut config = owned::<KubernetesAuthConfig>("u1", parameters);
        let testbed = &self.fixture.testbed;
        for (key, value) in [
            ("endpoint", testbed.api_server().to_owned()),
            ("ca-cert", testbed.openbao().ca_pem().unwrap()),
        ] {
            config
                .inputs
                .insert(Input::secret(&secret(key)), Secret::from(value));
        }
        config
    }

    /// A role for the ServiceAccount `api` with the policy `dev`.
    pub(crate) fn role(&self) -> Desired<KubernetesAuthRole> {
        let token = TokenParameters::new([self.fixture.name("dev")], "20m");
        let namespace = self.namespace.name();
        let parameters =
            KubernetesAuthRoleParameters::new(&self.mount, "reader", namespace, "api", token);
        owned::<KubernetesAuthRole>("u1", parameters)
    }

    /// The same with a proof: the path of `dev` is readable, that of `prod` is not.
    pub(crate) fn proving_role(&self) -> Desired<KubernetesAuthRole> {
        let mut role = self.role();
        let proof = LoginProof {
            kubeconfig_secret_ref: secret("kubeconfig"),
            service_account: ServiceAccount {
                namespace: self.namespace.name().to_owned(),
                name: "api".into(),
            },
            audience: None,
            allowed_path: format!("{}/data/clusters/dev", self.kv),
            denied_path: format!("{}/data/clusters/prod", self.kv),
        };
        role.inputs
            .insert(proof.input(), Secret::from(self.kubeconfig.as_str()));
        role.parameters.proof = Some(proof);
        role
    }

    /// The policy `dev`, which allows to read below the KV engine where it is said.
    pub(crate) async fn allow(&self, path: &str) {
        let text = format!(
            r#"path "{}/data/{path}" {{ capabilities = ["read"] }}"#,
            self.kv
        );
        let policy = format!("sys/policies/acl/{}", self.fixture.name("dev"));
        self.fixture
            .root
            .write(&policy, &json!({"policy": text}))
            .await
            .unwrap();
    }
}

/// A key of the connection Secret.
fn secret(key: &str) -> SecretKeyRef {
    SecretKeyRef {
        name: "dev".into(),
        key: key.into(),
    }
}

/// The testbed's own reviewer, whose token the provider mints.
fn reviewer() -> Reviewer {
    Reviewer {
        kubeconfig_secret_ref: Some(secret("kubeconfig")),
        service_account: Some(ServiceAccount {
            namespace: "vault".into(),
            name: "openbao-token-reviewer".into(),
        }),
        ..Reviewer::default()
    }
}

/// The configuration with a reviewer whose token the provider mints.
pub(crate) fn minting(cluster: &Cluster) -> Desired<KubernetesAuthConfig> {
    let mut config = cluster.config();
    config.parameters.reviewer = Some(reviewer());
    let admin = std::fs::read_to_string(cluster.fixture.testbed.kubeconfig()).unwrap();
    config
        .inputs
        .insert(Input::secret(&secret("kubeconfig")), Secret::from(admin));
    config
}

fn accounts(namespace: &str) -> String {
    let object = |kind: &str, name: &str| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}});
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "minter", "namespace": namespace},
        "rules": [{"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]}],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "minter", "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "minter"},
        "subjects": [{"kind": "ServiceAccount", "name": "minter", "namespace": namespace}],
    });
    let mut items = ["api", "other", "minter"]
        .map(|name| object("ServiceAccount", name))
        .to_vec();
    items.extend([role, binding]);
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}
