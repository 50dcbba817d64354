//! A thousand ways to change the access log behind the portal's back, each of which must be found, at the place where it was made.

use care_portal::{
    audit::{
        chain::{BEGINNING, Hash, Sealed},
        checkpoint::PublicKeys,
        verify::{self, Against, Report},
    },
    db::Db,
    types::Timestamp,
};
use sea_orm::{ConnectionTrait, Statement, Value};
use uuid::Uuid;

use crate::{
    access_log::{invite_more, seal},
    support::app::{Database, TestApp},
};

const KINDS: usize = 12;

/// Random enough, and the same in every run.
struct Dice(u64);

impl Dice {
    /// 0 to `n` - 1.
    fn roll(&mut self, n: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % u64::try_from(n).unwrap()).unwrap()
    }
}

/// What must be found.
#[derive(Debug)]
enum Expected {
    /// Exactly this number.
    At(i64),
    /// The change was made at this number; the fault may show later, but then says from where on.
    Around(i64),
    /// This event, which has no number.
    Event(Uuid),
}

struct Tamper {
    db: Db,
    last: i64,
}

impl Tamper {
    async fn run(&self, sql: &str, values: Vec<Value>) {
        let tx = self.db.begin_write().await.unwrap();
        tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn event_of(&self, seq: i64) -> Uuid {
        let sql = "SELECT event_id FROM seals WHERE seq = $1";
        let db = self.db.reader();
        let row = db.query_one_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, [seq.into()])).await;
        row.unwrap().unwrap().try_get_by_index(0).unwrap()
    }

    /// Makes the hashes from `from` to `to` anew, as somebody would who knows how.
    async fn hash_anew(&self, from: i64, to: i64) {
        let sql = "SELECT s.seq, s.sealed_at, s.hash, e.id, e.at, e.organisation_id, e.deployment_id, e.actor_id, e.actor, e.action, \
            e.subject, e.outcome, e.origin, e.detail FROM seals s JOIN events e ON e.id = s.event_id WHERE s.seq BETWEEN $1 AND $2 ORDER BY s.seq";
        let tx = self.db.begin_write().await.unwrap();
        let backend = tx.get_database_backend();
        let values = [(from - 1).into(), to.into()];
        let rows = tx.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await.unwrap();
        let mut before = BEGINNING;
        for row in rows {
            let seq: i64 = row.try_get_by_index(0).unwrap();
            if seq < from {
                before = Hash::try_from(row.try_get_by_index::<Vec<u8>>(2).unwrap()).unwrap();
                continue;
            }
            let texts: Vec<String> = (8..14).map(|n| row.try_get_by_index(n).unwrap()).collect();
            let sealed = Sealed {
                seq,
                sealed_at: row.try_get_by_index(1).unwrap(),
                id: row.try_get_by_index(3).unwrap(),
                at: row.try_get_by_index(4).unwrap(),
                organisation: row.try_get_by_index(5).unwrap(),
                deployment: row.try_get_by_index(6).unwrap(),
                actor_id: row.try_get_by_index(7).unwrap(),
                texts: std::array::from_fn(|n| texts[n].as_str()),
            };
            before = sealed.hash(&before);
            let sql = "UPDATE seals SET hash = $1 WHERE seq = $2";
            tx.execute_raw(Statement::from_sql_and_values(backend, sql, [before.to_vec().into(), seq.into()]))
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// A made-up event, like another one, with an id of its own.
    async fn make_up(&self, like: Uuid) -> Uuid {
        let id = Uuid::now_v7();
        let sql = "INSERT INTO events SELECT $1, at, organisation_id, deployment_id, actor_id, actor, action, subject, outcome, origin, '{}' \
            FROM events WHERE id = $2";
        self.run(sql, vec![id.into(), like.into()]).await;
        id
    }

    async fn edit(&self, seq: i64, dice: &mut Dice) {
        let id = self.event_of(seq).await;
        let change = [
            "actor = actor || 'x'",
            "action = 'session.ended.' || action",
            "subject = subject || '0'",
            "outcome = CASE outcome WHEN 'done' THEN 'refused' ELSE 'done' END",
            "origin = origin || '1'",
            "detail = detail || ' '",
            "at = at + 1",
            "deployment_id = CASE WHEN deployment_id IS NULL THEN id ELSE NULL END",
            "actor_id = CASE WHEN actor_id IS NULL THEN id ELSE NULL END",
            "organisation_id = id",
        ][usize::try_from(dice.roll(10)).unwrap()];
        self.run(&format!("UPDATE events SET {change} WHERE id = $1"), vec![id.into()]).await;
    }

    async fn tamper(&self, kind: usize, dice: &mut Dice) -> Expected {
        let seq = dice.roll(self.last) + 1;
        let event = self.event_of(seq).await;
        match kind {
            0 => {
                self.edit(seq, dice).await;
                Expected::At(seq)
            }
            1 => {
                self.run("DELETE FROM events WHERE id = $1", vec![event.into()]).await;
                Expected::At(seq)
            }
            2 => {
                self.run("DELETE FROM events WHERE id = $1", vec![event.into()]).await;
                self.run("DELETE FROM seals WHERE seq = $1", vec![seq.into()]).await;
                Expected::At(seq)
            }
            3 => {
                self.run("DELETE FROM seals WHERE seq = $1", vec![seq.into()]).await;
                Expected::At(seq)
            }
            4 => Expected::Event(self.make_up(event).await),
            5 => {
                let other = 1 + (seq + dice.roll(self.last - 1)) % self.last;
                let theirs = self.event_of(other).await;
                for (to, of) in [(Uuid::now_v7(), other), (theirs, seq), (event, other)] {
                    self.run("UPDATE seals SET event_id = $1 WHERE seq = $2", vec![to.into(), of.into()]).await;
                }
                Expected::At(seq.min(other))
            }
            6 => {
                self.edit(seq, dice).await;
                self.hash_anew(seq, (seq + dice.roll(40)).min(self.last)).await;
                Expected::Around(seq)
            }
            7 => {
                self.run(
                    "DELETE FROM events WHERE id IN (SELECT event_id FROM seals WHERE seq >= $1)",
                    vec![seq.into()],
                )
                .await;
                self.run("DELETE FROM seals WHERE seq >= $1", vec![seq.into()]).await;
                Expected::At(seq)
            }
            8 => {
                self.run("UPDATE seals SET sealed_at = sealed_at + 1", vec![]).await;
                self.hash_anew(1, self.last).await;
                Expected::Around(1)
            }
            9 => {
                // After the last one it would be an event like any other, which the next checkpoint vouches for.
                let seq = seq.min(self.last - 1);
                let id = self.make_up(event).await;
                self.run("UPDATE seals SET seq = -seq WHERE seq > $1", vec![seq.into()]).await;
                self.run("UPDATE seals SET seq = 1 - seq WHERE seq < 0", vec![]).await;
                let sql = "INSERT INTO seals SELECT $1, $2, sealed_at, hash FROM seals WHERE seq = $3";
                self.run(sql, vec![(seq + 1).into(), id.into(), seq.into()]).await;
                self.hash_anew(seq + 1, self.last + 1).await;
                Expected::Around(seq + 1)
            }
            10 => {
                let change = ["sealed_at = sealed_at - 1", "hash"][usize::try_from(dice.roll(2)).unwrap()];
                if change.starts_with("hash") {
                    let bytes: Vec<u8> = (0..32).map(|_| u8::try_from(dice.roll(256)).unwrap()).collect();
                    self.run("UPDATE seals SET hash = $1 WHERE seq = $2", vec![bytes.into(), seq.into()]).await;
                } else {
                    self.run(&format!("UPDATE seals SET {change} WHERE seq = $1"), vec![seq.into()]).await;
                }
                Expected::At(seq)
            }
            _ => {
                self.run("UPDATE seals SET seq = seq + 1000000 WHERE seq = $1", vec![seq.into()]).await;
                Expected::At(seq)
            }
        }
    }
}

fn check(report: &Report, expected: &Expected, kind: usize) {
    let first = report.faults.first().unwrap_or_else(|| panic!("kind {kind} was not found: {expected:?}"));
    match expected {
        Expected::At(seq) => assert_eq!(first.seq, Some(*seq), "kind {kind}: {first:?}"),
        Expected::Around(seq) => {
            let found = first.seq.unwrap();
            assert!(first.since.unwrap_or(found) <= *seq && *seq <= found, "kind {kind} at {seq}: {first:?}");
        }
        Expected::Event(id) => assert_eq!(first.event.map(|event| event.uuid()), Some(*id), "kind {kind}: {first:?}"),
    }
}

fn against(app: &TestApp) -> Against {
    Against {
        keys: PublicKeys::of(&app.portal.keys),
        files: vec![app.portal.config.checkpoint_file.clone()],
        logs: Vec::new(),
        now: Timestamp(app.portal.now().0 + 1_000),
    }
}

/// A log with eight checkpoints, and without the triggers that would refuse.
async fn prepare(app: &TestApp) -> i64 {
    for round in 0..8 {
        invite_more(app, round * 6, 6).await;
        seal(app).await;
    }
    let on = |table: &str| if app.portal.db.is_sqlite() { String::new() } else { format!(" ON {table}") };
    for table in ["events", "seals"] {
        app.execute(&format!("DROP TRIGGER {table}_stay_as_written{}", on(table))).await;
        if app.portal.db.is_sqlite() {
            app.execute(&format!("DROP TRIGGER {table}_are_never_deleted")).await;
        }
    }
    app.count("SELECT COUNT(*) FROM seals").await
}

/// Two halves, because each core takes one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_random_changes_are_all_found_where_they_were_made_one() {
    change_at_random(20_260_101, 500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_random_changes_are_all_found_where_they_were_made_two() {
    change_at_random(20_260_202, 500).await;
}

async fn change_at_random(seed: u64, rounds: usize) {
    let app = TestApp::start(Database::Sqlite).await;
    let last = prepare(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("base.db");
    let vacuum = format!("VACUUM INTO '{}'", base.display());
    app.portal.db.reader().execute_unprepared(&vacuum).await.unwrap();
    let against = against(&app);
    let mut dice = Dice(seed);
    for round in 0..rounds {
        let kind = round % KINDS;
        let copy = folder.path().join(format!("copy{round}.db"));
        std::fs::copy(&base, &copy).unwrap();
        let tamper = Tamper { db: Db::connect(&format!("sqlite://{}", copy.display())).await.unwrap(), last };
        if round == 0 {
            let report = verify::verify(&tamper.db, &against).await.unwrap();
            assert!(report.faults.is_empty() && report.checked == last && report.checkpoints == 8, "{report:?}");
        }
        let expected = tamper.tamper(kind, &mut dice).await;
        check(&verify::verify(&tamper.db, &against).await.unwrap(), &expected, kind);
        drop(tamper);
        std::fs::remove_file(&copy).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_change_is_found_on_postgres() {
    let mut dice = Dice(7);
    for kind in 0..KINDS {
        let app = TestApp::start(Database::Postgres).await;
        let last = prepare(&app).await;
        let tamper = Tamper { db: app.portal.db.clone(), last };
        let expected = tamper.tamper(kind, &mut dice).await;
        check(&verify::verify(&tamper.db, &against(&app)).await.unwrap(), &expected, kind);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_to_the_checkpoints_themselves_is_told() {
    let app = TestApp::start(Database::Sqlite).await;
    prepare(&app).await;
    let file = app.portal.config.checkpoint_file.clone();
    let whole = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let without = |n: usize| {
        lines.iter().enumerate().filter(|(m, _)| *m != n).map(|(_, line)| *line).collect::<Vec<_>>().join("\n") + "\n"
    };
    let swapped = {
        let mut each = lines.clone();
        each.swap(2, 3);
        each.join("\n") + "\n"
    };
    let changed = whole.replacen(" 2026-", " 2025-", 1);
    let odd = format!("{whole}something else\n");
    for (bad, says) in [
        (without(3), "does not follow"),
        (without(0), "lines before this one are missing"),
        (swapped, "does not follow"),
        (changed, "signature does not fit"),
        (odd, "no checkpoint"),
        (String::new(), "missing or empty"),
    ] {
        std::fs::write(&file, bad).unwrap();
        let report = verify::verify(&app.portal.db, &against(&app)).await.unwrap();
        assert!(report.faults.iter().any(|fault| fault.what.contains(says)), "{says}: {:?}", report.faults);
    }
    std::fs::remove_file(&file).unwrap();
    let report = verify::verify(&app.portal.db, &against(&app)).await.unwrap();
    assert!(report.faults[0].what.contains("is missing"), "{:?}", report.faults);
    // A torn line that the next one goes on after is no fault; one of another key is.
    std::fs::write(&file, format!("{}\ncare-portal-checkpoint-1 17 20\n{}\n", lines[0], lines[1])).unwrap();
    let report = verify::verify(&app.portal.db, &against(&app)).await.unwrap();
    assert!(report.faults.is_empty() && report.remarks[0].contains("cut short"), "{report:?}");
    let mut other = against(&app);
    other.keys = PublicKeys::default();
    assert!(other.keys.add("3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"));
    let report = verify::verify(&app.portal.db, &other).await.unwrap();
    assert!(report.faults[0].what.contains("another key"), "{:?}", report.faults);
    // Out of a process log, among other lines.
    std::fs::write(&file, format!("INFO serving\nINFO {}\nWARN x\n", lines[7])).unwrap();
    let log = Against { files: Vec::new(), logs: vec![file.clone()], ..against(&app) };
    let report = verify::verify(&app.portal.db, &log).await.unwrap();
    assert!(report.faults.is_empty() && report.checkpoints == 1, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_database_that_was_put_back_and_went_on_is_told() {
    let app = TestApp::start(Database::Sqlite).await;
    let last = prepare(&app).await;
    app.execute(&format!("DELETE FROM events WHERE id IN (SELECT event_id FROM seals WHERE seq > {})", last - 20))
        .await;
    app.execute(&format!("DELETE FROM seals WHERE seq > {}", last - 20)).await;
    invite_more(&app, 500, 3).await;
    let mut notary = care_portal::audit::sealer::Notary::open(app.portal.clone()).await.unwrap();
    let refused = care_portal::audit::sealer::seal_all(&app.portal, &mut notary, true).await;
    assert!(refused.is_err(), "a shorter chain is never signed");
    let report = verify::verify(&app.portal.db, &against(&app)).await.unwrap();
    assert!(!report.faults.is_empty());
    invite_more(&app, 600, 40).await;
    seal(&app).await;
    let report = verify::verify(&app.portal.db, &against(&app)).await.unwrap();
    assert!(
        report.faults[0].what.contains("another hash") && report.faults[0].since <= Some(last - 19),
        "{:?}",
        report.faults
    );
}
