//! What bad input gets: an answer at once that names the field, and nothing is made.

use serde_json::{Value, json};

use crate::stage;

#[tokio::test]
async fn what_makes_no_sense_is_refused_at_admission_with_the_field() -> anyhow::Result<()> {
    let stage = stage("refusal").await?;
    let long = "s".repeat(64);
    let access = |name: &str, profile: &str| json!([{ "name": name, "profile": profile }]);
    let table: [(Value, &[&str]); 9] = [
        (
            json!({ "environment": "prod" }),
            &["spec.environment", "production"],
        ),
        (json!({}), &["spec.environment", "Required"]),
        (
            json!({ "environment": "dev", "access": access("a", "admin") }),
            &["spec.access[0].profile", "readwrite"],
        ),
        (
            json!({ "environment": "dev", "access": access(&long, "owner") }),
            &["spec.access[0].name", "63"],
        ),
        (
            json!({ "environment": "dev", "access": access("owners", "owner") }),
            &["spec.access[0]", "choose another name"],
        ),
        (
            json!({ "environment": "dev", "service": long }),
            &["spec.service", "63"],
        ),
        (
            json!({ "environment": "dev", "service": "Shop_1" }),
            &["spec.service"],
        ),
        (
            json!({ "environment": "dev", "database": { "name": "no spaces" } }),
            &["spec.database.name"],
        ),
        (
            json!({ "environment": "dev", "vault": { "path": "../up" } }),
            &["spec.vault", "write the path out"],
        ),
    ];
    for (spec, words) in table {
        let error = stage.claim("wrong").apply(&spec).await.err();
        let error = format!("{:#}", error.unwrap_or_else(|| panic!("accepted: {spec}")));
        for word in words {
            assert!(
                error.contains(word),
                "{word} is missing for {spec}: {error}"
            );
        }
    }
    let error = stage
        .claim(&"c".repeat(64))
        .apply(&json!({ "environment": "dev" }))
        .await
        .err();
    let error = format!("{:#}", error.expect("a name of 64 characters is accepted"));
    assert!(error.contains("metadata.name"), "{error}");
    assert_eq!(stage.remains(&[]).await?, Vec::<String>::new());
    stage.finish().await
}

#[tokio::test]
async fn what_names_are_made_of_cannot_be_changed() -> anyhow::Result<()> {
    let stage = stage("unchanged").await?;
    let claim = stage.claim("orders");
    claim
        .apply(&json!({ "environment": "dev", "service": stage.name() }))
        .await?;
    claim.ready().await?;
    for (change, words) in [
        (
            json!({ "environment": "uat" }),
            "environment cannot be changed",
        ),
        (json!({ "service": "another" }), "service cannot be changed"),
        (
            json!({ "database": { "name": "another" } }),
            "database.name cannot be changed",
        ),
        (
            json!({ "vault": { "path": "another" } }),
            "vault.mount and vault.path cannot be changed",
        ),
        (
            json!({ "access": [{ "name": "a", "profile": "root" }] }),
            "spec.access[0].profile",
        ),
    ] {
        let error = claim
            .change(&change)
            .await
            .expect_err("the change is accepted");
        assert!(format!("{error:#}").contains(words), "{error:#}");
    }
    claim
        .credentials(stage.name())
        .await?
        .log_in(&stage)
        .await?;
    stage.finish().await
}
