//! What comes over a connection first: HTTP requests, for pages or to open a WebSocket.
//!
//! A request that is refused has this JSON in its answer's body:
//! `{"code":"wrong_origin","detail":"…"}`.
//!
//! | status | code | when |
//! |---|---|---|
//! | 400 | [`BAD_UPGRADE`] | a WebSocket is asked for otherwise than RFC 6455 has it |
//! | 400 | [`TLS_REQUIRED`] | a request without TLS on a port with TLS |
//! | 403 | [`WRONG_ORIGIN`] | a page of another host asks for a WebSocket |
//! | 429 | [`TOO_MANY_CONNECTIONS`] | there are too many connections from this address |

use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, ORIGIN, UPGRADE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::connection;
use crate::origin::{self, AllowedOrigin};
use crate::site::{self, Site};
use crate::threshold::{LetIn, Threshold};

/// The request for a WebSocket is none.
pub const BAD_UPGRADE: &str = "bad_upgrade";
/// This port speaks TLS: use `wss://` or `https://`.
pub const TLS_REQUIRED: &str = "tls_required";
/// The page is neither of this host nor of an allowed origin.
pub const WRONG_ORIGIN: &str = "wrong_origin";
/// Too many connections come from one address; try again later.
pub const TOO_MANY_CONNECTIONS: &str = "too_many_connections";

/// Longest head of a request in bytes, and most headers in it: several times what browsers send.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
/// How long a connection may last on which no WebSocket is opened. Browsers make another one.
const VISIT: Duration = Duration::from_secs(60);

/// An open WebSocket, with TLS or without.
pub(crate) type Socket = WebSocketStream<Threshold<TokioIo<Upgraded>>>;

/// Why a request is refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    detail: &'static str,
}

impl Refusal {
    const BAD_UPGRADE: Self = Self {
        status: StatusCode::BAD_REQUEST,
        code: BAD_UPGRADE,
        detail: "this is no request for a WebSocket as RFC 6455 has it",
    };
    const WRONG_ORIGIN: Self = Self {
        status: StatusCode::FORBIDDEN,
        code: WRONG_ORIGIN,
        detail: "pages of this origin may not connect; an operator can allow it by --allow-origin",
    };
    pub(crate) const TLS_REQUIRED: Self = Self {
        status: StatusCode::BAD_REQUEST,
        code: TLS_REQUIRED,
        detail: "this port speaks TLS: use wss:// or https://",
    };
    pub(crate) const TOO_MANY_CONNECTIONS: Self = Self {
        status: StatusCode::TOO_MANY_REQUESTS,
        code: TOO_MANY_CONNECTIONS,
        detail: "too many connections from this address; close some, or try again later",
    };

