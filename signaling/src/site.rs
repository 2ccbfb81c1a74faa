//! Pages for browsers, over plain HTTP on the service's own port.
//!
//! A request is looked at before it is read: what asks for a WebSocket goes on untouched. Nothing
//! but `GET` and `HEAD` of fixed files is served, one request a connection; who wants more puts a
//! web server in front and leaves this out.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How long a client may take to send the head of its request, and to take the answer.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest head that is looked at, in bytes, and most headers in it.
const MAX_HEAD: usize = 8 * 1024;
const MAX_HEADERS: usize = 64;
/// How long to wait for the rest of a head: at first, and at most.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const LOOK_AGAIN_AT_LAST: Duration = Duration::from_millis(500);

/// What the pages may do: their own scripts, WebAssembly and workers, connections anywhere.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
     connect-src 'self' ws: wss:; img-src 'self' data:; media-src 'self' blob:; \
     object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

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

/// Answers a plain request, and gives back every other connection as it came.
pub(crate) async fn answer(stream: TcpStream, site: &Site) -> Option<TcpStream> {
    answer_if_asked(stream, site, HEAD_TIMEOUT).await
}

async fn answer_if_asked(
    mut stream: TcpStream,
    site: &Site,
    within: Duration,
) -> Option<TcpStream> {
    let request = match timeout(within, look(&stream)).await {
        Ok(Some(request)) => request,
        // No head that we understand: the WebSocket layer says what is wrong with it.
        Ok(None) => return Some(stream),
        Err(_) => {
            tracing::debug!("no request in time");
            return None;
        }
    };
    let answering = async {
        let mut head = vec![0; request.head_len];
        stream.read_exact(&mut head).await?;
        stream.write_all(&respond(&request, site)).await?;
        stream.shutdown().await
    };
    match timeout(ANSWER_TIMEOUT, answering).await {
        Ok(Ok(())) => tracing::debug!(path = request.path, "page"),
        Ok(Err(error)) => tracing::debug!(%error, "page not taken"),
        Err(_) => tracing::debug!("page not taken in time"),
    }
    None
}

/// A request that is not for a WebSocket.
struct Request {
    head_len: usize,
    method: String,
    path: String,
    query: String,
}

/// Reads a request's head without taking it from the stream.
async fn look(stream: &TcpStream) -> Option<Request> {
    let mut bytes = [0; MAX_HEAD];
    let (mut seen, mut pause) = (0, LOOK_AGAIN);
    loop {
        let len = stream.peek(&mut bytes).await.ok()?;
        if len > seen {
            match parse(bytes.get(..len)?) {
                Parsed::Whole(request) => return request,
                Parsed::Part if len == MAX_HEAD => return None,
                Parsed::Part => seen = len,
            }
        } else if len == 0 {
            return None;
        }
        // Nothing tells when more has come; who sends slowly is looked at seldom.
        sleep(pause).await;
        pause = (pause * 2).min(LOOK_AGAIN_AT_LAST);
    }
}

enum Parsed {
    /// `None` for what is not ours to answer.
    Whole(Option<Request>),
    Part,
}

fn parse(seen: &[u8]) -> Parsed {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let head_len = match head.parse(seen) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Parsed::Part,
        Err(_) => return Parsed::Whole(None),
    };
    let upgrades = head
        .headers
        .iter()
        .any(|header| header.name.eq_ignore_ascii_case("upgrade"));
    let (Some(method), Some(target), false) = (head.method, head.path, upgrades) else {
        return Parsed::Whole(None);
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Parsed::Whole(Some(Request {
        head_len,
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
    }))
}

fn respond(request: &Request, site: &Site) -> Vec<u8> {
    let only_head = request.method == "HEAD";
    if !only_head && request.method != "GET" {
        return response("405 Method Not Allowed", "Allow: GET, HEAD\r\n", b"", false);
    }
    match site(&request.path) {
        Some(Found::File { content_type, body }) => {
            let headers = format!("Content-Type: {content_type}\r\nCache-Control: no-cache\r\n");
            response("200 OK", &headers, body, only_head)
        }
        Some(Found::Moved(path)) => {
            let mark = if request.query.is_empty() { "" } else { "?" };
            let headers = format!("Location: {path}{mark}{}\r\n", request.query);
            response("302 Found", &headers, b"", only_head)
        }
        None => {
            let headers = "Content-Type: text/plain\r\n";
            response("404 Not Found", headers, b"nothing is here\n", only_head)
        }
    }
}

