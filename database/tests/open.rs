//! What is opened, what is refused, and that nothing that is refused was touched.

use std::fs;
use std::path::{Path, PathBuf};

use mls_srtp_database::{Kind, OpenError, open};
use tempfile::TempDir;

const KIND: Kind = Kind {
    what: "a test's file",
    application_id: 0x7e57,
    version: 3,
    schema: "CREATE TABLE things (name TEXT NOT NULL);",
    settings: "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;",
};

fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("file.db");
    (dir, path)
}

/// A file with one row in it.
fn filled(path: &Path) {
    let file = open(path, &KIND).expect("opens");
    let put = file.execute("INSERT INTO things VALUES ('it')", ());
    assert_eq!(put, Ok(1));
}

/// Opening fails, and the file stays as it is.
fn refused(path: &Path, kind: &Kind) -> OpenError {
    let before = fs::read(path).expect("is there");
    let error = open(path, kind).expect_err("is refused");
    assert_eq!(fs::read(path).expect("is there"), before, "{error}");
    assert!(error.to_string().contains("file.db"), "{error}");
    error
}

#[test]
fn what_was_written_is_there_again() {
    let (dir, path) = place();
    filled(&path);
    let file = open(&path, &KIND).expect("opens");
    let name: String = file
        .query_row("SELECT name FROM things", (), |row| row.get(0))
        .expect("a row");
    assert_eq!(name, "it");
    drop(file);
    let names: Vec<_> = fs::read_dir(dir.path()).expect("a folder").collect();
    assert_eq!(names.len(), 1, "nothing is left beside it: {names:?}");
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_dir, path) = place();
    filled(&path);
    let mode = fs::metadata(&path).expect("is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn one_owner_at_a_time() {
    let (_dir, path) = place();
    let first = open(&path, &KIND).expect("opens");
    assert!(matches!(open(&path, &KIND), Err(OpenError::InUse(_))));
    drop(first);
    assert!(open(&path, &KIND).is_ok());
}

#[test]
fn a_foreign_file_is_left_alone() {
    let (_dir, path) = place();
    fs::write(
        &path,
        "a letter, longer than the head of a database ".repeat(9),
    )
    .expect("written");
    assert!(matches!(refused(&path, &KIND), OpenError::Foreign { .. }));
    fs::remove_file(&path).expect("removed");
    filled(&path);
    let other = Kind {
        application_id: 1,
        ..KIND
    };
    assert!(matches!(refused(&path, &other), OpenError::Foreign { .. }));
}

#[test]
fn an_empty_file_is_no_new_one() {
    let (_dir, path) = place();
    fs::write(&path, "").expect("written");
    assert!(matches!(refused(&path, &KIND), OpenError::Empty(_)));
}

#[test]
fn a_file_of_another_version_is_left_alone() {
    let (_dir, path) = place();
    filled(&path);
    for version in [2, 4] {
        let other = Kind { version, ..KIND };
        let error = refused(&path, &other);
        assert!(
            matches!(error, OpenError::Version { found: 3, .. }),
            "{error}"
        );
    }
}

#[test]
fn a_damaged_file_is_left_alone() {
    let (_dir, path) = place();
    let file = open(&path, &KIND).expect("opens");
    for n in 0..2_000 {
        let put = file.execute("INSERT INTO things VALUES (?1)", [format!("thing {n}")]);
        assert_eq!(put, Ok(1));
    }
    drop(file);
    let whole = fs::read(&path).expect("is there");
    for (from, to) in [(4096, 4096 + 200), (8192, 8192 + 200)] {
        let mut bytes = whole.clone();
        bytes[from..to].fill(0xff);
        fs::write(&path, &bytes).expect("written");
        assert!(
            matches!(refused(&path, &KIND), OpenError::Damaged { .. }),
            "{from}"
        );
    }
    fs::write(&path, &whole[..whole.len() / 2]).expect("written");
    assert!(matches!(refused(&path, &KIND), OpenError::Damaged { .. }));
}

#[test]
fn a_folder_is_no_file() {
    let (dir, _) = place();
    assert!(matches!(open(dir.path(), &KIND), Err(OpenError::Io { .. })));
    let nowhere = dir.path().join("no/such/folder");
    assert!(matches!(open(&nowhere, &KIND), Err(OpenError::Io { .. })));
}

#[test]
fn what_a_dying_process_left_unfinished_does_not_matter() {
    let (_dir, path) = place();
    fs::write(path.with_file_name("file.db.new"), "half").expect("written");
    filled(&path);
    assert!(!path.with_file_name("file.db.new").exists());
}
