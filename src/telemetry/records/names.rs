//! Names that many records share, each held once. They come from configs and from tables, so there are few; should there
//! ever be too many, the rest are one.

use std::collections::HashMap;
use std::sync::Arc;

/// The number of a name; zero is none.
pub(super) type Number = u16;

/// What stands for all that find no room.
const OTHER: &str = "other";

/// The names, by number and back.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<Arc<str>, Number>,
    names: Vec<Arc<str>>,
}

impl Names {
    /// The number of this name, a new one if need be.
    pub fn number(&mut self, name: Option<&str>) -> Number {
        let Some(name) = name else { return 0 };
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        match Number::try_from(self.names.len() + 1) {
            Ok(number) if number < Number::MAX || name == OTHER => self.enter(name, number),
            _ => self.number(Some(OTHER)),
        }
    }

    fn enter(&mut self, name: &str, number: Number) -> Number {
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        self.numbers.insert(name, number);
        number
    }

    /// The number of this name, if it has one.
    pub fn known(&self, name: &str) -> Option<Number> {
        self.numbers.get(name).copied()
    }

    /// The name of this number.
    pub fn name(&self, number: Number) -> Option<&str> {
        let place = usize::from(number).checked_sub(1)?;
        self.names.get(place).map(|name| &**name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_names_is_bounded() {
        let mut names = Names::default();
        assert_eq!((names.number(None), names.number(Some("a")), names.number(Some("a"))), (0, 1, 1));
        assert_eq!((names.name(0), names.name(1), names.known("b")), (None, Some("a"), None));
        let last: Vec<Number> = (0..70_000).map(|at| names.number(Some(&at.to_string()))).collect();
        assert_eq!(names.names.len(), usize::from(Number::MAX));
        assert_eq!(names.name(last[69_999]), Some(OTHER));
    }
}
