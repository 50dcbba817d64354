//! Lets the made-up hospital happen.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use totp_rs::Totp;

use super::{DemoRole, PASSWORD, hospital, patients};
use crate::{
    access::{DefaultRole, Origin, Permission, PermissionSet, RoleKey, Scope},
    app,
    db::Tx,
    identity::{self, NewSession, Presence, actions::Who},
    invitations::{Accepted, Code, NewBatch, Window, actions, link_of},
    op::{Caller, Op},
    outbox::{self, Outcome, Transport, Worker},
    portal::Portal,
    roles::{self, RoleDraft},
    sites, staff,
    types::{Clock, EmailAddress, InvitationId, OrganisationId, kind},
};

const DAYS: u64 = 24 * 3600;

/// Makes the hospital: it was founded 60 days ago, its people came over the weeks, some are invited and have not come yet.
///
/// # Errors
/// When a step fails; the database may then hold half a hospital and is best started anew.
pub async fn fill(portal: &Portal, total: usize) -> Result<()> {
    let today = portal.now();
    let clock = Clock::manual(today.minus(Duration::from_secs(60 * DAYS)));
    let past = portal.with_clock(clock.clone());
    let history = History { portal: past, clock };
    let (organisation, admin) = history.found().await?;
    let roles = history.make_roles(&admin, organisation).await?;
    for person in hospital::people().iter().skip(1) {
        let scope = history.scope(organisation, person.deployment).await?;
        let role = match person.role {
            DemoRole::Default(role) => RoleKey::Default(role),
            DemoRole::Own(n) => roles.get(n).copied().context("a role of the hospital")?,
        };
        let invitation = history.invite(&admin, scope, role, &person.email(), Window::Week).await?;
        history.clock.advance(Duration::from_secs(DAYS));
        history.accept(invitation, person.name).await?;
    }
    history.invite_people(&admin, organisation, today).await?;
    history.let_things_change(&admin, organisation, roles.last().copied(), today).await?;
    let now = history.at(today);
    for (n, name) in hospital::DEPLOYMENTS.iter().enumerate() {
        let scope = now.scope(organisation, Some(name)).await?;
        let share = total / hospital::DEPLOYMENTS.len() + usize::from(n < total % hospital::DEPLOYMENTS.len());
        patients::admit(&now.portal, &admin, scope, n, share).await?;
    }
    Ok(())
}

struct History {
    portal: Portal,
    clock: Clock,
}

impl History {
    /// The same history at another moment.
    fn at(&self, moment: crate::types::Timestamp) -> Self {
        let clock = Clock::manual(moment);
        Self { portal: self.portal.with_clock(clock.clone()), clock }
    }

    fn outside() -> Caller {
        Caller::Visitor(Origin { address: "127.0.0.1".to_owned(), agent: "demonstration".to_owned() })
    }

    /// Organisation, first Admin, deployments.
    async fn found(&self) -> Result<(OrganisationId, Caller)> {
        let terminal = Caller::Portal(Origin { address: "terminal".to_owned(), agent: String::new() });
        let first = hospital::people().into_iter().next().context("a first person")?;
        let mut op = Op::begin(&self.portal, &terminal).await?;
        let domains = vec!["northfield.example".to_owned()];
        let organisation =
            sites::actions::create_organisation(&mut op, hospital::ORGANISATION, "Europe/London", domains).await?;
        let email = EmailAddress::parse(&first.email())?;
        let (_, invitation) = actions::invite_first_admin(&mut op, Scope::organisation(organisation.id), email).await?;
        op.commit().await?;
        self.send_mail().await?;
        self.accept(invitation.id, first.name).await?;
        let admin = identity::actions::act_from_terminal(&self.portal, &first.email()).await?;
        for name in hospital::DEPLOYMENTS {
            sites::actions::create_deployment(&self.portal, &admin, organisation.id, name).await?;
        }
        Ok((organisation.id, admin))
    }

    async fn make_roles(&self, admin: &Caller, organisation: OrganisationId) -> Result<Vec<RoleKey>> {
        let mut keys = Vec::new();
        for (name, permissions) in hospital::OWN_ROLES {
            let permissions: PermissionSet = permissions.iter().copied().collect();
            let draft = RoleDraft { name: name.to_owned(), permissions };
            let scope = Scope::organisation(organisation);
            keys.push(roles::actions::create_role(&self.portal, admin, scope, &draft).await?.key);
        }
        Ok(keys)
    }

    async fn scope(&self, organisation: OrganisationId, deployment: Option<&str>) -> Result<Scope> {
        let Some(wanted) = deployment else { return Ok(Scope::organisation(organisation)) };
        let names = sites::actions::deployment_names(self.portal.db.reader(), organisation).await?;
        let (id, _) = names.into_iter().find(|(_, name)| name == wanted).context("a deployment of the hospital")?;
        Ok(Scope::deployment(organisation, id))
    }

    async fn invite(
        &self,
        by: &Caller,
        scope: Scope,
        role: RoleKey,
        email: &str,
        window: Window,
    ) -> Result<InvitationId> {
        let batch = NewBatch {
            scope,
            role,
            window,
            access_from: None,
            access_until: None,
            texts: vec![email.to_owned()],
            confirmed: vec![email.to_owned()],
            note: String::new(),
            request_key: self.portal.new_id::<kind::Batch>().to_string(),
        };
        let answer = actions::invite_staff(&self.portal, by, batch).await?;
        let reason = answer.not_sent.first().map(|row| row.reason.clone()).unwrap_or_default();
        answer.sent.first().map(|row| row.invitation).ok_or_else(|| anyhow!("{email} was not invited: {reason}"))
    }

