//! The limits that every protocol shares.

/// Bounds of one exchange, counted and never stored. Zero allows nothing;
/// "no bound" is the type's maximum.
///
/// ```
/// use vestibule::Limits;
/// let limits = Limits::DEFAULT.head_bytes(8 * 1024).body_bytes(1 << 20);
/// assert_eq!(limits.fields, 256);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Limits {
    /// Bytes of a request head (or response head), trailers included.
    /// Default 65,536. Broken: [`Error::HeadTooLong`](crate::Error::HeadTooLong).
    pub head_bytes: u32,
    /// Fields of a head, trailers included. Default 256.
    /// Broken: [`Error::TooManyFields`](crate::Error::TooManyFields).
    pub fields: u32,
    /// Bytes of a body. Default no bound, since no machine stores a body.
    /// Broken: [`Error::BodyTooLong`](crate::Error::BodyTooLong).
    pub body_bytes: u64,
}

impl Limits {
    /// 64 KiB of head, 256 fields, bodies of any size.
    pub const DEFAULT: Limits = Limits {
        head_bytes: 65_536,
        fields: 256,
        body_bytes: u64::MAX,
    };

    /// Sets [`head_bytes`](Self::head_bytes).
    #[must_use]
    pub const fn head_bytes(mut self, n: u32) -> Self {
        self.head_bytes = n;
        self
    }

    /// Sets [`fields`](Self::fields).
    #[must_use]
    pub const fn fields(mut self, n: u32) -> Self {
        self.fields = n;
        self
    }

    /// Sets [`body_bytes`](Self::body_bytes).
    #[must_use]
    pub const fn body_bytes(mut self, n: u64) -> Self {
        self.body_bytes = n;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Makes a machine's limits: the struct as it stands, but with a default behind
/// each field, and with a setter for each. The first field is, or holds, the
/// limits that every protocol shares: it has their three setters instead.
///
/// Where those need other words than most, `setters of` says in what field
/// those limits are, and how the docs of the setters for the head, and of the
/// one for the body, go on behind the name of what they set.
macro_rules! limits {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $($fields:tt)* }
    ) => {
        $crate::limits::limits! {
            $(#[$meta])*
            pub struct $name { $($fields)* }
            setters of common: head ".",
                body ". A declared\nlength beyond it is refused at once.";
        }
    };
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $(#[$first_meta:meta])*
            pub $first:ident: $first_type:ty = $first_default:expr,
            $($(#[$field_meta:meta])* pub $field:ident: $type:ty = $default:expr,)*
        }
        setters of $($common:ident).+: head $head:literal, body $body:literal;
    ) => {
        $(#[$meta])*
        pub struct $name {
            $(#[$first_meta])*
            pub $first: $first_type,
            $($(#[$field_meta])* pub $field: $type,)*
        }

        impl $name {
            /// The defaults named at each field.
            pub const DEFAULT: $name = $name {
                $first: $first_default,
                $($field: $default,)*
            };

            #[doc = concat!("Sets [`Limits::head_bytes`](crate::Limits::head_bytes)", $head)]
            #[must_use]
            pub const fn head_bytes(mut self, n: u32) -> Self {
                self.$($common.)+head_bytes = n;
                self
            }

            #[doc = concat!("Sets [`Limits::fields`](crate::Limits::fields)", $head)]
            #[must_use]
            pub const fn fields(mut self, n: u32) -> Self {
                self.$($common.)+fields = n;
                self
            }

            #[doc = concat!("Sets [`Limits::body_bytes`](crate::Limits::body_bytes)", $body)]
            #[must_use]
            pub const fn body_bytes(mut self, n: u64) -> Self {
                self.$($common.)+body_bytes = n;
                self
            }

            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](Self::", stringify!($field), ").")]
                #[must_use]
                pub const fn $field(mut self, n: $type) -> Self {
                    self.$field = n;
                    self
                }
            )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self::DEFAULT
            }
        }
    };
}
pub(crate) use limits;
