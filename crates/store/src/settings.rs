//! Single values of the installation.

use async_trait::async_trait;
use prt_core::store::{SettingRepository, StoreResult};

use crate::{repository::AnyRepository, row::Row, statement::sql};

#[async_trait]
impl SettingRepository for AnyRepository {
    async fn setting(&mut self, key: &str) -> StoreResult<Option<String>> {
        self.one(sql("SELECT value FROM settings WHERE name = $1").text(key), |row| {
            Row::of("settings", row).text("value")
        })
        .await
    }

    async fn setting_put(&mut self, key: &str, value: &str) -> StoreResult<()> {
        let put = sql("INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
            .text(key)
            .text(value);
        self.run(put).await.map(drop)
    }
}
