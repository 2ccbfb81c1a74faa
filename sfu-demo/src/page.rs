//! The conference page, compiled in: what `browser/build` made of `browser/`.

use std::sync::Arc;

use include_dir::{Dir, include_dir};
use mls_srtp_signaling::site::{Found, Site};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../browser/dist");

/// Where the page is.
const PAGE: &str = "/page/";

/// The page and the package that it uses.
pub fn site() -> Site {
    Arc::new(find)
}

fn find(path: &str) -> Option<Found> {
    let file = match path {
        "/" => return Some(Found::Moved(PAGE)),
        PAGE => "page/index.html",
        _ => path.strip_prefix('/')?,
    };
    let content_type = content_type(file)?;
    let body = FILES.get_file(file)?.contents();
    Some(Found::File { content_type, body })
}

/// `None` for what no browser asks for.
fn content_type(file: &str) -> Option<&'static str> {
    match file.rsplit_once('.')?.1 {
        "html" => Some("text/html; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "wasm" => Some("application/wasm"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_there(path: &str) -> bool {
        matches!(find(path), Some(Found::File { body, .. }) if !body.is_empty())
    }

    #[test]
    fn the_page_and_its_parts_are_compiled_in() {
        assert_eq!(find("/"), Some(Found::Moved(PAGE)));
        for path in [
            PAGE,
            "/page/main.js",
            "/page/style.css",
            "/index.js",
            "/worker/main.js",
            "/wasm/mls_srtp_browser_bg.wasm",
        ] {
            assert!(is_there(path), "{path}");
        }
        assert_eq!(find("/SOURCES"), None);
        assert_eq!(find("/../Cargo.toml"), None);
    }
}
