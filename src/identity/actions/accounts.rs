//! Accounts: finding one, making one for somebody who accepts an invitation.

use serde_json::json;

use crate::{
    access::{self, Actor, Membership, Origin, Scope, Via},
    audit::Event,
    error::{Error, Result},
    identity::{Account, passwords, store},
    op::{Caller, Op},
    portal::Portal,
    types::{AccountId, EmailAddress, PersonName},
};

/// The account that acts from the machine's own command line.
///
/// # Errors
/// [`Error::Invalid`] when there is no such account.
pub async fn act_from_terminal(portal: &Portal, email: &str) -> Result<Caller> {
    let address = EmailAddress::parse(email).map_err(|bad| Error::field("as", bad.to_string()))?;
    let Some((account, _)) = store::accounts::find_account(portal.db.reader(), address.key()).await? else {
        return Err(Error::field("as", format!("There is no account {address}")));
    };
    let memberships: Vec<Membership> = access::memberships_of(portal.db.reader(), account.id, portal.now()).await?;
    let origin = Origin { address: "terminal".to_owned(), agent: String::new() };
    Ok(Caller::Person(Actor::new(account.id, account.name, account.email, Via::Terminal, memberships), origin))
}

/// The account with this address, if there is one.
///
/// # Errors
/// When the database fails.
pub async fn find_account(db: &impl sea_orm::ConnectionTrait, email: &EmailAddress) -> Result<Option<Account>> {
    Ok(store::accounts::find_account(db, email.key()).await?.map(|(account, _)| account))
}

/// A password that was judged and hashed before the transaction began: hashing takes long and holds no lock.
pub struct HashedPassword(pub(super) String);

/// Judges and hashes a new password.
///
/// # Errors
/// [`Error::Invalid`] when it is not good enough.
pub async fn hash_password(portal: &Portal, password: &str, about: &[&str]) -> Result<HashedPassword> {
    let strength = passwords::judge(password, about);
    if !strength.enough {
        return Err(Error::field("password", strength.sentence));
    }
    Ok(HashedPassword(passwords::hash(portal, password).await?))
}

/// Makes an account inside the caller's operation.
///
/// # Errors
/// When the address has an account already or the database fails.
pub async fn create_account(
    op: &mut Op,
    email: &EmailAddress,
    name: &PersonName,
    password: HashedPassword,
    address_proven: bool,
    scope: Scope,
) -> Result<Account> {
    let id: AccountId = op.new_id();
    store::accounts::insert_account(op.tx(), id, email, name, password.0, address_proven, op.now()).await?;
    op.record(Event::done("account.created", id, scope, json!({ "address_proven": address_proven })));
    Ok(Account { id, name: name.to_string(), email: email.as_str().to_owned() })
}

/// The name of an account, for showing.
///
/// # Errors
/// When the database fails.
pub async fn name_of(db: &impl sea_orm::ConnectionTrait, id: AccountId) -> Result<String> {
    Ok(store::accounts::find_by_id(db, id).await?.map(|account| account.name).unwrap_or_default())
}

/// The account with this id.
///
/// # Errors
/// [`Error::NotFound`] when there is no such account.
pub async fn account_of(db: &impl sea_orm::ConnectionTrait, id: AccountId) -> Result<Account> {
    store::accounts::find_by_id(db, id).await?.ok_or(Error::NotFound)
}

/// The address of an account, for mail.
///
/// # Errors
/// [`Error::NotFound`] when there is no such account.
pub async fn address_of(db: &impl sea_orm::ConnectionTrait, id: AccountId) -> Result<String> {
    store::accounts::find_by_id(db, id).await?.map(|account| account.email).ok_or(Error::NotFound)
}

/// Whether anybody has an account here at all.
///
/// # Errors
/// When the database fails.
pub async fn any_account(db: &impl sea_orm::ConnectionTrait) -> Result<bool> {
    Ok(store::accounts::any_account(db).await?)
}
