//! The whole portal: every room's routes, what stands around them, and the start and end of a serving process.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context;
use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::{net::TcpListener, sync::watch};
use tower_http::{
    catch_panic::CatchPanicLayer, compression::CompressionLayer, csrf::CsrfLayer, timeout::TimeoutLayer,
    trace::TraceLayer,
};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    audit, bounces,
    config::Config,
    contact,
    db::Db,
    demo, emergency,
    error::Error,
    exports, fhir, identity, imports, invitations,
    keys::{Keys, load_or_make_root_key},
    notes,
    outbox::{Email, Transport, Worker},
    patients, plans,
    portal::Portal,
    programmes, readings, reviews, roles, sites, staff,
    types::{Clock, Rng},
    web::{PageError, assets, headers, reference, reference::Security},
};

/// Every page and file of the portal.
fn pages(demo: bool) -> Router<Portal> {
    let pages = Router::new()
        .merge(identity::pages::routes())
        .merge(sites::pages::routes())
        .merge(programmes::pages::routes())
        .merge(patients::pages::routes())
        .merge(readings::pages::routes())
        .merge(notes::pages::routes())
        .merge(emergency::pages::routes())
        .merge(contact::pages::routes())
        .merge(staff::pages::routes())
        .merge(roles::pages::routes())
        .merge(reviews::pages::routes())
        .merge(invitations::pages::routes())
        .merge(plans::pages::routes())
        .merge(audit::pages::routes())
        .merge(bounces::pages::routes())
        .merge(bounces::webhook::routes())
        .merge(fhir::routes())
        .merge(exports::pages::routes())
        .merge(imports::pages::routes())
        .merge(assets::routes())
        .route("/health", get(health));
    if demo { pages.merge(demo::mailbox::routes()).merge(demo::authenticator::routes()) } else { pages }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Care Portal", description = "Invite staff and manage their access. The same actions as the pages, with the same rules."),
    tags((name = "Invitations", description = "Inviting staff"), (name = "Plans", description = "Lists that are judged first and sent afterwards"), (name = "Staff", description = "Who has access"), (name = "Roles", description = "What a role lets people do"), (name = "Settings", description = "What the organisation has chosen for itself"), (name = "Access reviews", description = "Keep or remove each person"), (name = "Access log", description = "Who did what, and how somebody got a right"), (name = "Your account", description = "Who you are, what you may do, and where you are signed in")),
    modifiers(&Security)
)]
struct Description;

/// The API and its description.
fn api() -> (Router<Portal>, utoipa::openapi::OpenApi) {
    let rooms = OpenApiRouter::new()
        .merge(identity::api::routes())
        .merge(invitations::api::routes())
        .merge(plans::api::routes())
        .merge(staff::api::routes())
        .merge(roles::api::routes())
        .merge(sites::api::routes())
        .merge(reviews::api::routes())
        .merge(audit::api::routes());
    OpenApiRouter::with_openapi(Description::openapi()).nest("/api/v1", rooms).split_for_parts()
}

/// The description of the API, as `/api/v1/openapi.json` serves it.
pub fn openapi() -> utoipa::openapi::OpenApi {
    api().1
}

/// Every kind of mail.
pub fn emails() -> Vec<Box<dyn Email>> {
    vec![
        Box::new(invitations::email::InvitationMail),
        Box::new(invitations::email::DeclinedMail),
        Box::new(plans::email::StoppedMail),
        Box::new(invitations::email::UndeliveredMail),
        Box::new(invitations::email::ReminderMail),
        Box::new(invitations::email::RemindedMail),
        Box::new(identity::email::PasswordResetMail),
        Box::new(identity::email::SecurityNoticeMail),
        Box::new(identity::email::DisownedMail),
        Box::new(identity::email::SecondFactorResetMail),
        Box::new(contact::email::MessageMail),
        Box::new(contact::email::AppointmentMail),
        Box::new(contact::email::MonitoringMail(true)),
        Box::new(contact::email::MonitoringMail(false)),
        Box::new(staff::email::EndingMail),
        Box::new(staff::email::EndingColleagueMail),
        Box::new(emergency::email::OpenedMail),
    ]
}

