//! **Pending staff invitations**: the list and what can be done with its rows.

use askama::Template;
use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use axum_extra::extract::{CookieJar, Form as RepeatedForm};
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::mail::MailWords;
use crate::{
    access,
    error::{Error, Result},
    identity::door::SignedIn,
    invitations::{Filter, PendingRow as Row, SecondLook, Sort, State as Standing, actions},
    portal::Portal,
    sites::{self, Place},
    types::{Cursor, InvitationId, Timestamp},
    web::{
        ConfirmPage, Frame, Kept, Link, PageResult, Pager, SortHead, ViewFilter, When, cookies, frame::day,
        lists::ListAddress, page, see_other,
    },
};

const TITLE: &str = "Pending staff invitations";
const PAGE: usize = 50;

/// An invitation in the list.
pub struct PendingRow {
    pub(super) id: String,
    pub(super) email: String,
    pub(super) role: String,
    pub(super) place: String,
    pub(super) invited_by: String,
    pub(super) sent: When,
    pub(super) expires: When,
    pub(super) state: &'static str,
    pub(super) state_word: String,
    pub(super) reason: Option<String>,
    pub(super) mail: MailWords,
    pub(super) opened: Option<When>,
    pub(super) access_from: Option<String>,
    pub(super) access_until: Option<String>,
    pub(super) can_resend: bool,
    /// Held: offered to everybody who may invite here, and judged by the action.
    pub(super) can_approve: bool,
    pub(super) approve: &'static str,
    pub(super) can_correct: bool,
    pub(super) can_copy: bool,
    pub(super) can_delete: bool,
}

#[derive(Template)]
#[template(path = "pending.html")]
struct PendingPage {
    frame: Frame,
    view: ViewFilter,
    search: String,
    keep: Vec<Kept>,
    states: Vec<Link>,
    heads: Vec<SortHead>,
    rows: Vec<PendingRow>,
    pager: Pager,
    can_act: bool,
    /// Whether a row of this page can be approved again.
    any_held: bool,
    /// Whether slips may be printed here.
    can_print: bool,
    place: String,
    empty: Option<String>,
}

/// The list's parameters.
#[derive(Deserialize)]
pub(super) struct ListQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    order: String,
    #[serde(default)]
    from: String,
}

impl ListQuery {
    fn parse(&self) -> actions::Query {
        let sort = Sort::from_key(&self.sort).unwrap_or_default();
        actions::Query {
            filter: Filter::from_key(&self.state).unwrap_or_default(),
            search: self.q.trim().chars().take(100).collect(),
            sort,
            // Newest first, unless it was asked otherwise.
            descending: if self.order.is_empty() { sort == Sort::Sent } else { self.order == "desc" },
            from: Cursor::decode(&self.from),
        }
    }

    fn address(&self, place: &Place) -> ListAddress {
        let path = format!("{}/invitations", place.scope.path());
        ListAddress::new(path)
            .with("q", self.q.trim())
            .with("state", &self.state)
            .with("sort", &self.sort)
            .with("order", &self.order)
    }
}

