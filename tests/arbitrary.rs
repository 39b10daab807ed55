//! The vocabulary made from bytes, for the fuzz targets of those who use it.
#![cfg(feature = "arbitrary")]

use arbitrary::{Arbitrary, Unstructured};
use vestibule::cgi::Passes;
use vestibule::cgi::response::{FirstLine, Rules as ResponseRules};
use vestibule::fcgi::{Role, ServerLimits};
use vestibule::proxy_protocol::{Event, Header, Limits as ProxyLimits, Part, What};
use vestibule::{
    Cut, Ending, Error, Field, Id, Length, Limits, Millis, Next, Refused, Rejection, Request,
    Response, Space, bridge, http1, scgi, uwsgi,
};

/// How many different values a few inputs make.
fn kinds<'a, T: Arbitrary<'a> + std::fmt::Debug>(bytes: &'a [u8]) -> usize {
    let mut seen = std::collections::HashSet::new();
    for start in 0..200 {
        let mut source = Unstructured::new(&bytes[start * 64..]);
        seen.insert(format!(
            "{:?}",
            T::arbitrary(&mut source).expect("enough bytes")
        ));
    }
    seen.len()
}

#[test]
fn every_type() {
    let mut n = 1u64;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        n = n.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        n.to_be_bytes()[0]
    })
    .take(1 << 16)
    .collect();
    assert!(kinds::<Id>(&bytes) > 100);
    assert_eq!(kinds::<Space>(&bytes), 4);
    assert_eq!(kinds::<Cut>(&bytes), 4);
    assert!(kinds::<Field>(&bytes) > 100);
    assert!(kinds::<Length>(&bytes) > 50);
    assert!(kinds::<Next<u8>>(&bytes) > 50);
    assert!(kinds::<Request<u8>>(&bytes) > 100);
    assert!(kinds::<Response<u8>>(&bytes) > 100);
    assert!(kinds::<Ending>(&bytes) > 20);
    assert!(kinds::<Rejection>(&bytes) > 20);
    assert!(kinds::<Error>(&bytes) > 30);
    assert!(kinds::<Refused>(&bytes) > 7);
    assert!(kinds::<Limits>(&bytes) > 100);
    assert!(kinds::<ServerLimits>(&bytes) > 100);
    assert!(kinds::<http1::ServerLimits>(&bytes) > 100);
    assert!(kinds::<http1::ClientLimits>(&bytes) > 100);
    assert!(kinds::<http1::Rules>(&bytes) > 100);
    assert!(kinds::<uwsgi::ServerLimits>(&bytes) > 100);
    assert!(kinds::<uwsgi::Rules>(&bytes) > 100);
    assert_eq!(kinds::<scgi::Rules>(&bytes), 16);
    assert_eq!(kinds::<Passes>(&bytes), 4);
    assert!(kinds::<ResponseRules>(&bytes) > 100);
    assert!(kinds::<Millis>(&bytes) > 100);
    assert_eq!(kinds::<Role>(&bytes), 3);
    assert_eq!(kinds::<FirstLine>(&bytes), 3);
    assert!(kinds::<Event>(&bytes) > 100);
    assert!(kinds::<Header>(&bytes) > 100);
    assert!(kinds::<Part>(&bytes) > 100);
    assert!(kinds::<What>(&bytes) > 50);
    assert!(kinds::<ProxyLimits>(&bytes) > 100);
    assert!(kinds::<bridge::Policy>(&bytes) > 50);
    assert!(kinds::<bridge::End>(&bytes) > 20);
}
