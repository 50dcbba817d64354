//! Cookies: nobody is signed in by a session's cookie that is not exactly the one that was given.

use super::{fuzz, head, portal, raw, somewhere};
use crate::support::app::{PASSWORD, TestApp};

/// The cookies that a browser keeps after signing in, as name and value.
async fn kept(app: &TestApp) -> Vec<(String, String)> {
    let answer = app.visitor().post("/sign-in", &[("email", "ada@northfield.example"), ("password", PASSWORD)]).await;
    let cookies = answer.headers().get_all("set-cookie");
    let pair = |value: &reqwest::header::HeaderValue| {
        let (name, value) = value.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    };
    cookies.iter().map(pair).collect()
}

/// What a server that decodes and unquotes reads.
fn decoded(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input).replace('+', "%2B");
    let read = url::form_urlencoded::parse(format!("t={text}").as_bytes()).next().map(|(_, value)| value.into_owned());
    read.unwrap_or_default().trim().trim_matches('"').to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuzz_session_cookies() {
    let app = portal().await;
    let token = kept(&app).await.into_iter().find(|(name, _)| name == "session").expect("a session's cookie").1;
    let corpus = vec![token.clone().into_bytes(), b"x".to_vec(), vec![b'A'; 43], Vec::new()];
    let half = [303, 200];
    fuzz("session cookies", &corpus, async |input| {
        // A semicolon begins another cookie.
        let value: Vec<u8> =
            input.iter().copied().filter(|byte| *byte != b';' && *byte != b'\r' && *byte != b'\n').collect();
        let cookie = [b"session=", value.as_slice()].concat();
        for line in ["GET /sign-in/second-factor", "GET /profile"] {
            let answer = raw(&app, &head(&app, line, &[("cookie", &cookie)]), b"").await;
            answer.is_no_fault(input);
            let signed_in =
                answer.status == 200 || (answer.status == 303 && answer.text.contains("location: /second-factor"));
            let own = decoded(&value) == token;
            assert!(!signed_in || own, "{line} lets {:?} in", String::from_utf8_lossy(input));
            assert!(!own || half.contains(&answer.status), "{line} refuses the real one: {}", answer.text);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuzz_other_cookies() {
    let app = portal().await;
    let mut corpus: Vec<Vec<u8>> =
        kept(&app).await.into_iter().map(|(name, value)| format!("{name}={value}").into_bytes()).collect();
    corpus.extend([
        b"flash=done.Saved%20it".to_vec(),
        b"flash=done!dep_01890a5dac96774bbcceb302099a8057!1790000000000.Changed".to_vec(),
        format!("join=cpi1_{}; flash=problem.x; browser=y; session=z", "A".repeat(64)).into_bytes(),
        b"session=a; session=b; __Host-session=c".to_vec(),
    ]);
    let mut n = 0;
    fuzz("other cookies", &corpus, async |input| {
        let from = somewhere(&mut n);
        for line in ["GET /sign-in", "GET /join", "GET /"] {
            let answer =
                raw(&app, &head(&app, line, &[("cookie", input), ("x-forwarded-for", from.as_bytes())]), b"").await;
            answer.is_no_fault(input);
            assert!(!answer.text.contains("Create your account"), "{line} with {:?}", String::from_utf8_lossy(input));
        }
    })
    .await;
}
