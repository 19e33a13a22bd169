//! The doctor: the lines of policy it names are the ones that are missing, and they are enough.

use managed::config::InUse;
use managed::external::{Connector as _, Desired, ExternalClient};
use managed::kind::Kind;
use provider_tenancy::vault::auth_mount::AuthMountParameters;
use provider_tenancy::vault::mount::MountParameters;
use provider_tenancy::vault::policy::{Capability, PolicyParameters, PolicyRule};
use provider_tenancy::vault::{AuthMount, Connector, Mount, Policy, Session};

use crate::fixture::{Fixture, owned};
use crate::pass::{apply, remove};

/// The lines the doctor asks for.
async fn lines(session: &Session, in_use: &InUse) -> Vec<String> {
    let diagnosis = Connector.probe(session, in_use).await.unwrap();
    let missing = diagnosis.missing_rights.into_iter();
    missing.map(|missing| missing.remedy).collect()
}

async fn comes_and_goes<K: Kind>(session: &Session, desired: &mut Desired<K>)
where
    Session: ExternalClient<K>,
{
    apply(session, desired).await;
    remove(session, desired).await;
}

#[tokio::test]
async fn the_lines_the_doctor_names_are_enough() {
    let fixture = Fixture::new().await;
    let rule = PolicyRule::path("secret/data/dev/*", [Capability::Read]);
    let policy = PolicyParameters::new(fixture.name("dev"), vec![rule]);
    let engine = MountParameters::kv_v2(fixture.name("kv"));
    let way_in = AuthMountParameters::new(fixture.name("jwt"), "jwt");
    let mut in_use = InUse::default();
    in_use.insert(Policy::KIND, &policy.name);
    in_use.insert(Mount::KIND, &engine.path);
    in_use.insert(AuthMount::KIND, &way_in.path);

    let nobody = fixture.session_with("# nothing").await;
    let needed = lines(&nobody, &in_use).await;
    let line = format!(
        r#"path "sys/policies/acl/{}" {{ capabilities = ["create", "read", "update", "delete"] }}"#,
        policy.name
    );
    assert!(needed.contains(&line), "{needed:#?}");
    assert_eq!(lines(&nobody, &InUse::default()).await, [""; 0]);

    let somebody = fixture.session_with(&needed.join("\n")).await;
    assert_eq!(lines(&somebody, &in_use).await, [""; 0]);
    comes_and_goes(&somebody, &mut owned::<Policy>("u1", policy)).await;
    comes_and_goes(&somebody, &mut owned::<AuthMount>("u2", way_in)).await;
    apply(&somebody, &mut owned::<Mount>("u3", engine)).await;
}

#[tokio::test]
async fn who_may_not_ask_what_it_may_do_is_told_so() {
    let fixture = Fixture::new().await;
    let mut in_use = InUse::default();
    in_use.insert(Policy::KIND, "dev");
    let deaf = r#"path "sys/capabilities-self" { capabilities = ["deny"] }"#;
    let session = fixture.session_with(deaf).await;
    assert_eq!(
        lines(&session, &in_use).await,
        [r#"path "sys/capabilities-self" { capabilities = ["update"] }"#]
    );
}
