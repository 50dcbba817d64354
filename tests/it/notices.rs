//! Security mail: what is told to whom, and what "This was not me" does.

use std::time::Duration;

use care_portal::{
    access::{DefaultRole, RoleKey},
    identity::{NoticeKind, actions::notices::notify},
    op::Op,
    reviews::{self, Mark},
    staff,
    types::MembershipId,
};
use reqwest::StatusCode;
use serde_json::json;

use crate::{
    on_both,
    reset::{code_for, code_in, mail_that, open},
    support::app::{Database, PASSWORD, Person, TestApp, location},
};

const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);
const CONTRIBUTOR: RoleKey = RoleKey::Default(DefaultRole::Contributor);
const BEN: &str = "ben@northfield.example";

async fn make_key(app: &TestApp, person: &Person) -> String {
    let form = [("name", "Roster"), ("scope", &app.cardiology.to_string()), ("permissions", "view_patient_data")];
    let page = person.post("/profile/api-keys", &form).await.text().await.unwrap();
    let start = page.find("cpk_").unwrap();
    page[start..].split(['"', '<']).next().unwrap().to_owned()
}

async fn key_works(app: &TestApp, key: &str) -> bool {
    let url = format!("{}/api/v1/scopes/{}/staff", app.url, app.cardiology);
    app.visitor().client.get(url).bearer_auth(key).send().await.unwrap().status() != StatusCode::UNAUTHORIZED
}

async fn membership(app: &TestApp, email: &str, n: usize) -> MembershipId {
    let sql = format!("SELECT id FROM memberships WHERE email_key = '{email}' ORDER BY id LIMIT 1 OFFSET {n}");
    MembershipId::from_uuid(app.uuid(&sql).await)
}

async fn mails(app: &TestApp, kind: &str) -> i64 {
    app.count(&format!("SELECT COUNT(*) FROM mails WHERE kind = '{kind}'")).await
}

/// The code of the mail to Ben that begins so.
async fn code(app: &TestApp, begins: &str) -> String {
    app.send_mail().await;
    code_in(&mail_that(app, BEN, begins), "cpn1_")
}

