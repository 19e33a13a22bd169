//! What arrives at a path, when it is written, and when it is not.

use futures::future::join_all;
use provider_tenancy::vault::kv_secret::{Strategy, ValueSource};
use serde_json::{Value, json};

use crate::fixture::{CANARY, Did, Fixture, shown};

#[tokio::test]
async fn every_source_arrives_in_one_version_and_is_not_written_again() {
    let fixture = Fixture::new().await;
    let url = "postgresql://app:{{ password | urlencode }}@{{ host }}:5432/app?sslmode=verify-full";
    let more = [
        ("host", ValueSource::literal("db")),
        ("url", ValueSource::template(url)),
    ];
    let mut resource = fixture.resource("infrastructure/databases/dev/orders", &more);
    assert_eq!(resource.pass(&fixture.session).await.unwrap(), Did::Created);
    let expected = json!({
        "host": "db",
        "password": CANARY,
        "url": "postgresql://app:canary-p%40ss%2Fw%3Ard%2B%25@db:5432/app?sslmode=verify-full",
    });
    assert_eq!(
        fixture.data("infrastructure/databases/dev/orders").await,
        expected
    );
    let last = resource.0.last.clone();
    assert_eq!(
        (last.version, last.keys.as_slice()),
        (
            Some(1),
            ["host", "password", "url"].map(String::from).as_slice()
        )
    );

    let before =
        ["create", "update", "patch", "delete"].map(|operation| fixture.audited(operation));
    let reads = fixture.audited("read");
    for _ in 0..5 {
        assert_eq!(resource.pass(&fixture.session).await.unwrap(), Did::Nothing);
    }
    let after = ["create", "update", "patch", "delete"].map(|operation| fixture.audited(operation));
    assert_eq!(before, after, "a steady poll writes nothing");
    // The fixture looks twice per pass.
    assert_eq!(
        fixture.audited("read") - reads,
        10,
        "a steady poll is one read"
    );
}

#[tokio::test]
async fn a_changed_source_becomes_exactly_one_version() {
    let fixture = Fixture::new().await;
    let url = [("url", ValueSource::template("app:{{ password }}"))];
    let mut resource = fixture.resource("a", &url);
    resource.settle(&fixture.session).await;
    resource.set_password("new");
    let (ready, fields) = {
        let observed = resource.observe(&fixture.session).await.unwrap();
        let (ready, fields) = shown(&observed);
        (ready, fields.join(" "))
    };
    assert!(!ready, "vault still holds the old password");
    assert_eq!(fields, "data.password data.url");
    resource.pass(&fixture.session).await.unwrap();
    assert_eq!(
        fixture.data("a").await,
        json!({"password": "new", "url": "app:new"})
    );
    assert_eq!(resource.0.last.version, Some(2));
}

#[tokio::test]
async fn a_hand_edit_is_named_key_by_key_and_corrected() {
    let fixture = Fixture::new().await;
    let mut resource = fixture.resource("a", &[("host", ValueSource::literal("db"))]);
    resource.settle(&fixture.session).await;
    fixture
        .put("a", &json!({"password": "stolen", "extra": "x"}))
        .await;
    let did = resource.pass(&fixture.session).await.unwrap();
    let fields = ["data.host", "data.password", "data.extra"]
        .map(String::from)
        .to_vec();
    assert_eq!(did, Did::Updated(fields));
    assert_eq!(
        fixture.data("a").await,
        json!({"host": "db", "password": CANARY})
    );
    assert_eq!(resource.pass(&fixture.session).await.unwrap(), Did::Nothing);
}

#[tokio::test]
async fn merge_leaves_foreign_keys_as_they_were_and_drops_renamed_ones() {
    let fixture = Fixture::new().await;
    let foreign = json!({"nested": {"list": [1, {"deep": null}]}, "big": 1e21, "exact": (1_i64 << 53) - 1, "tenth": 0.1, "text": "ü😀\r\n"});
    fixture.put("a", &foreign).await;
    let mut resource = fixture.resource("a", &[("old", ValueSource::literal("1"))]);
    resource.0.parameters.strategy = Strategy::Merge;
    resource.settle(&fixture.session).await;
    let mut expected = foreign.clone();
    expected["password"] = CANARY.into();
    expected["old"] = "1".into();
    assert_eq!(fixture.data("a").await, expected);

    let renamed = resource.0.parameters.data.remove("old").unwrap();
    resource.0.parameters.data.insert("new".into(), renamed);
    let did = resource.pass(&fixture.session).await.unwrap();
    assert_eq!(
        did,
        Did::Updated(vec!["data.new".into(), "data.old".into()])
    );
    expected.as_object_mut().unwrap().remove("old");
    expected["new"] = "1".into();
    assert_eq!(fixture.data("a").await, expected);
    assert_eq!(resource.0.last.version, Some(3), "one version per change");
}

