//! One path, one writer.

use provider_tenancy::vault::kv_secret::{Adopt, Strategy, ValueSource};
use serde_json::{Value, json};
use testbed::openbao::client::Method;

use crate::fixture::{CANARY, Did, Fixture, connect, token, token_settings};

#[tokio::test]
async fn of_two_resources_one_owns_the_path_and_the_other_says_whose_it_is() {
    let fixture = Fixture::new().await;
    let mut first = fixture.resource("a", &[]).owned_by("uid-1", "first");
    let mut second = fixture.resource("a", &[]).owned_by("uid-2", "second");
    first.settle(&fixture.session).await;
    let refused = second.pass(&fixture.session).await.unwrap_err();
    assert_eq!(refused.class(), "blocked");
    let expected = format!(
        "{}/a belongs to -/kvsecret.vault.pnats.cloud/team/first",
        fixture.mount
    );
    assert!(refused.to_string().starts_with(&expected), "{refused}");

    let mut leaving = first.deleting();
    leaving.pass(&fixture.session).await.unwrap();
    assert_eq!(second.pass(&fixture.session).await.unwrap(), Did::Created);
}

#[tokio::test]
async fn of_two_clusters_that_start_at_once_exactly_one_writes() {
    let fixture = Fixture::new().await;
    for round in 0..10 {
        let path = format!("race-{round}");
        let mut racers = ["one", "two"].map(|name| {
            let mut resource = fixture.resource(&path, &[]).owned_by(name, name);
            resource.set_password(name);
            resource
        });
        let [one, two] = &mut racers;
        let (first, second) = tokio::join!(one.pass(&fixture.session), two.pass(&fixture.session));
        let winners = [&first, &second]
            .iter()
            .filter(|outcome| outcome.is_ok())
            .count();
        assert_eq!(winners, 1, "{first:?} {second:?}");
        assert_eq!(fixture.metadata(&path).await["current_version"], 1);
        let winner = if first.is_ok() { "one" } else { "two" };
        assert_eq!(fixture.data(&path).await, json!({"password": winner}));
    }
}

#[tokio::test]
async fn a_path_written_by_hand_is_refused_or_adopted_as_the_spec_says() {
    let fixture = Fixture::new().await;
    fixture.put("a", &json!({"theirs": "x"})).await;
    let mut resource = fixture.resource("a", &[]);
    let refused = resource.pass(&fixture.session).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("was not written by this resource"),
        "{refused}"
    );
    assert_eq!(fixture.data("a").await, json!({"theirs": "x"}));
    resource.0.parameters.adopt = Adopt::IfUnowned;
    resource.settle(&fixture.session).await;
    assert_eq!(fixture.data("a").await, json!({"password": CANARY}));
}

#[tokio::test]
async fn a_path_of_external_secrets_is_taken_over_only_by_force() {
    let fixture = Fixture::new().await;
    fixture.put("a", &json!({"password": CANARY})).await;
    let mark = json!({"custom_metadata": {"managed-by": "external-secrets"}});
    fixture
        .root
        .write(&format!("{}/metadata/a", fixture.mount), &mark)
        .await
        .unwrap();
    let mut resource = fixture.resource("a", &[]);
    resource.0.parameters.adopt = Adopt::IfUnowned;
    let refused = resource.pass(&fixture.session).await.unwrap_err();
    assert!(
        refused.to_string().contains("belongs to external-secrets"),
        "{refused}"
    );
    resource.0.parameters.adopt = Adopt::Always;
    assert_eq!(
        resource.settle(&fixture.session).await.version,
        Some(1),
        "the data was right already"
    );
}

#[tokio::test]
async fn a_process_that_died_between_data_and_mark_goes_on_without_a_second_version() {
    let fixture = Fixture::new().await;
    let mut resource = fixture.resource("a", &[]);
    resource.settle(&fixture.session).await;
    let none = json!({"custom_metadata": {}});
    fixture
        .root
        .write(&format!("{}/metadata/a", fixture.mount), &none)
        .await
        .unwrap();
    assert_eq!(
        resource.pass(&fixture.session).await.unwrap(),
        Did::Updated(vec!["owner".into()])
    );
    assert_eq!(resource.0.last.version, Some(1));

    fixture
        .root
        .write(&format!("{}/metadata/a", fixture.mount), &none)
        .await
        .unwrap();
    let mut leaving = resource.deleting();
    assert_eq!(
        leaving.pass(&fixture.session).await.unwrap(),
        Did::Deleted,
        "nothing is left behind"
    );
    assert_eq!(fixture.read("a").await.0, 404);
}

#[tokio::test]
async fn custom_metadata_of_others_survives() {
    let fixture = Fixture::new().await;
    let mut resource = fixture.resource("a", &[]);
    resource.settle(&fixture.session).await;
    let label = json!({"custom_metadata": {"team": "payments"}});
    let path = format!("{}/metadata/a", fixture.mount);
    let existing = fixture.metadata("a").await["custom_metadata"].clone();
    let mut both = label.clone();
    for (entry, value) in existing.as_object().unwrap() {
        both["custom_metadata"][entry] = value.clone();
    }
    fixture
        .root
        .request(Method::POST, &path, Some(&both))
        .await
        .unwrap();
    assert_eq!(resource.pass(&fixture.session).await.unwrap(), Did::Nothing);
    resource.deleting().pass(&fixture.session).await.unwrap();
    assert_eq!(
        fixture.metadata("a").await["custom_metadata"],
        label["custom_metadata"]
    );
}

#[tokio::test]
async fn a_cluster_rebuilt_from_git_finds_its_paths_again() {
    let fixture = Fixture::new().await;
    let mut settings = token_settings(&fixture.testbed);
    settings.cluster_name = Some("production".into());
    let rights = format!(
        r#"path "{}/*" {{ capabilities = ["create", "read", "update", "patch"] }}"#,
        fixture.mount
    );
    let token = token(&fixture.root, &rights).await;
    let session = connect(&fixture.testbed, &settings, &token).await.unwrap();
    fixture
        .resource("a", &[])
        .owned_by("uid-1", "app")
        .settle(&session)
        .await;
    let mut rebuilt = fixture.resource("a", &[]).owned_by("uid-2", "app");
    assert_eq!(rebuilt.settle(&session).await.version, Some(1));
    let marks = fixture.metadata("a").await["custom_metadata"].clone();
    let expected = json!({"tenancy.pnats.cloud/owner.uid-2": "production/kvsecret.vault.pnats.cloud/team/app"});
    assert_eq!(marks, expected);

    let mut elsewhere = fixture.resource("a", &[]).owned_by("uid-3", "app");
    assert!(
        elsewhere.pass(&fixture.session).await.is_err(),
        "another cluster does not"
    );
}

#[tokio::test]
async fn two_who_merge_the_same_key_do_not_fight() {
    let fixture = Fixture::new().await;
    let merging = |uid: &str, value: &str| {
        let mut resource = fixture
            .resource("a", &[("host", ValueSource::literal(value))])
            .owned_by(uid, uid);
        resource.0.parameters.strategy = Strategy::Merge;
        resource
    };
    merging("uid-1", "one").settle(&fixture.session).await;
    let refused = merging("uid-2", "two")
        .pass(&fixture.session)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("team/uid-1"), "{refused}");
    assert_eq!(fixture.data("a").await["host"], Value::from("one"));
}