    async fn accept(&self, invitation: InvitationId, name: &str) -> Result<()> {
        let (_, code) = link_of(&self.portal, invitation, 1);
        let accepted =
            actions::accept_invitation(&self.portal, &Self::outside(), Code::parse(&code).as_ref(), name, PASSWORD)
                .await?;
        match accepted {
            Accepted::Joined { session: Some(session), .. } => self.set_up_authenticator(&session).await,
            other => Err(anyhow!("{name} could not join: {other:?}")),
        }
    }

    /// As a phone would: reads the address in the picture, and types the code back.
    async fn set_up_authenticator(&self, session: &NewSession) -> Result<()> {
        let origin = Self::outside().origin().clone();
        let token = session.token.expose();
        let Presence::Half(half) = identity::actions::authenticate_session(&self.portal, token, origin).await? else {
            return Err(anyhow!("nobody asked for a second factor"));
        };
        let offer = identity::actions::offer_authenticator(&self.portal, &half.account, None)?;
        let phone = Totp::from_url(&offer.url).map_err(|error| anyhow!("an authenticator: {error}"))?;
        let seconds = u64::try_from(self.portal.now().0 / 1000).unwrap_or(0);
        let code = phone.generate(seconds).to_string();
        identity::actions::add_authenticator(&self.portal, &Who::Half(&half), &offer.seed, &code, None).await?;
        Ok(())
    }

    /// Delivers what is queued, so that the past has no undelivered mail.
    async fn send_mail(&self) -> Result<()> {
        let folder = self.portal.config.mail_folder();
        std::fs::create_dir_all(&folder)?;
        outbox::drain(&Worker::new(self.portal.clone(), app::emails(), Transport::Folder(folder))).await?;
        Ok(())
    }

    /// A dozen who have not come yet: pending, expired, and two whom the mail server would not take.
    async fn invite_people(
        &self,
        admin: &Caller,
        organisation: OrganisationId,
        today: crate::types::Timestamp,
    ) -> Result<()> {
        for (n, (name, deployment)) in hospital::INVITED.iter().enumerate() {
            // The first four were invited so long ago that their links have ended.
            let days_ago = if n < 4 { 9 + n as u64 } else { 1 + n as u64 % 4 };
            let then = self.at(today.minus(Duration::from_secs(days_ago * DAYS)));
            let scope = then.scope(organisation, Some(deployment)).await?;
            let window = if n % 3 == 0 { Window::Week } else { Window::ThreeDays };
            let window = if days_ago > 2 && n >= 4 { Window::Week } else { window };
            let email = format!("{}@northfield.example", hospital::address_part(name));
            then.invite(admin, scope, RoleKey::Default(DefaultRole::DeploymentStaff), &email, window).await?;
            then.send_mail().await?;
        }
        for (email, answer) in [
            ("k.oconnell@northfield.example", "550 5.1.1 No such user here"),
            ("rotation.desk@old-northfield.example", "550 5.1.2 Host or domain name not found"),
        ] {
            let then = self.at(today.minus(Duration::from_secs(20 * 3600)));
            let scope = then.scope(organisation, Some("Cardiology")).await?;
            then.invite(admin, scope, RoleKey::Default(DefaultRole::Contributor), email, Window::Week).await?;
            then.refuse_mail(answer).await?;
        }
        Ok(())
    }

    /// A locum whose access ends this week, and an invitation that is held because its role has gained something since.
    async fn let_things_change(
        &self,
        admin: &Caller,
        organisation: OrganisationId,
        own: Option<RoleKey>,
        today: crate::types::Timestamp,
    ) -> Result<()> {
        let whole = Scope::organisation(organisation);
        let then = self.at(today.minus(Duration::from_secs(2 * DAYS)));
        let query = staff::actions::Query { search: hospital::LOCUM.to_lowercase(), ..Default::default() };
        let found = staff::actions::list_staff(&then.portal, admin, whole, &query, 1).await?;
        let locum = found.rows.first().context("a locum")?.membership;
        let end = today.plus(Duration::from_secs(5 * DAYS));
        staff::actions::set_ends(&then.portal, admin, whole, &[locum], Some(end)).await?;

        let Some(RoleKey::Custom(id)) = own else { return Ok(()) };
        let scope = then.scope(organisation, Some("Respiratory Ward")).await?;
        then.invite(admin, scope, RoleKey::Custom(id), hospital::HELD, Window::Week).await?;
        then.send_mail().await?;
        let later = self.at(today.minus(Duration::from_secs(DAYS)));
        let view = roles::actions::show_role(&later.portal, admin, whole, RoleKey::Custom(id)).await?;
        let permissions = view.role.permissions.with(Permission::OffboardPatients);
        let draft = RoleDraft { name: view.role.name, permissions };
        roles::actions::edit_role(&later.portal, admin, whole, id, &draft, view.revision).await?;
        Ok(())
    }

    /// Settles the queued mail as a mail server that does not know the recipient would.
    async fn refuse_mail(&self, answer: &str) -> Result<()> {
        let tx: Tx = self.portal.db.begin_write().await?;
        for mail in outbox::claim(&tx, 10, self.portal.now()).await? {
            outbox::record_outcome(&tx, &mail, &Outcome::Refused(answer.to_owned()), self.portal.now()).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
