//! What the invite form holds, on its own page and while it is carried through the making of a role.

use axum::extract::Multipart;

use super::review;
use crate::{
    error::{Error, Result},
    invitations::Window,
    roles::pages::form::RoleForm,
    sites::Place,
    types::Timestamp,
};

/// What the form holds; nothing of it is ever lost on the way.
#[derive(Default)]
pub(super) struct InviteForm {
    pub send_key: String,
    pub texts: Vec<String>,
    pub role: String,
    pub window: String,
    pub own_date: String,
    pub access_from: String,
    pub access_until: String,
    pub note: String,
    pub confirmed: Vec<String>,
    pub file: Option<(String, Vec<u8>)>,
    pub encoding: String,
    pub press: Press,
    /// The new role, while one is being made on the way.
    pub new_role: RoleForm,
}

/// Which button was pressed.
#[derive(Default, PartialEq, Eq)]
pub(super) enum Press {
    #[default]
    Review,
    Import,
    Send,
    AddRole,
    CreateRole,
    Back,
    Fix(usize),
    Remove(usize),
}

impl InviteForm {
    pub async fn read(mut multipart: Multipart) -> Result<Self> {
        let mut form = Self::default();
        let bad = |error: axum::extract::multipart::MultipartError| Error::field("addresses", error.body_text());
        while let Some(field) = multipart.next_field().await.map_err(bad)? {
            let name = field.name().unwrap_or_default().to_owned();
            if name == "file" {
                let file_name = field.file_name().unwrap_or_default().to_owned();
                let bytes = field.bytes().await.map_err(bad)?;
                if !file_name.is_empty() {
                    form.file = Some((file_name, bytes.to_vec()));
                }
                continue;
            }
            let text = field.text().await.map_err(bad)?;
            form.take(&name, text);
        }
        Ok(form)
    }

    fn take(&mut self, name: &str, text: String) {
        match name {
            "send_key" => self.send_key = text.chars().take(100).collect(),
            "addresses" => self.texts = review::split(&text),
            "role" => self.role = text,
            "window" => self.window = text,
            "own_date" => self.own_date = text,
            "access_from" => self.access_from = text,
            "access_until" => self.access_until = text,
            "note" => self.note = text.chars().take(1000).collect(),
            "name" => self.new_role.name = text,
            "permissions" => self.new_role.permissions.push(text),
            "place" => self.new_role.place = text,
            "confirmed" => self.confirmed.push(text),
            "encoding" => self.encoding = text,
            "fix" => self.press = text.parse().map_or(Press::Review, Press::Fix),
            "remove" => self.press = text.parse().map_or(Press::Review, Press::Remove),
            "do" => {
                self.press = match text.as_str() {
                    "send" => Press::Send,
                    "import" => Press::Import,
                    "add_role" => Press::AddRole,
                    "create_role" => Press::CreateRole,
                    "back" => Press::Back,
                    _ => Press::Review,
                }
            }
            _ => {}
        }
    }

    /// The chosen time, or what is wrong with it. A date of one's own means the whole of that day, in the organisation's zone.
    pub fn window(&self, place: &Place, now: Timestamp) -> Result<Window, String> {
        if let Some(window) = Window::from_key(&self.window) {
            return Ok(window);
        }
        if self.window != "own" {
            return Err("Choose how long the link works".to_owned());
        }
        let end = place
            .last_moment_of(&self.own_date)
            .ok_or_else(|| "Choose the last day on which the link works".to_owned())?;
        let window = Window::Until(end);
        match window.length(now) {
            Some(_) => Ok(window),
            None => Err("Choose a day within the next 30 days".to_owned()),
        }
    }

    /// The first moment of the access that the invitations give, if the form names a day; or what is wrong with it.
    pub fn access_from(&self, place: &Place, now: Timestamp) -> Result<Option<Timestamp>, String> {
        if self.access_from.trim().is_empty() {
            return Ok(None);
        }
        let past = || place.last_moment_of(&self.access_from).is_none_or(|end| end <= now);
        match place.first_moment_of(&self.access_from) {
            Some(_) if past() => {
                Err("This day has passed; choose a later one for the first day, or leave it empty".to_owned())
            }
            Some(start) => Ok(Some(start).filter(|start| *start > now)),
            None => Err("Choose the first day of the access, or leave it empty".to_owned()),
        }
    }

    /// The last moment of the access that the invitations give, if the form names a day; or what is wrong with it.
    pub fn access_until(&self, place: &Place, now: Timestamp) -> Result<Option<Timestamp>, String> {
        if self.access_until.trim().is_empty() {
            return Ok(None);
        }
        match place.last_moment_of(&self.access_until) {
            Some(end) if end > now => Ok(Some(end)),
            Some(_) => Err("This day has passed; choose a later one for the end of the access, or none".to_owned()),
            None => Err("Choose the last day of the access, or leave it empty".to_owned()),
        }
    }

    /// How many bytes the addresses take.
    pub fn size(&self) -> usize {
        self.texts.iter().map(|text| text.len() + 1).sum()
    }

    /// What another form must carry so that nothing of this one is lost.
    pub fn carried(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("send_key", self.send_key.clone()),
            ("addresses", self.texts.join("\n")),
            ("role", self.role.clone()),
            ("window", self.window.clone()),
            ("own_date", self.own_date.clone()),
            ("access_from", self.access_from.clone()),
            ("access_until", self.access_until.clone()),
            ("note", self.note.clone()),
        ];
        fields.extend(self.confirmed.iter().map(|email| ("confirmed", email.clone())));
        fields
    }
}
