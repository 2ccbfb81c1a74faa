//! Runs an [`Sfu`] on a thread of its own with one UDP socket.
//!
//! The thread sleeps in `poll(2)` on the socket and an eventfd. Commands travel through a channel
//! and write the eventfd, so they take effect at once and nobody polls in vain. There is no async
//! runtime: one thread that owns everything needs none, and its CPU time can be read exactly.

use std::net::SocketAddr;
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::config::{PayloadFormat, SfuConfig};
use crate::error::SfuError;
use crate::event::{Event, Transmit};
use crate::forward::Tap;
use crate::id::{ParticipantId, RoomId};
use crate::permissions::Permissions;
use crate::sfu::Sfu;
use crate::socket::{Port, Waker};
use crate::stats::SfuStats;

/// Datagrams per `sendmmsg`.
const SEND_BATCH: usize = 64;
/// Receive batches before the thread looks at commands, timers and what it has to send. Larger
/// rounds make larger send batches and later forwarding.
const RECEIVE_ROUNDS: usize = 2;
/// Longest sleep, so that a lost wake-up would only delay.
const MAX_SLEEP: Duration = Duration::from_millis(500);

/// Gets the result of a command, on the SFU's thread: be quick.
pub type Reply<T> = Box<dyn FnOnce(Result<T, SfuError>) + Send>;

enum Command {
    Call(Box<dyn FnOnce(&mut Loop) + Send>),
    End(End),
}

/// How the thread ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// With a goodbye to every client.
    Stopped,
    /// As a crash would end it.
    Killed,
}

/// A reply that is given even when its command is dropped because the server stopped first.
struct Pending<T>(Option<Reply<T>>);

impl<T> Pending<T> {
    fn give(mut self, result: Result<T, SfuError>) {
        if let Some(reply) = self.0.take() {
            reply(result);
        }
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        if let Some(reply) = self.0.take() {
            reply(Err(SfuError::Stopped));
        }
    }
}

/// What the server measured, and the SFU's own statistics.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ServerStats {
    /// The SFU's counters.
    pub sfu: SfuStats,
    /// CPU time of the SFU's thread, encryption and system calls included.
    pub cpu: Duration,
    /// UDP datagrams received.
    pub datagrams_received: u64,
    /// UDP datagrams sent.
    pub datagrams_sent: u64,
    /// UDP datagrams the system refused to send.
    pub datagrams_refused: u64,
}

impl ServerStats {
    /// CPU time per forwarded packet in microseconds; 0 before the first.
    pub fn cpu_us_per_packet(&self) -> f64 {
        match self.sfu.forwarded {
            0 => 0.0,
            packets => self.cpu.as_secs_f64() * 1e6 / packets as f64,
        }
    }
}

/// What another server measured before this one took its place.
impl AddAssign<&Self> for ServerStats {
    fn add_assign(&mut self, former: &Self) {
        self.sfu += &former.sfu;
        self.cpu += former.cpu;
        self.datagrams_received += former.datagrams_received;
        self.datagrams_sent += former.datagrams_sent;
        self.datagrams_refused += former.datagrams_refused;
    }
}

/// A running SFU. Dropping it stops it.
pub struct SfuServer {
    handle: SfuHandle,
    addr: SocketAddr,
    thread: Option<JoinHandle<ServerStats>>,
}

