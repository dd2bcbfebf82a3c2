//! `builds show N`.

use std::collections::BTreeMap;

use prt_types::builds::{BuildSecretView, BuildView, CredentialView};

use crate::{
    error::Result,
    output::{date, duration, facts},
    session::Session,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The build
    #[arg(value_parser = super::number)]
    number: i64,
}

pub async fn run(args: Args, session: &Session) -> Result<()> {
    let build = session.client.build(args.number).await?;
    session.out.show(&build, describe)
}

fn describe(build: &BuildView) -> String {
    let options = &build.options;
    let pairs = |map: &BTreeMap<String, String>| map.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let joined = |parts: Vec<String>| Some(parts.join(", ")).filter(|text| !text.is_empty());
    facts(&[
        ("build", Some(format!("#{}", build.number))),
        ("status", Some(status(build))),
        ("message", Some(build.message.clone()).filter(|text| !text.is_empty())),
        ("step", build.step.clone()),
        ("image", Some(build.reference.clone())),
        ("digest", build.digest.clone()),
        ("push", Some(if build.push_image { "yes" } else { "no" }.into())),
        ("worker", Some(build.worker.clone())),
        ("owner", Some(build.owner.clone())),
        ("context", Some(build.context.clone()).filter(|text| !text.is_empty())),
        (
            "dockerfile",
            Some(build.dockerfile.clone()).filter(|text| !text.is_empty()),
        ),
        ("build args", joined(pairs(&build.build_args))),
        ("tags", joined(options.additional_tags.clone())),
        ("target", text(&options.target)),
        ("platforms", joined(options.platforms.clone())),
        ("labels", joined(pairs(&options.labels))),
        (
            "secrets",
            joined(options.secrets.iter().map(BuildSecretView::text).collect()),
        ),
        ("pull", options.pull.then(|| "yes".into())),
        ("network", text(&options.network)),
        ("hosts", joined(options.add_hosts.clone())),
        ("shm size", text(&options.shm_size)),
        ("ulimits", joined(options.ulimits.clone())),
        ("cache from", joined(options.cache_from.clone())),
        ("cache to", joined(options.cache_to.clone())),
        ("oci mediatypes", options.oci_mediatypes.map(|oci| oci.to_string())),
        (
            "logins",
            joined(build.credentials.iter().map(CredentialView::text).collect()),
        ),
        ("insecure", build.insecure_registry.then(|| "yes".into())),
        ("no cache", build.no_cache.then(|| "yes".into())),
        ("parameters", text(&build.additional_build_params)),
        ("command", text(&build.custom_build_command)),
        ("repeats", build.rerun_of.map(|number| format!("#{number}"))),
        ("created", Some(date(build.created_ms))),
        ("took", took(build).map(duration)),
        (
            "steps",
            Some(format!("{} ({} cached)", build.steps, build.steps_cached)),
        ),
        ("lines", Some(build.lines.to_string())),
        ("pinned", build.pinned.then(|| "yes".into())),
        ("stored until", build.expires_ms.map(date)),
        ("log until", build.log_expires_ms.map(date)),
        ("log deleted", build.log_deleted_ms.map(date)),
    ])
}

fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Status with its reason.
pub fn status(build: &BuildView) -> String {
    match build.reason {
        Some(reason) => format!("{} ({})", build.status.name(), reason.name()),
        None => build.status.name().to_owned(),
    }
}

/// How long the builder worked on it.
pub fn took(build: &BuildView) -> Option<i64> {
    build
        .ended_ms
        .zip(build.started_ms)
        .map(|(ended, started)| ended - started)
}
