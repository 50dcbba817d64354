//! Markup that somebody has typed where people type (WEB-03): stored in every text that is shown anywhere, then every page is opened
//! in a real browser. It is shown as the text that it is; no script ran, and the browser had nothing to report.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use care_portal::{
    demo,
    identity::actions::act_from_terminal,
    invitations::{NewBatch, Window, actions as invitations, csv_file::columns::Line},
    op::Caller,
    plans::{self, NewPlan},
    reviews,
    roles::{self, RoleDraft},
    sites, staff,
    types::kind,
};
use mail_parser::MessageParser;
use serde_json::{Value, json};

use crate::{
    browser::{complaints, type_addresses},
    support::{
        app::{Database, TestApp},
        browser::{Browser, Options},
        keys,
    },
};

const ADMIN: &str = "ada.okafor@northfield.example";
/// Everything at once: ends an attribute, a text field and a title; three ways to run script; a template's braces.
const MARKUP: &str =
    r#"'"></textarea></title><img src=x onerror=hit=1><script>hit=1</script><svg/onload=hit=1>{{7*7}}"#;
/// Roles have short names.
const SHORT: &str = r#""><img src=x onerror=hit=1>{{7*7}}"#;
/// What every text begins with, however it is cut.
const MARK: &str = "><img src=x onerror";

