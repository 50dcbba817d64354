//! What can be done with staff members.

mod carers;
mod change;
mod end;
mod join;
mod locked_out;
mod own;
mod people;
mod tell;
mod warn;

pub use super::store::Query;
pub use carers::{carers, find_carers};
pub use change::{
    accounts_with_role, change_roles, change_roles_within, holders_of, members, replace_role, roles_for, undo_change,
};
pub use end::{begin_now, remove_from_team, remove_members, set_ends};
pub use join::{colleagues, holders, is_member, join, list_staff, members_by_email, show_member};
pub use locked_out::{LONGEST_REASON, LockedOut, ResetDone, look_at_locked_out, reset_second_factor, send_reset_link};
pub use own::{ComingAccess, OwnAccess, coming_access, own_access};
pub use people::{list_memberships, list_people};
pub use tell::{access_managers, access_watchers};
pub use warn::warn_of_endings;
