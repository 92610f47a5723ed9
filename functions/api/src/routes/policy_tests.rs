//! Tests of policies: questions, and the decisions that are expected.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use slipway_model::fields::Fields;
use slipway_model::plan::{self, PlanSummary};
use slipway_policy::facts::{EnvironmentFacts, ImageFacts, OperationFacts, PlanFacts, RequestFacts, StackFacts};
use slipway_policy::{Action, Facts, Policies, Principal, Question, Resource};
use utoipa::ToSchema;

use crate::error::Error;
use crate::view;

/// The most tests of a request.
const TESTS: usize = 1_000;

/// Policies and tests.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"tests": [{
    "name": "a member updates", "principal": {"name": "email:login.example.com:ann@example.com", "groups": ["payments"]},
    "action": "request-update", "stack": {"owner": "team:payments", "environment": {"name": "live", "protected": true}, "blueprint": "web"},
    "expect": "allow"
}]}))]
#[expect(dead_code, reason = "the schema of a body; the handler reads it")]
pub(super) struct TestPolicies {
    /// Policies in Cedar, each with an annotation `@id`. Default policies that it does not name hold. Without it, the stored policies.
    text: Option<String>,
    /// The tests.
    tests: Vec<Test>,
}

/// A test.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {
    /// Its name.
    name: String,
    /// Who asks.
    principal: TestPrincipal,
    /// The action.
    action: String,
    /// The stack that it is about.
    #[serde(default)]
    stack: Option<TestStack>,
    /// The operation of that stack.
    #[serde(default)]
    operation: Option<TestOperation>,
    /// The environment that it is about.
    #[serde(default)]
    environment: Option<TestEnvironment>,
    /// The blueprint that it is about.
    #[serde(default)]
    blueprint: Option<String>,
    /// What the request has.
    #[serde(default)]
    request: TestRequest,
    /// What the plan would do, for the action `apply`.
    #[serde(default)]
    plan: Option<TestPlan>,
    /// The expected decision: `allow` or `deny`.
    #[schema(value_type = String, example = "allow")]
    expect: Expect,
    /// A policy that must be among those that decide.
    #[serde(default)]
    policy: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Expect {
    Allow,
    Deny,
}

/// Who asks.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TestPrincipal {
    /// The name in Slipway.
    name: String,
    /// The groups.
    #[serde(default)]
    groups: BTreeSet<String>,
    /// Whether it is an administrator.
    #[serde(default)]
    administrator: bool,
}

/// A stack.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TestStack {
    /// Its ID; none for a new stack.
    #[serde(default)]
    id: Option<String>,
    /// Its name.
    #[serde(default)]
    name: String,
    /// Its owner.
    owner: String,
    /// Its blueprint.
    #[serde(default)]
    blueprint: String,
    /// Where it is.
    environment: TestEnvironment,
}

/// An environment.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TestEnvironment {
    /// Its name.
    name: String,
    /// Its account.
    #[serde(default)]
    account: String,
    /// Its Region.
    #[serde(default)]
    region: String,
    /// Whether it is protected.
    #[serde(default)]
    protected: bool,
}

/// An operation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TestOperation {
    /// What it does.
    #[serde(default)]
    kind: String,
    /// Its requester.
    requester: String,
}

/// A request.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TestRequest {
    /// The variables that it sets.
    #[serde(default)]
    variables: BTreeSet<String>,
    /// The repositories of its images.
    #[serde(default)]
    images: BTreeSet<String>,
    /// The version that it names.
    #[serde(default)]
    version: Option<String>,
}

/// A plan.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TestPlan {
    /// How many resources of each type it has, by action.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"aws_db_instance": {"replace": 1}}))]
    types: BTreeMap<String, BTreeMap<plan::Action, u64>>,
    /// The keys of tags that all resources with tags have.
    #[serde(default)]
    tags: BTreeSet<String>,
    /// How many resources have tags.
    #[serde(default)]
    tagged: u64,
    /// The repositories of the images.
    #[serde(default)]
    images: BTreeSet<String>,
}

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
    let decision = view::Decision::from(decision);
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
