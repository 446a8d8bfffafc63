//! Tests of the guard.

use std::net::IpAddr;

use proptest::prelude::*;

use super::{Guard, Refused, read_url};

fn guard(allowed: &[&str]) -> Guard {
    let networks = allowed.iter().map(|network| network.parse().unwrap());
    Guard::new(networks.collect())
}

/// Checks a URL without a runtime: addresses are not looked up.
fn check(guard: &Guard, url: &str) -> Result<(), Refused> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(guard.check_url(url))
}

#[test]
fn addresses_that_are_not_public_are_refused() {
    for host in [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "0.1.2.3",
        "10.1.2.3",
        "100.64.0.1",
        "100.127.255.255",
        "100.100.100.200",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[::127.0.0.1]",
        "[::8.8.8.8]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::8.8.8.8]",
        "[2002:7f00:1::]",
        "[2002:a9fe:a9fe::1]",
        // Teredo: the server is 10.0.0.1; the client is 127.0.0.1, inverted.
        "[2001:0:a00:1::f7f7:f7f7]",
        "[2001:0:808:808::80ff:fffe]",
        "[2001:2::1]",
        "[2001:10::1]",
        "[2001:db8::1]",
        "[3fff::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[100::1]",
        "[4000::1]",
        "[5f00::1]",
    ] {
        let refused = check(&guard(&[]), &format!("https://{host}/hook"));
        assert!(
            matches!(refused, Err(Refused::Forbidden(_))),
            "{host}: {refused:?}"
        );
    }
}

#[test]
fn public_addresses_are_taken() {
    for host in [
        "8.8.8.8",
        "1.1.1.1",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.255.255",
        "172.32.0.1",
        "192.0.1.1",
        "198.17.255.255",
        "223.255.255.255",
        "[::ffff:8.8.8.8]",
        "[64:ff9b::8.8.8.8]",
        "[2002:808:808::1]",
        "[2001:0:808:808::f7f7:f7f7]",
        "[2001:200::1]",
        "[2606:4700::1111]",
        "[2a00:1450:4001:80b::200e]",
    ] {
        let taken = check(&guard(&[]), &format!("https://{host}/hook"));
        assert_eq!(taken, Ok(()), "{host}");
    }
}

#[test]
fn odd_forms_of_an_address_are_the_address() {
    for host in [
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "127.1",
        "0x7f000001",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "１２７.0.0.1",
        "[0:0:0:0:0:ffff:7f00:1]",
    ] {
        let refused = check(&guard(&["10.0.0.0/8"]), &format!("https://{host}/"));
        assert!(
            matches!(refused, Err(Refused::Forbidden(_))),
            "{host}: {refused:?}"
        );
    }
}

#[test]
fn allowed_networks_are_reached_also_without_tls() {
    let guard = guard(&["127.0.0.0/8", "fd00:1::/64"]);
    for url in [
        "http://127.0.0.1:8080/hook",
        "https://127.0.0.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://[fd00:1::5]/",
    ] {
        assert_eq!(check(&guard, url), Ok(()), "{url}");
    }
    for url in [
        "https://10.0.0.1/",
        "https://[fd00:2::5]/",
        "https://[::1]/",
        // Public, but not without TLS.
        "http://8.8.8.8/",
    ] {
        let refused = check(&guard, url);
        assert!(
            matches!(refused, Err(Refused::Forbidden(_))),
            "{url}: {refused:?}"
        );
    }
}

#[test]
fn what_is_no_url_of_a_webhook_is_refused() {
    let long = format!("https://8.8.8.8/{}", "a".repeat(2_048));
    for url in [
        "",
        "8.8.8.8",
        "ftp://8.8.8.8/",
        "file:///etc/passwd",
        "https://",
        "https://user@8.8.8.8/",
        "https://user:password@8.8.8.8/",
        "https://8.8.8.8/#part",
        "https://8.8.8.8:0/",
        "https://8.8.8.8:65536/",
        "https://1.2.3.4.5/",
        &long,
    ] {
        let refused = check(&guard(&["0.0.0.0/0"]), url);
        assert!(
            matches!(refused, Err(Refused::Url(_))),
            "{url}: {refused:?}"
        );
    }
}

#[test]
fn the_sentence_names_the_address_and_the_remedy() {
    let refused = check(&guard(&[]), "https://169.254.169.254/latest").unwrap_err();
    let sentence = refused.to_string();
    assert!(sentence.contains("169.254.169.254"), "{sentence}");
    assert!(sentence.contains("--destinations-allow"), "{sentence}");
}

proptest! {
    /// An IPv4 address is judged alike in each of its IPv6 forms.
    #[test]
    fn forms_of_an_address_are_judged_alike(address: std::net::Ipv4Addr) {
        let bare = super::addresses::purpose(IpAddr::V4(address));
        let mapped = super::addresses::purpose(IpAddr::V6(address.to_ipv6_mapped()));
        prop_assert_eq!(bare, mapped);
        let [a, b, c, d] = address.octets().map(u16::from);
        let nat64 = std::net::Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a << 8 | b, c << 8 | d);
        prop_assert_eq!(bare, super::addresses::purpose(IpAddr::V6(nat64)));
        let relayed = std::net::Ipv6Addr::new(0x2002, a << 8 | b, c << 8 | d, 1, 2, 3, 4, 5);
        prop_assert_eq!(bare, super::addresses::purpose(IpAddr::V6(relayed)));
    }

    /// Whatever text is given, reading it does not panic, and what is read has a host.
    #[test]
    fn any_text_is_read_or_refused(text in "(https?://)?[a-z0-9.:@#/%\\[\\]-]{0,30}") {
        if let Ok(url) = read_url(&text) {
            prop_assert!(url.host().is_some());
        }
    }
}
