//! Provider configs: shared sessions, usages, and what is said when a config is wrong.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use serde_json::json;

use super::{ALL_GOOD, default_config};
use crate::{
    change::Changed,
    config::{
        CONFIG_KIND_LABEL, CONFIG_LABEL, ClusterProviderConfig, ConfigKind, ConfigRef,
        ConfigSecretKeyRef, ProviderConfig, ProviderConfigUsage, USAGE_FINALIZER,
    },
    queue::Wake,
    testing::{
        Fake, FakeSettings, Fault,
        lab::{Lab, NAMESPACE, fake, secret},
    },
};

fn usage(lab: &Lab) -> ProviderConfigUsage<FakeSettings> {
    lab.server.list().remove(0)
}

/// A namespaced config that reads a Secret of `namespace`.
fn namespaced(lab: &Lab, namespace: Option<&str>) {
    let mut config = ProviderConfig {
        metadata: kube::core::ObjectMeta::default(),
        spec: FakeSettings {
            password_secret_ref: ConfigSecretKeyRef {
                namespace: namespace.map(str::to_owned),
                name: "admin".into(),
                key: "password".into(),
            },
        },
        status: None,
    };
    config.metadata.name = Some("own".into());
    config.metadata.namespace = Some(NAMESPACE.into());
    lab.server.put(&config);
    let mut object = fake("a", 1);
    object.spec.provider_config_ref = ConfigRef {
        kind: ConfigKind::ProviderConfig,
        name: "own".into(),
    };
    lab.server.put(&object);
}

