//! Users, groups, logins, and who an API token is.

use std::collections::{HashMap, HashSet};

use prt_types::{
    Secret,
    access::{GroupInput, GroupView, LoginRequest, Me, Role, TokenScope, UserInput, UserView},
    audit::Outcome,
    ids::{GroupId, UserId},
};
use serde_json::json;

use crate::{
    Orchestrator,
    clock::new_id,
    crypto::{hash_password, token_hash, verify_password},
    error::{Error, Fields, Result},
    op_context::{Actor, OpContext},
    store::{Grantee, Group, Repository, StoreError, User},
    throttle::Key,
};

/// Shortest password that is accepted.
pub const PASSWORD_MIN: usize = 10;
/// A token's `last_used_ms` is not written more often than this.
const LAST_USED_EVERY_MS: i64 = 60_000;

/// Longest user name.
const USERNAME_MAX: usize = 64;

/// Name of the group of all users.
pub const EVERYONE: &str = "Everyone";

impl Orchestrator {
    /// Makes the Everyone group and, if there is no user yet, the admin. Returns a generated password, to be shown once.
    pub async fn access_seed(&self, admin_password: Option<Secret>) -> Result<Option<Secret>> {
        let mut tx = self.write().await?;
        let now = self.now_ms();
        if tx.group_by_name(EVERYONE).await?.is_none() {
            let group = Group {
                id: GroupId(new_id()),
                name: EVERYONE.into(),
                everyone: true,
                created_ms: now,
            };
            tx.group_add(&group).await?;
        }
        let first = tx.users().await?.is_empty();
        let mut generated = None;
        if first {
            let password = admin_password.unwrap_or_else(|| {
                let password = Secret::new(hex::encode(crate::crypto::random::<12>()));
                generated = Some(password.clone());
                password
            });
            let user = User {
                id: UserId(new_id()),
                username: "admin".into(),
                password_hash: hash_password(password).await?,
                role: Role::Admin,
                created_ms: now,
            };
            tx.user_add(&user).await?;
            self.audit_add(
                &mut *tx,
                &OpContext::system("seed"),
                "user.create",
                "admin",
                Outcome::Done,
                json!({"role": "admin"}),
            )
            .await?;
        }
        tx.save().await?;
        Ok(generated)
    }

    /// Logs in with name and password.
    pub async fn login(&self, cx: &OpContext, request: LoginRequest) -> Result<Actor> {
        let LoginRequest { username, password } = request;
        let now = self.uptime_ms();
        let address = Key::LoginAddress(cx.address.clone());
        if !is_username(&username) {
            // Nobody has it. It is kept short: whoever is not logged in does not fill the audit log.
            self.inner.throttle.failed(address, now);
            let object: String = username.chars().take(USERNAME_MAX).collect();
            return self.login_refused(cx, &object).await;
        }
        let name = Key::LoginName(username.clone());
        let keys = [name.clone(), address];
        if let Some(seconds) = keys.iter().filter_map(|key| self.inner.throttle.wait_s(key, now)).max() {
            return Err(Error::Unauthenticated(format!(
                "Too many failed logins. Try again in {seconds} s."
            )));
        }
        let user = self.read().await?.user_by_name(&username).await?;
        let right = verify_password(password, user.as_ref().map(|user| user.password_hash.clone())).await?;
        let (Some(user), true) = (user, right) else {
            for key in keys {
                self.inner.throttle.failed(key, now);
            }
            return self.login_refused(cx, &username).await;
        };
        self.inner.throttle.succeeded(&name);
        let mut tx = self.write().await?;
        let actor = actor_of(&mut *tx, user).await?;
        let cx = cx.clone().with_actor(actor.clone());
        self.audit_add(&mut *tx, &cx, "login", &username, Outcome::Done, json!(null))
            .await?;
        tx.save().await?;
        Ok(actor)
    }