fn response(status: &str, headers: &str, body: &[u8], only_head: bool) -> Vec<u8> {
    let length = body.len();
    let mut bytes = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\
         Content-Security-Policy: {POLICY}\r\nX-Content-Type-Options: nosniff\r\n\
         Referrer-Policy: no-referrer\r\n\r\n"
    )
    .into_bytes();
    if !only_head {
        bytes.extend_from_slice(body);
    }
    bytes
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

    fn ask(head: &str) -> Option<String> {
        match parse(head.as_bytes()) {
            Parsed::Whole(request) => String::from_utf8(respond(&request?, &site())).ok(),
            Parsed::Part => None,
        }
    }

    #[test]
    fn files_are_served_and_moved() {
        let page = ask("GET /a.js?x=1 HTTP/1.1\r\nHost: h\r\n\r\n").expect("an answer");
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
        assert!(page.contains("Content-Type: text/javascript\r\n"), "{page}");
        assert!(page.ends_with("\r\n\r\nhello"), "{page}");
        let head = ask("HEAD /a.js HTTP/1.1\r\n\r\n").expect("an answer");
        assert!(
            head.contains("Content-Length: 5\r\n") && head.ends_with("\r\n\r\n"),
            "{head}"
        );
        let moved = ask("GET /?room=r HTTP/1.1\r\n\r\n").expect("an answer");
        assert!(moved.contains("Location: /a.js?room=r\r\n"), "{moved}");
    }

    #[test]
    fn everything_else_is_refused_or_left_alone() {
        let missing = ask("GET /../a.js HTTP/1.1\r\n\r\n").expect("an answer");
        assert!(missing.starts_with("HTTP/1.1 404"), "{missing}");
        let put = ask("PUT /a.js HTTP/1.1\r\n\r\n").expect("an answer");
        assert!(put.starts_with("HTTP/1.1 405"), "{put}");
        assert_eq!(ask("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"), None);
        assert_eq!(ask("\x16\x03\x01 hello\r\n\r\n"), None);
        assert!(matches!(parse(b"GET /a.js HT"), Parsed::Part));
    }

    /// A connection to a page server: the client's end, and what becomes of the other one.
    async fn connected(
        within: Duration,
    ) -> (TcpStream, tokio::task::JoinHandle<Option<TcpStream>>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("an address");
        let client = TcpStream::connect(address).await.expect("connected");
        let (stream, _) = listener.accept().await.expect("accepted");
        let answered = tokio::spawn(async move { answer_if_asked(stream, &site(), within).await });
        (client, answered)
    }

    #[tokio::test]
    async fn a_head_may_come_in_pieces() {
        let (mut client, answered) = connected(HEAD_TIMEOUT).await;
        for piece in ["GET /a", ".js HTTP/1.1\r\n", "Host: h\r\n\r\n"] {
            client.write_all(piece.as_bytes()).await.expect("sent");
            client.flush().await.expect("sent");
            tokio::task::yield_now().await;
        }
        let mut page = String::new();
        client.read_to_string(&mut page).await.expect("an answer");
        assert!(page.ends_with("hello"), "{page}");
        assert!(answered.await.expect("no panic").is_none());
    }

    #[tokio::test]
    async fn a_websocket_goes_on_untouched() {
        let head = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n";
        let (mut client, answered) = connected(HEAD_TIMEOUT).await;
        client.write_all(head.as_bytes()).await.expect("sent");
        let mut stream = answered.await.expect("no panic").expect("not ours");
        let mut bytes = vec![0; head.len()];
        stream.read_exact(&mut bytes).await.expect("all of it");
        assert_eq!(bytes, head.as_bytes());
    }

    #[tokio::test]
    async fn who_never_ends_its_head_is_let_go() {
        let (mut client, answered) = connected(Duration::from_millis(20)).await;
        client.write_all(b"GET /a.js HT").await.expect("sent");
        assert!(answered.await.expect("no panic").is_none());
    }
}
