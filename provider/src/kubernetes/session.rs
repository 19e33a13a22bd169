//! A session: the host cluster, where in it one may write, and the clusters reached from here.

use std::{fmt, sync::Arc};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use managed::{
    external::{ExternalError, SeenSecret},
    input::Value,
};
use serde_json::Value as Json;

use super::{
    allowance::Allowance,
    rights::{self, Right},
    source,
    status::Source,
    vcluster::Images,
};
use crate::kubeconfig::{Access, Error, Reason, Remote, Remotes, within};

/// The way to the host cluster. Cheap to clone; shared by all resources of one config.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    host: Client,
    control: Client,
    objects: Remote,
    allowance: Allowance,
    remotes: Remotes,
    images: Images,
    is_watched: bool,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("allowance", &self.0.allowance)
            .field("remotes", &self.0.remotes)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A session on a host cluster. `control` is a client of the control plane, where resources and
    /// their Secrets lie.
    pub fn new(host: Client, control: Client, allowance: Allowance, remotes: Remotes) -> Self {
        Self::with_images(host, control, allowance, remotes, Images::default(), false)
    }

    /// As [`Session::new`], with images for virtual clusters that name none. `is_watched`: the host cluster
    /// is the control plane, whose Secrets the runtime watches.
    pub fn with_images(
        host: Client,
        control: Client,
        allowance: Allowance,
        remotes: Remotes,
        images: Images,
        is_watched: bool,
    ) -> Self {
        Self(Arc::new(Inner {
            images,
            is_watched,
            objects: Remote::new(host.clone()),
            host,
            control,
            allowance,
            remotes,
        }))
    }

    /// Images for virtual clusters that name none.
    pub fn images(&self) -> &Images {
        &self.0.images
    }

    /// A client of the host cluster, for a namespace that a resource of the namespace `own` may
    /// write in.
    ///
    /// # Errors
    /// [`ExternalError::Invalid`] when the config does not allow it.
    pub fn host(&self, own: &str, namespace: &str) -> Result<Client, ExternalError> {
        self.0.allowance.check(own, namespace)?;
        Ok(self.0.host.clone())
    }

    /// The objects of the host cluster, for a namespace that a resource of the namespace `own` may
    /// write in.
    ///
    /// # Errors
    /// [`ExternalError::Invalid`] when the config does not allow it.
    pub fn host_objects(&self, own: &str, namespace: &str) -> Result<Remote, ExternalError> {
        self.0.allowance.check(own, namespace)?;
        Ok(self.0.objects.clone())
    }

    /// A Secret of the host cluster as it was seen, where its changes are told of.
    pub(super) fn seen(
        &self,
        namespace: &str,
        name: &str,
        live: Option<&Json>,
    ) -> Option<SeenSecret> {
        let version = live.and_then(|live| live["metadata"]["resourceVersion"].as_str());
        self.0.is_watched.then(|| SeenSecret {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            version: version.unwrap_or_default().to_owned(),
        })
    }

    /// The clients of remote clusters.
    pub fn remotes(&self) -> &Remotes {
        &self.0.remotes
    }

    /// The access of a resource on its way out, for which nothing is resolved: its kubeconfig is read
    /// here, from its own namespace. `None` when there is none any more, or none that can be used:
    /// then nothing can be cleaned up behind it. Needs `get` on Secrets.
    ///
    /// # Errors
    /// When the control plane does not answer.
    pub async fn last_access(
        &self,
        namespace: &str,
        source: &Source<'_>,
    ) -> Result<Option<Access>, Error> {
        let api: Api<Secret> = Api::namespaced(self.0.control.clone(), namespace);
        let operation = format!("read Secret {namespace}/{}", source.secret.name);
        let secret = within(&operation, api.get_opt(&source.secret.name)).await?;
        let data = secret.and_then(|secret| secret.data).unwrap_or_default();
        let Some(kubeconfig) = data.get(&source.secret.key) else {
            return Ok(None);
        };
        let access = Access::parse(&Value::new(kubeconfig.0.clone()));
        Ok(access.and_then(|access| source::at(source, access)).ok())
    }

    /// What went wrong on the host cluster. When a right is missing, the answer names all that are
    /// missing of `needed` in the namespace, as rules to add.
    pub async fn explain(&self, error: Error, namespace: &str, needed: &[Right]) -> ExternalError {
        if !error.is(Reason::Forbidden) {
            return error.into();
        }
        match rights::missing(&self.0.host, namespace, needed).await {
            Ok(missing) if !missing.is_empty() => rights::denied(namespace, &missing),
            _ => error.into(),
        }
    }

    /// A client of the host cluster, for looking around.
    pub(super) fn client(&self) -> &Client {
        &self.0.host
    }

    /// What the config allows.
    pub(super) fn allowance(&self) -> &Allowance {
        &self.0.allowance
    }
}
