//! Sockets that hold a burst.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::SockRef;
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime,
};

/// What a UDP socket may hold until we come to read it, in bytes of kernel memory: about a second
/// of a call of twelve. The system's default holds a fifth of a second, and a process that was not
/// scheduled for so long loses sound for good. The system may grant less.
const BUFFER: usize = 2 << 20;

/// Another runtime with larger socket buffers; `webrtc` binds its sockets itself and gives them to
/// its runtime, so this is the one place to set them.
#[derive(Debug)]
pub(super) struct Buffered(pub(super) Arc<dyn Runtime>);

impl Runtime for Buffered {
    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let options = SockRef::from(&socket);
        for set in [
            options.set_recv_buffer_size(BUFFER),
            options.set_send_buffer_size(BUFFER),
        ] {
            if let Err(error) = set {
                tracing::debug!(%error, "the socket keeps its default buffer");
            }
        }
        self.0.wrap_udp_socket(socket)
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) -> Box<dyn JoinHandle> {
        self.0.spawn(future)
    }

    fn spawn_reactor(
        &self,
        pool: usize,
        future: Pin<Box<dyn Future<Output = ()> + Send>>,
    ) -> Box<dyn JoinHandle> {
        self.0.spawn_reactor(pool, future)
    }

    fn wrap_tcp_listener(&self, listener: TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        self.0.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(
        &'a self,
        remote: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = io::Result<Arc<dyn AsyncTcpStream>>> + Send + 'a>> {
        self.0.connect_tcp(remote)
    }

    fn resolve_host<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>> {
        self.0.resolve_host(host)
    }

    fn now(&self) -> Instant {
        self.0.now()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        self.0.sleep(duration)
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        self.0.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.0.block_on(future);
    }

    fn yield_now(&self) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        self.0.yield_now()
    }

    fn name(&self) -> &'static str {
        self.0.name()
    }
}

#[cfg(test)]
mod tests {
    use webrtc::runtime::default_runtime;

    use super::*;

    #[tokio::test]
    async fn a_wrapped_socket_has_a_larger_buffer() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let kept = socket.try_clone().expect("a second handle");
        let before = SockRef::from(&kept).recv_buffer_size().expect("readable");
        let runtime = Buffered(default_runtime().expect("tokio"));
        let _wrapped = runtime.wrap_udp_socket(socket).expect("wrapped");
        let after = SockRef::from(&kept).recv_buffer_size().expect("readable");
        assert!(after > before, "{before} bytes before, {after} after");
    }
}
