//! Where a request comes from. Forwarded addresses are believed from configured proxies only, and only in `X-Forwarded-For`;
//! `Forwarded`, `X-Real-IP` and the like are read from nobody.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};

use crate::{access::Origin, config::Config};

/// The peer's address, when the server knows it.
pub fn of(parts: &mut Parts, config: &Config) -> Origin {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
    let address = peer.map_or_else(String::new, |peer| client(peer, &parts.headers, config).to_string());
    let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Origin { address, agent: agent.chars().filter(|c| !c.is_control()).take(200).collect() }
}

/// The nearest address in the chain that is no proxy of ours. Each proxy appends whom it has heard, so the chain is read from its
/// end; what stands before something that is no address was written by nobody whom we trust.
fn client(peer: IpAddr, headers: &HeaderMap, config: &Config) -> IpAddr {
    let trusted = |address: IpAddr| config.trusted_proxies.iter().any(|network| network.contains(&address));
    if !trusted(peer) {
        return peer;
    }
    let values: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    for value in values.into_iter().rev() {
        let Ok(text) = value.to_str() else { return peer };
        for part in text.rsplit(',') {
            match address_in(part) {
                Some(address) if trusted(address) => {}
                Some(address) => return address,
                None => return peer,
            }
        }
    }
    peer
}

/// An address as proxies write it: with or without a port, IPv6 with or without brackets.
fn address_in(part: &str) -> Option<IpAddr> {
    let text = part.trim();
    let bare = text.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|with_port| with_port.ip()));
    let bare = bare.or_else(|_| text.trim_start_matches('[').trim_end_matches(']').parse());
    bare.ok().map(|address| address.to_canonical())
}

/// The origin as an argument of a handler.
pub struct From(pub Origin);

impl FromRequestParts<crate::portal::Portal> for From {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, portal: &crate::portal::Portal) -> Result<Self, Self::Rejection> {
        Ok(Self(of(parts, &portal.config)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn seen(trusted: &str, peer: &str, forwarded: &[&str]) -> String {
        let environment = BTreeMap::from([("CARE_PORTAL_TRUSTED_PROXIES".to_owned(), trusted.to_owned())]);
        let config = Config::from_parts("", environment).expect("settings");
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", axum::http::HeaderValue::from_bytes(value.as_bytes()).expect("a header"));
        }
        let peer: IpAddr = peer.parse().expect("an address");
        client(peer.to_canonical(), &headers, &config).to_string()
    }

    #[test]
    fn only_configured_proxies_are_believed() {
        assert_eq!(seen("", "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(seen("192.0.2.2", "192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(seen("192.0.2.1", "192.0.2.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("192.0.2.1", "::ffff:192.0.2.1", &["::ffff:198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.0/8, 2001:db8::/32", "10.9.8.7", &["198.51.100.7, 2001:db8::9"]), "198.51.100.7");
    }

    #[test]
    fn what_the_client_wrote_itself_does_not_count() {
        assert_eq!(seen("10.0.0.0/8", "10.0.0.1", &["203.0.113.5, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.0/8", "10.0.0.1", &["203.0.113.5", "198.51.100.7, 10.0.0.2"]), "198.51.100.7");
        for broken in
            ["198.51.100.7, unknown", "198.51.100.7,", "_hidden", "", "1.2.3", "for=198.51.100.7", "198.51.100.7 , é"]
        {
            assert_eq!(seen("10.0.0.0/8", "10.0.0.1", &[broken]), "10.0.0.1", "{broken}");
        }
        assert_eq!(seen("10.0.0.0/8", "10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.1", "nobody but proxies");
        assert_eq!(seen("10.0.0.0/8", "10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn ports_and_brackets_are_understood() {
        for (text, expected) in [
            ("198.51.100.7:4711", "198.51.100.7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            (" 2001:db8::7 ", "2001:db8::7"),
        ] {
            assert_eq!(seen("10.0.0.1", "10.0.0.1", &[text]), expected, "{text}");
        }
    }
}
