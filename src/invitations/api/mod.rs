//! Invitations for programs: the same actions as the pages.

mod after;
mod manage;
mod send;

use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::OpenApiRouter;

use crate::portal::Portal;

/// The routes of this room, with their description.
pub fn routes() -> OpenApiRouter<Portal> {
    OpenApiRouter::new()
        .merge(send::routes())
        .merge(manage::routes())
        .merge(after::routes())
        .layer(DefaultBodyLimit::max(5 * 1024 * 1024))
}
