//! The checksum CRC32C, four bits at a time: a table for a byte would be a
//! kilobyte of flash, for a header a connection. RFC 4960, Appendix B.

/// The polynomial of Castagnoli, its bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// What each four bits come to.
const TABLE: [u32; 16] = table();

const fn table() -> [u32; 16] {
    let mut table = [0; 16];
    let mut rest: &mut [u32] = &mut table;
    let mut n = 0u32;
    while let [entry, more @ ..] = rest {
        let mut crc = n;
        let mut bit = 0u8;
        while bit < 4 {
            let odd = crc & 1 != 0;
            crc >>= 1;
            if odd {
                crc ^= POLYNOMIAL;
            }
            bit = bit.wrapping_add(1);
        }
        *entry = crc;
        rest = more;
        n = n.wrapping_add(1);
    }
    table
}

/// A checksum under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crc32c(u32);

impl Crc32c {
    pub(super) const NEW: Crc32c = Crc32c(u32::MAX);

    pub(super) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 ^= u32::from(*byte);
            self.nibble();
            self.nibble();
        }
    }

    fn nibble(&mut self) {
        let [low, ..] = self.0.to_le_bytes();
        let entry = TABLE.get(usize::from(low & 15)).copied().unwrap_or(0);
        self.0 = (self.0 >> 4) ^ entry;
    }

    pub(super) const fn end(self) -> u32 {
        !self.0
    }
}
