//! Addresses that token requests may go to.
//!
//! A realm that is allowed by name may still resolve to a metadata service or to a neighbour
//! inside the private network (`169.254.169.254` gives away the machine's identity). So the
//! addresses are looked at after they are resolved, and only those that pass are connected to.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Where an address lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// This machine.
    Loopback,
    /// The link: metadata services are there.
    Link,
    /// A private network.
    Private,
    /// Addresses that no peer has: unspecified, multicast, broadcast, reserved.
    Nowhere,
    /// The internet.
    Global,
}

impl Scope {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::of_v4(v4),
            IpAddr::V6(v6) => {
                let s = v6.segments();
                if v6.is_loopback() {
                    Self::Loopback
                } else if v6.is_unspecified() || v6.is_multicast() {
                    Self::Nowhere
                } else if let Some(v4) = v6.to_ipv4() {
                    Self::of_v4(v4)
                } else if s[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
                    // NAT64 carries an IPv4 address in its last 32 bits (RFC 6052).
                    Self::of_v4(Ipv4Addr::from((u32::from(s[6]) << 16) | u32::from(s[7])))
                } else if s[0] & 0xffc0 == 0xfe80 {
                    Self::Link
                } else if s[0] & 0xfe00 == 0xfc00 {
                    Self::Private
                } else {
                    Self::Global
                }
            }
        }
    }

    fn of_v4(v4: Ipv4Addr) -> Self {
        let o = v4.octets();
        if v4.is_loopback() {
            Self::Loopback
        } else if v4.is_link_local() {
            Self::Link
        } else if v4.is_private() || (o[0] == 100 && o[1] & 0xc0 == 64) {
            Self::Private
        } else if o[0] == 0 || o[0] >= 224 {
            Self::Nowhere
        } else {
            Self::Global
        }
    }
}

/// Resolves names and drops addresses that a token realm of a registry must not have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RealmResolver {
    /// Where the registry itself is, as far as that is known.
    pub(crate) registry: Option<Scope>,
}

impl RealmResolver {
    fn allows(self, address: IpAddr) -> bool {
        let scope = Scope::of(address);
        scope == Scope::Global || Some(scope) == self.registry
    }
}

impl Resolve for RealmResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rule = *self;
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| rule.allows(address.ip()))
                .collect();
            if allowed.is_empty() {
                return Err(io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    "the token realm resolves to private addresses only, and the registry has none",
                )
                .into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lie_somewhere() {
        let table = [
            ("127.0.0.1", Scope::Loopback),
            ("::1", Scope::Loopback),
            ("::ffff:127.0.0.1", Scope::Loopback),
            ("169.254.169.254", Scope::Link),
            ("64:ff9b::a9fe:a9fe", Scope::Link),
            ("fe80::1", Scope::Link),
            ("10.1.2.3", Scope::Private),
            ("172.31.0.1", Scope::Private),
            ("192.168.0.1", Scope::Private),
            ("100.100.100.200", Scope::Private),
            ("fd00:ec2::254", Scope::Private),
            ("0.0.0.0", Scope::Nowhere),
            ("224.0.0.1", Scope::Nowhere),
            ("::", Scope::Nowhere),
            ("172.32.0.1", Scope::Global),
            ("8.8.8.8", Scope::Global),
            ("2001:4860:4860::8888", Scope::Global),
        ];
        for (text, want) in table {
            assert_eq!(Scope::of(text.parse().unwrap()), want, "{text}");
        }
    }

    #[test]
    fn private_realms_need_a_private_registry() {
        let metadata: IpAddr = "169.254.169.254".parse().unwrap();
        let private: IpAddr = "10.0.0.1".parse().unwrap();
        let rule = |registry| RealmResolver { registry };
        assert!(!rule(Some(Scope::Global)).allows(private));
        assert!(!rule(None).allows(private));
        assert!(rule(Some(Scope::Private)).allows(private));
        assert!(!rule(Some(Scope::Private)).allows(metadata));
        assert!(rule(Some(Scope::Private)).allows("8.8.8.8".parse().unwrap()));
    }
}
