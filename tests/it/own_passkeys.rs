//! The passkeys that somebody has: who may add one, how many, under which name, and that the last factor stays.

use care_portal::{
    access::{DefaultRole, RoleKey},
    error::Error,
    identity::actions,
};
use reqwest::StatusCode;
use serde_json::json;

use crate::{
    on_both_by_name,
    passkeys::{Device, add, forget_factors, give, half, is_in, passkeys, send_new, start, with_passkey},
    support::app::{Database, TestApp, location},
};

const ADA: &str = "ada@northfield.example";
const BEN: &str = "ben@northfield.example";
const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);

on_both_by_name! {
    async fn a_half_session_adds_the_first_factor_and_no_other(app: &TestApp) {
        let person = half(app, ADA).await;
        let (status, body) = person.json("POST", "/passkeys/add/start", Some(json!({}))).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{body}");
        assert_eq!(location(&send_new(&person, "", &json!({}), "Key").await), "/sign-in/second-factor");
        // Somebody else was quicker with another half session.
        app.person("ben", STAFF, app.cardiology).await;
        forget_factors(app, BEN).await;
        let (first, second) = (half(app, BEN).await, half(app, BEN).await);
        let (ceremony, options) = start(&second, "add").await;
        let mut device = Device::at(&app.url);
        assert_eq!(add(&first, &mut device).await.status(), StatusCode::OK);
        let late = Device::at(&app.url).create(&options);
        assert_eq!(location(&send_new(&second, &ceremony, &late, "Key").await), "/sign-in");
        assert_eq!(passkeys(app).await, 1);
        // And whoever is signed in must have proved it a moment ago.
        let ada = app.admin().await;
        let (ceremony, options) = start(&ada, "add").await;
        app.execute("UPDATE sessions SET proved_at = proved_at - 600000").await;
        let (status, body) = ada.json("POST", "/passkeys/add/start", Some(json!({}))).await;
        assert_eq!((status, &body["code"]), (StatusCode::UNAUTHORIZED, &json!("step_up_required")));
        let made = Device::at(&app.url).create(&options);
        assert!(!send_new(&ada, &ceremony, &made, "Key").await.status().is_success());
        assert_eq!(passkeys(app).await, 1);
    }

    async fn the_twenty_first_passkey_is_refused(app: &TestApp) {
        let ada = app.admin().await;
        for _ in 0..20 {
            let mut device = Device { counter: 0, ..Device::at(&app.url) };
            assert_eq!(location(&add(&ada, &mut device).await), "/profile");
        }
        let (status, body) = ada.json("POST", "/passkeys/add/start", Some(json!({}))).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert!(body["detail"].as_str().unwrap().contains("20 passkeys already"), "{body}");
    }

    async fn a_name_that_cannot_be_used_is_refused_beside_its_field(app: &TestApp) {
        let ada = app.admin().await;
        let (ceremony, options) = start(&ada, "add").await;
        let made = Device::at(&app.url).create(&options);
        let answer = send_new(&ada, &ceremony, &made, " ").await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text().await.unwrap().contains("id=\"name-error\""));
        assert_eq!(send_new(&ada, &ceremony, &made, "Zoë’s phone").await.status(), StatusCode::SEE_OTHER, "the challenge waits");
    }

    async fn the_last_factor_stays_where_one_is_asked(app: &TestApp) {
        let (ada, mut device) = with_passkey(app, ADA).await;
        let caller = app.admin_caller().await;
        let account = caller.actor().unwrap().account;
        let listed = actions::list_passkeys(&app.portal, account).await.unwrap();
        assert_eq!(listed.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["Work laptop"]);
        let id = listed[0].id;
        actions::rename_passkey(&app.portal, &caller, id, "  Desk ").await.unwrap();
        assert_eq!(actions::list_passkeys(&app.portal, account).await.unwrap()[0].name, "Desk");
        app.person("ben", STAFF, app.cardiology).await;
        let ben = care_portal::identity::actions::act_from_terminal(&app.portal, BEN).await.unwrap();
        assert!(matches!(actions::rename_passkey(&app.portal, &ben, id, "Mine").await, Err(Error::NotFound)));
        assert!(matches!(actions::remove_passkey(&app.portal, &ben, id).await, Err(Error::NotFound)));
        actions::remove_authenticator(&app.portal, &caller).await.unwrap();
        assert!(matches!(actions::remove_authenticator(&app.portal, &caller).await, Err(Error::NotFound)));
        let refused = actions::remove_passkey(&app.portal, &caller, id).await;
        assert!(matches!(&refused, Err(Error::Conflict(why)) if why.contains("only second factor")), "{refused:?}");
        assert_eq!(give(&app.visitor(), "sign-in", &mut device).await.0, StatusCode::OK, "it is still there");
        app.execute("UPDATE organisations SET second_factor = 'nobody'").await;
        actions::remove_passkey(&app.portal, &caller, id).await.unwrap();
        assert_eq!(app.count("SELECT COUNT(*) FROM recovery_codes r JOIN accounts a ON a.id = r.account_id WHERE a.email_key = 'ada@northfield.example'").await, 0);
        assert_eq!(give(&app.visitor(), "sign-in", &mut device).await.0, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(is_in(app, &ada).await, "the terminal is no session that would end the others");
        assert_eq!(app.events("passkey.removed").await, 1);
    }
}