async fn press(person: &Person, page: &str) -> reqwest::Response {
    let notice = page.split("name=\"notice\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    person.post("/not-me/secure", &[("notice", notice)]).await
}

/// Tells Ben of something of this kind, as the room that does it would.
async fn tell(app: &TestApp, kind: NoticeKind, detail: serde_json::Value) {
    let admin = app.admin_caller().await;
    let account = care_portal::types::AccountId::from_uuid(
        app.uuid(&format!("SELECT id FROM accounts WHERE email_key = '{BEN}'")).await,
    );
    let mut op = Op::begin(&app.portal, &admin).await.unwrap();
    notify(&mut op, account, kind, detail).await.unwrap();
    op.commit().await.unwrap();
}

on_both! {
    async fn a_key_is_told_with_when_and_from_where(app: &TestApp) {
        let ben = app.person("ben", STAFF, app.cardiology).await;
        let form = [("name", "Roster"), ("scope", &app.cardiology.to_string()), ("permissions", "view_patient_data")];
        let firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0";
        let made = ben.client.post(format!("{}/profile/api-keys", app.url)).header("sec-fetch-site", "same-origin").header("user-agent", firefox);
        assert!(made.form(&form).send().await.unwrap().status().is_success());
        app.send_mail().await;
        let mail = mail_that(app, BEN, "An API key was made – Care Portal, Northfield Hospital");
        for expected in ["“Roster”", "Cardiology, Northfield Hospital", "127.0.0.1, Firefox on Windows", "September 2026", "BST", &format!("{}/not-me#cpn1_", app.url)] {
            assert!(mail.contains(expected), "{expected}\n{mail}");
        }
        assert_eq!(app.mails_to(BEN).iter().filter(|mail| mail.contains("cpn1_")).count(), 1);
    }

    async fn a_changed_role_is_told_once_a_person_with_every_place(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        app.person("wren", STAFF, app.cardiology).await;
        let admin = app.admin_caller().await;
        let also = app.invite(&admin, app.diabetes, STAFF, BEN).await;
        let ben = app.sign_in(BEN).await;
        ben.post("/join", &[("code", &app.code(also, 1))]).await;
        ben.post("/join/accept", &[("invitation", &also.to_string())]).await;
        let ids = [membership(app, BEN, 0).await, membership(app, BEN, 1).await, membership(app, "wren@northfield.example", 0).await];
        let changes = staff::actions::change_roles(&app.portal, &admin, app.organisation, &ids, CONTRIBUTOR).await.unwrap();
        assert_eq!(changes.done.len(), 3);
        assert_eq!(mails(app, "security_notice").await, 2, "one a person");
        app.send_mail().await;
        let mail = mail_that(app, BEN, "Your role was changed");
        for place in ["Cardiology", "Diabetes Care"] {
            let told = format!("Ada Okafor changed your role in {place}, Northfield Hospital from Deployment Staff to Contributor.");
            assert!(mail.contains(&told), "{told}\n{mail}");
        }
        assert!(!mail.contains("terminal") && !mail.contains("From where"), "from where a manager did it is theirs");
        // Nothing changes, and nobody is told.
        staff::actions::change_roles(&app.portal, &admin, app.organisation, &ids, CONTRIBUTOR).await.unwrap();
        assert_eq!(mails(app, "security_notice").await, 2);
        staff::actions::undo_change(&app.portal, &admin, app.organisation, changes.at).await.unwrap();
        assert_eq!(mails(app, "security_notice").await, 4);
    }

    async fn ended_access_is_told_to_those_who_have_none_any_more(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let admin = app.admin_caller().await;
        let id = membership(app, BEN, 0).await;
        staff::actions::remove_from_team(&app.portal, &admin, app.cardiology, &[id]).await.unwrap();
        app.send_mail().await;
        let mail = mail_that(app, BEN, "Your access was ended");
        assert!(mail.contains("Ada Okafor ended your access to Cardiology, Northfield Hospital as Deployment Staff."), "{mail}");
        let code = code_in(&mail, "cpn1_");
        let (_, page) = open(&app.visitor(), "/not-me", &code).await;
        assert!(page.contains("I did not expect it") && !page.contains("mailed to you"), "{page}");
        let person = app.visitor();
        let (_, page) = open(&person, "/not-me", &code).await;
        assert_eq!(location(&press(&person, &page).await), "/not-me");
        assert!(person.page("/not-me").await.contains("has no access at the moment"));
        assert_eq!((mails(app, "password_reset").await, mails(app, "disowned").await), (0, 1));
    }

    async fn a_review_tells_everybody_whom_it_removes(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        app.person("wren", STAFF, app.cardiology).await;
        let admin = app.admin_caller().await;
        reviews::actions::start_review(&app.portal, &admin, app.cardiology, app.portal.now().plus(Duration::from_secs(86_400))).await.unwrap();
        let mut marks = Vec::new();
        for word in ["ben", "wren"] {
            marks.push((membership(app, &format!("{word}@northfield.example"), 0).await, Mark::Remove));
        }
        reviews::actions::mark_access(&app.portal, &admin, app.cardiology, &marks).await.unwrap();
        reviews::actions::finish_review(&app.portal, &admin, app.cardiology).await.unwrap();
        assert_eq!(mails(app, "security_notice").await, 2);
    }

    async fn this_was_not_me_secures_the_account(app: &TestApp) {
        let ben = app.person("ben", STAFF, app.cardiology).await;
        let intruder = app.sign_in(BEN).await;
        let earlier = make_key(app, &ben).await;
        app.advance(Duration::from_secs(60));
        let later = make_key(app, &intruder).await;
        let patients = format!("{}/patients", app.cardiology.path());
        let code = code(app, "An API key was made").await;
        let open_link = code_for(app, BEN).await;
        let person = app.visitor();
        let (status, page) = open(&person, "/not-me", &code).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("It was not me: secure my account") && page.contains("An API key was made") && page.contains("127.0.0.1"), "{page}");
        assert_eq!(location(&press(&person, &page).await), "/not-me");
        let done = person.page("/not-me").await;
        assert!(done.contains("Your account is secured") && done.contains("Open the mail"), "{done}");
        for session in [&ben, &intruder] {
            assert!(location(&session.get(&patients).await).starts_with("/sign-in"));
        }
        for key in [&earlier, &later] {
            assert!(!key_works(app, key).await, "whoever says so does not know when the intruder came");
        }
        let right = app.visitor().post("/sign-in", &[("email", BEN), ("password", PASSWORD)]).await;
        let wrong = app.visitor().post("/sign-in", &[("email", BEN), ("password", "wrong wrong wrong")]).await;
        assert_eq!((right.status(), wrong.status()), (StatusCode::UNPROCESSABLE_ENTITY, StatusCode::UNPROCESSABLE_ENTITY));
        assert_eq!(right.text().await.unwrap(), wrong.text().await.unwrap(), "the right password answers like a wrong one");
        assert_eq!(open(&app.visitor(), "/reset", &open_link).await.0, StatusCode::GONE, "links of before are dead");

        let before = app.mails_to(BEN);
        app.send_mail().await;
        let mail = app.mails_to(BEN).into_iter().find(|mail| mail.contains("cpr1_") && !before.contains(mail)).unwrap();
        assert!(mail.contains("nobody can sign in with the old one"), "{mail}");
        let reset = code_in(&mail, "cpr1_");
        let person = app.visitor();
        let (_, page) = open(&person, "/reset", &reset).await;
        let id = page.split("name=\"reset\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(location(&person.post("/reset/password", &[("reset", id), ("password", PASSWORD)]).await), "/sign-in");
        app.sign_in(BEN).await;
        assert_eq!(app.events("account.disowned").await, 1);
        let log = app.admin().await.page(&format!("{}/access-log", app.organisation.path())).await;
        assert!(log.contains("said that something was not them: An API key was made"), "{log}");
    }

    async fn pressing_again_says_that_it_was_done(app: &TestApp) {
        let ben = app.person("ben", STAFF, app.cardiology).await;
        make_key(app, &ben).await;
        let code = code(app, "An API key was made").await;
        let person = app.visitor();
        let (_, page) = open(&person, "/not-me", &code).await;
        for _ in 0..3 {
            assert_eq!(location(&press(&person, &page).await), "/not-me");
            assert!(person.page("/not-me").await.contains("Your account is secured"));
        }
        assert_eq!((app.events("account.disowned").await, mails(app, "password_reset").await, mails(app, "disowned").await), (1, 1, 1));
        let at_once: Vec<_> = (0..8).map(|_| {
            let (portal, code) = (app.portal.clone(), care_portal::identity::NOTICE.parse(&code).unwrap());
            tokio::spawn(async move {
                care_portal::identity::actions::notices::disown(&portal, &care_portal::access::Origin::default(), Some(&code)).await.unwrap()
            })
        }).collect();
        for one in at_once {
            assert!(one.await.unwrap());
        }
        assert_eq!(app.events("account.disowned").await, 1);
    }

    async fn looking_changes_nothing_and_dead_links_look_alike(app: &TestApp) {
        let ben = app.person("ben", STAFF, app.cardiology).await;
        make_key(app, &ben).await;
        let good = code(app, "An API key was made").await;
        for _ in 0..20 {
            let (status, page) = open(&app.visitor(), "/not-me", &good).await;
            assert!(status == StatusCode::OK && page.contains("secure my account"));
        }
        assert_eq!(app.visitor().get("/not-me/secure").await.status(), StatusCode::METHOD_NOT_ALLOWED);
        let foreign = app.visitor().client.post(format!("{}/not-me/secure", app.url)).header("sec-fetch-site", "cross-site").form(&[("notice", "x")]);
        assert_eq!(foreign.send().await.unwrap().status(), StatusCode::FORBIDDEN);
        assert_eq!(ben.get("/profile").await.status(), StatusCode::OK);
        assert_eq!(app.count("SELECT COUNT(*) FROM notices WHERE disowned_at IS NOT NULL").await, 0);
        let mut guessed = good.clone();
        guessed.replace_range(60..=60, if &guessed[60..=60] == "A" { "B" } else { "A" });
        let (status, dead) = open(&app.visitor(), "/not-me", &guessed).await;
        assert!(status == StatusCode::GONE && !dead.contains("northfield.example"));
        app.advance(Duration::from_secs(30 * 24 * 3600 - 1));
        assert_eq!(open(&app.visitor(), "/not-me", &good).await.0, StatusCode::OK);
        let person = app.visitor();
        let (_, page) = open(&person, "/not-me", &good).await;
        app.advance(Duration::from_secs(1));
        assert_eq!(press(&person, &page).await.status(), StatusCode::GONE, "judged when it is pressed");
        assert_eq!(open(&app.visitor(), "/not-me", &good).await, (StatusCode::GONE, dead));
        assert_eq!(app.count("SELECT COUNT(*) FROM notices WHERE disowned_at IS NOT NULL").await, 0);
    }

    async fn those_who_manage_access_are_told_ten_at_most_and_not_more_than_is_theirs(app: &TestApp) {
        // Those who have been there longest are told.
        app.advance(Duration::from_secs(60));
        app.person("ben", RoleKey::Default(DefaultRole::Admin), app.organisation).await;
        for n in 0..11 {
            app.person(&format!("manager{n}"), RoleKey::Default(DefaultRole::AccessController), app.organisation).await;
        }
        app.person("local", RoleKey::Default(DefaultRole::Admin), app.cardiology).await;
        let (southfield, _) = app.second_organisation().await;
        let grace = care_portal::identity::actions::act_from_terminal(&app.portal, "grace@southfield.example").await.unwrap();
        let also = app.invite(&grace, southfield, STAFF, BEN).await;
        let ben = app.sign_in(BEN).await;
        ben.post("/join", &[("code", &app.code(also, 1))]).await;
        ben.post("/join/accept", &[("invitation", &also.to_string())]).await;
        make_key(app, &ben).await;
        let code = code(app, "An API key was made").await;
        let person = app.visitor();
        let (_, page) = open(&person, "/not-me", &code).await;
        press(&person, &page).await;
        assert_eq!(mails(app, "disowned").await, 10 + 1);
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE kind = 'disowned' AND recipient IN ('ben@northfield.example', 'local@northfield.example')").await, 0);
        app.send_mail().await;
        let own = mail_that(app, "ada@northfield.example", "ben Example says “This was not me”");
        assert!(own.contains("“Roster”") && own.contains("/access-log"), "{own}");
        let other = mail_that(app, "grace@southfield.example", "ben Example says “This was not me”");
        assert!(!other.contains("Roster") && !other.contains("Cardiology") && !other.contains("Northfield") && other.contains("Southfield"), "{other}");
        assert_eq!(app.events("account.disowned").await, 2, "each organisation reads of it");
    }

    async fn guesses_at_security_mail_are_counted(app: &TestApp) {
        let ben = app.person("ben", STAFF, app.cardiology).await;
        make_key(app, &ben).await;
        let good = code(app, "An API key was made").await;
        let mut guessed = good.clone();
        guessed.replace_range(60..=60, if &guessed[60..=60] == "A" { "B" } else { "A" });
        for _ in 0..50 {
            open(&app.visitor(), "/not-me", &guessed).await;
        }
        assert_eq!(open(&app.visitor(), "/not-me", &guessed).await.0, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(open(&app.visitor(), "/not-me", &good).await.0, StatusCode::OK, "whoever guesses takes nobody's link away");
    }
}

/// What each kind of mail says: subject and text, as a snapshot that a person can review.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_security_mail_says() {
    let app = TestApp::start(Database::Sqlite).await;
    app.person("ben", STAFF, app.cardiology).await;
    let detail = json!({
        "how": "profile", "by": "Priya Raman", "name": "Work laptop", "place": "Cardiology, Northfield Hospital", "left": 4,
        "reason": "Lost the phone on the train.",
        "changes": [{ "place": "Cardiology, Northfield Hospital", "from": "Deployment Staff", "to": "Contributor" }],
    });
    app.send_mail().await;
    let mut said = String::new();
    for kind in NoticeKind::all() {
        let before = app.mails_to(BEN);
        tell(&app, kind, detail.clone()).await;
        app.send_mail().await;
        let mail = app.mails_to(BEN).into_iter().find(|mail| !before.contains(mail)).unwrap();
        let code = code_in(&mail, "cpn1_");
        said.push_str(&format!("{}\n\n=====\n\n", mail.replace(&code, "CODE").replace(&app.url, "URL")));
    }
    let before = app.mails_to(BEN);
    let code = code_for(&app, BEN).await;
    let mail = app.mails_to(BEN).into_iter().find(|mail| !before.contains(mail)).unwrap();
    said.push_str(&mail.replace(&code, "CODE").replace(&app.url, "URL"));
    insta::assert_snapshot!(said.replace('\r', ""));
}
