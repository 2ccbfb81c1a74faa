//! Frames of `sframe` rooms against another implementation of RFC 9605, in both directions.
//!
//! What is ours around an SFrame is the clear prefix before it and its length behind it; both are
//! metadata in the words of RFC 9605 §4.4.3, and H.264 is left to tests of its escaping.

use mls_srtp::id::{Epoch, LeafIndex, StreamNumber};
use mls_srtp::media::sframe::{Codec, CutFrame, FrameKey, SealedFrame};
use mls_srtp::schedule::{BaseKey, KeyId, Suite};
use mls_srtp::secret::Secret;
use proptest::prelude::*;
use sframe::CipherSuite;
use sframe::frame::{EncryptedFrameView, MediaFrameView, SingleUseCounter};
use sframe::key::{DecryptionKey, EncryptionKey};

/// One key, as both implementations derive it.
struct Keys {
    ours: FrameKey,
    theirs: (EncryptionKey, DecryptionKey),
}

impl Keys {
    fn new(suite: Suite, base_key: &[u8], kid: KeyId) -> Self {
        let base = BaseKey::new(suite, Secret::new(base_key.to_vec())).expect("right length");
        let theirs = match suite {
            Suite::Aes128GcmSha256 => CipherSuite::AesGcm128Sha256,
            Suite::Aes256GcmSha512 => CipherSuite::AesGcm256Sha512,
            other => panic!("{other} is unknown here"),
        };
        let (encrypts, decrypts) = (
            EncryptionKey::derive_from(theirs, kid.get(), base_key),
            DecryptionKey::derive_from(theirs, kid.get(), base_key),
        );
        Self {
            ours: FrameKey::new(&base.into_secret().keys(kid)),
            theirs: (encrypts.expect("a key"), decrypts.expect("a key")),
        }
    }
}

/// Prefix, SFrame and metadata of a protected frame.
fn taken_apart(protected: &[u8]) -> (&[u8], &[u8], Vec<u8>) {
    let (n, rest) = protected.split_last().expect("a length");
    let (prefix, sframe) = rest.split_at(usize::from(*n));
    (prefix, sframe, [prefix, &[*n]].concat())
}

fn suites() -> impl Strategy<Value = Suite> {
    prop::sample::select(&Suite::ALL[..])
}

fn kids() -> impl Strategy<Value = KeyId> {
    (any::<u16>(), any::<u16>(), any::<u8>()).prop_map(|(stream, leaf, epoch)| {
        let epoch = Epoch::new(epoch.into());
        KeyId::new(StreamNumber::new(stream), LeafIndex::new(leaf), epoch)
    })
}

fn codecs() -> impl Strategy<Value = Codec> {
    prop::sample::select(&[Codec::Opus, Codec::Vp8, Codec::Vp9][..])
}

proptest! {
    #[test]
    fn the_other_opens_what_we_seal(
        suite in suites(),
        kid in kids(),
        codec in codecs(),
        secret in prop::array::uniform32(any::<u8>()),
        counter: u64,
        frame in prop::collection::vec(any::<u8>(), 1..400),
    ) {
        let keys = Keys::new(suite, &secret[..suite.key_len()], kid);
        let cut = CutFrame::new(&frame, codec).expect("can be protected");
        let protected = cut.seal(&keys.ours, kid, counter);
        let (prefix, sframe, metadata) = taken_apart(&protected);
        let view = EncryptedFrameView::try_with_meta_data(sframe, &metadata).expect("an SFrame");
        prop_assert_eq!(view.header().counter(), counter);
        prop_assert_eq!(view.header().key_id(), kid.get());
        let opened = view.decrypt(&keys.theirs.1).expect("authentic");
        prop_assert_eq!([prefix, opened.payload()].concat(), frame);
    }

    #[test]
    fn we_open_what_the_other_seals(
        suite in suites(),
        kid in kids(),
        secret in prop::array::uniform32(any::<u8>()),
        counter: u64,
        prefix in prop::collection::vec(any::<u8>(), 0..=255),
        text in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let keys = Keys::new(suite, &secret[..suite.key_len()], kid);
        let n = prefix.len() as u8;
        let metadata = [&prefix[..], &[n]].concat();
        let mut counter = SingleUseCounter::new(counter);
        let plain = MediaFrameView::try_with_meta_data(&mut counter, &text, &metadata);
        let sealed = plain.expect("a frame").encrypt(&keys.theirs.0).expect("sealed");
        let protected = [&prefix, sealed.sframe_cipher_text(), &[n]].concat();
        let frame = SealedFrame::parse(protected, Codec::Vp9).expect("well formed");
        prop_assert_eq!(frame.kid(), kid);
        let opened = frame.open(&keys.ours).expect("authentic");
        prop_assert_eq!(opened, [prefix, text].concat());
    }
}
