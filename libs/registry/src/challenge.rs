//! `WWW-Authenticate`: which credentials a registry asks for (RFC 9110, 11.6.1).
//!
//! ```text
//! challenge   = scheme [ 1*SP ( token68 / #auth-param ) ]
//! auth-param  = token BWS "=" BWS ( token / quoted-string )
//! ```
//! One header may hold several challenges, and there may be several headers. The grammar is
//! read strictly: a realm that two readers understand differently is a way to send a password
//! to the wrong one.

use crate::error::quoted;

/// Most bytes of one header.
const MAX_HEADER_BYTES: usize = 16 << 10;
/// Most challenges that are looked at.
const MAX_CHALLENGES: usize = 16;

/// One challenge that is understood; schemes that are not are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User name and password in each request.
    Basic,
    /// A token from a token service.
    Bearer(Bearer),
}

/// The parameters of a `Bearer` challenge (distribution's token specification).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bearer {
    /// Where tokens are to be had.
    pub(crate) realm: String,
    /// The name of the registry at its token service.
    pub(crate) service: Option<String>,
    /// What the failing request would need.
    pub(crate) scope: Option<String>,
    /// Why the token at hand does not do.
    pub(crate) error: Option<String>,
}

/// Why a header is refused, with the header shortened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadChallenge {
    pub(crate) header: String,
    pub(crate) reason: &'static str,
}

/// Reads the challenges of all headers, in their order.
pub(crate) fn parse<'a>(
    headers: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<Challenge>, BadChallenge> {
    let mut challenges = Vec::new();
    for header in headers {
        let bad = |reason| BadChallenge {
            header: quoted(&String::from_utf8_lossy(header)),
            reason,
        };
        if header.len() > MAX_HEADER_BYTES {
            return Err(bad("is longer than 16384 bytes"));
        }
        let text = std::str::from_utf8(header).map_err(|_| bad("is not text"))?;
        for raw in split(text).map_err(bad)? {
            if challenges.len() == MAX_CHALLENGES {
                return Err(bad("holds more than 16 challenges"));
            }
            challenges.extend(understand(raw).map_err(bad)?);
        }
    }
    Ok(challenges)
}

struct Raw<'a> {
    scheme: &'a str,
    params: Vec<(String, String)>,
}

fn understand(raw: Raw<'_>) -> Result<Option<Challenge>, &'static str> {
    if raw.scheme.eq_ignore_ascii_case("basic") {
        return Ok(Some(Challenge::Basic));
    }
    if !raw.scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    let mut bearer = Bearer::default();
    let mut realm = None;
    for (name, value) in raw.params {
        match name.as_str() {
            "realm" => realm = Some(value),
            "service" => bearer.service = Some(value),
            "scope" => bearer.scope = Some(value),
            "error" => bearer.error = Some(value),
            _ => {}
        }
    }
    bearer.realm = realm.ok_or("has a Bearer challenge without realm")?;
    Ok(Some(Challenge::Bearer(bearer)))
}

fn split(text: &str) -> Result<Vec<Raw<'_>>, &'static str> {
    let mut cursor = Cursor { rest: text };
    let mut found: Vec<Raw<'_>> = Vec::new();
    loop {
        cursor.skip_list_separators();
        if cursor.rest.is_empty() {
            return Ok(found);
        }
        let word = cursor
            .token()
            .ok_or("has something else than a token where one must be")?;
        let spaces = cursor.skip_spaces();
        if cursor.eat('=') {
            // `name = value`: a parameter of the challenge before.
            let challenge = found.last_mut().ok_or("begins with a parameter")?;
            cursor.skip_spaces();
            let value = cursor.value()?;
            let name = word.to_ascii_lowercase();
            if challenge.params.iter().any(|(known, _)| *known == name) {
                return Err("has a parameter twice");
            }
            challenge.params.push((name, value));
            cursor.skip_spaces();
            if !cursor.at_list_end() {
                return Err("has no comma between two parameters");
            }
            continue;
        }
        found.push(Raw {
            scheme: word,
            params: Vec::new(),
        });
        if cursor.at_list_end() {
            continue;
        }
        if spaces == 0 {
            return Err("has no space behind a scheme");
        }
        cursor.skip_token68();
    }
}

struct Cursor<'a> {
    rest: &'a str,
}

fn is_token_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

impl<'a> Cursor<'a> {
    fn skip_list_separators(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', ',']);
    }