    async fn login_refused(&self, cx: &OpContext, username: &str) -> Result<Actor> {
        let mut tx = self.write().await?;
        let details = json!({ "reason": "wrong user name or password" });
        self.audit_add(&mut *tx, cx, "login", username, Outcome::Refused, details)
            .await?;
        tx.save().await?;
        Err(Error::Unauthenticated("Wrong user name or password.".into()))
    }

    /// Records that a browser session was ended by its user.
    pub async fn logout_audit(&self, cx: &OpContext) -> Result<()> {
        let name = cx.actor()?.username.clone();
        let mut tx = self.write().await?;
        self.audit_add(&mut *tx, cx, "logout", &name, Outcome::Done, json!(null))
            .await?;
        Ok(tx.save().await?)
    }

    /// The user of a session, with rights as they are now.
    pub async fn actor_by_user(&self, id: UserId) -> Result<Option<Actor>> {
        let mut tx = self.read().await?;
        match tx.user(id).await? {
            Some(user) => Ok(Some(actor_of(&mut *tx, user).await?)),
            None => Ok(None),
        }
    }

    /// The user of an API token, with rights as they are now.
    pub async fn actor_by_token(&self, value: &str) -> Result<Option<Actor>> {
        let now = self.now_ms();
        let mut tx = self.read().await?;
        let Some(token) = tx.token_by_hash(&token_hash(value)).await? else {
            return Ok(None);
        };
        if token.expires_ms.is_some_and(|end| end <= now) {
            return Ok(None);
        }
        let Some(user) = tx.user(token.user_id).await? else {
            return Ok(None);
        };
        let actor = Actor {
            only_worker: token.worker_id,
            scope: token.scope,
            token: Some(token.id),
            ..actor_of(&mut *tx, user).await?
        };
        drop(tx);
        if token.last_used_ms.is_none_or(|last| now - last > LAST_USED_EVERY_MS) {
            self.token_note_use(token.id, now);
        }
        Ok(Some(actor))
    }

    /// Who asks.
    pub async fn me(&self, cx: &OpContext) -> Result<Me> {
        let actor = cx.any_actor()?;
        let mut tx = self.read().await?;
        let groups = tx
            .user_groups(actor.user_id)
            .await?
            .into_iter()
            .map(|group| group.name)
            .collect();
        let worker = match actor.only_worker {
            Some(id) => tx.worker(id).await?.map(|worker| worker.name()),
            None => None,
        };
        Ok(Me {
            id: actor.user_id,
            username: actor.username.clone(),
            role: actor.role,
            groups,
            worker,
            scope: actor.scope,
        })
    }

    /// All users. Admins only.
    pub async fn user_list(&self, cx: &OpContext) -> Result<Vec<UserView>> {
        self.admin(cx, "list users", "user.list").await?;
        let mut tx = self.read().await?;
        let groups = tx.groups().await?;
        let mut members: HashMap<UserId, HashSet<GroupId>> = HashMap::new();
        for (group, user) in tx.memberships().await? {
            members.entry(user).or_default().insert(group);
        }
        let view = |user: User| {
            let mine = members.get(&user.id);
            let is_in = |group: &&Group| group.everyone || mine.is_some_and(|mine| mine.contains(&group.id));
            let groups = groups.iter().filter(is_in).map(|group| group.name.clone()).collect();
            user_view_with(groups, user)
        };
        Ok(tx.users().await?.into_iter().map(view).collect())
    }

    /// Makes a user. Admins only.
    pub async fn user_create(&self, cx: &OpContext, input: UserInput) -> Result<UserView> {
        let result = self.user_create_checked(cx, &input).await;
        self.audit_refusal(cx, "user.create", &input.username, result).await
    }

