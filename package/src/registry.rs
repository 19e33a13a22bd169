//! Pushes images to an OCI registry over the distribution protocol.
//!
//! A registry on a loopback or private (RFC 1918) address is spoken to in plain HTTP, as containerd and Crossplane do; any
//! other in HTTPS. Blobs that the registry already holds are not sent again.

use std::net::IpAddr;
use std::str::FromStr;

use anyhow::{Context, bail};
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Client, Response, StatusCode};

use crate::oci::{self, Digest, Image, MediaType};

/// `registry/repository:tag`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reference {
    /// Host and port.
    pub registry: String,
    /// Path of the repository in the registry.
    pub repository: String,
    /// Tag.
    pub tag: String,
}

impl FromStr for Reference {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let parts = text
            .split_once('/')
            .and_then(|(registry, rest)| Some((registry, rest.rsplit_once(':')?)));
        let Some((registry, (repository, tag))) = parts else {
            bail!("{text:?} is not an image reference: write registry/repository:tag");
        };
        Ok(Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            tag: tag.to_owned(),
        })
    }
}

/// Pushes one image under `reference` and returns the digest of its manifest. Pushing the same image again changes nothing.
pub async fn push(reference: &Reference, image: &Image) -> anyhow::Result<Digest> {
    let repository = Repository::new(reference)?;
    repository.put_blobs(image).await?;
    repository
        .put_manifest(&reference.tag, MediaType::Manifest, image.manifest())
        .await
}

/// Pushes the same image for several platforms under one index and returns the digest of the index.
pub async fn push_index(reference: &Reference, images: &[Image]) -> anyhow::Result<Digest> {
    let repository = Repository::new(reference)?;
    for image in images {
        repository.put_blobs(image).await?;
        let digest = image.digest().to_string();
        repository
            .put_manifest(&digest, MediaType::Manifest, image.manifest())
            .await?;
    }
    repository
        .put_manifest(&reference.tag, MediaType::Index, &oci::index(images)?)
        .await
}

struct Repository {
    client: Client,
    origin: String,
    base: String,
}

impl Repository {
    fn new(reference: &Reference) -> anyhow::Result<Self> {
        // Plain HTTP needs no TLS, but the client is built with whichever provider the process has.
        let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = Client::builder().no_proxy().build()?;
        let scheme = if is_plain(&reference.registry) {
            "http"
        } else {
            "https"
        };
        let origin = format!("{scheme}://{}", reference.registry);
        let base = format!("{origin}/v2/{}", reference.repository);
        Ok(Self {
            client,
            origin,
            base,
        })
    }

    async fn put_blobs(&self, image: &Image) -> anyhow::Result<()> {
        for (digest, content) in image.blobs() {
            self.put_blob(&digest, content)
                .await
                .with_context(|| format!("cannot push blob {digest} to {}", self.base))?;
        }
        Ok(())
    }

    async fn put_blob(&self, digest: &Digest, content: &[u8]) -> anyhow::Result<()> {
        let head = self
            .client
            .head(format!("{}/blobs/{digest}", self.base))
            .send()
            .await?;
        if head.status().is_success() {
            return Ok(());
        }
        let started = self
            .client
            .post(format!("{}/blobs/uploads/", self.base))
            .send()
            .await?;
        let upload = self.upload(&expect(started, StatusCode::ACCEPTED).await?, digest)?;
        let put = self
            .client
            .put(upload)
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(content.to_vec());
        expect(put.send().await?, StatusCode::CREATED).await?;
        Ok(())
    }

    fn upload(&self, started: &Response, digest: &Digest) -> anyhow::Result<String> {
        let location = started
            .headers()
            .get(LOCATION)
            .context("the registry names no upload location")?
            .to_str()?;
        let absolute = if location.starts_with('/') {
            format!("{}{location}", self.origin)
        } else {
            location.to_owned()
        };
        let separator = if absolute.contains('?') { '&' } else { '?' };
        Ok(format!("{absolute}{separator}digest={digest}"))
    }

    async fn put_manifest(
        &self,
        tag: &str,
        media_type: MediaType,
        content: &[u8],
    ) -> anyhow::Result<Digest> {
        let request = self.client.put(format!("{}/manifests/{tag}", self.base));
        let request = request
            .header(CONTENT_TYPE, media_type.as_str())
            .body(content.to_vec());
        let response = request
            .send()
            .await
            .with_context(|| format!("cannot reach the registry at {}", self.origin))?;
        expect(response, StatusCode::CREATED).await?;
        Ok(Digest::of(content))
    }
}

async fn expect(response: Response, status: StatusCode) -> anyhow::Result<Response> {
    if response.status() == status {
        return Ok(response);
    }
    let (got, url) = (response.status(), response.url().clone());
    bail!(
        "{url} answered {got} where {status} was due: {}",
        response.text().await.unwrap_or_default()
    )
}

fn is_plain(registry: &str) -> bool {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private(),
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_has_registry_repository_and_tag() {
        let reference: Reference = "10.0.0.1:5000/tenancy/provider:v1".parse().unwrap();
        assert_eq!(reference.registry, "10.0.0.1:5000");
        assert_eq!(reference.repository, "tenancy/provider");
        assert_eq!(reference.tag, "v1");
        assert!("provider".parse::<Reference>().is_err());
    }

    #[test]
    fn only_loopback_and_private_registries_are_plain() {
        for registry in [
            "127.0.0.1:5000",
            "10.244.0.1:5000",
            "192.168.1.2",
            "localhost:5000",
            "[::1]:5000",
        ] {
            assert!(is_plain(registry), "{registry}");
        }
        for registry in ["registry.example.org", "203.0.113.1:5000", "172.32.0.1"] {
            assert!(!is_plain(registry), "{registry}");
        }
    }
}