    fn skip_spaces(&mut self) -> usize {
        let before = self.rest.len();
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        before - self.rest.len()
    }

    fn at_list_end(&self) -> bool {
        self.rest.is_empty() || self.rest.starts_with(',')
    }

    fn eat(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn token(&mut self) -> Option<&'a str> {
        let end = self
            .rest
            .bytes()
            .position(|b| !is_token_byte(b))
            .unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }

    /// Skips `token68` when the next list element is one (`Negotiate abcd==`), else nothing.
    fn skip_token68(&mut self) {
        let is_part = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
        let end = self
            .rest
            .bytes()
            .position(|b| !is_part(b))
            .unwrap_or(self.rest.len());
        let padded = self.rest[end..].trim_start_matches('=');
        let behind = padded.trim_start_matches([' ', '\t']);
        if end > 0 && (behind.is_empty() || behind.starts_with(',')) {
            self.rest = behind;
        }
    }

    fn value(&mut self) -> Result<String, &'static str> {
        if !self.eat('"') {
            return self
                .token()
                .map(str::to_owned)
                .ok_or("has a parameter without value");
        }
        let mut value = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            let c = match c {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(value);
                }
                '\\' => match chars.next() {
                    Some((_, escaped)) => escaped,
                    None => break,
                },
                c => c,
            };
            if c.is_control() && c != '\t' {
                return Err("has a control character");
            }
            value.push(c);
        }
        Err("has a quoted text without end")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        Challenge::Bearer(Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
            error: None,
        })
    }

    #[test]
    fn headers_are_read() {
        let hub = bearer(
            "https://auth.docker.io/token",
            Some("registry.docker.io"),
            None,
        );
        let table: &[(&str, Vec<Challenge>)] = &[
            (r#"Basic realm="x""#, vec![Challenge::Basic]),
            ("basic", vec![Challenge::Basic]),
            (
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io""#,
                vec![hub.clone()],
            ),
            (
                r#"BEARER  Realm = "https://auth.docker.io/token" , service=registry.docker.io"#,
                vec![hub.clone()],
            ),
            (
                r#"Bearer realm="https://h/t",scope="repository:a:pull,push repository:b:pull""#,
                vec![bearer(
                    "https://h/t",
                    None,
                    Some("repository:a:pull,push repository:b:pull"),
                )],
            ),
            (
                r#"Bearer realm="a\"b\\c""#,
                vec![bearer(r#"a"b\c"#, None, None)],
            ),
            (
                r#"Negotiate, Basic realm="x, Bearer realm=y", Bearer realm="z""#,
                vec![Challenge::Basic, bearer("z", None, None)],
            ),
            (
                r#"Negotiate YWJj==, Bearer realm="z""#,
                vec![bearer("z", None, None)],
            ),
            (r#"NTLM YWJj , Basic"#, vec![Challenge::Basic]),
            (r#",, Basic realm="x",,"#, vec![Challenge::Basic]),
            ("", vec![]),
        ];
        for (header, want) in table {
            assert_eq!(parse([header.as_bytes()]).as_ref(), Ok(want), "{header}");
        }
        let two = parse([
            &b"Basic realm=x"[..],
            br#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io""#,
        ]);
        assert_eq!(two, Ok(vec![Challenge::Basic, hub]));
    }

    #[test]
    fn odd_headers_are_refused() {
        let table: &[&[u8]] = &[
            br#"realm="x""#,
            br#"Bearer service="x""#,
            br#"Bearer realm="a",realm="b""#,
            br#"Bearer realm="a",Realm="b""#,
            br#"Bearer realm="a"#,
            br#"Bearer realm="a\"#,
            br#"Bearer realm="a" service="b""#,
            br#"Bearer realm="#,
            b"Bearer realm=\"a\x01b\"",
            b"Bearer realm=\"a\\\x01b\"",
            br#"Bearer@realm="a""#,
            b"\xff\xfe",
            br#""Bearer" realm="a""#,
        ];
        for header in table {
            assert!(
                parse([*header]).is_err(),
                "{}",
                String::from_utf8_lossy(header)
            );
        }
        let long = format!("Bearer realm=\"{}\"", "x".repeat(MAX_HEADER_BYTES));
        assert!(parse([long.as_bytes()]).is_err());
        let many = "Basic,".repeat(MAX_CHALLENGES + 1);
        assert!(parse([many.as_bytes()]).is_err());
    }
}
