//! Accounts and how one proves to be the person behind one: passwords, second factors, sessions, API keys.

pub mod actions;
pub mod api;
pub mod attempts;
mod browser_name;
mod codes;
pub mod door;
pub mod email;
mod links;
mod notice;
pub mod pages;
mod passwords;
mod relying_party;
mod store;
mod units;

pub use browser_name::browser_name;
pub use links::{NOTICE, RESET, notice_link, reset_link};
pub use notice::NoticeKind;
pub use passwords::{Strength, judge};
pub use relying_party::has_passkeys;
pub use units::{MEASURES, Measure, Units};

use crate::{
    access::{Origin, PermissionSet, Scope},
    op::Caller,
    types::{AccountId, ApiKeyId, PasskeyId, Secret, SessionId, Timestamp},
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

/// By what somebody proved that it is them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// The password alone, where no second factor is asked.
    Password,
    /// The password and a code of an authenticator app.
    Authenticator,
    /// A passkey, which asks for a finger, a face or a PIN itself.
    Passkey,
    /// The password and a recovery code.
    RecoveryCode,
    /// The password in a browser that the person trusts.
    Browser,
}

impl Means {
    /// The means with this word.
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Password, Self::Authenticator, Self::Passkey, Self::RecoveryCode, Self::Browser]
            .into_iter()
            .find(|means| means.key() == key)
    }

    /// For people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Password => "Password",
            Self::Authenticator => "Password and authenticator app",
            Self::Passkey => "Passkey",
            Self::RecoveryCode => "Password and recovery code",
            Self::Browser => "Password in a trusted browser",
        }
    }

    /// As it is stored.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Authenticator => "authenticator",
            Self::Passkey => "passkey",
            Self::RecoveryCode => "recovery code",
            Self::Browser => "browser",
        }
    }
}

/// What is still missing before a session may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: the session is whole.
    Nothing,
    /// The second factor that the account has.
    SecondFactor,
    /// A second factor must be set up first.
    SetUp,
}

/// A fresh session: what the cookies get.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// The secret; stored only as a hash.
    pub token: Secret<String>,
    /// What is still missing.
    pub needs: Needs,
    /// The secret by which this browser is known again, once the session is whole.
    pub browser: Option<Secret<String>>,
}

/// Somebody who has given the right password, and nothing else yet.
#[derive(Clone, Debug)]
pub struct HalfSignedIn {
    /// Their session.
    pub session: SessionId,
    /// Their account.
    pub account: Account,
    /// What is missing.
    pub needs: Needs,
    /// Where they are.
    pub origin: Origin,
}

/// Whom a session's token stands for.
#[derive(Clone, Debug)]
pub enum Presence {
    /// Nobody, or nobody any more.
    Nobody,
    /// Somebody who cannot do anything yet but bring what is missing.
    Half(HalfSignedIn),
    /// Somebody signed in, with the authority of this moment.
    Whole(Caller),
}

/// What second factors an account has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Factors {
    /// Whether there is an authenticator app.
    pub authenticator: bool,
    /// How many passkeys.
    pub passkeys: i64,
}

impl std::fmt::Display for Factors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.authenticator, self.passkeys) {
            (false, ..=0) => f.write_str("None"),
            (true, ..=0) => f.write_str("Authenticator app"),
            (false, 1) => f.write_str("Passkey"),
            (false, n) => write!(f, "{n} passkeys"),
            (true, 1) => f.write_str("Authenticator app, passkey"),
            (true, n) => write!(f, "Authenticator app, {n} passkeys"),
        }
    }
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

/// A passkey as its owner sees it.
#[derive(Clone, Debug)]
pub struct Passkey {
    /// Its id.
    pub id: PasskeyId,
    /// The owner's own word for it.
    pub name: String,
    /// When it was added.
    pub added_at: Timestamp,
    /// When it last signed somebody in or proved anew who they are.
    pub used_at: Option<Timestamp>,
    /// Whether it signs in without a password; not any more once its owner has said "This was not me".
    pub stands_alone: bool,
}
