//! Addresses that are not public, by the registries of IANA for special purposes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

const fn v4(address: [u8; 4], prefix: u8) -> Ipv4Net {
    let [a, b, c, d] = address;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(head: [u16; 3], prefix: u8) -> Ipv6Net {
    let [a, b, c] = head;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

const THIS_MACHINE: &str = "an address of this machine";
const LOOPBACK: &str = "a loopback address";
const PRIVATE: &str = "a private address";
const SHARED: &str = "a shared address of a provider's network";
const LINK_LOCAL: &str = "a link-local address, as of the metadata service of a cloud";
const METADATA: &str = "the metadata service of a cloud";
const UNIQUE_LOCAL: &str = "a unique local address, as in a private network";
const SITE_LOCAL: &str = "a site-local address";
const PROTOCOL: &str = "reserved for protocols";
const DOCUMENTATION: &str = "reserved for documentation";
const BENCHMARKS: &str = "reserved for benchmarks of networks";
const RELAYS: &str = "reserved for 6to4 relays";
const MULTICAST: &str = "a multicast address";
const RESERVED: &str = "a reserved address";
const TRANSLATED: &str = "an address that a network translates to IPv4 in its own way";
const UNASSIGNED: &str = "not assigned to any network";

/// IPv4 networks that are not public, and what they are for.
/// <https://www.iana.org/assignments/iana-ipv4-special-registry>, read 2026-11-30.
const V4: &[(Ipv4Net, &str)] = &[
    (v4([0, 0, 0, 0], 8), THIS_MACHINE),
    (v4([10, 0, 0, 0], 8), PRIVATE),
    (v4([100, 64, 0, 0], 10), SHARED),
    (v4([127, 0, 0, 0], 8), LOOPBACK),
    (v4([169, 254, 0, 0], 16), LINK_LOCAL),
    (v4([172, 16, 0, 0], 12), PRIVATE),
    (v4([192, 0, 0, 0], 24), PROTOCOL),
    (v4([192, 0, 2, 0], 24), DOCUMENTATION),
    (v4([192, 88, 99, 0], 24), RELAYS),
    (v4([192, 168, 0, 0], 16), PRIVATE),
    (v4([198, 18, 0, 0], 15), BENCHMARKS),
    (v4([198, 51, 100, 0], 24), DOCUMENTATION),
    (v4([203, 0, 113, 0], 24), DOCUMENTATION),
    (v4([224, 0, 0, 0], 4), MULTICAST),
    (v4([240, 0, 0, 0], 4), RESERVED),
    // Public by its number, but a virtual machine of Azure reaches its host there.
    (v4([168, 63, 129, 16], 32), METADATA),
];

/// IPv6 networks that are not public, and what they are for.
/// <https://www.iana.org/assignments/iana-ipv6-special-registry>, read 2026-11-30.
const V6: &[(Ipv6Net, &str)] = &[
    (v6([0x64, 0xff9b, 1], 48), TRANSLATED),
    (v6([0x2001, 2, 0], 48), BENCHMARKS),
    (v6([0x2001, 0, 0], 23), PROTOCOL),
    (v6([0x2001, 0xdb8, 0], 32), DOCUMENTATION),
    (v6([0x3fff, 0, 0], 20), DOCUMENTATION),
    (v6([0xfc00, 0, 0], 7), UNIQUE_LOCAL),
    (v6([0xfe80, 0, 0], 10), LINK_LOCAL),
    (v6([0xfec0, 0, 0], 10), SITE_LOCAL),
    (v6([0xff00, 0, 0], 8), MULTICAST),
];

/// Addresses that may be assigned to networks.
const UNICAST: Ipv6Net = v6([0x2000, 0, 0], 3);
/// Addresses that a 6to4 relay carries to the IPv4 address in bytes 2 to 5.
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0], 16);
/// Addresses that NAT64 translates to the IPv4 address in the last four bytes.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0], 96);
/// Addresses that Teredo carries to the IPv4 address in the last four bytes, inverted, by way of the one in bytes 4 to 7.
const TEREDO: Ipv6Net = v6([0x2001, 0, 0], 32);

/// What an address that is not public is for. `None` if it is public.
pub(super) fn purpose(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(address) => of_v4(address),
        IpAddr::V6(address) => of_v6(address),
    }
}

fn of_v4(address: Ipv4Addr) -> Option<&'static str> {
    let mut known = V4.iter();
    let found = known.find(|(network, _)| network.contains(&address));
    found.map(|(_, what)| *what)
}

fn of_v6(address: Ipv6Addr) -> Option<&'static str> {
    if address.is_unspecified() {
        return Some(THIS_MACHINE);
    }
    if address.is_loopback() {
        return Some(LOOPBACK);
    }
    let [_, _, c, d, e, f, g, h, .., w, x, y, z] = address.octets();
    let last = [w, x, y, z];
    // Whoever sends to such an address sends to the IPv4 address in it.
    if SIX_TO_FOUR.contains(&address) {
        return of_v4(Ipv4Addr::new(c, d, e, f));
    }
    if NAT64.contains(&address) {
        return of_v4(Ipv4Addr::from(last));
    }
    if TEREDO.contains(&address) {
        let client = Ipv4Addr::from(last.map(|byte| !byte));
        return of_v4(Ipv4Addr::new(e, f, g, h)).or_else(|| of_v4(client));
    }
    let mut known = V6.iter();
    let found = known.find(|(network, _)| network.contains(&address));
    // IPv4-compatible addresses are among those that are not assigned.
    let is_assigned = UNICAST.contains(&address);
    found
        .map(|(_, what)| *what)
        .or((!is_assigned).then_some(UNASSIGNED))
}
