//! The key of the installation, which the API made with the first webhook.

use slipway_model::artifact::WEBHOOK_KEY;
use slipway_model::webhook::signature::InstallationKey;

use crate::{Notifier, NotifyError};

impl Notifier {
    /// The key, read once.
    pub(crate) async fn installation_key(&self) -> Result<&InstallationKey, NotifyError> {
        self.key.get_or_try_init(|| self.read_key()).await
    }

    async fn read_key(&self) -> Result<InstallationKey, NotifyError> {
        let request = self.s3.get_object().bucket(&self.config.artifacts_bucket);
        let object = request.key(WEBHOOK_KEY).send().await;
        let object = object.map_err(|error| NotifyError::ReadKey(Box::new(aws_sdk_s3::Error::from(error))))?;
        let bytes = object.body.collect().await;
        let bytes = bytes.map_err(|error| NotifyError::ReadKey(error.into()))?;
        InstallationKey::read(&bytes.into_bytes()).map_err(|error| NotifyError::ReadKey(error.into()))
    }
}
