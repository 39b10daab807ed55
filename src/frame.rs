//! Output: a few bytes of ours around a slice of the caller's.

#[cfg(feature = "std")]
use std::io::IoSlice;

const HEAD: usize = 32;
const TAIL: usize = 24;

/// Bytes to be written, in three parts: inline head, the caller's own bytes,
/// inline tail. At most 96 bytes large, plain data, no destructor.
///
/// Frames of one connection must be written whole and in the order made. A
/// frame may be empty: then there is nothing to write.
///
/// ```
/// use vestibule::Frame;
/// let mut frame = Frame::EMPTY;
/// assert!(frame.is_empty());
/// frame.advance(0);
/// assert_eq!(frame.len(), 0);
/// ```
#[must_use = "the machine's state has moved on: these bytes must be written"]
#[derive(Clone, Copy, Debug)]
pub struct Frame<'b> {
    inline: Inline,
    body: &'b [u8],
}

#[derive(Clone, Copy, Debug)]
struct Inline {
    head: [u8; HEAD],
    tail: [u8; TAIL],
    head_len: u8,
    tail_len: u8,
    /// Bytes already written, over all three parts.
    position: usize,
}

impl Inline {
    fn head(&self) -> &[u8] {
        self.head.get(..usize::from(self.head_len)).unwrap_or(&[])
    }

    fn tail(&self) -> &[u8] {
        self.tail.get(..usize::from(self.tail_len)).unwrap_or(&[])
    }
}

impl<'b> Frame<'b> {
    /// Nothing to write.
    pub const EMPTY: Frame<'static> = Frame {
        inline: Inline {
            head: [0; HEAD],
            tail: [0; TAIL],
            head_len: 0,
            tail_len: 0,
            position: 0,
        },
        body: &[],
    };

    /// A frame of a machine that is not this crate's. `None` where `head` is
    /// longer than 32 bytes or `tail` than 24.
    ///
    /// ```
    /// use vestibule::Frame;
    /// let frame = Frame::new(b"5:", b"hello", b",").unwrap();
    /// assert_eq!(frame.slices().concat(), b"5:hello,");
    /// assert!(Frame::new(&[0; 33], b"", b"").is_none());
    /// ```
    pub fn new(head: &[u8], body: &'b [u8], tail: &[u8]) -> Option<Self> {
        (head.len() <= HEAD && tail.len() <= TAIL).then(|| Frame::of(body).head(head).tail(tail))
    }

    /// A frame of `body` alone.
    pub(crate) fn of(body: &'b [u8]) -> Self {
        Frame {
            body,
            ..Frame::EMPTY
        }
    }

    /// Adds to the inline head. Only constants of this crate come here, each
    /// sum of them at most 32 bytes; a unit test of each maker holds that.
    #[inline]
    pub(crate) fn head(mut self, bytes: &[u8]) -> Self {
        self.inline.head_len = append(&mut self.inline.head, self.inline.head_len, bytes);
        self
    }

    /// Adds to the inline tail, at most 24 bytes in all.
    #[inline]
    pub(crate) fn tail(mut self, bytes: &[u8]) -> Self {
        self.inline.tail_len = append(&mut self.inline.tail, self.inline.tail_len, bytes);
        self
    }

    /// Bytes still to be written.
    #[inline]
    pub fn len(&self) -> usize {
        usize::from(self.inline.head_len)
            .saturating_add(self.body.len())
            .saturating_add(usize::from(self.inline.tail_len))
            .saturating_sub(self.inline.position)
    }

    /// Whether nothing is left to be written.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is still to be written, in order. Any of the three may be empty.
    #[inline]
    pub fn slices(&self) -> [&[u8]; 3] {
        let mut skip = self.inline.position;
        [self.inline.head(), self.body, self.inline.tail()].map(|part| {
            let n = skip.min(part.len());
            skip = skip.saturating_sub(n);
            part.get(n..).unwrap_or(&[])
        })
    }

    /// Marks `n` bytes as written; more than are left counts as all of them.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        self.inline.position = self.inline.position.saturating_add(n.min(self.len()));
    }

    /// Copies as much as fits to `out`, marks it as written, says how much.
    /// For rings and tiny buffers.
    pub fn copy_to(&mut self, out: &mut [u8]) -> usize {
        let mut free = &mut *out;
        for part in self.slices() {
            let n = part.len().min(free.len());
            let (now, later) = core::mem::take(&mut free)
                .split_at_mut_checked(n)
                .unwrap_or_default();
            if let Some(part) = part.get(..n) {
                fill(now, part);
            }
            free = later;
        }
        let n = out.len().min(self.len());
        self.advance(n);
        n
    }

    /// [`slices`](Self::slices) for a vectored write.
    #[cfg(feature = "std")]
    pub fn io_slices(&self) -> [IoSlice<'_>; 3] {
        self.slices().map(IoSlice::new)
    }

    /// Drops the lifetime and keeps the position, for a loop that cannot write
    /// all of it now.
    pub fn park(self) -> Parked {
        Parked {
            inline: self.inline,
            body_len: self.body.len(),
        }
    }
}

