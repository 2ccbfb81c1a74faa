//! Connecting to a service over TLS, with certificates of every kind, over real sockets.

use std::fs;
use std::path::{Path, PathBuf};

use mls_srtp_participant::connect::{CertificateProblem, connect};
use mls_srtp_participant::signaling::SignalingError;
use mls_srtp_participant::trust::{Trust, TrustError};
use mls_srtp_signaling::access::OpenAccess;
use mls_srtp_signaling::http::TLS_REQUIRED;
use mls_srtp_signaling::tls::Tls;
use mls_srtp_signaling::{ServerBuilder, ServiceConfig};
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use tempfile::TempDir;

/// An authority, and a service with a certificate of it.
struct Setup {
    folder: TempDir,
    authority: Issuer<'static, KeyPair>,
}

impl Setup {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        fs::write(folder.path().join("ca.pem"), certificate.pem()).expect("written");
        Self {
            folder,
            authority: Issuer::new(params, key),
        }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn trust(&self) -> Trust {
        Trust::with_file(&self.path("ca.pem")).expect("an authority")
    }

    /// A certificate for a name, changed by `change`.
    fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Tls {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.authority).expect("signed");
        let (cert, private) = (self.path("cert.pem"), self.path("key.pem"));
        fs::write(&cert, certificate.pem()).expect("written");
        fs::write(&private, key.serialize_pem()).expect("written");
        Tls::load(&cert, &private).expect("they belong together")
    }
}

/// The port of a service.
async fn serve(tls: Option<Tls>) -> u16 {
    let config = ServiceConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        ..ServiceConfig::default()
    };
    let mut builder = ServerBuilder::new(config, OpenAccess);
    let scheme = if tls.is_some() { "wss://" } else { "ws://" };
    if let Some(tls) = tls {
        builder = builder.tls(tls);
    }
    let server = builder.bind().await.expect("listens");
    assert!(server.url().starts_with(scheme), "{}", server.url());
    let port = server.local_addr().port();
    tokio::spawn(server.run(std::future::pending()));
    port
}

async fn problem(port: u16, trust: &Trust) -> CertificateProblem {
    let url = format!("wss://localhost:{port}/");
    match connect(&url, trust).await {
        Err(SignalingError::Certificate { problem, url: of }) if of == url => problem,
        other => panic!("{:?}", other.err()),
    }
}

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_is_taken() {
    let setup = Setup::new();
    let port = serve(Some(setup.issue("localhost", |_| {}))).await;
    let url = format!("wss://localhost:{port}/");
    assert!(connect(&url, &setup.trust()).await.is_ok());
    // Nobody has told the system of that authority.
    assert!(connect(&url, &Trust::SYSTEM).await.is_err());
}

#[tokio::test]
async fn a_certificate_of_another_name_is_refused() {
    let setup = Setup::new();
    let port = serve(Some(setup.issue("calls.example.org", |_| {}))).await;
    let problem = problem(port, &setup.trust()).await;
    let CertificateProblem::OtherName(names) = &problem else {
        panic!("{problem:?}");
    };
    assert!(names.contains("calls.example.org"), "{names}");
}

#[tokio::test]
async fn a_certificate_whose_time_is_not_now_is_refused() {
    let setup = Setup::new();
    let expired = setup.issue("localhost", |params| {
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    let port = serve(Some(expired)).await;
    assert_eq!(
        problem(port, &setup.trust()).await,
        CertificateProblem::Expired
    );
    let early = setup.issue("localhost", |params| {
        params.not_before = date_time_ymd(2090, 1, 1);
    });
    let port = serve(Some(early)).await;
    assert_eq!(
        problem(port, &setup.trust()).await,
        CertificateProblem::NotYetValid
    );
}

#[tokio::test]
async fn a_self_signed_certificate_is_taken_only_by_those_who_were_told() {
    let setup = Setup::new();
    let (cert, key) = (setup.path("own.pem"), setup.path("own-key.pem"));
    let tls = Tls::self_signed(&cert, &key, [127, 0, 0, 1].into()).expect("made");
    let made = tls.fingerprint();
    let port = serve(Some(tls)).await;
    assert_eq!(
        problem(port, &setup.trust()).await,
        CertificateProblem::UnknownIssuer
    );
    let told = Trust::with_file(&cert).expect("a certificate");
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("wss://{host}:{port}/");
        let connected = connect(&url, &told).await;
        assert!(connected.is_ok(), "{:?}", connected.err());
    }
    let again = Tls::self_signed(&cert, &key, [127, 0, 0, 1].into()).expect("is there");
    assert_eq!(again.fingerprint(), made, "trust in it lasts");
}

#[tokio::test]
async fn one_certificate_can_be_the_only_one() {
    let setup = Setup::new();
    let tls = setup.issue("calls.example.org", |params| {
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    let only = Trust::only(tls.certificate());
    let port = serve(Some(tls)).await;
    let url = format!("wss://localhost:{port}/");
    assert!(connect(&url, &only).await.is_ok(), "whatever is in it");
    let port = serve(Some(setup.issue("localhost", |_| {}))).await;
    assert_eq!(
        problem(port, &only).await,
        CertificateProblem::UnknownIssuer
    );
}

#[tokio::test]
async fn whoever_takes_tls_for_none_or_none_for_tls_is_told() {
    let setup = Setup::new();
    let with = serve(Some(setup.issue("localhost", |_| {}))).await;
    let without = serve(None).await;
    let reason = async |url: String| match connect(&url, &setup.trust()).await {
        Err(SignalingError::Unreachable { reason, .. }) => reason,
        other => panic!("{:?}", other.err()),
    };
    let plain = reason(format!("ws://localhost:{with}/")).await;
    assert!(plain.contains(TLS_REQUIRED), "{plain}");
    let tls = reason(format!("wss://localhost:{without}/")).await;
    assert!(tls.contains("does not speak TLS"), "{tls}");
}

#[test]
fn a_file_without_a_certificate_is_no_trust() {
    let setup = Setup::new();
    let bad = setup.path("bad.pem");
    for text in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n"] {
        fs::write(&bad, text).expect("written");
        let refused = Trust::with_file(&bad);
        assert!(
            matches!(&refused, Err(TrustError::File { path, .. }) if *path == bad),
            "{text}: {refused:?}"
        );
    }
    let refused = Trust::with_file(Path::new("/nowhere/ca.pem"));
    assert!(matches!(refused, Err(TrustError::File { .. })));
}
