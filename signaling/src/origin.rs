//! Which pages may open a WebSocket here.
//!
//! A browser lets every page connect to every host, and says in `Origin` whose page it is. Without
//! a look at it, any page that somebody visits could speak to the service from inside that person's
//! network. Programs that are no browsers send no `Origin`, and could send any: this protects people
//! who browse, and is no admission.

use std::fmt;
use std::str::FromStr;

/// The word for [`AllowedOrigin::Any`].
const ANY: &str = "*";

/// Pages that may connect besides the service's own; as an option of a command line, an origin such
/// as `https://app.example.org`, or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// All pages.
    Any,
    /// Pages of this origin, in lower case.
    Origin(String),
}

/// What is no origin.
#[derive(Debug, thiserror::Error)]
#[error("not an origin: give scheme and host as in https://app.example.org, without a path, or *")]
pub struct InvalidOrigin;

impl FromStr for AllowedOrigin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == ANY {
            return Ok(Self::Any);
        }
        let origin = text.strip_suffix('/').unwrap_or(text);
        let (scheme, authority) = origin.split_once("://").ok_or(InvalidOrigin)?;
        let strange = |c: char| c.is_whitespace() || "/?#@*".contains(c);
        if scheme.is_empty() || authority.is_empty() || authority.contains(strange) {
            return Err(InvalidOrigin);
        }
        Ok(Self::Origin(origin.to_ascii_lowercase()))
    }
}

impl fmt::Display for AllowedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str(ANY),
            Self::Origin(origin) => f.write_str(origin),
        }
    }
}

/// Whether a page of `origin` may connect to a service that it calls `host`, over TLS or not.
pub(crate) fn may_connect(
    origin: &str,
    host: Option<&str>,
    over_tls: bool,
    allowed: &[AllowedOrigin],
) -> bool {
    let origin = origin.to_ascii_lowercase();
    is_own(&origin, host, over_tls)
        || allowed.iter().any(|allowed| match allowed {
            AllowedOrigin::Any => true,
            AllowedOrigin::Origin(this) => *this == origin,
        })
}

/// Whether it is the service's own page. Over TLS the page must have come over TLS as well: what
/// came without may be anybody's. A service without TLS may have a proxy with TLS before it.
fn is_own(origin: &str, host: Option<&str>, over_tls: bool) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    let fits = scheme == "https" || (scheme == "http" && !over_tls);
    fits && host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_scheme_and_host() {
        let origin = |text: &str| text.parse::<AllowedOrigin>().map(|o| o.to_string()).ok();
        assert_eq!(origin("*").as_deref(), Some("*"));
        for good in ["https://App.example.org", "https://app.example.org/"] {
            assert_eq!(origin(good).as_deref(), Some("https://app.example.org"));
        }
        assert_eq!(
            origin("http://[::1]:80").as_deref(),
            Some("http://[::1]:80")
        );
        for bad in [
            "",
            "app.example.org",
            "https://",
            "://h",
            "https://h/page",
            "https://*.h",
            "null",
        ] {
            assert_eq!(origin(bad), None, "{bad}");
        }
    }

    #[test]
    fn own_pages_and_allowed_ones_may_connect() {
        let host = Some("calls.example.org:8443");
        let own = |origin, over_tls| may_connect(origin, host, over_tls, &[]);
        assert!(own("https://calls.example.org:8443", true));
        assert!(own("https://Calls.Example.org:8443", false), "a proxy");
        assert!(own("http://calls.example.org:8443", false));
        assert!(!own("http://calls.example.org:8443", true), "came in plain");
        for other in [
            "https://calls.example.org",
            "https://evil.example",
            "https://calls.example.org:8443.evil.example",
            "calls.example.org:8443",
            "null",
            "",
        ] {
            assert!(!own(other, true) && !own(other, false), "{other}");
        }
        assert!(!may_connect("https://a", None, true, &[]));
        let allowed = |text: &str| [text.parse::<AllowedOrigin>().expect("an origin")];
        let app = "https://app.example.org";
        assert!(may_connect(app, host, true, &allowed(app)));
        assert!(may_connect("null", host, true, &allowed("*")));
        assert!(!may_connect(
            app,
            host,
            true,
            &allowed("https://app.example")
        ));
    }
}
