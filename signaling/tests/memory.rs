//! How much memory strangers can make the service use: all allocations of this process are counted,
//! those of the strangers included.

use std::net::SocketAddr;
use std::time::Duration;

use mls_srtp_signaling::access::OpenAccess;
use mls_srtp_signaling::{ServerBuilder, ServiceConfig};
use peak_alloc::PeakAlloc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// As many as one address may have.
const STRANGERS: usize = 128;
/// What each may send.
const MAX_STRANGER_BYTES: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(60);

/// An open WebSocket, as bytes.
async fn websocket(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("accepts");
    let request = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a whole head"));
    }
    stream
}

/// A message that goes on and on, in fragments of 4,088 bytes with their headers: masked with zeroes,
/// and in them `[[[[…`.
fn without_end(bytes: usize) -> Vec<u8> {
    let fragment = |kind| {
        let mut fragment = vec![kind, 0x80 | 126, 0x0f, 0xf0, 0, 0, 0, 0];
        fragment.resize(8 + 0x0ff0, b'[');
        fragment
    };
    let mut message = fragment(0x01);
    while message.len() < bytes {
        message.extend(fragment(0x00));
    }
    message.truncate(bytes);
    message
}

/// Each has sent all that it may and something more when the service ends its connection.
#[tokio::test]
async fn a_stranger_costs_no_more_than_it_may_send() {
    let config = ServiceConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        hello_timeout: PATIENCE,
        ..ServiceConfig::default()
    };
    let server = ServerBuilder::new(config, OpenAccess).bind().await;
    let server = server.expect("a free port");
    let address = server.local_addr();
    tokio::spawn(server.run(std::future::pending()));
    let message = without_end(MAX_STRANGER_BYTES + 5_000);
    let (first, rest) = message.split_at(MAX_STRANGER_BYTES);
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let mut strangers = Vec::new();
    for _ in 0..STRANGERS {
        let mut stranger = websocket(address).await;
        stranger.write_all(first).await.expect("taken");
        strangers.push(stranger);
    }
    for stranger in &mut strangers {
        stranger.write_all(rest).await.expect("taken");
        let mut heard = Vec::new();
        // A connection that is reset has ended as well.
        let ended = timeout(PATIENCE, stranger.read_to_end(&mut heard)).await;
        assert!(ended.is_ok(), "the service ends it");
    }
    let each = (HEAP.peak_usage() - before) / STRANGERS;
    assert!(each < 3 * MAX_STRANGER_BYTES, "{each} bytes each");
}
