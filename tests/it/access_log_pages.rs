//! The access log as it is read: the page, its filters, its files, the API, and how somebody got a right.

use care_portal::{
    access::{DefaultRole, PermissionSet, RoleKey, Scope},
    audit::Event,
    op::Op,
    roles::{self, RoleDraft},
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    access_log::{invite_more, seal},
    on_both,
    support::app::{Database, TestApp},
};

const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);

fn log(scope: Scope) -> String {
    format!("{}/access-log", scope.path())
}

/// The sentences on a page, in order.
fn sentences(page: &str) -> Vec<String> {
    page.split("class=\"what\">").skip(1).map(|rest| rest.split("</span>").next().unwrap().to_owned()).collect()
}

fn next(page: &str) -> Option<String> {
    let link = page.split("rel=\"next\" href=\"").nth(1)?.split('"').next()?;
    Some(link.replace("&#38;", "&").replace("&amp;", "&"))
}

/// Writes an event as a colleague's action would.
async fn record(app: &TestApp, action: &'static str, subject: &str, scope: Scope, detail: Value) {
    let mut op = Op::begin(&app.portal, &app.admin_caller().await).await.unwrap();
    op.record(Event::done(action, subject, scope, detail));
    op.commit().await.unwrap();
    app.advance(std::time::Duration::from_secs(1));
}

async fn account(app: &TestApp, email: &str) -> String {
    use sea_orm::{ConnectionTrait, Statement};
    let db = app.portal.db.reader();
    let sql = format!("SELECT id FROM accounts WHERE email_key = '{email}'");
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap().unwrap();
    format!("acc_{}", row.try_get_by_index::<uuid::Uuid>(0).unwrap().simple())
}

