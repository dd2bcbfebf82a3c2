//! Groups and who is in them.

use std::cmp::Reverse;

use async_trait::async_trait;
use prt_core::store::{Group, GroupRepository, StoreResult};
use prt_types::ids::{GroupId, UserId};
use sqlx::any::AnyRow;

use crate::{error::Fault, repository::AnyRepository, row::Row, statement::sql};

const SELECT: &str = "SELECT id, name, everyone, created_ms FROM groups";

/// Rows in one INSERT. SQLite looks for each `$n` among those before it: larger statements get slower, not faster.
const BATCH: usize = 100;

fn read(row: &AnyRow) -> StoreResult<Group> {
    let row = Row::of("groups", row);
    Ok(Group {
        id: row.id("id")?,
        name: row.text("name")?,
        everyone: row.flag("everyone")?,
        created_ms: row.int("created_ms")?,
    })
}

/// Sorted here: Postgres would sort by the rules of the language that the database was made with.
fn sorted(mut groups: Vec<Group>) -> Vec<Group> {
    groups.sort_by(|a, b| (Reverse(a.everyone), &a.name).cmp(&(Reverse(b.everyone), &b.name)));
    groups
}

impl AnyRepository {
    async fn members_add(&mut self, group: GroupId, users: &[UserId]) -> StoreResult<()> {
        let everyone = self
            .one(sql("SELECT everyone FROM groups WHERE id = $1").id(group), |row| {
                Row::of("groups", row).flag("everyone")
            })
            .await?;
        if everyone.ok_or(Fault::Missing("group"))? {
            // All users are in it, so that a row would say nothing and would have to be kept true.
            return Ok(());
        }
        for batch in users.chunks(BATCH) {
            let mut insert = sql("INSERT INTO group_members (group_id, user_id) VALUES ").uncached();
            for (index, user) in batch.iter().enumerate() {
                insert = insert
                    .push(if index == 0 { "(" } else { ", (" })
                    .place()
                    .id(group)
                    .push(", ")
                    .place()
                    .id(user)
                    .push(")");
            }
            self.run(insert.push(" ON CONFLICT (group_id, user_id) DO NOTHING"))
                .await?;
        }
        Ok(())
    }
}

#[async_trait]
impl GroupRepository for AnyRepository {
    async fn group_add(&mut self, group: &Group) -> StoreResult<()> {
        let insert = sql("INSERT INTO groups (id, name, everyone, created_ms) VALUES ($1, $2, $3, $4)")
            .id(group.id)
            .text(&group.name)
            .flag(group.everyone)
            .int(group.created_ms);
        self.run(insert).await.map(drop)
    }

    async fn group_by_name(&mut self, name: &str) -> StoreResult<Option<Group>> {
        self.one(sql(SELECT).push(" WHERE name = $1").text(name), read).await
    }

    async fn groups(&mut self) -> StoreResult<Vec<Group>> {
        self.all(sql(SELECT), read).await.map(sorted)
    }

    async fn group_set_members(&mut self, group: GroupId, users: &[UserId]) -> StoreResult<()> {
        self.run(sql("DELETE FROM group_members WHERE group_id = $1").id(group))
            .await?;
        self.members_add(group, users).await
    }

    async fn group_members(&mut self, group: GroupId) -> StoreResult<Vec<UserId>> {
        self.all(
            sql("SELECT user_id FROM group_members WHERE group_id = $1 ORDER BY user_id").id(group),
            |row| Row::of("group_members", row).id("user_id"),
        )
        .await
    }

    async fn memberships(&mut self) -> StoreResult<Vec<(GroupId, UserId)>> {
        self.all(sql("SELECT group_id, user_id FROM group_members"), |row| {
            let row = Row::of("group_members", row);
            Ok((row.id("group_id")?, row.id("user_id")?))
        })
        .await
    }

    async fn group_join(&mut self, group: GroupId, user: UserId) -> StoreResult<()> {
        self.members_add(group, &[user]).await
    }

    async fn user_groups(&mut self, user: UserId) -> StoreResult<Vec<Group>> {
        let select = sql(SELECT)
            .push(" WHERE everyone = 1 UNION ALL SELECT g.id, g.name, g.everyone, g.created_ms FROM group_members m")
            .push(" JOIN groups g ON g.id = m.group_id WHERE m.user_id = $1")
            .id(user);
        self.all(select, read).await.map(sorted)
    }
}
