//! The end of an operation is always written. What its records have no room for is left out, the least needed first.
//!
//! Requests are judged by the room of the records ([`slipway_model::stack::room`]), and what steps add is bounded. So this is for what
//! was not foreseen: an operation that could not end would keep its stack's slot for ever.

use slipway_model::cut::cut;
use slipway_model::operation::work::Work;
use slipway_model::operation::{Failure, Operation};
use slipway_model::stack::{Configuration, Stack};

use crate::Error;
use crate::item::{bytes, encode_within};
use crate::table::{ITEM_BYTES, Key, operation_places, stack_places};

/// What the write adds to a record: its next revision, what was notified of it, and what was left out.
const MARGIN: usize = 2 * 1024;

/// The most bytes of a record before that.
const ROOM: usize = ITEM_BYTES - MARGIN;

/// The most bytes of the message and of the address of a failure, which notifications and results have, too.
const MESSAGE_BYTES: usize = 16 * 1024;
const ADDRESS_BYTES: usize = 4 * 1024;

/// What may be left out of a record.
struct Part<T> {
    name: &'static str,
    leave_out: fn(&mut T),
}

/// Of an operation that has ended.
const OF_OPERATION: [Part<Operation>; 3] = [
    Part {
        name: "the addresses of its plan",
        leave_out: |operation| {
            if let Some(plan) = &mut operation.plan {
                plan.resources.clear();
                for lost in plan.losses.values_mut().chain(plan.not_found.values_mut()) {
                    lost.resources.clear();
                }
            }
            if let Some(drift) = &mut operation.drift {
                drift.resources.clear();
            }
        },
    },
    Part {
        name: "the comments and groups of its approvals",
        leave_out: |operation| {
            for approval in &mut operation.approvals {
                approval.comment = None;
                // Approvals are not judged after the end.
                approval.principal = None;
            }
        },
    },
    Part {
        name: "the values of its variables",
        leave_out: |operation| {
            let sensitive = &operation.configuration.sensitive;
            if let Work::Update { patch: Some(patch), .. } | Work::Preview { patch: Some(patch) } = &mut operation.work
            {
                patch.variables.retain(|name, _| sensitive.contains(name));
            }
            leave_out_values(&mut operation.configuration);
        },
    },
];

/// Of a stack. What it is made from is never left out: the next update would make something else.
const OF_STACK: [Part<Stack>; 3] = [
    Part {
        name: "the resources that drifted",
        leave_out: |stack| {
            if let Some(drift) = &mut stack.drift {
                drift.resources.clear();
            }
        },
    },
    Part {
        name: "the values that its stack had before",
        leave_out: |stack| {
            if let Some(applied) = &mut stack.applied {
                leave_out_values(applied);
            }
        },
    },
    // The next apply records it again.
    Part {
        name: "the output of its blueprint",
        leave_out: |stack| stack.contract = None,
    },
];

/// Sensitive values stay: they are hidden in what is shown later.
fn leave_out_values(configuration: &mut Configuration) {
    let Configuration {
        variables, sensitive, ..
    } = configuration;
    variables.retain(|name, _| sensitive.contains(name));
}

/// Makes the records of an end fit into their items. What is left out is said in the failure, if there is one.
pub(crate) fn fit_end(operation: &mut Operation, stack: Option<&mut Stack>) -> Result<(), Error> {
    if let Some(failure) = &mut operation.failure {
        shorten(failure);
    }
    let key = Key::operation(&operation.id);
    let mut left_out = fit(&key, operation, &OF_OPERATION, |operation| {
        encode_within(ROOM, &key, operation_places(operation), operation).map(|item| bytes(&item))
    })?;
    if let Some(stack) = stack {
        let key = Key::stack(&stack.id);
        left_out.extend(fit(&key, stack, &OF_STACK, |stack| {
            encode_within(ROOM, &key, stack_places(stack), stack).map(|item| bytes(&item))
        })?);
    }
    if let Some(failure) = operation.failure.as_mut().filter(|_| !left_out.is_empty()) {
        failure.add(&format!("The record has no room for {}.", left_out.join(", ")));
    }
    Ok(())
}

fn fit<T>(
    key: &Key,
    record: &mut T,
    parts: &[Part<T>],
    size: impl Fn(&T) -> Result<usize, Error>,
) -> Result<Vec<&'static str>, Error> {
    let mut left_out = Vec::new();
    let mut bytes = size(record)?;
    for part in parts {
        if bytes <= ROOM {
            break;
        }
        (part.leave_out)(record);
        let left = size(record)?;
        if left < bytes {
            tracing::error!(record = %key, bytes, part = part.name, "a record has no room for a part, which is left out");
            left_out.push(part.name);
        }
        bytes = left;
    }
    Ok(left_out)
}

