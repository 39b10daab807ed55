//! The common traits for the machine of a protocol.

/// Makes `$machine`, which has a [`Core`](super::Core) in `core` and a method
/// `begin` for [`open`](crate::Client::open), a machine of the common traits.
/// `$redirect` is the event of a local redirect; without it the protocol
/// receives by itself.
macro_rules! delegate_client {
    ($machine:ty, $ext:ty, $redirect:expr) => {
        $crate::oneshot::client::delegate_client!($machine, $ext);

        impl $crate::machine::Receive for $machine {
            type Event<'i> = $crate::event::Response<'i, $ext>;

            #[inline]
            fn next<'i>(
                &mut self,
                input: &mut &'i [u8],
            ) -> Result<$crate::event::Next<Self::Event<'i>>, $crate::error::Error> {
                self.core.next(input, $redirect)
            }

            fn eof<'i>(
                &mut self,
            ) -> Result<$crate::event::Next<Self::Event<'i>>, $crate::error::Error> {
                self.core.eof($redirect)
            }
        }
    };
    ($machine:ty, $ext:ty) => {
        impl $crate::machine::Status for $machine {
            fn phase(&self) -> $crate::time::Phase {
                self.core.phase()
            }

            fn after(&self) -> $crate::machine::After {
                self.core.after()
            }
        }

        impl $crate::machine::Client for $machine {
            type Ext<'i> = $ext;

            fn free(&self) -> usize {
                self.core.free()
            }

            fn open<'b, 'f, I>(
                &mut self,
                fields: I,
                length: $crate::event::Length,
                room: &'b mut [u8],
            ) -> Result<($crate::event::Id, $crate::frame::Frame<'b>), $crate::error::Refused>
            where
                I: IntoIterator<Item = $crate::event::Field<'f>> + Clone,
            {
                self.begin(fields, length, room)
            }

            /// No bound of its own: what is beyond the declared length is for
            /// [`body`](crate::Client::body) to refuse.
            fn credit(&self, id: $crate::event::Id) -> usize {
                self.core.credit(id)
            }

            #[inline]
            fn body<'b>(
                &mut self,
                id: $crate::event::Id,
                payload: &mut &'b [u8],
            ) -> Result<$crate::frame::Frame<'b>, $crate::error::Refused> {
                self.core.body(id, payload)
            }

            /// An empty frame: the body is counted. There are no trailers.
            fn body_end<'b, 'f, I>(
                &mut self,
                id: $crate::event::Id,
                _trailers: I,
                _room: &'b mut [u8],
            ) -> Result<$crate::frame::Frame<'b>, $crate::error::Refused>
            where
                I: IntoIterator<Item = $crate::event::Field<'f>> + Clone,
            {
                self.core.body_end(id)
            }

            /// There is no word for it: the connection is to be closed.
            fn abort(
                &mut self,
                id: $crate::event::Id,
            ) -> Result<$crate::frame::Frame<'static>, $crate::error::Refused> {
                self.core.abort(id)
            }

            fn cancel(&mut self) {
                self.core.cancel();
            }
        }
    };
}
pub(crate) use delegate_client;
