//! `care-portal settings`: without more, every setting of the program; with a command, what the organisation has chosen.

use std::{path::Path, process::ExitCode};

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{place::PlaceArguments, print};
use crate::{
    error::Error,
    sites::{
        actions::{self, Asked, Saved},
        settings::FIELDS,
    },
};

#[derive(Subcommand)]
pub(super) enum SettingsCommand {
    /// List what the organisation has chosen: key and value.
    List(PlaceArguments),
    /// Change settings of the organisation. A change that weakens it asks first and is made only with --yes.
    Change(Change),
}

#[derive(Args)]
pub(super) struct Change {
    #[command(flatten)]
    place: PlaceArguments,
    /// Do it although it asks.
    #[arg(long)]
    yes: bool,
    /// What to change, each as KEY=VALUE; several domains with commas between them.
    #[arg(required = true, value_name = "KEY=VALUE")]
    values: Vec<String>,
}

pub(super) async fn run(config: Option<&Path>, command: Option<SettingsCommand>) -> Result<ExitCode> {
    match command {
        None => print(include_str!("../defaults.toml")),
        Some(SettingsCommand::List(place)) => {
            let at = place.open(config).await?;
            let settings = actions::show_settings(&at.portal, &at.caller, at.scope).await?;
            let values = FIELDS.iter().map(|field| (field.key, (field.get)(&settings).replace('\n', ",")));
            if place.json {
                let map: serde_json::Map<_, _> = values.map(|(key, value)| (key.to_owned(), value.into())).collect();
                return print(&serde_json::to_string_pretty(&map)?);
            }
            print(&values.map(|(key, value)| format!("{key}\t{value}")).collect::<Vec<_>>().join("\n"))
        }
        Some(SettingsCommand::Change(change)) => {
            let at = change.place.open(config).await?;
            let values: Result<Vec<_>, Error> = change.values.iter().map(|text| pair(text)).collect();
            let asked = Asked { values: values?, revision: None, confirmed: change.yes };
            match actions::change_settings(&at.portal, &at.caller, at.scope, &asked).await? {
                Saved::Done(_, changes) => {
                    let line = |change: &crate::sites::settings::Change| {
                        let (before, after) = (change.before.replace('\n', ","), change.after.replace('\n', ","));
                        format!("Changed\t{}\t{before}\t{after}", change.key)
                    };
                    print(&changes.iter().map(line).collect::<Vec<_>>().join("\n"))
                }
                Saved::Asks(questions) => {
                    print(&format!("{} Run it again with --yes to do it.", questions.join(" ")))?;
                    Ok(ExitCode::from(4))
                }
            }
        }
    }
}

fn pair(text: &str) -> Result<(String, String), Error> {
    let (key, value) =
        text.split_once('=').ok_or_else(|| Error::field("settings", format!("Write {text} as KEY=VALUE")))?;
    Ok((key.to_owned(), value.to_owned()))
}
