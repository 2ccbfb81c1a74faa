//! One WebSocket to the service. What comes over it goes into a queue that many share.

use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use mls_srtp::delivery::{ClientMessage, ServiceMessage};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Whose connection, and which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineId {
    seat: usize,
    number: u32,
}

impl LineId {
    pub(crate) fn first(seat: usize) -> Self {
        Self { seat, number: 0 }
    }

    pub(crate) fn next(self) -> Self {
        let number = self.number + 1;
        Self { number, ..self }
    }

    pub(crate) fn seat(self) -> usize {
        self.seat
    }
}

/// What came over a connection; nothing when it has ended.
pub(crate) struct Word {
    pub(crate) line: LineId,
    pub(crate) message: Option<Result<ServiceMessage, serde_json::Error>>,
}

/// The sending half.
pub(crate) struct Line {
    id: LineId,
    sink: SplitSink<Socket, Message>,
}

impl Line {
    /// Connects; what is heard goes to `teller`.
    pub(crate) async fn open(
        url: &str,
        id: LineId,
        teller: mpsc::UnboundedSender<Word>,
    ) -> Result<Self, Box<Error>> {
        let (socket, _) = tokio_tungstenite::connect_async(url).await?;
        let (sink, mut stream) = socket.split();
        tokio::spawn(async move {
            let tell = |message| teller.send(Word { line: id, message }).is_ok();
            while let Some(Ok(message)) = stream.next().await {
                if let Message::Text(json) = message
                    && !tell(Some(serde_json::from_str(&json)))
                {
                    return;
                }
            }
            tell(None);
        });
        Ok(Self { id, sink })
    }

    pub(crate) fn id(&self) -> LineId {
        self.id
    }

    pub(crate) async fn say(&mut self, message: &ClientMessage) -> Result<(), Box<Error>> {
        let json = serde_json::to_string(message).expect("an envelope is plain data");
        Ok(self.sink.send(Message::text(json)).await?)
    }

    /// The other side may have closed it already.
    pub(crate) async fn close(mut self) {
        let _ = self.sink.close().await;
    }
}
