//! The plans of the list queries: each is served in the order of an index, on both databases, with no sorting and no full scan.

use care_portal::{
    audit::{self, Filter as LogFilter, Outcome, People},
    invitations::{Sort as InvitationSort, actions::Query as InvitationQuery},
    plans::{Filter, actions::Query as PlanQuery},
    staff::{Sort as StaffSort, actions::Query as StaffQuery},
    types::{BatchId, PlanId},
};
use sea_orm::{ConnectionTrait, Statement};

use crate::support::app::{Database, TestApp};

/// Fills the tables so that the planners have a reason to choose, and reads the plan of the statement that a list really runs.
async fn plans(app: &TestApp) -> Vec<(String, String)> {
    let admin = app.admin_caller().await;
    let actor = admin.actor().unwrap();
    let mut plans = Vec::new();
    for scope in [app.organisation, app.cardiology] {
        for sort in [InvitationSort::Sent, InvitationSort::Email, InvitationSort::Expires] {
            let visible = actor.visible(care_portal::access::Permission::InviteStaff, scope).unwrap();
            let query = InvitationQuery { sort, ..InvitationQuery::default() };
            let (sql, values) = care_portal::invitations::list_statement(&visible, &query, 50, app.portal.now());
            plans.push((format!("invitations {sort:?}"), explain(app, &sql, values).await));
        }
        for sort in [StaffSort::Name, StaffSort::Email, StaffSort::Joined] {
            let visible = actor.visible(care_portal::access::Permission::ViewStaff, scope).unwrap();
            let query = StaffQuery { sort, ..StaffQuery::default() };
            let (sql, values) = care_portal::staff::list_statement(&visible, &query, 50, app.portal.now());
            plans.push((format!("staff {sort:?}"), explain(app, &sql, values).await));
        }
    }
    plans
}

/// The rows of a plan and of a batch.
async fn row_plans(app: &TestApp) -> Vec<(String, String)> {
    let mut plans = Vec::new();
    let plan = PlanId::from_uuid(uuid::Uuid::from_u128(1));
    for (_, key, _) in Filter::ALL.iter().filter(|(filter, ..)| *filter != Filter::NotDone) {
        let query = PlanQuery { filter: Filter::from_key(key).unwrap(), ..PlanQuery::default() };
        let (sql, values) = care_portal::plans::rows_statement(plan, &query, 50);
        plans.push((format!("rows of a plan {key}"), explain(app, &sql, values).await));
    }
    let batch = BatchId::from_uuid(plan.uuid());
    let (sql, values) = care_portal::invitations::batch_statement(batch, None, None, 50, app.portal.now());
    plans.push(("a batch".to_owned(), explain(app, &sql, values).await));
    plans
}

/// The access log: each way of narrowing it, at both levels. Some people or actions are several ways at once, whose few newest are
/// sorted together.
fn log_filters() -> Vec<(&'static str, LogFilter)> {
    let id = care_portal::types::AccountId::from_uuid(uuid::Uuid::from_u128(1));
    let since = Some(care_portal::types::Timestamp(1_790_000_000_000));
    let action = |name: &str| vec![name.to_owned()];
    let people = Some(People { accounts: vec![id], subjects: vec![id.to_string()] });
    vec![
        ("everything", LogFilter::default()),
        ("refused", LogFilter { outcome: Some(Outcome::Refused), ..LogFilter::default() }),
        ("a day", LogFilter { since, until: since, ..LogFilter::default() }),
        ("an action", LogFilter { actions: action("role.created"), ..LogFilter::default() }),
        (
            "actions",
            LogFilter { actions: [action("role.created"), action("role.changed")].concat(), ..LogFilter::default() },
        ),
        ("a note", LogFilter { note: "hr-7".to_owned(), ..LogFilter::default() }),
        ("a person", LogFilter { people: people.clone(), ..LogFilter::default() }),
        (
            "all of it",
            LogFilter {
                people,
                actions: action("role.created"),
                since,
                until: since,
                outcome: Some(Outcome::Refused),
                ..LogFilter::default()
            },
        ),
    ]
}

async fn log_plans(app: &TestApp) -> Vec<(String, String)> {
    let admin = app.admin_caller().await;
    let mut plans = Vec::new();
    for scope in [app.organisation, app.cardiology] {
        let visible = admin.actor().unwrap().visible(care_portal::access::Permission::ViewAudit, scope).unwrap();
        for (name, filter) in log_filters() {
            let (sql, values) = audit::list_statement(&visible, &filter, None, 50);
            plans.push((name.to_owned(), explain(app, &sql, values).await));
        }
    }
    plans
}

async fn explain(app: &TestApp, sql: &str, values: Vec<sea_orm::Value>) -> String {
    let db = app.portal.db.reader();
    let (prefix, column) = if app.portal.db.is_sqlite() {
        ("EXPLAIN QUERY PLAN", "detail")
    } else {
        ("EXPLAIN (COSTS OFF)", "QUERY PLAN")
    };
    let statement = Statement::from_sql_and_values(db.get_database_backend(), format!("{prefix} {sql}"), values);
    let rows = db.query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get::<String>("", column).unwrap()).collect::<Vec<_>>().join("\n")
}