/// How long a request may take.
const LONGEST_ANSWER: Duration = Duration::from_secs(60);

/// The router with everything that stands around it.
///
/// # Errors
/// When the public address is no origin.
pub fn router(portal: &Portal) -> anyhow::Result<Router> {
    let (api, description) = api();
    around(pages(portal.config.demo).merge(api).merge(reference::routes(description)), portal, LONGEST_ANSWER)
}

/// What stands around every route, whichever they are: no answer leaves without it, an error's neither.
///
/// # Errors
/// When the public address is no origin.
pub fn around(routes: Router<Portal>, portal: &Portal, longest: Duration) -> anyhow::Result<Router> {
    let csrf = CsrfLayer::new().add_trusted_origin(portal.config.public_origin()).context("public_url is no origin")?;
    let router = routes
        .fallback(|| async { PageError(Error::NotFound) })
        .method_not_allowed_fallback(|| async { StatusCode::METHOD_NOT_ALLOWED });
    // Around the routes and not at each of them, because a form that waited goes to another address than it came to.
    let router = Router::new()
        .fallback_service(router.with_state(portal.clone()))
        .layer(middleware::from_fn_with_state(portal.clone(), identity::pages::interrupted::keep))
        .layer(csrf)
        .layer(middleware::from_fn(refuse_unsaid_origin))
        .layer(middleware::from_fn_with_state(portal.clone(), refuse_foreign_host))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, longest))
        .layer(CompressionLayer::new())
        .layer(CatchPanicLayer::custom(|_| PageError(Error::internal("a request panicked")).into_response()))
        .layer(middleware::from_fn_with_state(portal.clone(), headers::add))
        .layer(TraceLayer::new_for_http())
        .with_state(portal.clone());
    Ok(router)
}

/// Answers whether the portal works: the database must answer too.
async fn health(State(portal): State<Portal>) -> Response {
    match portal.db.version().await {
        Ok(_) => "ok".into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer").into_response(),
    }
}

/// A browser says where a form comes from; one that says nothing may have been led here by another site. A program that brings
/// its key need not say it, because no other site can make a browser send one; nor need one that brings its secret in the address.
async fn refuse_unsaid_origin(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let said = [header::ORIGIN, header::AUTHORIZATION].iter().any(|name| headers.contains_key(name));
    let said = said || request.uri().path().starts_with("/webhooks/");
    if request.method().is_safe() || said || headers.contains_key("sec-fetch-site") {
        return next.run(request).await;
    }
    let text = "Your browser does not say which page this form comes from, so nothing was done. Use a newer browser.\n";
    (StatusCode::FORBIDDEN, text).into_response()
}

/// A portal is reached by its public address, or by the address it listens on (for a health check); a request for any other host
/// was tricked into coming here.
async fn refuse_foreign_host(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    let asked = request.uri().authority().map(|authority| authority.as_str().to_owned());
    // A name that cannot be read is not ours either.
    let asked =
        asked.or_else(|| request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or("").to_owned()));
    let public = portal.config.public_origin();
    let public = public.split_once("://").map_or("", |(_, host)| host).to_owned();
    let listening = portal.config.listen.to_string();
    match asked {
        Some(host) if host != public && host != listening && request.uri().path() != "/health" => {
            (StatusCode::MISDIRECTED_REQUEST, "This portal does not answer for that host.\n").into_response()
        }
        _ => next.run(request).await,
    }
}

/// Opens everything that the configuration names.
///
/// # Errors
/// When a part of it cannot be had; the sentence says which.
pub async fn open(config: Config, clock: Clock) -> anyhow::Result<Portal> {
    std::fs::create_dir_all(&config.data_dir)
        .with_context(|| format!("making the data directory {}", config.data_dir.display()))?;
    let rng = Rng::System;
    let db = Db::open(&config.database()).await?;
    if !config.root_key_file.exists() && identity::actions::any_account(db.reader()).await? {
        anyhow::bail!(
            "the root key {} is missing, but the database has accounts; put the key back (without it no password and no link works)",
            config.root_key_file.display()
        );
    }
    let root = load_or_make_root_key(&config.root_key_file, &rng)?;
    Ok(Portal::new(config, db, clock, rng, Keys::derive(root.expose())))
}

