//! **All staff members**: the list, what can be done with its rows, and the end of somebody's access.

mod list;
mod locked_out;
mod selected;
mod until;

use axum::{
    Router,
    routing::{get, post},
};

use super::actions;
use crate::{
    portal::Portal,
    sites::Place,
    types::{Cursor, Timestamp},
    web::lists::ListAddress,
};

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    Router::new()
        .route("/{scope}/staff", get(list::list))
        .route("/{scope}/staff/selected", post(selected::submit))
        .route("/{scope}/staff/undo", post(selected::submit_undo))
        .route("/{scope}/staff/{membership}/until", get(until::show).post(until::submit))
        .route("/{scope}/staff/{membership}/second-factor", get(locked_out::show_reset).post(locked_out::submit_reset))
        .route("/{scope}/staff/{membership}/password-link", get(locked_out::show_link).post(locked_out::submit_link))
}

/// The parameters of the list, as its address holds them and as forms carry them along.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
struct ListQuery {
    q: String,
    role: String,
    sort: String,
    order: String,
    from: String,
}

impl ListQuery {
    /// What a form carried along. Only the list's own parameters are read: nothing else can get into an address this way.
    fn carried(text: &str) -> Self {
        let mut query = Self::default();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let place = match &*name {
                "q" => &mut query.q,
                "role" => &mut query.role,
                "sort" => &mut query.sort,
                "order" => &mut query.order,
                "from" => &mut query.from,
                _ => continue,
            };
            *place = value.into_owned();
        }
        query
    }

    fn search(&self) -> String {
        self.q.trim().chars().take(100).collect()
    }

    /// The list with its filters, on its first page.
    fn address(&self, place: &Place) -> ListAddress {
        ListAddress::new(format!("{}/staff", place.scope.path()))
            .with("q", self.search())
            .with("role", &self.role)
            .with("sort", &self.sort)
            .with("order", &self.order)
    }

    /// The very page of the list.
    fn url(&self, place: &Place) -> String {
        let address = self.address(place);
        if Cursor::decode(&self.from).is_some() { address.with("from", &self.from).url() } else { address.url() }
    }

    /// What a form carries along to come back to this page.
    fn to_carry(&self, place: &Place) -> String {
        self.url(place).split_once('?').map_or_else(String::new, |(_, query)| query.to_owned())
    }
}

/// The first day that can be chosen as the last of somebody's access, as date fields write it.
fn tomorrow(place: &Place, now: Timestamp) -> String {
    let today = now.to_jiff().to_zoned_datetime(place.time_zone()).date();
    today.tomorrow().unwrap_or(today).to_string()
}

/// The end of access that a chosen day means: all of that day.
///
/// # Errors
/// The sentence beside the field.
fn read_day(place: &Place, day: &str, now: Timestamp) -> Result<Timestamp, String> {
    if day.trim().is_empty() {
        return Err("Choose the last day of the access".to_owned());
    }
    let end = place.last_moment_of(day).ok_or("Write the day as year, month and day, such as 2026-12-31")?;
    let too_early = day.trim() < tomorrow(place, now).as_str();
    if too_early || end <= now {
        return Err("Choose a day after today. Access that ends today is ended by “Remove from team”".to_owned());
    }
    Ok(end)
}