/// Who has seen a patient, and the emergency accesses of either level.
async fn guard_plans(app: &TestApp) -> Vec<(String, String)> {
    let patient = app.patient(app.cardiology, "P-1", "Somebody").await;
    let admin = app.admin_caller().await;
    let mut plans = Vec::new();
    for scope in [app.organisation, app.cardiology] {
        let visible = admin.actor().unwrap().visible(care_portal::access::Permission::ViewAudit, scope).unwrap();
        let (sql, values) = care_portal::emergency::list_statement(&visible, None, 50);
        plans.push((format!("emergency accesses of {scope}"), explain(app, &sql, values).await));
    }
    let one = audit::seen::authority(&app.portal, &admin, app.cardiology, patient).await.unwrap();
    let now = Some(app.portal.now());
    for days in [audit::seen::Days::default(), audit::seen::Days { since: now, until: now }] {
        let (sql, values) = audit::seen_statement(&one, days, None, 50);
        plans.push(("who has seen a patient".to_owned(), explain(app, &sql, values).await));
    }
    plans
}

#[tokio::test]
async fn sqlite_reads_who_has_seen_a_patient_and_emergency_accesses_by_an_index() {
    for (name, plan) in guard_plans(&TestApp::start(Database::Sqlite).await).await {
        assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN"), "{name}\n{plan}");
    }
}

#[tokio::test]
async fn postgres_reads_who_has_seen_a_patient_and_emergency_accesses_by_an_index() {
    let app = TestApp::start(Database::Postgres).await;
    app.patient(app.cardiology, "P-0", "Somebody Else").await;
    for sql in [
        "INSERT INTO events SELECT gen_random_uuid(), at + n, organisation_id, deployment_id, actor_id, actor, action, subject, outcome, origin, detail \
         FROM events, generate_series(1, 2000) n",
        "INSERT INTO seen_patients SELECT p.id, e.id FROM patients p, events e",
        "INSERT INTO seen_patients SELECT gen_random_uuid(), id FROM events",
        "INSERT INTO emergency_accesses SELECT gen_random_uuid(), p.organisation_id, p.deployment_id, p.id, a.id, 'why', n, n, NULL \
         FROM patients p, accounts a, generate_series(1, 5000) n",
        "ANALYZE",
    ] {
        app.execute(sql).await;
    }
    for (name, plan) in guard_plans(&app).await {
        let walks = ["events", "seen_patients", "emergency_accesses"]
            .iter()
            .any(|table| plan.contains(&format!("Seq Scan on {table}")));
        assert!(!walks && !plan.contains("Sort"), "{name}\n{plan}");
    }
}

#[tokio::test]
async fn sqlite_reads_lists_in_the_order_of_an_index() {
    let app = TestApp::start(Database::Sqlite).await;
    for (name, plan) in plans(&app).await.into_iter().chain(row_plans(&app).await) {
        assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN"), "{name}\n{plan}");
    }
}

#[tokio::test]
async fn sqlite_reads_the_access_log_by_an_index() {
    for (name, plan) in log_plans(&TestApp::start(Database::Sqlite).await).await {
        let walks = plan.lines().any(|line| line.starts_with("SCAN e") || line.starts_with("SCAN s"));
        let several = ["actions", "a person", "all of it", "a note"].contains(&name.as_str());
        assert!(!walks && (several || !plan.contains("TEMP B-TREE")), "{name}\n{plan}");
    }
}

#[tokio::test]
async fn postgres_reads_the_access_log_by_an_index() {
    let app = TestApp::start(Database::Postgres).await;
    for sql in [
        "INSERT INTO events SELECT gen_random_uuid(), at + n, organisation_id, deployment_id, actor_id, actor, action, subject, outcome, origin, detail \
         FROM events, generate_series(1, 2000) n",
        "INSERT INTO seals SELECT row_number() OVER (), id, at, decode(repeat('00', 32), 'hex') FROM events",
        "INSERT INTO event_notes SELECT id, gen_random_uuid(), 'hr-' || id FROM events",
        "ANALYZE",
    ] {
        app.execute(sql).await;
    }
    for (name, plan) in log_plans(&app).await {
        assert!(!plan.contains("Seq Scan"), "{name}\n{plan}");
    }
}

#[tokio::test]
async fn postgres_reads_lists_in_the_order_of_an_index() {
    let app = TestApp::start(Database::Postgres).await;
    let db = app.portal.db.begin_write().await.unwrap();
    for sql in [
        "INSERT INTO invitations SELECT gen_random_uuid(), organisation_id, deployment_id, scope_id, email, 'p' || n || email_key, NULL, name, role, role_permissions, \
         inviter_id, batch_id, mail_id, generation, 'pending', '', link_copied, window_ms, sent_at + n, expires_at + n, NULL, NULL, NULL \
         FROM invitations, generate_series(1, 5000) n WHERE email_key = 'ada@northfield.example'",
        "INSERT INTO memberships SELECT gen_random_uuid(), organisation_id, deployment_id, scope_id, account_id, NULL, role, 'n' || n, 'p' || n, \
         invited_by, joined_at + n, NULL, NULL FROM memberships, generate_series(1, 5000) n WHERE email_key = 'ada@northfield.example'",
        "ANALYZE",
    ] {
        db.execute_unprepared(sql).await.unwrap();
    }
    db.commit().await.unwrap();
    for (name, plan) in plans(&app).await {
        let biggest = plan.contains("Seq Scan on invitations") || plan.contains("Seq Scan on memberships");
        assert!(!biggest, "{name}\n{plan}");
    }
}
