//! From the text of a kubeconfig to an [`Access`]. Pure and strict.
//!
//! | in the kubeconfig | here |
//! |---|---|
//! | `current-context` | decides; without it there must be exactly one context |
//! | `server`, `certificate-authority-data`, `tls-server-name`, `disable-compression` | taken over |
//! | `client-certificate-data` with `client-key-data`, or `token` | taken over; both is refused |
//! | `insecure-skip-tls-verify`, `proxy-url` | refused |
//! | `certificate-authority`, `client-certificate`, `client-key`, `tokenFile` | refused: files of another machine |
//! | `exec`, `auth-provider` | refused: a program of another machine |
//! | `as`, `as-uid`, `as-groups`, `as-user-extra` | refused: impersonation |
//! | `username`, `password` | refused: no API server accepts them since Kubernetes 1.19 |
//! | an unknown field of the cluster or the user | refused: it may change what is trusted |
//!
//! The parser's own messages quote the text, which holds keys; of them only the line is kept.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use managed::input::Value;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{
    access::{Access, Credential, address},
    certificate,
    error::Refusal,
};

/// Longest kubeconfig that is read. A Secret holds at most 1 MiB.
const LONGEST: usize = 512 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    current_context: Option<String>,
    #[serde(default)]
    contexts: Option<Vec<NamedContext>>,
    #[serde(default)]
    clusters: Option<Vec<NamedCluster>>,
    #[serde(default)]
    users: Option<Vec<NamedUser>>,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    context: Option<Context>,
}

#[derive(Deserialize)]
struct Context {
    cluster: Option<String>,
    user: Option<String>,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: Option<Cluster>,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    user: Option<User>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: Option<String>,
    certificate_authority_data: Option<String>,
    tls_server_name: Option<String>,
    insecure_skip_tls_verify: Option<bool>,
    disable_compression: Option<bool>,
    #[serde(flatten)]
    other: BTreeMap<String, Json>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    token: Option<String>,
    #[serde(flatten)]
    other: BTreeMap<String, Json>,
}

/// Reads the current context.
pub(super) fn parse(text: &[u8]) -> Result<Access, Refusal> {
    let file = read(text)?;
    let context = current(&file)?;
    let cluster = named(
        "cluster",
        context.cluster.as_deref(),
        file.clusters
            .iter()
            .flatten()
            .map(|it| (&it.name, it.cluster.as_ref())),
    )?;
    let user = named(
        "user",
        context.user.as_deref(),
        file.users
            .iter()
            .flatten()
            .map(|it| (&it.name, it.user.as_ref())),
    )?;
    check_cluster(cluster)?;
    check_user(user)?;
    Ok(Access {
        server: address(cluster.server.as_deref().unwrap_or_default())?,
        tls_server_name: filled(cluster.tls_server_name.as_ref()).map(str::to_owned),
        ca: authorities(cluster)?,
        credential: credential(user)?,
        disable_compression: cluster.disable_compression.unwrap_or(false),
    })
}

fn read(text: &[u8]) -> Result<File, Refusal> {
    if text.len() > LONGEST {
        return Err(malformed("the kubeconfig is longer than 512 KiB"));
    }
    let text = std::str::from_utf8(text).map_err(|_| malformed("the kubeconfig is not text"))?;
    if text.trim().is_empty() {
        return Err(Refusal::new(
            "KubeconfigEmpty",
            "the kubeconfig is empty",
            "wait until it is written, or correct the key",
        ));
    }
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map(|at| format!(", line {}", at.line()));
        let line = line.unwrap_or_default();
        malformed(format!("the value is not a kubeconfig in YAML{line}"))
    })
}

fn malformed(cause: impl Into<String>) -> Refusal {
    Refusal::new(
        "KubeconfigMalformed",
        cause,
        "correct the kubeconfig's Secret",
    )
}

fn current(file: &File) -> Result<&Context, Refusal> {
    let contexts: Vec<_> = file.contexts.iter().flatten().collect();
    let name = match (filled(file.current_context.as_ref()), contexts.as_slice()) {
        (Some(name), _) => name,
        (None, [only]) => only.name.as_str(),
        (None, contexts) => {
            let cause = format!(
                "the kubeconfig has {} contexts and no current-context",
                contexts.len()
            );
            return Err(Refusal::new("ContextMissing", cause, "set current-context"));
        }
    };
    named(
        "context",
        Some(name),
        contexts.iter().map(|it| (&it.name, it.context.as_ref())),
    )
}

