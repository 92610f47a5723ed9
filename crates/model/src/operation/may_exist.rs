//! What an apply whose end nothing reported may have created.

use super::Operation;
use crate::count::counted;
use crate::plan::Action;

/// How many resources the message of a failure names.
const NAMED: usize = 20;

impl Operation {
    /// The resources that may exist although the state lacks them, if Terraform and its runner were killed in the apply: all that the
    /// plan creates. The state is saved while Terraform works, but only Terraform knows how far. A sentence with the remedy, without its
    /// full stop; none where the plan creates nothing.
    pub fn may_exist(&self) -> Option<String> {
        let plan = self.plan.as_ref()?;
        let creates = |action| matches!(action, Action::Create | Action::Replace | Action::Unknown);
        let resources = plan.resources.iter().filter(|resource| creates(resource.action));
        let mut named: Vec<&str> = resources.map(|resource| resource.address.as_str()).collect();
        named.truncate(NAMED);
        let all = usize::try_from(plan.add + plan.replace + plan.unknown).unwrap_or(usize::MAX);
        if all == 0 {
            return None;
        }
        let id = &self.id;
        let list = match (named.join(", "), all.saturating_sub(named.len())) {
            (list, 0) => list,
            (list, more) if list.is_empty() => {
                format!("{}, which `slipway plan {id}` shows", counted(more, "resource"))
            }
            (list, more) => format!("{list} and {more} more (`slipway plan {id}` shows all)"),
        };
        Some(format!(
            "It was to create {list}. Each of these may exist although the state lacks it. The next update imports those whose ID was \
             recorded before the kill, and creates the others again: first check in the account, and delete what exists or import it \
             with an `import` block of the blueprint"
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::operation::{Operation, example};
    use crate::plan::{Action, PlanSummary, ResourceChange};

    fn plan(changes: &[(&str, Action)]) -> PlanSummary {
        let count = |wanted| changes.iter().filter(|(_, action)| *action == wanted).count() as u64;
        PlanSummary {
            add: count(Action::Create),
            change: count(Action::Update),
            replace: count(Action::Replace),
            resources: changes
                .iter()
                .map(|(address, action)| ResourceChange {
                    address: (*address).to_owned(),
                    action: *action,
                })
                .collect(),
            ..PlanSummary::default()
        }
    }

    #[test]
    fn all_that_the_plan_creates_may_exist() {
        let mut operation = example::operation(&json!({}));
        let message = |operation: &mut Operation, plan: Option<PlanSummary>| {
            operation.plan = plan;
            operation.may_exist()
        };
        assert_eq!(message(&mut operation, None), None);
        assert_eq!(
            message(&mut operation, Some(plan(&[("aws_a.a", Action::Update)]))),
            None
        );
        let changes = [
            ("aws_a.a", Action::Replace),
            ("aws_a.b", Action::Update),
            ("aws_a.c", Action::Create),
        ];
        let named = message(&mut operation, Some(plan(&changes))).expect("two resources");
        assert!(named.starts_with("It was to create aws_a.a, aws_a.c. Each"), "{named}");

        let many: Vec<String> = (0..30).map(|number| format!("aws_a.a[{number}]")).collect();
        let many: Vec<(&str, Action)> = many.iter().map(|address| (address.as_str(), Action::Create)).collect();
        let cut = message(&mut operation, Some(plan(&many))).expect("thirty resources");
        let rest = format!("aws_a.a[19] and 10 more (`slipway plan {}` shows all).", operation.id);
        assert!(cut.contains(&rest), "{cut}");
        assert!(!cut.contains("aws_a.a[20]"), "{cut}");

        // A plan names what destroys first, and not all.
        let unnamed = PlanSummary {
            add: 2,
            ..PlanSummary::default()
        };
        let counted = message(&mut operation, Some(unnamed)).expect("two resources");
        let all = format!("create 2 resources, which `slipway plan {}` shows.", operation.id);
        assert!(counted.contains(&all), "{counted}");
    }
}
