//! Text that must not be printed.

use std::fmt;

/// A password or token. Debug output hides it; [`Secret::expose`] is the only way to the text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Tells whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;
    use crate::auth::Credential;
    use crate::certs::{Pem, TlsFiles};

    #[test]
    fn debug_output_hides_secrets() {
        let secret = || Secret::new("hunter2");
        for credential in [
            Credential::Basic {
                username: "u".to_owned(),
                password: secret(),
            },
            Credential::IdentityToken(secret()),
            Credential::RegistryToken(secret()),
        ] {
            let text = format!("{credential:?}");
            assert!(text.contains("***") && !text.contains("hunter2"), "{text}");
        }
        let pem = |text: &str| Pem {
            path: "key".into(),
            bytes: text.into(),
        };
        let files = TlsFiles {
            ca_pem: Vec::new(),
            client: Some((pem(""), pem("hunter2"))),
        };
        assert!(format!("{files:?}").contains("***"));
    }
}