on_both! {
    async fn the_page_says_who_did_what_where_and_how_it_ended(app: &TestApp) {
        let admin = app.admin().await;
        admin.invite(app.cardiology, "pat@northfield.example", "deployment_staff", &[]).await;
        let priya = app.default(DefaultRole::AccessController, app.cardiology).await;
        priya.invite(app.cardiology, "eve@northfield.example", "admin", &[]).await;
        let page = admin.page(&log(app.cardiology)).await;
        assert!(sentences(&page).contains(&"Ada Okafor invited pat@northfield.example as Deployment Staff".to_owned()), "{page}");
        assert!(page.contains("only an Admin may give the role Admin") && page.contains("</svg>Refused"), "{page}");
        assert!(page.contains("127.0.0.1") && page.contains("Not sealed yet"));
        seal(app).await;
        assert!(!admin.page(&log(app.cardiology)).await.contains("Not sealed yet"));
        let staff = app.default(DefaultRole::DeploymentStaff, app.cardiology).await;
        let refused = staff.get(&log(app.cardiology)).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        assert!(!staff.page(&format!("{}/patients", app.cardiology.path())).await.contains("access-log"), "nor is it offered");
        assert!(admin.page(&format!("{}/staff", app.cardiology.path())).await.contains("access-log"));
        assert!(sentences(&admin.page(&log(app.cardiology)).await).iter().any(|text| text.contains("tried what needs “View access log” in Cardiology")));
    }

    async fn every_event_comes_once_from_page_to_page_and_back(app: &TestApp) {
        invite_more(app, 0, 120).await;
        let admin = app.admin().await;
        let total = app.count("SELECT COUNT(*) FROM events WHERE deployment_id IS NOT NULL").await;
        let mut path = log(app.cardiology);
        let (mut seen, mut pages) = (Vec::new(), Vec::new());
        loop {
            let page = admin.page(&path).await;
            seen.extend(sentences(&page));
            pages.push(page);
            match next(pages.last().unwrap()) {
                Some(more) => path = more,
                None => break,
            }
        }
        assert_eq!(i64::try_from(seen.len()).unwrap() + 1, total, "all but the other deployment's own event");
        let back = pages[1].split("rel=\"prev\" href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
        assert_eq!(sentences(&admin.page(&back).await), sentences(&pages[0]));
    }

    async fn filters_narrow_and_say_so(app: &TestApp) {
        app.person("wren", STAFF, app.cardiology).await;
        app.person("olu", STAFF, app.cardiology).await;
        let admin = app.admin().await;
        let list = log(app.organisation);
        let of_wren = sentences(&admin.page(&format!("{list}?person=WREN")).await);
        assert!(of_wren.iter().all(|text| text.contains("wren")) && of_wren.len() >= 5, "{of_wren:?}");
        assert!(of_wren.contains(&"Ada Okafor invited wren@northfield.example as Deployment Staff".to_owned()), "also as invited: {of_wren:?}");
        let id = account(app, "wren@northfield.example").await;
        let page = admin.page(&format!("{list}?person={id}")).await;
        assert_eq!(sentences(&page), of_wren);
        assert!(page.contains("Person: wren Example") && page.contains("Clear all"));
        let invited = sentences(&admin.page(&format!("{list}?action=invitation.sent")).await);
        assert_eq!(invited.len(), 3);
        let both = sentences(&admin.page(&format!("{list}?action=invitations&person=olu")).await);
        assert!(both.len() == 2 && both.iter().all(|text| text.contains("olu")), "{both:?}");
        assert_eq!(sentences(&admin.page(&format!("{list}?outcome=refused")).await), Vec::<String>::new());
        // The test's clock stands on 21 September 2026, a summer's day in London.
        assert!(!sentences(&admin.page(&format!("{list}?since=2026-09-21&until=2026-09-21")).await).is_empty());
        for none in ["since=2026-09-22", "until=2026-09-20", "person=nobody", "action=door.painted", "person=%25"] {
            let page = admin.page(&format!("{list}?{none}")).await;
            assert!(page.contains("Nothing in the access log fits this filter"), "{none}");
        }
        for bad in ["since=yesterday", "outcome=x", "action=%27"] {
            let answer = admin.get(&format!("{list}?{bad}")).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
            assert!(answer.text().await.unwrap().contains("field-error"), "{bad}");
        }
    }

    async fn other_places_never_appear(app: &TestApp) {
        app.person("inside", STAFF, app.cardiology).await;
        app.person("outside", STAFF, app.diabetes).await;
        let terminal = care_portal::op::Caller::Portal(care_portal::access::Origin::default());
        let mut op = Op::begin(&app.portal, &terminal).await.unwrap();
        let other = care_portal::sites::actions::create_organisation(&mut op, "Elsewhere", "Europe/London", Vec::new()).await.unwrap();
        op.commit().await.unwrap();
        let here = app.person("here", RoleKey::Default(DefaultRole::Admin), app.cardiology).await;
        for path in ["access-log", "access-log.csv", "access-log.json", "access-log?person=outside", "access-log?action=organisation", "access-log?outcome=done"] {
            let text = here.page(&format!("{}/{path}", app.cardiology.path())).await;
            let told = text.replace("value=\"outside\"", "").replace("Person: outside", "").replace("person=outside", "");
            assert!(!told.contains("outside") && !text.contains("Elsewhere") && !text.contains("Diabetes"), "{path}: {text}");
        }
        let (_, answer) = here.json("GET", &format!("/api/v1/scopes/{}/access-log?limit=200", app.cardiology), None).await;
        assert!(answer.to_string().contains("inside@") && !answer.to_string().contains("outside@"));
        let whole = app.admin().await.page(&format!("{}?action=staff", log(app.organisation))).await;
        assert!(whole.contains("inside") && whole.contains("outside") && !whole.contains("Elsewhere"));
        let outside = account(app, "outside@northfield.example").await;
        for path in [log(app.diabetes), log(app.organisation), format!("/{}/access-log", other.id), format!("{}/why/{outside}", log(app.cardiology))] {
            assert_eq!(here.get(&path).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    async fn the_files_hold_what_the_filter_shows_and_say_that_they_were_made(app: &TestApp) {
        invite_more(app, 0, 600).await;
        seal(app).await;
        let admin = app.admin().await;
        let filter = "?action=invitation.sent&outcome=done";
        let answer = admin.get(&format!("{}.csv{filter}", log(app.organisation))).await;
        assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"access-log.csv\"");
        let text = answer.text().await.unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let heads = reader.headers().unwrap().clone();
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 601);
        let column = |name: &str| heads.iter().position(|head| head == name).unwrap();
        let mut sequences: Vec<i64> = rows.iter().map(|row| row[column("sequence")].parse().unwrap()).collect();
        assert_eq!(rows[0][column("hash")].len(), 64);
        sequences.dedup();
        assert!(sequences.len() == 601 && rows[0][column("time")].ends_with('Z'));
        let json: Vec<Value> = serde_json::from_str(&admin.page(&format!("{}.json{filter}", log(app.organisation))).await).unwrap();
        assert_eq!(json.len(), 601);
        assert_eq!(json[5]["sequence"].to_string(), rows[5][column("sequence")].to_string());
        let events: Vec<Value> = serde_json::from_str(&admin.page(&format!("{}.json?action=access_log.exported", log(app.organisation))).await).unwrap();
        assert_eq!(events.len(), 2);
        assert_eq!(events[1]["detail"]["action"], "invitation.sent");
        let empty = admin.page(&format!("{}.json?person=nobody", log(app.organisation))).await;
        assert_eq!(serde_json::from_str::<Value>(&empty).unwrap(), json!([]));
        let staff = app.default(DefaultRole::DeploymentStaff, app.cardiology).await;
        assert_eq!(staff.get(&format!("{}.csv", log(app.cardiology))).await.status(), StatusCode::FORBIDDEN);
    }

    async fn names_that_bite_are_harmless_everywhere(app: &TestApp) {
        let bite = "=HYPERLINK(\"http://x\")\n<script>alert(1)</script>\u{1b}[31m";
        record(app, "role.created", "rol_00000000000000000000000000000001", app.cardiology, json!({ "name": bite, "added": ["view_staff"] })).await;
        app.execute(&format!("UPDATE accounts SET name = '=cmd|{}'", "<b>\u{1b}")).await;
        let admin = app.admin().await;
        let page = admin.page(&log(app.cardiology)).await;
        assert!(!page.contains("<script>alert") && !page.contains("<b>\u{1b}") && page.contains("&#60;script&#62;"), "{page}");
        let text = admin.page(&format!("{}.csv", log(app.cardiology))).await;
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        for row in reader.records().map(Result::unwrap) {
            assert!(row.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r'])), "{row:?}");
        }
        let (_, answer) = admin.json("GET", &format!("/api/v1/scopes/{}/access-log?action=roles", app.cardiology), None).await;
        assert_eq!(answer["events"][0]["detail"]["name"], bite);
        assert!(!answer["events"][0]["what"].as_str().unwrap().contains(['\n', '\u{1b}']));
    }

    async fn programs_read_page_by_page(app: &TestApp) {
        invite_more(app, 0, 30).await;
        let admin = app.admin().await;
        let list = format!("/api/v1/scopes/{}/access-log?action=invitation.sent&limit=7", app.cardiology);
        let (mut path, mut seen) = (list.clone(), Vec::new());
        loop {
            let (status, answer) = admin.json("GET", &path, None).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
            seen.extend(answer["events"].as_array().unwrap().iter().map(|event| event["event"].to_string()));
            match answer["next"].as_str() {
                Some(from) => path = format!("{list}&from={from}"),
                None => break,
            }
        }
        seen.dedup();
        assert_eq!(seen.len(), 30);
        assert_eq!(admin.json("GET", &format!("{list}&since=x"), None).await.0, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(admin.json("GET", &format!("{list}&nonsense=x"), None).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    }

    async fn a_right_is_followed_back_to_the_set_up(app: &TestApp) {
        let step = std::time::Duration::from_secs(60);
        app.advance(step);
        app.person("cora", app.coordinator, app.organisation).await;
        app.advance(step);
        let cora = care_portal::identity::actions::act_from_terminal(&app.portal, "cora@northfield.example").await.unwrap();
        // A role of the hospital's own that hands on no more than it has.
        let draft = RoleDraft { name: "Reader".to_owned(), permissions: PermissionSet::EMPTY };
        let reader = roles::actions::create_role(&app.portal, &app.admin_caller().await, app.organisation, &draft).await.unwrap();
        let invitation = app.invite(&cora, app.cardiology, reader.key, "pat@northfield.example").await;
        app.advance(step);
        let pat = app.visitor();
        pat.post("/join", &[("code", &app.code(invitation, 1))]).await;
        pat.post("/join/accept", &[("invitation", &invitation.to_string()), ("full_name", "Pat Example"), ("password", crate::support::app::PASSWORD)]).await;
        let account = account(app, "pat@northfield.example").await;
        let admin = app.admin().await;
        let (status, answer) = admin.json("GET", &format!("/api/v1/scopes/{}/access-log/why/{account}", app.cardiology), None).await;
        assert_eq!(status, StatusCode::OK);
        let right = &answer["rights"][0];
        assert_eq!(right["right"], "Pat Example is Reader in Cardiology");
        let steps: Vec<&str> = right["steps"].as_array().unwrap().iter().map(|step| step["what"].as_str().unwrap()).collect();
        assert_eq!(steps, [
            "cora Example invited Pat Example as Reader in Cardiology",
            "Ada Okafor invited cora Example as Ward Coordinator in the whole organisation",
            "The portal's own set-up at the terminal invited Ada Okafor as Admin in the whole organisation",
        ]);
        assert_eq!(right["steps"][2]["beginning"], true);
        let made = right["steps"][0]["role_history"][0]["what"].as_str().unwrap();
        assert!(made.starts_with("Ada Okafor made the role Reader (added: View patient data"), "{made}");
        let made = right["steps"][1]["role_history"][0]["what"].as_str().unwrap();
        assert!(made.starts_with("Ada Okafor made the role Ward Coordinator (added: View patient data, View staff in organisation, Invite staff members"), "{made}");
        let page = admin.page(&format!("{}/why/{account}", log(app.cardiology))).await;
        assert!(page.contains("Pat Example is Reader in Cardiology") && page.contains("Here it begins"), "{page}");
        // A role changed later, and then the access ended.
        let membership = format!("mem_{}", uuid::Uuid::from_u128(7).simple());
        let joined = json!({ "membership": membership, "role": "deployment_staff", "role_name": "Deployment Staff", "granted_by": null });
        record(app, "membership.begun", &account, app.diabetes, joined).await;
        record(app, "membership.role_changed", &account, app.diabetes, json!({ "membership": membership, "from": "deployment_staff", "to": "admin", "to_name": "Admin" })).await;
        let path = format!("/api/v1/scopes/{}/access-log/why/{account}", app.organisation);
        let (_, answer) = admin.json("GET", &path, None).await;
        let changed = answer["rights"].as_array().unwrap().iter().find(|right| right["right"] == "Pat Example is Admin in Diabetes Care").unwrap();
        assert_eq!(changed["steps"][0]["what"], "Ada Okafor changed Pat Example's role to Admin in Diabetes Care");
        record(app, "membership.ended", &account, app.diabetes, json!({ "membership": membership, "role": "admin", "reason": "left" })).await;
        let (_, answer) = admin.json("GET", &path, None).await;
        assert_eq!(answer["rights"].as_array().unwrap().len(), 1, "what ended is not shown while something holds");
        // Whoever may read the deployment's log only sees no further than that.
        let here = app.person("here", RoleKey::Default(DefaultRole::Admin), app.cardiology).await;
        let (_, answer) = here.json("GET", &format!("/api/v1/scopes/{}/access-log/why/{account}", app.cardiology), None).await;
        let last = answer["rights"][0]["steps"].as_array().unwrap().last().unwrap()["what"].as_str().unwrap().to_owned();
        assert!(last.contains("whole organisation"), "{last}");
    }

    async fn what_happened_keeps_the_address_that_it_happened_to(app: &TestApp) {
        app.default(DefaultRole::AccessController, app.organisation).await;
        let controller = care_portal::identity::actions::act_from_terminal(&app.portal, "access_controller@northfield.example").await.unwrap();
        let id = app.invite(&controller, app.cardiology, STAFF, "petra@northfield.example").await;
        let admin = app.admin_caller().await;
        let query = care_portal::staff::actions::Query { search: "access_controller".to_owned(), ..Default::default() };
        let found = care_portal::staff::actions::list_staff(&app.portal, &admin, app.organisation, &query, 1).await.unwrap();
        care_portal::staff::actions::remove_from_team(&app.portal, &admin, app.organisation, &[found.rows[0].membership]).await.unwrap();
        care_portal::invitations::actions::correct_invitation(&app.portal, &admin, app.cardiology, id, "petra.lang@northfield.example").await.unwrap();
        let told = sentences(&app.admin().await.page(&log(app.cardiology)).await);
        for expected in ["The invitation of petra@northfield.example was held", "Ada Okafor corrected the invited address petra@northfield.example to petra.lang@northfield.example"] {
            assert!(told.iter().any(|sentence| sentence == expected), "{expected}: {told:?}");
        }
    }

    async fn circles_and_gaps_in_the_log_are_said(app: &TestApp) {
        app.person("one", STAFF, app.cardiology).await;
        app.person("two", STAFF, app.cardiology).await;
        let (one, two) = (account(app, "one@northfield.example").await, account(app, "two@northfield.example").await);
        let admin = app.admin().await;
        for (who, by, n) in [(&one, &two, 1_u128), (&two, &one, 2)] {
            let membership = format!("mem_{}", uuid::Uuid::from_u128(n).simple());
            let detail = json!({ "membership": membership, "role": "admin", "granted_by": by, "invitation": format!("inv_{}", uuid::Uuid::from_u128(n).simple()) });
            record(app, "membership.begun", who, app.cardiology, detail).await;
        }
        let (status, answer) = admin.json("GET", &format!("/api/v1/scopes/{}/access-log/why/{one}", app.cardiology), None).await;
        assert_eq!(status, StatusCode::OK);
        let text = answer.to_string();
        assert!(text.contains("The log does not say") || text.contains("The log has no invitation"), "{text}");
    }
}

/// Every action that the code writes is found where its words are, so that nobody reads a bare word in the log.
#[test]
fn every_action_that_is_written_has_words() {
    let mut missing = std::collections::BTreeSet::new();
    for file in crate::matrix::walk("src") {
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for part in code.split('"').skip(1).step_by(2) {
            let is_action = part.split_once('.').is_some_and(|(kind, what)| {
                ["invitation", "batch", "membership", "role", "review", "account", "session", "api_key", "access_log"]
                    .contains(&kind)
                    && !["", "html"].contains(&what)
                    && what.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            });
            if is_action && care_portal::audit::words::of(part).is_none() {
                missing.insert(part.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "no words for {missing:?}");
}
