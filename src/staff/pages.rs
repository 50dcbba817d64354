//! **All staff members**.

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    response::IntoResponse,
    routing::get,
};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use super::{Sort, actions};
use crate::{
    access,
    identity::door::SignedIn,
    portal::Portal,
    sites,
    types::Cursor,
    web::{Frame, Kept, Link, PageResult, Pager, SortHead, ViewFilter, When, lists::ListAddress, page},
};

const TITLE: &str = "All staff members";
const PAGE: usize = 50;

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    Router::new().route("/{scope}/staff", get(list))
}

/// A person in the list.
pub struct StaffRow {
    name: String,
    email: String,
    role: String,
    level: String,
    joined: When,
    last_seen: Option<When>,
    you: bool,
    address_proven: bool,
}

#[derive(Template)]
#[template(path = "staff.html")]
struct StaffPage {
    frame: Frame,
    view: ViewFilter,
    list_menu: bool,
    search: String,
    keep: Vec<Kept>,
    role_filter: Vec<Link>,
    heads: Vec<SortHead>,
    staff: Vec<StaffRow>,
    pager: Pager,
    empty: Option<String>,
}

#[derive(Deserialize)]
struct ListQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    order: String,
    #[serde(default)]
    from: String,
}

async fn list(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    Query(asked): Query<ListQuery>,
    jar: CookieJar,
) -> PageResult {
    let actor = caller.actor()?;
    let place = sites::actions::place_for(&portal, actor, &scope).await?;
    let query = actions::Query {
        search: asked.q.trim().chars().take(100).collect(),
        role: asked.role.parse().ok(),
        sort: Sort::from_key(&asked.sort).unwrap_or_default(),
        descending: asked.order == "desc",
        from: Cursor::decode(&asked.from),
    };
    let found = actions::list_staff(&portal, &caller, place.scope, &query, PAGE).await?;
    let roles = access::roles_of(portal.db.reader(), place.scope.organisation).await?;
    let deployments = sites::actions::deployment_names(&portal, place.scope.organisation).await?;
    let path = format!("{}/staff", place.scope.path());
    let address = ListAddress::new(path)
        .with("q", &query.search)
        .with("role", &asked.role)
        .with("sort", &asked.sort)
        .with("order", &asked.order);
    let (zone, now) = (place.time_zone(), portal.now());
    let pager = address.pager(&found);
    let staff = found
        .rows
        .into_iter()
        .map(|row| StaffRow {
            you: row.account == actor.account,
            role: roles.iter().find(|role| role.key.to_string() == row.role).map_or(row.role, |role| role.name.clone()),
            level: row
                .scope
                .deployment
                .and_then(|id| deployments.get(&id).cloned())
                .unwrap_or_else(|| "Whole organisation".to_owned()),
            joined: When::new(row.joined_at, now, &zone),
            last_seen: row.last_seen_at.map(|at| When::new(at, now, &zone)),
            name: row.name,
            email: row.email,
            address_proven: row.address_proven,
        })
        .collect();
    let all = std::iter::once(address.link("All roles", "role", "", asked.role.is_empty()));
    let role_filter = all
        .chain(
            roles.iter().map(|role| {
                address.link(&role.name, "role", &role.key.to_string(), asked.role == role.key.to_string())
            }),
        )
        .collect();
    let sort = Sort::ALL.iter().find(|(sort, ..)| *sort == query.sort).map_or("", |(_, key, _)| key);
    let head = |label, key| address.head(label, key, sort, query.descending);
    let fixed = |label| SortHead { label, ..SortHead::default() };
    let heads = vec![
        head("Name", "name"),
        head("E-mail", "email"),
        fixed("Role"),
        fixed("Level"),
        head("Joined", "joined"),
        fixed("Last seen"),
    ];
    let empty = (!query.search.is_empty()).then(|| format!("Nobody's name or e-mail contains “{}”.", query.search));
    let view = sites::pages::view_filter(actor, &place, TITLE);
    let (jar, frame) = sites::pages::frame_with_flash(&portal, actor, &place, TITLE, jar).await?;
    let list_menu = frame.can_invite || frame.can_edit_roles;
    let keep = address.kept("q");
    let page = page(&StaffPage {
        frame,
        view,
        list_menu,
        search: query.search,
        keep,
        role_filter,
        heads,
        staff,
        pager,
        empty,
    })?;
    Ok((jar, page).into_response())
}
