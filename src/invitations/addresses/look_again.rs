//! Addresses that can be sent to and are probably not meant: pointed out before sending, never changed or refused.

use super::colleagues::ColleagueIndex;
use super::slips::slips;
use crate::types::email_address::EmailAddress;

/// Why somebody should look at an address again, and the address that was probably meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    pub reason: String,
    pub suggestion: Option<String>,
}

/// Where mailboxes commonly are. A domain in this list is never taken for a typo of another.
const PROVIDERS: &[&str] = &[
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "outlook.fr",
    "outlook.de",
    "outlook.es",
    "outlook.ie",
    "hotmail.com",
    "hotmail.co.uk",
    "hotmail.fr",
    "hotmail.de",
    "hotmail.it",
    "hotmail.es",
    "live.com",
    "live.co.uk",
    "live.ie",
    "msn.com",
    "yahoo.com",
    "yahoo.co.uk",
    "yahoo.ie",
    "yahoo.fr",
    "yahoo.de",
    "yahoo.it",
    "yahoo.es",
    "ymail.com",
    "icloud.com",
    "me.com",
    "mac.com",
    "aol.com",
    "aol.co.uk",
    "proton.me",
    "protonmail.com",
    "pm.me",
    "gmx.com",
    "gmx.net",
    "gmx.de",
    "gmx.at",
    "web.de",
    "mail.com",
    "email.com",
    "fastmail.com",
    "zoho.com",
    "btinternet.com",
    "sky.com",
    "talktalk.net",
    "virginmedia.com",
    "nhs.net",
    "nhs.uk",
    "nhs.scot",
    "hse.ie",
    "hscni.net",
    "doctors.org.uk",
];

/// Endings that are no top-level domain, and the one that was meant.
const ENDINGS: &[(&str, &str)] = &[
    ("con", "com"),
    ("cmo", "com"),
    ("ocm", "com"),
    ("comm", "com"),
    ("coom", "com"),
    ("ccom", "com"),
    ("cpm", "com"),
    ("vom", "com"),
    ("xom", "com"),
    ("cim", "com"),
    ("nett", "net"),
    ("nte", "net"),
    ("nrt", "net"),
    ("ogr", "org"),
    ("orgg", "org"),
    ("prg", "org"),
    ("ku", "uk"),
    ("ukk", "uk"),
];

/// Whether an address should be looked at again before something is sent there: its domain is a slip away from a
/// usual one or from a common provider's, or the whole from a colleague's. `usual_domains` are ASCII, lower case.
pub fn look_again(address: &EmailAddress, usual_domains: &[String], colleagues: &ColleagueIndex) -> Option<Suspicion> {
    let domain = address.domain();
    if !belongs(domain, usual_domains) && !PROVIDERS.contains(&domain) {
        let wrong =
            near_usual(domain, usual_domains).or_else(|| wrong_ending(domain)).or_else(|| near_provider(domain));
        if let Some((reason, meant)) = wrong {
            return Some(Suspicion { reason, suggestion: at_domain(address, &meant) });
        }
    }
    let colleague = colleagues.one_slip_from(address)?;
    Some(Suspicion {
        reason: format!("{} is one letter off a colleague's address, {colleague}", address.key()),
        suggestion: Some(colleague.to_owned()),
    })
}

/// Whether an address lies outside the organisation's usual domains and their subdomains. Of its own, since many
/// organisations invite people from elsewhere every day: an organisation's setting turns it on.
pub fn outside_usual(address: &EmailAddress, usual_domains: &[String]) -> Option<Suspicion> {
    const NAMED: usize = 3;
    if usual_domains.is_empty() || belongs(address.domain(), usual_domains) {
        return None;
    }
    let mut named = usual_domains.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if let Some(more) = usual_domains.len().checked_sub(NAMED).filter(|more| *more > 0) {
        named.push_str(&format!(" and {more} more"));
    }
    let reason = format!("{} is outside the organisation's usual domains ({named})", address.domain());
    Some(Suspicion { reason, suggestion: None })
}

fn belongs(domain: &str, usual_domains: &[String]) -> bool {
    let is_under =
        |usual: &String| domain.strip_suffix(usual.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    usual_domains.iter().any(is_under)
}

/// The reason, and the domain that was probably meant.
type Wrong = (String, String);

fn near_usual(domain: &str, usual_domains: &[String]) -> Option<Wrong> {
    let (usual, count) = nearest(domain, usual_domains.iter().map(String::as_str))?;
    let letters = if count == 1 { "one letter" } else { "two letters" };
    Some((format!("{domain} is {letters} off {usual}"), usual.to_owned()))
}

fn near_provider(domain: &str) -> Option<Wrong> {
    let (provider, _) = nearest(domain, PROVIDERS.iter().copied())?;
    Some((format!("{domain} looks like {provider}"), provider.to_owned()))
}

fn wrong_ending(domain: &str) -> Option<Wrong> {
    let (name, ending) = domain.rsplit_once('.')?;
    let (_, meant) = ENDINGS.iter().find(|(wrong, _)| *wrong == ending)?;
    let mended = format!("{name}.{meant}");
    // gmial.con has two slips: the second is found from the mended ending.
    if let Some((reason, provider)) = near_provider(&mended).filter(|_| !PROVIDERS.contains(&mended.as_str())) {
        return Some((reason.replacen(&mended, domain, 1), provider));
    }
    Some((format!("{domain} ends in .{ending}, which looks like .{meant}"), mended))
}

fn nearest<'a>(domain: &str, known: impl Iterator<Item = &'a str>) -> Option<(&'a str, usize)> {
    let near = |known: &'a str| {
        let count = slips(domain, known, allowed(known)).filter(|count| *count > 0)?;
        (is_likely(domain, known) && (count == 1 || same_start(domain, known))).then_some((known, count))
    };
    known.filter_map(near).min_by_key(|(_, count)| *count)
}

/// Two slips in a long name, one in a short one: two letters off `gmail.com` is `trail.com`.
fn allowed(known: &str) -> usize {
    if known.len() > 10 { 2 } else { 1 }
}

/// Leaves out pairs that are near each other and both real: `yahoo.pl` and `yahoo.it`, `all.com` and `aol.com`.
fn is_likely(domain: &str, known: &str) -> bool {
    let (Some((name, ending)), Some((known_name, known_ending))) = (domain.split_once('.'), known.split_once('.'))
    else {
        return false;
    };
    if name == known_name {
        let country = |ending: &str| ending.rsplit('.').next().filter(|last| last.len() == 2).map(str::to_owned);
        let (typed, usual) = (country(ending), country(known_ending));
        return typed.is_none() || usual.is_none() || typed == usual;
    }
    known_name.len() > 3 || (ending == known_ending && same_letters(name, known_name))
}

/// Two slips hardly ever spare the rest and hit the first letter: `southfield` is another place than `northfield`.
fn same_start(domain: &str, known: &str) -> bool {
    domain.chars().next() == known.chars().next()
}

fn same_letters(a: &str, b: &str) -> bool {
    let sorted = |word: &str| {
        let mut letters: Vec<u8> = word.bytes().collect();
        letters.sort_unstable();
        letters
    };
    sorted(a) == sorted(b)
}

fn at_domain(address: &EmailAddress, domain: &str) -> Option<String> {
    EmailAddress::parse(&format!("{}@{domain}", address.local_part())).ok().map(String::from)
}
