//! The API's description: as OpenAPI 3.1 for programs, and as a page for people, made from the same document.

use askama::Template;
use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use serde_json::Value;
use utoipa::{
    Modify,
    openapi::{
        OpenApi,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::{Frame, PageResult, page};
use crate::{error::Error, portal::Portal};

/// How programs prove who they are.
pub struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut OpenApi) {
        let key = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key from your profile: `Authorization: Bearer cpk_…`"))
            .build();
        document.components.get_or_insert_default().add_security_scheme("api_key", SecurityScheme::Http(key));
        document.security =
            Some(vec![utoipa::openapi::security::SecurityRequirement::new("api_key", Vec::<String>::new())]);
    }
}

/// A field of a request.
pub struct ApiField {
    name: String,
    kind: String,
    text: String,
    required: bool,
}

/// One method of one path.
pub struct Endpoint {
    method: String,
    path: String,
    summary: String,
    description: String,
    permission: String,
    fields: Vec<ApiField>,
    answers: Vec<(String, String)>,
}

/// The endpoints of one subject.
pub struct ApiGroup {
    name: String,
    endpoints: Vec<Endpoint>,
}

#[derive(Template)]
#[template(path = "reference.html")]
struct ReferencePage<'a> {
    frame: Frame,
    groups: &'a [ApiGroup],
}

/// The routes of the description.
pub fn routes(document: OpenApi) -> Router<Portal> {
    let json = serde_json::to_value(&document).unwrap_or_default();
    let groups: &'static [ApiGroup] = Box::leak(groups(&json).into_boxed_slice());
    Router::new()
        .route("/api/v1/openapi.json", get(move || async move { Json(json) }))
        .route("/api/v1/reference", get(move |State(portal): State<Portal>| async move { show(&portal, groups) }))
        .route("/api/v1/{*rest}", get(unknown).post(unknown).put(unknown).patch(unknown).delete(unknown))
}

/// A program gets a problem document, not a page.
async fn unknown() -> super::Problem {
    super::Problem(Error::NotFound)
}

fn show(portal: &Portal, groups: &[ApiGroup]) -> PageResult {
    page(&ReferencePage { frame: Frame::plain(&portal.config, "API reference"), groups })
}

/// The page shows code by no backticks, which are read out aloud.
fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().replace('`', "")
}

/// What an answer means; where the description is silent, the standard's own words.
fn meaning(status: &str, answer: &Value) -> String {
    let said = text(answer, "description");
    let standard = StatusCode::from_bytes(status.as_bytes()).ok().and_then(|status| status.canonical_reason());
    if said.is_empty() { standard.unwrap_or_default().to_owned() } else { said }
}

fn groups(document: &Value) -> Vec<ApiGroup> {
    let mut groups: Vec<ApiGroup> = Vec::new();
    let paths = document.get("paths").and_then(Value::as_object);
    for (path, methods) in paths.into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let name = operation.pointer("/tags/0").and_then(Value::as_str).unwrap_or("Other").to_owned();
            let endpoint = endpoint(document, method, path, operation);
            match groups.iter_mut().find(|group| group.name == name) {
                Some(group) => group.endpoints.push(endpoint),
                None => groups.push(ApiGroup { name, endpoints: vec![endpoint] }),
            }
        }
    }
    groups
}

fn endpoint(document: &Value, method: &str, path: &str, operation: &Value) -> Endpoint {
    let mut fields: Vec<ApiField> = operation
        .get("parameters")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|parameter| ApiField {
            name: text(parameter, "name"),
            kind: text(parameter, "in"),
            text: text(parameter, "description"),
            required: parameter.get("required").and_then(Value::as_bool).unwrap_or(false),
        })
        .collect();
    if let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") {
        fields.extend(body_fields(resolve(document, schema)));
    }
    let answers = operation
        .get("responses")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(status, answer)| (status.clone(), meaning(status, answer)))
        .collect();
    Endpoint {
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(operation, "summary").trim_end_matches('.').to_owned(),
        description: text(operation, "description"),
        permission: String::new(),
        fields,
        answers,
    }
}

fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    target.and_then(|pointer| document.pointer(pointer)).unwrap_or(schema)
}

fn body_fields(schema: &Value) -> Vec<ApiField> {
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, property)| {
            let kind = match property.get("type") {
                Some(Value::String(kind)) => kind.clone(),
                Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
                _ => String::new(),
            };
            ApiField {
                kind: format!("body, {kind}"),
                text: text(property, "description"),
                required: required.contains(&name.as_str()),
                name: name.clone(),
            }
        })
        .collect()
}
