//! Settings: the compiled-in defaults, then `care-portal.toml`, then `CARE_PORTAL_*` variables. An unknown setting is refused
//! by name, because a misspelt one that is silently ignored is worse than none.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use ipnet::IpNet;
use serde::Deserialize;
use toml::{Table, Value};
use url::Url;

use crate::types::Secret;

const DEFAULTS: &str = include_str!("defaults.toml");
const PREFIX: &str = "CARE_PORTAL_";
/// Variables with the prefix that are no settings: the first names the settings file, the others say how long tests go on, and reach
/// the programs that those start.
const NO_SETTINGS: [&str; 6] = [
    "CARE_PORTAL_CONFIG",
    "CARE_PORTAL_FUZZ_SECONDS",
    "CARE_PORTAL_HISTORY_SEED",
    "CARE_PORTAL_HISTORY_STEPS",
    "CARE_PORTAL_KILLS",
    "CARE_PORTAL_RACE_ROUNDS",
];

/// Every setting; what each means stands in `defaults.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// The address that people type.
    pub public_url: Url,
    /// The database.
    #[serde(deserialize_with = "empty_is_none")]
    pub database_url: Option<Secret<String>>,
    /// Where files are kept.
    pub data_dir: PathBuf,
    /// The mail server.
    #[serde(deserialize_with = "empty_is_none")]
    pub smtp_url: Option<Secret<String>>,
    /// The sender of every mail.
    pub mail_from: String,
    /// Mails handed over at the same time.
    pub mail_connections: usize,
    /// How long the mail server may take for one answer.
    pub mail_timeout_seconds: u64,
    /// Invitation mails to one recipient in 24 hours, over all organisations; 0 for no limit.
    pub mails_per_recipient: u8,
    /// Invitation mails of one inviter in 24 hours; 0 for no limit.
    pub mails_per_inviter: u32,
    /// Invitation mails of one organisation in 24 hours; 0 for no limit.
    pub mails_per_organisation: u32,
    /// Messages to one patient in 24 hours, new appointments, and mails about one appointment; 0 for no limit.
    pub messages_per_patient: u32,
    /// The file of the root key.
    pub root_key_file: PathBuf,
    /// Where signed checkpoints of the access log are kept.
    pub checkpoint_file: PathBuf,
    /// Idle limit of a session.
    pub session_idle_minutes: u64,
    /// Absolute limit of a session.
    pub session_hours: u64,
    /// Invitations in one press without a fresh proof.
    pub invitations_without_proof: usize,
    /// Proxies whose forwarded address is believed, as networks; a single address is the smallest of them.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// Whether this is the demonstration; never a setting.
    #[serde(skip)]
    pub demo: bool,
}

fn empty_is_none<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Secret<String>>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(Some(text).filter(|text| !text.is_empty()).map(Secret::new))
}

/// Each an address, or a network such as 10.0.0.0/8.
fn networks<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let one = |text: &String| {
        let address = text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
        let network = address.or_else(|_| text.parse::<IpNet>());
        network.map_err(|_| serde::de::Error::custom(format!("{text} is no address and no network such as 10.0.0.0/8")))
    };
    Vec::<String>::deserialize(deserializer)?.iter().map(one).collect()
}

impl Config {
    /// Reads the settings; `file` must exist if it is given, `care-portal.toml` need not.
    ///
    /// # Errors
    /// When a setting is unknown, cannot be understood, or is not allowed.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let text = match file {
            Some(path) => std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?,
            None => std::fs::read_to_string("care-portal.toml").unwrap_or_default(),
        };
        Self::from_parts(&text, std::env::vars().collect())
    }

    /// From the text of a settings file and a set of environment variables.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_parts(file: &str, environment: BTreeMap<String, String>) -> Result<Self> {
        let mut settings: Table = DEFAULTS.parse().context("the defaults")?;
        let own: Table = file.parse().context("care-portal.toml cannot be understood")?;
        for (name, value) in own {
            ensure!(settings.contains_key(&name), "care-portal.toml has an unknown setting: {name}");
            settings.insert(name, value);
        }
        for (variable, text) in environment {
            let Some(name) = variable.strip_prefix(PREFIX) else { continue };
            if NO_SETTINGS.contains(&variable.as_str()) || name.starts_with("TEST_") || name == "AXE" {
                continue;
            }
            overlay(&mut settings, &variable, name, text)?;
        }
        let mut config: Self = settings.try_into().context("a setting cannot be understood")?;
        config.fill_paths();
        config.check()?;
        Ok(config)
    }

    fn fill_paths(&mut self) {
        if self.root_key_file.as_os_str().is_empty() {
            self.root_key_file = self.data_dir.join("root-key");
        }
        if self.checkpoint_file.as_os_str().is_empty() {
            self.checkpoint_file = self.data_dir.join("access-log-checkpoints");
        }
    }

    fn check(&self) -> Result<()> {
        let https = self.public_url.scheme() == "https";
        ensure!(
            https || (self.public_url.scheme() == "http" && self.is_loopback()),
            "public_url must begin with https:// (or name this machine itself, such as http://127.0.0.1:8080): {}",
            self.public_url
        );
        ensure!((5..=60).contains(&self.session_idle_minutes), "session_idle_minutes must be 5 to 60");
        ensure!((1..=24).contains(&self.session_hours), "session_hours must be 1 to 24");
        // A mail that takes longer than its lease would be handed over twice.
        ensure!((1..=100).contains(&self.mail_timeout_seconds), "mail_timeout_seconds must be 1 to 100");
        ensure!((1..=64).contains(&self.mail_connections), "mail_connections must be 1 to 64");
        // Three instants are kept of each recipient.
        ensure!(self.mails_per_recipient <= 3, "mails_per_recipient must be 0 to 3");
        self.mail_from
            .parse::<lettre::message::Mailbox>()
            .context("mail_from must be an address such as Care Portal <portal@hospital.example>")?;
        self.check_smtp()
    }

    /// Passwords and patients' names must not cross a network in the clear: without TLS only to this machine itself.
    fn check_smtp(&self) -> Result<()> {
        let Some(text) = &self.smtp_url else { return Ok(()) };
        let url = Url::parse(text.expose()).context("smtp_url cannot be understood")?;
        let tls = url.query_pairs().any(|(key, value)| key == "tls" && value == "required");
        match url.scheme() {
            "smtps" => Ok(()),
            "smtp" if tls || url.host_str().is_some_and(is_loopback_host) => Ok(()),
            "smtp" => bail!(
                "smtp_url without TLS is allowed for a server on this machine only; add ?tls=required or use smtps://"
            ),
            _ => bail!("smtp_url must begin with smtp:// or smtps://"),
        }
    }

    /// The database's address: the setting, or a file in the data directory.
    pub fn database(&self) -> String {
        self.database_url.as_ref().map_or_else(
            || format!("sqlite://{}", self.data_dir.join("care-portal.db").display()),
            |url| url.expose().clone(),
        )
    }

    /// Where mails go when there is no mail server.
    pub fn mail_folder(&self) -> PathBuf {
        self.data_dir.join("mail")
    }

    /// Whether the public address names this machine itself.
    pub fn is_loopback(&self) -> bool {
        self.public_url.host_str().is_some_and(is_loopback_host)
    }

    /// Whether cookies may be marked Secure.
    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// Host name for Message-IDs.
    pub fn public_host(&self) -> &str {
        self.public_url.host_str().unwrap_or("localhost")
    }

    /// Scheme, host and port, as browsers send it in `Origin`.
    pub fn public_origin(&self) -> String {
        self.public_url.origin().ascii_serialization()
    }

    /// A full address below the public one.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }
}

