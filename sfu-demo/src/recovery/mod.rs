//! Media lost while the group lives, and the reverse, over real sockets in real time.

mod call;
mod net;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use call::{ALICE, Call, ROOM, eventually, opened, reconnected};
use mls_srtp::id::Ssrc;
use mls_srtp::pipeline::{MediaConfig, MediaPipeline};
use mls_srtp::time::Moment;
use mls_srtp_participant::clock::ClockOrigin;
use mls_srtp_participant::connection::{LocalTrack, MediaConnection};
use mls_srtp_participant::e2e::E2eMedia;
use mls_srtp_participant::kind::MediaKind;
use mls_srtp_sfu::{Forwarded, ParticipantId, RoomId, SfuError, SfuHandle};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

/// ICE gives no sign of life, on either side; then the network is back.
#[tokio::test(flavor = "multi_thread")]
async fn media_that_the_network_cut_comes_back_without_an_epoch() {
    let call = Call::of_two().await;
    let epochs = call.epochs();
    call.udp.cut(true);
    eventually("both notice", || {
        let both = [&call.alice, &call.bob];
        both.iter().all(|one| !one.progress().media_up)
    })
    .await;
    // Some attempts fail before the network is back.
    sleep(Duration::from_secs(3)).await;
    call.udp.cut(false);
    eventually("both are back", || {
        let both = [&call.alice, &call.bob];
        both.iter().all(|one| reconnected(&one.progress()))
    })
    .await;
    call.hear_each_other().await;
    call.end(epochs).await;
}

/// The SFU lets a participant go without a word through the service.
#[tokio::test(flavor = "multi_thread")]
async fn media_that_the_sfu_dropped_comes_back_without_an_epoch() {
    let call = Call::of_two().await;
    let epochs = call.epochs();
    drop_at_the_sfu(&call, ALICE).await;
    eventually("she is back", || reconnected(&call.alice.progress())).await;
    call.hear_each_other().await;
    assert_eq!(call.bob.progress().media_reconnects, 0);
    call.end(epochs).await;
}

/// The SFU ends without a goodbye, and with it all that it knew; another one takes its place.
#[tokio::test(flavor = "multi_thread")]
async fn media_comes_back_through_the_next_sfu_without_an_epoch() {
    let call = Call::of_two().await;
    let epochs = call.epochs();
    let before = call.host.kill_sfu().await;
    assert!(before.sfu.forwarded > 0, "its counts outlive it");
    all_are_back(&call, 1).await;
    let watched = call.watched();
    call.hear_each_other().await;
    assert!(call.watched() > watched, "the next one is watched as well");
    let after = call.host.stats().await;
    assert!(after.sfu.forwarded > before.sfu.forwarded);
    call.end(epochs).await;
}

/// The same by a bug of the SFU, twice.
#[tokio::test(flavor = "multi_thread")]
async fn media_comes_back_after_crashes_of_the_sfu() {
    let call = Call::of_two().await;
    let epochs = call.epochs();
    for crash in 1..=2 {
        let bug = |_: &Forwarded<'_>| panic!("crashes on purpose");
        call.host
            .sfu()
            .set_tap(Some(Box::new(bug)), Box::new(|_| {}));
        all_are_back(&call, crash).await;
        call.hear_each_other().await;
    }
    call.end(epochs).await;
}

/// Everybody has connected so many times again, and because of a word, not of silence.
async fn all_are_back(call: &Call, times: u32) {
    for one in [&call.alice, &call.bob] {
        eventually("they are back", || {
            let progress = one.progress();
            progress.media_up && progress.media_reconnects >= times
        })
        .await;
        let why = one.progress().media_trouble.unwrap_or_default();
        assert!(why.contains("SfuDied"), "{why}");
    }
}

/// A NAT forgets its bindings, or a network changes below a socket that notices nothing.
#[tokio::test(flavor = "multi_thread")]
async fn media_goes_on_at_another_address_without_a_new_connection() {
    let call = Call::of_two().await;
    let epochs = call.epochs();
    for _ in 0..2 {
        call.udp.rebind();
        call.hear_each_other().await;
    }
    for one in [&call.alice, &call.bob] {
        assert_eq!(one.progress().media_reconnects, 0, "{}", one.participant());
    }
    call.end(epochs).await;
}

/// While a participant is away from the SFU, somebody else takes its SSRC.
#[tokio::test(flavor = "multi_thread")]
async fn a_taken_ssrc_is_replaced_by_another() {
    let call = Call::of_two().await;
    let epochs = call.epochs();
    let before: Vec<Ssrc> = ssrcs(&call);
    drop_at_the_sfu(&call, ALICE).await;
    let _squatter = squat(&call, before[0]).await;
    eventually("she is back", || reconnected(&call.alice.progress())).await;
    eventually("she sends under other SSRCs", || {
        ssrcs(&call).len() > before.len()
    })
    .await;
    call.hear_each_other().await;
    call.end(epochs).await;
}

