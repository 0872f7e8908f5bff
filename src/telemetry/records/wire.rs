//! How the pieces of a record become bytes, and bytes pieces again: numbers in eight bytes, texts behind their length. What
//! is read is borrowed, and what cannot have been written is `None`.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

/// Bytes, taken one thing after the other.
pub(super) struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }
}

/// Something that is written and read.
pub(super) trait Wire<'a>: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn take(from: &mut Bytes<'a>) -> Option<Self>;
}

macro_rules! numbers {
    ($($type:ty)*) => {$(
        impl Wire<'_> for $type {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn take(from: &mut Bytes<'_>) -> Option<Self> {
                from.array().map(Self::from_le_bytes)
            }
        }
    )*};
}

numbers!(u8 u16 u64 i64 u128);

impl<'a, A: Wire<'a>, B: Wire<'a>> Wire<'a> for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn take(from: &mut Bytes<'a>) -> Option<Self> {
        Some((A::take(from)?, B::take(from)?))
    }
}

impl Wire<'_> for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn take(from: &mut Bytes<'_>) -> Option<Self> {
        u8::take(from).map(|byte| byte != 0)
    }
}

impl<'a> Wire<'a> for &'a [u8] {
    fn put(&self, out: &mut Vec<u8>) {
        // Whatever is longer was bounded before: nothing comes near it.
        let length = u16::try_from(self.len()).unwrap_or(u16::MAX);
        length.put(out);
        out.extend_from_slice(self.get(..usize::from(length)).unwrap_or(self));
    }

    fn take(from: &mut Bytes<'a>) -> Option<Self> {
        let length = u16::take(from)?;
        from.bytes(usize::from(length))
    }
}

impl<'a> Wire<'a> for &'a str {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_bytes().put(out);
    }

    fn take(from: &mut Bytes<'a>) -> Option<Self> {
        std::str::from_utf8(<&[u8]>::take(from)?).ok()
    }
}

impl<'a> Wire<'a> for Cow<'a, str> {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_bytes().put(out);
    }

    fn take(from: &mut Bytes<'a>) -> Option<Self> {
        <&str>::take(from).map(Cow::Borrowed)
    }
}

impl<'a> Wire<'a> for Cow<'a, [u8]> {
    fn put(&self, out: &mut Vec<u8>) {
        (&**self).put(out);
    }

    fn take(from: &mut Bytes<'a>) -> Option<Self> {
        <&[u8]>::take(from).map(Cow::Borrowed)
    }
}

impl<'a, T: Wire<'a>> Wire<'a> for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(inner) = self {
            inner.put(out);
        }
    }

    fn take(from: &mut Bytes<'a>) -> Option<Self> {
        if bool::take(from)? { T::take(from).map(Some) } else { Some(None) }
    }
}

impl Wire<'_> for IpAddr {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::V4(address) => {
                out.push(4);
                out.extend_from_slice(&address.octets());
            }
            Self::V6(address) => {
                out.push(6);
                out.extend_from_slice(&address.octets());
            }
        }
    }

    fn take(from: &mut Bytes<'_>) -> Option<Self> {
        match u8::take(from)? {
            4 => from.array::<4>().map(Self::from),
            6 => from.array::<16>().map(Self::from),
            _ => None,
        }
    }
}

impl Wire<'_> for SocketAddr {
    fn put(&self, out: &mut Vec<u8>) {
        self.ip().put(out);
        self.port().put(out);
    }

    fn take(from: &mut Bytes<'_>) -> Option<Self> {
        Some(Self::new(IpAddr::take(from)?, u16::take(from)?))
    }
}

/// A struct whose fields are written and read in their order.
macro_rules! wired {
    ($(#[$meta:meta])* struct $name:ident<$life:lifetime> { $($(#[$of:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub(super) struct $name<$life> { $($(#[$of])* pub $field: $type,)* }

        impl<$life> Wire<$life> for $name<$life> {
            fn put(&self, out: &mut Vec<u8>) {
                $(self.$field.put(out);)*
            }

            fn take(from: &mut Bytes<$life>) -> Option<Self> {
                Some(Self { $($field: Wire::take(from)?,)* })
            }
        }
    };
}

pub(super) use wired;
