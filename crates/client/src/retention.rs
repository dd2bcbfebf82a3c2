//! How long things are stored, for admins.

use prt_types::retention::{RetentionRequest, RetentionRun, RetentionView};

use crate::{Client, Result};

impl Client {
    /// The rules, what is stored, and what would be deleted now.
    pub async fn retention(&self) -> Result<RetentionView> {
        self.get(self.url(&["retention"])).await
    }

    /// Deletes what is older than its rule, or only says what that is.
    pub async fn retention_run(&self, dry_run: bool) -> Result<RetentionRun> {
        let request = RetentionRequest { dry_run };
        self.send_patiently(self.url(&["retention", "run"]), &request).await
    }
}
