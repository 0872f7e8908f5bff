//! Where a polled source goes on, also after a restart: its cursor, and how young what it said is. Who keeps it is not
//! told here.

use crate::decide::time::Timestamp;

/// No time at all.
const NEVER: i64 = i64::MIN;

/// Where a source goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The cursor of the next poll; without one it asks for everything.
    pub cursor: Option<String>,
    /// When the last answer was signed: whoever sends an older one again would take back what was revoked since.
    pub issued: Option<Timestamp>,
}

impl Place {
    /// As it is kept, of a source with this mark; `None` if there is nothing to keep.
    pub(super) fn kept(&self, mark: &[u8; 8]) -> Option<Vec<u8>> {
        let issued = self.issued.map_or(NEVER, Timestamp::millis).to_be_bytes();
        let cursor = self.cursor.as_ref().map(|cursor| [&[1], cursor.as_bytes()].concat());
        let some = self.cursor.is_some() || self.issued.is_some();
        some.then(|| [&mark[..], &issued, &cursor.unwrap_or_default()].concat())
    }

    /// Reads what was kept; `None` if it is of other settings.
    pub(super) fn read(mark: &[u8; 8], kept: &[u8]) -> Option<Self> {
        let (issued, cursor) = kept.strip_prefix(mark)?.split_first_chunk::<8>()?;
        let issued = Some(i64::from_be_bytes(*issued)).filter(|issued| *issued != NEVER).map(Timestamp::from_millis);
        let cursor = cursor.split_first().map(|(_, cursor)| String::from_utf8(cursor.to_vec()));
        Some(Self { cursor: cursor.transpose().ok()?, issued })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_by_whom_it_is_of() {
        let (mark, issued) = ([7; 8], Some(Timestamp::from_secs(1000)));
        for cursor in [None, Some(String::new()), Some("4711".to_owned())] {
            for issued in [None, issued] {
                let place = Place { cursor: cursor.clone(), issued };
                let Some(kept) = place.kept(&mark) else {
                    assert_eq!(place, Place::default());
                    continue;
                };
                assert_eq!(Place::read(&mark, &kept), Some(place));
                assert_eq!(Place::read(&[8; 8], &kept), None);
            }
        }
        assert_eq!((Place::read(&mark, &[7; 9]), Place::read(&mark, b"")), (None, None));
    }
}
