//! A connection from its first byte to its last: TLS if there is any, requests, the WebSocket.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::connection;
use crate::http::{self, Answers, Refusal, Socket};
use crate::room::ClientId;
use crate::service::Service;
use crate::site::Site;
use crate::threshold::LetIn;
use crate::tls::Tls;

/// The first byte of a TLS connection (RFC 8446 §5.1, `handshake`). No HTTP method begins with it.
const TLS_HANDSHAKE: u8 = 22;

/// What all connections of a service come through.
pub(crate) struct Door {
    tls: Option<TlsAcceptor>,
    site: Option<Site>,
    service: Arc<Service>,
}

impl Door {
    pub(crate) fn new(tls: Option<&Tls>, site: Option<Site>, service: Arc<Service>) -> Self {
        Self {
            tls: tls.map(|tls| tls.config().into()),
            site,
            service,
        }
    }

    /// Serves one connection to its end; one without a number is told that it is one too many. Who
    /// has no WebSocket yet goes at once when `closing` ends.
    pub(crate) async fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        client: Option<ClientId>,
        mut closing: watch::Receiver<()>,
    ) {
        let refusal = client.is_none().then_some(Refusal::TOO_MANY_CONNECTIONS);
        let socket = tokio::select! {
            socket = self.let_in(stream, peer, refusal) => socket,
            _ = closing.changed() => None,
        };
        if let (Some((socket, let_in)), Some(client)) = (socket, client) {
            connection::serve(socket, let_in, client, Arc::clone(&self.service)).await;
        }
    }

    /// Up to the open WebSocket, if it comes to that.
    async fn let_in(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        refusal: Option<Refusal>,
    ) -> Option<(Socket, LetIn)> {
        let config = self.service.config();
        let within = config.hello_timeout;
        let answers = |refuse_all, over_tls| Answers {
            peer,
            refuse_all,
            over_tls,
            allowed_origins: config.allowed_origins.clone(),
            site: self.site.clone(),
        };
        let Some(tls) = &self.tls else {
            return http::receive(stream, answers(refusal, false), within).await;
        };
        let mut first = [0];
        match timeout(within, stream.peek(&mut first)).await {
            Ok(Ok(1)) if first == [TLS_HANDSHAKE] => {}
            Ok(Ok(1)) => {
                let answers = answers(Some(Refusal::TLS_REQUIRED), false);
                return http::receive(stream, answers, within).await;
            }
            _ => return None,
        }
        match timeout(within, tls.accept(stream)).await {
            Ok(Ok(stream)) => http::receive(stream, answers(refusal, true), within).await,
            Ok(Err(error)) => {
                tracing::debug!(%peer, %error, "no TLS");
                None
            }
            Err(_) => {
                tracing::debug!(%peer, "no TLS in time");
                None
            }
        }
    }
}