    async fn user_create_checked(&self, cx: &OpContext, input: &UserInput) -> Result<UserView> {
        cx.admin("make users")?;
        let mut fields = Fields::new();
        if !is_username(&input.username) {
            fields.add(
                "username",
                format!("Use 1 to {USERNAME_MAX} lower-case letters, digits, '.', '_' or '-'."),
            );
        }
        if input.password.expose().chars().count() < PASSWORD_MIN {
            fields.add(
                "password",
                format!("A password has at least {PASSWORD_MIN} characters."),
            );
        }
        fields.check()?;
        let user = User {
            id: UserId(new_id()),
            username: input.username.clone(),
            password_hash: hash_password(input.password.clone()).await?,
            role: input.role,
            created_ms: self.now_ms(),
        };
        let mut tx = self.write().await?;
        match tx.user_add(&user).await {
            Err(StoreError::Unique(_)) => {
                return Err(Error::AlreadyExists {
                    kind: "User",
                    id: user.username,
                });
            }
            other => other?,
        }
        for name in &input.groups {
            let group = group_to_edit(&mut *tx, name, "groups").await?;
            tx.group_join(group.id, user.id).await?;
        }
        let details = json!({ "role": input.role, "groups": input.groups });
        self.audit_add(&mut *tx, cx, "user.create", &user.username, Outcome::Done, details)
            .await?;
        let view = user_view(&mut *tx, user).await?;
        tx.save().await?;
        Ok(view)
    }

    /// All groups. Admins only.
    pub async fn group_list(&self, cx: &OpContext) -> Result<Vec<GroupView>> {
        self.admin(cx, "list groups", "group.list").await?;
        let mut tx = self.read().await?;
        let memberships = tx.memberships().await?;
        let users: Vec<UserId> = memberships.iter().map(|(_, user)| *user).collect();
        let names = tx.usernames(&users).await?;
        let mut members: HashMap<GroupId, Vec<String>> = HashMap::new();
        for (group, user) in memberships {
            members.entry(group).or_default().extend(names.get(&user).cloned());
        }
        let groups = tx.groups().await?.into_iter();
        Ok(groups
            .map(|group| group_view_with(members.remove(&group.id).unwrap_or_default(), group))
            .collect())
    }

    /// Makes a group. Admins only.
    pub async fn group_create(&self, cx: &OpContext, input: GroupInput) -> Result<GroupView> {
        let result = self.group_create_checked(cx, &input).await;
        self.audit_refusal(cx, "group.create", &input.name, result).await
    }

    async fn group_create_checked(&self, cx: &OpContext, input: &GroupInput) -> Result<GroupView> {
        cx.admin("make groups")?;
        let name = input.name.trim();
        if name.is_empty() || name.chars().count() > 64 || name.contains(',') {
            return Err(Error::field(
                "name",
                "A group's name has 1 to 64 characters and no comma.",
            ));
        }
        let group = Group {
            id: GroupId(new_id()),
            name: name.to_owned(),
            everyone: false,
            created_ms: self.now_ms(),
        };
        let mut tx = self.write().await?;
        match tx.group_add(&group).await {
            Err(StoreError::Unique(_)) => {
                return Err(Error::AlreadyExists {
                    kind: "Group",
                    id: group.name,
                });
            }
            other => other?,
        }
        let members = users_by_name(&mut *tx, &input.members, "members").await?;
        tx.group_set_members(group.id, &members).await?;
        self.audit_add(
            &mut *tx,
            cx,
            "group.create",
            name,
            Outcome::Done,
            json!({"members": input.members}),
        )
        .await?;
        let view = group_view(&mut *tx, group).await?;
        tx.save().await?;
        Ok(view)
    }

    /// Replaces the members of a group. Admins only.
    pub async fn group_update(&self, cx: &OpContext, name: &str, input: GroupInput) -> Result<GroupView> {
        let result = self.group_update_checked(cx, name, &input).await;
        self.audit_refusal(cx, "group.update", name, result).await
    }

