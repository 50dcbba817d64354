//! A real portal on a free port, with a clock that the test turns, and people who work in it.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use care_portal::{
    access::{DefaultRole, Origin, Permission, PermissionSet, RoleKey, Scope},
    app,
    config::Config,
    identity::{self, Presence, actions::Who},
    invitations::{Accepted, Code, NewBatch, Window, actions, csv_file::columns::Line, link_of},
    op::{Caller, Op},
    outbox::{self, Transport, Worker},
    plans::{self, NewPlan, State},
    portal::Portal,
    roles::{self, RoleDraft},
    sites,
    types::{Clock, EmailAddress, InvitationId, MembershipId, PlanId, RoleId, Timestamp},
};
use reqwest::{Client, Response, StatusCode, redirect};
use serde_json::Value;
use tokio::net::TcpListener;
use totp_rs::Totp;

use super::postgres;

pub const PASSWORD: &str = "quiet maple river lantern";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Database {
    Sqlite,
    Postgres,
}

pub struct TestApp {
    pub portal: Portal,
    pub url: String,
    pub organisation: Scope,
    pub cardiology: Scope,
    pub diabetes: Scope,
    /// The hospital's own role: sees patients, invites staff.
    pub coordinator: RoleKey,
    _folder: tempfile::TempDir,
}

impl TestApp {
    pub async fn start(database: Database) -> Self {
        Self::start_with(database, &[]).await
    }

    /// Reached by a name, as passkeys need it: browsers bind them to no IP address.
    pub async fn start_by_name(database: Database) -> Self {
        Self::start_with(database, &[("PUBLIC_URL", "http://localhost:{port}".to_owned())]).await
    }

