//! JWT auth: whose keys are believed, and who gets in.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use managed::external::Desired;
use managed::input::{Input, SecretKeyRef, Value as Secret};
use provider_tenancy::vault::jwt_auth_config::JwtAuthConfigParameters;
use provider_tenancy::vault::jwt_auth_role::{BoundClaimsType, JwtAuthRoleParameters};
use provider_tenancy::vault::token::TokenParameters;
use provider_tenancy::vault::{JwtAuthConfig, JwtAuthRole};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, SigningKey};
use serde_json::{Value, json};

use crate::fixture::{Fixture, owned, refusal};
use crate::pass::{apply, remove, repairs, status};

/// A signer of tokens, as the API server of a cluster is one.
struct Signer(KeyPair);

impl Signer {
    fn new() -> Self {
        Self(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap())
    }

    fn public_key(&self) -> String {
        self.0.public_key_pem()
    }

    /// A token with these claims, good for some minutes.
    fn token(&self, claims: &Value) -> String {
        let mut claims = claims.clone();
        claims["iat"] = json!(seconds());
        claims["exp"] = json!(seconds() + 300);
        let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!(
            "{}.{}",
            encode(&json!({"alg": "ES256", "typ": "JWT"})),
            encode(&claims)
        );
        let signature = raw(&self.0.sign(signed.as_bytes()).unwrap());
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

fn seconds() -> u64 {
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// The two numbers of a signature in DER, as a token carries them.
fn raw(der: &[u8]) -> Vec<u8> {
    let mut rest = &der[2..];
    let mut raw = Vec::new();
    for _ in 0..2 {
        let length = usize::from(rest[1]);
        let number = &rest[2..2 + length];
        let number = &number[number.len().saturating_sub(32)..];
        raw.extend(std::iter::repeat_n(0, 32 - number.len()));
        raw.extend(number);
        rest = &rest[2 + length..];
    }
    raw
}

fn keys() -> SecretKeyRef {
    SecretKeyRef {
        name: "dev".into(),
        key: "service-account-public-keys".into(),
    }
}

fn issuer() -> SecretKeyRef {
    SecretKeyRef {
        name: "dev".into(),
        key: "service-account-issuer".into(),
    }
}

fn config(mount: &str, keys_pem: &str) -> Desired<JwtAuthConfig> {
    let mut config =
        owned::<JwtAuthConfig>("u1", JwtAuthConfigParameters::of_connection(mount, "dev"));
    config
        .inputs
        .insert(Input::secret(&keys()), Secret::from(keys_pem));
    config.inputs.insert(
        Input::secret(&issuer()),
        Secret::from("https://dev.example.org\n"),
    );
    config
}

fn role(mount: &str) -> Desired<JwtAuthRole> {
    let token = TokenParameters::new(["vcluster-dev"], "20m");
    owned::<JwtAuthRole>(
        "u1",
        JwtAuthRoleParameters::new(mount, "reader", "payments", "api", token),
    )
}

fn claims() -> Value {
    json!({"iss": "https://dev.example.org", "aud": ["vault"], "sub": "system:serviceaccount:payments:api",
        "kubernetes.io": {"namespace": "payments"}})
}

#[tokio::test]
async fn who_is_signed_for_gets_in_and_nobody_else() {
    let fixture = Fixture::new().await;
    let mount = fixture.enable("jwt").await;
    let (signer, stranger) = (Signer::new(), Signer::new());
    apply(&fixture.session, &mut config(&mount, &signer.public_key())).await;
    apply(&fixture.session, &mut role(&mount)).await;
    let (status, token) = fixture
        .log_in(&mount, "reader", &signer.token(&claims()))
        .await;
    assert_eq!(status, 200);
    let itself = fixture
        .root
        .with_token(&token)
        .read("auth/token/lookup-self")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(itself["policies"], json!(["default", "vcluster-dev"]));
    assert_eq!(itself["creation_ttl"], 1200);

    let with = |claim: &str, value: &str| {
        let mut claims = claims();
        claims[claim] = json!(value);
        claims
    };
    let strangers = [
        stranger.token(&claims()),
        signer.token(&with("iss", "https://prod.example.org")),
        signer.token(&with("aud", "https://kubernetes.default.svc")),
        signer.token(&with("sub", "system:serviceaccount:payments:default")),
    ];
    for jwt in strangers {
        let (status, _) = fixture.log_in(&mount, "reader", &jwt).await;
        assert_eq!(status, 400, "{jwt}");
    }
}

#[tokio::test]
async fn rotated_keys_are_followed_and_the_old_ones_forgotten() {
    let fixture = Fixture::new().await;
    let mount = fixture.enable("jwt").await;
    let (old, new) = (Signer::new(), Signer::new());
    let mut config = config(&mount, &old.public_key());
    apply(&fixture.session, &mut config).await;
    apply(&fixture.session, &mut role(&mount)).await;
    let both = format!("{}\n{}", new.public_key(), old.public_key());
    config
        .inputs
        .insert(Input::secret(&keys()), Secret::from(both));
    repairs(
        &fixture.session,
        &mut config,
        "two keys",
        &["jwtValidationPubkeys"],
    )
    .await;
    assert_eq!(status(&fixture.session, &config).await.public_keys, Some(2));
    for signer in [&old, &new] {
        assert_eq!(
            fixture
                .log_in(&mount, "reader", &signer.token(&claims()))
                .await
                .0,
            200
        );
    }
    config
        .inputs
        .insert(Input::secret(&keys()), Secret::from(new.public_key()));
    apply(&fixture.session, &mut config).await;
    assert_eq!(
        fixture
            .log_in(&mount, "reader", &old.token(&claims()))
            .await
            .0,
        400
    );
    assert_eq!(
        fixture
            .log_in(&mount, "reader", &new.token(&claims()))
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn hand_edits_of_config_and_role_are_repaired_field_by_field() {
    let fixture = Fixture::new().await;
    let mount = fixture.enable("jwt").await;
    let (signer, other) = (Signer::new(), Signer::new());
    let mut config = config(&mount, &signer.public_key());
    let mut role = role(&mount);
    role.parameters.bound_claims = [(
        "/kubernetes.io/namespace".into(),
        vec!["pay*".into(), "b".into()],
    )]
    .into();
    role.parameters.bound_claims_type = BoundClaimsType::Glob;
    role.parameters.claim_mappings =
        [("/kubernetes.io/namespace".into(), "namespace".into())].into();
    apply(&fixture.session, &mut config).await;
    apply(&fixture.session, &mut role).await;
    assert_eq!(
        fixture
            .log_in(&mount, "reader", &signer.token(&claims()))
            .await
            .0,
        200
    );

    let path = format!("auth/{mount}/config");
    let edit = json!({"jwt_validation_pubkeys": [other.public_key()], "default_role": "x"});
    fixture.root.write(&path, &edit).await.unwrap();
    let fields = ["jwtValidationPubkeys", "boundIssuer", "defaultRole"];
    repairs(&fixture.session, &mut config, "config", &fields).await;

    let path = format!("auth/{mount}/role/reader");
    let edit = json!({"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault", "other"],
        "bound_subject": "", "bound_claims": {"/kubernetes.io/namespace": ["*"]}, "bound_claims_type": "glob",
        "claim_mappings": {"/kubernetes.io/namespace": "namespace"}, "token_policies": ["root"], "token_ttl": "20m"});
    fixture.root.write(&path, &edit).await.unwrap();
    let fields = [
        "boundAudiences",
        "boundSubject",
        "boundClaims",
        "token.policies",
    ];
    repairs(&fixture.session, &mut role, "role", &fields).await;
    let written = fixture.audited(&path, "update");
    apply(&fixture.session, &mut role).await;
    assert_eq!(fixture.audited(&path, "update"), written);
    remove(&fixture.session, &mut role).await;
    assert_eq!(fixture.root.read(&path).await.unwrap(), None);
    remove(&fixture.session, &mut config).await;
}

#[tokio::test]
async fn a_role_waits_for_its_auth_method_and_is_gone_with_it() {
    let fixture = Fixture::new().await;
    let mut role = role(&fixture.name("jwt"));
    let (class, words) = refusal(&fixture.session, &mut role).await;
    assert_eq!(class, "blocked");
    let advice = format!("make an AuthMount with path {}", fixture.name("jwt"));
    assert!(words.ends_with(&advice), "{words}");
    let mount = fixture.enable("jwt").await;
    apply(&fixture.session, &mut role).await;
    fixture
        .root
        .delete(&format!("sys/auth/{mount}"))
        .await
        .unwrap();
    remove(&fixture.session, &mut role).await;
}

#[tokio::test]
async fn a_role_that_somebody_else_made_is_neither_overwritten_nor_deleted() {
    let fixture = Fixture::new().await;
    let mount = fixture.enable("jwt").await;
    apply(&fixture.session, &mut role(&mount)).await;
    let mut second = role(&mount);
    second.owner.uid = "u2".into();
    let (class, words) = refusal(&fixture.session, &mut second).await;
    assert_eq!(class, "blocked");
    assert!(
        words.contains("exists and was not written by this resource"),
        "{words}"
    );
    second.ledger.clear();
    remove(&fixture.session, &mut second).await;
    let path = format!("auth/{mount}/role/reader");
    assert!(fixture.root.read(&path).await.unwrap().is_some());
}

#[tokio::test]
async fn what_is_no_key_never_reaches_vault_and_is_not_shown() {
    let fixture = Fixture::new().await;
    let mount = fixture.enable("jwt").await;
    let private = KeyPair::generate().unwrap().serialize_pem();
    for wrong in ["", "canary", &private] {
        let mut config = config(&mount, wrong);
        let (class, words) = refusal(&fixture.session, &mut config).await;
        assert_eq!(class, "invalid", "{words}");
        assert!(
            !words.contains("canary") && !words.contains("BEGIN"),
            "{words}"
        );
    }
    assert_eq!(
        fixture.audited(&format!("auth/{mount}/config"), "update"),
        0
    );
}

#[tokio::test]
async fn an_auth_method_of_another_type_is_named_as_the_cause() {
    let fixture = Fixture::new().await;
    let mount = fixture.enable("approle").await;
    let mut config = config(&mount, &Signer::new().public_key());
    let (class, words) = refusal(&fixture.session, &mut config).await;
    assert_eq!(class, "invalid", "{words}");
    assert!(words.contains("is of another type"), "{words}");
}