#[tokio::test(start_paused = true)]
async fn all_resources_of_a_config_share_one_session() {
    let lab = Lab::new();
    for name in ["a", "b", "c"] {
        lab.server.put(&fake(name, 1));
        lab.settle(name).await;
    }
    assert_eq!(lab.world.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_usage_says_who_uses_what_and_is_owned_by_its_user() {
    let lab = Lab::settled(&fake("a", 1)).await;
    let (usage, object) = (usage(&lab), lab.object("a"));
    assert_eq!(usage.metadata.name, object.metadata.uid);
    assert_eq!(usage.metadata.namespace.as_deref(), Some(NAMESPACE));
    assert_eq!(
        usage.metadata.finalizers,
        Some(vec![USAGE_FINALIZER.to_owned()])
    );
    let labels = usage.metadata.labels.unwrap();
    assert_eq!(labels[CONFIG_LABEL], "default");
    assert_eq!(labels[CONFIG_KIND_LABEL], "ClusterProviderConfig");
    assert_eq!(usage.resource_ref.name, "a");
    assert_eq!(
        Some(&usage.metadata.owner_references.unwrap()[0].uid),
        object.metadata.uid.as_ref()
    );
}

#[tokio::test(start_paused = true)]
async fn a_usage_the_watch_has_not_shown_yet_is_no_error() {
    let mut lab = Lab::settled(&fake("a", 1)).await;
    lab.restart();
    lab.server.edit::<ProviderConfigUsage<FakeSettings>>(
        NAMESPACE,
        &usage(&lab).metadata.name.unwrap(),
        |usage| {
            usage["metadata"]["labels"] = json!({});
        },
    );
    lab.pass("a").await;
    assert_eq!(lab.conditions("a"), ALL_GOOD);
    assert_eq!(
        usage(&lab).metadata.labels.unwrap()[CONFIG_LABEL],
        "default"
    );
}

#[tokio::test(start_paused = true)]
async fn a_usage_that_cannot_be_written_is_named() {
    let lab = Lab::new();
    lab.server.put(&fake("a", 1));
    lab.server.fail_next(
        "create providerconfigusages",
        Fault::Refuse(403, "Forbidden"),
    );
    lab.pass("a").await;
    let message = lab.message("a", "Synced");
    assert!(
        message.starts_with("connect failed: cannot write ProviderConfigUsage "),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_config_that_does_not_exist_is_named() {
    let lab = Lab::new();
    lab.server
        .delete::<ClusterProviderConfig<FakeSettings>>("", "default");
    lab.server.put(&fake("a", 1));
    lab.pass("a").await;
    assert_eq!(
        lab.message("a", "Synced"),
        "connect failed: ClusterProviderConfig default of example.org does not exist; create it, or correct providerConfigRef"
    );
}

#[tokio::test(start_paused = true)]
async fn a_missing_key_of_a_configs_secret_is_named() {
    let lab = Lab::new();
    lab.server.edit::<Secret>("system", "admin", |secret| {
        secret["data"] = json!({ "user": "eA==" });
    });
    lab.server.put(&fake("a", 1));
    lab.pass("a").await;
    assert_eq!(
        lab.message("a", "Synced"),
        "connect failed: Secret system/admin has no key \"password\", it holds user; add the key \"password\", or correct the reference"
    );
}

#[tokio::test(start_paused = true)]
async fn a_mended_secret_is_used_at_once() {
    let lab = Lab::new();
    lab.server.delete::<Secret>("system", "admin");
    lab.server.put(&fake("a", 1));
    assert_eq!(lab.pass("a").await, Wake::Backoff);
    lab.server
        .put(&secret("system", "admin", &[("password", "root")]));
    assert!(matches!(lab.pass("a").await, Wake::After(_)));
    assert_eq!(lab.conditions("a"), ALL_GOOD);
}

#[tokio::test(start_paused = true)]
async fn a_namespaced_config_reads_secrets_of_its_own_namespace() {
    let lab = Lab::new();
    lab.server
        .put(&secret(NAMESPACE, "admin", &[("password", "tenant")]));
    namespaced(&lab, None);
    lab.settle("a").await;
    assert_eq!(lab.conditions("a"), ALL_GOOD);
    assert_eq!(
        usage(&lab).metadata.labels.unwrap()[CONFIG_KIND_LABEL],
        "ProviderConfig"
    );
}

#[tokio::test(start_paused = true)]
async fn a_namespaced_config_may_not_read_secrets_of_another_namespace() {
    let lab = Lab::new();
    namespaced(&lab, Some("system"));
    lab.settle("a").await;
    assert_eq!(
        lab.message("a", "Synced"),
        "connect failed: ProviderConfig shop/own names a Secret in namespace system; use a Secret in its own namespace"
    );
    assert_eq!(lab.world.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_external_system_tells_of_is_looked_at_at_once() {
    let mut object = fake("a", 3);
    object.spec.for_provider.alias = Some("thing".into());
    let lab = Lab::settled(&object).await;
    lab.queued();
    assert!(lab.world.tell(&Changed::external::<Fake>("thing")));
    lab.wait(Duration::from_millis(1)).await;
    assert_eq!(lab.queued(), ["a"]);
    lab.world.tell(&Changed::object::<Fake>(NAMESPACE, "a"));
    lab.world.tell(&Changed::external::<Fake>("another"));
    lab.wait(Duration::from_millis(1)).await;
    assert_eq!(lab.queued(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn nobody_listens_to_a_session_that_was_replaced() {
    let lab = Lab::settled(&fake("a", 3)).await;
    let changed = Changed::object::<Fake>(NAMESPACE, "a");
    assert!(lab.world.tell(&changed));
    let configs = &lab.controller.configs;
    configs.close(&default_config());
    lab.wait(Duration::from_millis(1)).await;
    assert!(!lab.world.tell(&changed));
}

#[tokio::test(start_paused = true)]
async fn empty_credentials_are_named_and_never_used() {
    let lab = Lab::new();
    lab.server.edit::<Secret>("system", "admin", |secret| {
        secret["data"]["password"] = json!("");
    });
    lab.server.put(&fake("a", 1));
    lab.pass("a").await;
    assert_eq!(
        lab.message("a", "Synced"),
        "connect failed: key \"password\" of Secret system/admin is empty; store the credential there"
    );
    assert_eq!(lab.world.connections(), 0);
}
