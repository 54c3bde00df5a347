//! Bearer tokens: how they are asked for, and how long they are kept (distribution's token
//! specification; for identity tokens its OAuth 2.0 form).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use config::auth::Credential;
use http::{HeaderValue, Method, StatusCode, header};
use oci::{Digest, limits};
use serde::Deserialize;
use url::Url;

use crate::challenge::Bearer;
use crate::error::{RegistryError, Result, redacted};
use crate::exchange::{Ask, Session};
use crate::host::Reached;
use crate::realm::{self, Realm};
use crate::resolver::RealmResolver;
use crate::tls::Peer;

/// The shortest life of a token; services that say less, or nothing, mean this (as
/// containers/image reads them).
const MIN_LIFE: Duration = Duration::from_secs(60);
/// The longest time that a token is kept.
const MAX_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// A token is not used in its last seconds: it would expire on its way.
const MARGIN: Duration = Duration::from_secs(5);
/// Most tokens that are kept before the expired ones are dropped.
const MAX_KEPT: usize = 1000;
/// The name by which identity tokens were issued to tools of this family.
const CLIENT_ID: &str = "containers/image";

/// What a token was issued for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TokenKey {
    host: String,
    realm: String,
    service: Option<String>,
    /// Sorted, without repetition.
    scopes: Vec<String>,
    /// Stands for the credential without holding it.
    credential: Digest,
}

#[derive(Debug)]
struct Token {
    header: HeaderValue,
    expires: Instant,
}

type Slot = tokio::sync::Mutex<Option<Token>>;

/// The tokens of a client. Whoever needs one that is being asked for already waits for it.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<HashMap<TokenKey, Arc<Slot>>>);

impl Tokens {
    fn slot(&self, key: &TokenKey) -> Arc<Slot> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAX_KEPT {
            let now = Instant::now();
            slots.retain(|_, slot| match slot.try_lock() {
                Ok(token) => token.as_ref().is_some_and(|token| token.expires > now),
                Err(_) => true,
            });
        }
        Arc::clone(slots.entry(key.clone()).or_default())
    }

    /// Forgets a token that the registry did not accept.
    pub(crate) async fn forget(&self, key: &TokenKey, header: &HeaderValue) {
        let slot = self.slot(key);
        let mut token = slot.lock().await;
        if token.as_ref().is_some_and(|token| token.header == *header) {
            *token = None;
        }
    }
}

/// A token and whether it was asked for just now.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) header: HeaderValue,
    pub(crate) key: TokenKey,
    pub(crate) fresh: bool,
}

/// Makes the value of a Basic `Authorization` header.
pub(crate) fn basic_header(username: &str, password: &str) -> Option<HeaderValue> {
    let encoded = STANDARD.encode(format!("{username}:{password}"));
    secret_header("Basic", &encoded)
}

/// What is wrong with a token that [`bearer_header`] makes nothing of.
pub(crate) const UNFIT: &str = "it cannot be put into a header, or is longer than 65536 bytes";

/// Makes the value of a Bearer `Authorization` header, when `token` can be one.
pub(crate) fn bearer_header(token: &str) -> Option<HeaderValue> {
    let fits = !token.is_empty()
        && token.len() <= limits::BEARER_TOKEN_BYTES
        && token.bytes().all(|b| b.is_ascii_graphic());
    if fits {
        secret_header("Bearer", token)
    } else {
        None
    }
}

