//! Reminders before a link ends, and windows that count working days: by the organisation's choice, once, and quietly.

use std::time::Duration;

use care_portal::{
    access::{DefaultRole, RoleKey},
    invitations::actions,
    types::{InvitationId, Timestamp},
};

use crate::{
    on_both,
    support::app::{Database, TestApp},
};

const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);
const HOUR: Duration = Duration::from_secs(3600);

async fn choose(app: &TestApp, reminders: &str) {
    app.execute(&format!("UPDATE organisations SET reminders = '{reminders}'")).await;
}

async fn reminders(app: &TestApp) -> i64 {
    app.count("SELECT COUNT(*) FROM mails WHERE kind = 'invitation_reminder'").await
}

/// Turns the clock to an instant and sends what is due.
async fn at(app: &TestApp, local: &str) {
    let then: jiff::ZonedDateTime = format!("{local}[Europe/London]").parse().unwrap();
    let ahead = then.timestamp().as_millisecond() - app.portal.now().0;
    app.advance(Duration::from_millis(u64::try_from(ahead).expect("the clock only goes forward")));
    actions::remind(&app.portal).await.unwrap();
    app.send_mail().await;
}

async fn ends(app: &TestApp, id: InvitationId) -> String {
    let (_, body) = app.admin().await.json("GET", &format!("/api/v1/invitations/{id}"), None).await;
    body["expires_at"].as_str().unwrap().to_owned()
}

fn written(app: &TestApp, words: &str) -> Vec<String> {
    let read = |file: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(file.unwrap().path()).unwrap();
    std::fs::read_dir(app.portal.config.mail_folder()).unwrap().map(read).filter(|mail| mail.contains(words)).collect()
}

