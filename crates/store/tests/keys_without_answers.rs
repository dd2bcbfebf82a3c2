//! Idempotency keys of a console that stored them before it worked on the request: without an answer they block nothing.

use prt_core::store::{IdempotencyKey, Store, User};
use prt_store::AnyStore;
use prt_types::{access::Role, ids::UserId};
use sqlx::{Connection, SqliteConnection};

#[tokio::test]
async fn a_key_without_an_answer_counts_as_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}/console.db", folder.path().display());
    let store = AnyStore::connect(&url).await.expect("connect");
    store.migrate().await.expect("migrate");
    let user = User {
        id: UserId(prt_core::clock::new_id()),
        username: "ada".into(),
        password_hash: "h".into(),
        role: Role::User,
        created_ms: 1,
    };
    let mut repo = store.write().await.expect("write");
    repo.user_add(&user).await.expect("add");
    repo.save().await.expect("save");
    let mut connection = SqliteConnection::connect(&url).await.expect("connect");
    sqlx::query("INSERT INTO idempotency_keys VALUES ($1, 'ab', X'00', NULL, '', 10)")
        .bind(user.id.to_string())
        .execute(&mut connection)
        .await
        .expect("a row of before");
    let mut repo = store.write().await.expect("write");
    assert_eq!(repo.idempotency(user.id, "ab").await.expect("read"), None);
    let key = IdempotencyKey {
        user_id: user.id,
        key_hash: "ab".into(),
        request_sealed: vec![1],
        status: 201,
        body: "{}".into(),
        created_ms: 20,
    };
    repo.idempotency_put(&key).await.expect("it takes the place");
    assert_eq!(repo.idempotency(user.id, "ab").await.expect("read"), Some(key));
}