impl SfuServer {
    /// Binds `bind` and starts the thread. `on_event` runs on it: be quick. It is dropped when the
    /// thread ends, for whatever reason; the address is free again then. A port of 0 in
    /// [`SfuConfig::public_addr`] stands for the port that was bound.
    ///
    /// # Errors
    ///
    /// [`SfuError::AddressInUse`], [`SfuError::Socket`] or [`SfuError::Config`].
    pub fn start(
        bind: SocketAddr,
        mut config: SfuConfig,
        on_event: impl FnMut(Event) + Send + 'static,
    ) -> Result<Self, SfuError> {
        let port = Port::bind(bind)?;
        let failed = |source| SfuError::Socket { addr: bind, source };
        let addr = port.local_addr().map_err(failed)?;
        if config.public_addr.port() == 0 {
            config.public_addr.set_port(addr.port());
        }
        let sfu = Sfu::new(config)?;
        let waker = Arc::new(Waker::new().map_err(failed)?);
        let (commands, inbox) = channel();
        let state = Loop {
            sfu,
            port,
            waker: waker.clone(),
            on_event: Box::new(on_event),
            batch: Vec::with_capacity(SEND_BATCH),
            stats: ServerStats::default(),
        };
        let thread = std::thread::Builder::new()
            .name("sfu".into())
            .spawn(move || state.run(&inbox))
            .map_err(failed)?;
        Ok(Self {
            handle: SfuHandle { commands, waker },
            addr,
            thread: Some(thread),
        })
    }

    /// The address the socket is bound to.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// A handle for commands.
    pub fn handle(&self) -> SfuHandle {
        self.handle.clone()
    }

    /// Says goodbye to every client, stops the thread and returns the final statistics.
    pub fn stop(mut self) -> ServerStats {
        self.join()
    }

    fn join(&mut self) -> ServerStats {
        self.handle.send(Command::End(End::Stopped));
        let result = self.thread.take().map(JoinHandle::join);
        result.and_then(Result::ok).unwrap_or_default()
    }
}

impl Drop for SfuServer {
    fn drop(&mut self) {
        self.join();
    }
}

/// Commands to a running [`SfuServer`]. No method blocks.
#[derive(Clone)]
pub struct SfuHandle {
    commands: Sender<Command>,
    waker: Arc<Waker>,
}

impl SfuHandle {
    /// [`Sfu::connect`]; the answer goes to `reply`.
    pub fn connect(
        &self,
        room: RoomId,
        participant: ParticipantId,
        offer: String,
        reply: Reply<String>,
    ) {
        self.connect_with(room, participant, Permissions::ALL, offer, reply);
    }

    /// [`Sfu::connect_with`]; the answer goes to `reply`.
    pub fn connect_with(
        &self,
        room: RoomId,
        participant: ParticipantId,
        permissions: Permissions,
        offer: String,
        reply: Reply<String>,
    ) {
        self.call(reply, move |sfu, now| {
            sfu.connect_with(&room, &participant, permissions, &offer, now)
        });
    }

    /// [`Sfu::answer`].
    pub fn answer(&self, room: RoomId, participant: ParticipantId, sdp: String, reply: Reply<()>) {
        self.call(reply, move |sfu, now| {
            sfu.answer(&room, &participant, &sdp, now)
        });
    }

    /// [`Sfu::disconnect`].
    pub fn disconnect(&self, room: RoomId, participant: ParticipantId, reply: Reply<()>) {
        self.call(reply, move |sfu, now| {
            sfu.disconnect(&room, &participant, now)
        });
    }

    /// [`Sfu::silence`].
    pub fn silence(&self, room: RoomId, participant: ParticipantId, reply: Reply<()>) {
        self.call(reply, move |sfu, _| sfu.silence(&room, &participant));
    }

    /// [`Sfu::configure_room`].
    pub fn configure_room(&self, room: RoomId, format: PayloadFormat, reply: Reply<()>) {
        self.call(reply, move |sfu, _| sfu.configure_room(&room, format));
    }

    /// [`Sfu::close_room`].
    pub fn close_room(&self, room: RoomId, reply: Reply<()>) {
        self.call(reply, move |sfu, now| {
            sfu.close_room(&room, now);
            Ok(())
        });
    }

    /// [`Sfu::set_tap`].
    pub fn set_tap(&self, tap: Option<Tap>, reply: Reply<()>) {
        self.call(reply, move |sfu, _| {
            sfu.set_tap(tap);
            Ok(())
        });
    }

