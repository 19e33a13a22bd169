//! The external system: a directory with one file per item.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use managed::{
    ConnectionDetails, Drift,
    config::{Diagnosis, InUse},
    external::{
        Connector, Desired, ExternalClient, ExternalError, Failure, Observation, ResolvedConfig,
    },
};

use crate::item::{Found, Item, Settings};

/// Opens shelves.
pub(crate) struct Shelves {
    seen: Arc<Path>,
}

impl Shelves {
    /// The first look for each item leaves a file in the directory `seen`.
    pub(crate) fn noting_in(seen: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&seen)?;
        Ok(Self { seen: seen.into() })
    }
}

impl Connector for Shelves {
    type Settings = Settings;
    type Session = Shelf;

    async fn connect(&self, config: &ResolvedConfig<Settings>) -> Result<Shelf, ExternalError> {
        let directory = PathBuf::from(&config.settings.directory);
        fs::create_dir_all(&directory).map_err(|error| failed(&directory, &error))?;
        Ok(Shelf {
            directory: directory.into(),
            seen: Arc::clone(&self.seen),
        })
    }

    async fn probe(&self, _: &Shelf, _: &InUse) -> Result<Diagnosis, ExternalError> {
        Ok(Diagnosis::of("a directory"))
    }
}

/// An open shelf.
#[derive(Clone)]
pub(crate) struct Shelf {
    directory: Arc<Path>,
    seen: Arc<Path>,
}

impl Shelf {
    fn path(&self, item: &Desired<Item>) -> PathBuf {
        self.directory.join(&item.external_name)
    }

    fn put(&self, item: &Desired<Item>) -> Result<ConnectionDetails, ExternalError> {
        let path = self.path(item);
        fs::write(&path, &item.parameters.content).map_err(|error| failed(&path, &error))?;
        Ok(ConnectionDetails::none())
    }
}

impl ExternalClient<Item> for Shelf {
    async fn observe(&self, item: &Desired<Item>) -> Result<Observation<Item>, ExternalError> {
        let _already_seen = fs::File::create_new(self.seen.join(&item.external_name));
        let path = self.path(item);
        let content = match fs::read_to_string(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Observation::Absent);
            }
            Err(error) => return Err(failed(&path, &error)),
        };
        let mut drift = Vec::new();
        Drift::compare(&mut drift, "content", &item.parameters.content, &content);
        let found = Found { content };
        Ok(Observation::present(found, drift).publishing(published(item)))
    }

    /// Stored before the file is there.
    fn credentials(&self, item: &Desired<Item>, _: &Observation<Item>) -> ConnectionDetails {
        let password = item.stored("password").map(ToOwned::to_owned);
        let made = || format!("{:016x}", rand::random::<u64>()).into();
        published(item).with("password", password.unwrap_or_else(made))
    }

    async fn create(&self, item: &Desired<Item>) -> Result<ConnectionDetails, ExternalError> {
        self.put(item)
    }

    async fn update(
        &self,
        item: &Desired<Item>,
        _: &[Drift],
    ) -> Result<ConnectionDetails, ExternalError> {
        self.put(item)
    }

    async fn delete(&self, item: &Desired<Item>) -> Result<(), ExternalError> {
        match fs::remove_file(self.path(item)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed(&self.path(item), &error))
            }
            _ => Ok(()),
        }
    }
}

fn published(item: &Desired<Item>) -> ConnectionDetails {
    ConnectionDetails::none().with("name", item.external_name.as_str())
}

fn failed(path: &Path, error: &io::Error) -> ExternalError {
    let cause = format!("cannot use {}: {error}", path.display());
    ExternalError::Other(Failure::new(cause, "give the provider rights to it"))
}
