//! Which addresses a webhook may have.

use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;

use super::*;

/// Addresses that reach something else than the internet, in the spellings that parsers know.
const HOSTILE: [&str; 76] = [
    // Loopback.
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://127.255.255.254/",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://api.localhost/",
    "https://[::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://%31%32%37.0.0.1/",
    "https://127。0。0。1/",
    "https://①②⑦.⓪.⓪.①/",
    "https://ⓛocalhost/",
    // This host, private, shared.
    "https://0/",
    "https://0.0.0.0/",
    "https://0.1.2.3/",
    "https://10.0.0.1/",
    "https://10.255.255.255/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.1.1/",
    "https://0xC0A80101/",
    "https://3232235777/",
    "https://100.64.0.1/",
    "https://100.127.255.255/",
    "https://[::]/",
    // Link-local, metadata.
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.170.2/v2/credentials",
    "https://0xA9FEA9FE/",
    "https://2852039166/",
    "https://0251.0376.0251.0376/",
    "https://[fd00:ec2::254]/",
    "https://[fe80::1]/",
    "https://168.63.129.16/",
    "https://100.100.100.200/",
    "https://192.0.0.192/",
    "https://metadata.google.internal/",
    "https://metadata/",
    // IPv4 in IPv6.
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:169.254.169.254]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[::ffff:8.8.8.8]/",
    "https://[::127.0.0.1]/",
    "https://[::ffff:0:10.0.0.1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b::10.0.0.1]/",
    "https://[64:ff9b:1::1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[2001:0:1:2::3]/",
    // Multicast, reserved, documentation, local.
    "https://224.0.0.1/",
    "https://239.255.255.255/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://192.0.2.1/",
    "https://198.18.0.1/",
    "https://198.51.100.7/",
    "https://203.0.113.9/",
    "https://192.88.99.1/",
    "https://[ff02::1]/",
    "https://[fc00::1]/",
    "https://[fec0::1]/",
    "https://[2001:db8::1]/",
    "https://[100::1]/",
    "https://[4000::1]/",
    // Names of internal networks.
    "https://intranet/",
    "https://db.internal/",
    "https://printer.local/",
    "https://wiki.corp/",
    "https://router.lan/",
    "https://ip-10-0-0-1.eu-west-1.compute.internal./",
];

/// Addresses of another form than a webhook's.
const WRONG: [&str; 14] = [
    "",
    "hooks.example.com",
    "//hooks.example.com/",
    "http://hooks.example.com/",
    "http://127.0.0.1/",
    "ftp://hooks.example.com/",
    "file:///etc/passwd",
    "gopher://hooks.example.com/",
    "javascript:alert(1)",
    "https://",
    "https://user@hooks.example.com/",
    "https://user:secret@hooks.example.com/",
    "https://hooks.example.com/#fragment",
    "https://hooks.example.com:0/",
];

const PUBLIC: [&str; 8] = [
    "https://hooks.slack.com/services/T0/B0/x",
    "https://hooks.example.com",
    "https://hooks.example.com:8443/a?b=c",
    "https://8.8.8.8/",
    "https://[2606:4700::1111]/",
    "https://bücher.example/",
    "https://172.32.0.1/",
    "https://100.128.0.1/",
];

#[test]
fn hostile_addresses_are_rejected_as_they_are_written() {
    for url in HOSTILE.into_iter().chain(WRONG) {
        assert!(WebhookUrl::parse(url, Reach::Public).is_err(), "{url}");
    }
    let long = format!("https://hooks.example.com/{}", "a".repeat(2_048));
    assert!(WebhookUrl::parse(&long, Reach::Public).is_err());
    for url in PUBLIC {
        assert!(WebhookUrl::parse(url, Reach::Public).is_ok(), "{url}");
    }
}

#[test]
fn loopback_is_reached_only_with_the_setting() {
    let open = Reach::PublicAndLoopback;
    for url in [
        "http://127.0.0.1:8080/a",
        "https://127.0.0.1/",
        "http://localhost:1/",
        "http://[::1]:9/",
    ] {
        assert!(WebhookUrl::parse(url, open).is_ok(), "{url}");
        assert!(WebhookUrl::parse(url, Reach::Public).is_err(), "{url}");
    }
    let loopback = [
        "127.",
        "[::1]",
        "[0:0",
        "localhost",
        "LOCALHOST",
        "2130706433",
        "0x7f",
        "017",
        "%31",
        "127。",
        "①",
        "ⓛ",
    ];
    for url in HOSTILE {
        let host = url.trim_start_matches("https://");
        if !loopback.iter().any(|start| host.starts_with(start)) {
            assert!(WebhookUrl::parse(url, open).is_err(), "{url}");
        }
    }
    for url in [
        "http://hooks.example.com/",
        "http://10.0.0.1/",
        "http://[::ffff:127.0.0.1]/",
    ] {
        assert!(WebhookUrl::parse(url, open).is_err(), "{url}");
    }
}

