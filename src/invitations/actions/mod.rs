//! What can be done with invitations.

mod accept;
mod after;
mod check;
mod correct;
mod hold;
mod limits;
mod manage;
mod remind;
mod reminders;
mod second_look;
mod send;
mod slip;
mod undelivered;

pub use super::store::Query;
pub use accept::{Opened, accept_invitation, decline_invitation, find_by_code, open_link};
pub use after::{PendingChange, Tally, Undone, change_batch, count_batch, list_batch, resend_batch, undo_batch};
pub use check::{Counts, Judge, check_addresses, colleagues, counts};
pub use correct::correct_invitation;
pub use hold::{Which, hold_unsupported, open_with_role, release_held_at, replace_role};
pub use limits::forget_old_counts;
pub use manage::{
    Done, History, copy_link, delete_invitations, history_of, list_pending, may_copy_links, resend_invitations,
    resend_within, show_invitation, show_row,
};
pub use remind::{acceptable_by, mail_again};
pub use reminders::remind;
pub use second_look::code_to_tell;
pub use send::{
    Wanted, begin_batch, grantable_roles, invite_first_admin, invite_staff, invite_within, judge_start,
    refuse_without_reason, show_batch,
};
pub use slip::{Slip, open_slip, print_slips};
pub use undelivered::{ever_sent_to, of_mail, tell_of_failures};
