//! The compact serialisation of a JWS, strictly (RFC 7515 §7.1): three segments of the base64url alphabet,
//! without padding, without stray bits at the end.

use crate::decide::evidence::{Flaw, Stage};
use crate::decide::reason::Reason;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How large a header segment may be, in bytes.
const HEADER: usize = 2048;

/// The three segments of a token, borrowed from it.
#[derive(Clone, Copy)]
pub struct Compact<'a> {
    /// `header.payload`: what was signed.
    pub signing_input: &'a str,
    header: &'a str,
    payload: &'a str,
    /// The signature, still in base64url.
    pub signature: &'a str,
}

impl<'a> Compact<'a> {
    /// Splits a token and checks its alphabet, before anything is decoded.
    ///
    /// # Errors
    /// The flaw, if it is not the compact form of a signed token of at most `limit` bytes.
    pub fn split(token: &'a str, limit: usize) -> Result<Self, Flaw> {
        if token.len() > limit {
            return Err(flaw(Reason::TokenTooLarge, "longer than limits.token_bytes"));
        }
        if !token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
            return Err(malformed("characters outside the base64url alphabet"));
        }
        let mut segments = token.split('.');
        let parts = [(); 5].map(|()| segments.next());
        match (parts, segments.next()) {
            ([Some(header), Some(payload), Some(signature), None, None], None) => {
                let signing_input = token.get(..header.len() + 1 + payload.len()).unwrap_or_default();
                Self { signing_input, header, payload, signature }.bounded()
            }
            ([_, _, _, _, Some(_)], None) => {
                Err(flaw(Reason::TokenEncrypted, "five segments: an encrypted token (JWE)"))
            }
            _ => Err(malformed("not three segments")),
        }
    }

    fn bounded(self) -> Result<Self, Flaw> {
        if self.header.len() > HEADER {
            Err(flaw(Reason::TokenTooLarge, "a header segment over 2 KiB"))
        } else if self.header.is_empty() || self.payload.is_empty() {
            Err(malformed("an empty segment"))
        } else {
            Ok(self)
        }
    }

    /// The header's JSON.
    ///
    /// # Errors
    /// If it is not strict base64url.
    pub fn header(&self) -> Result<Vec<u8>, Flaw> {
        decode(self.header, "a header that is not strict base64url")
    }

    /// The payload's JSON.
    ///
    /// # Errors
    /// If it is not strict base64url.
    pub fn payload(&self) -> Result<Vec<u8>, Flaw> {
        decode(self.payload, "a payload that is not strict base64url")
    }

    /// Is the signature strict base64url? Sixteen texts would else stand for one signature.
    ///
    /// # Errors
    /// If it is not.
    pub fn check_signature_form(&self) -> Result<(), Flaw> {
        decode(self.signature, "a signature that is not strict base64url").map(drop)
    }
}

fn decode(segment: &str, detail: &'static str) -> Result<Vec<u8>, Flaw> {
    // This engine refuses padding and non-zero trailing bits (RFC 4648 §3.5).
    URL_SAFE_NO_PAD.decode(segment).map_err(|_| malformed(detail))
}

/// A token that is not in form.
pub(super) fn malformed(detail: &'static str) -> Flaw {
    flaw(Reason::TokenMalformed, detail)
}

fn flaw(reason: Reason, detail: &'static str) -> Flaw {
    Flaw { stage: Stage::Form, reason, detail }
}

#[cfg(test)]
mod tests {
    use super::Compact;
    use crate::decide::reason::Reason;

    fn reason(token: &str) -> Option<Reason> {
        let read = |compact: Compact<'_>| {
            compact.header()?;
            compact.payload()?;
            compact.check_signature_form()
        };
        Compact::split(token, 8192).and_then(read).err().map(|flaw| flaw.reason)
    }

    #[test]
    fn form_is_strict() {
        assert_eq!(reason("e30.e30.AA"), None);
        for bad in [
            "",
            "a",
            "a.b",
            "e30.e30",
            "e30.e30.AA.",
            ".e30.AA",
            "e30..AA",
            "e30=.e30.AA",
            "e+0.e30.AA",
            "e3 .e30.AA",
            "e31.e30.AA",
            "e30.e31.AA",
            "e30.e30.AB",
            "e30.e30.A",
            "e30.e30.AA.AA",
            "{\"a\":1}",
        ] {
            assert_eq!(reason(bad), Some(Reason::TokenMalformed), "{bad}");
        }
        assert_eq!(reason("a.b.c.d.e"), Some(Reason::TokenEncrypted));
        assert_eq!(reason(&format!("e30.{}.AA", "A".repeat(8192))), Some(Reason::TokenTooLarge));
        assert_eq!(reason(&format!("{}.e30.AA", "A".repeat(2052))), Some(Reason::TokenTooLarge));
    }
}
