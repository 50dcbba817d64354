//! Accounts and how one proves to be the person behind one: passwords, sessions, API keys.

pub mod actions;
pub mod attempts;
pub mod door;
pub mod pages;
mod passwords;
mod store;

pub use passwords::{Strength, judge};

use crate::{
    access::{PermissionSet, Scope},
    types::{AccountId, ApiKeyId, Secret, SessionId, Timestamp},
};

/// A person who can sign in. The e-mail is the user name and cannot change.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Name on screen.
    pub name: String,
    /// The address.
    pub email: String,
}

/// A fresh session: what the cookie gets.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// The secret; stored only as a hash.
    pub token: Secret<String>,
}

/// An API key as its owner sees it.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// The owner's own word for it.
    pub name: String,
    /// Where it works at most.
    pub scope: Scope,
    /// What it may do at most.
    pub permissions: PermissionSet,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}
