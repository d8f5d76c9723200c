//! Times with a time zone beside times without one, as operators compare them: in the session's zone.

use pgrx::pg_sys::{self, Datum, Oid, TimestampTz, pg_time_t};

const DAY: pg_time_t = 86_400;
/// No offset from UTC is as large: zones written as POSIX has it have less than 168 hours, in summer one more.
const FARTHEST: pg_time_t = 8 * DAY;
const MICROSECONDS: i64 = 1_000_000;

/// An argument of type `of`, `date` or `timestamp`, as `timestamptz`; infinite, as operators have it, if it
/// is none.
///
/// # Safety
/// `value` is of that type.
pub unsafe fn with_zone(value: Datum, of: Oid) -> TimestampTz {
    let mut overflow = 0;
    // SAFETY: the caller's promise; the place is a local.
    let time = unsafe {
        match of {
            pg_sys::DATEOID => {
                pg_sys::date2timestamptz_opt_overflow(value.value() as i32, &mut overflow)
            }
            _ => pg_sys::timestamp2timestamptz_opt_overflow(value.value() as i64, &mut overflow),
        }
    };
    match overflow {
        0 => time,
        1.. => i64::MAX,
        _ => i64::MIN,
    }
}

/// From which time without a zone on one may be equal to `time`, and up to which: a clock that is put back shows
/// times twice.
pub fn without_zone(time: TimestampTz) -> (i64, i64) {
    if time == i64::MIN || time == i64::MAX {
        return (time, time);
    }
    let (least, greatest) = offsets(time).unwrap_or((-FARTHEST, FARTHEST));
    let shown = |offset: pg_time_t| time.saturating_add(offset * MICROSECONDS);
    (shown(least), shown(greatest))
}

/// The least and the greatest offset from UTC, in seconds, that a time without a zone may be given to become
/// `time`. PostgreSQL takes what is in force a day before it would be that time in UTC, or what the
/// next change of the clock brings.
fn offsets(time: TimestampTz) -> Option<(pg_time_t, pg_time_t)> {
    // SAFETY: a computation.
    let seconds = unsafe { pg_sys::timestamptz_to_time_t(time) };
    let mut from = seconds - FARTHEST - DAY;
    let to = seconds + 2 * FARTHEST;
    let (mut least, mut greatest) = (pg_time_t::MAX, pg_time_t::MIN);
    loop {
        let (mut before, mut after, mut change) = (0, 0, 0);
        let (mut was_summer, mut is_summer) = (0, 0);
        // SAFETY: a session has a zone, which stays in memory; the other places are locals.
        let found = unsafe {
            pg_sys::pg_next_dst_boundary(
                &from,
                &mut before,
                &mut was_summer,
                &mut change,
                &mut after,
                &mut is_summer,
                pg_sys::session_timezone,
            )
        };
        if found < 0 {
            return None;
        }
        (least, greatest) = (least.min(before), greatest.max(before));
        if found == 0 || change > to {
            return Some((least, greatest));
        }
        from = change;
    }
}
