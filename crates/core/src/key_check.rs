//! Whether the key of stored secrets is the one that they were sealed with. A lost or wrong key is told at the start, not at each use.

use prt_types::ids::UserId;

use crate::{
    container_images,
    crypto::Sealer,
    error::{Error, Result},
    named_secrets, registry_credentials,
    store::{Repository, Store},
};

/// The setting with a sealed value that only the right key opens.
const PROBE: &str = "key.probe";
/// What it is sealed for, and what it says.
const WORDS: &str = "key-probe";

/// What a database says about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFit {
    /// Nothing was ever sealed, so any key fits.
    Unused,
    /// It is the right one.
    Right,
    /// It is another one, or there is none.
    Wrong,
}

/// Looks at a key; `None` = there is none.
pub async fn key_fit(store: &dyn Store, sealer: Option<&Sealer>) -> Result<KeyFit> {
    let mut tx = store.read().await?;
    let sealed = match tx.setting(PROBE).await? {
        Some(text) => vec![(
            WORDS.to_owned(),
            hex::decode(text).map_err(|error| Error::internal("the probe of the key", error))?,
        )],
        None => stored(&mut *tx).await?,
    };
    let opens = |(owner, bytes): &(String, Vec<u8>)| sealer.is_some_and(|sealer| sealer.open(owner, bytes).is_ok());
    Ok(match sealed.iter().any(opens) {
        true => KeyFit::Right,
        false if sealed.is_empty() => KeyFit::Unused,
        false => KeyFit::Wrong,
    })
}

/// Stores the probe of this key.
pub async fn key_keep(store: &dyn Store, sealer: &Sealer) -> Result<()> {
    let probe = hex::encode(sealer.seal(WORDS, WORDS.as_bytes())?);
    let mut tx = store.write().await?;
    tx.setting_put(PROBE, &probe).await?;
    Ok(tx.save().await?)
}

/// Sealed values of a database from before there was a probe, each with what it was sealed for.
async fn stored(tx: &mut dyn Repository) -> Result<Vec<(String, Vec<u8>)>> {
    let credentials = tx.registry_credentials().await?.into_iter().map(|credential| {
        let owner = registry_credentials::sealed_for(credential.id, &credential.host);
        (owner, credential.password_sealed)
    });
    let rules = tx.container_images().await?.into_iter().filter_map(|rule| {
        let owner = container_images::sealed_for(rule.id);
        rule.repo_password_sealed.map(|sealed| (owner, sealed))
    });
    // The shared ones; nobody has this id.
    let nobody = UserId(uuid::Uuid::nil());
    let secrets = tx.named_secrets(nobody).await?.into_iter().map(|secret| {
        let owner = named_secrets::sealed_for(&secret);
        (owner, secret.value_sealed)
    });
    Ok(credentials.chain(rules).chain(secrets).collect())
}