impl Default for Frame<'_> {
    fn default() -> Self {
        Frame::EMPTY
    }
}

/// A [`Frame`] without the caller's bytes.
///
/// ```
/// use vestibule::Frame;
/// let parked = Frame::EMPTY.park();
/// assert_eq!(parked.body_len(), 0);
/// assert!(parked.unpark(&[]).is_some());
/// ```
#[must_use = "the bytes of a parked frame must be written"]
#[derive(Clone, Copy, Debug)]
pub struct Parked {
    inline: Inline,
    body_len: usize,
}

impl Parked {
    /// Length of the caller's bytes that the frame was made with.
    pub fn body_len(&self) -> usize {
        self.body_len
    }

    /// The frame again, with the same bytes as before. `None` when their
    /// length is another one.
    pub fn unpark(self, body: &[u8]) -> Option<Frame<'_>> {
        (body.len() == self.body_len).then_some(Frame {
            inline: self.inline,
            body,
        })
    }
}

#[inline]
fn append(to: &mut [u8], at: u8, bytes: &[u8]) -> u8 {
    let end = usize::from(at).saturating_add(bytes.len());
    match to.get_mut(usize::from(at)..end) {
        Some(room) => {
            fill(room, bytes);
            u8::try_from(end).unwrap_or(at)
        }
        None => {
            debug_assert!(false, "inline part too long");
            at
        }
    }
}

/// Copies where the lengths agree, which every caller sees to; unlike
/// `copy_from_slice` without a path that panics. Compiles to a memcpy.
#[inline]
pub(crate) fn fill(to: &mut [u8], from: &[u8]) {
    if to.len() == from.len() {
        for (to, from) in to.iter_mut().zip(from) {
            *to = *from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_advance_gives_the_same_bytes() {
        let frame = Frame::of(b"body").head(b"he").head(b"ad").tail(b"tail");
        let whole = frame.slices().concat();
        assert_eq!(whole, b"headbodytail");
        for step in 1..=13 {
            let (mut frame, mut seen) = (frame, Vec::new());
            while !frame.is_empty() {
                let mut room = vec![0; step];
                let n = frame.copy_to(&mut room);
                seen.extend_from_slice(&room[..n]);
                frame = frame.park().unpark(b"body").unwrap();
            }
            assert_eq!(seen, whole);
        }
        let mut frame = frame;
        frame.advance(usize::MAX);
        assert!(frame.is_empty());
        assert!(frame.park().unpark(b"bod").is_none());
    }

    #[test]
    fn sizes() {
        assert!(size_of::<Frame<'_>>() <= 96);
        assert!(size_of::<Parked>() <= 88);
    }
}
