//! Notes and flags: what must be seen, what is resolved by whom, and that a note stays as it was written.

use care_portal::{
    access::{DefaultRole, RoleKey},
    identity::actions::act_from_terminal,
    notes::{self, Review},
    types::{PatientId, ReadingId},
};
use reqwest::StatusCode;

use crate::{
    on_both,
    support::app::{Database, Person, TestApp, location},
};

const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);

/// A patient with one red, one amber and two grey entries.
async fn flagged(app: &TestApp, number: &str) -> PatientId {
    let id = app.patient(app.cardiology, number, "Agnes Vance").await;
    let entries = [("blood_pressure", "171/104"), ("blood_pressure", "150/80"), ("weight", "70"), ("heart_rate", "70")];
    for (n, (module, value)) in (0..).zip(entries) {
        app.reading(id, module, value, app.minutes_ago(60 - n)).await;
    }
    id
}

fn path(app: &TestApp, id: PatientId, end: &str) -> String {
    format!("{}/patients/{id}{end}", app.cardiology.path())
}

/// What the page's form carries of each module.
fn entries(page: &str) -> Vec<String> {
    let parts = page.split("name=\"entries\" value=\"").skip(1);
    parts.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

async fn press(person: &Person, path: &str, entries: &[String], more: &[(&str, &str)]) -> (StatusCode, String) {
    let mut form: Vec<(&str, &str)> = entries.iter().map(|entry| ("entries", entry.as_str())).collect();
    form.extend(more);
    let answer = person.post(path, &form).await;
    (answer.status(), answer.text().await.unwrap())
}

async fn flags(app: &TestApp, id: PatientId) -> (i64, i64, i64) {
    let of = async |colour: &str| {
        app.count(&format!("SELECT {colour} FROM patients WHERE id = {}", app.literal(id.uuid()))).await
    };
    (of("red").await, of("amber").await, of("grey").await)
}

on_both! {
    async fn nothing_is_resolved_that_was_not_seen_or_without_a_note(app: &TestApp) {
        let id = flagged(app, "NF-1").await;
        let nurse = app.person("nurse", STAFF, app.cardiology).await;
        let to = path(app, id, "/flags");
        let page = nurse.page(&to).await;
        let shown = entries(&page);
        assert_eq!(shown.len(), 3, "a module each: {page}");
        assert!(page.contains("I have seen these 2 entries of Blood pressure"), "{page}");
        for (form, sentences) in [
            (vec![("note", "Called her"), ("do", "resolve")], vec!["tick that you have seen"]),
            (vec![("note", "Called her"), ("do", "resolve"), ("seen", "weight")], vec!["tick that you have seen"]),
            (vec![("note", "  "), ("do", "resolve"), ("seen", "blood_pressure")], vec!["a note cannot be empty", " checked"]),
            (vec![("do", "note")], vec!["a note cannot be empty"]),
        ] {
            let (status, page) = press(&nurse, &to, &shown, &form).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{form:?}");
            for sentence in sentences {
                assert!(page.contains(sentence), "{sentence}: {page}");
            }
            if form[0].1 == "Called her" {
                assert!(page.contains(">Called her</textarea>"), "what was typed is kept");
            }
        }
        // The page says of no entry how bad it is: who leaves the tick out of a form of their own gets no further.
        let forged: Vec<_> = shown.iter().map(|entry| entry.replace("blood_pressure:", "weight:")).collect();
        let (status, _) = press(&nurse, &to, &forged, &[("note", "Called her"), ("do", "resolve")]).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        let long = "x".repeat(4001);
        let (status, _) = press(&nurse, &to, &shown, &[("note", &long), ("seen", "blood_pressure")]).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(flags(app, id).await, (1, 1, 2));
        assert_eq!(app.count("SELECT COUNT(*) FROM notes").await, 0);

        // A note may also leave the flags.
        let (status, _) = press(&nurse, &to, &shown, &[("note", "No answer yet"), ("do", "note")]).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        assert_eq!((flags(app, id).await, app.events("note.added").await), ((1, 1, 2), 1));
    }

    async fn a_note_resolves_exactly_what_was_seen(app: &TestApp) {
        let id = flagged(app, "NF-2").await;
        let other = flagged(app, "NF-3").await;
        let nurse = app.person("nurse", STAFF, app.cardiology).await;
        let to = path(app, id, "/flags");
        let mut shown = entries(&nurse.page(&to).await);
        // Another patient's entries in the form are nobody's business.
        shown.extend(entries(&nurse.page(&path(app, other, "/flags")).await));
        app.reading(id, "oxygen", "85", app.minutes_ago(1)).await;
        app.reading(id, "blood_pressure", "172/105", app.minutes_ago(1)).await;
        // Typed nothing: the page comes back, and the tick is gone because there is something new to see.
        let (status, page) = press(&nurse, &to, &shown, &[("seen", "blood_pressure"), ("note", "")]).await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && !page.contains(" checked") && page.contains("172/105"), "{page}");
        let form = [("seen", "blood_pressure"), ("note", "Rang her: <fine>, new cuff.\r\nAgain tomorrow."), ("do", "resolve")];
        let answer = {
            let mut all: Vec<(&str, &str)> = shown.iter().map(|entry| ("entries", entry.as_str())).collect();
            all.extend(form);
            nurse.post(&to, &all).await
        };
        assert_eq!(location(&answer), path(app, id, ""));
        assert_eq!(flags(app, id).await, (2, 0, 0), "what arrived meanwhile stays flagged");
        assert_eq!(flags(app, other).await, (1, 1, 2), "and so does everybody else");
        let page = nurse.page(&path(app, id, "")).await;
        assert!(page.contains("Note added; 4 entries reviewed.") && page.contains("2 entries that arrived meanwhile"), "{page}");
        assert_eq!(app.count("SELECT COUNT(*) FROM readings WHERE note_id IS NOT NULL").await, 4);
        assert_eq!(app.count("SELECT COUNT(*) FROM notes WHERE red = 1 AND amber = 1 AND grey = 2").await, 1);
        assert_eq!(app.events("flags.resolved").await, 1);
        let events = app.dump("events").await;
        assert!(!events.contains("new cuff") && !events.contains("171/"), "neither words nor values in the log");
        // Sent a second time, the same words are no second note.
        let (status, _) = press(&nurse, &to, &shown, &form).await;
        assert_eq!((status, app.count("SELECT COUNT(*) FROM notes").await), (StatusCode::SEE_OTHER, 1));
        let page = nurse.page(&path(app, id, "/notes")).await;
        for part in ["nurse Example", "NE", "Rang her: &#60;fine&#62;, new cuff.", "Reviewed", "Monday 21 September 2026"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let table = nurse.page(&path(app, id, "/readings/blood_pressure?view=table")).await;
        assert_eq!((table.matches("Not reviewed").count(), table.matches(" Yes</td>").count()), (1, 2), "{table}");
        // Nothing pending: a note may be written all the same.
        let ids = app.admin().await;
        let (status, _) = press(&ids, &path(app, id, "/flags"), &entries(&ids.page(&to).await), &[("seen", "blood_pressure"), ("seen", "oxygen"), ("note", "Seen"), ("do", "resolve")]).await;
        assert_eq!((status, flags(app, id).await), (StatusCode::SEE_OTHER, (0, 0, 0)));
        assert!(ids.page(&to).await.contains("No flags are pending"));
        let (status, _) = press(&ids, &to, &[], &[("note", "Visited"), ("do", "resolve")]).await;
        assert_eq!((status, app.count("SELECT COUNT(*) FROM notes").await), (StatusCode::SEE_OTHER, 3));
    }

    async fn a_note_is_never_changed_only_added_to(app: &TestApp) {
        let id = flagged(app, "NF-4").await;
        let other = flagged(app, "NF-5").await;
        let ada = app.admin().await;
        let caller = app.admin_caller().await;
        let note = notes::actions::add_note(&app.portal, &caller, id, "First").await.unwrap();
        let list = path(app, id, "/notes");
        let to = note.to_string();
        let add = async |at: &str, to: &str, text: &str| ada.post(at, &[("to", to), ("note", text)]).await;
        assert_eq!(add(&list, &to, " ").await.status(), 422);
        assert_eq!(add(&path(app, other, "/notes"), &to, "Not hers").await.status(), 404);
        assert_eq!(add(&list, "note_x", "Nothing").await.status(), 404);
        let answer = add(&list, &to, "And then?").await;
        assert!(location(&answer).ends_with(&format!("/notes#{note}")), "{}", location(&answer));
        assert_eq!(add(&list, &to, "And then?").await.status(), 303, "sent twice, added once");
        assert_eq!(app.count("SELECT COUNT(*) FROM notes WHERE addendum_to IS NOT NULL").await, 1);
        let addendum = care_portal::types::NoteId::from_uuid(app.uuid("SELECT id FROM notes WHERE addendum_to IS NOT NULL").await);
        assert_eq!(add(&list, &addendum.to_string(), "To an addendum").await.status(), 404);
        assert!(ada.page(&list).await.contains("Addendum by Ada Okafor"));
        for sql in ["UPDATE notes SET text = 'Other'", "DELETE FROM notes", "UPDATE notes SET red = 0"] {
            let refused = app.try_execute(sql).await.unwrap_err().to_string();
            assert!(refused.contains("a note cannot be changed"), "{sql}: {refused}");
        }
        for n in 0..60 {
            app.advance(std::time::Duration::from_secs(1));
            notes::actions::add_note(&app.portal, &caller, id, &format!("Note {n}")).await.unwrap();
        }
        let (mut at, mut seen) = (list.clone(), Vec::new());
        loop {
            let page = ada.page(&at).await;
            seen.extend(page.split("<p class=\"written-text\">").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()));
            let Some(next) = page.split("rel=\"next\" href=\"").nth(1) else { break };
            at = next.split('"').next().unwrap().replace("&#38;", "&");
        }
        assert_eq!(seen.len(), 62, "sixty, the first one, and what was added to it");
        assert_eq!((seen[0].as_str(), seen[60].as_str()), ("Note 59", "First"));
    }

    async fn of_many_who_resolve_at_once_each_entry_is_ones(app: &TestApp) {
        let other = care_portal::app::open(app.portal.config.clone(), app.portal.clock.clone()).await.unwrap();
        for word in ["nina", "omar"] {
            app.person(word, STAFF, app.cardiology).await;
        }
        for round in 0..3 {
            let id = flagged(app, &format!("NF-R{round}")).await;
            let of = app.literal(id.uuid());
            let mut ids = Vec::new();
            for n in 0..4 {
                let sql = format!("SELECT id FROM readings WHERE patient_id = {of} ORDER BY id LIMIT 1 OFFSET {n}");
                ids.push(ReadingId::from_uuid(app.uuid(&sql).await));
            }
            let tasks: Vec<_> = (0..8)
                .map(|n| {
                    let portal = if n % 2 == 0 { app.portal.clone() } else { other.clone() };
                    // Everybody sees another part, and all parts overlap.
                    let seen: Vec<_> = ids.iter().copied().cycle().skip(n).take(3).collect();
                    tokio::spawn(async move {
                        let email = format!("{}@northfield.example", ["nina", "omar"][n % 2]);
                        let caller = act_from_terminal(&portal, &email).await.unwrap();
                        let review = Review { text: format!("Round {n}"), seen, beside: Vec::new() };
                        notes::actions::resolve_flags(&portal, &caller, id, &review).await.unwrap()
                    })
                })
                .collect();
            let mut reviewed = 0;
            for task in tasks {
                let resolved = task.await.unwrap();
                reviewed += resolved.reviewed.all();
                assert_eq!(resolved.reviewed.all() + resolved.gone, 3);
            }
            assert_eq!(reviewed, 4, "each once");
            assert_eq!(flags(app, id).await, (0, 0, 0));
            let sum = format!("SELECT CAST(SUM(red + amber + grey) AS BIGINT) FROM notes WHERE patient_id = {of}");
            assert_eq!(app.count(&sum).await, 4, "and each note tells what it reviewed");
            let wrong = format!("SELECT COUNT(*) FROM notes n WHERE n.patient_id = {of} AND n.red + n.amber + n.grey <> (SELECT COUNT(*) FROM readings r WHERE r.note_id = n.id)");
            assert_eq!(app.count(&wrong).await, 0);
        }
    }

    async fn everything_before_a_day_is_reviewed_at_once(app: &TestApp) {
        let id = flagged(app, "NF-6").await;
        let caller = app.admin_caller().await;
        let before = app.minutes_ago(58);
        let resolved = notes::actions::review_before(&app.portal, &caller, id, "Ward round", before).await.unwrap();
        assert_eq!((resolved.reviewed.all(), resolved.left.all()), (2, 2));
        assert_eq!(flags(app, id).await, (0, 0, 2));
    }
}
