//! The npm packages of a peer that Node runs, brought before anybody plays.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::PeerError;

/// npm writes it last, so what was broken off counts as nothing.
const WRITTEN_LAST: &str = "node_modules/.package-lock.json";

const NPM_CI: [&str; 5] = [
    "ci",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
];

/// Where a folder of this package is.
pub(super) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Has npm bring what a folder of this package asks for, if that is not there, and says so.
pub(super) fn bring(peer: &'static str, name: &str) -> Result<(), PeerError> {
    let brought = bring_with(Command::new("npm"), peer, &folder(name), || {
        eprintln!("{peer} is not here yet: npm ci in interop/{name}");
    });
    brought.map(|_| ())
}

/// Whether there was something to do.
fn bring_with(
    mut npm: Command,
    peer: &'static str,
    folder: &Path,
    say: impl FnOnce(),
) -> Result<bool, PeerError> {
    if folder.join(WRITTEN_LAST).is_file() {
        return Ok(false);
    }
    say();
    // Standard output is for what the command itself prints.
    npm.args(NPM_CI).current_dir(folder).stdout(Stdio::null());
    let remedy = match npm.status() {
        Ok(status) if status.success() => return Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            "install Node.js 18 or later, with npm, or go on with --peer mls-rs"
        }
        _ => "see what npm says, or go on with --peer mls-rs",
    };
    Err(PeerError::NotInstalled { peer, remedy })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// An empty folder that nobody else has.
    fn empty(name: &str) -> PathBuf {
        let name = format!("interop-packages-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    /// What a shell script in place of npm makes of a folder.
    fn bring_by(script: &str, folder: &Path) -> Result<bool, PeerError> {
        let mut npm = Command::new("sh");
        npm.args(["-c", script, "npm"]);
        bring_with(npm, "a peer", folder, || ())
    }

    #[test]
    fn what_is_missing_is_brought_once() {
        let folder = empty("brought");
        let npm = r#"[ "$1" = ci ] && mkdir node_modules && touch node_modules/.package-lock.json"#;
        assert!(bring_by(npm, &folder).expect("npm runs"));
        assert!(!bring_by("exit 1", &folder).expect("nothing to do"));
        fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn what_was_broken_off_is_brought_anew() {
        let folder = empty("half");
        let half = bring_by("mkdir node_modules; exit 1", &folder);
        let half = half.expect_err("npm failed").to_string();
        assert!(half.contains("what npm says"), "{half}");
        assert!(bring_by("exit 0", &folder).expect("npm runs"));
        fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn without_npm_the_remedy_is_said() {
        let folder = empty("none");
        let npm = Command::new("/no/such/npm");
        let missing = bring_with(npm, "a peer", &folder, || ()).expect_err("no npm");
        assert!(missing.to_string().contains("install Node.js"), "{missing}");
        fs::remove_dir_all(folder).expect("removed");
    }
}
