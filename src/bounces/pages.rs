//! The page that shows an Admin where a mail provider reports returned mail. Shown once a press and kept nowhere; asking for it, and
//! making it anew, need a fresh proof.

use askama::Template;
use axum::{
    Form, Router,
    extract::{Path, State},
    response::IntoResponse,
    routing::get,
};
use serde::Deserialize;

use super::actions;
use crate::{
    access::Scope,
    identity::door::SignedIn,
    portal::Portal,
    sites,
    web::{Frame, PageResult, page, see_other},
};

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    Router::new().route("/{scope}/settings/bounces", get(leave).post(show))
}

#[derive(Template)]
#[template(path = "bounce_address.html")]
struct AddressPage {
    frame: Frame,
    address: String,
    /// Whether it was made just now.
    fresh: bool,
    back: String,
}

/// Which button.
#[derive(Deserialize)]
struct AddressForm {
    #[serde(default, rename = "do")]
    press: String,
}

/// Looking again needs another press.
async fn leave(State(portal): State<Portal>, SignedIn(caller): SignedIn, Path(scope): Path<String>) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    caller.administers(&portal, place.scope).await?;
    let organisation = Scope::organisation(place.scope.organisation);
    Ok(see_other(&format!("{}/settings", organisation.path())).into_response())
}

async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    Form(form): Form<AddressForm>,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    caller.administers(&portal, place.scope).await?;
    let organisation = place.scope.organisation;
    let fresh = form.press == "change";
    let address = if fresh {
        actions::change_address(&portal, &caller, organisation).await?
    } else {
        actions::webhook_address(&portal, &caller, organisation).await?
    };
    let whole = sites::actions::place_of(portal.db.reader(), Scope::organisation(organisation)).await?;
    page(&AddressPage {
        frame: sites::pages::frame(&portal, caller.actor()?, &whole, "Where bounces are reported").await?,
        address,
        fresh,
        back: format!("{}/settings", whole.scope.path()),
    })
}
