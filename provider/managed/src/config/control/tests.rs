//! What a user of a provider config sees.

use std::collections::HashSet;

use k8s_openapi::api::core::v1::Secret;
use serde_json::json;

use super::*;
use crate::{
    config::{ClusterProviderConfig, ConfigRef, IN_USE, ProviderConfigUsage},
    testing::{
        FakeConnector, FakeSettings, Fault,
        lab::{Lab, NAMESPACE, fake},
    },
};

type Config = ClusterProviderConfig<FakeSettings>;

struct Desk {
    lab: Lab,
    control: ConfigControl<Config, FakeConnector>,
}

impl Desk {
    fn new(lab: Lab) -> Self {
        let (runtime, configs) = (
            Arc::clone(&lab.controller.runtime),
            Arc::clone(&lab.controller.configs),
        );
        let control = ConfigControl::new(runtime, configs, |configs| &configs.cluster);
        Self { lab, control }
    }

    async fn pass(&self) -> Wake {
        self.lab.sync();
        self.control.reconcile(&key(&default()).into()).await
    }

    fn config(&self) -> Option<Config> {
        self.lab.server.get("", "default")
    }

    fn status(&self) -> ConfigStatus {
        self.config().unwrap().status.unwrap_or_default()
    }

    fn condition(&self, kind: &str) -> (String, String) {
        let status = self.status();
        let found = condition::find(&status.conditions, kind).unwrap();
        (
            format!("{}/{}", found.status, found.reason),
            found.message.clone(),
        )
    }
}

fn default() -> ConfigId {
    Configs::<FakeConnector>::id(NAMESPACE, &ConfigRef::default())
}