/// What the browser tells of from the first line of a page on.
const WATCH: &str = "globalThis.reported = [];
    addEventListener('securitypolicyviolation', (event) => reported.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
    globalThis.alert = globalThis.confirm = globalThis.prompt = () => { globalThis.hit = 1; };";

/// What there is of it on the page: whether a script ran, what was reported, elements that the portal has not made, and how often the
/// text is shown as text.
const FOUND: &str = "const all = [...document.querySelectorAll('*')];
    const foreign = all.filter((it) => it.matches('img[src=x], script:not([src]), svg[onload], iframe, object, embed, base, [href^=\"javascript:\" i], [action^=\"javascript:\" i]')
        || [...it.attributes].some((attribute) => attribute.name.startsWith('on') || attribute.name === 'style'));
    const values = [...document.querySelectorAll('input, textarea')].map((it) => it.value);
    const shown = document.body.textContent.split(arguments[0] ?? MARK).length - 1 + values.filter((value) => value.includes(MARK)).length;
    return { hit: globalThis.hit === 1, reported: globalThis.reported ?? [], foreign: foreign.map((it) => it.outerHTML.slice(0, 200)), shown, counted: document.body.textContent.includes('>49') }";

/// Where the text is stored that people have typed, and what came from outside; what is only ever a key or a name of ours is left out.
const STORED: [(&str, &[&str]); 19] = [
    ("organisations", &["name"]),
    ("deployments", &["name"]),
    ("accounts", &["name", "phone"]),
    ("passkeys", &["name"]),
    ("api_keys", &["name"]),
    ("invitations", &["name", "held_reason"]),
    ("mails", &["answer"]),
    ("mail_tries", &["answer"]),
    ("sessions", &["agent"]),
    ("browsers", &["agent"]),
    ("patients", &["name", "number", "email", "phone", "offboarding_reason"]),
    ("labels", &["text"]),
    ("readings", &["text"]),
    ("latest_readings", &["text"]),
    ("notes", &["text", "author_name"]),
    ("predefined_messages", &["text"]),
    ("emergency_accesses", &["reason"]),
    ("plan_rows", &["name", "note", "reason", "outcome_reason", "text"]),
    ("plans", &["title", "note", "stopped_because"]),
];

async fn poison(app: &TestApp) {
    // Nobody changes a note afterwards, whoever tries; what was written may be markup all the same.
    app.execute("DROP TRIGGER IF EXISTS notes_stay_as_written").await;
    for (table, columns) in STORED {
        for column in columns {
            let all = if *column == "held_reason" { "WHERE held_reason <> ''" } else { "" };
            app.execute(&format!("UPDATE {table} SET {column} = '{}' {all}", MARKUP.replace('\'', "''"))).await;
        }
    }
    app.execute(&format!("UPDATE custom_roles SET name = '{SHORT}'")).await;
}

/// A key and a passkey of everybody's, for their profiles.
async fn with_keys(app: &TestApp) {
    app.execute("INSERT INTO passkeys (id, account_id, credential_id, name, credential, added_at) SELECT id, id, id, 'x', '', 1 FROM accounts").await;
    app.execute("INSERT INTO api_keys (id, token_hash, account_id, organisation_id, deployment_id, name, permissions, created_at) SELECT m.id, m.id, m.account_id, m.organisation_id, m.deployment_id, 'x', 'view_patient_data', 1 FROM memberships m").await;
}

/// Things that people do, so that what they typed stands in mails and in the access log too.
async fn live_a_day(app: &TestApp, by: &Caller) {
    let portal = &app.portal;
    let scope = by.actor().unwrap().memberships.first().unwrap().scope;
    sites::actions::create_deployment(portal, by, scope.organisation, MARKUP).await.unwrap();
    let draft = RoleDraft { name: SHORT.replace("7*7", "8*8"), permissions: Default::default() };
    let role = roles::actions::create_role(portal, by, scope, &draft).await.unwrap().key;
    let query = staff::actions::Query::default();
    let people = staff::actions::list_staff(portal, by, scope, &query, 200).await.unwrap().rows;
    let others: Vec<_> = people.iter().filter(|row| row.role != "admin" && row.email != ADMIN).collect();
    let ids: Vec<_> = others.iter().map(|row| row.membership).collect();
    staff::actions::change_roles(portal, by, scope, &ids[..1], role).await.unwrap();
    staff::actions::set_ends(portal, by, scope, &ids[1..2], Some(portal.now().plus(Duration::from_secs(86_400))))
        .await
        .unwrap();
    staff::actions::reset_second_factor(portal, by, scope, ids[2], MARKUP).await.unwrap();
    staff::actions::send_reset_link(portal, by, scope, ids[2]).await.unwrap();
    staff::actions::remove_from_team(portal, by, scope, &ids[3..4]).await.unwrap();
    let batch = NewBatch {
        scope,
        role,
        window: Window::Week,
        access_from: None,
        access_until: None,
        texts: vec![format!("{SHORT} <markup@northfield.example>"), "plain@northfield.example".to_owned()],
        confirmed: vec!["markup@northfield.example".to_owned(), "plain@northfield.example".to_owned()],
        note: MARKUP.to_owned(),
        request_key: portal.new_id::<kind::Batch>().to_string(),
    };
    let answer = invitations::invite_staff(portal, by, batch).await.unwrap();
    let sent: Vec<_> = answer.sent.iter().map(|row| row.invitation).collect();
    invitations::resend_invitations(portal, by, scope, &sent[..1]).await.unwrap();
    let lines = ["one@northfield.example", "not an address <img>"].iter().enumerate();
    let lines = lines.map(|(n, text)| Line { number: n + 1, text: (*text).to_owned(), ..Line::default() });
    let new = NewPlan {
        scope,
        title: MARKUP.to_owned(),
        note: MARKUP.to_owned(),
        role: "contributor".to_owned(),
        deployment: None,
        window: Window::Week,
        access_until: None,
        lines: lines.collect(),
        unused: vec![MARKUP.to_owned()],
        request_key: portal.new_id::<kind::Plan>().to_string(),
    };
    plans::actions::make_plan(portal, by, new).await.unwrap();
    let due = portal.now().plus(Duration::from_secs(86_400));
    reviews::actions::start_review(portal, by, scope, due).await.unwrap();
}

async fn watched() -> Browser {
    let browser = Browser::open(Options::default()).await;
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": WATCH })).await;
    browser
}

async fn sign_in(browser: &Browser, app: &TestApp, email: &str) {
    browser.goto(&format!("{}/sign-in", app.url)).await;
    browser.fill("#email", email).await;
    browser.fill("#password", demo::PASSWORD).await;
    browser.click("form.stack .primary").await;
    browser.wait_text("One more proof").await;
    browser.fill("#code", &app.code_of(email).await).await;
    browser.click("form.stack .primary").await;
    browser.wait_for(".bar-end summary").await;
}

/// An address without what tells one thing of a kind from another: two of each kind are enough.
fn shape(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let parts = path.split('/').map(|part| if part.contains('_') { part.split('_').next().unwrap() } else { part });
    let mut names: Vec<_> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
    names.sort_unstable();
    names.dedup();
    format!("{}?{}", parts.collect::<Vec<_>>().join("/"), names.join("&"))
}

/// What is wrong with the page that is open; and how often the text is shown.
async fn judge(browser: &Browser, what: &str, wrong: &mut Vec<String>) -> i64 {
    let script = FOUND.replace("arguments[0] ?? MARK", "MARK").replace("MARK", &json!(MARK).to_string());
    let found = browser.eval(&script).await;
    let clean = found["hit"] == false
        && found["counted"] == false
        && found["reported"] == json!([])
        && found["foreign"] == json!([]);
    let said = complaints(browser).await;
    if !clean || !said.is_empty() {
        wrong.push(format!("{what}: {found:#} {said:?}"));
    }
    found["shown"].as_i64().unwrap()
}

/// Opens every menu, and asks every question that a button asks before it does something.
async fn open_everything(browser: &Browser) {
    let press = "document.querySelectorAll('details').forEach((it) => { it.open = true; });
        for (const box of document.querySelectorAll('tbody .tick input')) box.click();
        const asked = new Set();
        for (const button of document.querySelectorAll('[data-ask]')) {
          const kind = button.dataset.ask + button.dataset.askMany;
          if (asked.has(kind) || button.disabled) continue;
          asked.add(kind);
          button.click();
        }";
    browser.eval(press).await;
}

/// Opens every page to which a link leads, from the first one on.
async fn see_all(browser: &Browser, app: &TestApp, wrong: &mut Vec<String>) -> BTreeMap<String, i64> {
    let mut seen: BTreeMap<String, i64> = BTreeMap::new();
    let mut met = BTreeSet::new();
    let mut queue = VecDeque::from([
        "/".to_owned(),
        "/profile".to_owned(),
        "/prove".to_owned(),
        "/second-factor/set-up".to_owned(),
    ]);
    let mut often: BTreeMap<String, usize> = BTreeMap::new();
    while let Some(path) = queue.pop_front() {
        let kind = shape(&path);
        let times = often.entry(kind.clone()).or_default();
        if !met.insert(path.clone()) || *times >= 2 {
            continue;
        }
        *times += 1;
        browser.goto(&format!("{}{path}", app.url)).await;
        let links = browser.eval("return [...document.links].filter((it) => it.origin === location.origin && !it.hasAttribute('download')).map((it) => it.pathname + it.search)").await;
        for link in links.as_array().unwrap().iter().filter_map(Value::as_str) {
            let file = [".csv", ".json"].iter().any(|end| link.split('?').next().unwrap().ends_with(end));
            if !file && !link.starts_with("/api/") && !link.starts_with("/assets/") {
                queue.push_back(link.to_owned());
            }
        }
        open_everything(browser).await;
        let shown = judge(browser, &path, wrong).await;
        *seen.entry(kind).or_default() += shown;
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn web_03_stored_markup_is_text_on_every_page() {
    let app = TestApp::start(Database::Sqlite).await;
    demo::fill(&app.portal, 12).await.unwrap();
    with_keys(&app).await;
    poison(&app).await;
    let admin = act_from_terminal(&app.portal, ADMIN).await.unwrap();
    live_a_day(&app, &admin).await;
    app.send_mail().await;
    poison(&app).await;
    let mut wrong = Vec::new();

    let browser = watched().await;
    sign_in(&browser, &app, ADMIN).await;
    let seen = see_all(&browser, &app, &mut wrong).await;
    let with_text: Vec<_> = seen.iter().filter(|(_, shown)| **shown > 0).map(|(kind, _)| kind.as_str()).collect();
    for kind in [
        "/org/staff?",
        "/org/invitations?",
        "/org/roles?",
        "/org/access-log?",
        "/org/plans?",
        "/org/review?",
        "/org/settings?",
        "/dep/patients?",
        "/profile?",
    ] {
        assert!(with_text.contains(&kind), "{kind} shows what was typed: {seen:#?}");
    }
    assert!(seen.len() >= 25, "every page there is: {seen:#?}");

    // What script builds: chips of addresses, the window, the question about unsent ones.
    let scope = admin.actor().unwrap().memberships.first().unwrap().scope;
    browser.goto(&format!("{}{}/staff", app.url, scope.path())).await;
    browser.click(".title-end summary").await;
    browser.click(".title-end .panel a").await;
    browser.wait_for("dialog #addresses").await;
    let typed = [
        "\"><img/src=x/onerror=hit=1>@northfield.example",
        "<script>hit=1</script>",
        "javascript:hit=1//@northfield.example",
    ];
    type_addresses(&browser, &typed).await;
    browser.wait_for(".chip.refused").await;
    judge(&browser, "chips", &mut wrong).await;
    browser.press(None, keys::ESCAPE).await;
    browser.wait_text("Leave without sending?").await;
    judge(&browser, "the question about what is unsent", &mut wrong).await;
    assert!(wrong.is_empty(), "{} findings\n{}", wrong.len(), wrong.join("\n"));
    // And such a thing would have been noticed.
    let plant = "const it = document.createElement('img'); it.src = 'x'; document.body.append(it); it.setAttribute('onerror', 'hit=1')";
    browser.eval(&format!("try {{ {plant} }} catch {{}}")).await;
    judge(&browser, "planted", &mut wrong).await;
    assert!(std::mem::take(&mut wrong).concat().contains("require-trusted-types-for"));
    browser.close().await;

    let accounts = demo::accounts(&app.portal).await.unwrap();
    let contributor = accounts.iter().find(|account| account[0] == "Contributor").unwrap();
    let browser = watched().await;
    sign_in(&browser, &app, &contributor[1]).await;
    let seen = see_all(&browser, &app, &mut wrong).await;
    assert!(seen.len() >= 4 && seen.values().sum::<i64>() > 0, "{seen:#?}");
    for path in ["staff", "invitations", "roles", "settings", "access-log", "review", "plans"] {
        browser.goto(&format!("{}{}/{path}", app.url, scope.path())).await;
        judge(&browser, path, &mut wrong).await;
    }
    assert!(wrong.is_empty(), "{} findings\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn web_03_stored_markup_is_text_in_every_mail() {
    let app = TestApp::start(Database::Sqlite).await;
    demo::fill(&app.portal, 5).await.unwrap();
    let sent = |app: &TestApp| std::fs::read_dir(app.portal.config.mail_folder()).map_or(0, |folder| folder.count());
    app.send_mail().await;
    let before = sent(&app);
    poison(&app).await;
    live_a_day(&app, &act_from_terminal(&app.portal, ADMIN).await.unwrap()).await;
    app.send_mail().await;
    assert!(sent(&app) >= before + 6, "{} mails", sent(&app) - before);
    let mut shown = 0;
    for file in std::fs::read_dir(app.portal.config.mail_folder()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let mail = MessageParser::default().parse(&bytes).unwrap();
        let html = mail.html_part(0).and_then(|part| part.text_contents()).unwrap();
        for raw in ["<img", "<script", "<svg", "</textarea", "javascript:"] {
            assert!(!html.to_lowercase().contains(raw), "{raw} in {html}");
        }
        shown += usize::from(html.contains("onerror"));
        let head = String::from_utf8_lossy(&bytes).split("\r\n\r\n").next().unwrap().to_owned();
        assert!(head.lines().all(|line| !line.to_lowercase().starts_with("bcc")), "{head}");
    }
    assert!(shown >= 6, "what was typed is told, as text: {shown}");
}
