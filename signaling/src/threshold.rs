//! Limits what a stranger may send: bytes of a connection are counted until its client is let in.

use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that a client may send before it is let in, whatever they are. A hello has some hundreds, with
/// a token in it one or two thousand.
pub(crate) const MAX_STRANGER_BYTES: usize = 64 * 1024;

/// Ends the counting of one connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct LetIn(Arc<AtomicBool>);

impl LetIn {
    /// The client may send on.
    pub(crate) fn let_in(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_in(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A stream that fails after [`MAX_STRANGER_BYTES`], unless its client has been let in.
pub(crate) struct Threshold<S> {
    stream: S,
    heard: usize,
    let_in: LetIn,
}

impl<S> Threshold<S> {
    pub(crate) fn new(stream: S) -> (Self, LetIn) {
        let let_in = LetIn::default();
        let threshold = Self {
            stream,
            heard: 0,
            let_in: let_in.clone(),
        };
        (threshold, let_in)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Threshold<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if !self.let_in.is_in() {
            let new = buf.filled().len().saturating_sub(before);
            self.heard = self.heard.saturating_add(new);
            if self.heard > MAX_STRANGER_BYTES {
                return Poll::Ready(Err(Error::from(ErrorKind::QuotaExceeded)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Threshold<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
