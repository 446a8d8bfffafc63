//! Who sent a request, also behind proxies.
//!
//! A proxy adds the address that it saw to the end of `X-Forwarded-For`. What stands before that was sent by the client, and may
//! be a lie. So the list is read from its end, and only as long as the addresses are of trusted proxies.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Once};

use http::{Extensions, HeaderMap};
use ipnet::IpNet;

const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// Who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client {
    /// The address of the client, as far as trusted proxies tell it.
    pub(super) address: IpAddr,
    /// Whether a trusted proxy said that the request came to it without TLS.
    pub(super) is_exposed: bool,
    /// Whether the request came over TLS, to this server or to a trusted proxy.
    pub(super) is_secure: bool,
}

impl Client {
    /// The client that was noted with a request. An address that is nobody's, if there is none.
    pub(super) fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or(Self {
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            is_exposed: false,
            is_secure: false,
        })
    }

    /// The client of a connection, which has TLS or not.
    pub(super) fn over(self, has_tls: bool) -> Self {
        Self {
            is_secure: self.is_secure || has_tls,
            ..self
        }
    }

    /// Warns, once, that a proxy takes keys without TLS. For requests with a valid key.
    pub(super) fn warn_if_exposed(self) {
        static WARNED: Once = Once::new();
        if self.is_exposed {
            WARNED.call_once(|| {
                tracing::warn!(
                    "A key came to the proxy by plain HTTP (X-Forwarded-Proto: http), readable on the way. Let the proxy redirect \
                     to HTTPS, and rotate such keys."
                );
            });
        }
    }
}

/// The networks of trusted proxies.
#[derive(Clone, Debug)]
pub(super) struct Proxies(Arc<[IpNet]>);

impl Proxies {
    pub(super) fn new(networks: &[IpNet]) -> Self {
        Self(networks.into())
    }

    /// Whether connections from this address are a proxy's.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client of a request that came from `peer`.
    pub(super) fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> Client {
        let address = peer.ip().to_canonical();
        if !self.has(address) {
            return Client {
                address,
                is_exposed: false,
                is_secure: false,
            };
        }
        let scheme = scheme(headers);
        let is = |name: &str| scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(name));
        Client {
            address: self.forwarded(headers).unwrap_or(address),
            is_exposed: is("http"),
            is_secure: is("https"),
        }
    }

    /// The last address that is no trusted proxy's, or the first one if all are. `None` if there is none, or if a value before
    /// it is no address: then nobody can tell who wrote the rest.
    fn forwarded(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let mut first = None;
        for field in headers.get_all(FORWARDED_FOR).iter().rev() {
            for value in field.to_str().ok()?.rsplit(',') {
                let address = address(value.trim())?;
                if !self.has(address) {
                    return Some(address);
                }
                first = Some(address);
            }
        }
        first
    }
}

/// An address, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse().ok();
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    let address: IpAddr = address.or_else(with_port)?;
    Some(address.to_canonical())
}

/// The scheme by which the request came, as the nearest proxy says.
fn scheme(headers: &HeaderMap) -> Option<&str> {
    let last = headers.get_all(FORWARDED_PROTO).iter().next_back()?;
    Some(last.to_str().ok()?.rsplit(',').next()?.trim())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// The client when `peer` sends these header fields, and 10.0.0.0/8 and 2001:db8:1::/48 are trusted.
    fn seen(peer: &str, fields: &[&str]) -> String {
        let trusted = ["10.0.0.0/8", "2001:db8:1::/48"].map(|network| network.parse().unwrap());
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(FORWARDED_FOR, HeaderValue::from_str(field).unwrap());
        }
        let peer = SocketAddr::new(peer.parse().unwrap(), 1);
        Proxies::new(&trusted)
            .client(peer, &headers)
            .address
            .to_string()
    }

    #[test]
    fn the_client_is_the_last_address_that_is_no_proxys() {
        for (peer, fields, client) in [
            // Not a proxy: nothing is believed.
            ("192.0.2.9", &["192.0.2.1"][..], "192.0.2.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            ("::ffff:10.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            // What the client wrote itself comes first.
            (
                "10.0.0.1",
                &["203.0.113.5, 192.0.2.1,10.0.0.2"],
                "192.0.2.1",
            ),
            (
                "10.0.0.1",
                &["203.0.113.5", "192.0.2.1", "10.0.0.2"],
                "192.0.2.1",
            ),
            ("10.0.0.1", &["rubbish, 192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["192.0.2.1:4711"], "192.0.2.1"),
            ("10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            (
                "2001:db8:1::7",
                &["2001:db8::1, 2001:db8:1::8"],
                "2001:db8::1",
            ),
            ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("10.0.0.1", &["::ffff:192.0.2.1"], "192.0.2.1"),
            // Malformed where it counts: the peer.
            ("10.0.0.1", &["192.0.2.1, rubbish"], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1, "], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1, unknown, 10.0.0.2"], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1:port"], "10.0.0.1"),
            ("10.0.0.1", &["fe80::1%eth0"], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
        ] {
            assert_eq!(seen(peer, fields), client, "{peer} {fields:?}");
        }
    }

    #[test]
    fn the_scheme_is_what_the_nearest_proxy_says() {
        for (values, is_exposed, is_secure) in [
            (&["http"][..], true, false),
            (&["HTTP "], true, false),
            (&["http, https"], false, true),
            (&["https", "http"], true, false),
            (&["HTTPS"], false, true),
            (&["rubbish"], false, false),
            (&[], false, false),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(FORWARDED_PROTO, HeaderValue::from_str(value).unwrap());
            }
            let trusted = Proxies::new(&["10.0.0.0/8".parse().unwrap()]);
            let told = |peer: [u8; 4]| trusted.client(SocketAddr::from((peer, 1)), &headers);
            assert_eq!(told([10, 0, 0, 1]).is_exposed, is_exposed, "{values:?}");
            assert_eq!(told([10, 0, 0, 1]).is_secure, is_secure, "{values:?}");
            let other = told([192, 0, 2, 1]);
            assert!(!other.is_exposed && !other.is_secure);
            assert!(other.over(true).is_secure && !other.over(false).is_secure);
        }
    }
}
