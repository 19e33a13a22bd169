//! Every row of the table, against kubeconfigs made for it.

use std::fmt::Write;

use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;

use super::*;

/// A CA, a client certificate of it, and the certificate's key, all in PEM.
struct Material {
    ca: String,
    certificate: String,
    key: String,
}

fn material() -> Material {
    let mut ca = CertificateParams::new(vec!["ca".to_owned()]).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let client = CertificateParams::new(vec!["client".to_owned()]).unwrap();
    Material {
        ca: issuer.pem(),
        certificate: client.signed_by(&key, &issuer).unwrap().pem(),
        key: key.serialize_pem(),
    }
}

fn base64(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

fn with_certificate(material: &Material) -> Json {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "admin@dev",
        "contexts": [
            { "name": "other", "context": { "cluster": "nowhere", "user": "nobody" } },
            { "name": "admin@dev", "context": { "cluster": "dev", "user": "admin", "namespace": "x" } },
        ],
        "clusters": [{ "name": "dev", "cluster": {
            "server": "https://10.0.0.1:6443/",
            "certificate-authority-data": base64(&material.ca),
            "extensions": [],
        } }],
        "users": [{ "name": "admin", "user": {
            "client-certificate-data": base64(&material.certificate),
            "client-key-data": base64(&material.key),
        } }],
        "preferences": {},
    })
}

fn with_token() -> Json {
    json!({
        "contexts": [{ "name": "a", "context": { "cluster": "dev", "user": "admin" } }],
        "clusters": [{ "name": "dev", "cluster": { "server": "https://10.0.0.1:6443" } }],
        "users": [{ "name": "admin", "user": { "token": "hunter2" } }],
    })
}

fn parsed(file: &Json) -> Result<Access, Refusal> {
    parse(file.to_string().as_bytes())
}

fn reason(file: &Json) -> &'static str {
    let refusal = parsed(file).expect_err("it is refused");
    assert!(!refusal.cause.contains("hunter2"), "{refusal}");
    assert!(refusal.remedy.len() < 60, "{}", refusal.remedy);
    refusal.reason
}

#[test]
fn the_current_context_decides() {
    let material = material();
    let access = parsed(&with_certificate(&material)).unwrap();
    assert_eq!(access.server, "https://10.0.0.1:6443");
    assert_eq!(access.ca, Some(material.ca));
    let Credential::ClientCertificate { certificate, key } = access.credential else {
        panic!("no certificate")
    };
    assert_eq!(certificate, material.certificate);
    assert_eq!(key.expose_str(), Some(material.key.as_str()));
}

#[test]
fn a_single_context_need_not_be_current() {
    let access = parsed(&with_token()).unwrap();
    assert_eq!(access.credential, Credential::Token(Value::from("hunter2")));
}

#[test]
fn what_is_written_reads_back_as_the_same() {
    let material = material();
    for file in [with_certificate(&material), with_token()] {
        let mut access = parsed(&file).unwrap();
        access.tls_server_name = Some("api.example.org".into());
        access.disable_compression = true;
        let written = access.kubeconfig("dev");
        assert_eq!(Access::parse(&written), Ok(access));
    }
}

#[test]
fn what_reaches_beyond_the_kubeconfig_is_refused_with_the_reason() {
    let user = [
        ("exec", json!({"command": "aws"}), "ExecPlugin"),
        ("auth-provider", json!({"name": "gcp"}), "AuthProvider"),
        ("tokenFile", json!("/run/token"), "FilePath"),
        ("client-certificate", json!("/pki/a.crt"), "FilePath"),
        ("client-key", json!("/pki/a.key"), "FilePath"),
        ("as", json!("root"), "Impersonation"),
        ("as-uid", json!("1"), "Impersonation"),
        ("as-groups", json!(["system:masters"]), "Impersonation"),
        ("as-user-extra", json!({}), "Impersonation"),
        ("username", json!("admin"), "BasicAuth"),
        ("password", json!("hunter2"), "BasicAuth"),
        ("something-new", json!(true), "UnknownField"),
        ("token", json!(""), "CredentialMissing"),
        ("token", json!("a b"), "TokenMalformed"),
        ("client-key-data", json!("aGk="), "CredentialMissing"),
    ];
    for (field, value, expected) in user {
        let mut file = with_token();
        file["users"][0]["user"][field] = value;
        assert_eq!(reason(&file), expected, "{field}");
    }
    let cluster = [
        ("certificate-authority", json!("/pki/ca.crt"), "FilePath"),
        ("proxy-url", json!("http://proxy:3128"), "ProxyURL"),
        (
            "insecure-skip-tls-verify",
            json!(true),
            "InsecureSkipTLSVerify",
        ),
        (
            "certificate-authority-data",
            json!("!"),
            "KubeconfigMalformed",
        ),
        (
            "certificate-authority-data",
            json!(base64("none")),
            "CAMalformed",
        ),
        ("server", json!("http://10.0.0.1"), "ServerInvalid"),
        ("server", json!(null), "ServerInvalid"),
        ("something-new", json!(1), "UnknownField"),
    ];
    for (field, value, expected) in cluster {
        let mut file = with_token();
        file["clusters"][0]["cluster"][field] = value;
        assert_eq!(reason(&file), expected, "{field}");
    }
}