/// A member takes whatever SSRC of Alice's it hears of: the first, while she is away from the SFU,
/// and then those that she comes back with.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_every_ssrc_it_hears_of_costs_one_attempt() {
    const PLACEHOLDER: u32 = 195_948_557;
    let mut call = Call::of_two().await;
    let epochs = call.epochs();
    let (_connection, offer) = offer_of(Ssrc::new(PLACEHOLDER)).await;
    while call.announced.try_recv().is_ok() {}
    let before = ssrcs(&call);
    drop_at_the_sfu(&call, ALICE).await;
    let _squatter = squat(&call, before[0]).await;
    let (sfu, claims) = (call.host.sfu(), Arc::new(Mutex::new(Vec::new())));
    let (_, nothing) = mpsc::unbounded_channel();
    let mut announced = std::mem::replace(&mut call.announced, nothing);
    let noted = Arc::clone(&claims);
    tokio::spawn(async move {
        while let Some(ssrc) = announced.recv().await {
            let offer = offer.replace(&PLACEHOLDER.to_string(), &ssrc.get().to_string());
            let claimed = claim(&sfu, &format!("squatter-{ssrc}"), offer).await;
            let refusal = claimed.err().map(|error| error.code());
            noted.lock().expect("not poisoned").push(refusal);
        }
    });
    eventually("she is back", || reconnected(&call.alice.progress())).await;
    call.hear_each_other().await;
    let tries = || claims.lock().expect("not poisoned").len();
    eventually("her SSRCs were heard of", || tries() >= 2).await;
    assert_eq!(
        *claims.lock().expect("not poisoned"),
        [Some("ssrc_taken"); 2]
    );
    call.end(epochs).await;
}

/// The connection to the service is half-open: no frame comes, no error either.
#[tokio::test(flavor = "multi_thread")]
async fn media_goes_on_while_signaling_is_lost_and_signaling_resumes() {
    let call = Call::of_two().await;
    let epochs = call.epochs();
    let made = call.tcp.made();
    call.tcp.freeze();
    let mut before = [opened(&call.alice), opened(&call.bob)];
    while call.alice.progress().signaling_reconnects == 0 {
        sleep(Duration::from_millis(500)).await;
        let now = [opened(&call.alice), opened(&call.bob)];
        assert!(now[0] > before[0] && now[1] > before[1], "media stopped");
        before = now;
        assert!(call.tcp.made() <= made + 1, "one attempt is enough");
    }
    // Longer than the service waits before it removes somebody without a connection.
    sleep(Duration::from_secs(6)).await;
    call.hear_each_other().await;
    for one in [&call.alice, &call.bob] {
        assert_eq!(one.progress().media_reconnects, 0, "{}", one.participant());
    }
    call.end(epochs).await;
}

/// The streams that Alice has sent in.
fn ssrcs(call: &Call) -> Vec<Ssrc> {
    let (log, now) = (call.alice.log(), Moment::default());
    log.sent_between(now, now).into_keys().collect()
}

async fn drop_at_the_sfu(call: &Call, who: &str) {
    let (reply, done) = oneshot::channel();
    let answer = move |result: Result<(), SfuError>| {
        let _ = reply.send(result);
    };
    let (room, who) = (RoomId::new(ROOM), ParticipantId::new(who));
    let (room, who) = (room.expect("an id"), who.expect("an id"));
    call.host.sfu().disconnect(room, who, Box::new(answer));
    done.await.expect("an answer").expect("was connected");
}

/// Claims an SSRC at the SFU.
async fn squat(call: &Call, ssrc: Ssrc) -> MediaConnection {
    let (connection, offer) = offer_of(ssrc).await;
    let claimed = claim(&call.host.sfu(), "squatter", offer).await;
    claimed.expect("the SSRC was free");
    connection
}

async fn offer_of(ssrc: Ssrc) -> (MediaConnection, String) {
    let pipeline = Arc::new(Mutex::new(MediaPipeline::new(MediaConfig::default())));
    let media = E2eMedia::new(pipeline, ClockOrigin::start());
    let track = LocalTrack {
        kind: MediaKind::Audio,
        ssrc,
        rtx_ssrc: None,
    };
    let builder = MediaConnection::builder(&media);
    let opening = builder.udp_addr("127.0.0.1:0").track(track).open().await;
    let (connection, _events) = opening.expect("opened");
    let offer = connection.create_offer().await.expect("an offer");
    (connection, offer)
}

async fn claim(sfu: &SfuHandle, who: &str, offer: String) -> Result<String, SfuError> {
    let (reply, done) = oneshot::channel();
    let answer = move |result: Result<String, SfuError>| {
        let _ = reply.send(result);
    };
    let (room, who) = (RoomId::new(ROOM), ParticipantId::new(who));
    let (room, who) = (room.expect("an id"), who.expect("an id"));
    sfu.connect(room, who, offer, Box::new(answer));
    done.await.expect("an answer")
}
