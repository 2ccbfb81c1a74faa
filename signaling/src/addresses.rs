//! How many connections come from where.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::bucket::Bucket;

/// Bits of an IPv6 address that its holder chooses as it likes.
const OWN_BITS: u32 = 64;

/// Counts connections by address: an IPv4 address, or the /64 of an IPv6 address, all of which one
/// holder has.
pub(crate) struct Addresses {
    /// Connections at once; 0 for no limit.
    limit: usize,
    /// New ones per second in the long run.
    rate: u32,
    known: Mutex<HashMap<IpAddr, Known>>,
}

struct Known {
    open: usize,
    coming: Bucket,
}

/// What becomes of a connection.
pub(crate) enum Admission {
    /// It is served.
    Served(Guest),
    /// It is one too many, and is told so.
    Refused(Guest),
    /// So many have come that no time is spent on telling it.
    Dropped,
}

/// An open connection, as long as this lives.
pub(crate) struct Guest {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    pub(crate) fn new(limit: usize, rate: u32) -> Self {
        Self {
            limit,
            rate,
            known: Mutex::default(),
        }
    }

    /// Somebody has connected.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr, now: Instant) -> Admission {
        let address = holder(address);
        let mut known = self.lock();
        // As many again are told why; telling costs a TLS handshake each.
        let most = self.limit.saturating_mul(2);
        let burst = u32::try_from(most).unwrap_or(u32::MAX);
        let one = known.entry(address).or_insert_with(|| Known {
            open: 0,
            coming: Bucket::full(burst, self.rate, now),
        });
        let unlimited = self.limit == 0;
        if !unlimited && (!one.coming.take(now) || one.open >= most) {
            return Admission::Dropped;
        }
        one.open += 1;
        let guest = Guest {
            addresses: Arc::clone(self),
            address,
        };
        if unlimited || one.open <= self.limit {
            Admission::Served(guest)
        } else {
            Admission::Refused(guest)
        }
    }

    /// Forgets addresses from which nothing has come for a while.
    pub(crate) fn forget_old(&self, now: Instant) {
        self.lock()
            .retain(|_, one| one.open > 0 || !one.coming.is_full(now));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Some(one) = self.addresses.lock().get_mut(&self.address) {
            one.open -= 1;
        }
    }
}

/// All addresses that one holder has, as one of them.
fn holder(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> OWN_BITS << OWN_BITS).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_ipv6_holder_is_its_64() {
        assert_eq!(holder(address("2001:db8::1:2:3:4")), address("2001:db8::"));
        assert_ne!(
            holder(address("2001:db8:0:1::1")),
            holder(address("2001:db8::1"))
        );
        assert_eq!(holder(address("192.0.2.1")), address("192.0.2.1"));
        assert_eq!(holder(address("::ffff:192.0.2.1")), address("192.0.2.1"));
    }

    #[test]
    fn one_address_has_so_many_at_once_and_others_have_theirs() {
        let (addresses, now) = (Arc::new(Addresses::new(2, 100)), Instant::now());
        let mut later = now;
        let mut admit = |from: &str| {
            later += Duration::from_secs(1);
            addresses.admit(address(from), later)
        };
        let first = admit("192.0.2.1");
        let _second = admit("192.0.2.1");
        assert!(matches!(first, Admission::Served(_)));
        let refused = admit("192.0.2.1");
        assert!(matches!(refused, Admission::Refused(_)));
        let _refused_too = admit("192.0.2.1");
        assert!(matches!(admit("192.0.2.1"), Admission::Dropped));
        assert!(matches!(admit("192.0.2.2"), Admission::Served(_)));
        drop((first, refused));
        drop(_refused_too);
        assert!(matches!(admit("192.0.2.1"), Admission::Served(_)));
    }

    #[test]
    fn one_address_comes_so_often_and_is_forgotten_after_a_while() {
        let (addresses, now) = (Arc::new(Addresses::new(3, 2)), Instant::now());
        let come = |at| match addresses.admit(address("192.0.2.1"), at) {
            Admission::Dropped => false,
            Admission::Served(_) | Admission::Refused(_) => true,
        };
        assert!((0..6).all(|_| come(now)) && !come(now));
        assert!(come(now + Duration::from_secs(1)));
        addresses.forget_old(now + Duration::from_secs(2));
        assert_eq!(addresses.lock().len(), 1, "its bucket is not full");
        addresses.forget_old(now + Duration::from_secs(9));
        assert_eq!(addresses.lock().len(), 0);
    }

    #[test]
    fn no_limit_is_none() {
        let (addresses, now) = (Arc::new(Addresses::new(0, 0)), Instant::now());
        let all: Vec<_> = (0..1_000)
            .map(|_| addresses.admit(address("::1"), now))
            .collect();
        assert!(all.iter().all(|one| matches!(one, Admission::Served(_))));
        drop(all);
        addresses.forget_old(now);
        assert_eq!(addresses.lock().len(), 0);
    }
}
