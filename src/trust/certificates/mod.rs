//! Trust by certificates: a chain leads from the participant's own to an authority that this
//! member was told of (RFC 5280 §6, by `webpki`).

mod algorithms;
mod refusal;

use std::fmt::{self, Debug, Formatter};
use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error as PathError, KeyUsage};

use super::{CLOCK_LEEWAY, CredentialValidator, Evidence, Presented, TrustError, UnixClock};
use crate::delivery::Blob;
use crate::id::ParticipantId;

/// Certificates in a chain; each is parsed before anything is known about it.
pub(crate) const MAX_CERTIFICATES: usize = 8;
/// The scheme of the URI by which a certificate names a participant.
const URI_SCHEME: &str = "mls-srtp://";
/// What stands before the 32 bytes of an Ed25519 key in a certificate (RFC 8410 §4).
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];

/// Trusts whoever has a certificate for its name and signature key from one of some authorities.
///
/// The participant's own certificate must name it, by exactly one URI
/// `mls-srtp://user@domain/device` in its subjectAltName, and be for the Ed25519 key in the same
/// leaf. It must be no CA's, and good for TLS clients if it says what it is good for. The path to
/// an authority must hold: signatures, times, CA flags, path lengths and name constraints. An
/// authority that constrains URI names is refused whole, for such constraints are not understood.
///
/// **Revocation is not asked for.** A certificate is good until it expires: issue them for hours or
/// days, and have the room's service remove whoever must go sooner.
///
/// Clocks may differ by [`CLOCK_LEEWAY`](super::CLOCK_LEEWAY). A member who was there before us does
/// not fail for having expired within the last [`PRESENT_GRACE`](super::PRESENT_GRACE).
pub struct CertificateChains {
    anchors: Vec<TrustAnchor<'static>>,
    algorithms: &'static [&'static dyn SignatureVerificationAlgorithm],
    now: UnixClock,
}

