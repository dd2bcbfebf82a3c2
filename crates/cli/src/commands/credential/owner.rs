//! Whose credential it is.

use prt_types::registry_credentials::CredentialScope;

#[derive(Debug, clap::Args)]
pub struct Owner {
    /// For another user (admins only)
    #[arg(long = "for-user", value_name = "NAME", conflicts_with_all = ["for_group", "everyone"])]
    for_user: Option<String>,
    /// For the members of a group (admins only)
    #[arg(long = "for-group", value_name = "NAME", conflicts_with = "everyone")]
    for_group: Option<String>,
    /// For all users (admins only)
    #[arg(long)]
    everyone: bool,
}

impl Owner {
    /// The scope and the name in it, if it was named.
    pub fn named(self) -> Option<(CredentialScope, String)> {
        if self.everyone {
            return Some((CredentialScope::Everyone, String::new()));
        }
        let group = self.for_group.map(|group| (CredentialScope::Group, group));
        group.or(self.for_user.map(|user| (CredentialScope::User, user)))
    }
}
