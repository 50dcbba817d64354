//! Style, script and icons, compiled in and served under a prefix that changes with their content, so that browsers may keep
//! them for a year.

use std::sync::LazyLock;

use axum::{
    Router,
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Files;

static PREFIX: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for name in Files::iter() {
        hash.update(name.as_bytes());
        if let Some(file) = Files::get(&name) {
            hash.update(&file.data);
        }
    }
    let digits: String = hash.finalize().iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    format!("/assets/{digits}")
});

/// The prefix of every asset's address.
pub fn prefix() -> String {
    PREFIX.clone()
}

/// The assets' routes.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/assets/{version}/{*path}", get(serve))
}

async fn serve(Path((version, path)): Path<(String, String)>) -> Response {
    let Some(file) = Files::get(&path) else { return StatusCode::NOT_FOUND.into_response() };
    let kind = mime_guess::from_path(&path).first_or_octet_stream();
    // An old page may still ask for the version before; it gets the new one, but must not keep it.
    let keep = if PREFIX.ends_with(&version) { "public, max-age=31536000, immutable" } else { "no-cache" };
    ([(header::CONTENT_TYPE, kind.to_string()), (header::CACHE_CONTROL, keep.to_owned())], file.data).into_response()
}
