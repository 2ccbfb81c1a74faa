//! Helpers of the unit tests.

/// Bytes from hex digits.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    assert!(digits.len().is_multiple_of(2), "odd number of hex digits");
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits"))
        .collect()
}

/// The points of Ed25519 whose order is 1, 2, 4 or 8, in every encoding of 32 bytes. Where they are
/// taken for public keys, `R = such a point, S = 0` signs any text for every eighth, or for all.
pub(crate) fn ed25519_of_small_order() -> Vec<[u8; 32]> {
    let low = |first: u8| [&[first][..], &[0; 31]].concat();
    let high = |first: u8| [&[first][..], &[0xff; 30], &[0x7f]].concat();
    let order_8 = [
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ];
    let mut points = vec![low(0), low(1), high(0xec), high(0xed), high(0xee)];
    points.extend(order_8.map(hex));
    let negative: Vec<_> = points.iter().cloned().map(negated).collect();
    points.extend(negative);
    let array = |point: Vec<u8>| point.try_into().expect("32 bytes");
    points.into_iter().map(array).collect()
}

/// The encoding with the other sign.
fn negated(mut point: Vec<u8>) -> Vec<u8> {
    point[31] ^= 0x80;
    point
}
