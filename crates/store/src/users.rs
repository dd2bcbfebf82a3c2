//! Users.

use std::{
    collections::{HashMap, HashSet},
    fmt::Display,
};

use async_trait::async_trait;
use prt_core::store::{StoreResult, User, UserRepository};
use prt_types::ids::UserId;
use sqlx::any::AnyRow;

use crate::{
    error::changed,
    repository::AnyRepository,
    row::Row,
    statement::{Statement, sql},
};

/// Values in one list. SQLite looks for each `$n` among those before it: larger statements get slower, not faster.
const PLACES: usize = 200;

const SELECT: &str = "SELECT id, username, password_hash, role, created_ms FROM users";

fn read(row: &AnyRow) -> StoreResult<User> {
    let row = Row::of("users", row);
    Ok(User {
        id: row.id("id")?,
        username: row.text("username")?,
        password_hash: row.text("password_hash")?,
        role: row.word("role")?,
        created_ms: row.int("created_ms")?,
    })
}

fn id_and_name(row: &AnyRow) -> StoreResult<(UserId, String)> {
    let row = Row::of("users", row);
    Ok((row.id("id")?, row.text("username")?))
}

/// Only the rows whose column has one of a few values; all rows if there are many values, as each has a place of its own.
fn some<T: Display>(select: Statement, where_in: &'static str, values: &HashSet<T>) -> Statement {
    if values.len() > PLACES {
        return select;
    }
    let mut select = select.uncached().push(where_in);
    for (index, value) in values.iter().enumerate() {
        select = select
            .push(if index == 0 { "" } else { ", " })
            .place()
            .text(&value.to_string());
    }
    select.push(")")
}

#[async_trait]
impl UserRepository for AnyRepository {
    async fn user_add(&mut self, user: &User) -> StoreResult<()> {
        let insert =
            sql("INSERT INTO users (id, username, password_hash, role, created_ms) VALUES ($1, $2, $3, $4, $5)")
                .id(user.id)
                .text(&user.username)
                .text(&user.password_hash)
                .word(user.role)
                .int(user.created_ms);
        self.run(insert).await.map(drop)
    }

    async fn user(&mut self, id: UserId) -> StoreResult<Option<User>> {
        self.one(sql(SELECT).push(" WHERE id = $1").id(id), read).await
    }

    async fn user_by_name(&mut self, username: &str) -> StoreResult<Option<User>> {
        self.one(sql(SELECT).push(" WHERE username = $1").text(username), read)
            .await
    }

    async fn users(&mut self) -> StoreResult<Vec<User>> {
        let mut users = self.all(sql(SELECT), read).await?;
        // Sorted here: Postgres would sort by the rules of the language that the database was made with.
        users.sort_by(|a, b| a.username.cmp(&b.username));
        Ok(users)
    }

    async fn usernames(&mut self, ids: &[UserId]) -> StoreResult<HashMap<UserId, String>> {
        let wanted: HashSet<UserId> = ids.iter().copied().collect();
        let select = some(sql("SELECT id, username FROM users"), " WHERE id IN (", &wanted);
        let named = if wanted.is_empty() {
            vec![]
        } else {
            self.all(select, id_and_name).await?
        };
        Ok(named.into_iter().filter(|(id, _)| wanted.contains(id)).collect())
    }

    async fn user_ids(&mut self, usernames: &[String]) -> StoreResult<HashMap<String, UserId>> {
        let wanted: HashSet<&str> = usernames.iter().map(String::as_str).collect();
        let select = some(sql("SELECT id, username FROM users"), " WHERE username IN (", &wanted);
        let named = if wanted.is_empty() {
            vec![]
        } else {
            self.all(select, id_and_name).await?
        };
        let named = named.into_iter().filter(|(_, name)| wanted.contains(name.as_str()));
        Ok(named.map(|(id, name)| (name, id)).collect())
    }

    async fn user_set_password(&mut self, id: UserId, hash: &str) -> StoreResult<()> {
        let rows = self
            .run(
                sql("UPDATE users SET password_hash = $2 WHERE id = $1")
                    .id(id)
                    .text(hash),
            )
            .await?;
        changed(rows, "user")
    }
}