fn secret_header(scheme: &str, secret: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("{scheme} {secret}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl Session {
    /// Returns a token for `scopes`, from the cache or the realm of the challenge.
    pub(crate) async fn token(
        &self,
        reached: &Reached,
        challenge: &Bearer,
        scopes: &[String],
    ) -> Result<Issued> {
        let options = &self.inner.options;
        let realm = realm::check(
            &self.host.name,
            &reached.base,
            &challenge.realm,
            &options.realm_pairs,
        )
        .map_err(|reason| RegistryError::Realm {
            registry: self.host.name.clone(),
            realm: Url::parse(&challenge.realm)
                .map_or_else(|_| crate::error::quoted(&challenge.realm), |u| redacted(&u)),
            reason,
            setting: options.realm_setting,
        })?;
        let mut scopes = scopes.to_vec();
        scopes.sort();
        scopes.dedup();
        let key = TokenKey {
            host: self.host.name.clone(),
            realm: challenge.realm.clone(),
            service: challenge.service.clone(),
            scopes,
            credential: self.login,
        };
        let slot = self.inner.tokens.slot(&key);
        let mut kept = slot.lock().await;
        if let Some(token) = &*kept
            && token.expires > Instant::now()
        {
            return Ok(Issued {
                header: token.header.clone(),
                key,
                fresh: false,
            });
        }
        let asked = Instant::now();
        let (header, life) = self.ask_token(reached, &realm, &key).await?;
        *kept = Some(Token {
            header: header.clone(),
            expires: asked + life - MARGIN,
        });
        Ok(Issued {
            header,
            key,
            fresh: true,
        })
    }

    async fn ask_token(
        &self,
        reached: &Reached,
        realm: &Realm,
        key: &TokenKey,
    ) -> Result<(HeaderValue, Duration)> {
        let peer = if realm.same_host {
            Peer::Registry
        } else {
            Peer::TokenService(RealmResolver {
                registry: reached.scope,
            })
        };
        let (ask, login) = self.token_request(realm, key);
        let client = self.client(&ask.url, peer)?;
        let body = self
            .retrying(|| async {
                let response = self
                    .execute(&client, &ask, &ask.url, login.as_ref())
                    .await?;
                // A redirect falls through to here as well: it would take the password along.
                if response.status() != StatusCode::OK {
                    let error = self.status_error(&ask.method, response).await;
                    return Err(error.outside_repositories());
                }
                self.read_all(response, &ask.method, "token", limits::TOKEN_BYTES)
                    .await
            })
            .await?;
        parse_token(&body, &ask.url)
    }

    fn token_request(&self, realm: &Realm, key: &TokenKey) -> (Ask, Option<HeaderValue>) {
        let mut url = realm.url.clone();
        if let Credential::IdentityToken(token) = &self.credential {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.append_pair("grant_type", "refresh_token")
                .append_pair("client_id", CLIENT_ID)
                .append_pair("refresh_token", token.expose());
            if let Some(service) = &key.service {
                form.append_pair("service", service);
            }
            if !key.scopes.is_empty() {
                form.append_pair("scope", &key.scopes.join(" "));
            }
            let mut ask = Ask::new(Method::POST, url, None);
            ask.body = Some(Bytes::from(form.finish()));
            let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
            ask.headers.insert(header::CONTENT_TYPE, form_type);
            return (ask, None);
        }
        let mut login = None;
        {
            let mut query = url.query_pairs_mut();
            if let Credential::Basic { username, password } = &self.credential {
                if !username.is_empty() {
                    query.append_pair("account", username);
                }
                login = basic_header(username, password.expose());
            }
            if let Some(service) = &key.service {
                query.append_pair("service", service);
            }
            for scope in &key.scopes {
                query.append_pair("scope", scope);
            }
        }
        if url.query() == Some("") {
            url.set_query(None);
        }
        (Ask::new(Method::GET, url, None), login)
    }
}

#[derive(Deserialize)]
struct TokenReply {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<serde_json::Number>,
}

fn parse_token(body: &[u8], realm: &Url) -> Result<(HeaderValue, Duration)> {
    let bad = |reason: &str| RegistryError::Token {
        realm: redacted(realm),
        reason: reason.to_owned(),
    };
    let reply: TokenReply =
        oci::json::from_slice(body, limits::TOKEN_BYTES).map_err(|source| RegistryError::Json {
            url: redacted(realm),
            what: "the answer is no token",
            source,
        })?;
    let token = [reply.token, reply.access_token]
        .into_iter()
        .flatten()
        .find(|token| !token.is_empty())
        .ok_or_else(|| bad("the answer holds none"))?;
    let header = bearer_header(&token).ok_or_else(|| bad(UNFIT))?;
    let seconds = match &reply.expires_in {
        None => 0,
        Some(number) if number.is_f64() => return Err(bad("expires_in is no whole number")),
        // A negative number is none at all.
        Some(number) => number.as_u64().unwrap_or(0),
    };
    Ok((
        header,
        Duration::from_secs(seconds).clamp(MIN_LIFE, MAX_LIFE),
    ))
}

/// Hashes what a credential is, so that tokens are kept apart by it.
pub(crate) fn login_of(credential: &Credential) -> Digest {
    let text = match credential {
        Credential::Anonymous => String::new(),
        Credential::Basic { username, password } => {
            format!(
                "basic\0{}\0{username}\0{}",
                username.len(),
                password.expose()
            )
        }
        Credential::IdentityToken(token) => format!("identity\0{}", token.expose()),
        Credential::RegistryToken(token) => format!("registry\0{}", token.expose()),
    };
    Digest::sha256(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_replies() {
        let realm = Url::parse("https://auth.example/token").unwrap();
        let parse = |body: &str| {
            parse_token(body.as_bytes(), &realm)
                .map(|(header, life)| (header.to_str().unwrap().to_owned(), life.as_secs()))
                .map_err(|error| error.to_string())
        };
        let ok = |token: &str, life| Ok((format!("Bearer {token}"), life));
        assert_eq!(parse(r#"{"token":"a.b","expires_in":300}"#), ok("a.b", 300));
        assert_eq!(parse(r#"{"access_token":"x"}"#), ok("x", 60));
        assert_eq!(
            parse(r#"{"token":"","access_token":"x","expires_in":0}"#),
            ok("x", 60)
        );
        assert_eq!(parse(r#"{"token":"t","expires_in":-7}"#), ok("t", 60));
        assert_eq!(
            parse(r#"{"token":"t","expires_in":9223372036854775808}"#),
            ok("t", 86400)
        );
        for bad in [
            "<html>",
            "{}",
            r#"{"token":""}"#,
            r#"{"token":"a b"}"#,
            r#"{"token":"a\r\nX: y"}"#,
            r#"{"token":"a","token":"b"}"#,
            r#"{"token":7}"#,
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let long = format!(
            r#"{{"token":"{}"}}"#,
            "x".repeat(limits::BEARER_TOKEN_BYTES + 1)
        );
        assert!(parse(&long).is_err());
    }
}
