//! A status list as it comes: a signed token with a packed list in it (Token Status List, §5.1), verified and unpacked.

use super::coding::inflated;
use super::signed::{SignedFault, Signer};
use crate::decide::time::{Moment, Timestamp};
use crate::state::statuses::StatusList;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer};
use std::time::Duration;
use thiserror::Error;

/// Its `typ`, and, with `application/` before it, its media type.
const TYPE: &str = "statuslist+jwt";

/// Why a status list is not gone by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum ListFault {
    #[error(transparent)]
    Unsigned(#[from] SignedFault),
    #[error("not a token of the type statuslist+jwt")]
    Type,
    #[error("not the claims of a status list")]
    Form,
    #[error("a list of another place: its `sub` is another")]
    Place,
    #[error("a list of another issuer")]
    Issuer,
    #[error("issued in the future")]
    Early,
    #[error("expired")]
    Expired,
    #[error("a `ttl` that is not positive")]
    Ttl,
    #[error("values of another size than 1, 2, 4 or 8 bits")]
    Bits,
    #[error("a list that cannot be unpacked, or is larger than it may be")]
    List,
}

/// A status list that may be gone by.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ListToken {
    pub(super) list: StatusList,
    pub(super) issued: Timestamp,
    pub(super) expires: Option<Timestamp>,
    pub(super) ttl: Option<Duration>,
}

#[derive(Deserialize)]
struct Payload {
    #[serde(default, deserialize_with = "there")]
    iss: Option<String>,
    sub: String,
    iat: f64,
    #[serde(default, deserialize_with = "there")]
    exp: Option<f64>,
    #[serde(default, deserialize_with = "there")]
    ttl: Option<f64>,
    status_list: Packed,
}

#[derive(Deserialize)]
struct Packed {
    bits: u8,
    lst: String,
}

/// A claim may be left out; one that is there has its type, and `null` is none.
fn there<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

/// How long the token of a list of so many bytes may be: no byte takes more than about its own room when it is packed,
/// and base64url comes over it twice.
pub(super) const fn token_limit(list_bytes: usize) -> usize {
    list_bytes.saturating_mul(2).saturating_add(16 * 1024)
}

/// Verifies the token of the list that is at `uri`, and unpacks at most `max` bytes of list.
///
/// # Errors
/// The first fault.
pub(super) async fn read(
    signer: &Signer,
    token: &str,
    uri: &str,
    max: usize,
    now: Moment,
) -> Result<ListToken, ListFault> {
    let (typ, payload) = signer.open(token, token_limit(max), now).await?;
    if &*typ != TYPE {
        return Err(ListFault::Type);
    }
    let payload: Payload = serde_json::from_slice(&payload).map_err(|_| ListFault::Form)?;
    let judged = judge(&payload, signer, uri, now)?;
    let unpack = move || unpack(&payload.status_list, max);
    let list = tokio::task::spawn_blocking(unpack).await.map_err(|_| ListFault::List)??;
    Ok(ListToken { list, ..judged })
}

/// All but the list itself (SL-04).
fn judge(payload: &Payload, signer: &Signer, uri: &str, now: Moment) -> Result<ListToken, ListFault> {
    if payload.sub != uri {
        return Err(ListFault::Place);
    }
    if payload.iss.as_ref().is_some_and(|iss| **iss != *signer.iss) {
        return Err(ListFault::Issuer);
    }
    let issued = Timestamp::from_numeric_floor(payload.iat).ok_or(ListFault::Form)?;
    if issued > now.wall.plus(signer.leeway) {
        return Err(ListFault::Early);
    }
    let expires = payload.exp.map(|exp| Timestamp::from_numeric_floor(exp).ok_or(ListFault::Form)).transpose()?;
    let expires = expires.map(|expires| expires.plus(signer.leeway));
    if expires.is_some_and(|expires| now.wall >= expires) {
        return Err(ListFault::Expired);
    }
    let ttl = payload.ttl.map(|ttl| Duration::try_from_secs_f64(ttl).ok().filter(|ttl| !ttl.is_zero()));
    let ttl = ttl.map(|ttl| ttl.ok_or(ListFault::Ttl)).transpose()?;
    Ok(ListToken { list: StatusList::new(1, Box::default()).ok_or(ListFault::Bits)?, issued, expires, ttl })
}

fn unpack(packed: &Packed, max: usize) -> Result<StatusList, ListFault> {
    let bytes = URL_SAFE_NO_PAD.decode(&packed.lst).map_err(|_| ListFault::List)?;
    let bytes = inflated(&bytes, max).ok_or(ListFault::List)?;
    StatusList::new(packed.bits, bytes.into()).ok_or(ListFault::Bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(bits: u8, lst: &str) -> Result<Vec<u8>, ListFault> {
        let list = unpack(&Packed { bits, lst: lst.into() }, 1000)?;
        Ok((0..list.places()).filter_map(|index| list.value(index)).collect())
    }

    /// The vectors of the draft (SL-12).
    #[test]
    fn the_drafts_own_lists() {
        assert_eq!(unpacked(1, "eNrbuRgAAhcBXQ"), Ok(vec![1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]));
        assert_eq!(unpacked(2, "eNo76fITAAPfAgc"), Ok(vec![1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]));
        assert_eq!(unpacked(3, "eNrbuRgAAhcBXQ"), Err(ListFault::Bits));
        for bad in ["", "eNrbuRgAAhcBX", "eNrbuRgAAhcBXQ==", "eNrbuRgAAhcBXQAA", "uaM", "eNrbuRgAAhcBX!"] {
            assert_eq!(unpacked(1, bad), Err(ListFault::List), "{bad}");
        }
    }
}
