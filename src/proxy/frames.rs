//! Where one direction of a WebSocket stands between its frames (RFC 6455 §5.2), and the frame by which it is closed.
//! What frames carry is not looked at.

/// How far into its frames a direction is.
#[derive(Clone, Debug, Default)]
pub(super) struct Frames {
    /// Bytes of an unfinished header that have passed.
    at: u8,
    /// How long that header is.
    header: u8,
    /// How many of its bytes tell the length after the first two.
    extended: u8,
    /// What the header tells of the payload's length, so far.
    length: u64,
    /// Bytes of the payload that are still to come.
    left: u64,
    closed: bool,
    /// Is the present frame one of control: a ping, a pong, a close?
    control: bool,
}

const CLOSE: u8 = 8;

impl Frames {
    /// These bytes have passed. Tells whether any of them were of a message: pings and their answers come by themselves.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) -> bool {
        let mut message = false;
        while let Some((first, rest)) = bytes.split_first() {
            if self.left == 0 {
                self.header(*first);
                bytes = rest;
            } else {
                let skipped = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
                self.left -= skipped as u64;
                bytes = bytes.get(skipped..).unwrap_or_default();
            }
            message |= !self.control;
        }
        message
    }

    fn header(&mut self, byte: u8) {
        self.at += 1;
        match self.at {
            1 => {
                self.closed |= byte & 0x0f == CLOSE;
                self.control = byte & CLOSE != 0;
            }
            2 => {
                let (mask, length) = ((byte >> 7) * 4, byte & 0x7f);
                self.extended = [2, 8].get(usize::from(length).wrapping_sub(126)).copied().unwrap_or(0);
                self.header = 2 + self.extended + mask;
                self.length = if self.extended == 0 { length.into() } else { 0 };
            }
            at if at <= 2 + self.extended => self.length = self.length << 8 | u64::from(byte),
            _ => {}
        }
        if self.at > 1 && self.at == self.header {
            (self.at, self.left) = (0, self.length);
        }
    }

    /// Has a frame begun that has not ended?
    pub(super) fn is_within(&self) -> bool {
        self.at != 0 || self.left != 0
    }

    /// How many of these bytes belong to the frame that has begun.
    pub(super) fn rest(&self, bytes: &[u8]) -> usize {
        let mut ahead = self.clone();
        let is_of_it = |byte: &&[u8]| {
            let within = ahead.is_within();
            ahead.pass(byte);
            within
        };
        bytes.chunks(1).take_while(is_of_it).count()
    }

    /// May a frame of ours come next? Not within another one, and none comes after the last.
    pub(super) fn may_close(&self) -> bool {
        !self.is_within() && !self.closed
    }
}

/// Why we close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Close {
    /// The status code (RFC 6455 §7.4.1).
    pub code: u16,
    /// The reason, short ASCII.
    pub text: &'static str,
}

impl Close {
    /// The frame to the client.
    pub(super) fn plain(self) -> Vec<u8> {
        self.frame(None)
    }

    /// The frame to the upstream: clients mask theirs, by what nobody can foresee (§5.3).
    pub(super) fn masked(self) -> Vec<u8> {
        let mut mask = [0; 4];
        // Where the system gave no random bytes it is masked all the same: nobody else has a say in what it carries.
        let _ = aws_lc_rs::rand::fill(&mut mask);
        self.frame(Some(mask))
    }

    fn frame(self, mask: Option<[u8; 4]>) -> Vec<u8> {
        // Control frames are at most 125 bytes long (§5.5); what is given here is far shorter.
        let text = self.text.as_bytes();
        let text = text.get(..123).unwrap_or(text);
        let length = u8::try_from(2 + text.len()).unwrap_or(2);
        let mut frame = vec![0x80 | CLOSE, length | if mask.is_some() { 0x80 } else { 0 }];
        frame.extend(mask.into_iter().flatten());
        let payload = self.code.to_be_bytes().into_iter().chain(text.iter().copied());
        frame.extend(payload.zip(mask.unwrap_or_default().into_iter().cycle()).map(|(byte, key)| byte ^ key));
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::{Close, Frames};

    fn frame(opcode: u8, masked: bool, length: usize) -> Vec<u8> {
        let bit = if masked { 0x80 } else { 0 };
        let mut frame = vec![0x80 | opcode];
        match length {
            0..=125 => frame.push(bit | length as u8),
            126..=0xffff => {
                frame.push(bit | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            _ => {
                frame.push(bit | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend(vec![0xff; length + if masked { 4 } else { 0 }]);
        frame
    }

    /// However the bytes come, one may close at the ends of frames and nowhere else.
    #[test]
    fn between_frames_and_nowhere_else() {
        for masked in [false, true] {
            let all: Vec<_> = [0, 1, 125, 126, 65_535, 65_536, 0].map(|length| frame(2, masked, length)).into();
            for step in [1, 7, 4096] {
                let mut frames = Frames::default();
                for frame in &all {
                    let mut passed = 0;
                    for piece in frame.chunks(step) {
                        assert_eq!(frames.may_close(), passed == 0, "after {passed} of {}", frame.len());
                        frames.pass(piece);
                        passed += piece.len();
                    }
                    assert!(frames.may_close());
                }
            }
            let mut frames = Frames::default();
            frames.pass(&all.concat());
            assert!(frames.may_close());
        }
    }

    /// However far a frame has come, its rest is known, and what follows is not of it.
    #[test]
    fn the_rest_of_a_frame() {
        let frame = frame(2, true, 200);
        let two = [&frame[..], &frame[..]].concat();
        for passed in 0..frame.len() {
            let mut frames = Frames::default();
            frames.pass(&two[..passed]);
            let rest = if passed == 0 { 0 } else { frame.len() - passed };
            assert_eq!((frames.rest(&two[passed..]), frames.rest(&two[passed..passed + rest / 2])), (rest, rest / 2));
        }
    }

    #[test]
    fn nothing_follows_a_close() {
        let close = Close { code: 1008, text: "stream_expired" };
        assert_eq!(close.plain(), [&[0x88, 16, 0x03, 0xf0][..], b"stream_expired"].concat());
        for bytes in [close.plain(), close.masked()] {
            let mut frames = Frames::default();
            assert!(frames.may_close());
            frames.pass(&bytes);
            assert!(!frames.may_close());
            frames.pass(&frame(1, false, 3));
            assert!(!frames.may_close());
        }
    }

    /// However the bytes come, each is known by its frame.
    #[test]
    fn pings_are_no_messages() {
        for step in [1, 3, 4096] {
            let mut frames = Frames::default();
            for (opcode, message) in [(9, false), (1, true), (10, false), (0, true), (2, true), (9, false), (8, false)]
            {
                for bytes in frame(opcode, true, 7).chunks(step) {
                    assert_eq!(frames.pass(bytes), message, "{opcode}");
                }
            }
        }
        assert!(Frames::default().pass(&[frame(9, false, 3), frame(1, false, 0), frame(9, false, 3)].concat()));
    }

    /// A length that nobody can send is only counted.
    #[test]
    fn an_absurd_length() {
        let mut frames = Frames::default();
        frames.pass(&[0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3]);
        assert!(!frames.may_close() && frames.left == u64::MAX - 3);
    }

    #[test]
    fn what_is_masked_can_be_read() {
        let frame = Close { code: 1001, text: "going_away" }.masked();
        let (head, rest) = frame.split_at(2);
        let (mask, payload) = rest.split_at(4);
        let read: Vec<u8> = payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        assert_eq!((head, &read[..]), (&[0x88, 0x8c][..], &[&[0x03, 0xe9][..], b"going_away"].concat()[..]));
    }
}
