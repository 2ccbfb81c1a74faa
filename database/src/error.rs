//! Why a file was not opened.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::Kind;

/// Why a file was not opened. It is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another part of this one, has it open.
    #[error("{0} is in use by another process; stop that first, or name another file")]
    InUse(PathBuf),
    /// Not a file of this kind.
    #[error("{path} is not {what}; name another file")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
    },
    /// There is a file and it has no content: damaged, or made by somebody else.
    #[error("{0} is empty; restore it, or remove it to begin anew")]
    Empty(PathBuf),
    /// Its content is not what was written.
    #[error("{path} is damaged ({detail}); restore it, or move it away to begin anew")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the check found.
        detail: String,
    },
    /// Written by another version of the program.
    #[error("{path} has format {found}, this program knows {known}; use the program that wrote it")]
    Version {
        /// The file.
        path: PathBuf,
        /// The file's version.
        found: i32,
        /// Ours.
        known: i32,
    },
    /// The system does not let us.
    #[error("cannot open {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}

impl OpenError {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.into(),
            source,
        }
    }

    pub(crate) fn foreign(path: &Path, kind: &Kind) -> Self {
        Self::Foreign {
            path: path.into(),
            what: kind.what,
        }
    }

    /// The content of a file of ours is not what it should be.
    pub fn damaged(path: &Path, detail: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.into(),
            detail: detail.into(),
        }
    }

    /// What the library's error means for the file.
    pub(crate) fn of(path: &Path, kind: &Kind, error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse(path.into()),
            Some(ErrorCode::NotADatabase) => Self::foreign(path, kind),
            Some(ErrorCode::DatabaseCorrupt) => Self::damaged(path, error.to_string()),
            _ => Self::io(path, std::io::Error::other(error)),
        }
    }
}
