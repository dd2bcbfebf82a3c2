//! Grants of Container Image rules, worker sizes and shared secrets: tables of one shape.

use std::{
    collections::{HashMap, HashSet},
    fmt::Display,
};

use prt_core::store::{Grantee, StoreResult};
use sqlx::any::AnyRow;

use crate::{repository::AnyRepository, row::Row, statement::sql};

/// Rows in one INSERT. SQLite looks for each `$n` among those before it: larger statements get slower, not faster.
const BATCH: usize = 100;

/// The statements of a table of grants.
pub(crate) struct Table {
    all: &'static str,
    of: &'static str,
    insert: &'static str,
    delete: &'static str,
}

macro_rules! table {
    ($table:literal, $subject:literal) => {
        Table {
            all: concat!(
                "SELECT ",
                $subject,
                " AS subject, user_id, group_id FROM ",
                $table,
                " ORDER BY ",
                $subject,
                ", position"
            ),
            of: concat!(
                "SELECT ",
                $subject,
                " AS subject, user_id, group_id FROM ",
                $table,
                " WHERE ",
                $subject,
                " = $1 ORDER BY position"
            ),
            insert: concat!(
                "INSERT INTO ",
                $table,
                " (",
                $subject,
                ", position, user_id, group_id) VALUES "
            ),
            delete: concat!("DELETE FROM ", $table, " WHERE ", $subject, " = $1"),
        }
    };
}

pub(crate) const OF_CONTAINER_IMAGES: Table = table!("container_image_grants", "container_image_id");
pub(crate) const OF_NAMED_SECRETS: Table = table!("named_secret_grants", "named_secret_id");
pub(crate) const OF_WORKER_SIZES: Table = table!("worker_size_grants", "worker_size_id");

fn read(row: &AnyRow) -> StoreResult<(String, Grantee)> {
    let row = Row::of("grants", row);
    let grantee = match (row.maybe_id("user_id")?, row.maybe_id("group_id")?) {
        (Some(user), None) => Grantee::User(user),
        (None, Some(group)) => Grantee::Group(group),
        (None, None) | (Some(_), Some(_)) => return Err(row.corrupt("user_id")),
    };
    Ok((row.text("subject")?, grantee))
}

impl AnyRepository {
    /// Grants of all rules or sizes, by their ids, each list in the admin's order.
    pub(crate) async fn grants_all(&mut self, table: &Table) -> StoreResult<HashMap<String, Vec<Grantee>>> {
        let mut grants: HashMap<String, Vec<Grantee>> = HashMap::new();
        for (subject, grantee) in self.all(sql(table.all), read).await? {
            grants.entry(subject).or_default().push(grantee);
        }
        Ok(grants)
    }

    /// Grants of one rule or size.
    pub(crate) async fn grants_of(&mut self, table: &Table, subject: impl Display) -> StoreResult<Vec<Grantee>> {
        let rows = self.all(sql(table.of).id(subject), read).await?;
        Ok(rows.into_iter().map(|(_, grantee)| grantee).collect())
    }

    /// Replaces them. A grantee who is named twice is kept once.
    pub(crate) async fn grants_set(
        &mut self,
        table: &Table,
        subject: impl Display,
        grants: &[Grantee],
    ) -> StoreResult<()> {
        let subject = subject.to_string();
        self.run(sql(table.delete).id(&subject)).await?;
        let mut seen = HashSet::new();
        let grants: Vec<Grantee> = grants.iter().copied().filter(|grantee| seen.insert(*grantee)).collect();
        for (batch, first) in grants.chunks(BATCH).zip((0_i64..).step_by(BATCH)) {
            let mut insert = sql(table.insert).uncached();
            for (grantee, position) in batch.iter().zip(first..) {
                let (user, group) = match grantee {
                    Grantee::User(id) => (Some(id), None),
                    Grantee::Group(id) => (None, Some(id)),
                };
                insert = insert
                    .push(if position == first { "(" } else { ", (" })
                    .place()
                    .id(&subject)
                    .push(", ")
                    .place()
                    .int(position)
                    .push(", ")
                    .place()
                    .maybe_id(user)
                    .push(", ")
                    .place()
                    .maybe_id(group)
                    .push(")");
            }
            self.run(insert).await?;
        }
        Ok(())
    }
}
