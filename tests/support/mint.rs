//! Signing keys and tokens built by hand, byte by byte, so that every broken one can be made too.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use aws_lc_rs::{hmac, rsa};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The issuers that the test config knows.
pub const CORP: &str = "https://id.example.com/realms/corp";
pub const PARTNER: &str = "https://partner.example.org";
pub const LEGACY: &str = "https://legacy.example.com/";
/// The audience of the API.
pub const AUDIENCE: &str = "https://api.example.com";

/// Seconds since the epoch.
pub fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// Base64url without padding.
pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of base64url without padding.
pub fn unb64(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// A signing key with its `kid`.
pub struct Key {
    pub kid: &'static str,
    secret: Secret,
}

enum Secret {
    Rsa(Box<RsaKeyPair>),
    /// RSA too short for the library, so that the command line tool signs. PEM and modulus.
    Weak {
        pem: String,
        modulus: Vec<u8>,
    },
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Key {
    pub fn rsa(kid: &'static str) -> Self {
        Self { kid, secret: Secret::Rsa(Box::new(rsa::KeyPair::generate(KeySize::Rsa2048).unwrap())) }
    }

    pub fn p256(kid: &'static str) -> Self {
        Self { kid, secret: Secret::P256(EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()) }
    }

    pub fn p384(kid: &'static str) -> Self {
        Self { kid, secret: Secret::P384(EcdsaKeyPair::generate(&signature::ECDSA_P384_SHA384_FIXED_SIGNING).unwrap()) }
    }

    pub fn ed(kid: &'static str) -> Self {
        Self { kid, secret: Secret::Ed(Ed25519KeyPair::generate().unwrap()) }
    }

    /// 1024 bits, which RFC 7518 §3.3 forbids.
    pub fn weak(kid: &'static str) -> Self {
        let pem = openssl(&["genrsa", "-traditional", "1024"], b"");
        let modulus = String::from_utf8(openssl(&["rsa", "-noout", "-modulus"], &pem)).unwrap();
        let hex = modulus.trim().trim_start_matches("Modulus=");
        let modulus = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        Self { kid, secret: Secret::Weak { pem: String::from_utf8(pem).unwrap(), modulus } }
    }

    /// The algorithm that belongs to it.
    pub fn alg(&self) -> &'static str {
        match self.secret {
            Secret::Rsa(_) | Secret::Weak { .. } => "RS256",
            Secret::P256(_) => "ES256",
            Secret::P384(_) => "ES384",
            Secret::Ed(_) => "EdDSA",
        }
    }

    /// As the provider publishes it. No `alg` member: the gateway must not lean on it.
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.secret {
            Secret::Rsa(pair) => {
                let public = pair.public_key();
                let n = public.modulus();
                json!({"kty": "RSA", "n": b64(n.big_endian_without_leading_zero()), "e": "AQAB"})
            }
            Secret::Weak { modulus, .. } => json!({"kty": "RSA", "n": b64(modulus), "e": "AQAB"}),
            Secret::P256(pair) => point("P-256", pair),
            Secret::P384(pair) => point("P-384", pair),
            Secret::Ed(pair) => json!({"kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key().as_ref())}),
        };
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        jwk
    }

    /// The key as the header of a DPoP proof carries it: its required members and no others.
    pub fn bare_jwk(&self) -> Value {
        let mut jwk = self.jwk();
        if let Value::Object(members) = &mut jwk {
            members.retain(|name, _| name != "kid" && name != "use");
        }
        jwk
    }

    /// Its thumbprint (RFC 7638 §3): the members in alphabetical order, as the map keeps them.
    pub fn thumbprint(&self) -> String {
        let sorted: std::collections::BTreeMap<String, Value> = object(self.bare_jwk()).into_iter().collect();
        b64(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, serde_json::to_string(&sorted).unwrap().as_bytes()))
    }

    /// Begins a good DPoP proof of this key for a `GET` of this URI with this token.
    pub fn proof(&self, uri: &str, token: &str) -> Token<'_> {
        let ath = b64(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes()));
        let header = json!({"alg": self.alg(), "typ": "dpop+jwt", "jwk": self.bare_jwk()});
        let claims = json!({"jti": unique("proof"), "htm": "GET", "htu": uri, "iat": now(), "ath": ath});
        Token { key: self, alg: self.alg().to_owned(), header: object(header), claims: object(claims) }
    }

    /// The public key as DER (SubjectPublicKeyInfo).
    pub fn public_der(&self) -> Vec<u8> {
        match &self.secret {
            Secret::Rsa(pair) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
            _ => panic!("only the RSA key is confused with a secret"),
        }
    }

    /// The public key as PEM.
    pub fn public_pem(&self) -> String {
        let text = STANDARD.encode(self.public_der());
        let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    /// Signs with the algorithm; the key decides which are possible.
    pub fn sign_as(&self, alg: &str, input: &[u8]) -> Vec<u8> {
        let rng = SystemRandom::new();
        match &self.secret {
            Secret::Rsa(pair) => {
                let scheme: &'static dyn signature::RsaEncoding = match alg {
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut made = vec![0; pair.public_modulus_len()];
                pair.sign(scheme, &rng, input, &mut made).unwrap();
                made
            }
            Secret::Weak { pem, .. } => {
                let mut file = tempfile::NamedTempFile::new().unwrap();
                file.write_all(pem.as_bytes()).unwrap();
                openssl(&["dgst", "-sha256", "-sign", file.path().to_str().unwrap()], input)
            }
            Secret::P256(pair) | Secret::P384(pair) => pair.sign(&rng, input).unwrap().as_ref().to_vec(),
            Secret::Ed(pair) => pair.sign(input).as_ref().to_vec(),
        }
    }

    /// A token of exactly these bytes, signed as `alg`.
    pub fn raw(&self, alg: &str, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        let input = format!("{}.{}", b64(header), b64(payload));
        let signature = self.sign_as(alg, input.as_bytes());
        let token = format!("{input}.{}", b64(signature));
        super::confided::issued(&token);
        token
    }

    /// Begins a good access token of CORP with this key.
    pub fn token(&self) -> Token<'_> {
        Token::new(self)
    }
}

