//! Which addresses a registry's name may lead to.
//!
//! A registry that a user names is a request that the console makes for them. Without a limit it would reach what only the console
//! can reach: the machine itself, its network, a cloud's metadata service.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Whether an address belongs to the public internet.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        // Shared by providers, protocol assignments, benchmarks, reserved.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 240
        // A cloud's metadata service on an address that looks public.
        || [a, b, c, d] == [168, 63, 129, 16];
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let low_v4 = Ipv4Addr::from((u32::from(segments[6]) << 16) | u32::from(segments[7]));
    if let Some(v4) = address.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    match segments {
        // Translated to IPv4 on the way.
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => is_public_v4(low_v4),
        [0x2002, high, low, ..] => is_public_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))),
        // Teredo, documentation, discard.
        [0x2001, 0 | 0xdb8, ..] | [0x100, ..] | [0x64, 0xff9b, ..] => false,
        // The only range that is given out.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// Nothing public was found under a name.
#[derive(Debug, thiserror::Error)]
#[error("{host} is at {address}, which is no public address")]
pub(super) struct Refused {
    pub host: String,
    pub address: IpAddr,
}

/// Looks names up once; the connection goes to what was found and nowhere else.
#[derive(Clone, Debug)]
pub(super) struct Resolver {
    hosts: Arc<HashMap<String, IpAddr>>,
    private_too: bool,
}

impl Resolver {
    /// `extra_hosts` are `name:address` pairs as workers have them: a builder and the console mean the same registry.
    pub(super) fn new(extra_hosts: &[String], private_too: bool) -> Self {
        let hosts = extra_hosts
            .iter()
            .filter_map(|pair| pair.split_once(':'))
            // Words such as `host-gateway` mean something to the engine only.
            .filter_map(|(name, address)| {
                Some((
                    name.to_ascii_lowercase(),
                    address.trim_matches(['[', ']']).parse().ok()?,
                ))
            })
            .collect();
        Self {
            hosts: Arc::new(hosts),
            private_too,
        }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (hosts, private_too) = (Arc::clone(&self.hosts), self.private_too);
        Box::pin(async move {
            let host = name.as_str().to_ascii_lowercase();
            let found: Vec<SocketAddr> = match hosts.get(&host) {
                Some(address) => vec![SocketAddr::new(*address, 0)],
                None => tokio::net::lookup_host((host.as_str(), 0)).await?.collect(),
            };
            let allowed: Vec<SocketAddr> = found
                .iter()
                .copied()
                .filter(|a| private_too || is_public(a.ip()))
                .collect();
            match (allowed.is_empty(), found.first()) {
                (true, Some(first)) => Err(Refused {
                    host,
                    address: first.ip(),
                }
                .into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "192.0.2.1",
            "168.63.129.16",
            "240.0.0.1",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001:0:1::1",
            "::127.0.0.1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "1.1.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused_unless_that_is_allowed() {
        let hosts = [
            "inside.example.com:10.1.2.3".to_owned(),
            "skipped.example.com:host-gateway".to_owned(),
        ];
        let name = || "Inside.example.com".parse::<Name>().unwrap();
        let refused = Resolver::new(&hosts, false).resolve(name()).await.err().unwrap();
        assert_eq!(
            refused.to_string(),
            "inside.example.com is at 10.1.2.3, which is no public address"
        );
        let allowed: Vec<_> = Resolver::new(&hosts, true).resolve(name()).await.unwrap().collect();
        assert_eq!(allowed, ["10.1.2.3:0".parse().unwrap()]);
        assert!(
            Resolver::new(&[], false)
                .resolve("localhost".parse().unwrap())
                .await
                .is_err()
        );
    }
}
