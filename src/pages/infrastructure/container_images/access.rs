//! Who may run what the rule matches.

use leptos::prelude::*;

use super::server_fns::{Editor, Person, Team};
use crate::components::{Card, CheckList, Choice, Note, NoteTone};

/// Groups and users as checkboxes: they need no WebAssembly, and show who is left out as well.
#[component]
pub fn AccessCard(
    /// Who there is.
    editor: Editor,
    /// Chosen users.
    users: Vec<String>,
    /// Chosen groups.
    groups: Vec<String>,
) -> impl IntoView {
    let nobody = users.is_empty() && groups.is_empty() && editor.rule.is_some();
    view! {
        <Card title="Access" subtitle="who may run images that match">
            {nobody
                .then(|| {
                    view! {
                        <div class="card-note">
                            <Note tone=NoteTone::Warn>"Nobody has access: the rule opens nothing."</Note>
                        </div>
                    }
                })} <AccessLists people=editor.people teams=editor.teams users groups />
        </Card>
    }
}

/// The two lists, for whatever access is given to.
#[component]
pub fn AccessLists(
    /// Users there are.
    people: Vec<Person>,
    /// Groups there are.
    teams: Vec<Team>,
    /// Chosen users.
    users: Vec<String>,
    /// Chosen groups.
    groups: Vec<String>,
) -> impl IntoView {
    view! {
        <CheckList path="groups" label="Groups" choices=team_choices(teams, &groups) selected=groups.clone() />
        <CheckList path="users" label="Users" choices=people_choices(people, &users) selected=users.clone() />
    }
}

fn team_choices(teams: Vec<Team>, chosen: &[String]) -> Vec<Choice> {
    let choices = teams.into_iter().map(|team| {
        let hint = match team {
            Team { everyone: true, .. } => "every user".to_owned(),
            Team { members: 1, .. } => "1 member".to_owned(),
            Team { members, .. } => format!("{members} members"),
        };
        Choice::new(team.name.clone(), team.name).with_hint(hint)
    });
    chosen_first(choices.collect(), chosen)
}

fn people_choices(people: Vec<Person>, chosen: &[String]) -> Vec<Choice> {
    let choices = people
        .into_iter()
        .map(|person| Choice::new(person.username.clone(), person.username).with_hint(person.groups.join(", ")));
    chosen_first(choices.collect(), chosen)
}

/// In a long list the chosen ones are seen without scrolling.
fn chosen_first(mut choices: Vec<Choice>, chosen: &[String]) -> Vec<Choice> {
    choices.sort_by_key(|choice| !chosen.contains(&choice.value));
    choices
}
