//! What browsers ask for: pages, and WebSockets from pages.

use std::net::SocketAddr;
use std::sync::Arc;

use mls_srtp_signaling::access::OpenAccess;
use mls_srtp_signaling::http::{BAD_UPGRADE, TLS_REQUIRED, TOO_MANY_CONNECTIONS, WRONG_ORIGIN};
use mls_srtp_signaling::site::{Found, Site};
use mls_srtp_signaling::tls::Tls;
use mls_srtp_signaling::{ServerBuilder, ServerHandle, ServiceConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::peer::{PATIENCE, Raw, two};
use crate::process::Service;
use crate::tls::{Files, handshake};

pub fn site() -> Site {
    Arc::new(|path| match path {
        "/" => Some(Found::Moved("/page/")),
        "/page/" => Some(Found::File {
            content_type: "text/html",
            body: b"<p>hello",
        }),
        _ => None,
    })
}

/// A service in this process, with pages.
pub async fn serve(config: ServiceConfig, tls: Option<Tls>) -> (SocketAddr, ServerHandle) {
    let config = ServiceConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        ..config
    };
    let mut builder = ServerBuilder::new(config, OpenAccess).site(site());
    if let Some(tls) = tls {
        builder = builder.tls(tls);
    }
    let server = builder.bind().await.expect("a free port");
    let (address, handle) = (server.local_addr(), server.handle());
    tokio::spawn(server.run(std::future::pending()));
    (address, handle)
}

/// Sends a request and gives back all that comes until the connection ends.
async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    ended.expect("in time").expect("ends");
    String::from_utf8(answer).expect("UTF-8")
}

async fn connect(address: impl tokio::net::ToSocketAddrs) -> TcpStream {
    TcpStream::connect(address).await.expect("accepts")
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
}

/// A request for a WebSocket of a page, from a browser that calls the service `host`.
fn upgrade(host: &str, origin: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// The head of the answer to a request for a WebSocket.
async fn opened(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    while !answer.contains("\r\n\r\n") {
        let byte = timeout(PATIENCE, stream.read_u8()).await.expect("in time");
        answer.push(char::from(byte.expect("a whole head")));
    }
    answer
}

fn is_refused(answer: &str, status: u16, code: &str) -> bool {
    let body = answer.split_once("\r\n\r\n").map_or("", |parts| parts.1);
    let json: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    answer.starts_with(&format!("HTTP/1.1 {status} "))
        && json["code"] == code
        && json["detail"].is_string()
}

#[tokio::test]
async fn pages_are_served_with_tls_and_without() {
    let files = Files::new();
    let (plain, _) = serve(ServiceConfig::default(), None).await;
    let (secret, _) = serve(ServiceConfig::default(), Some(files.tls())).await;
    for request in ["/page/", "/", "/?room=r", "/nothing"].map(get) {
        let page = ask(connect(plain).await, &request).await;
        let expected = match request.split(' ').nth(1) {
            Some("/page/") => ["HTTP/1.1 200 ", "content-type: text/html", "<p>hello"],
            Some("/") => ["HTTP/1.1 302 ", "location: /page/\r\n", "\r\n\r\n"],
            Some("/?room=r") => ["HTTP/1.1 302 ", "location: /page/?room=r", "\r\n\r\n"],
            _ => ["HTTP/1.1 404 ", "text/plain", "nothing is here\n"],
        };
        let [status, header, end] = expected;
        assert!(page.starts_with(status) && page.ends_with(end), "{page}");
        assert!(page.contains(header), "{page}");
        for always in ["content-security-policy: default-src 'self'", "nosniff"] {
            assert!(page.contains(always), "{page}");
        }
        let over_tls = handshake(secret, &files).await;
        let without_date = |page: &str| {
            let lines = page.lines().filter(|line| !line.starts_with("date:"));
            lines.map(String::from).collect::<Vec<_>>()
        };
        let same = ask(over_tls, &request).await;
        assert_eq!(without_date(&same), without_date(&page));
    }
}

#[tokio::test]
async fn a_connection_is_good_for_several_requests_and_then_for_a_websocket() {
    let (address, _) = serve(ServiceConfig::default(), None).await;
    let mut stream = connect(address).await;
    for _ in 0..3 {
        let head = "HEAD /page/ HTTP/1.1\r\nHost: h\r\n\r\n";
        let answer = opened(&mut stream, head).await;
        assert!(answer.contains("content-length: 8\r\n"), "{answer}");
    }
    let host = address.to_string();
    let answer = opened(stream, &upgrade(&host, &format!("http://{host}"))).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    // RFC 6455 §1.3 has this example.
    assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
}

#[tokio::test]
async fn what_is_no_request_for_a_page_is_refused() {
    let (address, _) = serve(ServiceConfig::default(), None).await;
    let post = "POST /page/ HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\nx";
    let refused = ask(connect(address).await, post).await;
    assert!(refused.starts_with("HTTP/1.1 405 "), "{refused}");
    let long = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(20_000));
    let refused = ask(connect(address).await, &long).await;
    assert!(refused.starts_with("HTTP/1.1 4"), "{refused}");
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(100));
    let refused = ask(connect(address).await, &many).await;
    assert!(refused.starts_with("HTTP/1.1 431 "), "{refused}");
    let half = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n";
    let refused = ask(connect(address).await, half).await;
    assert!(is_refused(&refused, 400, BAD_UPGRADE), "{refused}");
    let garbage = ask(connect(address).await, "\x16\x03\x01 hello\r\n\r\n").await;
    assert!(garbage.starts_with("HTTP/1.1 400 "), "{garbage}");
    two(&address.to_string()).await;
}

