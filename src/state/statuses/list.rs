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
