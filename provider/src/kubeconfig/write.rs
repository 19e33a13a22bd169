//! From an [`Access`] to a kubeconfig with one cluster, one user and one context.

use base64::{Engine, prelude::BASE64_STANDARD};
use managed::input::Value;
use serde_json::{Map, Value as Json, json};

use super::access::{Access, Credential};

impl Access {
    /// A kubeconfig in YAML whose only context has this name.
    pub fn kubeconfig(&self, name: &str) -> Value {
        let file = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "clusters": [{ "name": name, "cluster": self.cluster() }],
            "users": [{ "name": name, "user": self.user() }],
            "contexts": [{ "name": name, "context": { "cluster": name, "user": name } }],
        });
        Value::from(yaml(&file))
    }

    fn cluster(&self) -> Json {
        let mut cluster = Map::new();
        cluster.insert("server".into(), self.server.clone().into());
        if let Some(ca) = &self.ca {
            let data = BASE64_STANDARD.encode(ca);
            cluster.insert("certificate-authority-data".into(), data.into());
        }
        if let Some(name) = &self.tls_server_name {
            cluster.insert("tls-server-name".into(), name.clone().into());
        }
        if self.disable_compression {
            cluster.insert("disable-compression".into(), true.into());
        }
        cluster.into()
    }

    fn user(&self) -> Json {
        match &self.credential {
            Credential::ClientCertificate { certificate, key } => json!({
                "client-certificate-data": BASE64_STANDARD.encode(certificate),
                "client-key-data": BASE64_STANDARD.encode(key.expose()),
            }),
            Credential::Token(token) => json!({ "token": token.expose_str() }),
        }
    }
}

fn yaml(file: &Json) -> String {
    serde_saphyr::to_string(file).expect("JSON is YAML")
}
