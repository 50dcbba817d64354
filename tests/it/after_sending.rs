//! After sending: what became of a batch, and what can be put right.

use std::time::Duration;

use care_portal::{
    access::{DefaultRole, RoleKey},
    plans,
    types::{BatchId, InvitationId},
};
use reqwest::StatusCode;

use crate::{
    on_both,
    support::app::{Database, TestApp, location},
};

const FIVE: &str = "b1@northfield.example, c22@northfield.example, d333@northfield.example, e4444@northfield.example, f55555@northfield.example";

async fn invitation(app: &TestApp, email: &str) -> InvitationId {
    InvitationId::from_uuid(
        app.uuid(&format!("SELECT id FROM invitations WHERE email_key = '{email}@northfield.example'")).await,
    )
}

on_both! {
    async fn each_invitation_counts_once_and_the_file_is_safe(app: &TestApp) {
        let admin = app.admin().await;
        let list = format!("{FIVE}, g6@northfield.example, nobody");
        let batch = location(&admin.invite(app.cardiology, &list, "contributor", &[("note", "HR-9")]).await);
        let page = admin.page(&batch).await;
        assert!(page.contains("All 6") && page.contains("On its way 6"), "{page}");
        let staff = invitation(app, "b1").await;
        let visitor = app.visitor();
        visitor.post("/join", &[("code", &app.code(staff, 1))]).await;
        visitor.get("/join").await;
        app.execute("UPDATE invitations SET state = 'declined', live_email = NULL WHERE email_key LIKE 'c22%'").await;
        app.execute("UPDATE mails SET state = 'refused', answer = '=550 no such person', done_at = 1 WHERE recipient LIKE 'd333%'").await;
        app.execute("UPDATE mails SET state = 'sent', done_at = 1 WHERE recipient LIKE 'e4444%'").await;
        app.execute("UPDATE invitations SET expires_at = 1 WHERE email_key LIKE 'f55555%'").await;
        let page = admin.page(&batch).await;
        for expected in ["Declined 1", "Not delivered 1", "Delivered 1", "Expired 1", "On its way 1", "Link opened 1", "550 no such person", "With the 5 who have not answered"] {
            assert!(page.contains(expected), "{expected}\n{page}");
        }
        let narrowed = admin.page(&format!("{batch}?show=not_delivered")).await;
        assert!(narrowed.contains("d333@") && !narrowed.contains("e4444@"), "{narrowed}");
        let file = admin.page(&format!("{batch}/result.csv")).await;
        assert!(file.contains("'=550 no such person") && file.contains("Not invited"), "{file}");
        assert!(page.contains("Mail: Refused: The mail server would not take it"), "{page}");
        let open = admin.page(&format!("{batch}/result.csv?show=open")).await;
        assert!(open.contains("Refused: The mail server would not take it") && open.contains("'=550 no such person"), "{open}");
        assert!(!open.contains("c22@") && !open.contains("Not invited") && open.lines().count() == 6, "those who have not answered\n{open}");
        assert_eq!(file.lines().count(), 8, "a heading, six invitations, one that was not\n{file}");
        assert_eq!(app.count("SELECT COUNT(*) FROM events WHERE action = 'batch.sent' AND detail LIKE '%HR-9%'").await, 1);
    }

    async fn a_reason_is_found_in_the_access_log(app: &TestApp) {
        let admin = app.admin().await;
        admin.invite(app.cardiology, "b1@northfield.example", "contributor", &[("note", "Ward move  HR-1%7")]).await;
        admin.invite(app.cardiology, "c22@northfield.example", "contributor", &[("note", "HR-107"), ("send_key", "2")]).await;
        let log = format!("{}/access-log", app.organisation.path());
        let found = admin.page(&format!("{log}?note=hr-1%257")).await;
        assert!(found.contains("Reason: hr-1%7") && found.contains("invited b1@northfield.example") && !found.contains("c22@"), "{found}");
        let found = admin.page(&format!("{log}?note=move+hr&action=invitation.sent")).await;
        assert!(found.contains("invited b1@northfield.example"), "spaces were made one\n{found}");
        assert!(admin.page(&format!("{log}?note=nowhere")).await.contains("Nothing to show"));
        let (_, grace) = app.second_organisation().await;
        let theirs = grace.get(&format!("{log}?note=HR")).await;
        assert_eq!(theirs.status(), StatusCode::NOT_FOUND);
        let long = "x".repeat(201);
        let refused = admin.invite(app.cardiology, "d333@northfield.example", "contributor", &[("note", &long), ("send_key", "3")]).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = refused.text().await.unwrap();
        assert!(page.contains("Write at most 200 characters") && page.contains(&long), "nothing typed is lost");
    }

    async fn an_organisation_may_ask_for_a_reason(app: &TestApp) {
        app.execute("UPDATE organisations SET require_reason = (1 = 1)").await;
        let admin = app.admin().await;
        let refused = admin.invite(app.cardiology, FIVE, "contributor", &[]).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text().await.unwrap().contains("Give a reason or a ticket"));
        let rows = serde_json::json!({ "rows": [{ "email": "b1@northfield.example" }], "role": "contributor" });
        let (status, _) = admin.json("POST", &format!("/api/v1/scopes/{}/plans", app.cardiology), Some(rows)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE email_key LIKE 'b1%'").await, 0);
        let sent = admin.invite(app.cardiology, FIVE, "contributor", &[("note", "Ward move")]).await;
        assert_eq!(sent.status(), StatusCode::SEE_OTHER);
    }

    async fn resending_leaves_out_who_answered_and_a_second_press(app: &TestApp) {
        let admin = app.admin().await;
        let batch = location(&admin.invite(app.cardiology, FIVE, "contributor", &[]).await);
        app.execute("UPDATE invitations SET state = 'declined', live_email = NULL WHERE email_key LIKE 'c22%'").await;
        app.execute("UPDATE invitations SET state = 'held' WHERE email_key LIKE 'd333%'").await;
        let mails = "SELECT COUNT(*) FROM mails WHERE recipient LIKE '_%@northfield.example' AND recipient <> 'ada@northfield.example'";
        admin.post(&format!("{batch}/pending"), &[("do", "resend")]).await;
        assert_eq!(app.count(mails).await, 5, "sent a moment ago");
        app.advance(Duration::from_secs(600));
        admin.post(&format!("{batch}/pending"), &[("do", "resend")]).await;
        assert_eq!(app.count(mails).await, 8, "three more: nobody who declined, and none that is held");
        admin.post(&format!("{batch}/pending"), &[("do", "resend")]).await;
        assert_eq!(app.count(mails).await, 8, "a second press mails nobody again");
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE state = 'held'").await, 1);
    }

    async fn another_role_makes_every_earlier_link_dead(app: &TestApp) {
        let admin = app.admin().await;
        let batch = location(&admin.invite(app.cardiology, FIVE, "contributor", &[]).await);
        let id = invitation(app, "b1").await;
        admin.post(&format!("{batch}/pending"), &[("do", "role"), ("role", "")]).await;
        assert!(admin.page(&batch).await.contains("Choose a role first"));
        admin.post(&format!("{batch}/pending"), &[("do", "role"), ("role", "deployment_staff")]).await;
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE role = 'deployment_staff' AND generation = 2").await, 5);
        let visitor = app.visitor();
        visitor.post("/join", &[("code", &app.code(id, 1))]).await;
        assert!(visitor.get("/join").await.text().await.unwrap().contains("replaced"), "the earlier link says so");
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE state = 'withdrawn' AND recipient LIKE 'b1%'").await, 1);
        admin.post(&format!("{batch}/pending"), &[("do", "window"), ("window", "24h")]).await;
        let ends = app.portal.now().plus(Duration::from_secs(24 * 3600));
        assert_eq!(app.count(&format!("SELECT COUNT(*) FROM invitations WHERE expires_at = {} AND role = 'deployment_staff'", ends.0)).await, 5);
    }

    async fn changing_goes_through_the_one_rule(app: &TestApp) {
        let priya = app.default(DefaultRole::AccessController, app.organisation).await;
        let admin = app.admin().await;
        let batch = location(&admin.invite(app.cardiology, FIVE, "contributor", &[]).await);
        for form in [vec![("do", "role"), ("role", "admin")], vec![("do", "window"), ("window", "72h")]] {
            priya.post(&format!("{batch}/pending"), &form).await;
            let page = priya.page(&batch).await;
            assert!(page.contains("only an Admin may give the role"), "{page}");
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE role = 'contributor' AND generation = 1").await, 5);
        assert_eq!(app.events("invitation.change_refused").await, 10);
        let staff = app.default(DefaultRole::DeploymentStaff, app.cardiology).await;
        let elsewhere = app.person("elsewhere", RoleKey::Default(DefaultRole::Admin), app.diabetes).await;
        for (who, status) in [(&staff, StatusCode::FORBIDDEN), (&elsewhere, StatusCode::NOT_FOUND)] {
            for (path, form) in [("pending", [("do", "resend")]), ("pending", [("do", "x")]), ("undo", [("x", "y")])] {
                assert_eq!(who.post(&format!("{batch}/{path}"), &form).await.status(), status, "{path}");
            }
            assert_eq!(who.get(&format!("{batch}/result.csv")).await.status(), status);
        }
        let through_another = batch.replace(&app.cardiology.path(), &app.diabetes.path());
        assert_eq!(elsewhere.post(&format!("{through_another}/undo"), &[]).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE state = 'deleted'").await, 0);
    }

    async fn undoing_takes_back_what_is_open_and_tells_who_joined(app: &TestApp) {
        let plan = app.plan(app.cardiology, &["b1@northfield.example", "c22@northfield.example", "d333@northfield.example"], "contributor").await;
        let caller = app.admin_caller().await;
        plans::actions::send_plan(&app.portal, &caller, app.cardiology, plan).await.unwrap();
        app.join_as(invitation(app, "b1").await, "Ben Okri").await;
        let admin = app.admin().await;
        let batch = format!("{}/invitations/batches/{}", app.cardiology.path(), BatchId::from_uuid(plan.uuid()));
        let page = admin.page(&batch).await;
        assert!(page.contains("3 invites sent") && page.contains("Joined 1") && page.contains("/plans/pln_"), "{page}");
        let asked = admin.page(&format!("{batch}/undo")).await;
        assert!(asked.contains("Delete 2 invitations") && asked.contains("1 joined already"), "{asked}");
        let done = admin.post(&format!("{batch}/undo"), &[]).await;
        let page = admin.page(&location(&done)).await;
        assert!(page.contains("2 invitations were deleted. Joined already, and still staff: b1@northfield.example"), "{page}");
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE state = 'deleted'").await, 2);
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE state = 'queued' AND recipient IN ('c22@northfield.example', 'd333@northfield.example')").await, 0, "queued mails are never sent");
        assert_eq!(app.events("batch.undone").await, 1);
        let again = admin.post(&format!("{batch}/undo"), &[]).await;
        assert!(admin.page(&location(&again)).await.contains("Nothing was open any more"));
        assert_eq!(app.events("batch.undone").await, 1);
    }
}
