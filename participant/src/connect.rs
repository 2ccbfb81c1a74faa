//! Opening a WebSocket to a service, and saying what is wrong when it does not open.

use std::time::Duration;

use mls_srtp::delivery::MAX_ENVELOPE_BYTES;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::{CertificateError, Error as RustlsError, InvalidMessage};
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
};

use crate::signaling::SignalingError;
use crate::trust::Trust;

/// A WebSocket to a service.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What is wrong with a service's certificate, and what helps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// Its time is over.
    #[error("it has expired; the service needs a new one (or this machine's clock is wrong)")]
    Expired,
    /// Its time has not come.
    #[error("it is not valid yet; is this machine's clock right?")]
    NotYetValid,
    /// It belongs to another host.
    #[error("it is for another name: {0}; use the name that it was made for")]
    OtherName(String),
    /// Nobody whom we trust has signed it.
    #[error(
        "nobody trusted has signed it; if it is self-signed, or of an authority of your own, name \
         its file as one to trust (--tls-ca FILE)"
    )]
    UnknownIssuer,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Opens a WebSocket to `ws://` or `wss://`, within ten seconds.
///
/// # Errors
/// [`SignalingError`], naming the address, the cause and the remedy.
pub async fn connect(url: &str, trust: &Trust) -> Result<Socket, SignalingError> {
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MAX_ENVELOPE_BYTES))
        .max_frame_size(Some(MAX_ENVELOPE_BYTES));
    let connector = match url.starts_with("wss:") {
        true => Connector::Rustls(trust.config()?),
        false => Connector::Plain,
    };
    // Handshake messages are small and wait for answers.
    let no_delay = true;
    let connecting = connect_async_tls_with_config(url, Some(limits), no_delay, Some(connector));
    match timeout(IO_TIMEOUT, connecting).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(error)) => Err(explain(url, error)),
        Err(_) => Err(SignalingError::TimedOut),
    }
}

/// How long a connection attempt and a single write may take.
pub(crate) const IO_TIMEOUT: Duration = Duration::from_secs(10);

fn explain(url: &str, error: WsError) -> SignalingError {
    let url = url.to_owned();
    let reason = match error {
        WsError::Http(response) => refusal(&response),
        WsError::Io(error) => match tls_error(&error) {
            Some(RustlsError::InvalidCertificate(problem)) => {
                let problem = certificate_problem(problem);
                return SignalingError::Certificate { url, problem };
            }
            Some(RustlsError::InvalidMessage(InvalidMessage::InvalidContentType)) => {
                "it does not speak TLS; is it a ws:// address?".to_owned()
            }
            _ => error.to_string(),
        },
        other => other.to_string(),
    };
    SignalingError::Unreachable { url, reason }
}

fn tls_error(error: &std::io::Error) -> Option<&RustlsError> {
    error.get_ref()?.downcast_ref()
}

fn certificate_problem(error: &CertificateError) -> CertificateProblem {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            CertificateProblem::Expired
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            CertificateProblem::NotYetValid
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            CertificateProblem::OtherName(error.to_string())
        }
        // The second: it has the name of somebody trusted, and another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            CertificateProblem::UnknownIssuer
        }
        other => CertificateProblem::Other(other.to_string()),
    }
}

/// The service's words if it has any, as in `{"code":"wrong_origin","detail":"…"}`.
fn refusal(response: &Response) -> String {
    let status = response.status();
    let body = response.body().as_deref().unwrap_or_default();
    let json = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
    let word = |name| json.get(name).and_then(serde_json::Value::as_str);
    match (word("code"), word("detail")) {
        (Some(code), Some(detail)) => format!("HTTP {status}, {code}: {detail}"),
        _ => format!("HTTP {status}"),
    }
}
