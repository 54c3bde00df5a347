//! The box that a private key lies in (go-securesystemslib, `encrypted`).
//!
//! ```text
//! {"kdf":    {"name": "scrypt", "params": {"N": 65536, "r": 8, "p": 1}, "salt": BASE64},
//!  "cipher": {"name": "nacl/secretbox", "nonce": BASE64},
//!  "ciphertext": BASE64}
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::{Aead as _, KeyInit as _};
use crypto_secretbox::{Key, Nonce, XSalsa20Poly1305};
use oci::json::{self, Keys};
use serde::{Deserialize, Serialize};

use super::KeyError;

const KDF: &str = "scrypt";
const CIPHER: &str = "nacl/secretbox";
/// What is written.
const N: u64 = 1 << 16;
/// What was written once, what is, and what may be: more would be work without end.
const KNOWN_N: [u64; 3] = [1 << 15, N, 1 << 17];
const R: u64 = 8;
const P: u64 = 1;
const SALT_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;
/// Most memory that the derivation may take: 128 * N * r, and a little more.
const MEMORY: u64 = 256 << 20;
/// Most bytes of a box.
const BOX_BYTES: u64 = 64 << 10;

#[derive(Serialize, Deserialize)]
struct Data {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Serialize, Deserialize)]
struct Kdf {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Serialize, Deserialize)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u64,
    p: u64,
}

#[derive(Serialize, Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// Puts content into a box.
pub(super) fn encrypt(content: &[u8], passphrase: &[u8]) -> Result<Vec<u8>, KeyError> {
    let (mut salt, mut nonce) = ([0; SALT_BYTES], [0; NONCE_BYTES]);
    openssl::rand::rand_bytes(&mut salt)?;
    openssl::rand::rand_bytes(&mut nonce)?;
    let ciphertext = cipher(passphrase, &salt, N)?
        .encrypt(Nonce::from_slice(&nonce), content)
        .map_err(|_| KeyError::Passphrase)?;
    let data = Data {
        kdf: Kdf {
            name: KDF.to_owned(),
            params: Params { n: N, r: R, p: P },
            salt: STANDARD.encode(salt),
        },
        cipher: Cipher {
            name: CIPHER.to_owned(),
            nonce: STANDARD.encode(nonce),
        },
        ciphertext: STANDARD.encode(ciphertext),
    };
    json::to_go_bytes(&data).map_err(|error| KeyError::Write(error.to_string()))
}

/// Takes the content out of a box.
pub(super) fn decrypt(bytes: &[u8], passphrase: &[u8]) -> Result<Vec<u8>, KeyError> {
    let data: Data = json::from_slice_with(bytes, BOX_BYTES, Keys::Exact).map_err(KeyError::Box)?;
    let bad = |what| Err(KeyError::Parameters(what));
    if data.kdf.name != KDF {
        return bad("the key derivation is not scrypt");
    }
    let params = &data.kdf.params;
    if !KNOWN_N.contains(&params.n) || params.r != R || params.p != P {
        return bad("the parameters of scrypt are none that cosign uses");
    }
    if data.cipher.name != CIPHER {
        return bad("the cipher is not nacl/secretbox");
    }
    let bytes = |text: &str| {
        let decoded = STANDARD.decode(text);
        decoded.map_err(|_| KeyError::Parameters("a member is no base64"))
    };
    let (salt, nonce) = (bytes(&data.kdf.salt)?, bytes(&data.cipher.nonce)?);
    if nonce.len() != NONCE_BYTES {
        return bad("the nonce has another length than 24 bytes");
    }
    cipher(passphrase, &salt, params.n)?
        .decrypt(
            Nonce::from_slice(&nonce),
            bytes(&data.ciphertext)?.as_slice(),
        )
        .map_err(|_| KeyError::Passphrase)
}

fn cipher(passphrase: &[u8], salt: &[u8], n: u64) -> Result<XSalsa20Poly1305, KeyError> {
    let mut key = [0; KEY_BYTES];
    openssl::pkcs5::scrypt(passphrase, salt, n, R, P, MEMORY, &mut key)?;
    Ok(XSalsa20Poly1305::new(Key::from_slice(&key)))
}
