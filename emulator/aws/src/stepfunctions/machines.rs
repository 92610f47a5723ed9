//! State machines: create, update, describe, list, delete, validate.

use std::sync::Arc;

use asl_interpreter::DefinitionErrors;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::records::{ALIAS, MACHINE, Machine, REVISION, Revision, Settings, revision_id};
use super::{StepFunctions, arns, lock, pages, supported};
use crate::ledger::{LedgerError, Transaction};
use crate::wire::{AwsError, epoch_seconds};

/// The longest definition, in characters.
const LONGEST_DEFINITION: usize = 1_048_576;
/// The most that `ValidateStateMachineDefinition` returns, and the default.
const MOST_DIAGNOSTICS: usize = 100;

/// The input of `CreateStateMachine`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateStateMachine {
    name: String,
    definition: String,
    role_arn: String,
    #[serde(rename = "type", default)]
    kind: MachineType,
    #[serde(default)]
    publish: bool,
    #[serde(flatten)]
    settings: Settings,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum MachineType {
    #[default]
    Standard,
    Express,
}

/// The input of `UpdateStateMachine`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateStateMachine {
    state_machine_arn: String,
    definition: Option<String>,
    role_arn: Option<String>,
    #[serde(default)]
    publish: bool,
    #[serde(flatten)]
    settings: Settings,
}

/// The input of the actions that take a machine alone.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfMachine {
    state_machine_arn: String,
}

/// The input of `ListStateMachines`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListStateMachines {
    max_results: Option<usize>,
    next_token: Option<String>,
}

/// The input of `ValidateStateMachineDefinition`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidateDefinition {
    definition: String,
    max_results: Option<usize>,
}

impl StepFunctions {
    pub(super) fn create_state_machine(&self, input: CreateStateMachine) -> Result<Value, AwsError> {
        arns::check_name(&input.name)?;
        arns::check_role(&input.role_arn)?;
        if input.kind == MachineType::Express {
            return Err(AwsError::new(
                "StateMachineTypeNotSupported",
                "State Machine Type Not Supported: 'EXPRESS' machines keep no history; this emulator runs STANDARD ones.",
            ));
        }
        refuse_publish(input.publish)?;
        parse(&input.definition)?;
        let machine = Machine {
            arn: arns::machine(&input.name),
            name: input.name,
            created: self.shared.clock.now(),
            revision: 1,
            settings: input.settings,
        };
        let revision = Revision {
            definition: input.definition,
            role_arn: input.role_arn,
            updated: machine.created,
        };
        let machine = self
            .shared
            .ledger
            .transaction(|transaction| created(transaction, machine, &revision))?;
        Ok(json!({"stateMachineArn": machine.arn, "creationDate": epoch_seconds(machine.created)}))
    }

    pub(super) fn update_state_machine(&self, input: UpdateStateMachine) -> Result<Value, AwsError> {
        arns::check_machine(&input.state_machine_arn)?;
        refuse_publish(input.publish)?;
        input.role_arn.as_deref().map_or(Ok(()), arns::check_role)?;
        if let Some(definition) = &input.definition {
            parse(definition)?;
        } else if input.role_arn.is_none() && input.settings == Settings::default() {
            return Err(AwsError::new(
                "MissingRequiredParameter",
                "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be \
                 specified",
            ));
        }
        let now = self.shared.clock.now();
        let (machine, revision) = self
            .shared
            .ledger
            .transaction(|transaction| updated(transaction, input, now))?;
        Ok(json!({"updateDate": epoch_seconds(revision.updated), "revisionId": machine.revision.to_string()}))
    }

    pub(super) fn describe_state_machine(&self, input: &OfMachine) -> Result<Value, AwsError> {
        let machine = self.machine(&input.state_machine_arn)?;
        let revision = self.revision(&machine.arn, machine.revision)?;
        let mut description = json!({
            "stateMachineArn": machine.arn,
            "name": machine.name,
            "status": "ACTIVE",
            "definition": revision.definition,
            "roleArn": revision.role_arn,
            "type": "STANDARD",
            "creationDate": epoch_seconds(machine.created),
            "loggingConfiguration": machine.settings.logging
                .unwrap_or_else(|| json!({"level": "OFF", "includeExecutionData": false})),
            "tracingConfiguration": machine.settings.tracing.unwrap_or_else(|| json!({"enabled": false})),
        });
        // AWS gives a machine its first revision id with its first update.
        if machine.revision > 1 {
            description["revisionId"] = json!(machine.revision.to_string());
        }
        Ok(description)
    }

