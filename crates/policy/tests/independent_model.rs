//! Generated sets of policies × 40 principals × what every route asks (an action on a kind of resource), against a model of the
//! language that does not use Cedar. Which resource of the kind it is, is random. CI generates 20 sets; docs/policies.md has the command
//! for 200.

use std::collections::BTreeSet;

use jiff::Timestamp;
use slipway_model::policy::{Principal, RequestFacts, StoredPolicy};
use slipway_policy::check::check;
use slipway_policy::facts::{EnvironmentFacts, OperationFacts, StackFacts};
use slipway_policy::{Action, Facts, Question, Resource};

const TEAMS: [&str; 5] = ["payments", "shop", "platform", "security", "guests"];
const ENVIRONMENTS: [(&str, bool); 3] = [("live", true), ("staging", false), ("dev", false)];
const BLUEPRINTS: [&str; 2] = ["web", "database"];

/// A generator whose numbers are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        // SplitMix64: https://prng.di.unimi.it/splitmix64.c
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).expect("below a usize")
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

#[derive(Debug, Clone)]
enum Who {
    Anyone,
    Kind(&'static str),
    Team(&'static str),
    Named(Box<Principal>),
}

#[derive(Debug, Clone)]
enum What {
    Anything,
    One(Action),
    Requests,
    Decisions,
    Any(Vec<Action>),
}

#[derive(Debug, Clone)]
enum Where {
    Anywhere,
    Kind(&'static str),
    Environment(&'static str),
    Blueprint(&'static str),
    Stack(String),
}

#[derive(Debug, Clone, Copy)]
enum When {
    Always,
    Owner,
    NotOwner,
    Protected,
    Administrator,
    Own,
    SetsSize,
}

#[derive(Debug, Clone)]
struct Rule {
    permits: bool,
    who: Who,
    what: What,
    place: Where,
    when: When,
}

fn kind(principal: &Principal) -> &'static str {
    if principal.name.starts_with("event:") {
        "Account"
    } else if principal.name.starts_with("arn:") && principal.name.contains(":role/") {
        "Role"
    } else {
        "Person"
    }
}

fn is_request(action: Action) -> bool {
    action.as_str().starts_with("request-")
}

fn stack_of(resource: &Resource) -> Option<&StackFacts> {
    match resource {
        Resource::Stack(stack) => Some(stack),
        Resource::Operation(operation) => Some(&operation.stack),
        _ => None,
    }
}

fn resource_kind(resource: &Resource) -> &'static str {
    match resource {
        Resource::Installation => "Installation",
        Resource::Environment(_) => "Environment",
        Resource::Blueprint(_) => "Blueprint",
        Resource::Stack(_) => "Stack",
        Resource::Operation(_) => "Operation",
    }
}

fn is(principal: &Principal, owner: &str) -> bool {
    let teams = principal.groups.iter().map(|group| format!("team:{group}"));
    principal.name == owner
        || principal.former.iter().any(|former| former == owner)
        || teams.into_iter().any(|team| team == owner)
}

impl Rule {
    fn text(&self) -> String {
        let who = match &self.who {
            Who::Anyone => "principal".to_owned(),
            Who::Kind(kind) => format!("principal is {kind}"),
            Who::Team(team) => format!("principal in Team::\"{team}\""),
            Who::Named(principal) => format!("principal == {}::\"{}\"", kind(principal), principal.name),
        };
        let quoted = |action: &Action| format!("Action::\"{action}\"");
        let what = match &self.what {
            What::Anything => "action".to_owned(),
            What::One(action) => format!("action == {}", quoted(action)),
            What::Requests => "action in Action::\"request\"".to_owned(),
            What::Decisions => "action in Action::\"decide\"".to_owned(),
            What::Any(actions) => {
                let actions: Vec<String> = actions.iter().map(quoted).collect();
                format!("action in [{}]", actions.join(", "))
            }
        };
        let place = match &self.place {
            Where::Anywhere => "resource".to_owned(),
            Where::Kind(kind) => format!("resource is {kind}"),
            Where::Environment(name) => format!("resource in Environment::\"{name}\""),
            Where::Blueprint(name) => format!("resource in Blueprint::\"{name}\""),
            Where::Stack(id) => format!("resource in Stack::\"{id}\""),
        };
        let of_a_stack = |condition: &str| {
            format!("when {{ (resource is Stack && {condition}) || (resource is Operation && {condition}) }}")
        };
        let when = match self.when {
            When::Always => String::new(),
            When::Owner => of_a_stack("principal in resource.owner"),
            When::NotOwner => format!(
                "un{}",
                &of_a_stack("principal in resource.owner").replacen("when", "less", 1)
            ),
            When::Protected => of_a_stack("resource.environment.protected"),
            When::Administrator => "when { principal.administrator }".to_owned(),
            When::Own => "when { resource is Operation && principal in resource.requester }".to_owned(),
            When::SetsSize => "when { context has variables && context.variables.contains(\"size\") }".to_owned(),
        };
        let effect = if self.permits { "permit" } else { "forbid" };
        format!("{effect} ({who}, {what}, {place}) {when};")
    }

    fn matches(
        &self,
        principal: &Principal,
        action: Action,
        resource: &Resource,
        variables: &BTreeSet<String>,
    ) -> bool {
        let who = match &self.who {
            Who::Anyone => true,
            Who::Kind(wanted) => kind(principal) == *wanted,
            Who::Team(team) => principal.groups.contains(*team),
            Who::Named(named) => named.name == principal.name,
        };
        let what = match &self.what {
            What::Anything => true,
            What::One(one) => *one == action,
            What::Requests => is_request(action),
            What::Decisions => matches!(action, Action::Approve | Action::Reject),
            // The schema has `read-logs` in `read`.
            What::Any(actions) => {
                actions.contains(&action) || action == Action::ReadLogs && actions.contains(&Action::Read)
            }
        };
        let stack = stack_of(resource);
        let place = match &self.place {
            Where::Anywhere => true,
            Where::Kind(kind) => resource_kind(resource) == *kind,
            Where::Environment(name) => match resource {
                Resource::Environment(environment) => environment.name == *name,
                _ => stack.is_some_and(|stack| stack.environment.name == *name),
            },
            Where::Blueprint(name) => match resource {
                Resource::Blueprint(blueprint) => blueprint == name,
                _ => stack.is_some_and(|stack| stack.blueprint == *name),
            },
            Where::Stack(id) => stack.is_some_and(|stack| stack.id.as_ref() == Some(id)),
        };
        let owns = stack.is_some_and(|stack| is(principal, &stack.owner));
        let when = match self.when {
            When::Always => true,
            When::Owner => owns,
            When::NotOwner => !owns,
            When::Protected => stack.is_some_and(|stack| stack.environment.protected),
            When::Administrator => principal.administrator,
            When::Own => matches!(resource, Resource::Operation(operation) if is(principal, &operation.requester)),
            When::SetsSize => is_request(action) && variables.contains("size"),
        };
        who && what && place && when
    }
}

/// What the page says of the default policies. No question is about a pushed image.
fn defaults() -> Vec<Rule> {
    let rule = |permits, what, place, when| Rule {
        permits,
        who: Who::Anyone,
        what,
        place,
        when,
    };
    let requests = Action::ALL.into_iter().filter(|action| is_request(*action));
    let of_owner = requests.chain([Action::List, Action::Read, Action::Operate]).collect();
    let reads = || What::Any(vec![Action::List, Action::Read]);
    vec![
        rule(true, What::Anything, Where::Anywhere, When::Administrator),
        rule(true, What::Any(of_owner), Where::Kind("Stack"), When::Owner),
        rule(
            true,
            What::Any(vec![Action::Read, Action::Approve, Action::Reject, Action::Operate]),
            Where::Kind("Operation"),
            When::Owner,
        ),
        rule(true, What::One(Action::List), Where::Kind("Stack"), When::Always),
        rule(true, reads(), Where::Kind("Environment"), When::Always),
        rule(true, reads(), Where::Kind("Blueprint"), When::Always),
        rule(true, reads(), Where::Kind("Installation"), When::Always),
        rule(true, What::One(Action::Apply), Where::Anywhere, When::Always),
    ]
}

/// Which actions there are for a kind of resource.
fn is_question(action: Action, resource: &Resource) -> bool {
    match action {
        Action::List => resource_kind(resource) != "Operation",
        Action::Read => true,
        Action::Approve | Action::Reject | Action::Apply => resource_kind(resource) == "Operation",
        Action::Operate => stack_of(resource).is_some(),
        Action::Publish => matches!(resource, Resource::Blueprint(_) | Resource::Installation),
        Action::Audit => matches!(resource, Resource::Installation),
        Action::Configure => matches!(resource, Resource::Environment(_) | Resource::Installation),
        _ => resource_kind(resource) == "Stack",
    }
}

fn model(
    rules: &[Rule],
    principal: &Principal,
    action: Action,
    resource: &Resource,
    variables: &BTreeSet<String>,
) -> bool {
    let matching = |permits: bool| {
        let mut rules = rules.iter().filter(|rule| rule.permits == permits);
        rules.any(|rule| rule.matches(principal, action, resource, variables))
    };
    // In a protected environment the requester does not approve.
    let is_own =
        |operation: &OperationFacts| operation.stack.environment.protected && is(principal, &operation.requester);
    let own_plan = action == Action::Approve && matches!(resource, Resource::Operation(operation) if is_own(operation));
    is_question(action, resource) && matching(true) && !matching(false) && !own_plan
}

/// The principal with the name of the requester as well, if both are one user of IAM Identity Center. This one must be permitted, too.
fn with_other_name(principal: &Principal, resource: &Resource) -> Option<Principal> {
    let Resource::Operation(operation) = resource else {
        return None;
    };
    let user = |name: &str| {
        let (_, session) = name.split_once(":assumed-role/AWSReservedSSO_")?;
        session.split_once('/').map(|(_, user)| user.to_owned())
    };
    let is_same_user = user(&principal.name)? == user(&operation.requester)?;
    is_same_user.then(|| {
        let mut both = principal.clone();
        both.former.push(operation.requester.clone());
        both
    })
}

fn principals(random: &mut Random) -> Vec<Principal> {
    let mut all = Vec::new();
    for index in 0..40 {
        let name = match index % 5 {
            0 => format!("arn:aws:iam::111122223333:role/r{index}"),
            1 => format!("event:{index:012}"),
            2 => format!("sub:login.example.com:{index}"),
            // Each user has two permission sets.
            3 => {
                let set = if index % 2 == 0 { "Dev" } else { "Ops" };
                format!(
                    "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_{set}_1/p{}",
                    index / 10
                )
            }
            _ => format!("email:login.example.com:p{index}@example.com"),
        };
        let groups = TEAMS
            .into_iter()
            .filter(|_| random.below(3) == 0)
            .map(ToOwned::to_owned)
            .collect();
        all.push(Principal {
            former: if index % 7 == 0 {
                vec![format!("p{index}@example.com")]
            } else {
                Vec::new()
            },
            groups,
            administrator: index % 9 == 0,
            name,
        });
    }
    all
}

fn resources(principals: &[Principal], random: &mut Random) -> Vec<Resource> {
    let environment = |(name, protected): (&str, bool)| EnvironmentFacts {
        name: name.to_owned(),
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        protected,
    };
    let mut all = vec![
        Resource::Installation,
        Resource::Environment(environment(ENVIRONMENTS[0])),
        Resource::Blueprint("web".to_owned()),
    ];
    for index in 0..6 {
        let owner = match index % 3 {
            0 => format!("team:{}", random.of(&TEAMS)),
            1 => principals[random.below(principals.len())].name.clone(),
            _ => "p7@example.com".to_owned(),
        };
        let stack = StackFacts {
            id: (index != 5).then(|| format!("stack-{index}")),
            name: "shop".to_owned(),
            owner,
            blueprint: random.of(&BLUEPRINTS).to_owned(),
            environment: environment(random.of(&ENVIRONMENTS)),
        };
        if index < 3 {
            let requester = if index == 0 {
                // A user of IAM Identity Center.
                &principals[3]
            } else {
                &principals[random.below(principals.len())]
            };
            all.push(Resource::Operation(OperationFacts {
                id: format!("op-{index}"),
                kind: "update".to_owned(),
                requester: requester.name.clone(),
                stack: stack.clone(),
            }));
        }
        all.push(Resource::Stack(stack));
    }
    all
}

fn rule(random: &mut Random, principals: &[Principal]) -> Rule {
    let who = match random.below(4) {
        0 => Who::Anyone,
        1 => Who::Kind(random.of(&["Person", "Role", "Account"])),
        2 => Who::Team(random.of(&TEAMS)),
        _ => Who::Named(Box::new(principals[random.below(principals.len())].clone())),
    };
    let place = match random.below(5) {
        0 => Where::Anywhere,
        1 => Where::Kind(random.of(&["Stack", "Operation"])),
        2 => Where::Environment(random.of(&ENVIRONMENTS).0),
        3 => Where::Blueprint(random.of(&BLUEPRINTS)),
        _ => Where::Stack(format!("stack-{}", random.below(5))),
    };
    let what = match random.below(5) {
        0 => What::Anything,
        1 => What::Requests,
        2 => What::Decisions,
        3 => What::One(random.of(&[Action::Read, Action::RequestUpdate, Action::Operate, Action::Approve])),
        _ => What::Any(vec![random.of(&Action::ALL), Action::Read, Action::RequestDestroy]),
    };
    let when = random.of(&[
        When::Always,
        When::Always,
        When::Owner,
        When::NotOwner,
        When::Protected,
        When::Administrator,
        When::Own,
        When::SetsSize,
    ]);
    Rule {
        permits: random.below(2) == 0,
        who,
        what,
        place,
        when,
    }
}

#[test]
fn no_decision_differs_from_the_independent_model() {
    // A decision takes two milliseconds without optimisation. `SLIPWAY_POLICY_SETS=200` tries ten times as many sets of policies.
    let wanted = std::env::var("SLIPWAY_POLICY_SETS").map_or(20, |sets| sets.parse().expect("a number"));
    let mut random = Random(11);
    let principals = principals(&mut random);
    let resources = resources(&principals, &mut random);
    let (mut sets, mut rejected, mut allowed, mut denied) = (0_u64, 0_u64, 0_u64, 0_u64);
    while sets < wanted {
        let rules: Vec<Rule> = (0..=random.below(4)).map(|_| rule(&mut random, &principals)).collect();
        let stored: Vec<StoredPolicy> = rules
            .iter()
            .enumerate()
            .map(|(index, rule)| StoredPolicy {
                name: format!("rule-{index}").parse().expect("a name"),
                text: rule.text(),
                updated_by: String::new(),
                updated_at: Timestamp::UNIX_EPOCH,
            })
            .collect();
        // Some are rejected: `context.variables` where no request is, an action that no such resource has.
        let Ok(policies) = check(&stored) else {
            rejected += 1;
            assert!(
                rejected < 10 * wanted,
                "too few of the generated policies are valid: {}",
                stored[0].text
            );
            continue;
        };
        sets += 1;
        let all: Vec<Rule> = defaults().into_iter().chain(rules).collect();
        for principal in &principals {
            for kind in ["Installation", "Environment", "Blueprint", "Stack", "Operation"] {
                for action in Action::ALL {
                    let of_kind: Vec<&Resource> = resources
                        .iter()
                        .filter(|resource| resource_kind(resource) == kind)
                        .collect();
                    let resource = of_kind[random.below(of_kind.len())];
                    if !is_question(action, resource) {
                        continue;
                    }
                    let variables = BTreeSet::from([if random.below(2) == 0 { "size" } else { "colour" }.to_owned()]);
                    let facts = match action {
                        Action::Apply => Facts::Plan(Box::default()),
                        _ => Facts::Request(RequestFacts {
                            variables: variables.clone(),
                            ..RequestFacts::default()
                        }),
                    };
                    let decision = policies.decide(&Question {
                        principal,
                        action,
                        resource,
                        facts: &facts,
                    });
                    let expected = model(&all, principal, action, resource, &variables)
                        && with_other_name(principal, resource)
                            .is_none_or(|other| model(&all, &other, action, resource, &variables));
                    let texts: Vec<&str> = stored.iter().map(|policy| policy.text.as_str()).collect();
                    assert_eq!(
                        decision.is_ok(),
                        expected,
                        "{principal:?} {action} {resource:?}: {decision:?}\n{texts:#?}"
                    );
                    if expected { allowed += 1 } else { denied += 1 }
                }
            }
        }
    }
    assert!(
        allowed + denied == wanted * 40 * 26 && allowed > 100 * wanted && denied > 100 * wanted,
        "{allowed} allowed, {denied} denied, {rejected} sets not valid"
    );
}
