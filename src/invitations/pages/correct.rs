//! **Correct the address** of an open invitation.

use askama::Template;
use axum::{
    extract::{Form, Path, State},
    http::StatusCode,
    response::IntoResponse,
};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use crate::{
    access,
    error::{Error, Result},
    identity::door::SignedIn,
    invitations::{Invitation, State as Standing, actions},
    op::Caller,
    portal::Portal,
    sites::{self, Place},
    web::{Frame, PageResult, cookies, page_with_status, see_other},
};

#[derive(Template)]
#[template(path = "correct.html")]
struct CorrectPage {
    frame: Frame,
    old: String,
    role: String,
    level: String,
    email: String,
    problem: Option<String>,
    action: String,
    back: String,
}

/// The right address.
#[derive(Deserialize)]
pub(super) struct CorrectForm {
    #[serde(default)]
    email: String,
}

/// The open invitation, if it belongs to this place.
async fn find(portal: &Portal, caller: &Caller, scope: &str, id: &str) -> Result<(Place, Invitation)> {
    let place = sites::actions::place_for(portal, caller.actor()?, scope).await?;
    let id = id.parse().map_err(|_| Error::NotFound)?;
    let invitation = actions::show_invitation(portal, caller, id).await?;
    if !place.scope.covers(&invitation.scope) {
        return Err(Error::NotFound);
    }
    if !matches!(invitation.state, Standing::Pending | Standing::Held) {
        return Err(Error::Conflict("This invitation is no longer pending; invite the person anew".to_owned()));
    }
    Ok((place, invitation))
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
) -> PageResult {
    let (place, invitation) = find(&portal, &caller, &scope, &id).await?;
    let old = invitation.email.to_string();
    render(&portal, &caller, &place, &invitation, old, None).await
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
    jar: CookieJar,
    Form(form): Form<CorrectForm>,
) -> PageResult {
    let (place, invitation) = find(&portal, &caller, &scope, &id).await?;
    let corrected = match actions::correct_invitation(&portal, &caller, place.scope, invitation.id, &form.email).await {
        Ok(corrected) => corrected,
        Err(error @ Error::Invalid(_)) => {
            let problem = Some(error.to_string());
            return render(&portal, &caller, &place, &invitation, form.email, problem).await;
        }
        Err(other) => return Err(other.into()),
    };
    let text = format!(
        "The invitation goes to {} now, with a new link. The one sent to {} no longer works.",
        corrected.email, invitation.email
    );
    let back = format!("{}/invitations", place.scope.path());
    Ok((cookies::leave_flash(&portal.config, jar, "done", &text), see_other(&back)).into_response())
}

async fn render(
    portal: &Portal,
    caller: &Caller,
    place: &Place,
    invitation: &Invitation,
    email: String,
    problem: Option<String>,
) -> PageResult {
    let key = invitation.role.to_string();
    let role = access::role_names(portal.db.reader(), invitation.scope.organisation).await?.remove(&key);
    let at = sites::actions::place_of(portal.db.reader(), invitation.scope).await?;
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let title = if problem.is_some() { "Error: Correct the address" } else { "Correct the address" };
    let back = format!("{}/invitations", place.scope.path());
    let view = CorrectPage {
        frame: sites::pages::frame(portal, caller.actor()?, place, title).await?,
        old: invitation.email.to_string(),
        role: role.unwrap_or(key),
        level: at.full_name(),
        email,
        problem,
        action: format!("{back}/{}/correct", invitation.id),
        back,
    };
    page_with_status(status, &view)
}
