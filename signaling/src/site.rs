//! Pages for browsers, on the service's own port.
//!
//! Nothing but `GET` and `HEAD` of fixed files is served; who wants more puts a web server in front
//! and leaves this out.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};

/// What the pages may do: their own scripts, WebAssembly and workers, connections anywhere.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
     connect-src 'self' ws: wss:; img-src 'self' data:; media-src 'self' blob:; \
     object-src 'none'; base-uri 'none'; frame-ancestors 'none'";
/// What goes with every answer.
const ALWAYS: [(HeaderName, &str); 3] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
];

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A file.
    File {
        /// Its media type.
        content_type: &'static str,
        /// Its bytes.
        body: &'static [u8],
    },
    /// It is at this path instead; the query goes along.
    Moved(&'static str),
}

/// Finds what is at a path such as `/index.html`; the query is not part of it.
pub type Site = Arc<dyn Fn(&str) -> Option<Found> + Send + Sync>;

/// Answers a request for a page; without pages there is nothing anywhere.
pub(crate) fn answer<B>(request: &Request<B>, site: Option<&Site>) -> Response<Full<Bytes>> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let allow = [(ALLOW, HeaderValue::from_static("GET, HEAD"))];
        return respond(StatusCode::METHOD_NOT_ALLOWED, allow, b"");
    }
    match site.and_then(|site| site(request.uri().path())) {
        Some(Found::File { content_type, body }) => {
            let headers = [
                (CONTENT_TYPE, HeaderValue::from_static(content_type)),
                (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            ];
            respond(StatusCode::OK, headers, body)
        }
        Some(Found::Moved(path)) => {
            let query = request.uri().query().map(|query| format!("?{query}"));
            let location = format!("{path}{}", query.unwrap_or_default());
            // A query that hyper has taken is fit for a header.
            let location = HeaderValue::try_from(location);
            let location = location.unwrap_or(HeaderValue::from_static(path));
            respond(StatusCode::FOUND, [(LOCATION, location)], b"")
        }
        None => {
            let plain = [(CONTENT_TYPE, HeaderValue::from_static("text/plain"))];
            respond(StatusCode::NOT_FOUND, plain, b"nothing is here\n")
        }
    }
}

fn respond<const N: usize>(
    status: StatusCode,
    headers: [(HeaderName, HeaderValue); N],
    body: &'static [u8],
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(body)));
    *response.status_mut() = status;
    response.headers_mut().extend(headers);
    let always = ALWAYS.map(|(name, value)| (name, HeaderValue::from_static(value)));
    response.headers_mut().extend(always);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        Arc::new(|path| match path {
            "/a.js" => Some(Found::File {
                content_type: "text/javascript",
                body: b"hello",
            }),
            "/" => Some(Found::Moved("/a.js")),
            _ => None,
        })
    }

    fn ask(method: Method, target: &str) -> Response<Full<Bytes>> {
        let request = Request::builder().method(method).uri(target).body(());
        answer(&request.expect("a request"), Some(&site()))
    }

    #[test]
    fn files_are_served_and_moved() {
        let page = ask(Method::GET, "/a.js?x=1");
        assert_eq!(page.status(), StatusCode::OK);
        assert_eq!(page.headers()[CONTENT_TYPE], "text/javascript");
        assert_eq!(page.headers()[CONTENT_SECURITY_POLICY], POLICY);
        let moved = ask(Method::GET, "/?room=r");
        assert_eq!(moved.status(), StatusCode::FOUND);
        assert_eq!(moved.headers()[LOCATION], "/a.js?room=r");
        assert_eq!(ask(Method::GET, "/").headers()[LOCATION], "/a.js");
    }

    #[test]
    fn everything_else_is_refused() {
        assert_eq!(ask(Method::GET, "/../a.js").status(), StatusCode::NOT_FOUND);
        let put = ask(Method::PUT, "/a.js");
        assert_eq!(put.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(put.headers()[ALLOW], "GET, HEAD");
        assert_eq!(put.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
        let request = Request::new(());
        assert_eq!(answer(&request, None).status(), StatusCode::NOT_FOUND);
    }
}