// The clock of these portals begins on Monday 21 September 2026 at 15:13 in London.
on_both! {
    async fn whoever_has_not_answered_is_reminded_once_with_the_same_link(app: &TestApp) {
        choose(app, "day_before").await;
        let id = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        let before = ends(app, id).await;
        at(app, "2026-09-27T10:00").await;
        assert_eq!(reminders(app).await, 0, "not before its day");
        at(app, "2026-09-27T16:00").await;
        at(app, "2026-09-27T16:30").await;
        at(app, "2026-09-28T09:00").await;
        assert_eq!(reminders(app).await, 1, "once");
        let mails = written(app, "Reminder: your invitation to");
        assert_eq!(mails.len(), 1);
        assert!(mails[0].replace("=\r\n", "").contains(&app.code(id, 1)), "the same link");
        assert_eq!(ends(app, id).await, before, "whose window goes on");
        let page = app.admin().await.page(&format!("{}/invitations/{id}", app.cardiology.path())).await;
        assert!(page.contains("reminded ben@northfield.example") && page.contains("Reminder to ben@northfield.example handed over"), "{page}");
    }

    async fn the_inviter_is_told_of_all_of_a_day_in_one_mail(app: &TestApp) {
        choose(app, "day_before").await;
        let admin = app.admin_caller().await;
        for n in 0..30 {
            app.invite(&admin, app.cardiology, STAFF, &format!("person.{n}@northfield.example")).await;
        }
        at(app, "2026-09-27T15:30").await;
        assert_eq!(reminders(app).await, 30);
        at(app, "2026-09-27T16:59").await;
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE kind = 'invitations_reminded' AND state = 'sent'").await, 0, "not before the day is over");
        at(app, "2026-09-27T17:01").await;
        let mails = written(app, "people were reminded of your invitations");
        assert_eq!((mails.len(), app.count("SELECT COUNT(*) FROM mails WHERE kind = 'invitations_reminded'").await), (1, 1));
        assert!(mails[0].contains("To: ada@northfield.example") && mails[0].contains("person.29@") && !mails[0].contains("cpi1_"), "{}", mails[0]);
    }

    async fn nobody_is_reminded_who_need_not_be(app: &TestApp) {
        let admin = app.admin_caller().await;
        let deleted = app.invite(&admin, app.cardiology, STAFF, "deleted@northfield.example").await;
        let resent = app.invite(&admin, app.cardiology, STAFF, "resent@northfield.example").await;
        let held = app.invite(&admin, app.cardiology, STAFF, "held@northfield.example").await;
        at(app, "2026-09-28T10:00").await;
        assert_eq!(reminders(app).await, 0, "off is off");
        choose(app, "day_before").await;
        actions::delete_invitations(&app.portal, &admin, app.cardiology, &[deleted]).await.unwrap();
        actions::resend_invitations(&app.portal, &admin, app.cardiology, &[resent]).await.unwrap();
        app.execute("UPDATE invitations SET state = 'held' WHERE live_email = 'held@northfield.example'").await;
        let _ = held;
        at(app, "2026-09-28T11:00").await;
        assert_eq!(reminders(app).await, 0);
        at(app, "2026-10-06T11:00").await;
        assert_eq!(reminders(app).await, 0, "nor of a link that has ended");
    }

    async fn a_reminder_that_nobody_wants_any_more_is_never_sent(app: &TestApp) {
        choose(app, "day_before").await;
        let admin = app.admin_caller().await;
        let mut ids = Vec::new();
        for word in ["deleted", "corrected", "resent"] {
            ids.push(app.invite(&admin, app.cardiology, STAFF, &format!("{word}@northfield.example")).await);
        }
        app.send_mail().await;
        app.advance(6 * 24 * HOUR + HOUR);
        assert_eq!(actions::remind(&app.portal).await.unwrap(), 3);
        let admin = app.admin_caller().await;
        app.advance(Duration::from_secs(1));
        actions::delete_invitations(&app.portal, &admin, app.cardiology, &ids[..1]).await.unwrap();
        actions::correct_invitation(&app.portal, &admin, app.cardiology, ids[1], "right@northfield.example").await.unwrap();
        actions::resend_invitations(&app.portal, &admin, app.cardiology, &ids[2..]).await.unwrap();
        app.send_mail().await;
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE kind = 'invitation_reminder' AND state = 'withdrawn'").await, 3);
    }

    async fn on_working_days_nobody_is_reminded_on_a_sunday(app: &TestApp) {
        choose(app, "working_days").await;
        app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        at(app, "2026-09-25T08:00").await;
        assert_eq!(reminders(app).await, 0, "Friday, too early");
        at(app, "2026-09-25T09:01").await;
        assert_eq!(reminders(app).await, 1, "Friday morning, for a link that ends on Monday");
        let late = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "olu@northfield.example").await;
        app.execute(&format!("UPDATE invitations SET sent_at = 1, expires_at = {} WHERE live_email = 'olu@northfield.example'", Timestamp(app.portal.now().0 + 3 * 24 * 3_600_000).0)).await;
        let _ = late;
        at(app, "2026-09-26T12:00").await;
        at(app, "2026-09-27T12:00").await;
        assert_eq!(reminders(app).await, 1, "not at the weekend");
        at(app, "2026-09-28T08:00").await;
        assert_eq!(reminders(app).await, 2);
    }

    async fn windows_end_with_a_working_day_where_the_organisation_counts_them(app: &TestApp) {
        let admin = app.admin_caller().await;
        let plain = app.invite(&admin, app.cardiology, STAFF, "plain@northfield.example").await;
        assert_eq!(ends(app, plain).await, Timestamp(app.portal.now().0 + 7 * 24 * 3_600_000).to_rfc3339());
        let yes = if app.portal.db.is_sqlite() { "1" } else { "true" };
        app.execute(&format!("UPDATE organisations SET count_working_days = {yes}")).await;
        let counted = app.invite(&admin, app.cardiology, STAFF, "counted@northfield.example").await;
        assert_eq!(ends(app, counted).await, "2026-09-28T22:59:59Z", "the fifth working day, to its last second in London");
        app.advance(3 * 24 * HOUR);
        actions::resend_invitations(&app.portal, &app.admin_caller().await, app.cardiology, &[counted, plain]).await.unwrap();
        for id in [counted, plain] {
            assert_eq!(ends(app, id).await, "2026-10-01T22:59:59Z");
        }
    }
}