#[tokio::test]
async fn without_tls_nothing_is_served_on_a_port_with_tls() {
    let files = Files::new();
    let (address, _) = serve(ServiceConfig::default(), Some(files.tls())).await;
    let host = address.to_string();
    for request in [get("/page/"), upgrade(&host, &format!("http://{host}"))] {
        let refused = ask(connect(address).await, &request).await;
        assert!(is_refused(&refused, 400, TLS_REQUIRED), "{refused}");
    }
    assert!(Raw::try_connect(&host).await.is_none());
}

#[tokio::test]
async fn only_pages_of_this_host_and_allowed_ones_may_open_a_websocket() {
    let app = "https://app.example.org";
    let strict = Service::start(&[]);
    let lenient = Service::start(&["--allow-origin", app, "--allow-origin", "https://b.example"]);
    let mut open = Service::start(&["--allow-origin", "*"]);
    for (service, origin, may) in [
        (&strict, "http://calls.example.org", true),
        (&strict, "https://calls.example.org", true),
        (&strict, app, false),
        (&strict, "null", false),
        (&strict, "http://calls.example.org:81", false),
        (&lenient, app, true),
        (&lenient, "https://b.example", true),
        (&lenient, "https://c.example", false),
        (&open, "https://c.example", true),
        (&open, "null", true),
    ] {
        let request = upgrade("calls.example.org", origin);
        let stream = connect(&service.address).await;
        if may {
            let answer = opened(stream, &request).await;
            assert!(answer.starts_with("HTTP/1.1 101 "), "{origin}: {answer}");
        } else {
            let answer = ask(stream, &request).await;
            assert!(is_refused(&answer, 403, WRONG_ORIGIN), "{origin}: {answer}");
        }
    }
    // Programs send none.
    two(&strict.address).await;
    open.kill();
    let mut stderr = String::new();
    let mut pipe = open.child.stderr.take().expect("is piped");
    std::io::Read::read_to_string(&mut pipe, &mut stderr).expect("UTF-8");
    assert!(
        stderr.contains("pages of any origin may connect"),
        "{stderr}"
    );
}

#[tokio::test]
async fn a_page_that_came_without_tls_may_not_open_a_websocket_with_it() {
    let files = Files::new();
    let (address, _) = serve(ServiceConfig::default(), Some(files.tls())).await;
    let request = upgrade("localhost", "http://localhost");
    let refused = ask(handshake(address, &files).await, &request).await;
    assert!(is_refused(&refused, 403, WRONG_ORIGIN), "{refused}");
    let request = upgrade("localhost", "https://localhost");
    let answer = opened(handshake(address, &files).await, &request).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
}

#[tokio::test]
async fn one_address_has_so_many_connections() {
    let config = ServiceConfig {
        max_per_address: 2,
        address_rate: 1_000,
        ..ServiceConfig::default()
    };
    let (address, _) = serve(config, None).await;
    let address = address.to_string();
    let first = Raw::connect(&address).await;
    let _second = Raw::connect(&address).await;
    let refused = ask(connect(&address).await, &get("/page/")).await;
    assert!(is_refused(&refused, 429, TOO_MANY_CONNECTIONS), "{refused}");
    assert!(Raw::try_connect(&address).await.is_none());
    drop(first);
    let freed = async { while Raw::try_connect(&address).await.is_none() {} };
    timeout(PATIENCE, freed).await.expect("a place comes back");
}

#[tokio::test]
async fn behind_a_proxy_there_is_no_limit_for_an_address() {
    let config = ServiceConfig {
        max_per_address: 0,
        address_rate: 0,
        ..ServiceConfig::default()
    };
    let (address, _) = serve(config, None).await;
    let mut all = Vec::new();
    for _ in 0..200 {
        all.push(Raw::connect(&address.to_string()).await);
    }
}
