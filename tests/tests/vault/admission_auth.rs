//! What the API server refuses of policies, mounts, auth methods and their roles.

use managed::crd;
use provider_tenancy::vault::{
    AuthMount, JwtAuthConfig, JwtAuthRole, KubernetesAuthConfig, KubernetesAuthRole, Mount, Policy,
};
use serde_json::{Value, json};
use testbed::Admission;

/// The spec with some fields of `forProvider` replaced; null removes one.
fn with(whole: &Value, changes: &Value) -> Value {
    let mut fields = whole.as_object().unwrap().clone();
    for (field, value) in changes.as_object().unwrap() {
        fields.insert(field.clone(), value.clone());
    }
    fields.retain(|_, value| !value.is_null());
    json!({"forProvider": fields})
}

/// The whole is accepted; each change is refused with its reason.
async fn refuses(admission: &Admission, kind: &str, whole: &Value, table: &[(Value, &str)]) {
    admission
        .create(kind, &with(whole, &json!({})))
        .await
        .unwrap();
    for (change, reason) in table {
        admission
            .refuses(kind, &with(whole, change), reason)
            .await
            .unwrap();
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of refusals")]
async fn policies_and_mounts_that_cannot_work_are_refused_with_the_reason() {
    let crds = vec![
        crd::managed::<Policy>(),
        crd::managed::<Mount>(),
        crd::managed::<AuthMount>(),
    ];
    let admission = Admission::new(crds).await.unwrap();
    let rules = json!([{"path": "a", "capabilities": ["read"]}]);
    let policy = json!({"name": "dev", "rules": rules});
    refuses(
        &admission,
        "Policy",
        &policy,
        &[
            (json!({"name": "root"}), "this policy is Vault's own"),
            (json!({"name": "Dev"}), "name"),
            (
                json!({"hcl": "path \"a\" {}"}),
                "set exactly one of hcl and rules",
            ),
            (json!({"rules": null}), "set exactly one of hcl and rules"),
            (
                json!({"rules": null, "hcl": " {\"path\": {}}"}),
                "write the policy in HCL",
            ),
            (
                json!({"rules": [{"path": "a"}]}),
                "set path and capabilities, or kv alone",
            ),
            (
                json!({"rules": [{"path": "a\" {}", "capabilities": ["read"]}]}),
                "path",
            ),
            (
                json!({"rules": [{"path": "a", "capabilities": ["fly"]}]}),
                "capabilities",
            ),
        ],
    )
    .await;
    refuses(
        &admission,
        "Mount",
        &json!({"path": "team/kv", "type": "kv"}),
        &[
            (
                json!({"path": "a//b"}),
                "a path is segments between single slashes",
            ),
            (json!({"path": "sys"}), "this path is Vault's own"),
            (
                json!({"type": "kv-v2"}),
                "write type kv and options.version",
            ),
            (json!({"tune": {"maxLeaseTtl": "soon"}}), "maxLeaseTtl"),
        ],
    )
    .await;
    refuses(
        &admission,
        "AuthMount",
        &json!({"path": "kubernetes-dev", "type": "kubernetes"}),
        &[
            (json!({"path": "auth/kubernetes"}), "begins with auth/"),
            (json!({"path": "token"}), "this path is Vault's own"),
            (json!({"tokenType": "default"}), "a mount decides itself"),
        ],
    )
    .await;
    admission.finish().await.unwrap();
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of refusals")]
async fn configurations_and_roles_that_let_in_too_many_are_refused_with_the_reason() {
    let crds = vec![
        crd::managed::<KubernetesAuthConfig>(),
        crd::managed::<KubernetesAuthRole>(),
        crd::managed::<JwtAuthConfig>(),
        crd::managed::<JwtAuthRole>(),
    ];
    let admission = Admission::new(crds).await.unwrap();
    let key = json!({"name": "dev", "key": "x"});
    let host = json!({"mountRef": {"name": "m"}, "kubernetesHostSecretRef": key, "kubernetesCaCertSecretRef": key});
    refuses(
        &admission,
        "KubernetesAuthConfig",
        &host,
        &[
            (json!({"mountRef": null}), "the auth method is not given"),
            (
                json!({"kubernetesHost": "https://a"}),
                "set exactly one of kubernetesHost",
            ),
            (
                json!({"kubernetesCaCertSecretRef": null}),
                "Vault knows no CA of the cluster",
            ),
            (
                json!({"reviewer": {}}),
                "set exactly one of jwtSecretRef and kubeconfigSecretRef",
            ),
            (
                json!({"reviewer": {"kubeconfigSecretRef": key}}),
                "set kubeconfigSecretRef and serviceAccount together",
            ),
            (
                json!({"reviewer": {"jwtSecretRef": key}, "disableLocalCaJwt": false}),
                "Vault's own token is not used beside a reviewer",
            ),
        ],
    )
    .await;
    let token = json!({"policies": ["dev"], "ttl": "20m"});
    let proof = json!({"kubeconfigSecretRef": key, "serviceAccount": {"namespace": "a", "name": "b"}, "allowedPath": "a", "deniedPath": "b"});
    let role = json!({"mount": "m", "name": "r", "boundServiceAccountNames": ["api"], "boundServiceAccountNamespaces": ["a"],
        "audience": "vault", "token": token, "proof": proof});
    refuses(
        &admission,
        "KubernetesAuthRole",
        &role,
        &[
            (json!({"audience": null}), "audience"),
            (
                json!({"boundServiceAccountNamespaces": []}),
                "no namespace is bound",
            ),
            (
                json!({"boundServiceAccountNames": ["default"]}),
                "set allowDefaultServiceAccount",
            ),
            (
                json!({"boundServiceAccountNames": ["*"], "boundServiceAccountNamespaces": ["*"]}),
                "every ServiceAccount of the cluster would log in",
            ),
            (
                json!({"token": {"policies": ["root"]}}),
                "a role must not issue root tokens",
            ),
            (
                json!({"token": {"numUses": 1}}),
                "the proof uses a token three times",
            ),
            (json!({"name": "R"}), "name"),
        ],
    )
    .await;
    let keys = json!({"mount": "m", "jwtValidationPubkeysSecretRef": key});
    refuses(
        &admission,
        "JWTAuthConfig",
        &keys,
        &[
            (
                json!({"jwksUrl": "https://a"}),
                "set exactly one of jwtValidationPubkeys",
            ),
            (
                json!({"jwtValidationPubkeysSecretRef": null}),
                "set exactly one of jwtValidationPubkeys",
            ),
            (
                json!({"caCert": "x"}),
                "a CA is for jwksUrl or oidcDiscoveryUrl",
            ),
            (
                json!({"boundIssuer": "x", "boundIssuerSecretRef": key}),
                "set at most one of boundIssuer",
            ),
        ],
    )
    .await;
    let role = json!({"mount": "m", "name": "r", "boundAudiences": ["vault"], "boundSubject": "s", "token": token});
    refuses(
        &admission,
        "JWTAuthRole",
        &role,
        &[
            (json!({"boundAudiences": []}), "boundAudiences"),
            (
                json!({"boundSubject": null}),
                "whoever has a token of the issuer would log in",
            ),
            (
                json!({"proof": with(&proof, &json!({"deniedPath": "a"}))["forProvider"]}),
                "allowedPath and deniedPath are the same",
            ),
        ],
    )
    .await;
    admission.finish().await.unwrap();
}
