//! The cluster in Vault: its credentials, and a login for its workloads that is proven to work.
//!
//! Every cluster has an auth method of its own. A role there is bound to one `ServiceAccount`, and its
//! policy to the paths of one environment; neither a pod of another cluster nor one of the host cluster
//! can log in, because none of their tokens verifies with this cluster's keys.

use managed::{Kind, ManagedResource, reference::NamedReference};
use provider_tenancy::vault::{
    AuthMount, JwtAuthConfig, JwtAuthRole, KubernetesAuthConfig, KubernetesAuthRole, KvSecret,
    Policy,
    auth_mount::AuthMountParameters,
    jwt_auth_config::JwtAuthConfigParameters,
    jwt_auth_role::JwtAuthRoleParameters,
    kubernetes_auth_config::{KubernetesAuthConfigParameters, Reviewer},
    kubernetes_auth_role::KubernetesAuthRoleParameters,
    kv_secret::{KvSecretParameters, ValueSource},
    policy::{KvAccess, PolicyParameters, PolicyRule},
    proof::{LoginProof, ServiceAccount},
    token::TokenParameters,
};

use super::plan::Plan;
use crate::{
    claim::virtual_cluster::AuthMethod,
    compose::{Aspect, Composed},
    observed::Observed,
};

/// Key of the `KVSecret` with the cluster's credentials.
pub(super) const CREDENTIALS_KEY: &str = "vault";
/// Key of the role.
pub(super) const ROLE_KEY: &str = "vault-role";
/// Audience of the tokens that workloads log in with.
pub(super) const AUDIENCE: &str = "vault";
/// How long the login of a workload lasts.
const LOGIN_TTL: &str = "1h";

/// Everything in Vault, in the order in which one builds on the other.
pub(super) fn all(plan: &Plan, observed: &Observed) -> Vec<Composed> {
    let part = Part { plan, observed };
    let mut resources = vec![
        part.of::<KvSecret>(CREDENTIALS_KEY, Aspect::Vault, credentials(plan)),
        part.of::<Policy>("vault-policy", Aspect::Login, policy(plan)),
        part.of::<AuthMount>("vault-mount", Aspect::Login, mount(plan)),
    ];
    if plan.spec.argocd.enabled {
        let registration = registration(plan);
        resources.push(part.of::<KvSecret>("vault-argocd", Aspect::Vault, registration));
    }
    resources.extend(match plan.spec.vault.auth {
        AuthMethod::Jwt => [
            part.of::<JwtAuthConfig>("vault-config", Aspect::Login, jwt_config(plan)),
            part.of::<JwtAuthRole>(ROLE_KEY, Aspect::Login, jwt_role(plan)),
        ],
        AuthMethod::Kubernetes => [
            part.of::<KubernetesAuthConfig>("vault-config", Aspect::Login, kubernetes_config(plan)),
            part.of::<KubernetesAuthRole>(ROLE_KEY, Aspect::Login, kubernetes_role(plan)),
        ],
    });
    resources
}

/// What is needed to compose one resource.
pub(super) struct Part<'a> {
    pub(super) plan: &'a Plan,
    pub(super) observed: &'a Observed,
}

impl Part<'_> {
    /// A resource of the backend Vault.
    pub(super) fn of<K: Kind>(
        &self,
        key: &str,
        aspect: Aspect,
        parameters: K::Parameters,
    ) -> Composed {
        let mut managed = ManagedResource::<K>::new(self.plan.object(key), parameters);
        managed.metadata.namespace = Some(self.plan.namespace.clone());
        managed.spec.provider_config_ref = self.plan.spec.provider_configs.vault.clone();
        Composed::new(self.observed, key, aspect, &managed)
    }
}

/// The kubeconfig is in base64, as the strategy's readers expect it.
fn credentials(plan: &Plan) -> KvSecretParameters {
    let from_secret = |key: &str| ValueSource::secret(&plan.secret, key);
    let mut data = vec![
        ("kubeconfig", from_secret("kubeconfig").in_base64()),
        ("api-url", from_secret("api-url")),
        ("ca-cert", from_secret("ca-cert").in_base64()),
    ];
    if plan.spec.vault.token.is_some() {
        data.push(("token", ValueSource::secret(plan.token_secret(), "token")));
    }
    let mut parameters = KvSecretParameters::new(&plan.vault_path, data);
    parameters.mount.clone_from(&plan.spec.vault.mount);
    parameters
}

