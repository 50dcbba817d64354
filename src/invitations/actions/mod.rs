//! What can be done with invitations.

mod accept;
mod check;
mod correct;
mod hold;
mod limits;
mod manage;
mod remind;
mod send;

pub use super::store::Query;
pub use accept::{Opened, accept_invitation, decline_invitation, find_by_code, open_link};
pub use check::{Counts, check_addresses, counts};
pub use correct::correct_invitation;
pub use hold::{Which, hold_unsupported, open_with_role, release_held_at, replace_role};
pub use limits::forget_old_counts;
pub use manage::{
    Done, copy_link, delete_invitations, list_pending, may_copy_links, resend_invitations, show_invitation,
};
pub use remind::{acceptable_by, mail_again};
pub use send::{grantable_roles, invite_first_admin, invite_staff, show_batch};
