//! The credentials of a login at a Vault path, from the Secret that the provider keeps for the login.
//!
//! The Secret need not exist yet: the provider watches it, and writes to Vault as soon as it does.

use managed::ManagedResource;
use provider_tenancy::vault::{
    KvSecret,
    kv_secret::{KvSecretParameters, ValueSource},
};

use super::plan::{Login, Plan};
use crate::{
    compose::{Aspect, Composed},
    observed::Observed,
};

/// How clients are told to connect: encrypted, and refusing a server without TLS. Checking the
/// server's certificate needs its CA, which only the client's own host can hold.
pub(super) const SSL_MODE: &str = "require";

/// A URL that libpq and every driver built like it understands, of values whose names begin so.
pub(super) fn url(start: &str) -> String {
    let part = |name: &str| format!("{{{{ {start}{name} | urlencode }}}}");
    let host = format!("{{{{ {start}host }}}}:{{{{ {start}port }}}}");
    format!(
        "postgresql://{}:{}@{host}/{}?sslmode={{{{ {start}sslmode }}}}",
        part("username"),
        part("password"),
        part("database"),
    )
}

/// The `KVSecret` of a login.
pub(super) fn composed(plan: &Plan, observed: &Observed, login: &Login) -> Composed {
    Composed::new(
        observed,
        login.vault_key(),
        Aspect::Vault,
        &secret(plan, login),
    )
}

fn secret(plan: &Plan, login: &Login) -> ManagedResource<KvSecret> {
    let from_secret = |key: &str| ValueSource::secret(&login.secret, key);
    let data = [
        ("host", from_secret("endpoint")),
        ("port", from_secret("port")),
        ("database", ValueSource::literal(&plan.database.name)),
        ("username", from_secret("username")),
        ("password", from_secret("password")),
        ("sslmode", ValueSource::literal(SSL_MODE)),
        ("url", ValueSource::template(url(""))),
    ];
    let mut parameters = KvSecretParameters::new(&login.vault_path, data);
    parameters.mount.clone_from(&plan.spec.vault.mount);
    let mut secret = ManagedResource::new(plan.object(&login.vault_key()), parameters);
    secret.metadata.namespace = Some(plan.namespace.clone());
    secret.spec.provider_config_ref = plan.spec.provider_configs.vault.clone();
    secret
}
