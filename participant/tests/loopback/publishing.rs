//! From a recording to a recording: published, encrypted, lost in part, repaired, checked, written.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mls_srtp::id::Ssrc;
use mls_srtp::time::Moment;
use mls_srtp_participant::connection::{ConnectionEvent, Events, MediaConnection};
use mls_srtp_participant::e2e::E2eMedia;
use mls_srtp_participant::files::ivf::IvfFile;
use mls_srtp_participant::files::ogg::OpusFile;
use mls_srtp_participant::kind::MediaKind;
use mls_srtp_participant::publish::{Checked, Player, PublishLog, Publisher, SentFrame, Source};
use mls_srtp_participant::reassemble::{Assembled, AssemblerConfig, Reassembly};
use mls_srtp_participant::record::Recorder;
use mls_srtp_participant::samples;
use mls_srtp_participant::stream::SenderStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::call::*;
use crate::tap::Tap;

fn players() -> Vec<Player> {
    let sound = OpusFile::read(samples::TONE_OGG).expect("read");
    let pictures = IvfFile::read(samples::PATTERN_IVF).expect("read");
    let sound = Source::opus(&sound).expect("sound");
    let pictures = Source::vp8(&pictures).expect("pictures");
    vec![
        Player::new(Arc::new(sound), SenderStream::new(MediaKind::Audio, SOUND)),
        Player::new(
            Arc::new(pictures),
            SenderStream::new(MediaKind::Video, PICTURE),
        ),
    ]
}

/// Bob's end: checks every frame against what Alice sent and writes it down.
struct Receiver {
    media: E2eMedia,
    log: PublishLog,
    recorder: Recorder,
    reassembly: Reassembly,
    timestamps: BTreeSet<(MediaKind, u64)>,
    /// What the frames that came were when they were sent.
    heard: Vec<SentFrame>,
    lost: u64,
}

impl Receiver {
    /// Receives until `end`, asking for keyframes as needed.
    async fn run(&mut self, events: &mut Events, connection: &MediaConnection, end: Instant) {
        loop {
            let origin = self.media.origin();
            let wake = self
                .reassembly
                .poll_timeout()
                .map(|due| origin.instant(due).into());
            let wake = wake.map_or(end, |wake: Instant| wake.min(end));
            tokio::select! {
                event = events.next() => match event.expect("open") {
                    ConnectionEvent::Packet(got) => {
                        self.reassembly.push(got.kind, got.packet, origin.now());
                    }
                    _ => continue,
                },
                () = sleep_until(wake) => self.reassembly.handle_timeout(origin.now()),
            }
            while let Some(out) = self.reassembly.poll() {
                self.take(out, connection).await;
            }
            if Instant::now() >= end {
                return;
            }
        }
    }

    /// How many frames came.
    fn heard(&self, kind: MediaKind) -> usize {
        let of_kind = |(which, _): &&(MediaKind, u64)| *which == kind;
        self.timestamps.iter().filter(of_kind).count()
    }

    /// Of all frames sent before the last that came, each came.
    fn assert_no_hole(&self, ssrc: Ssrc) {
        let heard = || self.heard.iter().filter(|frame| frame.ssrc == ssrc);
        let last = heard().map(|frame| frame.sent_at).max().expect("any");
        let before = heard().filter(|frame| frame.sent_at < last).count();
        let sent = self.log.sent_between(Moment::default(), last)[&ssrc];
        assert_eq!(before as u64, sent, "{ssrc:?} has a hole");
    }

    async fn take(&mut self, out: Assembled, connection: &MediaConnection) {
        match out {
            Assembled::Frame(frame) => {
                let checked = self.log.check(&frame);
                assert!(
                    matches!(checked, Checked::Exact { .. }),
                    "{checked:?} {frame:?}"
                );
                assert!(
                    self.timestamps.insert((frame.kind, frame.media_time)),
                    "twice"
                );
                let sent = self.log.sent(frame.ssrc, frame.timestamp);
                self.heard.push(sent.expect("was sent"));
                let owner = self.media.owners().owner(frame.ssrc).expect("known");
                self.recorder
                    .record(&owner.participant, &frame)
                    .expect("written");
            }
            Assembled::Lost { packets, .. } => self.lost += packets,
            Assembled::KeyframeWanted { ssrc } => {
                let _ = connection.request_keyframe(ssrc).await;
            }
        }
    }
}

