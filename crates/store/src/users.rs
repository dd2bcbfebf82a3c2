//! Users.

use async_trait::async_trait;
use prt_core::store::{StoreResult, User, UserRepository};
use prt_types::ids::UserId;
use sqlx::any::AnyRow;

use crate::{error::changed, repository::AnyRepository, row::Row, statement::sql};

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
