//! Auth methods: enabled, tuned, disabled, and a way in that belongs to one resource.

use provider_tenancy::vault::AuthMount;
use provider_tenancy::vault::auth_mount::{AuthMountDeletionPolicy, AuthMountParameters};
use provider_tenancy::vault::duration::Ttl;
use provider_tenancy::vault::token::TokenType;
use serde_json::{Value, json};

use crate::fixture::{Fixture, owned, refusal};
use crate::pass::{apply, remove, repairs, status};

#[tokio::test]
async fn an_auth_method_is_enabled_repaired_and_disabled() {
    let fixture = Fixture::new().await;
    let path = fixture.name("jwt");
    let mut mount = owned::<AuthMount>("u1", AuthMountParameters::new(&path, "jwt"));
    mount.parameters.tune.max_lease_ttl = Some(Ttl::new("20m"));
    mount.parameters.token_type = Some(TokenType::Service);
    apply(&fixture.session, &mut mount).await;
    let entry = fixture.entry("sys/auth", &path).await;
    assert_eq!(entry["config"]["token_type"], "service");
    assert_eq!(
        status(&fixture.session, &mount).await.accessor,
        entry["accessor"]
    );
    let tune = format!("sys/auth/{path}/tune");
    let edit = json!({"token_type": "batch", "max_lease_ttl": "99h"});
    fixture.root.write(&tune, &edit).await.unwrap();
    let fields = ["tune.maxLeaseTtl", "tokenType"];
    repairs(&fixture.session, &mut mount, "tune", &fields).await;

    let mut other = owned::<AuthMount>("u2", AuthMountParameters::new(&path, "jwt"));
    let (class, words) = refusal(&fixture.session, &mut other).await;
    assert_eq!(class, "blocked");
    assert!(
        words.contains("belongs to -/authmount.vault.pnats.cloud/team/u1"),
        "{words}"
    );
    remove(&fixture.session, &mut mount).await;
    assert_eq!(fixture.entry("sys/auth", &path).await, Value::Null);
}

#[tokio::test]
async fn an_orphaned_auth_method_stays_without_its_mark() {
    let fixture = Fixture::new().await;
    let path = fixture.name("jwt");
    let mut mount = owned::<AuthMount>("u1", AuthMountParameters::new(&path, "jwt"));
    mount.parameters.deletion_policy = AuthMountDeletionPolicy::Orphan;
    apply(&fixture.session, &mut mount).await;
    remove(&fixture.session, &mut mount).await;
    assert_eq!(fixture.entry("sys/auth", &path).await["description"], "");
}