    async fn group_update_checked(&self, cx: &OpContext, name: &str, input: &GroupInput) -> Result<GroupView> {
        cx.admin("change groups")?;
        if input.name != name {
            return Err(Error::field("name", "A group keeps its name."));
        }
        let mut tx = self.write().await?;
        let Some(group) = tx.group_by_name(name).await? else {
            return Err(Error::not_found("group", name));
        };
        let group = not_everyone(group, "name")?;
        let before = group_view(&mut *tx, group.clone()).await?;
        let members = users_by_name(&mut *tx, &input.members, "members").await?;
        tx.group_set_members(group.id, &members).await?;
        let after = group_view(&mut *tx, group).await?;
        let details = json!({ "before": before.members, "after": after.members });
        self.audit_add(&mut *tx, cx, "group.update", name, Outcome::Done, details)
            .await?;
        tx.save().await?;
        Ok(after)
    }
}

/// With all rights, as in a session.
async fn actor_of(tx: &mut dyn Repository, user: User) -> Result<Actor> {
    let groups = tx
        .user_groups(user.id)
        .await?
        .into_iter()
        .map(|group| group.id)
        .collect();
    Ok(Actor {
        user_id: user.id,
        username: user.username,
        role: user.role,
        groups,
        only_worker: None,
        scope: TokenScope::Full,
        token: None,
    })
}

async fn user_view(tx: &mut dyn Repository, user: User) -> Result<UserView> {
    let groups = tx
        .user_groups(user.id)
        .await?
        .into_iter()
        .map(|group| group.name)
        .collect();
    Ok(user_view_with(groups, user))
}

fn user_view_with(groups: Vec<String>, user: User) -> UserView {
    UserView {
        id: user.id,
        username: user.username,
        role: user.role,
        groups,
        created_ms: user.created_ms,
    }
}

async fn group_view(tx: &mut dyn Repository, group: Group) -> Result<GroupView> {
    let members = tx.group_members(group.id).await?;
    let members = tx.usernames(&members).await?.into_values().collect();
    Ok(group_view_with(members, group))
}

fn group_view_with(mut members: Vec<String>, group: Group) -> GroupView {
    members.sort();
    GroupView {
        id: group.id,
        name: group.name,
        everyone: group.everyone,
        members,
    }
}

fn not_everyone(group: Group, field: &str) -> Result<Group> {
    if group.everyone {
        return Err(Error::field(field, "Everyone has all users as members, always."));
    }
    Ok(group)
}

async fn group_to_edit(tx: &mut dyn Repository, name: &str, field: &str) -> Result<Group> {
    match tx.group_by_name(name).await? {
        Some(group) => not_everyone(group, field),
        None => Err(Error::field(field, format!("There is no group {name}."))),
    }
}

async fn users_by_name(tx: &mut dyn Repository, names: &[String], field: &str) -> Result<Vec<UserId>> {
    let known = tx.user_ids(names).await?;
    names
        .iter()
        .map(|name| {
            let id = known.get(name).copied();
            id.ok_or_else(|| Error::field(field, format!("There is no user {name}.")))
        })
        .collect()
}

/// Grantees by the names that a form or client gives.
pub(crate) async fn grantees(tx: &mut dyn Repository, users: &[String], groups: &[String]) -> Result<Vec<Grantee>> {
    let mut grants: Vec<Grantee> = users_by_name(tx, users, "users")
        .await?
        .into_iter()
        .map(Grantee::User)
        .collect();
    if !groups.is_empty() {
        let all = tx.groups().await?;
        for name in groups {
            match all.iter().find(|group| group.name == *name) {
                Some(group) => grants.push(Grantee::Group(group.id)),
                None => return Err(Error::field("groups", format!("There is no group {name}."))),
            }
        }
    }
    grants.sort();
    grants.dedup();
    Ok(grants)
}

fn is_username(text: &str) -> bool {
    let name_ok = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    !text.is_empty() && text.len() <= USERNAME_MAX && text.chars().all(name_ok)
}

/// The group of all users.
pub(crate) async fn everyone(tx: &mut dyn Repository) -> Result<Group> {
    tx.group_by_name(EVERYONE)
        .await?
        .ok_or_else(|| Error::bug("the group Everyone is missing"))
}