pub(super) async fn list(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    Query(asked): Query<ListQuery>,
    jar: CookieJar,
) -> PageResult {
    let actor = caller.actor()?;
    let place = sites::actions::place_for(&portal, actor, &scope).await?;
    let query = asked.parse();
    let found = actions::list_pending(&portal, &caller, place.scope, &query, PAGE).await?;
    let address = asked.address(&place);
    let pager = address.pager(&found);
    let words = Words::read(&portal, &place).await?;
    let rows: Vec<_> = found.rows.into_iter().map(|row| words.row(row)).collect();
    let states = Filter::ALL
        .iter()
        .map(|(filter, key, label)| {
            address.link(*label, "state", if *filter == Filter::All { "" } else { key }, query.filter == *filter)
        })
        .collect();
    let sort = Sort::ALL.iter().find(|(sort, ..)| *sort == query.sort).map_or("", |(_, key, _)| key);
    let head = |label, key: &str| {
        let mut head = address.head(label, key, sort, query.descending);
        if key == "sent" {
            // Newest first is the list's own order, so the other one must be asked for.
            let turned = if sort == "sent" && query.descending { "asc" } else { "" };
            head.url = address.with("sort", "sent").with("order", turned).url();
        }
        head
    };
    let fixed = |label| SortHead { label, ..SortHead::default() };
    let heads = vec![
        head("E-mail", "email"),
        fixed("Role"),
        fixed("Invited by"),
        head("Sent", "sent"),
        head("Expires", "expires"),
        fixed("Mail"),
    ];
    let narrowed = !query.search.is_empty() || query.filter != Filter::All;
    let empty = narrowed.then(|| "No invitation fits this search and filter.".to_owned());
    let view = sites::pages::view_filter(actor, &place, TITLE);
    let (jar, frame) = sites::pages::frame_with_flash(&portal, actor, &place, TITLE, jar).await?;
    let keep = address.kept("q");
    let page = page(&PendingPage {
        frame,
        view,
        search: query.search,
        keep,
        states,
        heads,
        any_held: rows.iter().any(|row| row.can_approve),
        can_print: rows.iter().any(|row| row.can_copy),
        place: place.full_name(),
        rows,
        pager,
        can_act: true,
        empty,
    })?;
    Ok((jar, page).into_response())
}

/// What turns rows into words.
pub(super) struct Words {
    now: Timestamp,
    zone: TimeZone,
    roles: std::collections::HashMap<String, String>,
    deployments: std::collections::HashMap<crate::types::DeploymentId, String>,
    can_copy: bool,
}

impl Words {
    pub(super) async fn read(portal: &Portal, place: &Place) -> Result<Self> {
        Ok(Self {
            now: portal.now(),
            zone: place.time_zone(),
            roles: access::role_names(portal.db.reader(), place.scope.organisation).await?,
            deployments: sites::actions::deployment_names(portal.db.reader(), place.scope.organisation).await?,
            can_copy: actions::may_copy_links(portal, &place.organisation),
        })
    }

    fn when(&self, at: Timestamp) -> When {
        When::new(at, self.now, &self.zone)
    }

    pub(super) fn row(&self, row: Row) -> PendingRow {
        let invitation = &row.invitation;
        let expires = self.when(invitation.expires_at);
        let (state, state_word, reason) = match invitation.state {
            Standing::Held => ("held", "Held".to_owned(), Some(row.held_reason.clone())),
            Standing::Declined => {
                ("declined", "Declined".to_owned(), Some("The person said that it was not meant for them".to_owned()))
            }
            Standing::Accepted => ("accepted", "Accepted".to_owned(), None),
            Standing::Deleted => ("deleted", "Deleted".to_owned(), None),
            Standing::Pending if invitation.expires_at <= self.now => {
                ("expired", format!("Expired {}", expires.relative), None)
            }
            Standing::Pending => ("pending", format!("Expires {}", expires.relative), None),
        };
        let mail = MailWords::new(&row.delivery, self.now, &self.zone);
        let key = invitation.role.to_string();
        PendingRow {
            id: invitation.id.to_string(),
            email: invitation.email.to_string(),
            role: self.roles.get(&key).cloned().unwrap_or(key),
            place: sites::level(&self.deployments, invitation.scope.deployment),
            invited_by: if row.inviter_name.is_empty() { "The portal".to_owned() } else { row.inviter_name.clone() },
            sent: self.when(invitation.sent_at),
            opened: invitation.opened_at.map(|at| self.when(at)),
            access_from: invitation.access_from.map(|at| day(at, &self.zone)),
            access_until: invitation.access_until.map(|at| day(at, &self.zone)),
            can_resend: invitation.state == Standing::Pending,
            can_approve: invitation.state == Standing::Held,
            approve: if invitation.second_look == SecondLook::Waiting { "Approve" } else { "Approve again" },
            can_correct: matches!(invitation.state, Standing::Pending | Standing::Held),
            can_copy: self.can_copy && state == "pending",
            can_delete: true,
            expires,
            state,
            state_word,
            reason,
            mail,
        }
    }
}