#[tokio::test(start_paused = true)]
async fn a_config_says_what_its_server_is_and_how_many_use_it() {
    let desk = Desk::new(Lab::settled(&fake("a", 1)).await);
    assert!(matches!(desk.pass().await, Wake::After(_)));
    let status = desk.status();
    assert_eq!(
        (status.users, status.server.as_deref()),
        (1, Some("fake 1.0"))
    );
    assert_eq!(desk.condition(READY).0, "True/Available");
    assert_eq!(
        desk.config().unwrap().metadata.finalizers,
        Some(vec![IN_USE.to_owned()])
    );
    desk.lab.server.take_writes();
    desk.pass().await;
    assert_eq!(desk.lab.writes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_config_in_use_stays_until_its_last_user_is_gone() {
    let desk = Desk::new(Lab::settled(&fake("a", 1)).await);
    desk.pass().await;
    desk.lab.server.delete::<Config>("", "default");
    desk.pass().await;
    let (status, message) = desk.condition("Terminating");
    assert_eq!(status, "True/InUse");
    assert!(
        message.starts_with("deletion waits for 1 managed resource"),
        "{message}"
    );
    desk.lab.delete("a");
    desk.lab.pass("a").await;
    assert!(desk.lab.get("a").is_none());
    assert_eq!(desk.pass().await, Wake::Gone);
    assert!(desk.config().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_usage_whose_user_is_gone_is_let_go() {
    let desk = Desk::new(Lab::settled(&fake("a", 1)).await);
    desk.pass().await;
    desk.lab.delete("a");
    let lost = "patch providerconfigusages";
    desk.lab
        .server
        .fail_next(lost, Fault::Refuse(500, "InternalError"));
    desk.lab.pass("a").await;
    let usages = || {
        desk.lab
            .server
            .list::<ProviderConfigUsage<FakeSettings>>()
            .len()
    };
    assert_eq!(usages(), 1);
    desk.pass().await;
    assert_eq!((usages(), desk.status().users), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_usage_that_is_deleted_before_its_user_still_counts() {
    let desk = Desk::new(Lab::settled(&fake("a", 1)).await);
    let usage = desk.lab.object("a").metadata.uid.unwrap();
    desk.lab
        .server
        .delete::<ProviderConfigUsage<FakeSettings>>(NAMESPACE, &usage);
    desk.pass().await;
    assert_eq!(desk.status().users, 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_named_and_everybody_is_woken_when_it_answers_again() {
    let desk = Desk::new(Lab::settled(&fake("a", 1)).await);
    desk.pass().await;
    desk.lab.world.set_down(true);
    assert_eq!(desk.pass().await, Wake::After(RETRY));
    assert_eq!(
        desk.condition(READY),
        (
            "False/Unavailable".to_owned(),
            "nobody answers at fake:1; check the server and the network".to_owned()
        )
    );
    desk.lab.queued();
    desk.lab.world.set_down(false);
    desk.pass().await;
    assert_eq!(desk.lab.queued(), ["a"]);
    assert_eq!(desk.condition(READY).0, "True/Available");
}

#[tokio::test(start_paused = true)]
async fn a_changed_secret_opens_a_new_session_and_wakes_everybody() {
    let desk = Desk::new(Lab::settled(&fake("a", 1)).await);
    desk.pass().await;
    desk.lab.queued();
    desk.lab.server.edit::<Secret>("system", "admin", |secret| {
        secret["data"]["password"] = json!("bmV3");
    });
    desk.pass().await;
    assert_eq!(desk.lab.queued(), ["a"]);
    desk.lab.pass("a").await;
    assert_eq!(desk.lab.world.connections(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_config_deleted_while_nobody_watched_is_forgotten() {
    let desk = Desk::new(Lab::settled(&fake("a", 1)).await);
    desk.lab.queued();
    desk.control.prune(&HashSet::new());
    assert!(
        desk.lab
            .controller
            .configs
            .cluster
            .get("", "default")
            .is_none()
    );
    let mut queued = desk.lab.queued();
    queued.sort();
    assert_eq!(queued, ["a", "default"]);
}

#[tokio::test(start_paused = true)]
async fn a_right_that_a_kind_in_use_needs_is_named_with_the_statement_that_gives_it() {
    let desk = Desk::new(Lab::settled(&fake("a", 1)).await);
    desk.pass().await;
    assert_eq!(desk.condition("RightsComplete").0, "True/Complete");
    desk.lab.world.forbid_create(true);
    desk.pass().await;
    assert_eq!(desk.condition("Ready").0, "True/Available");
    let (is_complete, message) = desk.condition("RightsComplete");
    assert_eq!(is_complete, "False/RightsMissing");
    assert_eq!(
        message,
        "CREATE is missing for kind Fake; GRANT CREATE TO root"
    );
    assert_eq!(
        desk.status().missing_rights[0].remedy,
        "GRANT CREATE TO root"
    );
    desk.lab.world.forbid_create(false);
    desk.pass().await;
    assert_eq!(desk.condition("RightsComplete").0, "True/Complete");
    assert!(desk.status().missing_rights.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_right_that_nobody_needs_is_not_missed() {
    let desk = Desk::new(Lab::new());
    desk.lab.world.forbid_create(true);
    desk.pass().await;
    assert_eq!(desk.condition("RightsComplete").0, "True/Complete");
}

#[tokio::test(start_paused = true)]
async fn a_changed_config_opens_a_new_session_and_wakes_everybody() {
    let desk = Desk::new(Lab::settled(&fake("a", 1)).await);
    desk.pass().await;
    desk.lab.queued();
    let other = crate::testing::lab::secret("system", "other", &[("password", "new")]);
    desk.lab.server.put(&other);
    desk.lab.server.edit::<Config>("", "default", |config| {
        config["spec"]["passwordSecretRef"]["name"] = json!("other");
    });
    desk.control.applied(desk.config().unwrap());
    desk.pass().await;
    assert_eq!(desk.lab.world.connections(), 2);
    assert!(desk.lab.queued().contains(&"a".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn of_several_shards_the_first_one_writes_what_a_config_says() {
    let first = Desk::new(Lab::new().shard(0, 2));
    let second = Desk::new(first.lab.shard(1, 2));
    assert!(matches!(second.pass().await, Wake::After(_)));
    assert_eq!(second.lab.writes(), [""; 0]);
    first.pass().await;
    assert_eq!(first.condition(READY).0, "True/Available");

    first.lab.server.delete::<Config>("", "default");
    assert_eq!(second.pass().await, Wake::OnChange);
    assert!(second.config().is_some());
    assert_eq!(first.pass().await, Wake::Gone);
    assert!(first.config().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_writes_nothing_wakes_its_resources_when_the_server_answers_again() {
    let first = Desk::new(Lab::new().shard(0, 2));
    let second = Desk::new(first.lab.shard(1, 2));
    first.pass().await;
    let mut object = fake("a", 1);
    object
        .labels_mut()
        .insert("tenancy.pnats.cloud/shard".into(), "1".into());
    first.lab.server.put(&object);
    second.lab.settle("a").await;
    second.pass().await;
    second.lab.queued();

    first.lab.world.set_down(true);
    assert_eq!(second.pass().await, Wake::After(RETRY));
    first.lab.world.set_down(false);
    second.pass().await;
    assert_eq!(second.lab.queued(), ["a"]);
}
