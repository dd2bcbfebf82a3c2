//! Private certificates for builders.

use super::{Stories, read, samples::user_with_worker, write};
use crate::store::{CertificateBundle, WorkerBundle};

pub(super) async fn bundle(stories: &Stories) {
    let store = stories.open("certificates").await;
    assert_eq!(read(&store).await.certificate_bundle().await.unwrap(), None);
    let mut stored = CertificateBundle {
        inject: true,
        pem: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into(),
        revision: 1,
        updated_ms: 1_700_000_000_000,
        updated_by: "ada".into(),
    };
    let mut repo = write(&store).await;
    repo.certificate_bundle_put(&stored).await.unwrap();
    repo.save().await.unwrap();
    assert_eq!(
        read(&store).await.certificate_bundle().await.unwrap().as_ref(),
        Some(&stored)
    );
    stored = CertificateBundle {
        inject: false,
        pem: String::new(),
        revision: 2,
        updated_ms: 1_700_000_000_001,
        updated_by: "bob".into(),
    };
    let mut repo = write(&store).await;
    repo.certificate_bundle_put(&stored).await.unwrap();
    repo.save().await.unwrap();
    assert_eq!(
        read(&store).await.certificate_bundle().await.unwrap().as_ref(),
        Some(&stored)
    );
}

pub(super) async fn of_workers(stories: &Stories) {
    let store = stories.open("worker_certificates").await;
    let (_, worker) = user_with_worker(&store).await;
    let mut repo = write(&store).await;
    assert_eq!(repo.worker_bundle(worker.id).await.unwrap(), None);
    let given = WorkerBundle {
        fingerprint: "ab".repeat(32),
        subjects: vec!["CN=One".into(), "CN=Two, O=\"x\"".into()],
        trusted: true,
    };
    repo.worker_bundle_add(worker.id, &given).await.unwrap();
    assert_eq!(repo.worker_bundle(worker.id).await.unwrap(), Some(given));
    repo.save().await.unwrap();
}
