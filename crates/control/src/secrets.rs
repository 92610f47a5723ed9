//! The secrets of a stack, for the functions that show what its containers print: those of its records, and the list that its builds
//! leave beside its state.
//!
//! Other functions show what these have written, and know the records alone: they have no permission to read the list.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStreamError;
use slipway_aws::Lazy;
use slipway_model::id::StackId;
use slipway_model::operation::Operation;
use slipway_model::secret::{Marked, Secrets};
use slipway_model::stack::Stack;
use slipway_store::Store;

/// Why the secrets of a stack are not known. Then nothing that its containers print may be shown.
#[derive(Debug, thiserror::Error)]
pub enum Unknown {
    /// Its records could not be read.
    #[error(transparent)]
    Record(#[from] slipway_store::Error),
    /// S3 did not give the list.
    #[error("the list of the stack's secrets could not be read")]
    List(#[source] Box<SdkError<GetObjectError>>),
    /// The connection broke in the middle of the list.
    #[error("the list of the stack's secrets could not be read to its end")]
    Body(#[source] Box<ByteStreamError>),
    /// The list is damaged, or too long.
    #[error("{0}")]
    Unusable(&'static str),
}

/// Reads the secrets of stacks. Clones share the clients.
#[derive(Debug, Clone)]
pub struct StackSecrets {
    store: Store,
    s3: Lazy<Client>,
    /// The bucket of the states.
    bucket: String,
}

impl StackSecrets {
    /// Over these clients, and the bucket of the states.
    pub fn new(store: &Store, s3: &Lazy<Client>, bucket: &str) -> Self {
        Self {
            store: store.clone(),
            s3: s3.clone(),
            bucket: bucket.to_owned(),
        }
    }

    /// Those of an operation and of its stack.
    pub async fn of_operation(&self, operation: &Operation) -> Result<Secrets, Unknown> {
        let recorded = self.store.secrets_of(operation).await?;
        self.with_list(recorded, &operation.stack).await
    }

    /// Likewise, for a caller that has read the stack.
    pub async fn in_operation(&self, operation: &Operation, stack: &Stack) -> Result<Secrets, Unknown> {
        let recorded = self.store.secrets_in(operation, stack).await?;
        self.with_list(recorded, &stack.id).await
    }

    /// Those of a stack.
    pub async fn of_stack(&self, stack: &Stack) -> Result<Secrets, Unknown> {
        let recorded = self.store.secrets_of_stack(stack).await?;
        self.with_list(recorded, &stack.id).await
    }

    /// A stack without a list has no secrets but those of its records, or no build of this version has planned it yet.
    async fn with_list(&self, recorded: Secrets, stack: &StackId) -> Result<Secrets, Unknown> {
        let request = self.s3.get_object().bucket(&self.bucket).key(Marked::key(stack));
        let object = match Box::pin(request.send()).await {
            Ok(object) => object,
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => return Ok(recorded),
            Err(error) => return Err(Unknown::List(Box::new(error))),
        };
        let body = object.body.collect().await;
        let bytes = body.map_err(|error| Unknown::Body(Box::new(error)))?.into_bytes();
        let Some(marked) = Marked::parse(&bytes) else {
            return Err(Unknown::Unusable("the list of the stack's secrets is damaged"));
        };
        if marked.is_too_long() {
            return Err(Unknown::Unusable(
                "the stack has more secrets than Slipway can search for",
            ));
        }
        Ok(recorded.with_marked(&marked))
    }
}
