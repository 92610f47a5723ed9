//! What policies cost: `cargo run --release -p slipway-policy --example cost_of_decisions`.
//!
//! The first request of a function pays for schema, policies and a decision; each further one for a decision.

#![allow(clippy::print_stdout, reason = "it prints figures")]

use std::collections::BTreeSet;
use std::error::Error;
use std::time::{Duration, Instant};

use slipway_model::policy::{Principal, StoredPolicy};
use slipway_policy::facts::{EnvironmentFacts, StackFacts};
use slipway_policy::{Action, Facts, Policies, Question, Resource};

fn stored(count: usize) -> Result<Vec<StoredPolicy>, Box<dyn Error>> {
    let policy = |index: usize| -> Result<StoredPolicy, Box<dyn Error>> {
        let effect = if index.is_multiple_of(3) { "forbid" } else { "permit" };
        Ok(StoredPolicy {
            name: format!("policy-{index}").parse()?,
            text: format!(
                "{effect} (principal in Team::\"team-{index}\", action in Action::\"request\", resource in Environment::\"e{}\") \
                 when {{ context.variables.contains(\"v{index}\") }};",
                index % 7
            ),
            updated_by: "bench".to_owned(),
            updated_at: "2026-11-29T00:00:00Z".parse()?,
        })
    };
    (0..count).map(policy).collect()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn main() -> Result<(), Box<dyn Error>> {
    let principal = Principal {
        groups: (0..10).map(|index| format!("team-{index}")).collect::<BTreeSet<_>>(),
        ..Principal::named("email:login.example.com:ann@example.com")
    };
    let resource = Resource::Stack(StackFacts {
        id: Some("lusab-babad".to_owned()),
        name: "shop".to_owned(),
        owner: "team:team-3".to_owned(),
        blueprint: "web".to_owned(),
        environment: EnvironmentFacts::unknown("e1"),
    });
    let question = Question {
        principal: &principal,
        action: Action::RequestUpdate,
        resource: &resource,
        facts: &Facts::None,
    };
    for count in [3, 1_000] {
        let stored = stored(count)?;
        let began = Instant::now();
        let policies = Policies::new(&stored)?;
        let allowed = policies.decide(&question).is_ok();
        let first = began.elapsed();
        let times = (0..1_000).map(|_| {
            let began = Instant::now();
            let _ = std::hint::black_box(policies.decide(&question));
            began.elapsed()
        });
        let median = median(times.collect());
        println!(
            "{} policies: first decision {first:?} (allowed: {allowed}), then {median:?} each",
            count + 8
        );
    }
    Ok(())
}