/// Certificates of authorities that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnchorError {
    /// None at all: nobody could ever be trusted.
    #[error("no certificate of an authority; name at least one whom you trust")]
    None,
    /// Not PEM.
    #[error("not a certificate in PEM: {0}; it begins with -----BEGIN CERTIFICATE-----")]
    Pem(String),
    /// Not an X.509 certificate in DER.
    #[error("certificate {number} of the authorities cannot be read: {reason}")]
    Certificate {
        /// Which one, from 1.
        number: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl CertificateChains {
    /// Trusts authorities by their certificates in DER. **Whoever holds the key of one can be
    /// anybody.** Their own expiry is not looked at: they are trusted until they are taken out.
    ///
    /// # Errors
    /// [`AnchorError`].
    pub fn new<C: AsRef<[u8]>>(
        authorities: impl IntoIterator<Item = C>,
        now: UnixClock,
    ) -> Result<Self, AnchorError> {
        let anchor = |(at, der): (usize, C)| {
            webpki::anchor_from_trusted_cert(&CertificateDer::from(der.as_ref()))
                .map(|anchor| anchor.to_owned())
                .map_err(|error| AnchorError::Certificate {
                    number: at + 1,
                    reason: error.to_string(),
                })
        };
        let authorities = authorities.into_iter().enumerate();
        let anchors: Vec<_> = authorities.map(anchor).collect::<Result<_, _>>()?;
        if anchors.is_empty() {
            return Err(AnchorError::None);
        }
        Ok(Self {
            anchors,
            algorithms: algorithms::ALL,
            now,
        })
    }

    /// The same from a PEM bundle; what is no certificate in it is left out.
    ///
    /// # Errors
    /// [`AnchorError`].
    pub fn from_pem(bundle: &[u8], now: UnixClock) -> Result<Self, AnchorError> {
        let authorities: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bundle).collect();
        let authorities = authorities.map_err(|error| AnchorError::Pem(error.to_string()))?;
        Self::new(authorities, now)
    }

    fn check(&self, chain: &[CertificateDer<'_>], presented: &Presented<'_>) -> Refusable {
        let (first, above) = chain.split_first().ok_or_else(refusal::empty)?;
        if above.len() >= MAX_CERTIFICATES {
            return Err(refusal::too_long());
        }
        let own = fitting(first, presented.participant, presented.signature_key)?;
        let now = UnixTime::since_unix_epoch((self.now)());
        let checked = self.check_path_about(&own, above, now, presented.occasion.grace());
        checked.map_err(|error| match error {
            PathError::UnknownIssuer
            | PathError::InvalidSignatureForPublicKey
            | PathError::CaUsedAsEndEntity
                if self.is_self_signed(first, &own) =>
            {
                refusal::self_signed()
            }
            other => refusal::of(&other),
        })
    }

    fn check_path(
        &self,
        own: &EndEntityCert<'_>,
        above: &[CertificateDer<'_>],
        at: UnixTime,
    ) -> Result<(), PathError> {
        let (usage, algorithms) = (KeyUsage::client_auth(), self.algorithms);
        own.verify_for_usage(algorithms, &self.anchors, above, at, usage, None, None)
            .map(drop)
    }

    /// The path may begin a little later, and may have expired for as long as `grace`: it must have
    /// held at the end of its time.
    fn check_path_about(
        &self,
        own: &EndEntityCert<'_>,
        above: &[CertificateDer<'_>],
        now: UnixTime,
        grace: Duration,
    ) -> Result<(), PathError> {
        let first = self.check_path(own, above, now);
        let mut at = match first {
            Err(PathError::CertNotValidYet { .. }) => later(now, CLOCK_LEEWAY),
            _ => now,
        };
        // Each certificate has one end, and time goes back to it once at most.
        for _ in 0..=MAX_CERTIFICATES {
            match self.check_path(own, above, at) {
                Err(PathError::CertExpired { not_after, .. })
                    if not_after < at && later(not_after, grace) >= now =>
                {
                    at = not_after;
                }
                // How long it is over, or to come, is told as of now.
                Err(PathError::CertExpired { .. } | PathError::CertNotValidYet { .. }) => {
                    return first;
                }
                checked => return checked,
            }
        }
        Err(PathError::MaximumPathBuildCallsExceeded)
    }

    /// Whether a certificate that no authority vouches for is vouched for by its own key.
    fn is_self_signed(&self, der: &CertificateDer<'_>, own: &EndEntityCert<'_>) -> bool {
        let Ok(anchor) = webpki::anchor_from_trusted_cert(der) else {
            return false;
        };
        let itself = Self {
            anchors: vec![anchor.to_owned()],
            ..*self
        };
        let now = UnixTime::since_unix_epoch((self.now)());
        let by_itself = itself.check_path_about(own, &[], now, Duration::MAX);
        own.issuer() == own.subject()
            && matches!(by_itself, Ok(()) | Err(PathError::CaUsedAsEndEntity))
    }
}

fn later(moment: UnixTime, by: Duration) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(moment.as_secs()).saturating_add(by))
}

type Refusable = Result<(), TrustError>;

/// Whether a chain's first certificate is for this name and key. Whether it proves them, this does
/// not say.
pub(crate) fn check_fits(
    chain: &[Blob],
    participant: &ParticipantId,
    signature_key: &[u8],
) -> Refusable {
    let first = chain.first().ok_or_else(refusal::empty)?;
    let first = CertificateDer::from(first.as_slice());
    fitting(&first, participant, signature_key).map(drop)
}

fn fitting<'a>(
    der: &'a CertificateDer<'a>,
    participant: &ParticipantId,
    signature_key: &[u8],
) -> Result<EndEntityCert<'a>, TrustError> {
    let own = EndEntityCert::try_from(der).map_err(|error| refusal::of(&error))?;
    check_name(&own, participant)?;
    check_key(&own, signature_key)?;
    Ok(own)
}

fn check_name(own: &EndEntityCert<'_>, participant: &ParticipantId) -> Refusable {
    match one_name(own) {
        Some(named) if named == *participant => Ok(()),
        Some(named) => Err(refusal::named(&named)),
        None => Err(refusal::nameless()),
    }
}

fn check_key(own: &EndEntityCert<'_>, signature_key: &[u8]) -> Refusable {
    let key = own.subject_public_key_info();
    let same = key.strip_prefix(&ED25519_SPKI) == Some(signature_key);
    same.then_some(()).ok_or_else(refusal::other_key)
}

/// The one participant whom a certificate names. That it is trusted, this does not say.
///
/// # Errors
/// Not a certificate.
pub(crate) fn participant_in(der: &[u8]) -> Result<Option<ParticipantId>, PathError> {
    let der = CertificateDer::from(der);
    Ok(one_name(&EndEntityCert::try_from(&der)?))
}

fn one_name(certificate: &EndEntityCert<'_>) -> Option<ParticipantId> {
    let mut names = certificate
        .valid_uri_names()
        .filter_map(|uri| uri.strip_prefix(URI_SCHEME));
    match (names.next(), names.next()) {
        (Some(name), None) => name.parse().ok(),
        _ => None,
    }
}

impl CredentialValidator for CertificateChains {
    fn validate(&self, presented: &Presented<'_>) -> Result<(), TrustError> {
        let Evidence::Certificates(chain) = presented.evidence else {
            return Err(refusal::no_certificate());
        };
        let one = |der| CertificateDer::from(Blob::as_slice(der));
        let chain: Vec<_> = chain.iter().map(one).collect();
        self.check(&chain, presented)
    }
}

impl Debug for CertificateChains {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateChains")
            .field("authorities", &self.anchors.len())
            .finish_non_exhaustive()
    }
}