fn resolved(addresses: &[&str]) -> Vec<SocketAddr> {
    let address = |text: &&str| SocketAddr::new(text.parse::<IpAddr>().expect("an address"), 443);
    addresses.iter().map(address).collect()
}

#[test]
fn names_that_resolve_to_internal_addresses_are_rejected() {
    // What resolvers answer for names of the internet, as rebinding services let anybody choose it.
    for hostile in [
        "127.0.0.1",
        "10.0.0.5",
        "172.16.3.4",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.1.1",
        "0.0.0.0",
        "224.0.0.251",
        "255.255.255.255",
        "198.18.0.1",
        "168.63.129.16",
        "192.0.0.192",
        "::1",
        "::",
        "fe80::1",
        "fd00:ec2::254",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "::10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a00:1",
        "2002:a00:1::",
        "2001::1",
        "2001:db8::1",
        "100::1",
        "5f00::1",
        "3fff::1",
    ] {
        let alone = resolved(&[hostile]);
        assert!(
            matches!(Reach::Public.permit(&alone), Err(Forbidden::Network { .. })),
            "{hostile}"
        );
        // One public address beside it changes nothing, in either order.
        for mixed in [["93.184.215.14", hostile], [hostile, "93.184.215.14"]] {
            assert!(Reach::Public.permit(&resolved(&mixed)).is_err(), "{mixed:?}");
        }
    }
    assert_eq!(Reach::Public.permit(&[]), Err(Forbidden::Nowhere));
    let public = resolved(&["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"]);
    assert_eq!(Reach::Public.permit(&public), Ok(&*public));
    let local = resolved(&["127.0.0.1", "::1"]);
    assert!(Reach::PublicAndLoopback.permit(&local).is_ok());
    assert!(Reach::PublicAndLoopback.permit(&resolved(&["10.0.0.1"])).is_err());
}

proptest! {
    /// The standard library knows some of the networks; whatever it calls one of them is rejected.
    #[test]
    fn no_address_that_is_known_to_be_special_is_permitted(bits: u32, six: u128) {
        let four = Ipv4Addr::from_bits(bits);
        let special = four.is_private() || four.is_loopback() || four.is_link_local() || four.is_broadcast()
            || four.is_documentation() || four.is_unspecified() || four.is_multicast();
        let permitted = |ip: IpAddr| Reach::Public.permit(&[SocketAddr::new(ip, 443)]).is_ok();
        prop_assert!(!(special && permitted(four.into())), "{four}");
        prop_assert!(!permitted(four.to_ipv6_mapped().into()) && !permitted(four.to_ipv6_compatible().into()), "{four}");
        let six = Ipv6Addr::from_bits(six);
        let special = six.is_loopback() || six.is_unspecified() || six.is_multicast() || six.is_unique_local()
            || six.is_unicast_link_local() || six.to_ipv4().is_some();
        prop_assert!(!(special && permitted(six.into())), "{six}");
        prop_assert!(!permitted(six.into()) || six.segments()[0] >> 13 == 1, "{six}");
    }
}

#[test]
fn address_is_shown_without_its_path() {
    let url = WebhookUrl::parse("https://hooks.slack.com/services/T0/B0/secret?token=x", Reach::Public).expect("a URL");
    assert_eq!(url.shown(), "https://hooks.slack.com/…");
    assert_eq!(format!("{url:?}"), "https://hooks.slack.com/…");
    assert_eq!(url.endpoint(), ("hooks.slack.com".to_owned(), 443));
    let url = WebhookUrl::parse("https://[2606:4700::1111]:8443/", Reach::Public).expect("a URL");
    assert_eq!(url.endpoint(), ("2606:4700::1111".to_owned(), 8443));
}

#[test]
fn health_address_leads_to_the_internet_or_in_local_mode_to_loopback() {
    for (address, is_public, is_local) in [
        ("http://shop.example.com/healthz", true, true),
        ("https://shop.example.com:8443/healthz", true, true),
        ("http://127.0.0.1:9001/2018-06-01/runtime/invocation/next", false, true),
        ("http://localhost:8080/healthz", false, true),
        ("http://[::1]/", false, true),
        ("http://169.254.169.254/latest/meta-data", false, false),
        ("http://10.0.0.1/healthz", false, false),
        ("http://2130706433/", false, true),
        ("http://shop.internal/healthz", false, false),
        ("http://", false, false),
    ] {
        assert_eq!(Reach::Public.permit_health(address).is_ok(), is_public, "{address}");
        assert_eq!(
            Reach::PublicAndLoopback.permit_health(address).is_ok(),
            is_local,
            "{address}"
        );
    }
    let endpoint = Reach::Public.permit_health("https://shop.example.com/healthz");
    assert_eq!(endpoint, Ok(("shop.example.com".to_owned(), 443)));
}