    pub(super) fn list_state_machines(&self, input: &ListStateMachines) -> Result<Value, AwsError> {
        let size = pages::size(input.max_results)?;
        let after: Option<String> = input.next_token.as_deref().map(pages::place).transpose()?;
        let machines = self.shared.ledger.list::<Machine>(MACHINE)?;
        let mut rest = machines
            .into_iter()
            .filter(|(arn, _)| after.as_ref().is_none_or(|after| arn > after))
            .peekable();
        let page: Vec<Machine> = rest.by_ref().take(size).map(|(_, machine)| machine).collect();
        let mut answer = json!({"stateMachines": page.iter().map(|machine| json!({
            "stateMachineArn": machine.arn,
            "name": machine.name,
            "type": "STANDARD",
            "creationDate": epoch_seconds(machine.created),
        })).collect::<Vec<_>>()});
        if let (Some(last), Some(_)) = (page.last(), rest.peek()) {
            answer["nextToken"] = json!(pages::token(&last.arn)?);
        }
        Ok(answer)
    }

    /// Deletes a machine; a machine that is not there is deleted already. Its executions are stopped, as on AWS.
    pub(super) async fn delete_state_machine(&self, input: &OfMachine) -> Result<Value, AwsError> {
        arns::check_machine(&input.state_machine_arn)?;
        self.shared.ledger.delete(MACHINE, &input.state_machine_arn)?;
        let name = input.state_machine_arn.rsplit(':').next().unwrap_or_default();
        let prefix = arns::executions_of(name);
        let running: Vec<String> = lock(&self.shared.running)
            .keys()
            .filter(|arn| arn.starts_with(&prefix))
            .cloned()
            .collect();
        for arn in running {
            self.abort(&arn, None, Some("The state machine was deleted.".to_owned()))
                .await;
        }
        Ok(json!({}))
    }

    pub(super) fn validate_definition(input: &ValidateDefinition) -> Result<Value, AwsError> {
        check_length(&input.definition)?;
        let most = match input.max_results.unwrap_or(0) {
            0 => MOST_DIAGNOSTICS,
            most if most <= MOST_DIAGNOSTICS => most,
            most => {
                return Err(AwsError::validation(format!(
                    "1 validation error detected: Value '{most}' at 'maxResults' failed to satisfy constraint: Member must \
                     have value less than or equal to {MOST_DIAGNOSTICS}"
                )));
            }
        };
        let problems = check(&input.definition)
            .err()
            .map(|errors| errors.0)
            .unwrap_or_default();
        let shown = problems.iter().take(most);
        let diagnostics: Vec<Value> = shown
            .map(|problem| {
                let mut diagnostic = json!({"severity": "ERROR", "code": problem.code, "message": problem.message});
                if let Some(location) = &problem.location {
                    diagnostic["location"] = json!(location);
                }
                diagnostic
            })
            .collect();
        Ok(json!({
            "result": if problems.is_empty() { "OK" } else { "FAIL" },
            "truncated": diagnostics.len() < problems.len(),
            "diagnostics": diagnostics,
        }))
    }

    /// A machine that has to be there.
    pub(super) fn machine(&self, arn: &str) -> Result<Machine, AwsError> {
        arns::check_machine(arn)?;
        self.shared
            .ledger
            .readable(MACHINE, arn)?
            .ok_or_else(|| does_not_exist(arn))
    }

    /// A machine that has to be there, by its own ARN or by that of an alias. An alias leads to the latest definition.
    pub(super) fn machine_or_alias(&self, arn: &str) -> Result<Machine, AwsError> {
        let (machine, alias) = arns::split_alias(arn);
        let found = self.machine(machine)?;
        if alias.is_some() && self.shared.ledger.get::<String>(ALIAS, arn)?.is_none() {
            return Err(does_not_exist(arn));
        }
        Ok(found)
    }

    /// Makes an alias of a machine, as the template has it.
    pub fn ensure_alias(&self, machine: &str, alias: &str) -> Result<(), LedgerError> {
        let arn = format!("{machine}:{alias}");
        self.shared.ledger.put(ALIAS, &arn, &machine.to_owned())
    }

    /// A definition that an execution or a machine names.
    pub(super) fn revision(&self, machine_arn: &str, revision: u64) -> Result<Revision, AwsError> {
        let id = revision_id(machine_arn, revision);
        let revision = self.shared.ledger.readable(REVISION, &id)?;
        revision.ok_or_else(|| does_not_exist(machine_arn))
    }

    /// A definition, parsed once. Revisions are never changed, so the name is enough to find it again.
    pub(super) fn definition(
        &self,
        machine_arn: &str,
        revision: u64,
    ) -> Result<Arc<asl_interpreter::StateMachine>, AwsError> {
        let id = revision_id(machine_arn, revision);
        if let Some(definition) = lock(&self.shared.definitions).get(&id) {
            return Ok(definition.clone());
        }
        let definition = Arc::new(parse(&self.revision(machine_arn, revision)?.definition)?);
        lock(&self.shared.definitions).insert(id, definition.clone());
        Ok(definition)
    }
}

