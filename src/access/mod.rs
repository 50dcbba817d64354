//! Who may do what. Roles are named sets of permissions; a membership gives one role in one scope; every grant goes through
//! the one rule in [`policy`]. The proofs of authority ([`Granted`], [`Visible`]) can be made here only.

mod actor;
mod patient;
mod permission;
pub mod policy;
mod role;
mod scope;
mod second_factor;
mod store;

pub use actor::{Actor, Administers, Granted, Membership, Origin, Runs, Via, Visible};
pub use patient::{Clinician, OnePatient, Opening, Whereabouts};
pub use permission::{Permission, PermissionSet};
pub use policy::{Refusal, Target};
pub use role::{CustomRole, DefaultRole, Role, RoleKey};
pub use scope::Scope;
pub use second_factor::SecondFactorFor;
pub use store::{
    asked_for_second_factor, find_role, memberships_of, memberships_to_come, organisation_of, role_keys_of, role_names,
    roles_of, whereabouts,
};
pub(crate) use store::{custom_role, membership};
