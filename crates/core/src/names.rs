//! Names of users and groups, read once for all that a list shows: a list runs as many statements for a thousand rows as for one.

use std::collections::HashMap;

use prt_types::ids::{GroupId, UserId};

use crate::{
    error::{Error, Result},
    store::{Grantee, Group, Repository},
};

/// Names of some grantees.
#[derive(Debug)]
pub(crate) struct Names {
    users: HashMap<UserId, String>,
    groups: HashMap<GroupId, Group>,
}

impl Names {
    /// The names of these.
    pub(crate) async fn of(tx: &mut dyn Repository, grantees: Vec<Grantee>) -> Result<Self> {
        let users: Vec<UserId> = grantees
            .iter()
            .filter_map(|grantee| match grantee {
                Grantee::User(id) => Some(*id),
                Grantee::Group(_) => None,
            })
            .collect();
        let groups = if users.len() == grantees.len() {
            vec![]
        } else {
            tx.groups().await?
        };
        Ok(Self {
            users: tx.usernames(&users).await?,
            groups: groups.into_iter().map(|group| (group.id, group)).collect(),
        })
    }

    /// A login name.
    pub(crate) fn user(&self, id: UserId) -> Option<&str> {
        self.users.get(&id).map(String::as_str)
    }

    /// A group.
    pub(crate) fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(&id)
    }

    /// Login names and group names, sorted.
    pub(crate) fn sorted(&self, grants: &[Grantee]) -> (Vec<String>, Vec<String>) {
        let (mut users, mut groups) = (Vec::new(), Vec::new());
        for grantee in grants {
            match grantee {
                Grantee::User(id) => users.extend(self.user(*id).map(str::to_owned)),
                Grantee::Group(id) => groups.extend(self.group(*id).map(|group| group.name.clone())),
            }
        }
        users.sort();
        groups.sort();
        (users, groups)
    }
}

/// The one view of one row, from the function that makes those of many.
pub(crate) fn only<T>(views: Vec<T>) -> Result<T> {
    let mut views = views;
    views.pop().ok_or_else(|| Error::bug("a row has no view"))
}