fn shorten(failure: &mut Failure) {
    failure.message = cut(&failure.message, MESSAGE_BYTES);
    if failure
        .address
        .as_ref()
        .is_some_and(|address| address.len() > ADDRESS_BYTES)
    {
        failure.address = None;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use slipway_model::name::Digest;
    use slipway_model::stack::room::{CONFIGURATION_BYTES, KEPT_BYTES, MADE_BYTES};

    use super::*;

    fn configuration(name: &str, bytes: usize) -> Value {
        json!({
            "blueprint": "web", "version": "1.0.0", "digest": Digest::of(b""), "sensitive": ["key"],
            "variables": {name: "x".repeat(bytes), "key": name},
        })
    }

    fn stack(fields: &Value) -> Stack {
        let mut record = json!({
            "id": "lusab-babad", "name": "shop", "environment": "live", "owner": "o".repeat(1_024), "status": "failed", "revision": 7,
            "configuration": configuration("now", 10), "last_release": 7,
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        });
        let fields = fields.as_object().cloned().expect("fields");
        record.as_object_mut().expect("a record").extend(fields);
        serde_json::from_value(record).expect("a stack")
    }

    fn operation(fields: &Value) -> Operation {
        let mut record = json!({
            "id": "op-01kaj3v9mz5x0q8r2t4w6y7z9a", "kind": "drift", "stack": "lusab-babad", "stack_name": "shop", "environment": "live",
            "status": "failed", "revision": 1, "requested_by": "ann", "created_at": "2026-01-01T00:00:00Z",
            "configuration": configuration("now", 10),
        });
        let fields = fields.as_object().cloned().expect("fields");
        record.as_object_mut().expect("a record").extend(fields);
        serde_json::from_value(record).expect("an operation")
    }

    fn bytes_of(stack: &Stack) -> usize {
        let item = encode_within(ITEM_BYTES, &Key::stack(&stack.id), stack_places(stack), stack);
        bytes(&item.expect("an item"))
    }

    #[test]
    fn record_has_room_for_all_parts_at_their_largest() {
        let at = "2026-01-01T00:00:00Z";
        let newest = json!({"digest": Digest::of(b""), "at": at});
        let repository = format!("arn:aws:ecr:eu-west-1:111122223333:repository/{}", "r".repeat(200));
        let subscription = json!({"repository": repository, "tags": "t".repeat(128), "newest": newest});
        let services: Vec<String> = (0..20).map(|number| format!("{}-{number}", "s".repeat(30))).collect();
        let subscriptions: serde_json::Map<String, Value> = services
            .iter()
            .map(|service| (service.clone(), subscription.clone()))
            .collect();
        let largest = stack(&json!({
            "configuration": configuration("now", CONFIGURATION_BYTES - 300),
            "applied": configuration("before", KEPT_BYTES - MADE_BYTES - 300),
            "contract": {"notes": {"text": "n".repeat(MADE_BYTES - CONFIGURATION_BYTES - 300)}},
            "subscriptions": subscriptions,
            "drift": {"operation": "op-01kaj3v9mz5x0q8r2t4w6y7z9a", "looked_at": at, "count": 9, "resources": ["d".repeat(4 * 1_024)]},
            "unsettled": {
                "operation": "op-01kaj3v9mz5x0q8r2t4w6y7z9a", "release": 7, "services": services, "schedules": true, "migrated": true,
                "since": at, "found": "ready",
            },
        }));
        assert!(bytes_of(&largest) <= ROOM, "{}", bytes_of(&largest));
        let mut same = largest.clone();
        fit_end(&mut operation(&json!({})), Some(&mut same)).expect("it fits");
        assert_eq!(same, largest);
    }

    #[test]
    fn shared_values_stay_in_a_record_just_below_its_limit() {
        let shared = |bytes| {
            let values = configuration("now", bytes);
            stack(&json!({"configuration": values, "applied": values, "contract": {}}))
        };
        let others = bytes_of(&shared(1_000)) - 2 * 1_000;
        let full = shared((ITEM_BYTES - MARGIN / 2 - others) / 2);
        let bytes = bytes_of(&full);
        assert!(ROOM < bytes && bytes <= ITEM_BYTES, "{bytes}");
        let mut same = full.clone();
        fit_end(&mut operation(&json!({})), Some(&mut same)).expect("it fits");
        assert_eq!(same, full);
    }

    #[test]
    fn what_is_needed_least_is_left_out_first_and_named() {
        let at = "2026-01-01T00:00:00Z";
        let mut failed = operation(&json!({
            "failure": {"name": "Slipway.ApplyFailed", "step": "Apply", "message": "m".repeat(500_000)},
            "approvals": [{"by": "bob", "at": at, "comment": "c".repeat(450_000)}],
        }));
        let mut both = stack(&json!({
            "configuration": configuration("now", 250_000), "applied": configuration("before", 200_000), "contract": {},
            "drift": {"operation": "op-01kaj3v9mz5x0q8r2t4w6y7z9a", "looked_at": at, "count": 9, "resources": ["aws_a.a"]},
        }));
        fit_end(&mut failed, Some(&mut both)).expect("it fits");
        assert!(bytes_of(&both) <= ITEM_BYTES);
        assert_eq!(failed.approvals[0].comment, None);
        assert_eq!(failed.configuration.variables["now"], "xxxxxxxxxx");
        let applied = both.applied.expect("it");
        assert_eq!(applied.variables.keys().collect::<Vec<_>>(), ["key"]);
        assert_eq!(both.configuration.variables["now"], "x".repeat(250_000));
        assert!(both.contract.is_some());
        let message = failed.failure.expect("a failure").message;
        assert!(
            message.len() < 20_000
                && message.ends_with(
                    "The record has no room for the comments and groups of its approvals, the resources that drifted, the values \
                     that its stack had before."
                ),
            "{}",
            &message[16_000..]
        );
    }
}
