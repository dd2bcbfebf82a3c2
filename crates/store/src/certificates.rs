//! Private certificates for builders.

use async_trait::async_trait;
use prt_core::store::{CertificateBundle, CertificateRepository, StoreResult, WorkerBundle};
use prt_types::ids::WorkerId;
use sqlx::any::AnyRow;

use crate::{repository::AnyRepository, row::Row, statement::sql};

const PUT: &str = "INSERT INTO certificate_bundle (name, inject, pem, revision, updated_ms, updated_by) \
    VALUES ('bundle', $1, $2, $3, $4, $5) ON CONFLICT (name) DO UPDATE SET inject = excluded.inject, pem = excluded.pem, \
    revision = excluded.revision, updated_ms = excluded.updated_ms, updated_by = excluded.updated_by";

fn read(row: &AnyRow) -> StoreResult<CertificateBundle> {
    let row = Row::of("certificate_bundle", row);
    Ok(CertificateBundle {
        inject: row.flag("inject")?,
        pem: row.text("pem")?,
        revision: row.int("revision")?,
        updated_ms: row.int("updated_ms")?,
        updated_by: row.text("updated_by")?,
    })
}

fn read_of_worker(row: &AnyRow) -> StoreResult<WorkerBundle> {
    let row = Row::of("worker_certificates", row);
    Ok(WorkerBundle {
        fingerprint: row.text("fingerprint")?,
        subjects: row.json("subjects")?,
        trusted: row.flag("trusted")?,
    })
}

#[async_trait]
impl CertificateRepository for AnyRepository {
    async fn certificate_bundle(&mut self) -> StoreResult<Option<CertificateBundle>> {
        let select = sql("SELECT inject, pem, revision, updated_ms, updated_by FROM certificate_bundle");
        self.one(select, read).await
    }

    async fn certificate_bundle_put(&mut self, bundle: &CertificateBundle) -> StoreResult<()> {
        let put = sql(PUT)
            .flag(bundle.inject)
            .text(&bundle.pem)
            .int(bundle.revision)
            .int(bundle.updated_ms)
            .text(&bundle.updated_by);
        self.run(put).await.map(drop)
    }

    async fn worker_bundle_add(&mut self, worker: WorkerId, bundle: &WorkerBundle) -> StoreResult<()> {
        let insert =
            sql("INSERT INTO worker_certificates (worker_id, fingerprint, subjects, trusted) VALUES ($1, $2, $3, $4)")
                .id(worker)
                .text(&bundle.fingerprint)
                .json(&bundle.subjects)?
                .flag(bundle.trusted);
        self.run(insert).await.map(drop)
    }

    async fn worker_bundle(&mut self, worker: WorkerId) -> StoreResult<Option<WorkerBundle>> {
        let select =
            sql("SELECT fingerprint, subjects, trusted FROM worker_certificates WHERE worker_id = $1").id(worker);
        self.one(select, read_of_worker).await
    }
}
