//! The Git repository that Argo CD deploys from: a directory.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::{command, paths};

const GIT: &str = "apt-get install git";

/// A repository with a working tree.
pub(super) struct Repository {
    directory: PathBuf,
    git: PathBuf,
}

impl Repository {
    /// Makes an empty one.
    pub(super) async fn create(directory: &Path) -> anyhow::Result<Self> {
        paths::create_directory(directory)?;
        let repository = Self {
            directory: directory.to_owned(),
            git: command::require("git", GIT)?,
        };
        repository.git(&["init", "--quiet"]).await?;
        Ok(repository)
    }

    /// Its address in the spec of an Application.
    pub(super) fn url(&self) -> String {
        format!("file://{}", self.directory.display())
    }

    /// Commits a file and returns the revision.
    pub(super) async fn commit(&self, file: &str, content: &str) -> anyhow::Result<String> {
        paths::write(&self.directory.join(file), content)?;
        self.git(&["add", file]).await?;
        self.git(&["commit", "--quiet", "--message", file]).await?;
        let revision = self.git(&["rev-parse", "HEAD"]).await?;
        Ok(revision.trim().to_owned())
    }

    /// Runs `git` as nobody in particular, whatever the machine's own settings are.
    async fn git(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut git = Command::new(&self.git);
        git.arg("-C").arg(&self.directory).args(arguments);
        for nobody in ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"] {
            git.env(nobody, "/dev/null");
        }
        for (who, name) in [("AUTHOR", "story"), ("COMMITTER", "story")] {
            git.env(format!("GIT_{who}_NAME"), name);
            git.env(format!("GIT_{who}_EMAIL"), "story@example.org");
        }
        command::run(&mut git).await
    }
}