/// Creating the same machine again answers as the first time did. As on AWS the role is not compared.
fn created(transaction: &Transaction<'_>, machine: Machine, revision: &Revision) -> Result<Machine, AwsError> {
    let existing = transaction.readable::<Machine>(MACHINE, &machine.arn)?;
    let its_own: Option<Revision> = match &existing {
        Some(existing) => transaction.readable(REVISION, &revision_id(&existing.arn, existing.revision))?,
        None => None,
    };
    let (Some(existing), Some(its_own)) = (existing, its_own) else {
        // There is none, or one of its records is damaged.
        let machine = Machine {
            revision: highest_revision(transaction, &machine.arn)? + 1,
            ..machine
        };
        put(transaction, &machine, revision)?;
        return Ok(machine);
    };
    let same = its_own.definition == revision.definition;
    if same && existing.settings == machine.settings {
        Ok(existing)
    } else {
        let message = format!("State Machine Already Exists: '{}'", machine.arn);
        Err(AwsError::new("StateMachineAlreadyExists", message))
    }
}

/// The number of the newest revision that a machine has had, or one of the same name before it. It is not used again, also if that
/// revision is damaged: executions still name it.
fn highest_revision(transaction: &Transaction<'_>, machine: &str) -> Result<u64, LedgerError> {
    let ids = transaction.ids(REVISION)?;
    let of_machine = ids.iter().filter_map(|id| id.strip_prefix(machine)?.strip_prefix('#'));
    let numbers = of_machine.filter_map(|number| number.parse().ok());
    Ok(numbers.max().unwrap_or(0))
}

fn updated(
    transaction: &Transaction<'_>,
    input: UpdateStateMachine,
    now: Timestamp,
) -> Result<(Machine, Revision), AwsError> {
    let arn = &input.state_machine_arn;
    let mut machine = transaction
        .get::<Machine>(MACHINE, arn)?
        .ok_or_else(|| does_not_exist(arn))?;
    let before = transaction.get::<Revision>(REVISION, &revision_id(arn, machine.revision))?;
    let before = before.ok_or_else(|| does_not_exist(arn))?;
    let revision = Revision {
        definition: input.definition.unwrap_or(before.definition),
        role_arn: input.role_arn.unwrap_or(before.role_arn),
        updated: now,
    };
    machine.revision += 1;
    let settings = &mut machine.settings;
    settings.logging = input.settings.logging.or(settings.logging.take());
    settings.tracing = input.settings.tracing.or(settings.tracing.take());
    settings.encryption = input.settings.encryption.or(settings.encryption.take());
    put(transaction, &machine, &revision)?;
    Ok((machine, revision))
}

fn put(transaction: &Transaction<'_>, machine: &Machine, revision: &Revision) -> Result<(), LedgerError> {
    transaction.put(REVISION, &revision_id(&machine.arn, machine.revision), revision)?;
    transaction.put(MACHINE, &machine.arn, machine)
}

fn refuse_publish(publish: bool) -> Result<(), AwsError> {
    if publish {
        let message = "This emulator keeps no published versions of state machines.";
        return Err(AwsError::validation(message));
    }
    Ok(())
}

/// Everything that is wrong with a definition, for AWS or for the emulator.
fn check(definition: &str) -> Result<asl_interpreter::StateMachine, DefinitionErrors> {
    let parsed = asl_interpreter::StateMachine::parse(definition)?;
    let refused = supported::refused(&parsed);
    if refused.is_empty() {
        Ok(parsed)
    } else {
        Err(DefinitionErrors(refused))
    }
}

/// What AWS takes is counted in characters, and nothing longer is read.
fn check_length(definition: &str) -> Result<(), AwsError> {
    if (1..=LONGEST_DEFINITION).contains(&definition.chars().count()) {
        return Ok(());
    }
    Err(AwsError::validation(format!(
        "1 validation error detected: Value at 'definition' failed to satisfy constraint: Member must have length between 1 \
         and {LONGEST_DEFINITION}"
    )))
}

fn parse(definition: &str) -> Result<asl_interpreter::StateMachine, AwsError> {
    check_length(definition)?;
    check(definition).map_err(|errors| AwsError::new("InvalidDefinition", errors.to_string()))
}

fn does_not_exist(arn: &str) -> AwsError {
    AwsError::new(
        "StateMachineDoesNotExist",
        format!("State Machine Does Not Exist: '{arn}'"),
    )
}
