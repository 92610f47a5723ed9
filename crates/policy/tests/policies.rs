//! Default policies, errors of texts, and what is denied when in doubt.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use slipway_model::plan::{Action as Change, PlanSummary};
use slipway_model::policy::{ImageFacts, Principal, RequestFacts, StoredPolicy};
use slipway_policy::check::{check, check_change};
use slipway_policy::facts::{EnvironmentFacts, OperationFacts, PlanFacts, StackFacts};
use slipway_policy::text::split;
use slipway_policy::{Action, Denial, Facts, Policies, Question, Resource, policies};

const ANN: &str = "email:login.example.com:ann@example.com";
const BOB: &str = "email:login.example.com:bob@example.com";

fn stored(name: &str, text: &str) -> StoredPolicy {
    StoredPolicy {
        name: name.parse().expect("a name"),
        text: text.to_owned(),
        updated_by: ANN.to_owned(),
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

fn with(texts: &[(&str, &str)]) -> Policies {
    let all: Vec<StoredPolicy> = texts.iter().map(|(name, text)| stored(name, text)).collect();
    check(&all).unwrap_or_else(|invalid| panic!("{invalid}"))
}

fn environment(protected: bool) -> EnvironmentFacts {
    EnvironmentFacts {
        name: "live".to_owned(),
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        protected,
    }
}

fn stack(owner: &str, protected: bool) -> StackFacts {
    StackFacts {
        id: Some("lusab-babad".to_owned()),
        name: "shop".to_owned(),
        owner: owner.to_owned(),
        blueprint: "web".to_owned(),
        environment: environment(protected),
    }
}

fn operation(owner: &str, requester: &str, protected: bool) -> Resource {
    Resource::Operation(OperationFacts {
        id: "op-1".to_owned(),
        kind: "update".to_owned(),
        requester: requester.to_owned(),
        stack: stack(owner, protected),
    })
}

fn member(name: &str, team: &str) -> Principal {
    Principal {
        groups: BTreeSet::from([team.to_owned()]),
        ..Principal::named(name)
    }
}

fn admin(name: &str) -> Principal {
    Principal {
        administrator: true,
        ..Principal::named(name)
    }
}

#[test]
fn default_policies_fit_the_schema_and_permit_what_the_page_says() {
    let policies = with(&[]);
    let team = Resource::Stack(stack("team:payments", true));
    let may = |principal: &Principal, action, resource: &Resource| policies.permits(principal, action, resource);
    let (ann, eve) = (member(ANN, "payments"), member(BOB, "shop"));
    for action in [
        Action::Read,
        Action::ReadLogs,
        Action::RequestUpdate,
        Action::RequestPreview,
        Action::RequestRelease,
        Action::RequestDestroy,
        Action::RequestTask,
        Action::RequestCreate,
        Action::Operate,
    ] {
        assert!(may(&ann, action, &team), "{action}");
        assert!(!may(&eve, action, &team), "{action}");
        assert!(may(&admin("sub:x:root"), action, &team), "{action}");
    }
    assert!(may(&eve, Action::List, &team));
    let of_bob = operation("team:payments", BOB, true);
    assert!(may(&ann, Action::Approve, &of_bob) && may(&ann, Action::Reject, &of_bob));
    let own = operation("team:payments", ANN, true);
    assert!(!may(&ann, Action::Approve, &own), "the requester");
    assert!(may(&ann, Action::Reject, &own));
    assert!(may(&ann, Action::Approve, &operation("team:payments", ANN, false)));
    assert!(!may(&admin(ANN), Action::Approve, &own), "an administrator, too");
    for resource in [Resource::Installation, Resource::Environment(environment(true))] {
        assert!(may(&eve, Action::Read, &resource) && !may(&eve, Action::Configure, &resource));
        assert!(may(&admin(ANN), Action::Configure, &resource));
    }
    assert!(!may(&eve, Action::Publish, &Resource::Blueprint("web".to_owned())));
    let role = "arn:aws:iam::111122223333:role/Deploy";
    assert!(may(
        &Principal::named(role),
        Action::RequestUpdate,
        &Resource::Stack(stack(role, true))
    ));
    let session = "arn:aws:sts::111122223333:assumed-role/Deploy/run-7";
    let of_an_earlier_version = Resource::Stack(stack(session, true));
    assert!(may(
        &Principal::named(role),
        Action::RequestUpdate,
        &of_an_earlier_version
    ));
    let account = Principal::named("event:111122223333");
    let of_account = Resource::Stack(stack("event:111122223333", true));
    assert!(may(&account, Action::RequestRelease, &of_account) && !may(&account, Action::RequestRelease, &team));
}

#[test]
fn requester_cannot_approve_under_another_permission_set() {
    let session =
        |set: &str, user: &str| format!("arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_{set}_0123/{user}");
    let (dev, ops, bob) = (session("Dev", "ann"), session("Ops", "ann"), session("Ops", "bob"));
    let policies = with(&[]);
    let of_team = operation("team:payments", &dev, true);
    let ann = member(&ops, "payments");
    let denial = ask(&policies, &ann, Action::Approve, &of_team, &Facts::None).expect_err("denied");
    assert_eq!(denial.policies, ["approver-is-not-the-requester"]);
    assert!(!policies.permits(&admin(&ops), Action::Approve, &of_team));
    assert!(policies.permits(&ann, Action::Reject, &of_team) && policies.permits(&ann, Action::Read, &of_team));
    assert!(policies.permits(&member(&bob, "payments"), Action::Approve, &of_team));
    assert!(policies.permits(&ann, Action::Approve, &operation("team:payments", &dev, false)));
    // The other permission set owns nothing of the first.
    let own = operation(&dev, &dev, false);
    for action in [Action::Read, Action::Approve, Action::Operate] {
        assert!(policies.permits(&Principal::named(&dev), action, &own), "{action}");
        assert!(!policies.permits(&Principal::named(&ops), action, &own), "{action}");
    }
    // An earlier version recorded the session of a role.
    let role = "arn:aws:iam::111122223333:role/Deploy";
    let of_session = operation(
        "team:payments",
        "arn:aws:sts::111122223333:assumed-role/Deploy/run-1",
        true,
    );
    assert!(!policies.permits(&member(role, "payments"), Action::Approve, &of_session));
}

fn ask(
    policies: &Policies,
    principal: &Principal,
    action: Action,
    resource: &Resource,
    facts: &Facts,
) -> Result<Vec<String>, Denial> {
    policies.decide(&Question {
        principal,
        action,
        resource,
        facts,
    })
}

#[test]
fn denial_names_the_policy_and_says_why() {
    let own = operation("team:payments", ANN, true);
    let ann = member(ANN, "payments");
    let denial = ask(&with(&[]), &ann, Action::Approve, &own, &Facts::None).expect_err("denied");
    assert_eq!(denial.policies, ["approver-is-not-the-requester"]);
    assert!(denial.reason.contains("`approver-is-not-the-requester`"), "{denial}");
    assert!(
        denial.reason.contains("the requester of an operation does not approve"),
        "{denial}"
    );
    let stack = Resource::Stack(stack("team:payments", true));
    let denial = ask(&with(&[]), &Principal::named(BOB), Action::Read, &stack, &Facts::None).expect_err("denied");
    assert!(
        denial.policies.is_empty() && denial.reason.contains("belongs to team:payments"),
        "{denial}"
    );
    let allowed = ask(&with(&[]), &ann, Action::Read, &stack, &Facts::None).expect("allowed");
    assert_eq!(allowed, ["owner"]);
}

#[test]
fn stored_policy_replaces_the_default_of_its_name_and_an_empty_one_switches_it_off() {
    let own = operation("team:payments", ANN, true);
    let ann = member(ANN, "payments");
    let off = with(&[("approver-is-not-the-requester", "// Four eyes are not enough for us.\n")]);
    assert!(off.permits(&ann, Action::Approve, &own));
    let stricter =
        "forbid (principal, action == Action::\"approve\", resource) unless { principal in Team::\"approvers\" };";
    let stricter = with(&[("approver-is-not-the-requester", stricter)]);
    assert!(!stricter.permits(&ann, Action::Approve, &own));
    assert!(stricter.permits(&admin_in("approvers"), Action::Approve, &own));
}

fn admin_in(team: &str) -> Principal {
    Principal {
        administrator: true,
        ..member(BOB, team)
    }
}

#[test]
fn every_fault_is_named_with_policy_and_line() {
    let cases = [
        (
            "permit (principal, action, resource)\nwhen { principal.x >< 1 };",
            Some(2),
            "unexpected token",
        ),
        (
            "permit (principal, action, resource)\n\nwhen { resource.colour == \"red\" };",
            Some(3),
            "colour",
        ),
        (
            "permit (principal, action == Action::\"fly\", resource);",
            Some(1),
            "fly",
        ),
        (
            "permit (principal in Guild::\"a\", action, resource);",
            Some(1),
            "Guild",
        ),
        ("permit (principal == ?principal, action, resource);", None, "templates"),
        (
            "permit (principal, action, resource);\nforbid (principal, action, resource);",
            None,
            "more than one policy",
        ),
        (
            "@id(\"other\") permit (principal, action, resource);",
            None,
            "@id(\"other\")",
        ),
    ];
    for (text, line, reason) in cases {
        let invalid = check(&[stored("mine", text)]).expect_err(text);
        let fault = invalid.0.iter().find(|fault| fault.reason.contains(reason));
        let fault = fault.unwrap_or_else(|| panic!("{reason}: {invalid}"));
        assert_eq!((fault.policy.as_deref(), fault.line), (Some("mine"), line), "{invalid}");
    }
    let both = [stored("a", "permit ("), stored("b", "forbid (")];
    assert_eq!(check(&both).expect_err("two faults").0.len(), 2);
}

#[test]
fn policies_that_can_never_match_are_rejected() {
    for text in [
        "forbid (principal, action == Action::\"approve\", resource is Stack)\nwhen { resource.environment.protected };",
        "forbid (principal, action == Action::\"apply\", resource is Stack);",
        "permit (principal == Stack::\"a\", action, resource);",
        "permit (principal, action == Action::\"publish\", resource is Stack);",
        "permit (principal, action in Action::\"decide\", resource == Environment::\"live\");",
        "forbid (principal, action, resource) when { false };",
        "forbid (principal, action == Action::\"configure\", resource) when { resource is Stack };",
    ] {
        let invalid = check(&[stored("first", ""), stored("mine", &format!("// why\n{text}"))]).expect_err(text);
        let [fault] = invalid.0.as_slice() else {
            panic!("{invalid}")
        };
        assert_eq!(
            (fault.policy.as_deref(), fault.line),
            (Some("mine"), Some(2)),
            "{invalid}"
        );
        assert!(fault.reason.contains("can never match"), "{invalid}");
    }
    let reversed = "permit (principal, action, resource) when { principal.name == \"\u{202e}nna\" };";
    let invalid = check(&[stored("mine", reversed)]).expect_err("a reversed text");
    assert!(invalid.to_string().contains("direction"), "{invalid}");
}

/// An earlier version stored policies that can never match.
#[test]
fn stored_policy_that_can_never_match_blocks_no_other_change() {
    let never = |name: &str| {
        stored(
            name,
            "forbid (principal, action == Action::\"apply\", resource is Stack);",
        )
    };
    let before = [never("a"), never("b")];
    assert!(check_change(&before, &before[..1]).is_ok(), "one is deleted");
    let other = stored("c", "permit (principal, action == Action::\"audit\", resource);");
    assert!(check_change(&before, &[never("a"), never("b"), other]).is_ok());
    assert!(check_change(&before, &[never("a"), never("c")]).is_err(), "another one");
}

#[test]
fn file_is_split_by_annotation() {
    let file =
        "@id(\"b\") permit (principal, action, resource);\n// why\n@id(\"a\") forbid (principal, action, resource);";
    let names: Vec<String> = split(file)
        .expect("policies")
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["b", "a"]);
    for (wrong, reason) in [
        ("permit (principal, action, resource);", "@id"),
        ("@id(\"A b\") permit (principal, action, resource);", "A b"),
        (
            "@id(\"a\") permit (principal, action, resource); @id(\"a\") forbid (principal, action, resource);",
            "another",
        ),
        ("@id(\"a\") permit (", ""),
    ] {
        assert!(split(wrong).expect_err(wrong).to_string().contains(reason));
    }
    let defaults: Vec<(&str, String)> = policies::defaults().collect();
    assert_eq!(defaults.len(), 8);
    assert_eq!(split(policies::DEFAULTS_TEXT).expect("the defaults").len(), 8);
}

#[test]
fn policies_that_lock_out_administrators_are_recognised() {
    let administrators = [admin_in("slipway-admin"), admin("arn:aws:iam::111122223333:role/Ops")];
    let locks = |text: &str| with(&[("lock", text)]).locks_out(&administrators);
    assert!(!with(&[]).locks_out(&administrators));
    assert!(locks("forbid (principal, action, resource);"));
    assert!(locks(
        "forbid (principal, action == Action::\"configure\", resource is Installation);"
    ));
    assert!(
        !locks("forbid (principal is Person, action == Action::\"configure\", resource);"),
        "the role stays"
    );
    assert!(with(&[("administrators", "")]).locks_out(&administrators));
}

#[test]
fn policy_that_fails_denies() {
    let overflow = "forbid (principal, action == Action::\"apply\", resource) when { context.plan.changes * 9223372036854775807 > 10 };";
    let plan = plan(&[("aws_s3_bucket", Change::Create, 3)]);
    let owner = Principal::named(ANN);
    let denial = ask(
        &with(&[("limit", overflow)]),
        &owner,
        Action::Apply,
        &operation(ANN, ANN, false),
        &plan,
    );
    assert_eq!(denial.expect_err("denied").policies, ["limit"]);
}

#[test]
fn question_that_does_not_fit_the_schema_is_denied() {
    let policies = with(&[]);
    let root = admin(ANN);
    assert!(!policies.permits(&root, Action::Approve, &Resource::Installation));
    assert!(
        !policies.permits(&root, Action::Apply, &operation(ANN, ANN, false)),
        "without a plan"
    );
}

fn plan(changes: &[(&str, Change, u64)]) -> Facts {
    let mut summary = PlanSummary::default();
    for (kind, action, count) in changes {
        let counts: &mut BTreeMap<Change, u64> = summary.types.entry((*kind).to_owned()).or_default();
        counts.insert(*action, *count);
        match action {
            Change::Create => summary.add += count,
            Change::Delete => summary.destroy += count,
            Change::Replace => summary.replace += count,
            _ => summary.invoke += count,
        }
    }
    (summary.tagged, summary.tags) = (2, BTreeSet::from(["team".to_owned()]));
    Facts::Plan(Box::new(PlanFacts {
        summary,
        images: ["evil.example/x"].into_iter().collect::<ImageFacts>(),
    }))
}

#[test]
fn plan_policies_judge_types_counts_tags_images_and_actions() {
    let cases = [
        ("context.plan.deleted_types.contains(\"aws_db_instance\")", true),
        (
            "context.plan.replaced_types.containsAny([\"aws_s3_bucket\", \"aws_kms_key\"])",
            true,
        ),
        ("context.plan.lost_types.contains(\"aws_s3_bucket\")", true),
        ("context.plan.created_types.contains(\"aws_db_instance\")", false),
        ("context.plan.changes > 5", true),
        ("context.plan.changes > 6", false),
        (
            "context.plan.tagged > 0 && !context.plan.tags.containsAll([\"team\", \"cost-centre\"])",
            true,
        ),
        (
            "context.plan.tagged > 0 && !context.plan.tags.contains(\"team\")",
            false,
        ),
        (
            "!([\"111122223333.dkr.ecr.eu-west-1.amazonaws.com\"].containsAll(context.plan.registries))",
            true,
        ),
        ("context.plan.repositories.contains(\"evil.example/x\")", true),
        ("context.plan.actions.contains(\"aws_lambda_invoke\")", true),
        ("!context.plan.understood", false),
        (
            "resource.environment.name == \"live\" && resource.kind == \"update\"",
            true,
        ),
        ("resource in Environment::\"staging\"", false),
    ];
    let plan = plan(&[
        ("aws_db_instance", Change::Delete, 1),
        ("aws_s3_bucket", Change::Replace, 5),
        ("aws_lambda_invoke", Change::Invoke, 1),
    ]);
    let owner = Principal::named(ANN);
    for (condition, refuses) in cases {
        let text = format!("forbid (principal, action == Action::\"apply\", resource) when {{ {condition} }};");
        let policies = with(&[("mine", &text)]);
        assert!(policies.judges_plans());
        let decision = ask(&policies, &owner, Action::Apply, &operation(ANN, ANN, false), &plan);
        assert_eq!(decision.is_err(), refuses, "{condition}: {decision:?}");
    }
    let decision = ask(&with(&[]), &owner, Action::Apply, &operation(ANN, ANN, false), &plan);
    assert_eq!(decision.expect("allowed"), ["plans"]);
}

#[test]
fn only_policies_that_may_refuse_a_plan_need_a_second_build() {
    assert!(!with(&[]).judges_plans());
    let forbid = "forbid (principal, action == Action::\"request-destroy\", resource in Environment::\"live\");";
    assert!(!with(&[("mine", forbid)]).judges_plans());
    assert!(with(&[("mine", "forbid (principal, action, resource in Environment::\"live\");")]).judges_plans());
    assert!(with(&[("plans", "")]).judges_plans());
    // A condition may fail, and then denies.
    let fails = "permit (principal, action, resource is Operation) when { 9223372036854775807 + 1 > 0 };";
    assert!(with(&[("mine", fails)]).judges_plans());
    assert!(!with(&[("mine", "permit (principal in Team::\"ops\", action, resource);")]).judges_plans());
}

#[test]
fn request_policies_judge_variables_images_and_versions() {
    let text = "forbid (principal, action in Action::\"request\", resource) when { context.variables.contains(\"admin\") || \
                !([\"111122223333.dkr.ecr.eu-west-1.amazonaws.com\", \"docker.io\"].containsAll(context.registries)) || \
                (context has version && context.version == \"0.1.0\") };";
    let policies = with(&[("mine", text)]);
    let request = |variables: &[&str], images: &[&str], version: Option<&str>| {
        Facts::Request(RequestFacts {
            variables: variables.iter().map(ToString::to_string).collect(),
            images: images.iter().copied().collect(),
            version: version.map(ToOwned::to_owned),
            pushed: false,
        })
    };
    let stack = Resource::Stack(stack(ANN, false));
    for (facts, allowed) in [
        (request(&["size"], &["web", "library/web"], Some("1.0.0")), true),
        (request(&["admin"], &[], None), false),
        (request(&[], &["evil.example/web"], None), false),
        (request(&[], &["localhost:5000/web"], None), false),
        (request(&[], &[], Some("0.1.0")), false),
    ] {
        let decision = ask(
            &policies,
            &Principal::named(ANN),
            Action::RequestRelease,
            &stack,
            &facts,
        );
        assert_eq!(decision.is_ok(), allowed, "{facts:?} {decision:?}");
    }
}

/// By default a push is released in stacks of every owner, and a request of the same account in its own stacks.
#[test]
fn policies_tell_pushes_from_requests_of_accounts() {
    let account = Principal::named("event:111122223333");
    let stack = Resource::Stack(stack(ANN, true));
    let release = |policies: &Policies, pushed: bool| {
        let facts = Facts::Request(RequestFacts {
            pushed,
            ..RequestFacts::default()
        });
        ask(policies, &account, Action::RequestRelease, &stack, &facts).is_ok()
    };
    let default = with(&[]);
    assert!(release(&default, true) && !release(&default, false));
    assert!(!release(&with(&[("pushed-images", "")]), true));
    let forbids = "forbid (principal is Account, action in Action::\"request\", resource is Stack) when { resource.environment.protected }";
    let (all, but_pushes) = (format!("{forbids};"), format!("{forbids} unless {{ context.pushed }};"));
    assert!(!release(&with(&[("mine", all.as_str())]), true));
    assert!(release(&with(&[("mine", but_pushes.as_str())]), true));
}

/// The page has the default policies and the schema in full, and every policy in its examples is valid.
#[test]
fn documentation_has_the_policies_in_full_and_valid_examples() {
    const PAGE: &str = include_str!("../../../docs/policies.md");
    assert!(
        PAGE.contains(policies::DEFAULTS_TEXT),
        "docs/policies.md has the default policies"
    );
    assert!(PAGE.contains(policies::SCHEMA_TEXT), "docs/policies.md has the schema");
    let blocks = PAGE.split("```cedar\n").skip(1);
    let blocks: Vec<&str> = blocks
        .map(|block| block.split("```").next().unwrap_or_default())
        .collect();
    assert!(blocks.len() >= 5, "{}", blocks.len());
    for block in blocks {
        let policies = split(block).unwrap_or_else(|invalid| panic!("{invalid}: {block}"));
        let stored: Vec<StoredPolicy> = policies
            .iter()
            .map(|(name, policy)| stored(name, &policy.to_cedar().expect("a text")))
            .collect();
        check(&stored).unwrap_or_else(|invalid| panic!("{invalid}: {block}"));
    }
}
