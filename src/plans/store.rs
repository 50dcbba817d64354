//! The rows of plans.

mod plans;
mod rows;

pub(super) use plans::{
    advance, due, find, find_by_key, find_for_work, finish, insert, list, mark_deleted, postpone, schedule, start,
    stop, unschedule, wait,
};
pub(super) use rows::{
    Applied, counts, decide, delete_rows, insert_rows, list_rows, numbers_of, rejudge, set_outcomes, waiting,
    with_suggestion,
};
pub use rows::{Found, Query, rows_statement};
