//! Rights and removals over the whole: sessions, service, bridge and SFU, on real sockets.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mls_srtp::ManagerConfig;
use mls_srtp::delivery::{MediaSignal, Refusal};
use mls_srtp::event::{Event, FatalCause};
use mls_srtp::group::MlsSuite;
use mls_srtp::id::{ParticipantId, RoomName, Ssrc};
use mls_srtp::pipeline::{MediaConfig, MediaPipeline};
use mls_srtp::schedule::MediaMode;
use mls_srtp::token::Right;
use mls_srtp_participant::clock::ClockOrigin;
use mls_srtp_participant::connection::{LocalTrack, MediaConnection};
use mls_srtp_participant::e2e::E2eMedia;
use mls_srtp_participant::kind::MediaKind;
use mls_srtp_participant::session::{
    LinkConfig, Moderation, Session, SessionConfig, SessionEvent, SessionEvents,
};
use mls_srtp_signaling::access::{AccessControl, Admission, Entry, OpenAccess};
use mls_srtp_signaling::{Refused, RoomConfig, ServerBuilder, ServiceConfig};
use sfu_demo::host::{Host, HostConfig};
use tokio::time::timeout;

/// Nothing here takes a tenth of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The chair may moderate, a listener may not publish.
struct Rules;

impl AccessControl for Rules {
    fn admit(&self, entry: &Entry<'_>) -> Result<Admission, Refused> {
        let mut admission = OpenAccess.admit(entry)?;
        match entry.participant.user() {
            "chair" => admission.rights.push(Right::Moderate),
            "listener" => admission.rights.retain(|right| *right != Right::Publish),
            _ => {}
        }
        Ok(admission)
    }
}

fn name(user: &str) -> ParticipantId {
    ParticipantId::new(user, "example.org", "test").expect("a name")
}

async fn host() -> Host {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let mode = MediaMode::default();
    let config = HostConfig {
        listen: loopback,
        media: loopback,
        public: None,
        mode,
        ciphersuite: MlsSuite::default(),
        page: false,
    };
    let service = ServiceConfig {
        listen: loopback,
        room: RoomConfig {
            mode,
            ..RoomConfig::default()
        },
        ..ServiceConfig::default()
    };
    let server = ServerBuilder::new(service, Rules);
    Host::start_with(config, server).await.expect("starts")
}

struct Person {
    session: Session,
    events: SessionEvents,
    media: E2eMedia,
}

impl Person {
    async fn join(host: &Host, user: &str) -> Self {
        let pipeline = MediaPipeline::new(MediaConfig::default());
        let media = E2eMedia::new(Arc::new(Mutex::new(pipeline)), ClockOrigin::start());
        let config = SessionConfig {
            url: host.url(),
            room: RoomName::new("room").expect("a name"),
            participant: name(user),
            identity: None,
            token: None,
            streams: Vec::new(),
            manager: ManagerConfig::default(),
            link: LinkConfig::default(),
            state: None,
        };
        let joined = Session::join(config, media.clone()).await;
        let (session, events) = joined.expect("the service is there");
        Self {
            session,
            events,
            media,
        }
    }

    /// The first event of which there is something to say.
    async fn until<T>(&mut self, found: impl Fn(SessionEvent) -> Option<T>) -> T {
        let wait = async {
            loop {
                let event = self.events.recv().await.expect("the stay goes on");
                if let Some(found) = found(event) {
                    return found;
                }
            }
        };
        timeout(PATIENCE, wait).await.expect("in time")
    }

    async fn until_group(&mut self, found: impl Fn(&Event) -> bool) -> Event {
        self.until(|event| match event {
            SessionEvent::Group(event) if found(&event) => Some(event),
            _ => None,
        })
        .await
    }

    async fn entered(mut self) -> Self {
        let joined = |event: &Event| matches!(event, Event::Joined { .. });
        self.until_group(joined).await;
        self
    }

    /// Offers one stream; what the SFU says.
    async fn offer(&mut self, ssrc: u32) -> MediaSignal {
        let track = LocalTrack {
            kind: MediaKind::Audio,
            ssrc: Ssrc::new(ssrc),
            rtx_ssrc: None,
        };
        let builder = MediaConnection::builder(&self.media)
            .udp_addr("127.0.0.1:0")
            .track(track);
        let (connection, _events) = builder.open().await.expect("opens");
        let sdp = connection.create_offer().await.expect("an offer");
        self.session.signal(MediaSignal::Offer { sdp }).await;
        self.until(|event| match event {
            SessionEvent::Signal(signal) => Some(signal),
            _ => None,
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sfu_takes_media_from_who_may_publish() {
    let host = host().await;
    let mut chair = Person::join(&host, "chair").await.entered().await;
    let mut listener = Person::join(&host, "listener").await.entered().await;
    let answer = chair.offer(11).await;
    assert!(matches!(answer, MediaSignal::Answer { .. }), "{answer:?}");
    let refused = listener.offer(21).await;
    let MediaSignal::Failed { code, .. } = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(code, "may_not_publish");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_removed_is_out_and_stays_out() {
    let host = host().await;
    let chair = Person::join(&host, "chair").await.entered().await;
    let mut bob = Person::join(&host, "bob").await.entered().await;
    assert!(matches!(bob.offer(21).await, MediaSignal::Answer { .. }));
    let remove = Moderation::Remove(name("bob"));
    chair.session.moderate(remove).await;
    bob.until_group(|event| *event == Event::Removed).await;
    let mut again = Person::join(&host, "bob").await;
    let over = again.until_group(|event| matches!(event, Event::Fatal(_)));
    let over = over.await;
    let Event::Fatal(FatalCause::NotAdmitted { reason, .. }) = over else {
        panic!("{over:?}");
    };
    assert_eq!(reason, Refusal::UserRemoved);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moderator_without_a_token_in_its_credential_hears_why_it_cannot_lock() {
    let host = host().await;
    let mut chair = Person::join(&host, "chair").await.entered().await;
    chair.session.moderate(Moderation::SetLocked(true)).await;
    let refused = |event: &Event| matches!(event, Event::Refused { .. });
    let Event::Refused {
        request, detail, ..
    } = chair.until_group(refused).await
    else {
        unreachable!("is one");
    };
    assert_eq!(request, "lock");
    assert!(detail.contains("HS256"), "{detail}");
    host.stop().await;
}
