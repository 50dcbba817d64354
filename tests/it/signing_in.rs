//! Signing in and out, landing by level, sessions and their limits, and the waits after failures.

use std::time::Duration;

use care_portal::access::{DefaultRole, RoleKey};
use reqwest::StatusCode;

use crate::{
    on_both,
    support::app::{Database, PASSWORD, TestApp, location},
};

on_both! {
    async fn everybody_lands_at_their_level(app: &TestApp) {
        let admin = app.admin().await;
        assert_eq!(location(&admin.get("/").await), app.organisation.path());
        let page = admin.page(&app.organisation.path()).await;
        assert!(page.contains("Cardiology") && page.contains("Diabetes Care") && page.contains("Pending staff invitations"));
        let wren = app.person("wren", RoleKey::Default(DefaultRole::DeploymentStaff), app.cardiology).await;
        assert_eq!(location(&wren.get("/").await), app.cardiology.path());
        let patients = format!("{}/patients", app.cardiology.path());
        assert_eq!(location(&wren.get(&app.cardiology.path()).await), patients);
        let page = wren.page(&patients).await;
        assert!(page.contains("Overview") && page.contains("All staff members") && !page.contains("Pending staff invitations"));
    }

    async fn the_page_that_was_asked_for_comes_after_signing_in(app: &TestApp) {
        let visitor = app.visitor();
        let asked = format!("{}/staff?q=ada", app.organisation.path());
        let sign_in = location(&visitor.get(&asked).await);
        assert!(sign_in.starts_with("/sign-in?next="), "{sign_in}");
        let answer = visitor.post("/sign-in", &[("email", "ADA@northfield.example "), ("password", PASSWORD), ("next", &asked)]).await;
        let second = location(&answer);
        assert!(second.starts_with("/sign-in/second-factor?next="), "{second}");
        let code = app.code_of("ada@northfield.example").await;
        let answer = visitor.post("/sign-in/second-factor", &[("code", &code), ("next", &asked)]).await;
        assert_eq!(location(&answer), asked);
        for foreign in ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"] {
            let visitor = app.visitor();
            let answer = visitor.post("/sign-in", &[("email", "ada@northfield.example"), ("password", PASSWORD), ("next", foreign)]).await;
            assert_eq!(location(&answer), "/sign-in/second-factor", "{foreign}");
            let code = app.code_of("ada@northfield.example").await;
            let answer = visitor.post("/sign-in/second-factor", &[("code", &code), ("next", foreign)]).await;
            assert_eq!(location(&answer), "/", "{foreign}");
        }
    }

    async fn unknown_and_wrong_answer_alike(app: &TestApp) {
        let mut answers = Vec::new();
        for (email, password) in [("ada@northfield.example", "wrong wrong wrong"), ("nobody@northfield.example", PASSWORD), ("no address", PASSWORD)] {
            let answer = app.visitor().post("/sign-in", &[("email", email), ("password", password)]).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
            answers.push(answer.text().await.unwrap().replace(email, "E"));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]));
        assert_eq!(app.events("session.refused").await, 3);
    }

    async fn failures_make_an_account_wait_and_are_not_forgotten(app: &TestApp) {
        for _ in 0..5 {
            app.visitor().post("/sign-in", &[("email", "ada@northfield.example"), ("password", "wrong wrong wrong")]).await;
        }
        let answer = app.visitor().post("/sign-in", &[("email", "ada@northfield.example"), ("password", PASSWORD)]).await;
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.headers()["retry-after"], "30");
        app.person("wren", RoleKey::Default(DefaultRole::DeploymentStaff), app.cardiology).await;
        app.advance(Duration::from_secs(31));
        app.sign_in("ada@northfield.example").await;
    }

    async fn both_limits_end_a_session_on_the_server(app: &TestApp) {
        let idle = app.admin().await;
        app.advance(Duration::from_secs(59 * 60));
        assert_eq!(location(&idle.get("/").await), app.organisation.path(), "59 minutes are fine");
        app.advance(Duration::from_secs(61 * 60));
        assert_eq!(location(&idle.get("/").await), "/sign-in");
        let busy = app.admin().await;
        for _ in 0..23 {
            app.advance(Duration::from_secs(30 * 60));
            assert_eq!(location(&busy.get("/").await), app.organisation.path());
        }
        app.advance(Duration::from_secs(31 * 60));
        assert_eq!(location(&busy.get("/").await), "/sign-in", "twelve hours are over");
    }

    async fn a_copied_cookie_is_dead_after_signing_out(app: &TestApp) {
        let admin = app.admin().await;
        let answer = admin.post("/sign-out", &[]).await;
        assert_eq!(location(&answer), "/sign-in");
        assert!(answer.headers().contains_key("clear-site-data"));
        assert_eq!(app.count("SELECT COUNT(*) FROM sessions").await, 1, "only the one from Ada's joining is left");
    }

    async fn a_removed_person_is_out_at_the_next_request(app: &TestApp) {
        let wren = app.person("wren", RoleKey::Default(DefaultRole::DeploymentStaff), app.cardiology).await;
        let patients = format!("{}/patients", app.cardiology.path());
        wren.page(&patients).await;
        app.execute("UPDATE memberships SET ended_at = 1, live_account = NULL WHERE email_key = 'wren@northfield.example'").await;
        assert_eq!(wren.get(&patients).await.status(), StatusCode::NOT_FOUND);
        assert!(wren.page("/").await.contains("no access at the moment"));
    }

    async fn the_access_log_can_be_neither_changed_nor_emptied(app: &TestApp) {
        let before = app.count("SELECT COUNT(*) FROM events").await;
        for sql in ["UPDATE events SET actor = 'nobody'", "DELETE FROM events"] {
            let refused = app.try_execute(sql).await.expect_err(sql);
            assert!(refused.to_string().contains("the access log cannot be changed"), "{refused}");
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM events WHERE actor <> 'nobody'").await, before);
    }

    async fn nothing_secret_is_stored_readable(app: &TestApp) {
        let id = app.invite(&app.admin_caller().await, app.cardiology, RoleKey::Default(DefaultRole::Contributor), "ben@northfield.example").await;
        app.sign_in("ada@northfield.example").await;
        let code = app.code(id, 1);
        for table in ["invitations", "mails", "events", "batches", "sessions", "accounts"] {
            let text = app.dump(table).await;
            assert!(!text.contains(&code[30..60]) && !text.contains(PASSWORD), "{table}");
        }
    }
}
