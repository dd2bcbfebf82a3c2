//! The test server's databases.

use std::{env, process::Command};

use uuid::Uuid;

/// The address of a new, empty database; it goes with the server.
pub fn postgres_database() -> String {
    let server = env::var("TEST_DATABASE_URL")
        .expect("TEST_DATABASE_URL is not set: it names a Postgres server for tests (make test starts one)");
    let name = format!("test_{}", Uuid::new_v4().simple());
    let made = Command::new("psql")
        .args([
            "--quiet",
            "--no-psqlrc",
            "--command",
            &format!("CREATE DATABASE {name}"),
            &server,
        ])
        .output()
        .expect("psql is missing: run scripts/setup/system-packages.sh");
    assert!(
        made.status.success(),
        "no database on the test server: {}",
        String::from_utf8_lossy(&made.stderr)
    );
    let (address, _) = server.rsplit_once('/').expect("an address with a database");
    format!("{address}/{name}")
}
