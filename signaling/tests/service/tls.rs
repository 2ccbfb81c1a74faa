//! The service with TLS.

use std::io::BufRead as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use mls_srtp::delivery::ServiceMessage;
use mls_srtp_signaling::tls::Tls;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio_tungstenite::tungstenite::Message;

use crate::peer::{PATIENCE, hello};
use crate::process::{Service, run};

/// A self-signed certificate and its key.
pub struct Files {
    _folder: TempDir,
    cert: PathBuf,
    key: PathBuf,
}

impl Files {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            cert: folder.path().join("cert.pem"),
            key: folder.path().join("key.pem"),
            _folder: folder,
        }
    }

    /// Made when it is asked for first.
    pub fn tls(&self) -> Tls {
        Tls::self_signed(&self.cert, &self.key, [127, 0, 0, 1].into()).expect("made")
    }
}

/// A connection with TLS to a service that has the certificate.
pub async fn handshake(address: SocketAddr, files: &Files) -> TlsStream<TcpStream> {
    let both = [&TLS13, &TLS12];
    handshake_of(address, &files.cert, &both).await
}

async fn handshake_of(
    address: SocketAddr,
    cert: &Path,
    versions: &[&'static SupportedProtocolVersion],
) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(cert).expect("a certificate");
    roots.add(certificate).expect("a certificate");
    let config = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_protocol_versions(versions)
        .expect("ring has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.expect("accepts");
    let connector = TlsConnector::from(Arc::new(config));
    let name = "localhost".try_into().expect("a name");
    connector.connect(name, stream).await.expect("TLS")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[tokio::test]
async fn rooms_are_entered_over_tls_1_2_and_1_3() {
    let files = Files::new();
    let named = [
        "--tls-cert",
        text(&files.cert),
        "--tls-key",
        text(&files.key),
    ];
    let mut service = Service::start(&[&["--tls-self-signed"][..], &named].concat());
    assert!(service.url.starts_with("wss://"), "{}", service.url);
    let mut notice = String::new();
    service.stdout.read_line(&mut notice).expect("a notice");
    assert!(notice.contains(text(&files.cert)), "{notice}");
    assert!(notice.contains(&files.tls().fingerprint()), "{notice}");
    drop(service);

    // The same files are as good as anybody's.
    let service = Service::start(&named);
    assert!(service.url.starts_with("wss://"), "{}", service.url);
    for version in [&TLS12, &TLS13] {
        let address = service.address.parse().expect("an address");
        let stream = handshake_of(address, &files.cert, &[version]).await;
        let opening = tokio_tungstenite::client_async("wss://localhost/", stream);
        let (mut socket, _) = opening.await.expect("a WebSocket");
        let json = serde_json::to_string(&hello("alice", None)).expect("encodes");
        socket.send(Message::text(json)).await.expect("sent");
        let room = loop {
            let next = timeout(PATIENCE, socket.next()).await.expect("in time");
            if let Message::Text(json) = next.expect("goes on").expect("goes on") {
                break serde_json::from_str(&json).expect("an envelope");
            }
        };
        assert!(matches!(room, ServiceMessage::Room { .. }), "{room:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_key_that_is_made_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let files = Files::new();
    files.tls();
    let mode = files.key.metadata().expect("is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn files_that_cannot_be_used_are_one_clear_line_and_exit_code_1() {
    let (files, others, half, bad) = (Files::new(), Files::new(), Files::new(), Files::new());
    files.tls();
    others.tls();
    half.tls();
    std::fs::remove_file(&half.key).expect("was there");
    std::fs::write(&bad.cert, "no PEM").expect("written");
    let tls = ["--tls-self-signed"];
    let cases: [(&[&str], &Path, &Path, &str); 4] = [
        (&[], &files.cert, &others.key, text(&others.key)),
        (&[], &bad.cert, &files.key, text(&bad.cert)),
        (&[], &files.cert, &bad.key, text(&bad.key)),
        (&tls, &half.cert, &half.key, "delete it"),
    ];
    for (args, cert, key, named) in cases {
        let listen = ["--open", "--listen", "127.0.0.1:0", "--log", "error"];
        let files = ["--tls-cert", text(cert), "--tls-key", text(key)];
        let (output, stderr) = run(&[args, &listen, &files].concat());
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(
            stderr.contains(named) && stderr.lines().count() == 1,
            "{stderr}"
        );
    }
    let (output, stderr) = run(&["--open", "--tls-cert", text(&files.cert)]);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
}