fn named<'f, T>(
    what: &str,
    name: Option<&str>,
    entries: impl Iterator<Item = (&'f String, Option<&'f T>)>,
) -> Result<&'f T, Refusal> {
    let refused = |cause: String| Refusal::new("ContextMissing", cause, "correct current-context");
    let name = name
        .filter(|name| !name.is_empty())
        .ok_or_else(|| refused(format!("the current context names no {what}")))?;
    let mut found = entries
        .filter(|(entry, _)| *entry == name)
        .map(|(_, value)| value);
    match (found.next().flatten(), found.next()) {
        (Some(value), None) => Ok(value),
        (Some(_), Some(_)) => Err(refused(format!(
            "the kubeconfig has two of {what} {name:?}"
        ))),
        (None, _) => Err(refused(format!("the kubeconfig has no {what} {name:?}"))),
    }
}

fn check_cluster(cluster: &Cluster) -> Result<(), Refusal> {
    if cluster.insecure_skip_tls_verify.unwrap_or(false) {
        return Err(Refusal::new(
            "InsecureSkipTLSVerify",
            "the cluster is not verified (insecure-skip-tls-verify)",
            "give its CA, and tlsServerName if the name differs",
        ));
    }
    for field in cluster.other.keys() {
        return Err(match field.as_str() {
            "extensions" => continue,
            "certificate-authority" => file_of_another_machine(field),
            "proxy-url" => Refusal::new(
                "ProxyURL",
                "the cluster is reached through a proxy (proxy-url)",
                "give a server that is reached directly",
            ),
            field => unknown("cluster", field),
        });
    }
    Ok(())
}

fn check_user(user: &User) -> Result<(), Refusal> {
    for field in user.other.keys() {
        return Err(match field.as_str() {
            "extensions" => continue,
            "client-certificate" | "client-key" | "tokenFile" => file_of_another_machine(field),
            "exec" | "auth-provider" => Refusal::new(
                if field == "exec" {
                    "ExecPlugin"
                } else {
                    "AuthProvider"
                },
                format!("the user logs in with a program ({field}) the provider does not have"),
                "use a token or a client certificate",
            ),
            "as" | "as-uid" | "as-groups" | "as-user-extra" => Refusal::new(
                "Impersonation",
                format!("the user acts as somebody else ({field})"),
                "use a credential of that identity itself",
            ),
            "username" | "password" => Refusal::new(
                "BasicAuth",
                "the user logs in with a password, which Kubernetes has given up",
                "use a token or a client certificate",
            ),
            field => unknown("user", field),
        });
    }
    Ok(())
}

fn file_of_another_machine(field: &str) -> Refusal {
    Refusal::new(
        "FilePath",
        format!("{field} names a file, which the provider does not have"),
        "embed the data: kubectl config view --flatten",
    )
}

fn unknown(what: &str, field: &str) -> Refusal {
    let field: String = field
        .chars()
        .filter(|it| !it.is_control())
        .take(40)
        .collect();
    Refusal::new(
        "UnknownField",
        format!("the {what} has a field {field:?} that may change what is trusted"),
        "remove the field",
    )
}

fn authorities(cluster: &Cluster) -> Result<Option<String>, Refusal> {
    let Some(data) = filled(cluster.certificate_authority_data.as_ref()) else {
        return Ok(None);
    };
    let pem = decoded("certificate-authority-data", data)?;
    certificate::check_authorities(&pem)?;
    Ok(Some(pem))
}

fn credential(user: &User) -> Result<Credential, Refusal> {
    let refused = |cause: &str, remedy| Refusal::new("CredentialMissing", cause, remedy);
    let certificate = filled(user.client_certificate_data.as_ref());
    let key = filled(user.client_key_data.as_ref());
    match (certificate, key, filled(user.token.as_ref())) {
        (None, None, Some(token)) => bearer(token),
        (Some(certificate), Some(key), None) => {
            let certificate = decoded("client-certificate-data", certificate)?;
            let key = Value::from(decoded("client-key-data", key)?);
            certificate::check_pair(&certificate, &key)?;
            Ok(Credential::ClientCertificate { certificate, key })
        }
        (None, None, None) => Err(refused(
            "the user has neither a token nor a client certificate",
            "use a kubeconfig with a credential",
        )),
        (Some(_), None, _) | (None, Some(_), _) => Err(refused(
            "the user has only one of client-certificate-data and client-key-data",
            "give both or a token",
        )),
        (Some(_), Some(_), Some(_)) => Err(Refusal::new(
            "CredentialAmbiguous",
            "the user has both a token and a client certificate",
            "keep one of the two",
        )),
    }
}

fn bearer(token: &str) -> Result<Credential, Refusal> {
    let is_sendable = token.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    if !is_sendable {
        return Err(Refusal::new(
            "TokenMalformed",
            "the token holds characters that cannot be sent",
            "correct the kubeconfig's token",
        ));
    }
    Ok(Credential::Token(Value::from(token)))
}

fn decoded(field: &str, data: &str) -> Result<String, Refusal> {
    let compact: String = data.split_ascii_whitespace().collect();
    let bytes = BASE64_STANDARD.decode(compact).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| malformed(format!("{field} is not PEM in base64")))
}

fn filled(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
