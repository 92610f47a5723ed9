//! Record outputs: what the blueprint's output `slipway` says is checked and kept with the stack.

use std::collections::BTreeMap;

use aws_sdk_s3::operation::get_object::GetObjectError;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use slipway_control::secrets::Unknown;
use slipway_model::artifact::{self, OUTPUTS};
use slipway_model::contract::Contract;
use slipway_model::id::ReleaseNumber;
use slipway_model::name::Digest;
use slipway_model::operation::{Operation, OperationKind};
use slipway_model::stack::Stack;
use slipway_model::terraform::OUTPUT;
use slipway_store::{ATTEMPTS, pause};

use crate::payload::OfStack;
use crate::{StepError, Steps, aws, state};

/// What the workflow needs to know of the outputs.
#[derive(Debug, Serialize)]
pub(crate) struct Recorded {
    /// The release that the workflow rolls out next.
    release: Option<ReleaseNumber>,
    /// The addresses that people open, for readers of the execution: as many as fit.
    endpoints: BTreeMap<String, String>,
}

/// The most bytes of endpoints in an execution: data in flight stays below 32 KiB.
const ENDPOINTS_SHOWN: usize = 4_096;

fn shown_endpoints(contract: &Contract) -> BTreeMap<String, String> {
    let mut left = ENDPOINTS_SHOWN;
    let fits = contract.endpoints.iter().take_while(|(name, address)| {
        let fits = left.checked_sub(name.len() + address.len());
        left = fits.unwrap_or(0);
        fits.is_some()
    });
    fits.map(|(name, address)| (name.clone(), address.clone())).collect()
}

impl Steps {
    pub(crate) async fn record_outputs(&self, of: &OfStack) -> Result<Recorded, StepError> {
        let began = Timestamp::now();
        let read = || self.store.operation_and_stack(&of.operation, of.stack.as_ref());
        let (mut applied, mut stack) = read().await?;
        let mut contract = self.read_contract(&applied).await?;
        match self.secrets.in_operation(&applied, &stack).await {
            Ok(secrets) => secrets.hide_in_contract(&mut contract),
            // The apply has succeeded, and no repetition makes the list usable: a failure would leave the stack without a contract.
            Err(Unknown::Unusable(why)) => contract.leave_out_texts(why),
            Err(error) => return Err(error.into()),
        }
        for attempt in 0..ATTEMPTS {
            // The plan judged what it knew, and hidden secrets may have lengthened it.
            if let Some(problem) = stack.contract_room_problem(&applied.configuration, contract.bytes()) {
                return Err(StepError::contract(&[problem]));
            }
            let release = self.release_to_roll_out(&applied, &stack, &contract).await?;
            // With the contract in one write: a repetition of this step compares with the stack's contract and would find no difference.
            let change = |operation: &mut Operation| {
                let again = |operation: &mut Operation| {
                    if let Some(number) = release {
                        operation.work.release_again(number, contract.releases_are_compatible());
                    }
                };
                state::noted(operation, state::RECORD_OUTPUTS, began, Timestamp::now(), again)
            };
            let recorded = self
                .store
                .try_record_contract(applied, stack, &contract, change)
                .await
                .map_err(without_room)?;
            if recorded.is_some() {
                return Ok(Recorded {
                    release,
                    endpoints: shown_endpoints(&contract),
                });
            }
            pause(attempt).await;
            (applied, stack) = read().await?;
        }
        Err(StepError::Store(slipway_store::Error::Conflict {
            what: format!("the operation {}", of.operation),
        }))
    }

    /// The release to roll out after an apply: the one whose images came with the request, or the current one again if the shape of
    /// the services or schedules has changed since it was released, and it has an image for one of them. Likewise if the apply has begun
    /// deployments: the rollout follows them. And what it made anew starts at zero, or disabled.
    async fn release_to_roll_out(
        &self,
        operation: &Operation,
        stack: &Stack,
        contract: &Contract,
    ) -> Result<Option<ReleaseNumber>, StepError> {
        // A repeated step finds what the first run decided.
        if operation.release().is_some() || operation.kind() != OperationKind::Update {
            return Ok(operation.release());
        }
        let (Some(before), Some(current)) = (&stack.contract, stack.release_to_repeat()) else {
            return Ok(None);
        };
        let is_same = !operation.work.mends()
            && !operation.deploys()
            && before.services == contract.services
            && before.cluster == contract.cluster
            && before.schedules == contract.schedules;
        if is_same {
            return Ok(None);
        }
        let images = self.store.release(&stack.id, current).await?.images;
        let nothing_to_roll_out = contract.ready_for(&images).services.is_empty();
        Ok((!nothing_to_roll_out).then_some(current))
    }

    /// The contract in the outputs that the runner left in the bucket: their values by their names, without the sensitive ones. They are
    /// those whose digest the runner recorded: other writers of the bucket cannot replace them.
    async fn read_contract(&self, operation: &Operation) -> Result<Contract, StepError> {
        let key = artifact::of_operation(operation, OUTPUTS);
        // A runner of an earlier version applied it. The object alone would let its writers decide what the stack runs.
        let Some(recorded) = &operation.outputs else {
            return Err(StepError::outputs(
                &key,
                "has no digest on the operation's record, because the runner is of an earlier version: publish the toolchain of this one",
            ));
        };
        let doing = "read the outputs of the apply";
        let object = self
            .s3
            .get_object()
            .bucket(&self.config.artifacts_bucket)
            .key(&key)
            .send();
        let object = match object.await {
            Ok(object) => object,
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => {
                return Err(StepError::outputs(&key, "is missing"));
            }
            Err(error) => return Err(aws::failed(doing, error)),
        };
        let body = object.body.collect().await.map_err(|error| StepError::Unavailable {
            doing: doing.to_owned(),
            source: error.into(),
        })?;
        let bytes = body.into_bytes();
        if Digest::of(&bytes) != *recorded {
            return Err(StepError::outputs(
                &key,
                "differs from the digest on the operation's record",
            ));
        }
        let outputs: Value = serde_json::from_slice(&bytes).map_err(|error| StepError::Refused {
            doing: doing.to_owned(),
            said: "they are not JSON".to_owned(),
            source: error.into(),
        })?;
        Contract::parse(outputs.get(OUTPUT).ok_or_else(missing_output)?)
            .map_err(|problems| StepError::contract(&problems))
    }
}

/// A stack of an earlier version of Slipway may have less room than its limits say.
fn without_room(error: slipway_store::Error) -> StepError {
    match error {
        slipway_store::Error::TooLarge { .. } => StepError::ContractInvalid(format!(
            "there is no room for the blueprint's output `{OUTPUT}`: {error}. Shorten it, or give the stack shorter values"
        )),
        error => error.into(),
    }
}

fn missing_output() -> StepError {
    StepError::ContractInvalid(format!(
        "the blueprint has no output `{OUTPUT}`, or it is sensitive: add `output \"{OUTPUT}\"` to its root module, with the \
         services, migrations and endpoints of the stack"
    ))
}
