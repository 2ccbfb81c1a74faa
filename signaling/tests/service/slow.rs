//! Connections that are held open with as little as possible, byte by byte: each of them ends.

use std::net::SocketAddr;
use std::time::Duration;

use mls_srtp::delivery::{CloseReason, ServiceMessage};
use mls_srtp_signaling::tls::Tls;
use mls_srtp_signaling::{ServerHandle, ServiceConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::peer::{PATIENCE, hello, two};
use crate::tls::{Files, handshake};
use crate::web;

/// How often a slow client sends a byte: often enough that no pause of it is long.
const BEAT: Duration = Duration::from_millis(10);

/// A service with little patience.
async fn serve(tls: Option<Tls>) -> (SocketAddr, ServerHandle) {
    let config = ServiceConfig {
        hello_timeout: Duration::from_millis(300),
        silence: Duration::from_millis(600),
        ..ServiceConfig::default()
    };
    web::serve(config, tls).await
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("accepts")
}

/// Sends `bytes` one by one, and then nothing; gives back what came until the connection ended.
async fn dribble(stream: impl AsyncRead + AsyncWrite, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut heard = Vec::new();
    let sending = async {
        for byte in bytes.as_ref() {
            if writer.write_all(&[*byte]).await.is_err() || writer.flush().await.is_err() {
                break;
            }
            sleep(BEAT).await;
        }
        std::future::pending::<()>().await;
    };
    let ended = async {
        tokio::select! {
            // A connection that is reset has ended as well.
            _ = reader.read_to_end(&mut heard) => {}
            () = sending => {}
        }
    };
    timeout(PATIENCE, ended).await.expect("the service ends it");
    heard
}

/// More bytes than anybody has the patience for.
fn without_end(begin: &[u8], filler: u8) -> Vec<u8> {
    let mut bytes = begin.to_vec();
    bytes.resize(3_000, filler);
    bytes
}

/// An open WebSocket, as bytes.
async fn websocket(address: SocketAddr) -> TcpStream {
    let mut stream = connect(address).await;
    let request = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a whole head"));
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    stream
}

/// A text frame of up to 65,535 bytes, masked with zeroes.
fn frame(text: &str) -> Vec<u8> {
    let len = u16::try_from(text.len()).expect("short").to_be_bytes();
    let mut frame = vec![0x81, 0x80 | 126, len[0], len[1], 0, 0, 0, 0];
    frame.extend(text.bytes());
    frame
}

fn says_silent(heard: &[u8]) -> bool {
    let reason = CloseReason::Silent;
    let goodbye = serde_json::to_string(&ServiceMessage::Closed { reason }).expect("encodes");
    String::from_utf8_lossy(heard).contains(&goodbye)
}

#[tokio::test]
async fn before_and_in_the_tls_handshake() {
    let files = Files::new();
    let (address, _) = serve(Some(files.tls())).await;
    assert_eq!(dribble(connect(address).await, b"").await, b"");
    // A record of 512 bytes with a ClientHello that says it has 508.
    let hello = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
    assert_eq!(dribble(connect(address).await, hello).await, b"");
    let slowly = without_end(&hello, 0);
    assert_eq!(dribble(connect(address).await, slowly).await, b"");
}

#[tokio::test]
async fn in_the_head_of_a_request_with_tls_and_without() {
    let files = Files::new();
    let (plain, _) = serve(None).await;
    let (secret, _) = serve(Some(files.tls())).await;
    let slowly = without_end(b"GET /page/ HTTP/1.1\r\nHost: h\r\nX: ", b'x');
    for head in [&b""[..], b"GET /page/ HT", &slowly] {
        assert_eq!(dribble(connect(plain).await, head).await, b"");
        assert_eq!(dribble(handshake(secret, &files).await, head).await, b"");
    }
}

#[tokio::test]
async fn between_requests_and_in_a_body() {
    let (address, _) = serve(None).await;
    let mut stream = connect(address).await;
    let head = b"HEAD /page/ HTTP/1.1\r\nHost: h\r\n\r\n";
    stream.write_all(head).await.expect("sent");
    let heard = dribble(stream, b"").await;
    assert!(heard.starts_with(b"HTTP/1.1 200 "));
    let head = b"GET /page/ HTTP/1.1\r\nHost: h\r\nContent-Length: 9999\r\n\r\n";
    let mut stream = connect(address).await;
    stream.write_all(head).await.expect("sent");
    let heard = dribble(stream, without_end(b"", b'x')).await;
    assert!(heard.starts_with(b"HTTP/1.1 200 "));
}

#[tokio::test]
async fn before_hello() {
    let (address, handle) = serve(None).await;
    assert!(says_silent(&dribble(websocket(address).await, b"").await));
    let slowly = frame(&"x".repeat(3_000));
    assert!(says_silent(
        &dribble(websocket(address).await, slowly).await
    ));
    // An empty ping, masked, over and over: it lives, and says nothing.
    let pings = [0x89, 0x80, 0, 0, 0, 0].repeat(500);
    assert!(says_silent(&dribble(websocket(address).await, pings).await));
    assert_eq!(handle.stats().silent, 3);
}

#[tokio::test]
async fn after_hello() {
    let (address, handle) = serve(None).await;
    let entering = serde_json::to_string(&hello("mallory", None)).expect("encodes");
    for slowly in [Vec::new(), frame(&"x".repeat(3_000))] {
        let mut stream = websocket(address).await;
        stream.write_all(&frame(&entering)).await.expect("sent");
        assert!(says_silent(&dribble(stream, slowly).await));
    }
    assert_eq!(handle.stats().silent, 2);
    two(&address.to_string()).await;
}
