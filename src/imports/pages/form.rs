//! The form that takes a file or pasted rows; the review sends the same rows to it again.

use std::collections::HashSet;

use askama::Template;
use axum::{
    extract::{
        Multipart, Path, State,
        multipart::{Field, MultipartError},
    },
    http::StatusCode,
    response::IntoResponse,
};

use super::{address, deployment, form_address, review};
use crate::{
    error::{Error, Result},
    identity::door::SignedIn,
    imports::{MOST_ROWS, Sheet, TOO_LARGE, actions, read_sheet, read_text},
    invitations::{csv_file::FileEncoding, pages::encodings},
    op::Caller,
    portal::Portal,
    sites::{self, Place},
    web::{Choice, Frame, PageResult, page, page_with_status, see_other},
};

#[derive(Template)]
#[template(path = "imports/new.html")]
struct NewImportPage {
    frame: Frame,
    action: String,
    cancel: String,
    place: String,
    text: String,
    encodings: Vec<Choice>,
    encoded: bool,
    wrong: Option<String>,
}

/// What was filled in.
#[derive(Default)]
pub(super) struct ImportForm {
    /// Made by the review, so that a second press is no second import.
    pub(super) key: String,
    pub(super) text: String,
    encoding: String,
    press: String,
    pub(super) confirmed: HashSet<usize>,
    /// Why the file is none.
    bad_file: Option<String>,
}

impl ImportForm {
    /// Reads the form; a file becomes text here, so that the review can send the same rows again.
    async fn read(mut multipart: Multipart) -> Result<Self> {
        let (mut form, mut file) = (Self::default(), None);
        while let Some(field) = multipart.next_field().await.map_err(bad_body)? {
            let name = field.name().unwrap_or_default().to_owned();
            if name == "file" {
                let chosen = field.file_name().is_some_and(|name| !name.is_empty());
                file = Some(field.bytes().await.map_err(bad_body)?).filter(|_| chosen);
            } else {
                form.take(&name, field).await?;
            }
        }
        if let Some(bytes) = file {
            match read_text(&bytes, FileEncoding::from_key(&form.encoding)) {
                Ok(text) => form.text = text,
                Err(sentence) => form.bad_file = Some(sentence),
            }
        }
        Ok(form)
    }

    async fn take(&mut self, name: &str, field: Field<'_>) -> Result<()> {
        let text = field.text().await.map_err(bad_body)?;
        let short = |text: String| text.chars().take(100).collect();
        match name {
            "key" => self.key = short(text),
            "text" => self.text = text,
            "encoding" => self.encoding = short(text),
            "do" => self.press = short(text),
            "confirmed" if self.confirmed.len() <= MOST_ROWS => self.confirmed.extend(text.parse::<usize>().ok()),
            _ => {}
        }
        Ok(())
    }

    fn sheet(&self, portal: &Portal) -> Result<Sheet, String> {
        if let Some(sentence) = &self.bad_file {
            return Err(sentence.clone());
        }
        if self.text.trim().is_empty() {
            return Err("Choose a file, or paste rows with their headings.".to_owned());
        }
        read_sheet(&self.text, portal.now())
    }
}

fn bad_body(error: MultipartError) -> Error {
    Error::field("text", error.body_text())
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
) -> PageResult {
    let place = deployment(&portal, &caller, &scope).await?;
    page(&new_page(&portal, &caller, &place, ImportForm::default(), None).await?)
}

async fn new_page(
    portal: &Portal,
    caller: &Caller,
    place: &Place,
    form: ImportForm,
    wrong: Option<String>,
) -> Result<NewImportPage> {
    Ok(NewImportPage {
        frame: sites::pages::frame(portal, caller.actor()?, place, "Import patients").await?,
        action: form_address(place),
        cancel: format!("{}/patients", place.scope.path()),
        place: place.full_name(),
        encodings: encodings(FileEncoding::from_key(&form.encoding)),
        encoded: !form.encoding.is_empty(),
        text: form.text,
        wrong,
    })
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    multipart: Multipart,
) -> PageResult {
    let place = deployment(&portal, &caller, &scope).await?;
    let form = match ImportForm::read(multipart).await {
        Ok(form) => form,
        // What is far too large is not even read to its end.
        Err(Error::Invalid(_)) => ImportForm { bad_file: Some(TOO_LARGE.to_owned()), ..ImportForm::default() },
        Err(other) => return Err(other.into()),
    };
    let sheet = match form.sheet(&portal) {
        Ok(sheet) => sheet,
        Err(sentence) => {
            let page = new_page(&portal, &caller, &place, form, Some(sentence)).await?;
            return page_with_status(StatusCode::UNPROCESSABLE_ENTITY, &page);
        }
    };
    if form.press != "import" || form.key.is_empty() {
        return review::show(&portal, &caller, &place, form, sheet).await;
    }
    let done = actions::import_patients(&portal, &caller, place.scope, sheet, (&form.confirmed, &form.key)).await?;
    Ok(see_other(&address(&place, done)).into_response())
}
