//! One status list: values of 1, 2, 4 or 8 bits, side by side.

use std::sync::Arc;

/// A status list (§4.1 of the draft).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusList {
    bits: u8,
    bytes: Arc<[u8]>,
}

impl StatusList {
    /// A list of values of so many bits; `None` if no value has so many (SL-04).
    #[must_use]
    pub fn new(bits: u8, bytes: Box<[u8]>) -> Option<Self> {
        matches!(bits, 1 | 2 | 4 | 8).then(|| Self { bits, bytes: bytes.into() })
    }

    /// How many places it has.
    #[must_use]
    pub fn places(&self) -> u64 {
        self.bytes.len() as u64 * u64::from(8 / self.bits)
    }

    /// How long it is, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The value at a place. The first of a byte stands in its lowest bits (SL-06).
    #[must_use]
    pub fn value(&self, index: u64) -> Option<u8> {
        let a_byte = u64::from(8 / self.bits);
        let byte = self.bytes.get(usize::try_from(index / a_byte).ok()?)?;
        let shift = u32::try_from(index % a_byte).ok()? * u32::from(self.bits);
        Some(byte.checked_shr(shift)? & (u8::MAX >> (8 - self.bits)))
    }

    /// How many places have another value than 0 here and had none before, and the other way round.
    #[must_use]
    pub fn changes(&self, before: Option<&Self>) -> (u64, u64) {
        let (nothing, mut entered, mut withdrawn) = (Self { bits: self.bits, bytes: Arc::default() }, 0, 0);
        let before = before.unwrap_or(&nothing);
        for index in self.differing(before) {
            match (before.value(index).unwrap_or(0), self.value(index).unwrap_or(0)) {
                (0, 1..) => entered += 1,
                (1.., 0) => withdrawn += 1,
                _ => {}
            }
        }
        (entered, withdrawn)
    }

    /// The places that are to be looked at: all, where values have another size than before.
    fn differing(&self, before: &Self) -> impl Iterator<Item = u64> {
        let (same, a_byte) = (self.bits == before.bits, u64::from(8 / self.bits));
        let bytes = self.places().max(before.places()).div_ceil(a_byte);
        let differs = move |at: &u64| {
            let byte = |list: &Self| usize::try_from(*at).ok().and_then(|at| list.bytes.get(at).copied()).unwrap_or(0);
            !same || byte(self) != byte(before)
        };
        (0..bytes).filter(differs).flat_map(move |at| at * a_byte..(at + 1) * a_byte)
    }
}

#[cfg(test)]
mod tests {
    use super::StatusList;

    fn values(bits: u8, bytes: &[u8]) -> Vec<u8> {
        let list = StatusList::new(bits, bytes.into()).unwrap();
        let values = (0..list.places()).map(|index| list.value(index).unwrap()).collect();
        for beyond in [list.places(), list.places() + 1, u64::MAX] {
            assert_eq!(list.value(beyond), None);
        }
        values
    }

    #[test]
    fn what_changed_is_counted() {
        let list = |bits, bytes: &[u8]| StatusList::new(bits, bytes.into()).unwrap();
        assert_eq!(list(1, &[0b101, 1]).changes(None), (3, 0));
        assert_eq!(list(1, &[0b101, 1]).changes(Some(&list(1, &[0b110]))), (2, 1));
        assert_eq!(list(1, &[0b110]).changes(Some(&list(1, &[0b101, 1]))), (1, 2));
        assert_eq!(list(2, &[0b1001]).changes(Some(&list(2, &[0b0110]))), (0, 0), "a value for another");
        assert_eq!(list(2, &[0b0001]).changes(Some(&list(1, &[0b0110]))), (1, 2), "of other sizes");
        assert_eq!(list(1, &[0, 0]).changes(Some(&list(8, &[0; 40]))), (0, 0));
    }

    /// The vectors of the draft (SL-12), and bytes that show each order of bits.
    #[test]
    fn values_stand_from_the_lowest_bit_on() {
        assert_eq!(values(1, &[0xb9, 0xa3]), [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]);
        assert_eq!(values(2, &[0xc9, 0x44, 0xf9]), [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]);
        assert_eq!(values(4, &[0x21, 0xf3]), [1, 2, 3, 15]);
        assert_eq!(values(8, &[0, 1, 255]), [0, 1, 255]);
        assert_eq!(values(1, &[]), [0_u8; 0]);
        for bits in [0, 3, 5, 6, 7, 9, 16, 255] {
            assert_eq!(StatusList::new(bits, Box::default()), None, "{bits}");
        }
    }
}
