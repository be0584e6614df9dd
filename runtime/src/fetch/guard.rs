//! The address guard: requests may go to the public internet, and to the addresses and ports that the settings allow.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use url::{Host, Url};

use crate::model::error::{Error, ErrorCode};

/// IPv4 blocks that are not public (IANA IPv4 Special-Purpose Address Registry, RFC 6890 and its successors).
const NON_PUBLIC_V4: [([u8; 4], u32, &str); 15] = [
    ([0, 0, 0, 0], 8, "an unspecified address"),
    ([10, 0, 0, 0], 8, "a private address"),
    ([100, 64, 0, 0], 10, "a carrier-grade NAT address"),
    ([127, 0, 0, 0], 8, "a loopback address"),
    ([169, 254, 0, 0], 16, "a link-local address"),
    ([172, 16, 0, 0], 12, "a private address"),
    ([192, 0, 0, 0], 24, "an address reserved for protocols"),
    ([192, 0, 2, 0], 24, "a documentation address"),
    ([192, 88, 99, 0], 24, "a 6to4 relay"),
    ([192, 168, 0, 0], 16, "a private address"),
    ([198, 18, 0, 0], 15, "a benchmarking address"),
    ([198, 51, 100, 0], 24, "a documentation address"),
    ([203, 0, 113, 0], 24, "a documentation address"),
    ([224, 0, 0, 0], 4, "a multicast address"),
    ([240, 0, 0, 0], 4, "a reserved address"),
];

/// The only IPv6 block with public addresses (IANA IPv6 Address Space: `2000::/3`). Loopback, mapped and compatible IPv4,
/// NAT64, unique local, link-local, site-local and multicast addresses are outside of it.
const PUBLIC_V6: ([u16; 4], u32) = ([0x2000, 0, 0, 0], 3);

/// Blocks inside it that are not public, or that embed an IPv4 address which would go unchecked
/// (IANA IPv6 Special-Purpose Address Registry). `2001::/23` holds Teredo, benchmarking and ORCHID.
const NON_PUBLIC_V6: [([u16; 4], u32, &str); 4] = [
    ([0x2001, 0, 0, 0], 23, "an address reserved for protocols"),
    ([0x2001, 0xdb8, 0, 0], 32, "a documentation address"),
    ([0x2002, 0, 0, 0], 16, "a 6to4 address"),
    ([0x3fff, 0, 0, 0], 20, "a documentation address"),
];

/// What kind of non-public address this is; none if it is public.
#[must_use]
pub fn non_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => non_public_v4(address),
        IpAddr::V6(address) => non_public_v6(address),
    }
}

fn non_public_v4(address: Ipv4Addr) -> Option<&'static str> {
    let inside = |net: [u8; 4], bits: u32| (address.to_bits() ^ u32::from_be_bytes(net)) >> (32 - bits) == 0;
    NON_PUBLIC_V4.iter().find(|(net, bits, _)| inside(*net, *bits)).map(|(_, _, words)| *words)
}

fn non_public_v6(address: Ipv6Addr) -> Option<&'static str> {
    let inside = |[a, b, c, d]: [u16; 4], bits: u32| {
        (address.to_bits() ^ Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_bits()) >> (128 - bits) == 0
    };
    if !inside(PUBLIC_V6.0, PUBLIC_V6.1) {
        return Some("an address outside the public IPv6 space");
    }
    NON_PUBLIC_V6.iter().find(|(net, bits, _)| inside(*net, *bits)).map(|(_, _, words)| *words)
}

/// Parses the URL of a request.
///
/// # Errors
/// `url_unreadable` if it is not an http(s) URL, `address_refused` if it contains credentials.
pub fn parse(url: &str) -> Result<Url, Error> {
    let url =
        Url::parse(url).map_err(|error| Error::permanent(ErrorCode::UrlUnreadable, format!("invalid URL: {error}")))?;
    check(&url)?;
    Ok(url)
}

/// The checks of [`parse`], for a URL that was parsed already.
pub fn check(url: &Url) -> Result<(), Error> {
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(Error::permanent(
            ErrorCode::UrlUnreadable,
            format!("`{}:` URLs cannot be fetched, only `http:` and `https:`", url.scheme()),
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::permanent(
            ErrorCode::AddressRefused,
            format!("the URL of `{}` contains a user name or a password: remove them", origin(url)),
        ));
    }
    Ok(())
}

/// The port of a URL.
pub fn port(url: &Url) -> u16 {
    url.port_or_known_default().unwrap_or_default()
}

/// Checks a host that is written as an IP address; names are checked when they are resolved.
///
/// # Errors
/// `address_refused`.
pub fn check_literal(url: &Url, allow: &[SocketAddr]) -> Result<(), Error> {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        _ => return Ok(()),
    };
    let target = SocketAddr::new(address, port(url));
    match non_public(address) {
        Some(kind) if !allow.contains(&target) => Err(refused(&origin(url), target, kind)),
        _ => Ok(()),
    }
}

/// The permitted addresses of a resolved name.
///
/// # Errors
/// `address_refused` if none of them is permitted, `unreachable` if there are none at all.
pub fn resolved(
    name: &str,
    port: u16,
    found: impl IntoIterator<Item = IpAddr>,
    allow: &[SocketAddr],
) -> Result<Vec<SocketAddr>, Error> {
    let mut permitted = Vec::new();
    let mut refusal = None;
    for address in found {
        let target = SocketAddr::new(address, port);
        match non_public(address) {
            Some(kind) if !allow.contains(&target) => refusal = refusal.or(Some((target, kind))),
            _ => permitted.push(target),
        }
    }
    match refusal {
        _ if !permitted.is_empty() => Ok(permitted),
        Some((target, kind)) => Err(refused(name, target, kind)),
        None => Err(Error::transient(ErrorCode::Unreachable, format!("`{name}` has no address"))),
    }
}

