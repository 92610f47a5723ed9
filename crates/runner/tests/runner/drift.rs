//! What a drift check concludes from a plan of which something is missing.

use slipway_model::operation::Operation;
use slipway_model::operation::work::Work;
use slipway_model::plan::Action;
use slipway_store::finish::End;

use crate::incomplete::{instead_of, made, undo};
use crate::support::World;

fn check(world: &World, operation: &Operation) -> Operation {
    world.request(Work::Drift, &world.stack(operation), None)
}

/// What `show` says with a deleted resource in it.
const DELETED: &str = r#""$real" "$@" | sed 's/"prior_state":/"resource_drift":[{"address":"terraform_data.a[0]","type":"terraform_data","change":{"actions":["delete"],"before":{},"after":null}}],"prior_state":/'"#;

#[test]
fn drift_that_the_stream_leaves_out_is_found() {
    let Some(world) = World::new() else { return };
    let operation = made(&world);
    instead_of(&world, "show", DELETED);
    let looked = check(&world, &operation);
    let printed = world.succeed(&looked, "plan", "plan");
    let drift = world.operation(&looked).drift.expect("a drift");
    assert_eq!(
        (drift.count, drift.resources[0].action),
        (1, Action::Delete),
        "{printed}"
    );
    assert_eq!(drift.resources[0].address, "terraform_data.a[0]");
}

#[test]
fn saved_plan_that_does_not_say_all_is_no_result() {
    let Some(world) = World::new() else { return };
    let operation = made(&world);
    let stream = r#"echo '{"type":"resource_drift","change":{"resource":{"addr":"terraform_data.a[1]"},"action":"update"}}'; "$real" "$@""#;
    for (command, script, expected) in [
        ("show", "", "`terraform show -json` is incomplete"),
        (
            "show",
            r#""$real" "$@" | head -c 300"#,
            "`terraform show -json` is incomplete",
        ),
        ("show", "echo '{}'", "missing field `format_version`"),
        (
            "show",
            r#""$real" "$@" | sed 's/"format_version":"1/"format_version":"7/'"#,
            "format version 7",
        ),
        (
            "show",
            r#""$real" "$@" | sed 's/"errored":false/"errored":true/'"#,
            "marks the plan as errored",
        ),
        (
            "show",
            r#""$real" "$@" | sed 's/"complete":true/"complete":false/'"#,
            "is not complete",
        ),
        (
            "plan",
            stream,
            "a difference of terraform_data.a[1], and its saved plan has none",
        ),
        (
            "plan",
            r#""$real" "$@" | grep -v change_summary"#,
            "without a `change_summary`",
        ),
    ] {
        let looked = check(&world, &operation);
        instead_of(&world, command, script);
        let printed = world.fail(&looked, "plan", "plan");
        let failure = world.operation(&looked).failure.expect("a failure");
        assert!(
            failure.message.contains(expected),
            "{expected}: {}\n{printed}",
            failure.message
        );
        assert_eq!(world.operation(&looked).drift, None, "{expected}");
        world.end(&looked, &End::of(failure));
        undo(&world);
    }
}

/// What `show` says with a changed attribute in it.
const CHANGED: &str = r#"s/"prior_state":/"resource_drift":[{"address":"terraform_data.a[0]","type":"terraform_data","change":{"actions":["update"],"before":{"output":0},"after":{"output":7}}}],"prior_state":/"#;

/// A refresh shows what other resources and AWS change. An update leaves it as it is, so the check would find it for ever.
#[test]
fn only_what_an_update_would_change_is_drift() {
    let Some(world) = World::new() else { return };
    let operation = made(&world);
    let both = r#"show ] || [ "$1" = plan"#;
    let planned = r#"s/"actions":\["no-op"\]/"actions":["update"]/"#;
    let no_update = r#"case "$*" in plan*-refresh-only*) ;; plan*) exit 1 ;; esac"#;
    for (script, count, said) in [
        (format!(r#""$real" "$@" | sed '{CHANGED}'"#), 0, "so it is not drift"),
        (
            format!(r#""$real" "$@" | sed '{CHANGED};{planned}'"#),
            1,
            "1 resource differs",
        ),
        (
            format!("{no_update}\n\"$real\" \"$@\" | sed '{CHANGED}'"),
            1,
            "each difference counts as drift",
        ),
    ] {
        let looked = check(&world, &operation);
        instead_of(&world, both, &script);
        let printed = world.succeed(&looked, "plan", "plan");
        let drift = world.operation(&looked).drift.expect("a drift");
        assert_eq!(drift.count, count, "{script}\n{printed}");
        assert!(printed.contains(said), "{script}\n{printed}");
        world.end(&looked, &End::Succeeded);
        undo(&world);
    }
}

/// A stack whose resources exist in the state alone has nothing that could differ.
#[test]
fn drift_check_says_what_it_did_not_compare() {
    let Some(world) = World::new() else { return };
    let operation = made(&world);
    let looked = check(&world, &operation);
    let printed = world.succeed(&looked, "plan", "plan");
    assert!(
        printed.contains("Nothing was compared: 3 resources exist in the state alone"),
        "{printed}"
    );
    assert!(!printed.contains("Everything is as the state says"), "{printed}");
}
