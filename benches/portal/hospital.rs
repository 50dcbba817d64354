//! A hospital to measure in.

use crate::*;

/// An organisation with two deployments and its Admin, in a new database.
pub struct Hospital {
    pub portal: Portal,
    pub organisation: Scope,
    pub wards: [Scope; 2],
    pub admin: Caller,
    pub session: String,
    pub folder: TempDir,
    pub database: Option<String>,
}

impl Hospital {
    pub async fn found(settings: &[(&str, String)]) -> Self {
        Self::found_in(false, settings).await
    }

    pub async fn found_in(postgres: bool, settings: &[(&str, String)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings.to_vec();
        settings.push(("DATA_DIR", folder.path().display().to_string()));
        settings.push(("SESSION_IDLE_MINUTES", "60".to_owned()));
        // A measurement sends more in a minute than anybody may in a day. What one recipient gets is counted all the same.
        settings.push(("MAILS_PER_INVITER", "0".to_owned()));
        settings.push(("MAILS_PER_ORGANISATION", "0".to_owned()));
        let database = if postgres { Some(new_postgres_database().await) } else { None };
        if let Some(name) = &database {
            settings.push(("DATABASE_URL", postgres_database(name)));
        }
        let environment: BTreeMap<_, _> =
            settings.into_iter().map(|(name, value)| (format!("CARE_PORTAL_{name}"), value)).collect();
        let portal = app::open(Config::from_parts("", environment).unwrap(), Clock::System).await.unwrap();
        let terminal = Caller::Portal(Origin { address: "terminal".to_owned(), agent: String::new() });
        let mut op = Op::begin(&portal, &terminal).await.unwrap();
        let domains = vec!["northfield.example".to_owned()];
        let made = sites::actions::create_organisation(&mut op, "Northfield Hospital", "Europe/London", domains)
            .await
            .unwrap();
        let organisation = Scope::organisation(made.id);
        let email = EmailAddress::parse("ada@northfield.example").unwrap();
        let (_, first) = actions::invite_first_admin(&mut op, organisation, email).await.unwrap();
        // A measurement signs in by password alone; nobody types codes here.
        op.tx().execute_unprepared("UPDATE organisations SET second_factor = 'nobody'").await.unwrap();
        op.commit().await.unwrap();
        let session = accept(&portal, first.id, "Ada Okafor").await;
        let terminal = || identity::actions::act_from_terminal(&portal, "ada@northfield.example");
        let admin = terminal().await.unwrap();
        let mut wards = [organisation; 2];
        for (ward, name) in wards.iter_mut().zip(["Cardiology", "Diabetes Care"]) {
            let made_ward = sites::actions::create_deployment(&portal, &admin, made.id, name).await.unwrap();
            *ward = Scope::deployment(made.id, made_ward.id);
        }
        Self { organisation, wards, admin, session, folder, database, portal }
    }

    pub async fn tear_down(&self) {
        if let Some(name) = &self.database {
            run_on_postgres(&format!("DROP DATABASE \"{name}\" WITH (FORCE)")).await;
        }
    }

    pub async fn serve(&self, listener: TcpListener) {
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let router = app::router(&self.portal).unwrap();
        tokio::spawn(async move {
            axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
        });
    }

    pub async fn invite(&self, scope: Scope, who: std::ops::Range<usize>) -> Vec<InvitationId> {
        let texts = addresses(who);
        let batch = NewBatch {
            scope,
            role: RoleKey::Default(DefaultRole::DeploymentStaff),
            window: Window::Week,
            access_from: None,
            access_until: None,
            confirmed: texts.clone(),
            texts,
            note: String::new(),
            request_key: self.portal.new_id::<kind::Batch>().to_string(),
        };
        let answer = actions::invite_staff(&self.portal, &self.admin, batch).await.unwrap();
        answer.sent.into_iter().map(|row| row.invitation).collect()
    }

    /// Makes staff by SQL, half in each deployment; nobody of them can sign in.
    pub async fn hire(&self, count: usize) {
        let (id, now) = (self.id_of_row(), self.portal.now().0);
        let series = series(count);
        self.run(&format!(
            "INSERT INTO accounts (id, email, email_key, name, password_hash, address_proven, created_at, last_seen_at) {series} \
             SELECT {id}, 'grace.hopper' || (10000000 + i) || '@northfield.example', 'grace.hopper' || (10000000 + i) || '@northfield.example', \
             'Grace Hopper ' || (10000000 + i), '', (1 = 1), {now}, {now} FROM n"
        ))
        .await;
        let (organisation, first, second) =
            (self.literal(self.organisation), self.literal(self.wards[0]), self.literal(self.wards[1]));
        self.run(&format!(
            "INSERT INTO memberships (id, organisation_id, deployment_id, scope_id, account_id, live_account, role, name_key, email_key, joined_at) \
             {series} SELECT {id}, {organisation}, CASE WHEN i % 2 = 0 THEN {first} ELSE {second} END, CASE WHEN i % 2 = 0 THEN {first} ELSE {second} END, \
             {id}, {id}, '{role}', 'grace hopper ' || (10000000 + i), 'grace.hopper' || (10000000 + i) || '@northfield.example', {now} FROM n",
            role = DefaultRole::DeploymentStaff.key()
        ))
        .await;
    }

    /// Makes open invitations by SQL, half in each deployment, a hundred at an instant, in no order of their addresses.
    pub async fn fill_pending(&self, count: usize) {
        let id = self.id_of_row();
        let (organisation, first, second) =
            (self.literal(self.organisation), self.literal(self.wards[0]), self.literal(self.wards[1]));
        let batch = self.text("SELECT lower(hex(id)) FROM batches LIMIT 1").await;
        let admin = self.admin.actor().unwrap().account.uuid().simple().to_string();
        let sent = format!("{} + i / 100", self.portal.now().0 - 100_000);
        let email = "'p' || (10000000 + i * 7919 % 1000003) || '@northfield.example'";
        let series = series(count);
        let tx = self.portal.db.begin_write().await.unwrap();
        // Writing a million rows in no order needs room; reading is measured with the portal's own setting, on other connections.
        tx.execute_unprepared("PRAGMA cache_size = -500000").await.unwrap();
        for sql in [
            format!(
                "INSERT INTO mails (id, organisation_id, kind, about_id, generation, recipient, state, due_at, attempts, crashes, fence, answer, created_at, done_at) \
                 {series} SELECT {id}, {organisation}, 'invitation', {id}, 1, {email}, 'sent', {sent}, 1, 0, 1, '250 taken', {sent}, {sent} FROM n"
            ),
            format!(
                "INSERT INTO invitations (id, organisation_id, deployment_id, scope_id, email, email_key, live_email, role, role_permissions, inviter_id, batch_id, \
                 mail_id, generation, state, held_reason, link_copied, window_ms, sent_at, expires_at) {series} SELECT {id}, {organisation}, \
                 CASE WHEN i % 2 = 0 THEN {first} ELSE {second} END, CASE WHEN i % 2 = 0 THEN {first} ELSE {second} END, {email}, {email}, {email}, \
                 '{role}', 'view_patient_data', X'{admin}', X'{batch}', {id}, 1, 'pending', '', 0, 604800000, {sent}, {sent} + 604800000 + i % 3 FROM n",
                role = DefaultRole::DeploymentStaff.key()
            ),
        ] {
            tx.execute_unprepared(&sql).await.unwrap();
        }
        tx.commit().await.unwrap();
        self.run("PRAGMA cache_size = -2000").await;
        self.portal.db.reader().execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
    }

    /// Where 200 pages begin, spread evenly over the list.
    pub async fn places_in_list(&self, whole: bool, sort: Sort, size: usize) -> Vec<Option<Cursor>> {
        let column = match sort {
            Sort::Sent => "sent_at",
            Sort::Email => "email_key",
            Sort::Expires => "expires_at",
        };
        let (scope_column, size) = if whole { ("organisation_id", size) } else { ("scope_id", size / 2) };
        let sql = format!(
            "SELECT value, id FROM (SELECT CAST({column} AS TEXT) AS value, id, ROW_NUMBER() OVER (ORDER BY {column}, id) AS place FROM invitations \
             WHERE {scope_column} = {} AND closed_at IS NULL) WHERE place % {} = 0",
            self.literal(self.scope(whole)),
            (size / 200).max(1)
        );
        let db = self.portal.db.reader();
        let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
        let places = rows.iter().map(|row| {
            let (value, id): (String, InvitationId) =
                (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap());
            Some(Cursor::new(value, id, false))
        });
        places.collect()
    }

    pub fn scope(&self, whole: bool) -> Scope {
        if whole { self.organisation } else { self.wards[0] }
    }

    pub async fn run(&self, sql: &str) {
        let tx = self.portal.db.begin_write().await.unwrap();
        tx.execute_unprepared(sql).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub async fn count(&self, sql: &str) -> i64 {
        let db = self.portal.db.reader();
        db.query_one_raw(Statement::from_string(db.get_database_backend(), sql))
            .await
            .unwrap()
            .unwrap()
            .try_get_by_index(0)
            .unwrap()
    }

    pub async fn text(&self, sql: &str) -> String {
        let db = self.portal.db.reader();
        db.query_one_raw(Statement::from_string(db.get_database_backend(), sql))
            .await
            .unwrap()
            .unwrap()
            .try_get_by_index(0)
            .unwrap()
    }

    /// An id made of the row's number, in the order of the numbers as real ones are in the order of time.
    pub fn id_of_row(&self) -> String {
        self.id_of("i")
    }

    /// The same of any number.
    pub fn id_of(&self, n: &str) -> String {
        if self.portal.db.is_sqlite() {
            format!("unhex(printf('%012x%020x', 1700000000000 + {n}, {n}))")
        } else {
            format!("(lpad(to_hex(1700000000000 + {n}), 12, '0') || lpad(to_hex({n}), 20, '0'))::uuid")
        }
    }

    pub fn literal(&self, scope: Scope) -> String {
        let digits = scope.id().simple();
        if self.portal.db.is_sqlite() { format!("X'{digits}'") } else { format!("'{digits}'::uuid") }
    }
}

/// The rows 1 to `count` of the table `n`.
pub fn series(count: usize) -> String {
    format!("WITH RECURSIVE n (i) AS (SELECT CAST(1 AS bigint) UNION ALL SELECT i + 1 FROM n WHERE i < {count})")
}

/// Addresses as a hospital has them.
pub fn addresses(who: std::ops::Range<usize>) -> Vec<String> {
    pub const GIVEN: [&str; 10] =
        ["ada", "amara", "beatriz", "declan", "grace", "hugo", "ingrid", "kofi", "mairead", "tomasz"];
    pub const FAMILY: [&str; 10] = [
        "abernathy",
        "bianchi",
        "chowdhury",
        "eriksson",
        "fitzgerald",
        "kowalski",
        "mbeki",
        "okafor",
        "silva",
        "zimmermann",
    ];
    who.map(|n| format!("{}.{}{n}@northfield.example", GIVEN[n % 10], FAMILY[n / 10 % 10])).collect()
}

/// Joins, and gives the new session's token.
pub async fn accept(portal: &Portal, invitation: InvitationId, name: &str) -> String {
    let (_, code) = link_of(portal, invitation, 1);
    let visitor = Caller::Visitor(Origin::default());
    match actions::accept_invitation(portal, &visitor, Code::parse(&code).as_ref(), name, PASSWORD).await.unwrap() {
        Accepted::Joined { session, .. } => session.unwrap().token.expose().clone(),
        other => panic!("{name} could not join: {other:?}"),
    }
}

pub fn address_settings(address: SocketAddr) -> [(&'static str, String); 2] {
    [("LISTEN", address.to_string()), ("PUBLIC_URL", format!("http://{address}"))]
}

pub fn postgres_url() -> Option<String> {
    std::env::var("CARE_PORTAL_TEST_POSTGRES").ok().filter(|url| !url.is_empty())
}

pub fn postgres_database(name: &str) -> String {
    let mut url = url::Url::parse(&postgres_url().unwrap()).unwrap();
    url.set_path(name);
    url.into()
}

pub async fn run_on_postgres(sql: &str) {
    let server = Database::connect(postgres_url().unwrap()).await.unwrap();
    server.execute_unprepared(sql).await.unwrap();
    server.close().await.unwrap();
}

pub async fn new_postgres_database() -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let name = format!("bench_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    run_on_postgres(&format!("CREATE DATABASE \"{name}\"")).await;
    name
}