    /// Ends the thread as a crash would: nobody is told, and nothing more is sent. For trying out
    /// what survives it.
    pub fn kill(&self) {
        self.send(Command::End(End::Killed));
    }

    /// The statistics so far.
    pub fn stats(&self, reply: Reply<ServerStats>) {
        let pending = Pending(Some(reply));
        self.send(Command::Call(Box::new(move |state| {
            pending.give(Ok(state.stats()))
        })));
    }

    fn call<T: 'static>(
        &self,
        reply: Reply<T>,
        call: impl FnOnce(&mut Sfu, Instant) -> Result<T, SfuError> + Send + 'static,
    ) {
        let pending = Pending(Some(reply));
        self.send(Command::Call(Box::new(move |state| {
            pending.give(call(&mut state.sfu, Instant::now()));
        })));
    }

    fn send(&self, command: Command) {
        // A command nobody takes any more is dropped here and replies on its own.
        if self.commands.send(command).is_ok() {
            self.waker.wake();
        }
    }
}

/// What the thread owns.
struct Loop {
    sfu: Sfu,
    port: Port,
    waker: Arc<Waker>,
    /// Dropped after the port: who waits for its end may bind the address again.
    on_event: Box<dyn FnMut(Event) + Send>,
    batch: Vec<Transmit>,
    stats: ServerStats,
}

impl Loop {
    fn run(mut self, inbox: &Receiver<Command>) -> ServerStats {
        let end = loop {
            if let Some(end) = self.take_commands(inbox) {
                break end;
            }
            self.turn();
        };
        if end == End::Stopped {
            self.say_goodbye();
        }
        self.stats()
    }

    /// Says how to end, once it is to end.
    fn take_commands(&mut self, inbox: &Receiver<Command>) -> Option<End> {
        while let Ok(command) = inbox.try_recv() {
            match command {
                Command::Call(call) => call(self),
                Command::End(end) => return Some(end),
            }
        }
        None
    }

    fn turn(&mut self) {
        self.receive();
        let now = Instant::now();
        if self.sfu.poll_timeout().is_some_and(|due| due <= now) {
            self.sfu.handle_timeout(now);
        }
        self.send();
        self.pass_events();
        self.sleep();
    }

    fn say_goodbye(&mut self) {
        let rooms: Vec<RoomId> = self.sfu.rooms.keys().cloned().collect();
        for room in rooms {
            self.sfu.close_room(&room, Instant::now());
        }
        self.send();
        self.pass_events();
    }

    fn receive(&mut self) {
        let Self { sfu, port, .. } = self;
        for _ in 0..RECEIVE_ROUNDS {
            let now = Instant::now();
            let count = port.receive(|from, datagram| sfu.handle_datagram(from, datagram, now));
            self.stats.datagrams_received += count as u64;
            if count == 0 {
                return;
            }
        }
    }

    fn send(&mut self) {
        loop {
            self.batch.clear();
            while self.batch.len() < SEND_BATCH
                && let Some(transmit) = self.sfu.poll_transmit()
            {
                self.batch.push(transmit);
            }
            if self.batch.is_empty() {
                return;
            }
            let refused = self.port.send(&self.batch);
            self.stats.datagrams_refused += refused as u64;
            self.stats.datagrams_sent += (self.batch.len() - refused) as u64;
        }
    }

    fn pass_events(&mut self) {
        while let Some(event) = self.sfu.poll_event() {
            (self.on_event)(event);
        }
    }

    fn sleep(&self) {
        let now = Instant::now();
        let due = self
            .sfu
            .poll_timeout()
            .map(|due| due.saturating_duration_since(now));
        self.port
            .wait(&self.waker, due.unwrap_or(MAX_SLEEP).min(MAX_SLEEP));
    }

    fn stats(&self) -> ServerStats {
        let cpu = clock_gettime(ClockId::ThreadCPUTime);
        ServerStats {
            sfu: self.sfu.stats(),
            cpu: Duration::try_from(cpu).unwrap_or_default(),
            ..self.stats.clone()
        }
    }
}
