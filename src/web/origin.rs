//! Where a request comes from. Forwarded addresses are believed from configured proxies only.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};

use crate::{access::Origin, config::Config};

/// The peer's address, when the server knows it.
pub fn of(parts: &mut Parts, config: &Config) -> Origin {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let address = peer.map_or_else(String::new, |peer| client(peer, &parts.headers, config).to_string());
    let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Origin { address, agent: agent.chars().filter(|c| !c.is_control()).take(200).collect() }
}

/// The nearest address in the chain that is no proxy of ours.
fn client(peer: IpAddr, headers: &HeaderMap, config: &Config) -> IpAddr {
    if !config.trusted_proxies.contains(&peer) {
        return peer;
    }
    let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let chain: Vec<IpAddr> =
        forwarded.flat_map(|value| value.split(',')).filter_map(|part| part.trim().parse().ok()).collect();
    chain.into_iter().rev().find(|address| !config.trusted_proxies.contains(address)).unwrap_or(peer)
}

/// The origin as an argument of a handler.
pub struct From(pub Origin);

impl FromRequestParts<crate::portal::Portal> for From {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, portal: &crate::portal::Portal) -> Result<Self, Self::Rejection> {
        Ok(Self(of(parts, &portal.config)))
    }
}
