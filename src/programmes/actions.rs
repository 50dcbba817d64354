//! What a deployment follows and offers, for whoever shows or judges by it.

use sea_orm::ConnectionTrait;

use super::{Programme, store};
use crate::{
    error::{Error, Result},
    types::DeploymentId,
};

/// What a deployment follows and offers.
///
/// # Errors
/// [`Error::NotFound`] when there is no such deployment.
pub async fn programme_of(db: &impl ConnectionTrait, deployment: DeploymentId) -> Result<Programme> {
    store::find(db, deployment).await?.ok_or(Error::NotFound)
}