/// Serves until SIGTERM or Ctrl-C; then answers what is under way, finishes the mails in flight, and ends.
///
/// # Errors
/// When the address cannot be listened on or the mail settings are wrong.
pub async fn serve(portal: Portal, listener: TcpListener) -> anyhow::Result<()> {
    let router = router(&portal)?;
    let worker = Worker::new(portal.clone(), emails(), Transport::from_config(&portal.config)?);
    let (close, closing) = watch::channel(false);
    let worker = tokio::spawn(worker.run(closing.clone()));
    let chores = tokio::spawn(do_chores(portal.clone(), closing.clone()));
    let plans = tokio::spawn(plans::actions::run(portal.clone(), closing.clone()));
    let exports = tokio::spawn(exports::actions::run(portal.clone(), closing.clone()));
    let rounds = tokio::spawn(make_rounds(portal.clone(), closing.clone()));
    let resets = tokio::spawn(answer_resets(portal.clone(), closing.clone()));
    let (finish, finishing) = watch::channel(false);
    let sealer = tokio::spawn(audit::sealer::run(portal.clone(), finishing));
    let mut until = closing.clone();
    let server = axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async move {
            let _ = until.changed().await;
        });
    let server = tokio::spawn(async move { server.await });
    wait_for_signal().await;
    tracing::info!("closing");
    let _ = close.send(true);
    // A browser that keeps its connection open must not keep the process alive.
    let _ = tokio::time::timeout(Duration::from_secs(10), server).await;
    worker.await.context("the mail worker failed")?;
    plans.await.context("sending plans failed")?;
    exports.await.context("making exports failed")?;
    resets.await.context("answering for forgotten passwords failed")?;
    chores.abort();
    rounds.abort();
    // Last, so that what the others wrote on their way out is sealed too.
    let _ = finish.send(true);
    sealer.await.context("the sealer of the access log failed")?;
    Ok(())
}

/// Once an hour: tells people whose access ends soon, and forgets sessions that no limit lets live any more. No control depends on it.
async fn do_chores(portal: Portal, mut closing: watch::Receiver<bool>) {
    while !*closing.borrow() {
        if let Err(error) = staff::actions::warn_of_endings(&portal).await {
            tracing::warn!(%error, "people whose access ends soon could not be told");
        }
        if let Err(error) = identity::actions::forget_dead_sessions(&portal).await {
            tracing::warn!(%error, "old sessions could not be deleted");
        }
        if let Err(error) = invitations::actions::forget_old_counts(&portal).await {
            tracing::warn!(%error, "old counts of mails could not be deleted");
        }
        if let Err(error) = identity::actions::forget_old_ceremonies(&portal).await {
            tracing::warn!(%error, "old challenges could not be deleted");
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(3600)) => {}
            _ = closing.changed() => {}
        }
    }
}

/// Every minute: what people are told soon after it happened. No control depends on it.
async fn make_rounds(portal: Portal, mut closing: watch::Receiver<bool>) {
    while !*closing.borrow() {
        if let Err(error) = invitations::actions::tell_of_failures(&portal).await {
            tracing::warn!(%error, "inviters could not be told of mails that did not arrive");
        }
        if let Err(error) = exports::actions::wipe_ended(&portal).await {
            tracing::warn!(%error, "exports whose day is over could not be wiped");
        }
        if let Err(error) = invitations::actions::remind(&portal).await {
            tracing::warn!(%error, "people whose invitation ends soon could not be reminded");
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(60)) => {}
            _ = closing.changed() => {}
        }
    }
}

/// Answers those who have asked for a new password: when the bell rings, and every few seconds, since a restart or another node
/// may have left somebody waiting.
async fn answer_resets(portal: Portal, mut closing: watch::Receiver<bool>) {
    while !*closing.borrow() {
        if let Err(error) = identity::actions::answer_reset_requests(&portal).await {
            tracing::warn!(%error, "those who asked for a new password could not be answered");
        }
        tokio::select! {
            () = portal.reset_bell.notified() => {}
            () = tokio::time::sleep(Duration::from_secs(3)) => {}
            _ = closing.changed() => {}
        }
    }
}

async fn wait_for_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