fn refused(from: &str, target: SocketAddr, kind: &str) -> Error {
    // Port zero: the resolver knows only names.
    let target = if target.port() == 0 { target.ip().to_string() } else { target.to_string() };
    Error::permanent(
        ErrorCode::AddressRefused,
        format!("`{from}` resolves to `{target}`, {kind}: add it to `allow` if it should be reached"),
    )
}

/// Scheme, host and port: the only parts of a URL that messages show, since its path or query may contain a secret.
pub fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NON_PUBLIC: &str = "
        0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.0.1
        169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.170 192.0.2.1 192.88.99.1
        192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.7 224.0.0.1 239.255.255.250
        240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:8.8.8.8
        ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1 100::1 2001::1 2001:0:7f00:1::
        2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:808:808::1 3fff::1 5f00::1 fc00::1
        fd00:ec2::254 fe80::1 febf::1 fec0::1 ff02::1";

    const PUBLIC: &str = "
        1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1
        169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.1 192.167.255.255 192.169.0.0
        198.17.255.255 198.20.0.0 223.255.255.255 208.80.154.224 2620:0:861:ed1a::1 2606:4700::1111
        2001:4860:4860::8888 2001:200::1 2003::1 2a02:ec80:300:ed1a::1";

    #[test]
    fn an_address_outside_the_public_internet_is_not_public() {
        for address in NON_PUBLIC.split_whitespace() {
            assert!(non_public(address.parse().expect("an address")).is_some(), "{address} passes as public");
        }
        for address in PUBLIC.split_whitespace() {
            assert_eq!(non_public(address.parse().expect("an address")), None, "{address} does not pass as public");
        }
    }

    const HOSTS: &str = "
        127.0.0.1 127.1 127.0.1 0 2130706433 0x7f000001 0x7f.1 0177.0.0.1 017700000001 0x7f.0x0.0x0.0x1
        127.0.0.1. %31%32%37.0.0.1 １２７.０.０.１ 127。0。0。1 [::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1]
        [0:0:0:0:0:ffff:7f00:0001] [::127.0.0.1] [64:ff9b::127.0.0.1] [2002:7f00:1::] 2852039166 0xa9fea9fe
        169.254.169.254 [fd00:ec2::254] 3232235777 0300.0250.1.1";

    fn check_url(url: &str, allow: &[SocketAddr]) -> Result<(), String> {
        parse(url).and_then(|url| check_literal(&url, allow)).map_err(|error| error.code.to_string())
    }

    #[test]
    fn a_non_public_address_is_refused_in_any_spelling() {
        for host in HOSTS.split_whitespace() {
            for url in [format!("http://{host}/"), format!("https://{host}:8443/x?y"), format!("HTTP://{host}")] {
                assert_eq!(check_url(&url, &[]), Err("address_refused".into()), "{url}");
            }
        }
        assert_eq!(check_url("https://208.80.154.224/", &[]), Ok(()));
    }

    #[test]
    fn only_plain_http_urls_are_fetched() {
        for url in ["", "wikipedia", "//example.com", "http://", "http://[::1", "http://256.256.256.256", "http://a b/"]
        {
            assert_eq!(check_url(url, &[]), Err("url_unreadable".into()), "{url}");
        }
        for url in [
            "file:///etc/passwd",
            "ftp://example.com/",
            "gopher://example.com",
            "data:,x",
            "javascript:x",
            "ws://example.com",
        ] {
            assert_eq!(check_url(url, &[]), Err("url_unreadable".into()), "{url}");
        }
        for url in ["http://me@example.com/", "https://me:secret@example.com/", "http://:secret@example.com/"] {
            let error = parse(url).expect_err("refused");
            assert_eq!(error.code, ErrorCode::AddressRefused, "{url}");
            assert!(!error.message.contains("secret"), "{}", error.message);
        }
    }

    #[test]
    fn only_the_very_address_and_port_that_are_allowed_are_admitted() {
        let allow = ["127.0.0.1:8080".parse().expect("an address")];
        assert_eq!(check_url("http://127.0.0.1:8080/", &allow), Ok(()));
        assert_eq!(check_url("http://0x7f.1:8080/", &allow), Ok(()));
        for url in [
            "http://127.0.0.1/",
            "http://127.0.0.1:8081/",
            "http://127.0.0.2:8080/",
            "http://[::1]:8080/",
            "http://[::ffff:127.0.0.1]:8080/",
        ] {
            assert_eq!(check_url(url, &allow), Err("address_refused".into()), "{url}");
        }
    }

    #[test]
    fn only_the_permitted_addresses_of_a_name_are_kept() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let allow = ["127.0.0.1:8080".parse().expect("an address")];
        let mixed = [ip("10.0.0.1"), ip("8.8.8.8"), ip("::1")];
        assert_eq!(resolved("n", 443, mixed, &allow), Ok(vec![SocketAddr::new(ip("8.8.8.8"), 443)]));
        assert_eq!(resolved("n", 8080, [ip("::1"), ip("127.0.0.1")], &allow), Ok(vec![allow[0]]));
        let refused = resolved("n", 8081, [ip("127.0.0.1")], &allow).expect_err("another port");
        assert_eq!(
            refused.message,
            "`n` resolves to `127.0.0.1:8081`, a loopback address: add it to `allow` if it should be reached"
        );
        assert_eq!(resolved("n", 80, [], &allow).expect_err("no address").code, ErrorCode::Unreachable);
    }
}
