//! Inviting, and what becomes of invitations.

use std::rc::Rc;

use care_portal::types::Timestamp;
use serde_json::json;

use super::{By, HOUR, History, Invitation, Member, PEOPLE, PLACES};
use crate::{
    model::{Action, Role},
    support::app::location,
};

/// Addresses behind which nobody has an account.
const GUESTS: [&str; 2] = ["first.guest@elsewhere.example", "second.visitor@elsewhere.example"];

impl History<'_> {
    fn give(&self, role: &Rc<Role>, place: usize) -> Action {
        Action::Give(role.clone(), PLACES[place], "invite_staff")
    }

    /// Whether the invitation could still be sent by whoever answers for it.
    fn supported(&self, one: &Invitation) -> bool {
        let by = By { who: one.by, key: None };
        one.role.permissions.is_subset(&one.offered) && self.may(by, &self.give(&one.role, one.place))
    }

    /// Holds what could not be sent today.
    pub(super) fn hold(&mut self, concerns: impl Fn(&Invitation) -> bool) {
        for n in 0..self.invitations.len() {
            let one = &self.invitations[n];
            if one.state == "pending" && concerns(one) && !self.supported(one) {
                self.invitations[n].state = "held";
                self.meet("held at once");
            }
        }
    }

    pub(super) fn hold_if_unsupported(&mut self, n: usize) {
        if self.invitations[n].state == "pending" && !self.supported(&self.invitations[n]) {
            self.invitations[n].state = "held";
        }
    }

    fn address(&mut self) -> String {
        let n = self.pick(PEOPLE.len() + GUESTS.len());
        PEOPLE.get(n).map_or_else(|| GUESTS[n - PEOPLE.len()], |(email, ..)| email).to_owned()
    }

    fn is_staff(&self, email: &str, place: usize) -> bool {
        self.members.iter().any(|m| PEOPLE[m.who].0 == email && m.place == place && self.live(m))
    }

    fn is_invited(&self, email: &str, place: usize) -> bool {
        let open = |i: &Invitation| matches!(i.state, "pending" | "held");
        self.invitations.iter().any(|i| i.to == email && i.place == place && open(i))
    }

    pub(super) async fn invite(&mut self) {
        let (place, to, mut role) = (self.pick(PLACES.len()), self.address(), self.any_role());
        let by = self.somebody(place, "invite_staff");
        // A few more choices, so that more is sent than refused.
        for _ in 0..3 {
            if !self.may(by, &self.give(&role, place)) {
                role = self.any_role();
            }
        }
        let (word, hours) = [("24h", 24), ("72h", 72), ("7d", 168)][self.pick(3)];
        let until = [None, None, Some(5), Some(240)][self.pick(4)].map(|hours: i64| self.now() + hours * HOUR);
        let body = json!({
            "addresses": [to], "confirmed": [to], "role": role.name, "window": word,
            "access_until": until.map(|end| Timestamp(end).to_rfc3339()),
        });
        let expected = match self.gate(by, place, "invite_staff") {
            Err(status) => status,
            Ok(()) if !self.is_role_of(&role, place) => 422,
            Ok(()) if !self.may(by, &self.give(&role, place)) => 403,
            Ok(()) => 200,
        };
        let path = format!("/scopes/{}/invitations", self.scopes[place]);
        let answer = self.ask(by, "POST", &path, Some(body)).await;
        self.expect(&format!("{} invites {to} to {place} as {}", self.name(by), role.name), expected, &answer);
        let sent = answer.1["sent"][0]["invitation"].as_str().map(str::to_owned);
        let free = !self.is_staff(&to, place) && !self.is_invited(&to, place);
        assert_eq!(sent.is_some(), expected == 200 && free, "{}\n{}", answer.1, self.told.join("\n"));
        let Some(id) = sent else { return };
        self.done_by(by);
        for old in &mut self.invitations {
            if old.state == "declined" && old.to == to && old.place == place {
                old.state = "closed";
            }
        }
        let window = hours * HOUR;
        let (offered, expires) = (role.permissions.clone(), self.now() + window);
        let (generation, by, state) = (1, by.who, "pending");
        self.invitations.push(Invitation {
            id,
            generation,
            to,
            place,
            role,
            offered,
            by,
            state,
            window,
            expires,
            until,
        });
    }

    pub(super) fn done_by(&mut self, by: By) {
        if by.key.is_some() {
            self.meet("done by key");
        }
    }

    /// An invitation, mostly an open one.
    fn some_invitation(&mut self) -> Option<usize> {
        let open = (0..self.invitations.len()).filter(|n| self.invitations[*n].state != "closed").collect::<Vec<_>>();
        match self.invitations.len() {
            0 => None,
            all if open.is_empty() || self.pick(6) == 0 => Some(self.pick(all)),
            _ => Some(open[self.pick(open.len())]),
        }
    }

    /// Resends, approves or deletes an invitation.
    pub(super) async fn treat(&mut self) {
        let Some(n) = self.some_invitation() else { return };
        let by = self.somebody(self.invitations[n].place, "invite_staff");
        let what = ["resend", "approve", "delete"][self.pick(3)];
        let one = &self.invitations[n];
        let ended = one.until.is_some_and(|end| end <= self.now());
        let may_send = self.may(by, &self.give(&one.role, one.place)) && !ended;
        let good = match (what, one.state) {
            (_, "closed") | ("resend" | "approve", "declined") | ("approve", "pending") => false,
            ("delete", _) => true,
            _ => may_send,
        };
        let done = if what == "delete" { 204 } else { 200 };
        let gate = self.gate(by, one.place, "invite_staff");
        let expected = gate.map_or_else(|status| status, |()| if good { done } else { 409 });
        let (method, path) = match what {
            "delete" => ("DELETE", format!("/invitations/{}", one.id)),
            _ => ("POST", format!("/invitations/{}/{what}", one.id)),
        };
        let answer = self.ask(by, method, &path, None).await;
        self.expect(&format!("{}: {what} {n}", self.name(by)), expected, &answer);
        match expected {
            204 => self.invitations[n].state = "closed",
            200 => self.answer_for(n, by),
            _ => return,
        }
        self.done_by(by);
    }

    /// Whoever sends an invitation again answers for it.
    fn answer_for(&mut self, n: usize, by: By) {
        if self.invitations[n].state == "held" {
            self.meet("approved");
        }
        let now = self.now();
        let one = &mut self.invitations[n];
        (one.state, one.by, one.expires) = ("pending", by.who, now + one.window);
        one.offered = one.role.permissions.clone();
    }

    pub(super) async fn correct(&mut self) {
        let Some(n) = self.some_invitation() else { return };
        let to = self.address();
        let by = self.somebody(self.invitations[n].place, "invite_staff");
        let one = &self.invitations[n];
        let expected = match self.gate(by, one.place, "invite_staff") {
            Err(status) => status,
            Ok(()) if one.state == "closed" => 404,
            Ok(()) if one.state == "declined" => 409,
            Ok(()) if !self.may(by, &self.give(&one.role, one.place)) => 403,
            Ok(()) if one.until.is_some_and(|end| end <= self.now()) => 409,
            Ok(()) if self.is_staff(&to, one.place) || self.is_invited(&to, one.place) => 422,
            Ok(()) => 200,
        };
        let path = format!("/invitations/{}/correct", one.id);
        let answer = self.ask(by, "POST", &path, Some(json!({ "email": to }))).await;
        self.expect(&format!("{} corrects {n} to {to}", self.name(by)), expected, &answer);
        if expected == 200 {
            self.answer_for(n, by);
            (self.invitations[n].to, self.invitations[n].generation) = (to, self.invitations[n].generation + 1);
            self.meet("corrected");
            self.done_by(by);
        }
    }

    /// Posts to a page of the invitee's; whether the answer leads into the portal.
    async fn join(&mut self, n: usize, generation: i64, who: Option<usize>, page: &str) -> bool {
        let one = &self.invitations[n];
        let (id, code) = (one.id.clone(), self.app.code(one.id.parse().unwrap(), generation));
        let session = match who {
            Some(who) => format!("session={}; ", self.session(who).await),
            None => String::new(),
        };
        let request = self.client.post(format!("{}/join/{page}", self.app.url)).header("sec-fetch-site", "same-origin");
        let request = request.header("cookie", format!("{session}join={code}")).form(&[("invitation", &id)]);
        let answer = request.send().await.unwrap();
        let name = who.map_or("a visitor", |who| PEOPLE[who].0);
        self.told.push(format!("{name}: {page} {n} by link {generation}: {}", answer.status()));
        assert!(answer.status().as_u16() < 500, "{}", self.told.join("\n"));
        let to = location(&answer);
        to.starts_with("/org_") || to.starts_with("/dep_")
    }

    /// Whether the link of this generation works.
    fn works(&self, n: usize, generation: i64) -> bool {
        let one = &self.invitations[n];
        let in_time = one.expires > self.now() && one.until.is_none_or(|end| end > self.now());
        one.state == "pending" && one.generation == generation && in_time
    }

    /// The invitee accepts by a link that works, often one for which nobody can answer any more.
    pub(super) async fn accept(&mut self) {
        let good = |n: &usize| self.works(*n, self.invitations[*n].generation);
        let good: Vec<usize> = (0..self.invitations.len()).filter(good).collect();
        let bare: Vec<usize> = good.iter().copied().filter(|n| !self.supported(&self.invitations[*n])).collect();
        let from = if bare.is_empty() || self.pick(2) == 0 { good } else { bare };
        if from.is_empty() {
            return;
        }
        let n = from[self.pick(from.len())];
        let invitee = PEOPLE.iter().position(|(email, ..)| *email == self.invitations[n].to);
        let Some(who) = invitee else { return };
        self.try_to_accept(n, self.invitations[n].generation, who).await;
    }

    /// Somebody does what need not succeed: accepts by any of its links, or as another, or declines.
    pub(super) async fn accept_or_decline(&mut self) {
        let Some(n) = self.some_invitation() else { return };
        let last = usize::try_from(self.invitations[n].generation).unwrap();
        let generation = i64::try_from(1 + self.pick(last)).unwrap();
        let who = self.pick(PEOPLE.len());
        if self.pick(2) == 0 {
            return self.try_to_accept(n, generation, who).await;
        }
        let who = Some(who).filter(|who| who % 2 == 0);
        let works = self.works(n, generation);
        self.join(n, generation, who, "decline").await;
        if works {
            self.invitations[n].state = "declined";
            self.meet("declined");
        }
    }

    async fn try_to_accept(&mut self, n: usize, generation: i64, who: usize) {
        let one = &self.invitations[n];
        let judged = self.works(n, generation) && PEOPLE[who].0 == one.to;
        let supported = self.supported(one);
        let joins = judged && supported && !self.is_staff(&one.to, one.place);
        let joined = self.join(n, generation, Some(who), "accept").await;
        assert_eq!(joined, joins, "{}", self.told.join("\n"));
        if judged && !supported {
            self.invitations[n].state = "held";
            self.meet("held when accepting");
        }
        if !joins {
            return;
        }
        let one = &mut self.invitations[n];
        one.state = "closed";
        let (place, role, ends) = (one.place, one.role.clone(), one.until);
        // One that had ended by its date makes room.
        self.members.iter_mut().filter(|m| m.who == who && m.place == place).for_each(|m| m.gone = true);
        self.members.push(Member { id: String::new(), who, place, role, ends, gone: false });
        self.meet("joined");
        let elsewhere = |m: &Member| m.who == who && PLACES[m.place].organisation != PLACES[place].organisation;
        if self.members.iter().any(|m| elsewhere(m) && self.live(m)) {
            self.meet("a member of two organisations");
        }
    }
}
