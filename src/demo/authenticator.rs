//! The **Authenticator** page: what the phones of the made-up people would show. Exists in the demonstration only.

use askama::Template;
use axum::{Router, extract::State, routing::get};

use crate::{
    identity::{actions, door::Anybody},
    portal::Portal,
    web::{Frame, PageResult, page},
};

/// The page.
pub fn routes() -> Router<Portal> {
    Router::new().route("/authenticator", get(show))
}

/// Somebody's phone.
pub struct Phone {
    name: String,
    email: String,
    code: String,
}

#[derive(Template)]
#[template(path = "authenticator.html")]
struct AuthenticatorPage {
    frame: Frame,
    phones: Vec<Phone>,
}

async fn show(State(portal): State<Portal>, Anybody(caller): Anybody) -> PageResult {
    let codes = actions::codes_in_demonstration(&portal).await?;
    let phones =
        codes.into_iter().map(|(account, code)| Phone { name: account.name, email: account.email, code }).collect();
    let mut frame = Frame::plain(&portal.config, "Authenticator");
    frame.person = caller.actor().ok().map(|actor| actor.name.clone());
    page(&AuthenticatorPage { frame, phones })
}
