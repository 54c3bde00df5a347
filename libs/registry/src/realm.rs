//! Which token realms a registry may send us to.
//!
//! The realm gets the user's password, and the registry chooses it: containerd's CVE-2020-15157
//! and its many relatives are realms on a host of the attacker's. So a realm is used only when
//! it is on the registry's own host, or when a built-in or configured pair says that this
//! registry's tokens come from that host.

use url::Url;

/// Registries whose tokens are known to come from another host.
const BUILT_IN_PAIRS: &[(&str, &str)] = &[
    ("docker.io", "auth.docker.io"),
    ("registry-1.docker.io", "auth.docker.io"),
    ("index.docker.io", "auth.docker.io"),
];

/// The rule that a listed pair makes an exception to.
pub(crate) const ANOTHER_HOST: &str = "is on another host than the registry";

/// A realm that tokens are asked of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Realm {
    pub(crate) url: Url,
    /// Whether the realm is on the registry's own host.
    pub(crate) same_host: bool,
}

/// Checks the realm of a challenge from `registry`, which was reached as `base`.
///
/// # Errors
/// The rule that the realm breaks.
pub(crate) fn check(
    registry: &str,
    base: &Url,
    realm: &str,
    pairs: &[(String, String)],
) -> Result<Realm, &'static str> {
    let url = Url::parse(realm).map_err(|_| "is no URL")?;
    match url.scheme() {
        "https" => {}
        // Nothing is lost that the registry's own plain http has not given away already.
        "http" if base.scheme() == "http" => {}
        "http" => return Err("is http for a registry that is https"),
        _ => return Err("is neither http nor https"),
    }
    if !url.username().is_empty() || url.password().is_some() || realm_has_userinfo(realm) {
        return Err("has a user name in it");
    }
    if url.fragment().is_some() {
        return Err("has a fragment");
    }
    let Some(host) = url.host() else {
        return Err("has no host");
    };
    if base.host().as_ref() == Some(&host) {
        return Ok(Realm {
            url,
            same_host: true,
        });
    }
    let registry_name = host_name(registry);
    let base_name = base.host_str().unwrap_or_default();
    let realm_name = host.to_string();
    let realm_with_port = format!(
        "{realm_name}:{}",
        url.port_or_known_default().unwrap_or_default()
    );
    let listed = |from: &str, to: &str| {
        (same(from, registry_name) || same(from, registry) || same(from, base_name))
            && (same(to, &realm_name) || same(to, &realm_with_port))
    };
    let allowed = BUILT_IN_PAIRS.iter().any(|(from, to)| listed(from, to))
        || pairs.iter().any(|(from, to)| listed(from, to));
    if !allowed {
        return Err(ANOTHER_HOST);
    }
    Ok(Realm {
        url,
        same_host: false,
    })
}

fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// Returns the host of `host:port`; an address in brackets keeps them.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// An empty user name (`https://@host/`) leaves no trace in a parsed URL.
fn realm_has_userinfo(realm: &str) -> bool {
    let authority = realm.split_once("://").map_or(realm, |(_, rest)| rest);
    authority
        .split(['/', '?', '#', '\\'])
        .next()
        .unwrap_or_default()
        .contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn realms_are_judged() {
        let pairs = [
            ("r.example:5000", "auth.example"),
            ("r.example", "ported.example:8443"),
            ("127.0.0.1:5000", "auth.example"),
            ("r.example:5000", "192.0.2.7:8443"),
            ("r.example:5000", "[2001:db8::1]"),
        ]
        .map(|(registry, realm)| (registry.to_owned(), realm.to_owned()));
        let check = |registry: &str, base: &str, realm: &str| {
            check(registry, &Url::parse(base).unwrap(), realm, &pairs).map(|r| r.same_host)
        };
        let hub = ("docker.io", "https://registry-1.docker.io/v2/");
        let own = ("r.example:5000", "https://r.example:5000/v2/");
        let loopback = ("127.0.0.1:5000", "http://127.0.0.1:5000/v2/");
        type Registry = (&'static str, &'static str);
        let table: &[(Registry, &str, Result<bool, &str>)] = &[
            (hub, "https://auth.docker.io/token", Ok(false)),
            (hub, "https://AUTH.docker.io/token", Ok(false)),
            (
                hub,
                "https://auth.docker.io.evil.example/token",
                Err("is on another host than the registry"),
            ),
            (
                hub,
                "https://evil.example/auth.docker.io",
                Err("is on another host than the registry"),
            ),
            (
                hub,
                "https://auth.docker.io@evil.example/",
                Err("has a user name in it"),
            ),
            (
                hub,
                "https://@auth.docker.io/",
                Err("has a user name in it"),
            ),
            (
                hub,
                "http://auth.docker.io/token",
                Err("is http for a registry that is https"),
            ),
            (own, "https://r.example/token", Ok(true)),
            (own, "https://r.example:8443/token?x=y", Ok(true)),
            (own, "https://auth.example/token", Ok(false)),
            (own, "https://ported.example:8443/token", Ok(false)),
            (
                own,
                "https://ported.example/token",
                Err("is on another host than the registry"),
            ),
            (
                own,
                "https://sub.auth.example/token",
                Err("is on another host than the registry"),
            ),
            (
                own,
                "http://r.example:5000/token",
                Err("is http for a registry that is https"),
            ),
            (
                own,
                "https://127.0.0.1/token",
                Err("is on another host than the registry"),
            ),
            (
                own,
                "https://169.254.169.254/latest",
                Err("is on another host than the registry"),
            ),
            (
                own,
                "https://auth.docker.io/token",
                Err("is on another host than the registry"),
            ),
            (own, "file:///etc/passwd", Err("is neither http nor https")),
            (own, "/token", Err("is no URL")),
            (own, "https://r.example/#x", Err("has a fragment")),
            (loopback, "http://127.0.0.1:6000/token", Ok(true)),
            (loopback, "https://127.0.0.1:6000/token", Ok(true)),
            (
                loopback,
                "http://localhost:6000/token",
                Err("is on another host than the registry"),
            ),
            (loopback, "http://auth.example/token", Ok(false)),
            (loopback, "https://auth.example/token", Ok(false)),
            (
                own,
                "http://auth.example/token",
                Err("is http for a registry that is https"),
            ),
            (own, "https://192.0.2.7:8443/token", Ok(false)),
            (
                own,
                "https://192.0.2.7/token",
                Err("is on another host than the registry"),
            ),
            (own, "https://[2001:db8::1]/token", Ok(false)),
        ];
        for ((registry, base), realm, want) in table {
            assert_eq!(check(registry, base, realm), *want, "{registry} {realm}");
        }
    }
}
