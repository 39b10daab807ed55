//! One bit for each switch of a protocol's rules.

/// Makes the switches of a type `Rules` with a field `switches` of bits and a
/// constant `STRICT`: for each a setter, documented, and whether it is on.
macro_rules! switches {
    ($($(#[$doc:meta])* $bit:literal $set:ident $is:ident;)*) => {
        /// Switches, each off in [`STRICT`](Self::STRICT).
        impl Rules {$(
            $(#[$doc])*
            #[must_use]
            pub const fn $set(mut self, on: bool) -> Self {
                self.switches = if on {
                    self.switches | $bit
                } else {
                    self.switches & !$bit
                };
                self
            }

            #[inline]
            pub(crate) const fn $is(self) -> bool {
                self.switches & $bit != 0
            }
        )*}
    };
}
pub(crate) use switches;
