//! People who log in to a virtual cluster with tokens of an `OpenID` Connect provider: the real one that
//! Vault is.

use std::time::{Duration, Instant};

use kube::Client;
use managed::input::Value as Secret;
use provider_tenancy::kubeconfig::{Access, Credential, probe};
use provider_tenancy::kubernetes::vcluster::Oidc;
use serde_json::{Value, json};
use testbed::openbao::client::Client as Vault;

use crate::fixture::Fixture;

#[tokio::test]
async fn people_of_an_openid_connect_provider_with_a_ca_of_its_own_come_in() {
    let fixture = Fixture::new().await;
    let openbao = fixture.testbed.openbao();
    let person = Person::enrol(openbao.client().unwrap(), fixture.namespace()).await;
    let mut parameters = Fixture::parameters();
    parameters.oidc = Some(Oidc {
        issuer_url: person.claim("iss"),
        client_id: fixture.namespace().into(),
        username_claim: None,
        groups_claim: Some("groups".into()),
        ca_cert: Some(openbao.ca_pem().unwrap()),
    });
    let mut resource = fixture.resource(parameters);
    let access = fixture.until_ready(&mut resource).await;

    let name = format!("{}#{}", person.claim("iss"), person.claim("sub"));
    let inside = person.enter(&fixture, access).await;
    assert_eq!(probe::identity(&inside).await.unwrap(), Some(name));
    assert_eq!(
        groups(&inside).await,
        json!(["developers", "system:authenticated"])
    );

    fixture.delete(&mut resource).await;
    person.leave().await;
    fixture.finish().await;
}

async fn groups(client: &Client) -> Value {
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let request = http::Request::post("/apis/authentication.k8s.io/v1/selfsubjectreviews")
        .header("content-type", "application/json")
        .body(review.to_string().into_bytes())
        .unwrap();
    let review: Value = client.request(request).await.unwrap();
    review["status"]["userInfo"]["groups"].clone()
}

/// An entity of Vault with a token about its identity.
struct Person {
    vault: Vault,
    name: String,
    token: String,
}

impl Person {
    /// Everything of the person carries the name, and so does the audience of the token.
    async fn enrol(vault: Vault, name: &str) -> Self {
        let write = async |path: String, body: Value| vault.write(&path, &body).await.unwrap();
        let template = json!({"groups": ["developers"]}).to_string();
        write(
            format!("identity/oidc/key/{name}"),
            json!({"allowed_client_ids": ["*"]}),
        )
        .await;
        write(
            format!("identity/oidc/role/{name}"),
            json!({"key": name, "client_id": name, "template": template, "ttl": "10m"}),
        )
        .await;
        let policy = format!("path \"identity/oidc/token/{name}\" {{ capabilities = [\"read\"] }}");
        write(
            format!("sys/policies/acl/{name}"),
            json!({"policy": policy}),
        )
        .await;
        write(
            format!("auth/token/roles/{name}"),
            json!({"allowed_entity_aliases": [name], "allowed_policies": [name]}),
        )
        .await;
        let login = json!({"entity_alias": name, "policies": [name], "ttl": "10m"});
        let login = write(format!("auth/token/create/{name}"), login).await;
        let own = vault.with_token(login["auth"]["client_token"].as_str().unwrap());
        let issued = own.read(&format!("identity/oidc/token/{name}")).await;
        let token = issued.unwrap().unwrap()["token"]
            .as_str()
            .unwrap()
            .to_owned();
        Self {
            vault,
            name: name.into(),
            token,
        }
    }

    /// A claim of the token.
    fn claim(&self, claim: &str) -> String {
        use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
        let payload = self.token.split('.').nth(1).unwrap();
        let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap();
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        payload[claim].as_str().unwrap().to_owned()
    }

    /// A client inside, as soon as the API server has read the provider's keys.
    async fn enter(&self, fixture: &Fixture, access: Access) -> Client {
        let access = access.with(Credential::Token(Secret::from(self.token.as_str())));
        let inside = fixture.inside(access).await;
        let begin = Instant::now();
        while let Err(error) = probe::identity(&inside).await {
            assert!(begin.elapsed() < Duration::from_secs(60), "{error}");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        inside
    }

    async fn leave(self) {
        let name = &self.name;
        for path in [
            "auth/token/roles",
            "sys/policies/acl",
            "identity/oidc/role",
            "identity/oidc/key",
        ] {
            self.vault.delete(&format!("{path}/{name}")).await.unwrap();
        }
    }
}