#[tokio::test]
async fn a_published_recording_arrives_whole_over_loss_and_epoch_changes() {
    let (alice_media, bob_media) = (in_epoch(ALICE, 1, 7), in_epoch(BOB, 1, 7));
    let tap = Tap::losing_pictures(7);
    let builder = alice(&alice_media, Some(RTX)).interceptor(tap.slot(), tap.clone());
    let (alice, mut alice_events, bob, mut events) = connect(builder, bob(&bob_media)).await;
    let (_connection, sink) = watch::channel(Some(Arc::new(alice)));
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("recorded");
    let _ = std::fs::remove_dir_all(&dir);
    let start = Instant::now();
    let publisher = Publisher::start(players(), sink, bob_media.origin());
    let mut receiver = Receiver {
        media: bob_media.clone(),
        log: publisher.log().clone(),
        recorder: Recorder::new(&dir).expect("made"),
        // What is asked for again must come; how soon, a busy machine decides.
        reassembly: Reassembly::new(AssemblerConfig {
            wait: Duration::from_secs(2),
            ..AssemblerConfig::default()
        }),
        timestamps: BTreeSet::new(),
        heard: Vec::new(),
        lost: 0,
    };
    let after = |millis| start + Duration::from_millis(millis);
    let receiving = async {
        // Alice is ahead by 100 ms in one epoch change, Bob by 100 ms in the other.
        receiver.run(&mut events, &bob, after(1_000)).await;
        enter(&alice_media, ALICE, 2, 7);
        receiver.run(&mut events, &bob, after(1_100)).await;
        enter(&bob_media, BOB, 2, 7);
        receiver.run(&mut events, &bob, after(2_000)).await;
        bob_media.apply(crate::testing::install(BOB, 3, 2, 7));
        receiver.run(&mut events, &bob, after(2_100)).await;
        enter(&alice_media, ALICE, 3, 7);
        receiver.run(&mut events, &bob, after(3_500)).await;
        // What is still on its way or being repaired then, however busy the machine.
        let patience = Instant::now() + PATIENCE;
        while receiver.heard(MediaKind::Audio) < 165 || receiver.heard(MediaKind::Video) < 75 {
            assert!(Instant::now() < patience, "{:?}", receiver.timestamps);
            let soon = Instant::now() + Duration::from_millis(100);
            receiver.run(&mut events, &bob, soon).await;
        }
    };
    let answering = async {
        while let Some(event) = alice_events.next().await {
            if let ConnectionEvent::KeyframeWanted { ssrc } = event {
                publisher.request_keyframe(ssrc);
            }
        }
    };
    tokio::select! {
        () = receiving => {}
        () = answering => panic!("ended early"),
    }
    assert!(tap.lost() > 10, "{}", tap.lost());
    assert_eq!(receiver.lost, 0);
    // No more than there was time for: 50 sounds and 25 pictures a second, and the first at once.
    let (sounds, pictures) = (
        receiver.heard(MediaKind::Audio),
        receiver.heard(MediaKind::Video),
    );
    let millis = start.elapsed().as_millis() as usize;
    assert!(sounds <= millis / 20 + 1, "{sounds} sounds in {millis} ms");
    assert!(
        pictures <= millis / 40 + 1,
        "{pictures} pictures in {millis} ms"
    );
    for ssrc in [SOUND, PICTURE] {
        receiver.assert_no_hole(ssrc);
    }
    let files = receiver.recorder.finish().expect("closed");
    let frames: Vec<_> = files
        .iter()
        .map(|file| (file.kind, file.frames, file.skipped))
        .collect();
    let expected = [
        (MediaKind::Audio, sounds as u64, 0),
        (MediaKind::Video, pictures as u64, 0),
    ];
    assert_eq!(frames, expected);
    timeout(PATIENCE, bob.close())
        .await
        .expect("in time")
        .expect("closed");
}
