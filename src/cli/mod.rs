//! The command line. Each command parses, calls the same actions as the pages, and prints.

mod audit;
mod batches;
mod bounces;
mod commands;
mod doctor;
mod invitations;
mod invite;
mod place;
mod plan;
mod review;
mod roles;
mod settings;
mod staff;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::error::Error;

/// A self-hosted portal where care teams follow patients and manage each other's access.
#[derive(Parser)]
#[command(name = "care-portal", version)]
struct Arguments {
    /// The settings file; care-portal.toml in this folder when it is left out.
    #[arg(long, global = true, env = "CARE_PORTAL_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show the whole product with a made-up hospital; needs nothing but this program.
    Demo(commands::DemoArguments),
    /// Run the portal.
    Serve,
    /// Make an organisation and print the one-time link of its first Admin.
    Setup(commands::SetupArguments),
    /// Add a deployment to an organisation.
    AddDeployment(commands::DeploymentArguments),
    /// Invite staff members.
    Invite(invite::InviteArguments),
    /// See and manage what is pending.
    #[command(subcommand)]
    Invitation(invitations::InvitationCommand),
    /// See what became of those who were invited together, and put it right.
    #[command(subcommand)]
    Batch(batches::BatchCommand),
    /// Judge a list first and send it afterwards.
    #[command(subcommand)]
    Plan(plan::PlanCommand),
    /// See and change who has access.
    #[command(subcommand)]
    Staff(staff::StaffCommand),
    /// See and change the organisation's own roles.
    #[command(subcommand)]
    Role(roles::RoleCommand),
    /// Review who has access.
    #[command(subcommand)]
    Review(review::ReviewCommand),
    /// Prove that the access log is what was written, or read it.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Take in returned mail.
    #[command(subcommand)]
    Bounces(bounces::BouncesCommand),
    /// Check settings, database, mail server and clock, and say what to mend.
    Doctor,
    /// Print every setting of the program with its default and meaning; or list and change what the organisation has chosen.
    Settings {
        #[command(subcommand)]
        command: Option<settings::SettingsCommand>,
    },
    /// Print the description of the API (OpenAPI 3.1).
    Openapi,
}

/// Exit statuses: 0 all done, 1 a fault, 2 something typed cannot be used, 3 not allowed, 4 done in part; of `audit verify` also 5, the
/// log was changed, and 6, something about it should be looked at.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("CARE_PORTAL_TEST_LOG")
        .or_else(|_| tracing_subscriber::EnvFilter::try_from_default_env())
        .unwrap_or_else(|_| "warn,care_portal=info,sqlx::postgres::notice=warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("the program cannot start: {error}"), 1),
    };
    let config = arguments.config;
    let outcome = runtime.block_on(async {
        match arguments.command {
            Command::Demo(demo) => commands::demo(demo).await,
            Command::Serve => commands::serve(config.as_deref()).await,
            Command::Setup(setup) => commands::setup(config.as_deref(), setup).await,
            Command::AddDeployment(add) => commands::add_deployment(config.as_deref(), add).await,
            Command::Invite(invite) => invite::run(config.as_deref(), invite).await,
            Command::Invitation(command) => invitations::run(config.as_deref(), command).await,
            Command::Batch(command) => batches::run(config.as_deref(), command).await,
            Command::Plan(command) => plan::run(config.as_deref(), command).await,
            Command::Staff(command) => staff::run(config.as_deref(), command).await,
            Command::Role(command) => roles::run(config.as_deref(), command).await,
            Command::Review(command) => review::run(config.as_deref(), command).await,
            Command::Audit(command) => audit::run(config.as_deref(), command).await,
            Command::Bounces(command) => bounces::run(config.as_deref(), command).await,
            Command::Doctor => doctor::run(config.as_deref()).await,
            Command::Settings { command } => settings::run(config.as_deref(), command).await,
            Command::Openapi => print(&serde_json::to_string_pretty(&crate::app::openapi())?),
        }
    });
    match outcome {
        Ok(status) => status,
        Err(error) => match error.downcast_ref::<Error>() {
            Some(Error::Internal(cause)) => fail(&format!("{cause:#}"), 1),
            Some(known @ (Error::Forbidden(_) | Error::NotFound)) => fail(&known.to_string(), 3),
            Some(known @ Error::Unavailable(_)) => fail(&known.to_string(), 1),
            Some(known) => fail(&known.to_string(), 2),
            None => fail(&format!("{error:#}"), 1),
        },
    }
}

fn fail(message: &str, status: u8) -> ExitCode {
    eprintln!("care-portal: {message}");
    ExitCode::from(status)
}

/// A note as it is kept.
fn note(text: Option<&str>) -> Result<String, Error> {
    crate::invitations::parse_note(text.unwrap_or_default()).map_err(|wrong| Error::field("note", wrong))
}

/// Prints; a reader that closes early (`| head`) is no fault.
fn print(text: &str) -> anyhow::Result<ExitCode> {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
    Ok(ExitCode::SUCCESS)
}
