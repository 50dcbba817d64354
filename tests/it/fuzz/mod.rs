//! Broken and forged input at every place where the portal reads something that a stranger may have written. Each target has a
//! small corpus of valid inputs, asks the real portal with mutations of them, and says what must never happen.
//!
//! A target runs for a minute; `CARE_PORTAL_FUZZ_SECONDS=3600 ./test fuzz` for longer, and `CARE_PORTAL_FUZZ_SEED` to repeat one.
//! A new target is a file here with a test that calls [`fuzz`]; a fault that one has found becomes an input of its corpus.

mod codes;
mod cookies;
mod cursors;
mod lists;
mod mails;
mod mutate;
mod origins;

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use self::mutate::Mutator;
use crate::support::app::{Database, TestApp};

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Mutates the corpus until the time is over; `ask` sends an input and panics about what must not be. The corpus itself goes
/// first, each input once.
async fn fuzz(target: &str, corpus: &[Vec<u8>], mut ask: impl AsyncFnMut(&[u8])) {
    let seed = number("CARE_PORTAL_FUZZ_SEED", std::process::id().into());
    let until = Instant::now() + Duration::from_secs(number("CARE_PORTAL_FUZZ_SECONDS", 60));
    println!("{target}: CARE_PORTAL_FUZZ_SEED={seed}");
    let mut mutator = Mutator::new(seed);
    let mut asked = 0;
    for input in corpus {
        ask(input).await;
    }
    while Instant::now() < until {
        let input = mutator.mutate(corpus);
        ask(&input).await;
        asked += 1;
    }
    println!("{target}: {asked} inputs");
    assert!(asked > 0, "{target} asked nothing");
}

/// A portal behind a proxy on this machine, so that each input can come from a network of its own and nothing is throttled.
async fn portal() -> TestApp {
    TestApp::start_with(Database::Sqlite, &[("TRUSTED_PROXIES", "127.0.0.1".to_owned())]).await
}

/// An answer as it came over the wire.
struct Answer {
    status: u16,
    text: String,
}

/// Sends bytes that no HTTP library would let through. The headers are given without their last line break.
async fn raw(app: &TestApp, head: &[u8], body: &[u8]) -> Answer {
    for _ in 0..3 {
        let answer = once(app, head, body).await;
        // A connection that is reset while the answer is under way takes the answer with it.
        if answer.status != 0 {
            return answer;
        }
    }
    once(app, head, body).await
}

async fn once(app: &TestApp, head: &[u8], body: &[u8]) -> Answer {
    let address = app.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut request = head.to_vec();
    request.extend(format!("\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len()).bytes());
    request.extend(body);
    // Whoever answers a broken head at once may close before it has read everything.
    let _ = stream.write_all(&request).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, text }
}

/// A request line and headers, where one value is the input. Line breaks would end the header, which is another request.
fn head(app: &TestApp, line: &str, headers: &[(&str, &[u8])]) -> Vec<u8> {
    let mut head = format!("{line} HTTP/1.1\r\nsec-fetch-site: same-origin").into_bytes();
    if !headers.iter().any(|(name, _)| *name == "host") {
        head.extend(format!("\r\nhost: {}", app.url.trim_start_matches("http://")).bytes());
    }
    for (name, value) in headers {
        head.extend(format!("\r\n{name}: ").bytes());
        head.extend(value.iter().filter(|byte| !matches!(byte, b'\r' | b'\n')));
    }
    head
}

/// An address of its own for each input.
fn somewhere(n: &mut u32) -> String {
    *n += 1;
    let [_, a, b, c] = n.to_be_bytes();
    format!("100.{a}.{b}.{c}")
}

impl Answer {
    fn is_no_fault(&self, input: &[u8]) {
        let what = String::from_utf8_lossy(input);
        assert!(self.status < 500 && self.status != 0, "{} for {what:?} ({input:?}): {}", self.status, self.text);
    }
}