/// What a cluster Secret of Argo CD holds, for an Argo CD that gets its clusters from Vault.
fn registration(plan: &Plan) -> KvSecretParameters {
    let from_secret = |key: &str| ValueSource::secret(&plan.secret, key);
    let data = [
        ("name", ValueSource::literal(&plan.cluster)),
        ("server", from_secret("argocd-server")),
        ("config", from_secret("argocd-config")),
    ];
    let mut parameters = KvSecretParameters::new(plan.argocd_path(), data);
    parameters.mount.clone_from(&plan.spec.vault.mount);
    parameters
}

fn policy(plan: &Plan) -> PolicyParameters {
    let mount = &plan.spec.vault.mount;
    let access = [KvAccess::Read, KvAccess::List];
    let rules = plan
        .readable
        .iter()
        .map(|path| PolicyRule::kv(mount, path, access));
    PolicyParameters::new(&plan.vault_name, rules.collect())
}

fn mount(plan: &Plan) -> AuthMountParameters {
    let method = match plan.spec.vault.auth {
        AuthMethod::Jwt => "jwt",
        AuthMethod::Kubernetes => "kubernetes",
    };
    let mut parameters = AuthMountParameters::new(&plan.vault_name, method);
    parameters.description = Some(format!("workloads of cluster {}", plan.cluster));
    parameters
}

fn mount_ref(plan: &Plan) -> NamedReference {
    NamedReference::to(plan.object("vault-mount"))
}

fn jwt_config(plan: &Plan) -> JwtAuthConfigParameters {
    JwtAuthConfigParameters {
        mount_ref: Some(mount_ref(plan)),
        ..JwtAuthConfigParameters::of_connection(&plan.vault_name, &plan.secret)
    }
}

/// The API server does not take tokens that are made for Vault, so another token of the account asks.
fn kubernetes_config(plan: &Plan) -> KubernetesAuthConfigParameters {
    let proof = proof(plan);
    let reviewer = Reviewer {
        kubeconfig_secret_ref: Some(proof.kubeconfig_secret_ref),
        service_account: Some(proof.service_account),
        ..Reviewer::default()
    };
    KubernetesAuthConfigParameters {
        mount_ref: Some(mount_ref(plan)),
        reviewer: Some(reviewer),
        ..KubernetesAuthConfigParameters::of_connection(&plan.vault_name, &plan.secret)
    }
}

fn jwt_role(plan: &Plan) -> JwtAuthRoleParameters {
    let account = &plan.spec.vault.service_account;
    let (mount, name) = (&plan.vault_name, &plan.vault_name);
    JwtAuthRoleParameters {
        mount_ref: Some(mount_ref(plan)),
        proof: Some(proof(plan)),
        ..JwtAuthRoleParameters::new(mount, name, &account.namespace, &account.name, token(plan))
    }
}

fn kubernetes_role(plan: &Plan) -> KubernetesAuthRoleParameters {
    let account = &plan.spec.vault.service_account;
    let (mount, name) = (&plan.vault_name, &plan.vault_name);
    KubernetesAuthRoleParameters {
        mount_ref: Some(mount_ref(plan)),
        proof: Some(proof(plan)),
        ..KubernetesAuthRoleParameters::new(
            mount,
            name,
            &account.namespace,
            &account.name,
            token(plan),
        )
    }
}

fn token(plan: &Plan) -> TokenParameters {
    TokenParameters::new([&plan.vault_name], LOGIN_TTL)
}

/// Workloads read what they are meant to, and not the credentials of their own cluster.
fn proof(plan: &Plan) -> LoginProof {
    let (mount, account) = (&plan.spec.vault.mount, &plan.spec.vault.service_account);
    let allowed = plan.readable.first().map_or("", String::as_str);
    let allowed = match allowed.strip_suffix('*') {
        Some(folder) => format!("{folder}login-proof"),
        None => allowed.to_owned(),
    };
    LoginProof {
        kubeconfig_secret_ref: plan.kubeconfig(),
        service_account: ServiceAccount {
            namespace: account.namespace.clone(),
            name: account.name.clone(),
        },
        audience: Some(AUDIENCE.into()),
        allowed_path: format!("{mount}/data/{allowed}"),
        denied_path: format!("{mount}/data/{}", plan.vault_path),
    }
}
