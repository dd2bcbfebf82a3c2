//! Sealing of stored secrets, password hashes and token values.

use argon2::{
    Algorithm, Argon2, Block, Params, PasswordHash, Version,
    password_hash::{
        self,
        phc::{Output, ParamsString, Salt},
    },
};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use prt_types::Secret;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// Seals secrets for the database with XChaCha20-Poly1305. What a sealed value belongs to is bound into it, so that a value
/// cannot be moved to another row.
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    /// For values that are made again instead of stored; another key than the one that seals.
    derivation: Hmac<Sha256>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(***)")
    }
}

const NONCE_LEN: usize = 24;

impl Sealer {
    /// A sealer with a key of 32 bytes.
    pub fn new(key: &[u8; 32]) -> Self {
        let derivation = <Hmac<Sha256> as Mac>::new_from_slice(&Sha256::digest([key.as_slice(), b"derive"].concat()))
            .expect("any length is a key");
        Self {
            cipher: XChaCha20Poly1305::new(key.into()),
            derivation,
        }
    }

    /// A secret for a purpose, e.g. `notebook/<id>`: always the same, and known to nobody without the key. In hex.
    pub fn derive(&self, purpose: &str) -> String {
        let mac = self.derivation.clone().chain_update(purpose.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }

    /// Seals `plain` for `owner`, e.g. `build/<id>`.
    pub fn seal(&self, owner: &str, plain: &[u8]) -> Result<Vec<u8>> {
        let nonce: [u8; NONCE_LEN] = random();
        let sealed = self
            .cipher
            .encrypt(
                XNonce::from_slice(&nonce),
                Payload {
                    msg: plain,
                    aad: owner.as_bytes(),
                },
            )
            .map_err(|_| Error::bug("sealing a secret"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for the same `owner`.
    pub fn open(&self, owner: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        let wrong = || {
            tracing::error!(owner, "a stored secret does not open with the console's key");
            Error::Conflict {
                message: "A stored secret does not open with the console's key.".into(),
                hint: Some("Enter it again. An admin can instead restore the key that it was stored with.".into()),
            }
        };
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or_else(wrong)?;
        self.cipher
            .decrypt(
                XNonce::from_slice(nonce),
                Payload {
                    msg: sealed,
                    aad: owner.as_bytes(),
                },
            )
            .map_err(|_| wrong())
    }
}

/// Random bytes from the operating system.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A new API token's value. The prefix makes a leaked one easy to search for.
pub fn new_token() -> Secret {
    Secret::new(format!("prt_{}", hex::encode(random::<20>())))
}

/// What is stored of a token.
pub fn token_hash(value: &str) -> String {
    hex::encode(Sha256::digest(value.as_bytes()))
}

/// Each hash takes 19 MiB and a core: a crowd that logs in, or guesses, waits in line.
async fn turn() -> Result<tokio::sync::SemaphorePermit<'static>> {
    static TURNS: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(4);
    TURNS
        .acquire()
        .await
        .map_err(|error| Error::internal("waiting for the password check", error))
}

/// Blocks of 1 KiB for which there is room, however few are used. glibc gives memory beyond 32 MiB back when it is freed; a smaller
/// piece it keeps, once for each thread that has freed one (M_MMAP_THRESHOLD in mallopt(3)).
const ROOM: usize = 33 * 1024;

fn argon2(argon2: &Argon2<'_>, password: &[u8], salt: &[u8]) -> password_hash::Result<Output> {
    let params = argon2.params();
    let mut memory = Vec::new();
    memory
        .try_reserve_exact(params.block_count().max(ROOM))
        .map_err(|_| password_hash::Error::OutOfMemory)?;
    memory.resize(params.block_count(), Block::new());
    let mut out = [0; Output::MAX_LENGTH];
    let out = out
        .get_mut(..params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN))
        .ok_or(password_hash::Error::OutputSize)?;
    argon2.hash_password_into_with_memory(password, salt, out, memory)?;
    Ok(Output::new(out)?)
}

fn hashed(password: &[u8]) -> password_hash::Result<PasswordHash> {
    let (algorithm, version, params) = (Algorithm::Argon2id, Version::V0x13, Params::default());
    let salt = Salt::new(&random::<{ Salt::RECOMMENDED_LENGTH }>())?;
    Ok(PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: ParamsString::try_from(&params)?,
        salt: Some(salt),
        hash: Some(argon2(&Argon2::new(algorithm, version, params), password, &salt)?),
    })
}

fn fits(password: &[u8], hash: &PasswordHash) -> password_hash::Result<bool> {
    let (Some(salt), Some(wanted)) = (&hash.salt, &hash.hash) else {
        return Ok(false);
    };
    let algorithm = Algorithm::try_from(hash.algorithm.as_str())?;
    let version = hash.version.map(Version::try_from).transpose()?.unwrap_or_default();
    let hasher = Argon2::new(algorithm, version, Params::try_from(hash)?);
    // Outputs are compared in constant time.
    Ok(argon2(&hasher, password, salt)? == *wanted)
}

/// Hashes a password with argon2id, off the async threads because it is slow on purpose.
pub async fn hash_password(password: Secret) -> Result<String> {
    let _turn = turn().await?;
    tokio::task::spawn_blocking(move || {
        hashed(password.expose().as_bytes())
            .map(|hash| hash.to_string())
            .map_err(|error| Error::bug(format!("hashing a password: {error}")))
    })
    .await
    .map_err(|error| Error::internal("hashing a password", error))?
}

/// Whether a password fits a stored hash. Without a hash it takes as long, so that time does not tell which names exist.
pub async fn verify_password(password: Secret, hash: Option<String>) -> Result<bool> {
    // A hash of a random value, with the default parameters.
    const NOBODY: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Wc1vZ0Qz1bWqVx6dWJtJ8yYc1Zb8mJ0cW6sW1f3Zr0k";
    let _turn = turn().await?;
    tokio::task::spawn_blocking(move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
        let parsed = PasswordHash::new(&hash).map_err(|_| Error::bug("a stored password hash is unreadable"))?;
        let fits = fits(password.expose().as_bytes(), &parsed)
            .map_err(|error| Error::bug(format!("checking a password: {error}")))?;
        Ok(fits && known)
    })
    .await
    .map_err(|error| Error::internal("checking a password", error))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_only_for_its_owner() {
        let sealer = Sealer::new(&[7; 32]);
        let sealed = sealer.seal("build/1", b"hunter2").unwrap();
        assert!(!sealed.windows(7).any(|w| w == b"hunter2"));
        assert_eq!(sealer.open("build/1", &sealed).unwrap(), b"hunter2");
        assert!(sealer.open("build/2", &sealed).is_err());
        assert!(Sealer::new(&[8; 32]).open("build/1", &sealed).is_err());
        assert!(sealer.open("build/1", &sealed[..10]).is_err());
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let hash = hash_password("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(
            verify_password("correct horse".into(), Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(!verify_password("wrong horse".into(), Some(hash)).await.unwrap());
        assert!(!verify_password("anything".into(), None).await.unwrap());
    }

    #[test]
    fn hashes_are_those_of_the_library() {
        use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
        let made = hashed(b"correct horse").unwrap();
        Argon2::default().verify_password(b"correct horse", &made).unwrap();
        let small = Params::new(64, 3, 2, Some(24)).unwrap();
        let other = Argon2::new(Algorithm::Argon2i, Version::V0x10, small);
        let theirs: PasswordHash = other.hash_password_with_salt(b"x", b"saltsaltsalt").unwrap();
        assert!(fits(b"x", &theirs).unwrap());
        assert!(!fits(b"y", &theirs).unwrap());
    }
}
