//! OCI images as values: descriptor, manifest, index and configuration, and the archive `ctr images import` reads.
//!
//! An [`Image`] is for one platform. Several images make an index; a single image may go without one.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io::Write;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::layer::Layer;

/// `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// The digest of `content`.
    pub fn of(content: &[u8]) -> Self {
        let hash = Sha256::digest(content);
        let mut text = "sha256:".to_owned();
        for byte in hash {
            let _always_fits = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// The hexadecimal part.
    pub fn hex(&self) -> &str {
        self.0.trim_start_matches("sha256:")
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The media types used here.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum MediaType {
    /// An index of manifests.
    #[serde(rename = "application/vnd.oci.image.index.v1+json")]
    Index,
    /// The manifest of one image.
    #[serde(rename = "application/vnd.oci.image.manifest.v1+json")]
    Manifest,
    /// The configuration of one image.
    #[serde(rename = "application/vnd.oci.image.config.v1+json")]
    Config,
    /// An uncompressed tar.
    #[serde(rename = "application/vnd.oci.image.layer.v1.tar")]
    Layer,
    /// A gzip-compressed tar.
    #[serde(rename = "application/vnd.oci.image.layer.v1.tar+gzip")]
    LayerGzip,
}

impl MediaType {
    /// The type as HTTP headers carry it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Index => "application/vnd.oci.image.index.v1+json",
            Self::Manifest => "application/vnd.oci.image.manifest.v1+json",
            Self::Config => "application/vnd.oci.image.config.v1+json",
            Self::Layer => "application/vnd.oci.image.layer.v1.tar",
            Self::LayerGzip => "application/vnd.oci.image.layer.v1.tar+gzip",
        }
    }
}

/// Operating system and processor an image is for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Platform {
    /// Processor in Go's words, `amd64` or `arm64`.
    pub architecture: String,
    /// Operating system, `linux`.
    pub os: String,
}

impl Platform {
    /// `linux` on `architecture`.
    pub fn linux(architecture: &str) -> Self {
        Self {
            architecture: architecture.to_owned(),
            os: "linux".to_owned(),
        }
    }
}

/// Points at a blob or manifest by its digest.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it points at.
    pub media_type: MediaType,
    /// Digest of the bytes.
    pub digest: Digest,
    /// How many bytes.
    pub size: u64,
    /// Annotations; left out when empty.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Platform, in an index only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

impl Descriptor {
    fn of(media_type: MediaType, content: &[u8]) -> Self {
        let (digest, size) = (Digest::of(content), content.len() as u64);
        Self {
            media_type,
            digest,
            size,
            annotations: BTreeMap::new(),
            platform: None,
        }
    }
}

/// The manifest of one image.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u8,
    /// Always [`MediaType::Manifest`].
    pub media_type: MediaType,
    /// The image configuration.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
}

/// Manifests of the same image for several platforms.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u8,
    /// Always [`MediaType::Index`].
    pub media_type: MediaType,
    /// One descriptor for each platform.
    pub manifests: Vec<Descriptor>,
}

/// How a container of the image is started.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Execution {
    /// The command line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// `NAME=value` pairs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// User id, root when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Labels; Crossplane finds a package's layers by them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Config<'a> {
    #[serde(flatten)]
    platform: &'a Platform,
    #[serde(rename = "config")]
    execution: &'a Execution,
    rootfs: RootFs<'a>,
}

#[derive(Serialize)]
struct RootFs<'a> {
    r#type: &'static str,
    diff_ids: Vec<&'a Digest>,
}

/// One image for one platform, ready to be pushed or archived.
#[derive(Clone, Debug)]
pub struct Image {
    platform: Platform,
    config: Vec<u8>,
    manifest: Vec<u8>,
    layers: Vec<Layer>,
}

impl Image {
    /// Puts an image together from its layers, lowest first.
    pub fn new(
        platform: Platform,
        execution: &Execution,
        layers: Vec<Layer>,
    ) -> anyhow::Result<Self> {
        let config = config(&platform, execution, &layers)?;
        let manifest = manifest(&config, &layers)?;
        Ok(Self {
            platform,
            config,
            manifest,
            layers,
        })
    }

    /// The manifest's bytes.
    pub fn manifest(&self) -> &[u8] {
        &self.manifest
    }

    /// Digest of the manifest, which names the image.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }

    /// Every blob the manifest points at, each with its digest.
    pub fn blobs(&self) -> Vec<(Digest, &[u8])> {
        let layers = self
            .layers
            .iter()
            .map(|layer| (layer.digest.clone(), layer.content.as_slice()));
        layers
            .chain([(Digest::of(&self.config), self.config.as_slice())])
            .collect()
    }