#[test]
fn a_context_that_leads_nowhere_is_named() {
    let mut two = with_token();
    two["contexts"] = json!([two["contexts"][0], {"name": "b"}]);
    let mut gone = with_token();
    gone["current-context"] = json!("gone");
    let mut twice = with_token();
    twice["users"] = json!([twice["users"][0], twice["users"][0]]);
    let mut unnamed = with_token();
    unnamed["contexts"][0]["context"] = json!({ "user": "admin" });
    for (file, cause) in [
        (two, "the kubeconfig has 2 contexts and no current-context"),
        (gone, "the kubeconfig has no context \"gone\""),
        (twice, "the kubeconfig has two of user \"admin\""),
        (unnamed, "the current context names no cluster"),
        (
            json!({}),
            "the kubeconfig has 0 contexts and no current-context",
        ),
    ] {
        assert_eq!(parsed(&file).unwrap_err().cause, cause);
    }
}

#[test]
fn a_key_that_belongs_to_another_certificate_is_refused() {
    let mut file = with_certificate(&material());
    file["users"][0]["user"]["client-key-data"] = base64(&material().key).into();
    assert_eq!(reason(&file), "CredentialMalformed");
    let mut file = with_certificate(&material());
    file["users"][0]["user"]["token"] = "hunter2".into();
    assert_eq!(reason(&file), "CredentialAmbiguous");
}

#[test]
fn a_message_about_malformed_text_quotes_nothing_of_it() {
    let table: [(&[u8], &str); 6] = [
        (b"", "KubeconfigEmpty"),
        (b" \n", "KubeconfigEmpty"),
        (b"\xff\xfe", "KubeconfigMalformed"),
        (b"token: hunter2\n  users: [", "KubeconfigMalformed"),
        (b"users: hunter2", "KubeconfigMalformed"),
        (b"hunter2", "KubeconfigMalformed"),
    ];
    for (text, expected) in table {
        let refusal = parse(text).unwrap_err();
        assert_eq!(refusal.reason, expected);
        assert!(!refusal.to_string().contains("hunter2"), "{refusal}");
    }
}

#[test]
fn a_bomb_of_anchors_and_a_huge_text_end_quickly() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let previous = format!("*a{}", level - 1);
        let list = vec![previous; 9].join(", ");
        writeln!(bomb, "a{level}: &a{level} [{list}]").unwrap();
    }
    let huge = "# padding\n".repeat(80_000);
    let started = std::time::Instant::now();
    for text in [bomb, huge] {
        let refusal = parse(text.as_bytes()).unwrap_err();
        assert_ne!(refusal.reason, "KubeconfigEmpty");
    }
    assert!(started.elapsed() < std::time::Duration::from_secs(5));
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "[a-z:{}\\[\\]&*\\n -]{0,200}") {
        let _any_outcome = parse(text.as_bytes());
    }

    #[test]
    fn a_token_and_a_server_survive_the_round_trip(token in "[!-~]{1,80}", host in "[a-z]{1,20}") {
        let access = Access {
            server: format!("https://{host}:6443"),
            tls_server_name: None,
            ca: None,
            credential: Credential::Token(Value::from(token)),
            disable_compression: false,
        };
        prop_assert_eq!(Access::parse(&access.kubeconfig("a")), Ok(access));
    }
}
