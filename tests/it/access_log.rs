//! The access log: sealed, verified, and hard to change in secret.

use care_portal::{
    access::{DefaultRole, RoleKey},
    audit::{
        checkpoint::PublicKeys,
        sealer::{self, Notary},
        verify::{self, Against, Report},
    },
    invitations::{NewBatch, Window, actions},
};

use crate::{
    on_both,
    support::app::{Database, TestApp},
};

const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);

async fn invite_many(app: &TestApp, n: usize) {
    invite_more(app, 0, n).await;
}

/// Invites `n` people, whose addresses are numbered from `first` on.
pub async fn invite_more(app: &TestApp, first: usize, n: usize) {
    let texts = (first..first + n).map(|n| format!("person.{n:04}@northfield.example")).collect();
    let batch = NewBatch {
        scope: app.cardiology,
        role: STAFF,
        window: Window::Day,
        access_from: None,
        access_until: None,
        texts,
        confirmed: Vec::new(),
        note: String::new(),
        request_key: format!("many {first}"),
    };
    actions::invite_staff(&app.portal, &app.admin_caller().await, batch).await.unwrap();
}

/// Seals everything and signs.
pub async fn seal(app: &TestApp) {
    let mut notary = Notary::open(app.portal.clone()).await.unwrap();
    sealer::seal_all(&app.portal, &mut notary, true).await.unwrap();
}

async fn verify(app: &TestApp) -> Report {
    let against = Against {
        keys: PublicKeys::of(&app.portal.keys),
        files: vec![app.portal.config.checkpoint_file.clone()],
        logs: Vec::new(),
        now: app.portal.now(),
    };
    verify::verify(&app.portal.db, &against).await.unwrap()
}

on_both! {
    async fn what_was_written_is_sealed_signed_and_found_whole(app: &TestApp) {
        invite_many(app, 1_500).await;
        seal(app).await;
        let report = verify(app).await;
        assert_eq!((report.faults, report.notices), (Vec::new(), Vec::new()));
        assert_eq!((report.events, report.waiting), (report.checked, 0));
        assert!(report.checked > 1_500 && report.checkpoints == 2, "one on the way and one at the end: {}", report.checkpoints);
        assert_eq!(report.newest.unwrap().seq, report.checked);
    }

    async fn what_waits_longer_than_a_minute_is_told(app: &TestApp) {
        seal(app).await;
        invite_many(app, 2).await;
        assert_eq!(verify(app).await.notices, Vec::<String>::new());
        app.advance(std::time::Duration::from_secs(61));
        let report = verify(app).await;
        assert!(report.faults.is_empty() && report.notices[0].starts_with("3 events were not sealed within a minute"), "{report:?}");
        seal(app).await;
        let report = verify(app).await;
        assert!(report.notices.is_empty() && report.remarks[0].starts_with("3 events were sealed later"), "{report:?}");
    }

    async fn sealers_at_the_same_moment_make_one_chain(app: &TestApp) {
        invite_many(app, 3_000).await;
        let tasks: Vec<_> = (0..4).map(|_| {
            let portal = app.portal.clone();
            tokio::spawn(async move { for _ in 0..20 { sealer::seal_some(&portal).await.unwrap(); } })
        }).collect();
        for task in tasks {
            task.await.unwrap();
        }
        seal(app).await;
        let report = verify(app).await;
        assert_eq!(report.faults, Vec::new());
        assert_eq!((report.checked, report.waiting), (report.events, 0));
    }

    async fn the_database_itself_refuses_changes(app: &TestApp) {
        seal(app).await;
        for table in ["events", "seals"] {
            let column = if table == "events" { "detail = ''" } else { "sealed_at = 0" };
            for sql in [format!("UPDATE {table} SET {column}"), format!("DELETE FROM {table}"), format!("TRUNCATE {table}")] {
                assert!(app.try_execute(&sql).await.is_err(), "{sql}");
            }
        }
        assert_eq!(verify(app).await.faults, Vec::new());
    }
}

/// As `docs/access-log.md` advises: one role owns the tables, the portal's own may not change the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_the_portal_needs_no_right_to_change_the_log() {
    let app = TestApp::start(Database::Postgres).await;
    let role = format!("app_{}", app.portal.new_id::<care_portal::types::kind::Event>().uuid().simple());
    let advice = std::fs::read_to_string("docs/access-log.md").unwrap();
    let grants = advice.split("```sql").nth(1).unwrap().split("```").next().unwrap().replace("care_portal_app", &role);
    app.execute(&grants).await;
    let mut url = url::Url::parse(&app.portal.config.database()).unwrap();
    url.set_username(&role).unwrap();
    url.set_password(Some("change me")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(&app.portal.config.root_key_file, folder.path().join("root-key")).unwrap();
    let environment = [
        ("CARE_PORTAL_DATABASE_URL".to_owned(), url.to_string()),
        ("CARE_PORTAL_DATA_DIR".to_owned(), folder.path().display().to_string()),
    ];
    let config = care_portal::config::Config::from_parts("", environment.into()).unwrap();
    let portal = care_portal::app::open(config, app.portal.clock.clone()).await.unwrap();
    let mut limited = app;
    limited.portal = portal;
    invite_many(&limited, 3).await;
    seal(&limited).await;
    assert_eq!(verify(&limited).await.faults, Vec::new());
    for sql in [
        "UPDATE events SET detail = ''",
        "DELETE FROM events",
        "TRUNCATE seals",
        "DELETE FROM seals",
        "DROP TRIGGER events_stay_as_written ON events",
        "ALTER TABLE seals DISABLE TRIGGER ALL",
        "DROP TABLE events",
    ] {
        let refused = limited.try_execute(sql).await.unwrap_err().to_string();
        assert!(refused.contains("permission denied") || refused.contains("must be owner"), "{sql}: {refused}");
    }
}
