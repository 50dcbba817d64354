//! How fast the portal is, against its goals; `docs/performance.md` tells what each part measures and what came out.
//!
//! `cargo bench --bench portal` measures everything, `cargo bench --bench portal -- invitations` one part. Loopback only, and
//! every file lies in a temporary folder. PostgreSQL is measured too where `CARE_PORTAL_TEST_POSTGRES` names a server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement that fails must stop"
)]

mod access_log;
mod flood;
mod hospital;
mod http;
mod lists;
mod mail_server;
mod patients;
mod plans;
mod program;
mod running;
mod sending;
mod tables;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use care_portal::{
    access::{DefaultRole, Origin, RoleKey, Scope},
    app,
    config::Config,
    identity,
    invitations::{Accepted, Code, NewBatch, Sort, Window, actions, link_of},
    op::{Caller, Op},
    outbox::{Transport, Worker},
    portal::Portal,
    sites,
    types::{Clock, Cursor, EmailAddress, InvitationId, kind},
    web::assets,
};
use sea_orm::{ConnectionTrait, Database, Statement};
use tempfile::TempDir;
use tokio::{runtime::Runtime, sync::watch};

use crate::{hospital::*, http::*, mail_server::*, program::*, tables::*};

const PASSWORD: &str = "quiet maple river lantern";
const STAFF: usize = 2_000;

fn main() {
    // `cargo test --all-targets` starts benchmarks as well, and wants no measurement.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    type Part = (&'static str, fn(&Runtime));
    let parts: [Part; 13] = [
        ("invitations", sending::invitations),
        ("plans", plans::plans),
        ("pending-list", lists::pending_list),
        ("staff-list", lists::staff_list),
        ("start", running::start),
        ("mail", sending::mail),
        ("accounts", running::accounts),
        ("access-log", access_log::access_log),
        ("sign-ins", flood::sign_ins),
        ("enumeration", flood::enumeration),
        ("patient-list", patients::patient_list),
        ("readings", patients::readings),
        ("audited-reads", patients::audited_reads),
    ];
    if let Some(unknown) = asked.iter().find(|name| !parts.iter().any(|(known, _)| known == name)) {
        let known = parts.map(|(name, _)| name).join(", ");
        panic!("there is no part {unknown}; there are {known}");
    }
    for (name, measure) in parts {
        if asked.is_empty() || asked.iter().any(|wanted| wanted == name) {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            measure(&runtime);
        }
    }
}

/// Which databases are measured: SQLite, and PostgreSQL where a server is named.
fn databases() -> &'static [bool] {
    if postgres_url().is_some() {
        return &[false, true];
    }
    println!("\nPostgreSQL is left out: CARE_PORTAL_TEST_POSTGRES names no server.");
    &[false]
}
