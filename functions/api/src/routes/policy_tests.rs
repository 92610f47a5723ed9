//! Tests of policies: questions, and the decisions that are expected.

use std::collections::BTreeSet;

use slipway_api_types::{self as view, Expect, Test, TestEnvironment, TestPlan};
use slipway_model::fields::Fields;
use slipway_model::plan::{self, PlanSummary};
use slipway_model::policy::{ImageFacts, Principal, RequestFacts};
use slipway_policy::facts::{EnvironmentFacts, OperationFacts, PlanFacts, StackFacts};
use slipway_policy::{Action, Facts, Policies, Question, Resource};

use crate::error::Error;
use crate::shown;

/// The most tests of a request.
const TESTS: usize = 1_000;

/// The tests of a request.
pub(super) fn read(mut fields: Fields) -> Result<Vec<Test>, Error> {
    let remedy = "give a list of tests, as docs/policies.md describes them";
    let tests = fields.list("tests", remedy);
    let problems = fields.problems();
    if !problems.is_empty() {
        return Err(Error::invalid(problems));
    }
    let tests = tests.unwrap_or_default();
    if tests.len() > TESTS {
        let detail = format!("has {} tests", tests.len());
        return Err(Error::invalid_field("tests", detail, format!("give at most {TESTS}")));
    }
    let read = tests.into_iter().enumerate().map(|(index, test)| {
        let test: Test = serde_json::from_value(test)
            .map_err(|error| Error::invalid_field(format!("tests[{index}]"), error.to_string(), remedy))?;
        match test.action.parse::<Action>() {
            Ok(_) => Ok(test),
            Err(error) => {
                let remedy = crate::parameters::one_of(Action::ALL);
                let field = format!("tests[{index}].action");
                Err(Error::invalid_field(field, error.to_string(), remedy))
            }
        }
    });
    read.collect()
}

/// Asks the policies.
pub(super) fn run(policies: &Policies, tests: Vec<Test>) -> view::PolicyTests {
    let results: Vec<view::PolicyTest> = tests.into_iter().map(|test| result(policies, test)).collect();
    let passed = results.iter().filter(|result| result.passed).count();
    view::PolicyTests {
        passed,
        failed: results.len() - passed,
        results,
    }
}

fn result(policies: &Policies, test: Test) -> view::PolicyTest {
    let principal = Principal {
        name: test.principal.name,
        groups: test.principal.groups,
        administrator: test.principal.administrator,
        ..Principal::default()
    };
    let stack = test.stack.map(|stack| StackFacts {
        id: stack.id,
        name: stack.name,
        owner: stack.owner,
        blueprint: stack.blueprint,
        environment: environment(stack.environment),
    });
    let resource = match (stack, test.operation, test.environment, test.blueprint) {
        (Some(stack), Some(operation), ..) => Resource::Operation(OperationFacts {
            id: "op".to_owned(),
            kind: operation.kind,
            requester: operation.requester,
            stack,
        }),
        (Some(stack), ..) => Resource::Stack(stack),
        (None, _, Some(one), _) => Resource::Environment(environment(one)),
        (None, _, None, Some(blueprint)) => Resource::Blueprint(blueprint),
        (None, _, None, None) => Resource::Installation,
    };
    let facts = match test.plan {
        Some(plan) => Facts::Plan(Box::new(plan_facts(plan))),
        None => Facts::Request(RequestFacts {
            variables: test.request.variables,
            images: images(&test.request.images),
            version: test.request.version,
            pushed: test.request.pushed,
        }),
    };
    let decision = match test.action.parse::<Action>() {
        Ok(action) => policies.decide(&Question {
            principal: &principal,
            action,
            resource: &resource,
            facts: &facts,
        }),
        Err(error) => Err(slipway_policy::Denial {
            policies: Vec::new(),
            reason: error.to_string(),
            description: None,
        }),
    };
    let decision = shown::decision(decision);
    let is_named = test.policy.is_none_or(|policy| decision.policies.contains(&policy));
    view::PolicyTest {
        name: test.name,
        passed: decision.allowed == (test.expect == Expect::Allow) && is_named,
        decision,
    }
}

fn images(repositories: &BTreeSet<String>) -> ImageFacts {
    repositories.iter().map(String::as_str).collect()
}

fn environment(environment: TestEnvironment) -> EnvironmentFacts {
    EnvironmentFacts {
        name: environment.name,
        account: environment.account,
        region: environment.region,
        protected: environment.protected,
    }
}

fn plan_facts(plan: TestPlan) -> PlanFacts {
    let count = |action: plan::Action| -> u64 {
        let counts = plan.types.values().filter_map(|counts| counts.get(&action));
        counts.sum()
    };
    let summary = PlanSummary {
        add: count(plan::Action::Create),
        change: count(plan::Action::Update),
        destroy: count(plan::Action::Delete),
        replace: count(plan::Action::Replace),
        forget: count(plan::Action::Forget),
        import: count(plan::Action::Import),
        invoke: count(plan::Action::Invoke),
        tagged: plan.tagged,
        tags: plan.tags,
        types: plan.types.clone(),
        ..PlanSummary::default()
    };
    PlanFacts {
        images: images(&plan.images),
        summary,
    }
}
