//! Reading an answer.

use super::{Core, Reading, Writing};
use crate::cgi::response::Piece;
use crate::error::Error;
use crate::event::{Ending, Id, Next, Response};

const ID: Id = Id::SOLE;

/// `X`: the events of the protocol's own.
type Step<'i, X> = Result<Next<Response<'i, X>>, Error>;

impl Core {
    /// `redirect`: the event of a local redirect.
    #[inline]
    pub(crate) fn next<'i, X>(&mut self, input: &mut &'i [u8], redirect: X) -> Step<'i, X> {
        if self.broken {
            return self.gone(Next::Paused);
        }
        match self.reading {
            Reading::Body | Reading::Head => self.more(input, redirect),
            Reading::Await if input.is_empty() => Ok(Next::NeedInput),
            Reading::Await => {
                self.reading = Reading::Head;
                self.more(input, redirect)
            }
            _ => self.rest(input),
        }
    }

    #[inline]
    fn more<'i, X>(&mut self, input: &mut &'i [u8], redirect: X) -> Step<'i, X> {
        if self.answer.over() {
            return Ok(Next::Event(self.body_over()));
        }
        match self.answer.next(&self.rules, input) {
            Ok(Next::Event(piece)) => Ok(Next::Event(self.piece(piece, redirect))),
            Ok(Next::NeedInput | Next::Paused) => Ok(Next::NeedInput),
            Err(error) => Ok(Next::Event(self.fail(error))),
        }
    }

    #[inline]
    fn piece<'i, X>(&mut self, piece: Piece<'i>, redirect: X) -> Response<'i, X> {
        match piece {
            Piece::Field(field) => Response::Field { id: ID, field },
            Piece::Body(bytes) => Response::Body { id: ID, bytes },
            Piece::HeadEnd { status, length } => {
                self.reading = Reading::Body;
                Response::HeadEnd {
                    id: ID,
                    status,
                    length,
                }
            }
            Piece::Interim(status) => Response::Interim { id: ID, status },
            Piece::BodyEnd => self.body_over(),
            Piece::LocalRedirect => {
                self.reading = Reading::Done;
                Response::Ext(redirect)
            }
        }
    }

    fn body_over<'i, X>(&mut self) -> Response<'i, X> {
        self.reading = Reading::Done;
        Response::BodyEnd { id: ID }
    }

    /// What is neither head nor body of an answer.
    #[cold]
    #[inline(never)]
    fn rest<'i, X>(&mut self, input: &mut &'i [u8]) -> Step<'i, X> {
        match self.reading {
            Reading::Lost(error) => Err(error),
            Reading::Done => Ok(Next::Event(self.done())),
            // Bytes that nobody asked for are no answer.
            Reading::Idle if !input.is_empty() => {
                self.reading = Reading::Lost(Error::Unasked);
                Err(Error::Unasked)
            }
            _ => {
                *input = &[];
                Ok(Next::NeedInput)
            }
        }
    }

    pub(crate) fn eof<'i, X>(&mut self, redirect: X) -> Step<'i, X> {
        if self.broken {
            return self.gone(Next::NeedInput);
        }
        match self.reading {
            Reading::Idle | Reading::Diverted | Reading::Over => {
                self.reading = Reading::Over;
                Ok(Next::NeedInput)
            }
            Reading::Await | Reading::Head | Reading::Body => {
                if self.answer.over() {
                    return Ok(Next::Event(self.body_over()));
                }
                Ok(Next::Event(match self.answer.eof(&self.rules) {
                    Ok(Next::Event(piece)) => self.piece(piece, redirect),
                    _ => self.cut(),
                }))
            }
            Reading::Done => Ok(Next::Event(self.done())),
            Reading::Lost(error) => Err(error),
        }
    }

    /// The transport is gone both ways: an open request gets its last event.
    #[cold]
    fn gone<'i, X>(&mut self, quiet: Next<Response<'i, X>>) -> Step<'i, X> {
        match self.reading {
            Reading::Lost(error) => Err(error),
            Reading::Idle | Reading::Diverted | Reading::Over => Ok(quiet),
            Reading::Done => Ok(Next::Event(self.done())),
            Reading::Await | Reading::Head | Reading::Body => Ok(Next::Event(self.cut())),
        }
    }

    /// The last event of a request whose answer is not complete and will not
    /// be.
    #[cold]
    fn cut<'i, X>(&mut self) -> Response<'i, X> {
        let ending = match self.reading {
            _ if self.writing == Writing::Aborted => Ending::Aborted,
            Reading::Body => Ending::Truncated,
            Reading::Head => Ending::Failed(Error::HeadCut),
            _ => Ending::Failed(Error::NoResponse),
        };
        self.reading = Reading::Lost(Error::Eof);
        ended(ending)
    }

    #[cold]
    fn fail<'i, X>(&mut self, error: Error) -> Response<'i, X> {
        self.reading = Reading::Lost(error);
        ended(Ending::Failed(error))
    }

    /// The end of a complete answer.
    fn done<'i, X>(&mut self) -> Response<'i, X> {
        self.reading = Reading::Over;
        ended(Ending::Complete {
            app_status: 0,
            output_ended: true,
        })
    }
}

/// The application may have run before it closed or failed, and the connection
/// carries one request alone.
fn ended<'i, X>(ending: Ending) -> Response<'i, X> {
    Response::Done {
        id: ID,
        reuse: false,
        retry_safe: false,
        ending,
    }
}
