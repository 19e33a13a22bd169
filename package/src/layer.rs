//! One deterministic tar layer.
//!
//! Time, owner and order never depend on the machine: every entry belongs to root, was made at the epoch, and is sorted by
//! path; missing parent directories are added. Compression carries no time either.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use anyhow::Context;
use flate2::{Compression, GzBuilder};
use tar::{EntryType, Header};

use crate::oci::{Digest, MediaType};

/// Files, links and directories by their path in the image, without a leading slash.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    nodes: BTreeMap<String, Node>,
}

#[derive(Clone, Debug)]
enum Node {
    File { content: Vec<u8>, mode: u32 },
    Symlink(String),
    Directory { mode: u32 },
}

impl Tree {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file; a later file of the same path replaces it.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>, mode: u32) -> Self {
        let content = content.into();
        self.nodes
            .insert(relative(path), Node::File { content, mode });
        self
    }

    /// Adds a symbolic link to `target`.
    #[must_use]
    pub fn symlink(mut self, path: &str, target: &str) -> Self {
        self.nodes
            .insert(relative(path), Node::Symlink(target.to_owned()));
        self
    }

    /// Adds a directory; parents of files are added by themselves, with mode 0755.
    #[must_use]
    pub fn directory(mut self, path: &str, mode: u32) -> Self {
        self.nodes.insert(relative(path), Node::Directory { mode });
        self
    }

    fn parents(&self) -> BTreeSet<String> {
        let paths = self.nodes.keys();
        let cuts =
            paths.flat_map(|path| path.match_indices('/').map(|(at, _)| path[..at].to_owned()));
        cuts.filter(|parent| !self.nodes.contains_key(parent))
            .collect()
    }

    fn tar(mut self) -> anyhow::Result<Vec<u8>> {
        for parent in self.parents() {
            self.nodes.insert(parent, Node::Directory { mode: 0o755 });
        }
        let mut archive = tar::Builder::new(Vec::new());
        for (path, node) in &self.nodes {
            append(&mut archive, path, node)
                .with_context(|| format!("cannot add {path} to the layer"))?;
        }
        Ok(archive.into_inner()?)
    }
}

fn relative(path: &str) -> String {
    path.trim_matches('/').to_owned()
}

fn append(archive: &mut tar::Builder<Vec<u8>>, path: &str, node: &Node) -> std::io::Result<()> {
    match node {
        Node::File { content, mode } => {
            let mut header = header(EntryType::Regular, *mode);
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, path, content.as_slice())
        }
        Node::Symlink(target) => {
            archive.append_link(&mut header(EntryType::Symlink, 0o777), path, target)
        }
        Node::Directory { mode } => archive.append_data(
            &mut header(EntryType::Directory, *mode),
            format!("{path}/"),
            std::io::empty(),
        ),
    }
}

fn header(kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header
}

/// A finished layer: the bytes a registry stores, and the digest of the tar inside them.
#[derive(Clone, Debug)]
pub struct Layer {
    /// How `content` is packed.
    pub media_type: MediaType,
    /// Digest of the uncompressed tar, which the image configuration lists.
    pub diff_id: Digest,
    /// Digest of `content`.
    pub digest: Digest,
    /// The bytes as stored.
    pub content: Vec<u8>,
    /// Annotations of the layer's descriptor.
    pub annotations: BTreeMap<String, String>,
}

impl Layer {
    /// A layer without compression: the fastest to make and to import on the same machine.
    pub fn plain(tree: Tree) -> anyhow::Result<Self> {
        let content = tree.tar()?;
        let digest = Digest::of(&content);
        let annotations = BTreeMap::new();
        Ok(Self {
            media_type: MediaType::Layer,
            diff_id: digest.clone(),
            digest,
            content,
            annotations,
        })
    }

    /// A gzip-compressed layer: what is published.
    pub fn gzip(tree: Tree) -> anyhow::Result<Self> {
        let tar = tree.tar()?;
        let mut encoder = GzBuilder::new()
            .mtime(0)
            .write(Vec::new(), Compression::default());
        encoder.write_all(&tar)?;
        let content = encoder.finish()?;
        Ok(Self {
            media_type: MediaType::LayerGzip,
            diff_id: Digest::of(&tar),
            digest: Digest::of(&content),
            content,
            annotations: BTreeMap::new(),
        })
    }

    /// The same layer with one annotation more on its descriptor.
    #[must_use]
    pub fn annotated(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), value.to_owned());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(layer: &Layer) -> Vec<String> {
        let mut archive = tar::Archive::new(layer.content.as_slice());
        let entries = archive.entries().unwrap().map(Result::unwrap);
        entries
            .map(|entry| entry.path().unwrap().display().to_string())
            .collect()
    }

    #[test]
    fn order_of_insertion_does_not_change_the_bytes() {
        let one = Tree::new().file("/b", "2", 0o644).file("/a/c", "1", 0o755);
        let two = Tree::new().file("a/c", "1", 0o755).file("b", "2", 0o644);
        assert_eq!(
            Layer::gzip(one).unwrap().digest,
            Layer::gzip(two).unwrap().digest
        );
    }

    #[test]
    fn parents_come_before_their_files() {
        let layer = Layer::plain(Tree::new().file("/usr/local/bin/run", "x", 0o755)).unwrap();
        assert_eq!(
            names(&layer),
            ["usr/", "usr/local/", "usr/local/bin/", "usr/local/bin/run"]
        );
    }

    #[test]
    fn the_diff_id_is_the_digest_of_the_tar_inside() {
        let tree = Tree::new().file("a", "1", 0o644).symlink("b", "a");
        let (plain, gzip) = (
            Layer::plain(tree.clone()).unwrap(),
            Layer::gzip(tree).unwrap(),
        );
        assert_eq!(plain.digest, gzip.diff_id);
        assert_ne!(gzip.digest, gzip.diff_id);
    }
}