    fn response(self) -> Response<Full<Bytes>> {
        let json = serde_json::json!({ "code": self.code, "detail": self.detail });
        let mut response = Response::new(Full::from(json.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

/// How requests of a connection are answered.
pub(crate) struct Answers {
    /// Who asks, for the log.
    pub(crate) peer: SocketAddr,
    /// Every request is refused for this reason.
    pub(crate) refuse_all: Option<Refusal>,
    pub(crate) over_tls: bool,
    pub(crate) allowed_origins: Vec<AllowedOrigin>,
    pub(crate) site: Option<Site>,
}

impl Answers {
    fn to<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let answer = match self.refuse_all {
            Some(refusal) => Err(refusal),
            None if request.headers().contains_key(UPGRADE) => self.upgrade(request),
            None => Ok(site::answer(request, self.site.as_ref())),
        };
        let path = request.uri().path();
        answer.unwrap_or_else(|refusal| {
            tracing::info!(peer = %self.peer, path, code = refusal.code, "request refused");
            refusal.response()
        })
    }

    fn upgrade<B>(&self, request: &Request<B>) -> Result<Response<Full<Bytes>>, Refusal> {
        let headers = request.headers();
        if headers.contains_key(ORIGIN) {
            let origin = only(headers, ORIGIN).ok_or(Refusal::WRONG_ORIGIN)?;
            let host = only(headers, HOST);
            if !origin::may_connect(origin, host, self.over_tls, &self.allowed_origins) {
                tracing::debug!(peer = %self.peer, origin, host, "wrong origin");
                return Err(Refusal::WRONG_ORIGIN);
            }
        }
        create_response_with_body(request, Full::default).map_err(|error| {
            tracing::debug!(peer = %self.peer, %error, "no WebSocket");
            Refusal::BAD_UPGRADE
        })
    }
}

/// The one value of a header that may not be there twice.
fn only(headers: &HeaderMap, name: hyper::header::HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Answers requests until a WebSocket is opened, or until there are no more. A head must be there
/// after `head_within`.
pub(crate) async fn receive<S>(
    stream: S,
    answers: Answers,
    head_within: Duration,
) -> Option<(Socket, LetIn)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (peer, asked) = (answers.peer, Arc::new(Mutex::new(None)));
    let slot = Arc::clone(&asked);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let response = answers.to(&request);
        if request.headers().contains_key(UPGRADE) {
            let opens = response.status() == StatusCode::SWITCHING_PROTOCOLS;
            let upgrade = hyper::upgrade::on(&mut request);
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some((upgrade, opens));
        }
        ready(Ok::<_, Infallible>(response))
    });
    let requests = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_within)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    match timeout(VISIT, requests).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%peer, %error, "no request"),
        Err(_) => tracing::debug!(%peer, "stayed too long"),
    }
    let asked = asked.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (upgrade, opens) = asked?;
    // After a request for another protocol hyper leaves the connection to us, whatever the answer.
    let mut stream = TokioIo::new(upgrade.await.ok()?);
    if !opens {
        let _ = timeout(head_within, stream.shutdown()).await;
        return None;
    }
    let limits = Some(connection::limits());
    let (stream, let_in) = Threshold::new(stream);
    let socket = WebSocketStream::from_raw_socket(stream, Role::Server, limits).await;
    Some((socket, let_in))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncReadExt as _;

    use super::*;
    use crate::site::Found;

    /// A browser that asks for a page and takes only a few bytes of it.
    #[tokio::test(start_paused = true)]
    async fn who_does_not_take_an_answer_does_not_stay() {
        let large = Found::File {
            content_type: "text/plain",
            body: &[b'x'; 100_000],
        };
        let answers = Answers {
            peer: ([127, 0, 0, 1], 9).into(),
            refuse_all: None,
            over_tls: false,
            allowed_origins: Vec::new(),
            site: Some(Arc::new(move |_| Some(large))),
        };
        let began = tokio::time::Instant::now();
        let (mut browser, stream) = tokio::io::duplex(1_000);
        let receiving = tokio::spawn(receive(stream, answers, Duration::from_secs(10)));
        let request = b"GET / HTTP/1.1\r\n\r\n";
        browser.write_all(request).await.expect("sent");
        let mut few = [0; 10];
        browser.read_exact(&mut few).await.expect("an answer");
        assert!(receiving.await.expect("no panic").is_none());
        assert_eq!(began.elapsed(), VISIT, "as virtual time goes");
    }

    fn heads() -> impl Strategy<Value = Vec<u8>> {
        let name = "Upgrade|Connection|Host|Origin|Sec-WebSocket-(Key|Version)|[a-z-]{1,9}";
        let value = "websocket|upgrade|13|dGhlIHNhbXBsZSBub25jZQ==|(https://)?a\\.example|.{0,30}";
        let header = (name, value);
        let line = "(GET|HEAD|POST|[A-Z]{0,9}) (/|/a\\.js|[ -~]{0,30}) HTTP/1\\.[019]";
        let any = prop::collection::vec(any::<u8>(), 0..60);
        let headers = prop::collection::vec(header, 0..12);
        (line, headers, any).prop_map(|(line, headers, more)| {
            let lines = headers
                .into_iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"));
            let head: String = std::iter::once(format!("{line}\r\n"))
                .chain(lines)
                .collect();
            [head.as_bytes(), b"\r\n", &more].concat()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever comes over a connection first, there is an answer or the end, and a WebSocket
        /// only after the answer that opens it.
        #[test]
        fn any_head_is_judged(sent in heads()) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build();
            let (opened, answer) = runtime.expect("a runtime").block_on(async {
                let answers = Answers {
                    peer: ([127, 0, 0, 1], 9).into(),
                    refuse_all: None,
                    over_tls: true,
                    allowed_origins: Vec::new(),
                    site: Some(Arc::new(|_| None)),
                };
                let (mut browser, stream) = tokio::io::duplex(100_000);
                let receiving = tokio::spawn(receive(stream, answers, Duration::from_secs(10)));
                browser.write_all(&sent).await.expect("there is room");
                let opened = receiving.await.expect("no panic").is_some();
                let mut answer = Vec::new();
                browser.read_to_end(&mut answer).await.expect("it is closed");
                (opened, answer)
            });
            let first = answer.strip_prefix(b"HTTP/1.").unwrap_or_default();
            prop_assert!(answer.is_empty() || !first.is_empty(), "an answer is HTTP");
            prop_assert_eq!(opened, first.get(2..5) == Some(b"101".as_slice()));
        }
    }
}
