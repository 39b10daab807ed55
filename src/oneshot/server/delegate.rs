//! The common traits for the machine of a protocol.

/// Makes `$machine`, which has a [`Core`](super::Core) in `core`, a machine of
/// the common traits. `$reply`, given the machine too, answers an event of the
/// protocol's own.
macro_rules! delegate_server {
    ($machine:ty, $ext:ty, $reply:expr) => {
        impl $crate::machine::Receive for $machine {
            type Event<'i> = $crate::event::Request<'i, $ext>;

            #[inline]
            fn next<'i>(
                &mut self,
                input: &mut &'i [u8],
            ) -> Result<$crate::event::Next<Self::Event<'i>>, $crate::error::Error> {
                self.core.next(input)
            }

            fn eof<'i>(
                &mut self,
            ) -> Result<$crate::event::Next<Self::Event<'i>>, $crate::error::Error> {
                self.core.eof()
            }
        }

        impl $crate::machine::Status for $machine {
            fn phase(&self) -> $crate::time::Phase {
                self.core.phase()
            }

            fn after(&self) -> $crate::machine::After {
                self.core.after()
            }
        }

        impl $crate::machine::Server for $machine {
            type Ext<'i> = $ext;

            /// Always an empty frame: the peer sends the body unasked.
            fn demand(
                &mut self,
                id: $crate::event::Id,
                _max: usize,
            ) -> Result<$crate::frame::Frame<'static>, $crate::error::Refused> {
                self.core.demand(id)
            }

            /// Always an empty frame: the answer of a CGI program has no
            /// interim ones.
            fn interim<'b, 'f, I>(
                &mut self,
                id: $crate::event::Id,
                status: u16,
                _fields: I,
                _room: &'b mut [u8],
            ) -> Result<$crate::frame::Frame<'b>, $crate::error::Refused>
            where
                I: IntoIterator<Item = $crate::event::Field<'f>> + Clone,
            {
                self.core.interim(id, status)
            }

            /// With [`Length::None`](crate::Length::None) the head declares a
            /// length of 0, where the answer may have a body.
            fn head<'b, 'f, I>(
                &mut self,
                id: $crate::event::Id,
                status: u16,
                fields: I,
                length: $crate::event::Length,
                room: &'b mut [u8],
            ) -> Result<$crate::frame::Frame<'b>, $crate::error::Refused>
            where
                I: IntoIterator<Item = $crate::event::Field<'f>> + Clone,
            {
                self.core.head_of(id, status, fields, length, room)
            }

            #[inline]
            fn body<'b>(
                &mut self,
                id: $crate::event::Id,
                payload: &mut &'b [u8],
            ) -> Result<$crate::frame::Frame<'b>, $crate::error::Refused> {
                self.core.body_of(id, payload)
            }

            /// An empty frame: the close of the connection ends the answer.
            /// There are no trailers.
            fn finish<'b, 'f, I>(
                &mut self,
                id: $crate::event::Id,
                _trailers: I,
                _room: &'b mut [u8],
            ) -> Result<$crate::frame::Frame<'b>, $crate::error::Refused>
            where
                I: IntoIterator<Item = $crate::event::Field<'f>> + Clone,
            {
                self.core.finish(id)
            }

            /// Before the head an answer of the error's status without a body;
            /// [`Refused::Room`](crate::Refused::Room) where `room` is too
            /// small for it. Behind a head an empty frame and a close: an
            /// answer of a declared length is then visibly short. One without
            /// a length nothing can tell from a whole one.
            fn fail<'b>(
                &mut self,
                id: $crate::event::Id,
                error: $crate::error::Error,
                room: &'b mut [u8],
            ) -> Result<$crate::frame::Frame<'b>, $crate::error::Refused> {
                self.core.fail(id, error, room)
            }

            /// Does nothing: no exchange follows.
            fn close_after(&mut self, _id: $crate::event::Id) {}

            fn shutdown(&mut self) {
                self.core.shutdown();
            }

            fn cancel(&mut self) {
                self.core.cancel();
            }

            fn default_reply(&mut self, ext: $ext) -> $crate::frame::Frame<'static> {
                ($reply)(self, ext)
            }
        }
    };
}
pub(crate) use delegate_server;
