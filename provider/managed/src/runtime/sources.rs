//! What resources read that is not theirs: watched by its metadata alone, and nothing of it kept, so that a
//! cluster full of Secrets costs no memory.

use std::{collections::HashSet, sync::Arc};

use futures::StreamExt;
use kube::{
    Api, ResourceExt,
    api::{ApiResource, PartialObjectMeta},
    core::DynamicObject,
    runtime::watcher::Event,
};
use tracing::warn;

use super::Runtime;
use crate::{
    dependents::{ObjectId, Source},
    input::Input,
    watching,
};

impl Runtime {
    /// Starts a watch for each kind that is read by field and not ours.
    pub(crate) async fn watch_foreign(&self, inputs: &[Input]) {
        for input in inputs {
            let Input::Field {
                api_version, kind, ..
            } = input
            else {
                continue;
            };
            let group = api_version.split_once('/').map_or("", |(group, _)| group);
            if self.directory.target(group, kind).is_some() {
                continue;
            }
            let key = (api_version.clone(), kind.clone());
            if self
                .foreign
                .lock()
                .expect("no panic while held")
                .contains(&key)
            {
                continue;
            }
            // An unknown kind is reported by the read that follows.
            let Ok(resource) = self.reader.resource(api_version, kind).await else {
                continue;
            };
            if self
                .foreign
                .lock()
                .expect("no panic while held")
                .insert(key)
            {
                let _ = self.watch_requests.send(resource);
            }
        }
    }

    /// Watches the metadata of a kind and wakes readers of objects that changed, or went while nobody watched.
    pub(crate) async fn watch_metadata(self: Arc<Self>, resource: ApiResource) {
        let api: Api<PartialObjectMeta<DynamicObject>> =
            Api::all_with(self.client.clone(), &resource);
        let mut events = watching::events(api);
        let mut missed = HashSet::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => {
                    missed = self.dependents.objects(&resource.group, &resource.kind);
                }
                Ok(Event::InitApply(object)) => {
                    missed.remove(&id(&resource, &object));
                    self.changed(&resource, &object);
                }
                Ok(Event::InitDone) => {
                    for gone in missed.drain() {
                        self.wake(&Source::Object(gone), "");
                    }
                }
                Ok(Event::Apply(object)) => self.changed(&resource, &object),
                Ok(Event::Delete(object)) => self.wake(&Source::Object(id(&resource, &object)), ""),
                Err(error) => {
                    warn!(%error, kind = resource.kind, "watch interrupted, trying again");
                }
            }
        }
    }

    fn changed(&self, resource: &ApiResource, object: &PartialObjectMeta<DynamicObject>) {
        let version = object.resource_version().unwrap_or_default();
        self.wake(&Source::Object(id(resource, object)), &version);
    }
}

fn id(resource: &ApiResource, object: &PartialObjectMeta<DynamicObject>) -> ObjectId {
    ObjectId {
        group: resource.group.clone(),
        kind: resource.kind.clone(),
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use k8s_openapi::api::core::v1::Secret;
    use kube::Resource;

    use super::*;
    use crate::{
        queue::Key,
        testing::lab::{Lab, NAMESPACE},
    };

    /// A lab in which somebody has read version 7 of a Secret, and who that is.
    fn read() -> (Lab, Arc<Key>) {
        let lab = Lab::new();
        let reader = Arc::new(Key {
            group: "example.org",
            plural: "fakes",
            namespace: NAMESPACE.into(),
            name: "a".into(),
        });
        let secret = Source::Object(ObjectId::secret(NAMESPACE, "password"));
        let seen = [(secret, "7".to_owned())].into();
        lab.controller.runtime.dependents.set(&reader, seen);
        (lab, reader)
    }

    /// Who is woken once Secrets are watched.
    async fn woken(lab: &Lab) -> Option<Arc<Key>> {
        let runtime = Arc::clone(&lab.controller.runtime);
        let secrets = ApiResource::erase::<Secret>(&());
        let watch = tokio::spawn(Arc::clone(&runtime).watch_metadata(secrets));
        let woken = tokio::time::timeout(Duration::from_secs(1), runtime.queue.next()).await;
        watch.abort();
        woken.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn what_went_while_nobody_watched_wakes_its_readers() {
        let (lab, reader) = read();
        assert_eq!(woken(&lab).await, Some(reader));
    }

    #[tokio::test(start_paused = true)]
    async fn what_changed_while_nobody_watched_wakes_its_readers() {
        let (lab, reader) = read();
        lab.server.put(&secret());
        assert_eq!(woken(&lab).await, Some(reader));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_as_it_was_read_wakes_nobody() {
        let (lab, reader) = read();
        lab.server.put(&secret());
        let there: Secret = lab.server.get(NAMESPACE, "password").unwrap();
        let seen = Source::Object(ObjectId::secret(NAMESPACE, "password"));
        let version = there.meta().resource_version.clone().unwrap();
        let seen = [(seen, version)].into();
        lab.controller.runtime.dependents.set(&reader, seen);
        assert_eq!(woken(&lab).await, None);
    }

    fn secret() -> Secret {
        let mut secret = Secret::default();
        secret.metadata.name = Some("password".into());
        secret.metadata.namespace = Some(NAMESPACE.into());
        secret
    }
}
