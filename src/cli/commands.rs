//! `demo`, `serve` and `setup`.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use tokio::net::TcpListener;

use super::print;
use crate::{
    access::{Origin, Scope},
    app,
    config::Config,
    demo, identity,
    invitations::{self, link_of},
    op::{Caller, Op},
    sites,
    types::{Clock, EmailAddress},
};

#[derive(Args)]
pub(super) struct DemoArguments {
    /// Where the demonstration keeps its files; kept between runs.
    #[arg(long, default_value = "./demo-data")]
    data: PathBuf,
    /// Start over with a new made-up hospital.
    #[arg(long)]
    fresh: bool,
    /// The address to listen on; only this machine itself.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// How many patients to make up.
    #[arg(long, default_value_t = 300)]
    patients: usize,
}

pub(super) async fn demo(arguments: DemoArguments) -> Result<ExitCode> {
    ensure!(
        arguments.listen.ip().is_loopback(),
        "the demonstration listens on this machine only, such as 127.0.0.1:8080"
    );
    if arguments.fresh {
        remove_demo(&arguments.data)?;
    }
    let listener =
        TcpListener::bind(arguments.listen).await.with_context(|| format!("listening on {}", arguments.listen))?;
    let address = listener.local_addr()?;
    let public = demo_url(address);
    let mut config = demo_config(&arguments.data, address, &public)?;
    config.demo = true;
    let portal = app::open(config, Clock::System).await?;
    if !demo::is_filled(&portal).await? {
        demo::fill(&portal, arguments.patients).await.context("making up the hospital")?;
    }
    let mut lines: Vec<String> = demo::accounts(&portal).await?.into_iter().map(|line| line.join("\t")).collect();
    lines.push(public);
    print(&lines.join("\n"))?;
    app::serve(portal, listener).await?;
    Ok(ExitCode::SUCCESS)
}

/// By name where the name leads here: browsers bind passkeys to no IP address.
fn demo_url(address: SocketAddr) -> String {
    if [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].contains(&address.ip()) {
        return format!("http://localhost:{}", address.port());
    }
    format!("http://{address}")
}

/// The demonstration takes no settings file; only the mail server may be set from outside.
fn demo_config(data: &Path, address: SocketAddr, public: &str) -> Result<Config> {
    let mut environment: BTreeMap<String, String> = std::env::vars()
        .filter(|(name, _)| name.starts_with("CARE_PORTAL_SMTP_URL") || name.starts_with("CARE_PORTAL_MAIL"))
        .collect();
    environment.insert("CARE_PORTAL_LISTEN".to_owned(), address.to_string());
    environment.insert("CARE_PORTAL_PUBLIC_URL".to_owned(), public.to_owned());
    environment.insert("CARE_PORTAL_DATA_DIR".to_owned(), data.display().to_string());
    environment.insert("CARE_PORTAL_SESSION_IDLE_MINUTES".to_owned(), "60".to_owned());
    Config::from_parts("", environment)
}

/// Deletes what the demonstration wrote, and nothing else that may lie in the folder.
fn remove_demo(data: &Path) -> Result<()> {
    for name in ["care-portal.db", "care-portal.db-wal", "care-portal.db-shm", "root-key", "access-log-checkpoints"] {
        let file = data.join(name);
        if file.exists() {
            std::fs::remove_file(&file).with_context(|| format!("deleting {}", file.display()))?;
        }
    }
    let mail = data.join("mail");
    if mail.exists() {
        std::fs::remove_dir_all(&mail).with_context(|| format!("deleting {}", mail.display()))?;
    }
    Ok(())
}

pub(super) async fn serve(config: Option<&Path>) -> Result<ExitCode> {
    let config = Config::load(config)?;
    let listener = TcpListener::bind(config.listen).await.with_context(|| format!("listening on {}", config.listen))?;
    let portal = app::open(config, Clock::System).await?;
    tracing::info!(address = %listener.local_addr()?, public = %portal.config.public_url, "serving");
    app::serve(portal, listener).await?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Args)]
pub(super) struct SetupArguments {
    /// The organisation's name.
    #[arg(long)]
    organisation: String,
    /// The address of its first Admin.
    #[arg(long)]
    email: String,
    /// The time zone of its mails and pages.
    #[arg(long, default_value = "Europe/London")]
    time_zone: String,
    /// Domains that its staff's addresses usually have; the Admin's own when it is left out.
    #[arg(long, value_delimiter = ',')]
    domains: Vec<String>,
}

pub(super) async fn setup(config: Option<&Path>, arguments: SetupArguments) -> Result<ExitCode> {
    let email =
        EmailAddress::parse(&arguments.email).map_err(|bad| crate::error::Error::field("email", bad.to_string()))?;
    let portal = app::open(Config::load(config)?, Clock::System).await?;
    let domains = if arguments.domains.is_empty() { vec![email.domain().to_owned()] } else { arguments.domains };
    let caller = Caller::Portal(Origin { address: "terminal".to_owned(), agent: String::new() });
    let mut op = Op::begin(&portal, &caller).await?;
    let organisation =
        sites::actions::create_organisation(&mut op, &arguments.organisation, &arguments.time_zone, domains).await?;
    let (_, invitation) =
        invitations::actions::invite_first_admin(&mut op, Scope::organisation(organisation.id), email).await?;
    op.commit().await?;
    let (link, _) = link_of(&portal, invitation.id, invitation.generation);
    eprintln!(
        "{} is set up. This link makes the account of its first Admin; it works once, for 24 hours:",
        organisation.name
    );
    print(&link)
}

#[derive(Args)]
pub(super) struct DeploymentArguments {
    /// The staff member in whose name; needs “Assign roles and remove staff members” in the whole organisation.
    #[arg(long = "as", value_name = "E-MAIL")]
    acting: String,
    /// The deployment's name.
    name: String,
}

pub(super) async fn add_deployment(config: Option<&Path>, arguments: DeploymentArguments) -> Result<ExitCode> {
    let portal = app::open(Config::load(config)?, Clock::System).await?;
    let caller = identity::actions::act_from_terminal(&portal, &arguments.acting).await?;
    let first = caller.actor()?.memberships.first().ok_or(crate::error::Error::NotFound)?.scope;
    let deployment = sites::actions::create_deployment(&portal, &caller, first.organisation, &arguments.name).await?;
    print(&deployment.id.to_string())
}
