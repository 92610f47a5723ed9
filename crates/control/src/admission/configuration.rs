//! What a request says its stack is to be made from: a version, and values that the version's schema allows.

use serde_json::{Map, Value};
use slipway_model::blueprint::Blueprint;
use slipway_model::environment::Environment;
use slipway_model::operation::{Operation, OperationKind};
use slipway_model::problem::FieldProblem;
use slipway_model::request::Patch;
use slipway_model::stack::{Configuration, Stack};
use slipway_model::variable::{self, HIDDEN};
use slipway_store::Error;

use super::subscription::judge_subscriptions;
use super::{Admission, Refusal};

impl Admission<'_> {
    /// What the stack is made from after `patch`, if every operation before one of this kind succeeds.
    pub(super) async fn edited(
        self,
        stack: &Stack,
        patch: &Patch,
        kind: OperationKind,
    ) -> Result<Configuration, Refusal> {
        let coming = self.coming_configuration(stack, kind).await?;
        let before = coming.as_ref().unwrap_or(&stack.configuration);
        let mut values = patch.over(&before.variables);
        // What is unset and not set is judged like a value that is given: the version may have no such variable. This is for requests
        // only: by the time that a queued operation begins, another version may have dropped the variable.
        for (name, value) in &patch.variables {
            let is_set = |configuration: &Configuration| configuration.variables.contains_key(name);
            if value.is_null() && !is_set(before) && !is_set(&stack.configuration) {
                values.insert(name.clone(), Value::Null);
            }
        }
        self.patched(stack, before, patch, &values).await
    }

    /// Applies the patch of an operation to what its stack has now.
    pub(super) async fn settle_patch(self, operation: Operation, stack: &Stack) -> Result<Operation, Refusal> {
        let Some(patch) = operation.work.patch() else {
            return Ok(operation);
        };
        judge_subscriptions(stack, &stack.subscriptions, patch)?;
        let (before, judged) = (&stack.configuration, &operation.configuration);
        let version = patch.version.as_ref().unwrap_or(&before.version);
        let values = patch.over(&before.variables);
        if judged.version == *version && judged.variables == values {
            require_room(stack, judged)?;
            return Ok(operation);
        }
        let configuration = self.patched(stack, before, patch, &values).await?;
        let settled = self.store.update_known_operation(operation, |operation| {
            operation.configuration = configuration.clone();
            Ok(())
        });
        Ok(settled.await?)
    }

    /// What the stack is made from when the operations before one of this kind have succeeded; none where they change nothing of that. A
    /// preview passes the plan that waits, and the updates behind it: it shows what it would change of the stack as it is.
    async fn coming_configuration(self, stack: &Stack, kind: OperationKind) -> Result<Option<Configuration>, Error> {
        let passes = stack.beside.is_some() && kind.runs_beside();
        let Some(active) = stack.active_operation.as_ref().filter(|_| !passes) else {
            return Ok(None);
        };
        let waiting = self.store.queue(&stack.id).await?;
        for id in waiting.iter().rev().chain([active]) {
            let operation = self.store.operation(id).await?;
            if operation.kind() == OperationKind::Update {
                return Ok(Some(operation.configuration));
            }
        }
        Ok(None)
    }

    /// What a stack is made from with `values`, which `edit` makes of what it had before, if its record has room for that.
    async fn patched(
        self,
        stack: &Stack,
        before: &Configuration,
        edit: &Patch,
        values: &Map<String, Value>,
    ) -> Result<Configuration, Refusal> {
        let mut problems = Vec::new();
        let environment = self.store.environment(&stack.environment).await?;
        let version = edit.version.as_ref().unwrap_or(&before.version);
        let blueprint = self
            .known_blueprint(&before.blueprint, Some(version), &mut problems)
            .await?;
        let Some(blueprint) = blueprint else {
            return Err(Refusal::Invalid(problems));
        };
        if let Some(problem) = draft_problem(&blueprint, &environment, true) {
            return Err(Refusal::Invalid(vec![problem]));
        }
        let configured = configure(&blueprint, &environment, &edit.variables, values).map_err(|mut problems| {
            // A value that the stack has, and that its new version has no use for, is not in the request: say how to drop it.
            for problem in &mut problems {
                let name = problem.field.strip_prefix("variables.").unwrap_or_default();
                let kept = before.variables.contains_key(name) && !edit.variables.contains_key(name);
                if kept && !blueprint.variables.iter().any(|variable| variable.name == name) {
                    problem.detail = format!("the stack has this value, and version {version} has no such variable");
                    problem.remedy = format!("remove it with this request: {{\"variables\": {{\"{name}\": null}}}}");
                }
            }
            Refusal::Invalid(problems)
        });
        let configuration = configured?;
        require_room(stack, &configuration)?;
        Ok(configuration)
    }
}

/// Why a stack in this environment cannot be made from the version: a draft is for sandboxes, and only by its version.
pub(super) fn draft_problem(blueprint: &Blueprint, environment: &Environment, is_named: bool) -> Option<FieldProblem> {
    if !blueprint.draft {
        return None;
    }
    let Blueprint { name, version, .. } = blueprint;
    let (detail, remedy) = if !environment.sandbox {
        let detail = format!(
            "version {version} of `{name}` is a draft, and the environment `{}` is not a sandbox",
            environment.name
        );
        let remedy = "name a published version, publish this one without `--draft`, or use an environment with `\"sandbox\": true`";
        (detail, remedy.to_owned())
    } else if is_named {
        return None;
    } else {
        let detail = format!("is missing, and `{name}` has only drafts, which are never the latest version");
        (detail, format!("name the version: {version}"))
    };
    Some(FieldProblem::new("version", detail, remedy))
}

/// What a stack is made from: `values` checked against the version's schema. `given` are those of them that this request
/// gives.
pub(super) fn configure(
    blueprint: &Blueprint,
    environment: &Environment,
    given: &Map<String, Value>,
    values: &Map<String, Value>,
) -> Result<Configuration, Vec<FieldProblem>> {
    let sensitive = variable::sensitive_names(&blueprint.variables);
    let placeholders = given
        .iter()
        .filter(|(name, value)| sensitive.contains(*name) && value.as_str() == Some(HIDDEN));
    let mut problems: Vec<FieldProblem> = placeholders
        .map(|(name, _)| {
            FieldProblem::new(
                format!("variables.{name}"),
                format!("`{HIDDEN}` stands for the value where it is not shown; it is not the value"),
                "give the value itself, or leave the variable out to keep what the stack has",
            )
        })
        .collect();
    let variables = variable::check(&blueprint.variables, &environment.fixed(), values).unwrap_or_else(|wrong| {
        problems.extend(wrong);
        Map::new()
    });
    let configuration = Configuration {
        blueprint: blueprint.name.clone(),
        version: blueprint.version.clone(),
        digest: blueprint.digest.clone(),
        draft: blueprint.draft,
        variables,
        sensitive,
    };
    if problems.is_empty() {
        Ok(configuration)
    } else {
        Err(problems)
    }
}

/// Its record has room for what the stack is to be made from, beside what an apply that fails leaves there.
fn require_room(stack: &Stack, configuration: &Configuration) -> Result<(), Refusal> {
    match stack.room_problem(configuration) {
        Some(problem) => Err(Refusal::Invalid(vec![problem])),
        None => Ok(()),
    }
}