fn point(curve: &str, pair: &EcdsaKeyPair) -> Value {
    let raw = pair.public_key().as_ref();
    let (x, y) = raw[1..].split_at(raw.len() / 2);
    json!({"kty": "EC", "crv": curve, "x": b64(x), "y": b64(y)})
}

fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the openssl command line tool");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}");
    output.stdout
}

/// HMAC-SHA-256, for tokens that confuse a public key with a secret.
pub fn hs256(secret: &[u8], input: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes()).as_ref().to_vec()
}

/// A token in the making: good, unless told otherwise.
#[derive(Clone)]
pub struct Token<'a> {
    key: &'a Key,
    alg: String,
    pub header: Map<String, Value>,
    pub claims: Map<String, Value>,
}

impl<'a> Token<'a> {
    fn new(key: &'a Key) -> Self {
        let header = json!({"alg": key.alg(), "kid": key.kid, "typ": "at+jwt"});
        let claims = json!({
            "iss": CORP, "aud": AUDIENCE, "sub": "alice", "client_id": "app", "scope": "orders.read profile",
            "iat": now() - 10, "exp": now() + 600, "jti": unique("jti"), "sid": unique("sid"),
        });
        Self { key, alg: key.alg().to_owned(), header: object(header), claims: object(claims) }
    }

    /// Sets a claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a claim out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets a header member.
    #[must_use]
    pub fn head(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a header member out.
    #[must_use]
    pub fn headless(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// Says this algorithm in the header, and signs with it where the key can.
    #[must_use]
    pub fn alg(mut self, alg: &str) -> Self {
        self.alg = alg.to_owned();
        self.head("alg", alg)
    }

    /// The header as JSON text.
    pub fn header_text(&self) -> String {
        Value::Object(self.header.clone()).to_string()
    }

    /// The payload as JSON text.
    pub fn payload_text(&self) -> String {
        Value::Object(self.claims.clone()).to_string()
    }

    /// The finished token.
    pub fn sign(&self) -> String {
        self.key.raw(&self.alg, self.header_text(), self.payload_text())
    }

    /// The finished token, of a payload text changed at the last moment: duplicates, odd numbers, no JSON at all.
    pub fn sign_payload(&self, change: impl FnOnce(String) -> Vec<u8>) -> String {
        self.key.raw(&self.alg, self.header_text(), change(self.payload_text()))
    }

    /// The finished token, of a header text changed at the last moment.
    pub fn sign_header(&self, change: impl FnOnce(String) -> Vec<u8>) -> String {
        self.key.raw(&self.alg, change(self.header_text()), self.payload_text())
    }

    /// What is signed.
    pub fn input(&self) -> String {
        format!("{}.{}", b64(self.header_text()), b64(self.payload_text()))
    }

    /// With a signature of one's own.
    pub fn with_signature(&self, signature: impl AsRef<[u8]>) -> String {
        format!("{}.{}", self.input(), b64(signature))
    }
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

/// A name that no other token of this run has.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{prefix}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The keys of this process.
pub struct Mint {
    pub rsa: Key,
    pub ec: Key,
    pub p384: Key,
    pub ed: Key,
    pub weak: Key,
    pub partner: Key,
    pub legacy: Key,
    /// Nobody published these; the second bears the name of a key that somebody did.
    pub stranger: Key,
    pub impostor: Key,
}

impl Mint {
    /// The one of this process; made when first asked for.
    pub fn get() -> &'static Self {
        static ONE: OnceLock<Mint> = OnceLock::new();
        ONE.get_or_init(|| Self {
            rsa: Key::rsa("rsa-1"),
            ec: Key::p256("ec-1"),
            p384: Key::p384("ec-384"),
            ed: Key::ed("ed-1"),
            weak: Key::weak("weak-1"),
            partner: Key::p256("partner-1"),
            legacy: Key::rsa("legacy-1"),
            stranger: Key::p256("stranger-1"),
            impostor: Key::p256("ec-1"),
        })
    }

    /// The key set of CORP.
    pub fn corp_keys(&self) -> Value {
        set(&[&self.rsa, &self.ec, &self.p384, &self.ed, &self.weak])
    }
}

/// A key set (RFC 7517 §5).
pub fn set(keys: &[&Key]) -> Value {
    json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()})
}

/// The other signature of the same message under ECDSA P-256: (r, n - s).
pub fn malleate(signature: &[u8]) -> Vec<u8> {
    const N: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
        0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let (mut made, mut borrow) = (signature.to_vec(), 0i16);
    for at in (0..32).rev() {
        let left = i16::from(N[at]) - i16::from(signature[32 + at]) - borrow;
        borrow = i16::from(left < 0);
        made[32 + at] = u8::try_from(left.rem_euclid(256)).unwrap();
    }
    made
}

/// A fixed-length ECDSA signature as DER.
pub fn ecdsa_der(signature: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let mut value: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
        if value.first().is_none_or(|byte| byte & 0x80 != 0) {
            value.insert(0, 0);
        }
        [vec![2, u8::try_from(value.len()).unwrap()], value].concat()
    };
    let (r, s) = signature.split_at(signature.len() / 2);
    let body = [integer(r), integer(s)].concat();
    [vec![0x30, u8::try_from(body.len()).unwrap()], body].concat()
}
