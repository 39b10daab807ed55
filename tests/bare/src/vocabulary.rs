//! Fields, frames, limits and time.

use crate::sink;
use vestibule::{
    Cut, Deadline, Error, Field, Fields, Frame, Id, Limits, Millis, Next, Overflow, Parked, Phase,
    Space, Timeouts,
};

type Array = Fields<[u8; 512]>;
type Slice<'a> = Fields<&'a mut [u8]>;

sizes! {
    SIZE_OF_FRAME: Frame<'static>;
    SIZE_OF_PARKED: Parked;
    SIZE_OF_FIELD: Field<'static>;
    SIZE_OF_FIELDS_WITH_512: Array;
    SIZE_OF_DEADLINE: Deadline;
    SIZE_OF_ERROR: Error;
}

fn look<B: AsRef<[u8]> + AsMut<[u8]>>(fields: &Fields<B>, name: &[u8]) {
    sink(fields.get(name));
    sink(fields.ambiguous(name));
    sink(fields.overflowed());
    for value in fields.all(name) {
        sink(value);
    }
    for field in fields.iter() {
        sink(field);
    }
}

roots! {
    root_fields_push(fields: &mut Array, field: &Field<'_>) { sink(fields.push(*field)); }
    root_fields_clear(fields: &mut Array) { fields.clear(); }
    root_fields_look(fields: &Array, name: &&[u8]) { look(fields, name); }
    root_fields_new(out: &mut Array) { *out = Fields::new([0; 512]); }
    root_fields_into(fields: &Array) { sink(fields.into_inner()); }
    root_fieldslice_push(fields: &mut Slice<'_>, field: &Field<'_>) { sink(fields.push(*field)); }
    root_fieldslice_look(fields: &Slice<'_>, name: &&[u8]) { look(fields, name); }

    root_frame_len(frame: &Frame<'_>) { sink(frame.len()); sink(frame.is_empty()); }
    root_frame_slices(frame: &Frame<'_>) { sink(frame.slices()); }
    root_frame_advance(frame: &mut Frame<'_>, n: usize) { frame.advance(n); }
    root_frame_copy(frame: &mut Frame<'_>, out: &mut &mut [u8]) { sink(frame.copy_to(out)); }
    root_frame_park(frame: &Frame<'_>) { sink(frame.park()); }
    root_frame_unpark(parked: &Parked, body: &&[u8]) {
        sink(parked.body_len());
        sink(parked.unpark(body));
    }

    root_deadline_new(timeouts: &Timeouts) { sink(Deadline::new(*timeouts)); }
    root_deadline_observe(deadline: &mut Deadline, phase: Phase, now: Millis, progress: bool) {
        deadline.observe(phase, now, progress);
    }
    root_deadline_at(deadline: &Deadline, now: Millis) {
        sink(deadline.at());
        sink(deadline.expired(now));
    }
    root_deadline_all(ms: u32) { sink(Timeouts::all(ms)); }

    root_event_field(field: &Field<'_>) { sink(field.trimmed()); }
    root_event_make(space: Space, cut: Cut, name: &&[u8], value: &&[u8]) {
        sink((Field::var(name, value), Field::header(name, value), Field::trailer(name, value)));
        sink((space.trims(), Field { cut, ..Field::var(name, value) }));
    }
    root_event_id(n: u16) {
        let id = Id::new(n);
        sink(id.map(Id::get));
    }
    root_event_next(next: &Next<u32>) { sink(next.event()); }
    root_event_error(error: &Error) {
        sink((error.status(), error.section(), error.blame(), Overflow));
    }
    root_event_limits(head: u32, fields: u32, body: u64) {
        sink(Limits::DEFAULT.head_bytes(head).fields(fields).body_bytes(body));
    }
}
