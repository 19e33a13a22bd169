//! Other clusters that Argo CD knows. Pure.
//!
//! Argo CD finds a cluster by its server's URL or by its name. With two of the same it takes either,
//! so a second one is refused.

use k8s_openapi::api::core::v1::Secret;
use managed::external::ExternalError;

/// Refuses a server or a name that another cluster Secret has already.
pub(super) fn check(
    others: &[Secret],
    own_secret: &str,
    name: &str,
    server: &str,
) -> Result<(), ExternalError> {
    for other in others {
        let secret = other.metadata.name.as_deref().unwrap_or_default();
        if secret == own_secret {
            continue;
        }
        let same = |key: &str, mine: &str| text(other, key).trim_end_matches('/') == mine;
        let what = match (same("server", server), same("name", name)) {
            (true, _) => format!("server {server}"),
            (_, true) => format!("name {name:?}"),
            _ => continue,
        };
        return Err(ExternalError::blocked(
            format!("Secret {secret}"),
            format!("Argo CD has a cluster with the same {what} in Secret {secret}"),
            "delete that one, or choose another",
        ));
    }
    Ok(())
}

fn text<'s>(secret: &'s Secret, key: &str) -> &'s str {
    let data = secret.data.as_ref().and_then(|data| data.get(key));
    data.and_then(|value| std::str::from_utf8(&value.0).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    fn secret(secret: &str, name: &str, server: &str) -> Secret {
        let mut made = Secret::default();
        made.metadata.name = Some(secret.into());
        let data = [("name", name), ("server", server)];
        let data = data.map(|(key, value)| (key.to_owned(), ByteString(value.into())));
        made.data = Some(data.into());
        made
    }

    #[test]
    fn a_second_cluster_of_the_same_server_or_name_is_refused() {
        let others = [
            secret("a", "dev", "https://dev/"),
            secret("b", "prod", "https://prod"),
        ];
        let ok = |own: &str, name: &str, server: &str| check(&others, own, name, server).is_ok();
        assert!(ok("c", "test", "https://test"));
        assert!(ok("a", "dev", "https://dev"), "its own Secret");
        assert!(!ok("c", "test", "https://dev"));
        assert!(!ok("c", "prod", "https://test"));
        assert!(!ok("a", "dev", "https://prod"));
    }
}
