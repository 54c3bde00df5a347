//! Server certificates that are their own authority, and those that nobody verifies.
//!
//! `openssl req -x509` makes a certificate that says `CA:TRUE`, and half of all private
//! registries serve exactly that and have it copied into `certs.d`. webpki refuses an authority
//! as a server certificate; Go accepts it. [`PinnedOrChain`] accepts it when it is, byte for byte,
//! one of the administrator's files, fits the name, and is in its validity period.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

/// Verifies by chain, and by equality with a configured certificate where there is no chain.
#[derive(Debug)]
pub(crate) struct PinnedOrChain {
    pub(crate) chain: Arc<WebPkiServerVerifier>,
    pub(crate) pinned: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for PinnedOrChain {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let by_chain = self.chain.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        let Err(error) = by_chain else {
            return by_chain;
        };
        if !self
            .pinned
            .iter()
            .any(|pinned| pinned.as_ref() == end_entity.as_ref())
        {
            return Err(error);
        }
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        let Some((not_before, not_after)) = validity(end_entity) else {
            return Err(Error::InvalidCertificate(CertificateError::BadEncoding));
        };
        if now.as_secs() < not_before {
            return Err(Error::InvalidCertificate(CertificateError::NotValidYet));
        }
        if now.as_secs() > not_after {
            return Err(Error::InvalidCertificate(CertificateError::Expired));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Accepts any certificate: what `--tls-verify=false` and `insecure = true` ask for.
pub(crate) struct Unverified(pub(crate) Arc<CryptoProvider>);

impl fmt::Debug for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unverified")
    }
}

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Reads the validity period of a certificate in Unix seconds (RFC 5280, 4.1).
///
/// ```text
/// Certificate SEQUENCE { TBSCertificate SEQUENCE {
///     [0] version OPTIONAL, INTEGER serial, SEQUENCE signature, SEQUENCE issuer,
///     SEQUENCE validity { Time notBefore, Time notAfter }, ...
/// ```
fn validity(certificate: &[u8]) -> Option<(u64, u64)> {
    const SEQUENCE: u8 = 0x30;
    let (_, certificate, _) = element(certificate)?;
    let (_, mut rest, _) = element(certificate)?;
    if rest.first() == Some(&0xa0) {
        rest = element(rest)?.2;
    }
    for _ in ["serial", "signature", "issuer"] {
        rest = element(rest)?.2;
    }
    let (tag, validity, _) = element(rest)?;
    if tag != SEQUENCE {
        return None;
    }
    let (tag, not_before, rest) = element(validity)?;
    let not_before = time(tag, not_before)?;
    let (tag, not_after, _) = element(rest)?;
    Some((not_before, time(tag, not_after)?))
}

/// Splits one DER element off: its tag, its content, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first & 0x80 != 0 {
        let count = usize::from(first & 0x7f);
        if !(1..=4).contains(&count) {
            return None;
        }
        let (digits, behind) = rest.split_at_checked(count)?;
        length = digits.iter().fold(0, |n, &b| (n << 8) | usize::from(b));
        rest = behind;
    }
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// Reads `UTCTime` or `GeneralizedTime`; times before 1970 become 0.
fn time(tag: u8, text: &[u8]) -> Option<u64> {
    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;
    let text = std::str::from_utf8(text).ok()?;
    let full = match tag {
        // Two digits of a year are 1950 to 2049.
        UTC_TIME => format!("{}{text}", if text >= "5" { "19" } else { "20" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let time = jiff::civil::DateTime::strptime("%Y%m%d%H%M%SZ", full).ok()?;
    let seconds = jiff::tz::TimeZone::UTC.to_timestamp(time).ok()?.as_second();
    Some(u64::try_from(seconds).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let table: &[(u8, &str, Option<u64>)] = &[
            (0x17, "700101000001Z", Some(1)),
            (0x17, "491231235959Z", Some(2_524_607_999)),
            (0x17, "500101000000Z", Some(0)),
            (0x18, "20500101000000Z", Some(2_524_608_000)),
            (0x18, "20500101000000", None),
            (0x17, "701301000001Z", None),
            (0x04, "700101000001Z", None),
        ];
        for (tag, text, want) in table {
            assert_eq!(time(*tag, text.as_bytes()), *want, "{text}");
        }
    }

    #[test]
    fn truncated_certificates_have_no_validity() {
        // SEQUENCE { SEQUENCE { [0], INTEGER, SEQUENCE, SEQUENCE, SEQUENCE { two times } } }
        let mut validity_der = vec![0x30, 30, 0x17, 13];
        validity_der.extend(b"700101000001Z");
        validity_der.extend([0x17, 13]);
        validity_der.extend(b"700101000002Z");
        let mut tbs = vec![0xa0, 1, 2, 0x02, 1, 7, 0x30, 0, 0x30, 0];
        tbs.extend(&validity_der);
        let mut cert = vec![0x30, 2 + tbs.len() as u8, 0x30, tbs.len() as u8];
        cert.extend(&tbs);
        assert_eq!(validity(&cert), Some((1, 2)));
        for cut in 0..cert.len() {
            assert_eq!(validity(&cert[..cut]), None, "{cut}");
        }
    }
}
