//! What is written to a provider config: its status, and the finalizer that keeps it while it is used.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tracing::warn;

use super::{ConfigControl, key};
use crate::{
    config::{Config, ConfigStatus, Diagnosis, IN_USE},
    dependents::ConfigId,
    event::{Occurrence, Report},
    external::{Connector, ExternalError},
    persist::{MANAGER, STATUS_MANAGER, is_status},
    queue::Wake,
};

impl<T, C> ConfigControl<T, C>
where
    T: Config<Settings = C::Settings>,
    C: Connector,
{
    pub(super) async fn tell(
        &self,
        config: &T,
        status: &ConfigStatus,
        probed: &Result<Diagnosis, ExternalError>,
        was_ready: bool,
    ) {
        let body = json!({
            "apiVersion": T::api_version(&()),
            "kind": T::KIND.as_str(),
            "metadata": { "name": config.name_any(), "namespace": config.namespace() },
            "status": status,
        });
        let params = PatchParams::apply(STATUS_MANAGER).force();
        let written = self
            .api(config)
            .patch_status(&config.name_any(), &params, &Patch::Apply(body))
            .await;
        match written {
            Ok(config) => drop((self.cache)(&self.configs).insert(config)),
            Err(error) if is_status(&error, 404) => {}
            Err(error) => {
                warn!(%error, name = config.name_any(), "cannot write the status of a provider config");
            }
        }
        if let (Err(error), true) = (probed, was_ready || config.status().is_none()) {
            warn!(%error, kind = T::KIND.as_str(), name = config.name_any(), "provider config is not ready");
            self.runtime.recorder.report(Report {
                regarding: regarding(config),
                external_name: None,
                occurrence: Occurrence::warning("CannotConnectToProvider", error.to_string()),
                at: self.runtime.now(),
            });
        }
    }

    pub(super) async fn hold(&self, config: &T) -> kube::Result<()> {
        if config
            .finalizers()
            .iter()
            .any(|finalizer| finalizer == IN_USE)
        {
            return Ok(());
        }
        let mut finalizers = config.finalizers().to_vec();
        finalizers.push(IN_USE.into());
        self.set_finalizers(config, &finalizers).await
    }

    pub(super) async fn let_go(&self, id: &ConfigId, config: &T) -> Wake {
        let rest: Vec<_> = config
            .finalizers()
            .iter()
            .filter(|finalizer| *finalizer != IN_USE)
            .cloned()
            .collect();
        if rest.len() == config.finalizers().len() {
            return Wake::Gone;
        }
        match self.set_finalizers(config, &rest).await {
            Ok(()) => {
                self.configs.close(id);
                self.runtime.dependents.remove(&key(id));
                Wake::Gone
            }
            Err(error) if is_status(&error, 404) => Wake::Gone,
            Err(_) => Wake::Backoff,
        }
    }

    async fn set_finalizers(&self, config: &T, finalizers: &[String]) -> kube::Result<()> {
        let patch = json!({ "metadata": {
            "resourceVersion": config.resource_version(),
            "finalizers": finalizers,
        }});
        let params = PatchParams::apply(MANAGER);
        let written = self
            .api(config)
            .patch(&config.name_any(), &params, &Patch::Merge(patch))
            .await?;
        (self.cache)(&self.configs).insert(written);
        Ok(())
    }

    fn api(&self, config: &T) -> Api<T> {
        T::api(
            self.runtime.client.clone(),
            &config.namespace().unwrap_or_default(),
        )
    }
}

fn regarding<T: Config>(config: &T) -> ObjectReference {
    ObjectReference {
        api_version: Some(T::api_version(&()).into_owned()),
        kind: Some(T::KIND.as_str().into()),
        name: Some(config.name_any()),
        namespace: config.namespace(),
        uid: config.uid(),
        resource_version: config.resource_version(),
        field_path: None,
    }
}