/// What to do with which rows.
#[derive(Deserialize)]
pub(super) struct SelectedForm {
    #[serde(default)]
    id: Vec<String>,
    #[serde(default)]
    r#do: String,
}

pub(super) async fn submit_selected(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    jar: CookieJar,
    RepeatedForm(form): RepeatedForm<SelectedForm>,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let back = format!("{}/invitations", place.scope.path());
    let ids: Vec<InvitationId> = form.id.iter().filter_map(|id| id.parse().ok()).collect();
    if ids.is_empty() {
        let jar = cookies::leave_flash(&portal.config, jar, "problem", "Choose at least one invitation first");
        return Ok((jar, see_other(&back)).into_response());
    }
    let (done, word) = match form.r#do.as_str() {
        "resend" => (actions::resend_invitations(&portal, &caller, place.scope, &ids).await?, "resent"),
        // Approving is sending again by somebody who may: the action asks the rule of whoever presses.
        "approve" => (actions::resend_invitations(&portal, &caller, place.scope, &ids).await?, "approved"),
        "delete" => (actions::delete_invitations(&portal, &caller, place.scope, &ids).await?, "deleted"),
        "slips" => return super::slip::show(&portal, &caller, &place, &ids).await,
        "ask_delete" => return ask_delete(&portal, &caller, &place, &ids, back).await,
        _ => return Err(Error::field("do", "Choose what to do with the invitations").into()),
    };
    let (kind, text) = tell(&done, word);
    Ok((cookies::leave_flash(&portal.config, jar, kind, &text), see_other(&back)).into_response())
}

async fn ask_delete(
    portal: &Portal,
    caller: &crate::op::Caller,
    place: &Place,
    ids: &[InvitationId],
    back: String,
) -> PageResult {
    let mut items = Vec::with_capacity(ids.len());
    for id in ids {
        items.push(actions::show_invitation(portal, caller, *id).await?.email.to_string());
    }
    let heading = if let [only] = items.as_slice() {
        format!("Delete the invitation of {only}?")
    } else {
        format!("Delete {} invitations?", items.len())
    };
    let mut hidden: Vec<_> = ids.iter().map(|id| ("id".to_owned(), id.to_string())).collect();
    hidden.push(("do".to_owned(), "delete".to_owned()));
    let frame = sites::pages::frame(portal, caller.actor()?, place, "Delete invitations").await?;
    page(&ConfirmPage {
        frame,
        heading,
        text: "The links stop working at once, also in mails that are on their way. The people can be invited again."
            .to_owned(),
        items,
        action: format!("{back}/selected"),
        hidden,
        button: "Delete".to_owned(),
        danger: true,
        cancel: back,
    })
}

/// One sentence about what became of the chosen rows.
fn tell(done: &actions::Done, word: &str) -> (&'static str, String) {
    let good = match done.done.as_slice() {
        [] => String::new(),
        [(_, email)] => format!("The invitation of {email} was {word}."),
        many => format!("{} invitations were {word}.", many.len()),
    };
    let bad = match done.not_done.as_slice() {
        [] => return ("done", good),
        [(_, email, reason)] => {
            format!("{} was not {word}: {reason}.", if email.is_empty() { "One invitation" } else { email })
        }
        many => format!("{} were not {word}: {}.", many.len(), many.first().map_or("", |(.., reason)| reason)),
    };
    ("problem", format!("{good} {bad}").trim().to_owned())
}

#[derive(Template)]
#[template(path = "copy_link.html")]
struct CopyLinkPage {
    frame: Frame,
    email: String,
    link: String,
    back: String,
}

pub(super) async fn submit_copy(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let id = id.parse().map_err(|_| Error::NotFound)?;
    let (email, link) = actions::copy_link(&portal, &caller, place.scope, id).await?;
    let wants_json = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("application/json"));
    if wants_json {
        return Ok(Json(serde_json::json!({ "link": link })).into_response());
    }
    let frame = sites::pages::frame(&portal, caller.actor()?, &place, "Copy link").await?;
    let response: Response =
        page(&CopyLinkPage { frame, email, link, back: format!("{}/invitations", place.scope.path()) })?;
    Ok(response)
}
