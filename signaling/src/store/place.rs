//! Where an operator wants the store.

use std::env;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{MemoryStore, OpenError, SqliteStore, Store};

/// The word for [`Place::Memory`].
const MEMORY: &str = "memory";
/// The file's name in the default folder.
const FILE: &str = "signaling.db";

/// Where the store is: as an option of a command line, a path or `memory`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: a restart loses everything.
    Memory,
    /// In this SQLite file.
    File(PathBuf),
}

impl Place {
    /// Opens the store, and makes the default folder if it is asked for.
    ///
    /// # Errors
    /// [`OpenError`], naming the file, the cause and the remedy.
    pub fn open(&self) -> Result<Box<dyn Store>, OpenError> {
        match self {
            Self::Memory => Ok(Box::new(MemoryStore::default())),
            Self::File(path) => {
                if Some(path) == default_file().as_ref()
                    && let Some(folder) = path.parent()
                {
                    make(folder).map_err(|source| OpenError::Io {
                        path: folder.into(),
                        source,
                    })?;
                }
                Ok(Box::new(SqliteStore::open(path)?))
            }
        }
    }
}

/// A folder that nobody else may look into.
fn make(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// `signaling.db` in the folder for state: `$STATE_DIRECTORY`, which systemd sets, or `mls-srtp` in
/// `$XDG_STATE_HOME` or `~/.local/state`.
fn default_file() -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    if let Some(folder) = set("STATE_DIRECTORY") {
        return Some(PathBuf::from(folder).join(FILE));
    }
    let state = set("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(set("HOME")?).join(".local/state")))?;
    Some(state.join("mls-srtp").join(FILE))
}

impl Default for Place {
    /// A file in the folder for state, or in the current one if there is no such folder.
    fn default() -> Self {
        Self::File(default_file().unwrap_or_else(|| FILE.into()))
    }
}

impl FromStr for Place {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            MEMORY => Self::Memory,
            path => Self::File(path.into()),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str(MEMORY),
            Self::File(path) => path.display().fmt(f),
        }
    }
}
