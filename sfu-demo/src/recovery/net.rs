//! A network that can fail: a UDP relay before the SFU and a TCP relay before the service.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;

const LOOPBACK: &str = "127.0.0.1:0";
const DATAGRAM: usize = 2_048;

/// Clients send here, and the SFU sees a socket of its own for each.
#[derive(Clone)]
pub struct UdpRelay {
    front: Arc<UdpSocket>,
    backs: Arc<Mutex<HashMap<SocketAddr, Back>>>,
    cut: Arc<AtomicBool>,
}

/// Where the SFU sees a client.
struct Back {
    socket: Arc<UdpSocket>,
    carries: JoinHandle<()>,
}

impl UdpRelay {
    pub async fn bind() -> Self {
        Self {
            front: Arc::new(UdpSocket::bind(LOOPBACK).await.expect("a port")),
            backs: Arc::default(),
            cut: Arc::default(),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.front.local_addr().expect("bound")
    }

    /// From now on everything is lost, or nothing any more.
    pub fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::Relaxed);
    }

    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }

    /// From now on the SFU sees every client at another address, and reaches nobody at the one
    /// before.
    pub fn rebind(&self) {
        for (_, back) in self.backs.lock().expect("not poisoned").drain() {
            back.carries.abort();
        }
    }

    /// Carries between clients and `sfu`.
    pub async fn run(self, sfu: SocketAddr) {
        let mut datagram = [0; DATAGRAM];
        loop {
            let Ok((len, client)) = self.front.recv_from(&mut datagram).await else {
                continue;
            };
            if !self.is_cut() {
                let back = self.back_of(client, sfu).await;
                let _ = back.send(&datagram[..len]).await;
            }
        }
    }

    async fn back_of(&self, client: SocketAddr, sfu: SocketAddr) -> Arc<UdpSocket> {
        let known = |backs: &HashMap<_, Back>| backs.get(&client).map(|b| Arc::clone(&b.socket));
        if let Some(back) = known(&self.backs.lock().expect("not poisoned")) {
            return back;
        }
        let socket = Arc::new(UdpSocket::bind(LOOPBACK).await.expect("a port"));
        socket.connect(sfu).await.expect("an address");
        let carries = tokio::spawn(self.clone().carry_back(Arc::clone(&socket), client));
        let back = Back {
            socket: Arc::clone(&socket),
            carries,
        };
        self.backs
            .lock()
            .expect("not poisoned")
            .insert(client, back);
        socket
    }

    async fn carry_back(self, back: Arc<UdpSocket>, client: SocketAddr) {
        let mut datagram = [0; DATAGRAM];
        loop {
            if let Ok(len) = back.recv(&mut datagram).await
                && !self.is_cut()
            {
                let _ = self.front.send_to(&datagram[..len], client).await;
            }
        }
    }
}

/// A wire to the service.
#[derive(Clone, Default)]
pub struct TcpRelay {
    /// Connections made before this number swallow everything and stay open: half-open.
    frozen_below: Arc<AtomicU64>,
    made: Arc<AtomicU64>,
}

impl TcpRelay {
    /// The address before `service`.
    pub async fn before(&self, service: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind(LOOPBACK).await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let relay = self.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let number = relay.made.fetch_add(1, Ordering::Relaxed);
                let service = TcpStream::connect(service).await.expect("the service");
                let (from_client, to_client) = client.into_split();
                let (from_service, to_service) = service.into_split();
                tokio::spawn(relay.clone().carry(number, from_client, to_service));
                tokio::spawn(relay.clone().carry(number, from_service, to_client));
            }
        });
        address
    }

    /// Every connection that there is loses what is sent on it, and looks open to both ends.
    pub fn freeze(&self) {
        let made = self.made.load(Ordering::Relaxed);
        self.frozen_below.store(made, Ordering::Relaxed);
    }

    /// Connections made so far.
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    async fn carry(self, number: u64, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut buffer = [0; 4_096];
        while let Ok(len @ 1..) = from.read(&mut buffer).await {
            let frozen = number < self.frozen_below.load(Ordering::Relaxed);
            if !frozen && to.write_all(&buffer[..len]).await.is_err() {
                return;
            }
        }
        if number < self.frozen_below.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }
}
