//! Which requests go by way of a proxy.

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{NoProxy, Proxy};
use url::Url;

use crate::error::{RegistryError, Result};
use crate::options::Proxies;

/// As Go does, this machine is never asked for through a proxy.
const DIRECT: &str = "localhost,127.0.0.0/8,::1";

/// The proxies as the HTTP library takes them.
pub(crate) fn all(proxies: &Proxies) -> Result<Vec<Proxy>> {
    let bad = |source: reqwest::Error| RegistryError::Setup {
        what: "proxy",
        source: source.without_url().into(),
    };
    let direct = direct(proxies);
    let mut found = Vec::new();
    if let Some(url) = set(proxies.http.as_deref()) {
        let proxy = Proxy::http(url).map_err(bad)?;
        found.push(proxy.no_proxy(NoProxy::from_string(&direct)));
    }
    if let Some(url) = set(proxies.https.as_deref()) {
        let proxy = Proxy::https(url).map_err(bad)?;
        found.push(proxy.no_proxy(NoProxy::from_string(&direct)));
    }
    Ok(found)
}

/// Returns the proxy that requests to `url` go to, without user and password, in the judgement of
/// what the HTTP library itself decides by.
pub(crate) fn of(proxies: &Proxies, url: &Url) -> Option<String> {
    let matcher = Matcher::builder()
        .http(proxies.http.as_deref().unwrap_or_default())
        .https(proxies.https.as_deref().unwrap_or_default())
        .no(direct(proxies))
        .build();
    let proxy = matcher.intercept(&url.as_str().parse().ok()?)?;
    let uri = proxy.uri();
    // A name of a user that could not be taken off is not shown.
    let host = uri.authority()?.as_str().rsplit('@').next()?;
    Some(format!("{}://{host}", uri.scheme_str()?))
}

fn direct(proxies: &Proxies) -> String {
    format!("{DIRECT},{}", proxies.none.as_deref().unwrap_or_default())
}

fn set(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_of_a_request_is_told_without_its_password() {
        let proxies = Proxies {
            http: None,
            https: Some("http://user:secret@proxy.example:3128/".to_owned()),
            none: Some(".inside.example,10.0.0.0/8".to_owned()),
        };
        for (url, want) in [
            ("https://r.example/v2/", Some("http://proxy.example:3128")),
            ("http://r.example/v2/", None),
            ("https://a.inside.example/v2/", None),
            ("https://10.1.2.3:5000/v2/", None),
            ("https://127.0.0.1:5000/v2/", None),
            ("https://localhost:5000/v2/", None),
        ] {
            let got = of(&proxies, &url.parse().unwrap());
            assert_eq!(got.as_deref(), want, "{url}");
        }
        let bare = Proxies {
            http: Some("proxy.example:3128".to_owned()),
            https: Some(String::new()),
            none: None,
        };
        let of_bare = |url: &str| of(&bare, &url.parse().unwrap());
        assert_eq!(
            of_bare("http://r.example/").as_deref(),
            Some("http://proxy.example:3128")
        );
        assert_eq!(of_bare("https://r.example/"), None);
    }
}
