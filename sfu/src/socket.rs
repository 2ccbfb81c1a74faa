//! The UDP socket and its batched system calls.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use bytes::BytesMut;
use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::SfuError;
use crate::event::Transmit;

/// Asked of the system for either direction: a keyframe burst to 200 legs is some 5 MB. The
/// system grants what `net.core.rmem_max` and `wmem_max` allow.
const SOCKET_BUFFER: usize = 8 << 20;
/// Receive buffers must hold a whole coalesced train of datagrams (generic receive offload).
const RECEIVE_BUFFER: usize = 64 << 10;
/// How long a full send buffer may hold up the thread before the rest of a batch is dropped.
const SEND_PATIENCE: Duration = Duration::from_millis(5);

/// Wakes the thread that waits in [`Port::wait`].
#[derive(Debug)]
pub(crate) struct Waker(OwnedFd);

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(eventfd(
            0,
            EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC,
        )?))
    }

    /// Wakes. Fails only when it is already due.
    pub(crate) fn wake(&self) {
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    fn reset(&self) {
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

/// The socket and the memory its batches need.
pub(crate) struct Port {
    socket: UdpSocket,
    state: UdpSocketState,
    buffers: Vec<Vec<u8>>,
    metas: Vec<RecvMeta>,
}

impl Port {
    /// Binds `addr`.
    ///
    /// # Errors
    ///
    /// [`SfuError::AddressInUse`] naming the address, or [`SfuError::Socket`].
    pub(crate) fn bind(addr: SocketAddr) -> Result<Self, SfuError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => SfuError::AddressInUse { addr },
            _ => SfuError::Socket { addr, source },
        };
        let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))
            .map_err(failed)?;
        socket.set_recv_buffer_size(SOCKET_BUFFER).map_err(failed)?;
        socket.set_send_buffer_size(SOCKET_BUFFER).map_err(failed)?;
        socket.bind(&addr.into()).map_err(failed)?;
        let socket = UdpSocket::from(socket);
        // Also switches the socket to non-blocking.
        let state = UdpSocketState::new((&socket).into()).map_err(failed)?;
        Ok(Self {
            socket,
            state,
            buffers: vec![vec![0; RECEIVE_BUFFER]; BATCH_SIZE],
            metas: vec![RecvMeta::default(); BATCH_SIZE],
        })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Waits for a datagram, the waker, or the time.
    pub(crate) fn wait(&self, waker: &Waker, timeout: Duration) {
        let timeout = Timespec::try_from(timeout).unwrap_or(Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        });
        let mut fds = [
            PollFd::new(&self.socket, PollFlags::IN),
            PollFd::new(&waker.0, PollFlags::IN),
        ];
        // An interrupted wait is an early one, and the loop copes with those.
        let _ = poll(&mut fds, Some(&timeout));
        if fds[1].revents().contains(PollFlags::IN) {
            waker.reset();
        }
    }

    /// Takes what has arrived, one batch at most. Returns how many datagrams there were.
    pub(crate) fn receive(&mut self, mut each: impl FnMut(SocketAddr, BytesMut)) -> usize {
        let mut slices: Vec<_> = self
            .buffers
            .iter_mut()
            .map(|b| IoSliceMut::new(b))
            .collect();
        let batch = self
            .state
            .recv((&self.socket).into(), &mut slices, &mut self.metas);
        let Ok(count) = batch else { return 0 };
        let mut datagrams = 0;
        for (meta, buffer) in self.metas.iter().zip(&self.buffers).take(count) {
            let train = buffer.get(..meta.len).unwrap_or_default();
            for datagram in train.chunks(meta.stride.max(1)) {
                each(meta.addr, BytesMut::from(datagram));
                datagrams += 1;
            }
        }
        datagrams
    }

    /// Sends a batch. Returns how many datagrams the system refused.
    pub(crate) fn send(&self, batch: &[Transmit]) -> usize {
        let mut refused = 0;
        let mut rest = batch;
        while let [_, later @ ..] = rest {
            match self.send_some(rest) {
                Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
                Err(rustix::io::Errno::AGAIN) if self.wait_writable() => {}
                Err(rustix::io::Errno::AGAIN) => return refused + rest.len(),
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => {
                    // The error concerns the first one: a host that went away, say.
                    refused += 1;
                    rest = later;
                }
            }
        }
        refused
    }

    fn send_some(&self, batch: &[Transmit]) -> rustix::io::Result<usize> {
        let addrs: Vec<SocketAddrAny> = batch.iter().map(|datagram| datagram.to.into()).collect();
        let slices: Vec<_> = batch.iter().map(|d| [IoSlice::new(&d.bytes)]).collect();
        let mut controls: Vec<SendAncillaryBuffer<'_, '_, '_>> = batch
            .iter()
            .map(|_| SendAncillaryBuffer::default())
            .collect();
        let parts = addrs.iter().zip(&slices).zip(&mut controls);
        let mut messages: Vec<MMsgHdr<'_>> = parts
            .map(|((addr, slice), control)| MMsgHdr::new_with_addr(addr, slice, control))
            .collect();
        sendmmsg(&self.socket, &mut messages, SendFlags::empty())
    }

    fn wait_writable(&self) -> bool {
        let timeout = Timespec::try_from(SEND_PATIENCE).ok();
        let mut fds = [PollFd::from_borrowed_fd(
            self.socket.as_fd(),
            PollFlags::OUT,
        )];
        poll(&mut fds, timeout.as_ref()).is_ok_and(|ready| ready > 0)
    }
}