fn is_loopback_host(host: &str) -> bool {
    host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// One environment variable over the settings; its type follows the default's.
fn overlay(settings: &mut Table, variable: &str, name: &str, text: String) -> Result<()> {
    let (name, text) = match name.strip_suffix("_FILE") {
        Some(secret) if !settings.contains_key(&name.to_lowercase()) => {
            let text =
                std::fs::read_to_string(&text).with_context(|| format!("reading {text}, which {variable} names"))?;
            (secret.to_lowercase(), text.trim_end().to_owned())
        }
        _ => (name.to_lowercase(), text),
    };
    let value = match settings.get(&name) {
        None => bail!("{variable} names an unknown setting"),
        Some(Value::Integer(_)) => {
            Value::Integer(text.parse().with_context(|| format!("{variable} must be a number"))?)
        }
        Some(Value::Array(_)) => {
            Value::Array(text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(Value::from).collect())
        }
        Some(_) => Value::String(text),
    };
    settings.insert(name, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, variables: &[(&str, &str)]) -> Result<Config> {
        let environment = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Config::from_parts(file, environment)
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
        let config =
            load("mail_connections = 7\nsession_hours = 3", &[("CARE_PORTAL_SESSION_HOURS", "4")]).expect("loads");
        assert_eq!((config.mail_connections, config.session_hours, config.session_idle_minutes), (7, 4, 15));
    }

    #[test]
    fn unknown_settings_are_refused_by_name() {
        assert!(load("lisen = 1", &[]).is_err_and(|e| e.to_string().contains("lisen")));
        assert!(load("", &[("CARE_PORTAL_LISEN", "1")]).is_err_and(|e| e.to_string().contains("CARE_PORTAL_LISEN")));
    }

    #[test]
    fn proxies_are_addresses_or_networks() {
        let config = load("", &[("CARE_PORTAL_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8,::1,2001:db8::/32")]);
        assert_eq!(config.map(|c| c.trusted_proxies.len()).ok(), Some(4));
        for bad in ["proxy.example", "10.0.0.0/33", "10.0.0", "*", "10.0.0.0/-1"] {
            assert!(load("", &[("CARE_PORTAL_TRUSTED_PROXIES", bad)]).is_err(), "{bad}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for good in ["http://localhost:8080", "http://127.0.0.1", "http://[::1]:80", "https://portal.example"] {
            assert!(load("", &[("CARE_PORTAL_PUBLIC_URL", good)]).is_ok(), "{good}");
        }
        for bad in ["http://portal.example", "http://127.0.0.1.evil.example", "ftp://localhost"] {
            assert!(load("", &[("CARE_PORTAL_PUBLIC_URL", bad)]).is_err(), "{bad}");
        }
    }

    #[test]
    fn mail_without_tls_is_for_this_machine_only() {
        for good in ["smtp://127.0.0.1:2525", "smtps://mail.example", "smtp://u:p@mail.example?tls=required"] {
            assert!(load("", &[("CARE_PORTAL_SMTP_URL", good)]).is_ok(), "{good}");
        }
        for bad in ["smtp://mail.example", "smtp://u:p@mail.example?tls=opportunistic", "http://mail.example"] {
            assert!(load("", &[("CARE_PORTAL_SMTP_URL", bad)]).is_err(), "{bad}");
        }
    }

    #[test]
    fn secrets_come_from_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("smtp");
        std::fs::write(&file, "smtps://u:secret@mail.example\n").expect("written");
        let config = load("", &[("CARE_PORTAL_SMTP_URL_FILE", file.to_str().unwrap_or_default())]).expect("loads");
        assert_eq!(config.smtp_url.as_ref().map(|s| s.expose().as_str()), Some("smtps://u:secret@mail.example"));
        assert!(!format!("{config:?}").contains("secret@"));
    }
}