#[tokio::test]
async fn create_only_writes_once_and_never_again() {
    let fixture = Fixture::new().await;
    let mut resource = fixture.resource("a", &[]);
    resource.0.parameters.strategy = Strategy::CreateOnly;
    assert_eq!(resource.pass(&fixture.session).await.unwrap(), Did::Created);
    resource.set_password("new");
    assert_eq!(resource.pass(&fixture.session).await.unwrap(), Did::Nothing);
    assert_eq!(fixture.data("a").await, json!({"password": CANARY}));

    fixture.put("theirs", &json!({"x": 1})).await;
    resource.0.parameters.path = "theirs".into();
    assert_eq!(resource.pass(&fixture.session).await.unwrap(), Did::Nothing);
    assert_eq!(fixture.data("theirs").await, json!({"x": 1}));
}

#[tokio::test]
async fn a_version_deleted_or_destroyed_by_hand_is_written_again() {
    let fixture = Fixture::new().await;
    for (number, how) in (1..).zip(["delete", "destroy"]) {
        let mut resource = fixture.resource("a", &[]);
        resource.settle(&fixture.session).await;
        let versions = json!({"versions": [number]});
        fixture
            .root
            .write(&format!("{}/{how}/a", fixture.mount), &versions)
            .await
            .unwrap();
        let observed = resource.observe(&fixture.session).await.unwrap();
        assert_eq!(shown(&observed), (false, vec!["currentVersion"]), "{how}");
        let did = resource.pass(&fixture.session).await.unwrap();
        assert_eq!(did, Did::Updated(vec!["currentVersion".into()]), "{how}");
        assert_eq!(fixture.data("a").await, json!({"password": CANARY}));
        assert_eq!(resource.0.last.version, Some(number + 1));
    }
}

#[tokio::test]
async fn a_path_purged_by_hand_is_made_again() {
    let fixture = Fixture::new().await;
    let mut resource = fixture.resource("a", &[]);
    resource.settle(&fixture.session).await;
    resource.set_password("second");
    resource.settle(&fixture.session).await;
    fixture
        .root
        .delete(&format!("{}/metadata/a", fixture.mount))
        .await
        .unwrap();
    assert_eq!(resource.pass(&fixture.session).await.unwrap(), Did::Created);
    assert_eq!(resource.0.last.version, Some(1));
}

#[tokio::test]
async fn a_mount_that_requires_check_and_set_gets_it_with_every_write() {
    let fixture = Fixture::new().await;
    let required = json!({"cas_required": true});
    fixture
        .root
        .write(&format!("{}/config", fixture.mount), &required)
        .await
        .unwrap();
    for strategy in [Strategy::Replace, Strategy::Merge] {
        let mut resource = fixture.resource("a", &[]);
        resource.0.parameters.strategy = strategy;
        resource.set_password("first");
        resource.settle(&fixture.session).await;
        resource.set_password("second");
        resource.settle(&fixture.session).await;
        assert_eq!(fixture.data("a").await, json!({"password": "second"}));
        let mut leaving = resource.deleting();
        assert_eq!(leaving.pass(&fixture.session).await.unwrap(), Did::Deleted);
        assert_eq!(
            leaving.pass(&fixture.session).await.unwrap(),
            Did::Finalized
        );
    }
}

#[tokio::test]
async fn many_who_merge_into_one_path_at_once_all_find_their_keys() {
    let fixture = Fixture::new().await;
    let passes = (0..12).map(|number| {
        let key = format!("key-{number}");
        let mut resource = fixture.resource("a", &[(&key, ValueSource::literal("1"))]);
        resource.0.parameters.data.remove("password");
        resource.0.parameters.strategy = Strategy::Merge;
        let mut resource = resource.owned_by(&format!("uid-{number}"), &key);
        let session = fixture.session.clone();
        async move { resource.settle(&session).await }
    });
    join_all(passes).await;
    let data = fixture.data("a").await;
    assert_eq!(
        data.as_object().map(serde_json::Map::len),
        Some(12),
        "{data}"
    );
}

#[tokio::test]
async fn text_arrives_exactly_and_a_megabyte_too_much_is_refused_for_good() {
    let fixture = Fixture::new().await;
    let texts = [
        "",
        "line\r\nline\n",
        "nul\u{0}",
        "😀 ü",
        "123",
        "true",
        "{\"json\": 1}",
    ];
    let keys: Vec<String> = (0..texts.len())
        .map(|number| format!("k{number}"))
        .collect();
    let more: Vec<_> = keys
        .iter()
        .map(String::as_str)
        .zip(texts.map(ValueSource::literal))
        .collect();
    let mut resource = fixture.resource("a", &more);
    resource.settle(&fixture.session).await;
    let data = fixture.data("a").await;
    for (key, text) in keys.iter().zip(texts) {
        assert_eq!(data[key], Value::from(text));
    }
    let mut large = fixture.resource("large", &[]);
    large.set_password(&"x".repeat(40 << 20));
    let refused = large.pass(&fixture.session).await.unwrap_err();
    assert_eq!(refused.class(), "invalid", "{refused}");
}
