//! Policies: what they mean, whose they are, and that they are what Vault acts on.

use provider_tenancy::vault::adoption::Adopt;
use provider_tenancy::vault::policy::{Capability, KvAccess, PolicyParameters, PolicyRule};
use provider_tenancy::vault::{Policy, Session};
use serde_json::json;
use testbed::openbao::client::Method;

use crate::fixture::{Fixture, owned, refusal};
use crate::pass::{apply, drift, remove, repairs, status};

fn reading(fixture: &Fixture) -> PolicyParameters {
    let kv = PolicyRule::kv("secret", "clusters/dev/*", [KvAccess::Read, KvAccess::List]);
    let tools = PolicyRule::path("sys/tools/hash", [Capability::Update]);
    PolicyParameters::new(fixture.name("dev"), vec![kv, tools])
}

async fn by_hand(fixture: &Fixture, text: &str) {
    let path = format!("sys/policies/acl/{}", fixture.name("dev"));
    fixture
        .root
        .write(&path, &json!({"policy": text}))
        .await
        .unwrap();
}

async fn text(fixture: &Fixture) -> String {
    let path = format!("sys/policies/acl/{}", fixture.name("dev"));
    let policy = fixture.root.read(&path).await.unwrap().unwrap();
    policy["policy"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_policy_of_rules_is_made_and_then_left_alone() {
    let fixture = Fixture::new().await;
    let mut policy = owned::<Policy>("u1", reading(&fixture));
    apply(&fixture.session, &mut policy).await;
    let paths = status(&fixture.session, &policy).await.paths;
    let expected = [
        "secret/data/clusters/dev/*",
        "secret/metadata/clusters/dev/*",
        "sys/tools/hash",
    ];
    assert_eq!(paths, expected);
    let api = format!("sys/policies/acl/{}", fixture.name("dev"));
    let writes = || fixture.audited(&api, "create") + fixture.audited(&api, "update");
    let (written, read) = (writes(), fixture.audited(&api, "read"));
    apply(&fixture.session, &mut policy).await;
    assert_eq!(writes(), written);
    let looked = fixture.audited(&api, "read");
    assert_eq!(looked, read + 2, "one read for each look");
    remove(&fixture.session, &mut policy).await;
}

#[tokio::test]
async fn the_rules_allow_what_they_say_and_nothing_else() {
    let fixture = Fixture::new().await;
    apply(
        &fixture.session,
        &mut owned::<Policy>("u1", reading(&fixture)),
    )
    .await;
    let wanted = json!({"policies": [fixture.name("dev")], "ttl": "5m"});
    let token = fixture
        .root
        .write("auth/token/create", &wanted)
        .await
        .unwrap();
    let client = fixture
        .root
        .with_token(token["auth"]["client_token"].as_str().unwrap());
    for (method, path, allowed) in [
        (Method::GET, "secret/data/clusters/dev/none", true),
        (Method::GET, "secret/metadata/clusters/dev/?list=true", true),
        (Method::GET, "secret/data/clusters/prod/none", false),
        (Method::DELETE, "secret/data/clusters/dev/none", false),
        (Method::GET, "sys/mounts", false),
    ] {
        let answer = client.request(method.clone(), path, None).await.unwrap();
        assert_eq!(answer.status != 403, allowed, "{method} {path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_hand_edit_is_repaired_and_named_by_its_path_but_formatting_is_no_edit() {
    let fixture = Fixture::new().await;
    let mut policy = owned::<Policy>("u1", reading(&fixture));
    apply(&fixture.session, &mut policy).await;
    let ours = text(&fixture).await;
    by_hand(
        &fixture,
        &format!("{ours}\npath \"sys/*\" {{ capabilities = [\"sudo\"] }}"),
    )
    .await;
    repairs(
        &fixture.session,
        &mut policy,
        "one rule more",
        &["rules[sys/*]"],
    )
    .await;
    by_hand(&fixture, &ours.replace("\"read\"", "\"read\", \"delete\"")).await;
    let fields = [
        "rules[secret/data/clusters/dev/*]",
        "rules[secret/metadata/clusters/dev/*]",
    ];
    repairs(&fixture.session, &mut policy, "more capabilities", &fields).await;
    by_hand(
        &fixture,
        &ours
            .replace("\n}", " // nothing\n\n\n}")
            .replace('\n', "\r\n"),
    )
    .await;
    assert_eq!(drift(&fixture.session, &policy).await, Vec::<String>::new());
    by_hand(&fixture, ours.split_once('\n').unwrap().1).await;
    repairs(
        &fixture.session,
        &mut policy,
        "the mark removed",
        &["owner"],
    )
    .await;
}

#[tokio::test]
async fn a_policy_given_as_text_is_written_as_it_is() {
    let fixture = Fixture::new().await;
    let hcl = "# why\npath \"secret/+/x\" {\r\n  capabilities = [\"update\"]\n  allowed_parameters = { \"ttl\" = [\"1h\"] }\n}\n";
    let mut policy = owned::<Policy>(
        "u1",
        PolicyParameters {
            hcl: Some(hcl.into()),
            rules: None,
            ..reading(&fixture)
        },
    );
    apply(&fixture.session, &mut policy).await;
    assert!(text(&fixture).await.ends_with(&hcl.replace("\r\n", "\n")));
    policy.parameters.hcl = Some("path \"x\" { capabilities = [\"fly\"] }".into());
    let (class, words) = refusal(&fixture.session, &mut policy).await;
    assert_eq!(class, "invalid");
    assert!(
        words.contains("invalid capability") && words.ends_with("correct hcl or rules"),
        "{words}"
    );
}

#[tokio::test]
async fn what_somebody_else_wrote_is_neither_overwritten_nor_deleted() {
    let fixture = Fixture::new().await;
    by_hand(&fixture, "path \"a\" { capabilities = [\"read\"] }").await;
    let mut first = owned::<Policy>("u1", reading(&fixture));
    let (class, words) = refusal(&fixture.session, &mut first).await;
    assert_eq!(class, "blocked");
    assert!(
        words.contains("was not written by this resource"),
        "{words}"
    );
    first.ledger.clear();
    remove(&fixture.session, &mut first).await;
    assert!(
        text(&fixture).await.contains("path \"a\""),
        "it was deleted"
    );

    let mut second = owned::<Policy>("u2", reading(&fixture));
    second.parameters.adopt = Adopt::IfUnowned;
    apply(&fixture.session, &mut second).await;
    let mut third = owned::<Policy>("u3", reading(&fixture));
    third.parameters.adopt = Adopt::IfUnowned;
    let (class, words) = refusal(&fixture.session, &mut third).await;
    assert_eq!(class, "blocked");
    assert!(
        words.contains("belongs to -/policy.vault.pnats.cloud/team/u2"),
        "{words}"
    );
    third.parameters.adopt = Adopt::Always;
    apply(&fixture.session, &mut third).await;
    assert!(drift(&fixture.session, &third).await.is_empty());
}

#[tokio::test]
async fn a_missing_right_is_answered_with_the_line_that_grants_it() {
    let fixture = Fixture::new().await;
    let session: Session = fixture
        .session_with(r#"path "none" { capabilities = ["read"] }"#)
        .await;
    let mut policy = owned::<Policy>("u1", reading(&fixture));
    let (class, words) = refusal(&session, &mut policy).await;
    assert_eq!(class, "denied");
    let line = format!(
        r#"path "sys/policies/acl/{}" {{ capabilities = ["read"] }}"#,
        fixture.name("dev")
    );
    assert!(words.ends_with(&line), "{words}");
}
