//! A chunked body, byte by byte where it must be and by leaps where it may (RFC 9112 §7.1). Checks only; what is
//! checked goes on to hyper, which decodes it again and can no longer read it differently.

use super::fault::Fault;

/// The longest extension of one chunk.
const EXTENSION_MAX: u16 = 256;
/// The most extension bytes of a whole body: a chunk that carries more extension than data is an attack.
const EXTENSIONS_MAX: u32 = 16 * 1024;
/// A 64-bit size has no more hexadecimal digits.
const DIGITS_MAX: u8 = 16;

/// Where in the body we are.
#[derive(Clone, Copy, Debug)]
enum At {
    Size { digits: u8, size: u64 },
    Extension { length: u16, size: u64 },
    SizeEnd { size: u64 },
    Data { left: u64 },
    DataCr,
    DataLf,
}

/// A chunked body in the making.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunks {
    at: At,
    extensions: u32,
}

const SIZE: At = At::Size { digits: 0, size: 0 };

impl Chunks {
    /// At the first byte of a body.
    pub(super) const fn new() -> Self {
        Self { at: SIZE, extensions: 0 }
    }

    /// Reads on: how many bytes belong to the body's chunks, and whether the last chunk was among them.
    /// The error carries how many bytes before the fault were good.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(usize, bool), (usize, Fault)> {
        let mut position = 0;
        while let Some(&byte) = bytes.get(position) {
            if let At::Data { left } = self.at {
                position += self.leap(left, bytes.len() - position);
                continue;
            }
            let is_last = self.step(byte).map_err(|fault| (position, fault))?;
            position += 1;
            if is_last {
                return Ok((position, true));
            }
        }
        Ok((position, false))
    }

    fn leap(&mut self, left: u64, available: usize) -> usize {
        let step = usize::try_from(left).unwrap_or(usize::MAX).min(available);
        let left = left - step as u64;
        self.at = if left == 0 { At::DataCr } else { At::Data { left } };
        step
    }

    /// One byte outside of chunk data. True: it ended the last chunk's line.
    fn step(&mut self, byte: u8) -> Result<bool, Fault> {
        self.at = match (self.at, byte) {
            (At::Size { digits, size }, _) => self.size(digits, size, byte)?,
            (At::Extension { size, .. }, b'\r') => At::SizeEnd { size },
            (At::Extension { length, size }, _) => self.extension(length, size, byte)?,
            (At::SizeEnd { size: 0 }, b'\n') => return Ok(true),
            (At::SizeEnd { size }, b'\n') => At::Data { left: size },
            (At::SizeEnd { .. }, _) => return Err(Fault::ambiguous("a chunk size line does not end with CRLF")),
            (At::DataCr, b'\r') => At::DataLf,
            (At::DataLf, b'\n') => SIZE,
            (At::DataCr | At::DataLf | At::Data { .. }, _) => {
                return Err(Fault::ambiguous("chunk data is not followed by CRLF"));
            }
        };
        Ok(false)
    }

    fn size(&self, digits: u8, size: u64, byte: u8) -> Result<At, Fault> {
        match (char::from(byte).to_digit(16), byte) {
            (Some(_), _) if digits >= DIGITS_MAX => Err(Fault::ambiguous("a chunk size has more than 16 digits")),
            (Some(digit), _) => Ok(At::Size { digits: digits + 1, size: (size << 4) | u64::from(digit) }),
            (None, b'\r') if digits > 0 => Ok(At::SizeEnd { size }),
            (None, b';') if digits > 0 => Ok(At::Extension { length: 0, size }),
            _ => Err(Fault::ambiguous("a chunk size is not hexadecimal digits alone")),
        }
    }

    fn extension(&mut self, length: u16, size: u64, byte: u8) -> Result<At, Fault> {
        self.extensions += 1;
        if length >= EXTENSION_MAX || self.extensions > EXTENSIONS_MAX {
            return Err(Fault::ambiguous("chunk extensions are longer than allowed"));
        }
        if (byte < 0x20 && byte != b'\t') || byte == 0x7f {
            return Err(Fault::ambiguous("a chunk extension holds a control character"));
        }
        Ok(At::Extension { length: length + 1, size })
    }
}