    fn descriptor(&self) -> Descriptor {
        let platform = Some(self.platform.clone());
        Descriptor {
            platform,
            ..Descriptor::of(MediaType::Manifest, &self.manifest)
        }
    }
}

fn config(platform: &Platform, execution: &Execution, layers: &[Layer]) -> anyhow::Result<Vec<u8>> {
    let diff_ids = layers.iter().map(|layer| &layer.diff_id).collect();
    let rootfs = RootFs {
        r#type: "layers",
        diff_ids,
    };
    serde_json::to_vec(&Config {
        platform,
        execution,
        rootfs,
    })
    .context("cannot write the image configuration")
}

fn manifest(config: &[u8], layers: &[Layer]) -> anyhow::Result<Vec<u8>> {
    let layers = layers.iter().map(|layer| Descriptor {
        annotations: layer.annotations.clone(),
        ..Descriptor::of(layer.media_type, &layer.content)
    });
    let manifest = Manifest {
        schema_version: 2,
        media_type: MediaType::Manifest,
        config: Descriptor::of(MediaType::Config, config),
        layers: layers.collect(),
    };
    serde_json::to_vec(&manifest).context("cannot write the image manifest")
}

/// The index of the same image for several platforms, as bytes.
pub fn index(images: &[Image]) -> anyhow::Result<Vec<u8>> {
    write_index(images.iter().map(Image::descriptor).collect())
}

fn write_index(manifests: Vec<Descriptor>) -> anyhow::Result<Vec<u8>> {
    let index = Index {
        schema_version: 2,
        media_type: MediaType::Index,
        manifests,
    };
    serde_json::to_vec(&index).context("cannot write the image index")
}

/// Writes an OCI archive that `ctr images import` registers as `name` (with tag).
pub fn archive(name: &str, image: &Image, output: impl Write) -> anyhow::Result<()> {
    let mut archive = tar::Builder::new(output);
    add(
        &mut archive,
        "oci-layout",
        br#"{"imageLayoutVersion":"1.0.0"}"#,
    )?;
    let mut descriptor = image.descriptor();
    descriptor
        .annotations
        .insert("io.containerd.image.name".to_owned(), name.to_owned());
    add(&mut archive, "index.json", &write_index(vec![descriptor])?)?;
    add(
        &mut archive,
        &format!("blobs/sha256/{}", image.digest().hex()),
        image.manifest(),
    )?;
    for (digest, content) in image.blobs() {
        add(
            &mut archive,
            &format!("blobs/sha256/{}", digest.hex()),
            content,
        )?;
    }
    archive.into_inner()?.flush()?;
    Ok(())
}

fn add(archive: &mut tar::Builder<impl Write>, path: &str, content: &[u8]) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_size(content.len() as u64);
    archive.append_data(&mut header, path, content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Tree;

    fn image() -> Image {
        let layer = Layer::gzip(Tree::new().file("run", "x", 0o755))
            .unwrap()
            .annotated("io.crossplane.xpkg", "base");
        let execution = Execution {
            entrypoint: vec!["/run".to_owned()],
            ..Execution::default()
        };
        Image::new(Platform::linux("amd64"), &execution, vec![layer]).unwrap()
    }

    #[test]
    fn a_manifest_lists_its_layers_with_their_annotations() {
        let manifest: Manifest = serde_json::from_slice(image().manifest()).unwrap();
        assert_eq!(manifest.layers[0].annotations["io.crossplane.xpkg"], "base");
        assert_eq!(manifest.layers[0].media_type, MediaType::LayerGzip);
        let blobs: Vec<Digest> = image()
            .blobs()
            .into_iter()
            .map(|(digest, _)| digest)
            .collect();
        assert_eq!(
            blobs,
            [manifest.layers[0].digest.clone(), manifest.config.digest]
        );
    }

    #[test]
    fn the_configuration_names_platform_entrypoint_and_layers() {
        let config: serde_json::Value = serde_json::from_slice(&image().config).unwrap();
        assert_eq!(config["architecture"], "amd64");
        assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["/run"]));
        assert_eq!(config["rootfs"]["type"], "layers");
    }

    #[test]
    fn an_index_has_one_entry_for_each_platform() {
        let index: Index = serde_json::from_slice(&index(&[image(), image()]).unwrap()).unwrap();
        assert_eq!(index.manifests.len(), 2);
        assert_eq!(index.manifests[0].platform, Some(Platform::linux("amd64")));
    }

    #[test]
    fn an_archive_is_the_same_every_time() {
        let write = || {
            let mut bytes = Vec::new();
            archive("localhost/run:1", &image(), &mut bytes).unwrap();
            bytes
        };
        assert_eq!(write(), write());
    }
}