    /// Settings are given as environment variables without the prefix.
    pub async fn start_with(database: Database, settings: &[(&str, String)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut environment = BTreeMap::from([
            ("CARE_PORTAL_LISTEN".to_owned(), address.to_string()),
            ("CARE_PORTAL_PUBLIC_URL".to_owned(), format!("http://{address}")),
            ("CARE_PORTAL_DATA_DIR".to_owned(), folder.path().display().to_string()),
            ("CARE_PORTAL_SESSION_IDLE_MINUTES".to_owned(), "60".to_owned()),
        ]);
        if database == Database::Postgres {
            environment.insert("CARE_PORTAL_DATABASE_URL".to_owned(), postgres::fresh_database(None).await);
        }
        for (name, value) in settings {
            environment.insert(format!("CARE_PORTAL_{name}"), value.replace("{port}", &address.port().to_string()));
        }
        let config = Config::from_parts("", environment).unwrap();
        let clock = Clock::manual(Timestamp(1_790_000_000_000));
        let portal = app::open(config, clock).await.unwrap();
        let router = app::router(&portal).unwrap();
        tokio::spawn(async move {
            axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
        });
        let by_name = portal.config.public_host() == "localhost";
        let url = if by_name { portal.config.public_origin() } else { format!("http://{address}") };
        Self::furnish(portal, url, folder).await
    }

    async fn furnish(portal: Portal, url: String, folder: tempfile::TempDir) -> Self {
        let terminal = Caller::Portal(Origin { address: "terminal".to_owned(), agent: String::new() });
        let mut op = Op::begin(&portal, &terminal).await.unwrap();
        let domains = vec!["northfield.example".to_owned()];
        let made = sites::actions::create_organisation(&mut op, "Northfield Hospital", "Europe/London", domains)
            .await
            .unwrap();
        let organisation = Scope::organisation(made.id);
        let email = EmailAddress::parse("ada@northfield.example").unwrap();
        let (_, first) = actions::invite_first_admin(&mut op, organisation, email).await.unwrap();
        op.commit().await.unwrap();
        accept(&portal, first.id, "Ada Okafor").await;
        let admin = identity::actions::act_from_terminal(&portal, "ada@northfield.example").await.unwrap();
        let cardiology = sites::actions::create_deployment(&portal, &admin, made.id, "Cardiology").await.unwrap();
        let diabetes = sites::actions::create_deployment(&portal, &admin, made.id, "Diabetes Care").await.unwrap();
        let permissions: PermissionSet = [Permission::ViewPatientData, Permission::InviteStaff].into_iter().collect();
        let draft = RoleDraft { name: "Ward Coordinator".to_owned(), permissions };
        let role = roles::actions::create_role(&portal, &admin, organisation, &draft).await.unwrap();
        Self {
            organisation,
            cardiology: Scope::deployment(made.id, cardiology.id),
            diabetes: Scope::deployment(made.id, diabetes.id),
            coordinator: role.key,
            portal,
            url,
            _folder: folder,
        }
    }

    /// Another hospital in the same portal, and its Admin.
    pub async fn second_organisation(&self) -> (Scope, Person) {
        let terminal = Caller::Portal(Origin { address: "terminal".to_owned(), agent: String::new() });
        let mut op = Op::begin(&self.portal, &terminal).await.unwrap();
        let domains = vec!["southfield.example".to_owned()];
        let made = sites::actions::create_organisation(&mut op, "Southfield Hospital", "Europe/London", domains)
            .await
            .unwrap();
        let organisation = Scope::organisation(made.id);
        let email = EmailAddress::parse("grace@southfield.example").unwrap();
        let (_, first) = actions::invite_first_admin(&mut op, organisation, email).await.unwrap();
        op.commit().await.unwrap();
        accept(&self.portal, first.id, "Grace Mbeki").await;
        (organisation, self.sign_in("grace@southfield.example").await)
    }

    /// A member of staff who has joined; the address is `<word>@northfield.example`.
    pub async fn person(&self, word: &str, role: RoleKey, scope: Scope) -> Person {
        let admin = identity::actions::act_from_terminal(&self.portal, "ada@northfield.example").await.unwrap();
        let invitation = self.invite(&admin, scope, role, &format!("{word}@northfield.example")).await;
        accept(&self.portal, invitation, &format!("{word} Example")).await;
        self.sign_in(&format!("{word}@northfield.example")).await
    }

    pub async fn default(&self, role: DefaultRole, scope: Scope) -> Person {
        self.person(role.key(), RoleKey::Default(role), scope).await
    }

    pub async fn admin(&self) -> Person {
        self.sign_in("ada@northfield.example").await
    }

    /// Invites by the action itself.
    pub async fn invite(&self, by: &Caller, scope: Scope, role: RoleKey, email: &str) -> InvitationId {
        let batch = NewBatch {
            scope,
            role,
            window: Window::Week,
            access_from: None,
            access_until: None,
            texts: vec![email.to_owned()],
            confirmed: vec![email.to_owned()],
            note: String::new(),
            request_key: self.portal.new_id::<care_portal::types::kind::Batch>().to_string(),
        };
        let answer = actions::invite_staff(&self.portal, by, batch).await.unwrap();
        answer.sent.first().unwrap_or_else(|| panic!("{email} was not invited: {:?}", answer.not_sent)).invitation
    }

    /// A plan by the Admin, of addresses that all get one role.
    pub async fn plan(&self, scope: Scope, emails: &[&str], role: &str) -> PlanId {
        let lines = emails.iter().enumerate();
        let lines = lines.map(|(n, email)| Line { number: n + 1, text: (*email).to_owned(), ..Line::default() });
        let new = NewPlan {
            scope,
            title: "Changeover".to_owned(),
            note: String::new(),
            role: role.to_owned(),
            deployment: None,
            window: Window::Week,
            access_until: None,
            lines: lines.collect(),
            unused: Vec::new(),
            request_key: self.portal.new_id::<care_portal::types::kind::Plan>().to_string(),
        };
        plans::actions::make_plan(&self.portal, &self.admin_caller().await, new).await.unwrap()
    }

    /// Somebody accepts an invitation by its first link.
    pub async fn join_as(&self, invitation: InvitationId, name: &str) {
        accept(&self.portal, invitation, name).await;
    }

    /// Lets the portal go on with a plan until it ends, as its own loop does.
    pub async fn finish(&self, plan: PlanId) -> State {
        plans::actions::work_through(&self.portal, plan, |_| {}).await.unwrap().state
    }

    pub async fn admin_caller(&self) -> Caller {
        identity::actions::act_from_terminal(&self.portal, "ada@northfield.example").await.unwrap()
    }

    /// Signs in with password and code, as everybody must here.
    pub async fn sign_in(&self, email: &str) -> Person {
        // Their usual browser: nothing new to tell them of.
        let jar = reqwest::cookie::Jar::default();
        jar.add_cookie_str(&format!("browser={}", usual_browser(email)), &self.url.parse().unwrap());
        let client = Client::builder().cookie_provider(jar.into()).redirect(redirect::Policy::none()).build().unwrap();
        let person = Person { client, url: self.url.clone() };
        let answer = person.post("/sign-in", &[("email", email), ("password", PASSWORD)]).await;
        assert_eq!(location(&answer), "/sign-in/second-factor", "{email} gives the password");
        let code = self.code_of(email).await;
        let answer = person.post("/sign-in/second-factor", &[("code", &code)]).await;
        assert_eq!(location(&answer), "/", "{email} signs in");
        person
    }

    /// The code that a person's phone shows now. A code counts once, and here the clock stands still between two sign-ins, so
    /// what was used is forgotten first.
    pub async fn code_of(&self, email: &str) -> String {
        self.execute("UPDATE authenticators SET last_step = 0").await;
        self.phone_of(email).await.generate(self.seconds()).to_string()
    }

    /// A person's authenticator app.
    pub async fn phone_of(&self, email: &str) -> Totp {
        let account = self.uuid(&format!("SELECT id FROM accounts WHERE email_key = '{email}'")).await;
        let sql = format!("SELECT seed FROM authenticators WHERE account_id = {}", self.literal(account));
        let secret = self.portal.keys.authenticator_secret(account, &self.bytes(&sql).await);
        totp_rs::Builder::new()
            .with_secret(totp_rs::Secret::new_stack(secret))
            .with_account_name(email)
            .with_issuer(Some("Care Portal"))
            .build()
            .unwrap()
    }

    /// Now, as authenticators count.
    pub fn seconds(&self) -> u64 {
        u64::try_from(self.portal.now().0 / 1000).unwrap()
    }

    /// An id as the database's own SQL writes it.
    pub fn literal(&self, id: uuid::Uuid) -> String {
        if self.portal.db.is_sqlite() { format!("x'{}'", id.simple()) } else { format!("'{id}'") }
    }

    /// One value of bytes from the database.
    pub async fn bytes(&self, sql: &str) -> Vec<u8> {
        use sea_orm::{ConnectionTrait, Statement};
        let db = self.portal.db.reader();
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    /// A browser in which nobody is signed in.
    pub fn visitor(&self) -> Person {
        let client = Client::builder().cookie_store(true).redirect(redirect::Policy::none()).build().unwrap();
        Person { client, url: self.url.clone() }
    }

    /// The link's code of an invitation's generation.
    pub fn code(&self, invitation: InvitationId, generation: i64) -> String {
        link_of(&self.portal, invitation, generation).1
    }

    pub fn advance(&self, by: Duration) {
        self.portal.clock.advance(by);
    }

    /// Answers who has forgotten a password, and sends every mail that is due to the configured transport.
    pub async fn send_mail(&self) -> usize {
        identity::actions::answer_reset_requests(&self.portal).await.unwrap();
        let transport = Transport::from_config(&self.portal.config).unwrap();
        outbox::drain(&Worker::new(self.portal.clone(), app::emails(), transport)).await.unwrap()
    }

    /// The mails in the folder to this address as their reader sees them: subject, an empty line, the text. Mails of one instant come
    /// in any order.
    pub fn mails_to(&self, address: &str) -> Vec<String> {
        let Ok(folder) = std::fs::read_dir(self.portal.config.mail_folder()) else { return Vec::new() };
        let mut files: Vec<_> = folder.map(|file| file.unwrap().path()).collect();
        files.sort();
        let mails = files.iter().rev().filter_map(|file| {
            let bytes = std::fs::read(file).unwrap();
            let mail = mail_parser::MessageParser::default().parse(&bytes)?;
            let to = mail.to()?.first()?.address()?;
            (to == address).then(|| format!("{}\n\n{}", mail.subject().unwrap(), mail.body_text(0).unwrap()))
        });
        mails.collect()
    }

    /// One number from the database.
    pub async fn count(&self, sql: &str) -> i64 {
        use sea_orm::{ConnectionTrait, Statement};
        let db = self.portal.db.reader();
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    /// One id from the database.
    pub async fn uuid(&self, sql: &str) -> uuid::Uuid {
        use sea_orm::{ConnectionTrait, Statement};
        let db = self.portal.db.reader();
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    /// The printed ids of the colleague and the role that exist to be changed, where a test has made them.
    pub async fn spare(&self) -> Spare {
        let membership = self.uuid("SELECT id FROM memberships WHERE email_key = 'spare@northfield.example'").await;
        let role = self.uuid("SELECT id FROM custom_roles WHERE name LIKE 'Spare%'").await;
        Spare { membership: MembershipId::from_uuid(membership).to_string(), role: RoleId::from_uuid(role).to_string() }
    }

    /// Every value of a table as text.
    pub async fn dump(&self, table: &str) -> String {
        use sea_orm::{FromQueryResult, JsonValue, Statement};
        let db = self.portal.db.reader();
        let sql = if self.portal.db.is_sqlite() {
            format!("SELECT * FROM {table}")
        } else {
            format!("SELECT to_jsonb(t)::text AS t FROM {table} t")
        };
        let rows =
            JsonValue::find_by_statement(Statement::from_string(db.get_database_backend(), sql)).all(db).await.unwrap();
        assert!(!rows.is_empty(), "{table} has rows");
        serde_json::to_string(&rows).unwrap()
    }

    /// The printed id of somebody's only membership.
    pub async fn member(&self, word: &str) -> String {
        let sql = format!("SELECT id FROM memberships WHERE email_key = '{word}@northfield.example'");
        MembershipId::from_uuid(self.uuid(&sql).await).to_string()
    }

    /// Changes the database behind the portal's back, as a colleague's action at this moment would.
    pub async fn execute(&self, sql: &str) {
        self.try_execute(sql).await.unwrap();
    }

    pub async fn try_execute(&self, sql: &str) -> Result<(), sea_orm::DbErr> {
        use sea_orm::ConnectionTrait;
        let tx = self.portal.db.begin_write().await?;
        tx.execute_unprepared(sql).await?;
        tx.commit().await
    }

    /// The actions in the access log, oldest first.
    pub async fn events(&self, action: &str) -> i64 {
        self.count(&format!("SELECT COUNT(*) FROM events WHERE action = '{action}'")).await
    }
}

pub struct Spare {
    pub membership: String,
    pub role: String,
}

async fn accept(portal: &Portal, invitation: InvitationId, name: &str) {
    let (_, code) = link_of(portal, invitation, 1);
    let visitor = Caller::Visitor(Origin::default());
    let accepted =
        actions::accept_invitation(portal, &visitor, Code::parse(&code).as_ref(), name, PASSWORD).await.unwrap();
    let Accepted::Joined { session: Some(session), .. } = accepted else { panic!("{name} joins: {accepted:?}") };
    set_up_authenticator(portal, session.token.expose()).await;
}

/// As a phone would: reads the address in the picture, and types the code back.
async fn set_up_authenticator(portal: &Portal, token: &str) {
    let presence = identity::actions::authenticate_session(portal, token, Origin::default()).await.unwrap();
    let Presence::Half(half) = presence else { panic!("a second factor is asked: {presence:?}") };
    let offer = identity::actions::offer_authenticator(portal, &half.account, None).unwrap();
    let seconds = u64::try_from(portal.now().0 / 1000).unwrap();
    let code = Totp::from_url(&offer.url).unwrap().generate(seconds).to_string();
    let browser = usual_browser(&half.account.email);
    identity::actions::add_authenticator(portal, &Who::Half(&half), &offer.seed, &code, Some(&browser)).await.unwrap();
}

/// The token of the browser that somebody has always used.
fn usual_browser(email: &str) -> String {
    use base64::Engine as _;
    let bytes = care_portal::types::sha256("the usual browser", email.as_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// An authenticator app into which somebody has typed a key.
pub fn phone_with(key: &str) -> Totp {
    let url = format!("otpauth://totp/Care%20Portal:typed?secret={}&issuer=Care%20Portal", key.replace(' ', ""));
    Totp::from_url(&url).unwrap()
}

/// A browser without a face.
pub struct Person {
    pub client: Client,
    pub url: String,
}

impl Person {
    pub async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).header("sec-fetch-site", "same-origin").send().await.unwrap()
    }

    /// The text of a page that must be there.
    pub async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status}\n{text}");
        text
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        self.client
            .post(format!("{}{path}", self.url))
            .header("sec-fetch-site", "same-origin")
            .form(form)
            .send()
            .await
            .unwrap()
    }

    pub async fn multipart(&self, path: &str, form: reqwest::multipart::Form) -> Response {
        self.client
            .post(format!("{}{path}", self.url))
            .header("sec-fetch-site", "same-origin")
            .multipart(form)
            .send()
            .await
            .unwrap()
    }

    pub async fn json(&self, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = self
            .client
            .request(method.parse().unwrap(), format!("{}{path}", self.url))
            .header("sec-fetch-site", "same-origin");
        if let Some(body) = body {
            request = request.json(&body).header("idempotency-key", "a-key");
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap_or(Value::Null))
    }

    /// Sets up an authenticator as a person does who cannot scan: types the key that the page shows into an app, and the app's
    /// code back. The page that comes then.
    pub async fn set_up_authenticator(&self, path: &str, seconds: u64) -> String {
        let page = self.page(path).await;
        let between = |from: &str, to: &str| {
            page.split(from)
                .nth(1)
                .and_then(|rest| rest.split(to).next())
                .unwrap_or_else(|| panic!("{from}: {page}"))
                .to_owned()
        };
        let phone = phone_with(&between("<code class=\"key\">", "<"));
        let (seed, next) = (between("name=\"seed\" value=\"", "\""), between("name=\"next\" value=\"", "\""));
        let code = phone.generate(seconds).to_string();
        let answer =
            self.post("/second-factor/authenticator", &[("seed", &seed), ("code", &code), ("next", &next)]).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.text().await.unwrap()
    }

    /// Fills and sends the invite form.
    pub async fn invite(&self, scope: Scope, addresses: &str, role: &str, more: &[(&str, &str)]) -> Response {
        let mut form =
            reqwest::multipart::Form::new().text("addresses", addresses.to_owned()).text("role", role.to_owned());
        let given = |name: &str| more.iter().any(|(known, _)| *known == name);
        for (name, value) in [("do", "send"), ("window", "7d"), ("send_key", "one-press")] {
            if !given(name) {
                form = form.text(name, value);
            }
        }
        for (name, value) in more {
            form = form.text((*name).to_owned(), (*value).to_owned());
        }
        self.multipart(&format!("{}/invitations/new", scope.path()), form).await
    }
}

/// Where an answer leads.
pub fn location(answer: &Response) -> String {
    answer.headers().get("location").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}
