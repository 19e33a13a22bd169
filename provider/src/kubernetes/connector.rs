//! From a provider config to a session.

use kube::Client;
use managed::{
    config::{ConfigSecretKeyRef, Diagnosis, InUse},
    external::{Connector as ManagedConnector, ExternalError, ResolvedConfig},
};

use super::{
    allowance::Allowance,
    rights::{self, Right},
    session::Session,
    settings::{CredentialsSource, Settings},
};
use crate::kubeconfig::{Access, Remotes, probe};

/// What every kind that writes in a host namespace needs there.
const SECRETS: [Right; 4] = [
    secrets("get"),
    secrets("create"),
    secrets("patch"),
    secrets("delete"),
];

const fn secrets(verb: &'static str) -> Right {
    Right {
        verb,
        group: "",
        resource: "secrets",
    }
}

/// Opens sessions on host clusters. All sessions share the clients of remote clusters.
#[derive(Clone, Debug, Default)]
pub struct Connector {
    remotes: Remotes,
}

impl ManagedConnector for Connector {
    type Settings = Settings;
    type Session = Session;

    async fn connect(&self, config: &ResolvedConfig<Settings>) -> Result<Session, ExternalError> {
        let allowance = allowance(config)?;
        let (host, control) = (host(config)?, config.client.clone());
        let is_watched = config.settings.credentials.source == CredentialsSource::InjectedIdentity;
        Ok(Session::with_images(
            host,
            control,
            allowance,
            self.remotes.clone(),
            config.settings.images.clone(),
            is_watched,
        ))
    }

    /// Version and identity, and which rights on Secrets are missing in the namespaces that the
    /// config writes out.
    async fn probe(&self, session: &Session, _in_use: &InUse) -> Result<Diagnosis, ExternalError> {
        let version = probe::version(session.client()).await?;
        let username = probe::identity(session.client()).await?;
        let identity = username
            .map(|name| format!(" as {name}"))
            .unwrap_or_default();
        let mut diagnosis = Diagnosis::of(format!("Kubernetes {version}{identity}"));
        for namespace in session.allowance().exact() {
            let missing = rights::missing(session.client(), namespace, &SECRETS).await?;
            if !missing.is_empty() {
                let remedy = format!("add to a Role in {namespace}: {}", rights::rules(&missing));
                let needed_for = format!("resources that write in {namespace}");
                diagnosis = diagnosis.lacking("Secrets", needed_for, remedy);
            }
        }
        Ok(diagnosis)
    }
}

fn allowance(config: &ResolvedConfig<Settings>) -> Result<Allowance, ExternalError> {
    let patterns = &config.settings.allowed_host_namespaces;
    if config.namespace.is_some() && !patterns.is_empty() {
        return Err(ExternalError::invalid(
            "a ProviderConfig cannot allow other namespaces than its own",
            "use a ClusterProviderConfig",
        ));
    }
    Ok(Allowance::new(patterns.clone()))
}

fn host(config: &ResolvedConfig<Settings>) -> Result<Client, ExternalError> {
    let credentials = &config.settings.credentials;
    match (credentials.source, &credentials.secret_ref) {
        (CredentialsSource::InjectedIdentity, None) if config.namespace.is_none() => {
            Ok(config.client.clone())
        }
        (CredentialsSource::InjectedIdentity, None) => Err(ExternalError::invalid(
            "a ProviderConfig cannot use the provider's own identity",
            "name a kubeconfig in credentials.secretRef",
        )),
        (CredentialsSource::Secret, Some(reference)) => from_secret(config, reference),
        _ => Err(ExternalError::invalid(
            "credentials.source Secret and secretRef go together",
            "set both or neither",
        )),
    }
}

fn from_secret(
    config: &ResolvedConfig<Settings>,
    reference: &ConfigSecretKeyRef,
) -> Result<Client, ExternalError> {
    let input = reference.input();
    let kubeconfig = config.inputs.value(&input).ok_or_else(|| {
        let cause = format!("{input} does not exist");
        ExternalError::blocked(input.to_string(), cause, "create it, or correct secretRef")
    })?;
    Ok(Access::parse(kubeconfig)?.client()?)
}
