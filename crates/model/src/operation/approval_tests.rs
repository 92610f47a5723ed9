//! Every interleaving of the workflow, the API, the sweeper, a cancel, a timeout, retries and restarts around one plan.

use std::collections::HashSet;

use jiff::SignedDuration;

use super::*;
use crate::name::Digest;

#[path = "approval_world.rs"]
mod world;

use world::{ACTIONS, Action, Execution, NOW, Sends, World, failure};

/// An approval by each of these.
fn approvals(approvers: &[&str]) -> Vec<Approval> {
    let given = approvers.iter().map(|by| Approval {
        by: (*by).to_owned(),
        at: Timestamp::UNIX_EPOCH,
        sheet: None,
        comment: None,
        principal: Some(Principal::named(*by)),
        denied: None,
    });
    given.collect()
}

#[test]
fn no_interleaving_loses_a_decision_that_was_acknowledged() {
    let mut seen = HashSet::new();
    let mut open = vec![World::new(1, &[Sends::Approve("bob", 0), Sends::Reject])];
    let (mut approved, mut rejected) = (0, 0);
    while let Some(world) = open.pop() {
        if !seen.insert(world.key()) {
            continue;
        }
        world.check();
        approved += usize::from(!world.acknowledged(0).is_empty());
        rejected += usize::from(world.is_rejected());
        let sends = (0..world.requests.len()).map(Action::Send);
        open.extend(
            ACTIONS
                .into_iter()
                .chain(sends)
                .filter_map(|action| world.after(action)),
        );
    }
    assert!(
        approved > 50 && rejected > 50,
        "{approved} {rejected} of {}",
        seen.len()
    );
}

#[test]
fn stricter_rules_refuse_a_plan_that_lacks_approvals() {
    let environment = |required: u32, self_approval: bool| {
        let environment = serde_json::json!({
            "name": "live", "account": "000000000000", "region": "us-east-1", "approval": "always", "protected": false,
            "approvals_required": required, "self_approval": self_approval, "variables": {},
        });
        serde_json::from_value::<Environment>(environment).expect("an environment")
    };
    let refused = |approvers: &[&str], environment: &Environment| {
        let mut operation = crate::operation::example::operation(&serde_json::json!({}));
        operation.approved_by = approvers.last().map(|by| (*by).to_owned());
        operation.approvals = approvals(approvers);
        let refusal = operation.refusal_without_approval(&PlanSummary::default(), environment);
        refusal.map(|refusal| {
            assert_eq!(refusal.policy, "environment.approval");
            refusal.reason
        })
    };
    let cases: [(&[&str], u32, bool, Option<&str>); 6] = [
        (&[], 1, false, Some("the plan has no approval, ")),
        (&["bob"], 1, false, None),
        (&["bob"], 2, false, Some("the plan has 1 of 2 approvals, ")),
        (&["bob", "carol"], 2, false, None),
        (&["bob", "ann"], 2, false, Some("the requester approved the plan, ")),
        (&["bob", "ann"], 2, true, None),
    ];
    for (approvers, required, self_approval, expected) in cases {
        let reason = refused(approvers, &environment(required, self_approval));
        let begins = |expected: &str| reason.as_ref().is_some_and(|reason| reason.starts_with(expected));
        assert!(expected.map_or(reason.is_none(), begins), "{approvers:?}: {reason:?}");
    }
    let mut never = environment(2, false);
    never.approval = crate::environment::Approval::Never;
    assert_eq!(refused(&[], &never), None);
}

#[test]
fn approval_that_cannot_be_enough_is_in_vain() {
    let environment = |required: u32, self_approval: bool, approval: &str| {
        let environment = serde_json::json!({
            "name": "live", "account": "000000000000", "region": "us-east-1", "approval": approval, "protected": false,
            "approvals_required": required, "self_approval": self_approval, "variables": {},
        });
        serde_json::from_value::<Environment>(environment).expect("an environment")
    };
    let in_vain = |approvers: &[&str], environment: &Environment| {
        let mut operation = crate::operation::example::operation(&serde_json::json!({}));
        operation.approval_rule = Some(ApprovalRule {
            required: 2,
            self_approval: true,
            expires_at: Timestamp::MAX,
            remind_every_seconds: 0,
            required_by: Vec::new(),
        });
        operation.approvals = approvals(approvers);
        operation.approval_in_vain(&PlanSummary::default(), environment)
    };
    // The first of two, and the second.
    for approvers in [&["bob"][..], &["bob", "carol"]] {
        for required in [1, 2] {
            assert_eq!(in_vain(approvers, &environment(required, false, "always")), None);
        }
        let missing = in_vain(approvers, &environment(3, false, "always")).expect("too few");
        assert!(
            missing.contains("requires 3 approvals by now, and the plan takes 2"),
            "{missing}"
        );
        assert_eq!(in_vain(approvers, &environment(3, false, "never")), None);
    }
    let own = in_vain(&["ann"], &environment(2, false, "always")).expect("the requester's");
    assert!(own.contains("requester"), "{own}");
    assert_eq!(in_vain(&["ann"], &environment(2, true, "always")), None);
}

/// Two approvals of four people, one of whom is the requester, with repeated requests. The sheet changes meanwhile, and the owner of the
/// stack.
#[test]
fn random_interleavings_of_many_approvers_keep_the_rules() {
    use Action::{ChangeSheet, Transfer};
    let requests = [
        Sends::Approve("bob", 0),
        Sends::Approve("ann", 0),
        Sends::Approve("carol", 0),
        Sends::Approve("carol", 1),
        Sends::Approve("bob", 1),
        Sends::Approve("dave", 1),
        Sends::Approve("bob", 0),
        Sends::Approve("ann", 1),
        Sends::Reject,
    ];
    // Most walks end before a rare action happens.
    let rare = [ChangeSheet, ChangeSheet, ChangeSheet, Transfer];
    let everything: Vec<Action> = ACTIONS.into_iter().chain(rare).collect();
    let mut random = 42_u64;
    let mut below = |bound: usize| {
        // Knuth's generator: the same walks in every run.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).expect("31 bits") % bound
    };
    let (mut approved, mut rejected, mut expired, mut of_another_sheet) = (0, 0, 0, 0);
    let begin = World::new(2, &requests);
    for _ in 0..100_000 {
        let mut world = begin.clone();
        for _ in 0..24 {
            // Requests are what the walks are about: the rest happens now and then.
            let action = match below(6) {
                0 | 1 => ACTIONS[below(3)],
                2..=4 => Action::Send(below(requests.len())),
                _ => everything[below(everything.len())],
            };
            if let Some(next) = world.after(action) {
                world = next;
                world.check();
            }
        }
        approved += usize::from(world.execution == Execution::Approved);
        rejected += usize::from(world.execution == Execution::Rejected);
        expired += usize::from(world.execution == Execution::TimedOut);
        of_another_sheet += usize::from(world.is_approved_after_another_sheet());
    }
    assert!(
        approved > 1_000 && rejected > 1_000 && expired > 1_000 && of_another_sheet > 50,
        "{approved} {rejected} {expired} {of_another_sheet}"
    );
}

#[test]
fn every_decision_has_one_result_in_every_situation() {
    let asked = |required: u32| {
        let mut world = World::new(required, &[]);
        world.record.ask_approval("1", NOW).expect("asked");
        world.record
    };
    let late = NOW + SignedDuration::from_hours(1);
    let why = failure("Slipway.ApprovalRejected");
    let mut waiting = asked(2);
    assert_eq!(waiting.approve("ann".into(), NOW), Err(Undecidable::OwnRequest));
    let former = ["ann".to_owned()];
    let renamed = Approver {
        former: &former,
        ..Approver::from("email:x:ann")
    };
    assert_eq!(waiting.approve(renamed, NOW), Err(Undecidable::OwnRequest));
    assert!(matches!(
        waiting.approve("bob".into(), late),
        Err(Undecidable::Expired(_))
    ));
    assert!(matches!(waiting.reject(&why, late), Err(Undecidable::Expired(_))));
    for _ in 0..2 {
        waiting.approve("bob".into(), NOW).expect("counted once");
        assert_eq!(
            (waiting.status, waiting.approvals.len()),
            (OperationStatus::WaitingForApproval, 1)
        );
    }
    let mut rejected = waiting.clone();
    for _ in 0..2 {
        rejected
            .reject(&why, NOW)
            .expect("the requester and all others may reject");
    }
    assert!(matches!(
        rejected.approve("carol".into(), NOW),
        Err(Undecidable::Rejected(_))
    ));
    assert!(matches!(
        rejected.reject(&failure("another"), NOW),
        Err(Undecidable::Rejected(_))
    ));
    waiting.approve("carol".into(), NOW).expect("the last approval");
    assert_eq!(waiting.decision(), Some(Decision::Approved("carol")));
    // The answer to an approval may be lost, so it may come again. Another one would not count.
    for again in ["bob", "carol"] {
        waiting.approve(again.into(), late).expect("the same approval");
    }
    let another_sheet = Digest::of(b"another");
    let carol = Approver {
        sheet: Some(&another_sheet),
        ..Approver::from("carol")
    };
    for other in [Approver::from("dave"), carol] {
        let late = waiting.approve(other, NOW);
        assert_eq!(late, Err(Undecidable::Approved("carol".to_owned())), "{other:?}");
    }
    assert_eq!(waiting.approvals.len(), 2);
    assert!(matches!(waiting.reject(&why, NOW), Err(Undecidable::Approved(_))));
    for ended in [
        OperationStatus::Cancelled,
        OperationStatus::Discarded,
        OperationStatus::Succeeded,
    ] {
        let mut operation = asked(1);
        operation.status = ended;
        for by in ["ann", "bob"] {
            assert_eq!(
                operation.approve(by.into(), NOW),
                Err(Undecidable::NotWaiting(ended)),
                "{by}"
            );
        }
        assert_eq!(operation.reject(&why, NOW), Err(Undecidable::NotWaiting(ended)));
    }
    // The server may have died before it answered, and the operation may have ended before the caller repeats the request.
    waiting.status = OperationStatus::Succeeded;
    rejected.status = OperationStatus::Discarded;
    let before = (waiting.clone(), rejected.clone());
    waiting.approve("carol".into(), late).expect("the same approval");
    rejected.reject(&why, late).expect("the same rejection");
    assert_eq!((&waiting, &rejected), (&before.0, &before.1));
    for decided in [
        waiting.approve("dave".into(), NOW),
        waiting.approve(carol, NOW),
        waiting.reject(&why, NOW),
        rejected.approve("bob".into(), NOW),
        rejected.reject(&failure("another"), NOW),
    ] {
        assert!(matches!(decided, Err(Undecidable::NotWaiting(_))), "{decided:?}");
    }
    // A record of a version that knew no rules.
    let mut old = asked(1);
    old.approval_rule = None;
    assert_eq!(old.approve("ann".into(), NOW), Err(Undecidable::OwnRequest));
    old.approve("bob".into(), NOW).expect("approved");
}

/// An earlier version recorded the session of a role.
#[test]
fn recorded_session_of_a_role_cannot_approve_as_the_role() {
    let role = "arn:aws:iam::111122223333:role/Deploy";
    let mut world = World::new(2, &[]);
    world.record.ask_approval("1", NOW).expect("asked");
    let mut plan = world.record;
    plan.requested_by = "arn:aws:sts::111122223333:assumed-role/Deploy/run-1".to_owned();
    assert!(plan.forbids_own_approval(role.into()));
    assert_eq!(plan.approve(role.into(), NOW), Err(Undecidable::OwnRequest));
    // Nor does it count as two approvers.
    plan.requested_by = "ann".to_owned();
    plan.approve("arn:aws:sts::111122223333:assumed-role/Deploy/run-1".into(), NOW)
        .expect("counted");
    plan.approve(role.into(), NOW).expect("counted before");
    assert_eq!((plan.approvals.len(), plan.decision()), (1, None));
}

#[test]
fn approvals_of_another_sheet_do_not_count() {
    let mut world = World::new(2, &[]);
    world.record.ask_approval("1", NOW).expect("asked");
    let mut plan = world.record;
    let (first, second) = (Digest::of(b"first"), Digest::of(b"second"));
    let of = |name: &'static str, sheet| Approver {
        sheet: Some(sheet),
        ..name.into()
    };
    plan.approve(of("bob", &first), NOW).expect("counted");
    plan.approve(of("carol", &second), NOW).expect("counted");
    assert_eq!(plan.decision(), None, "they approved different sheets");
    plan.approve(of("bob", &second), NOW).expect("counted");
    assert_eq!(plan.decision(), Some(Decision::Approved("bob")));
    assert!(
        plan.approvals
            .iter()
            .all(|approval| approval.sheet.as_ref() == Some(&second))
    );
}

/// Two approvals are required. Policies deny the first before the second comes.
#[test]
fn approval_that_policies_deny_by_now_does_not_count() {
    let mut world = World::new(2, &[]);
    world.record.ask_approval("1", NOW).expect("asked");
    let mut plan = world.record;
    let groups = BTreeSet::from(["payments".to_owned()]);
    let carol = Approver {
        groups: &groups,
        ..Approver::from("carol")
    };
    plan.approve(carol, NOW).expect("counted");
    let member = plan.approvals[0].principal.clone().expect("a principal");
    assert_eq!((&*member.name, &member.groups), ("carol", &groups));
    let without_carol = |principal: &Principal| (principal.name == "carol").then(|| "no longer".to_owned());
    plan.judge_approvals(without_carol);
    plan.approve("bob".into(), NOW).expect("counted");
    assert_eq!((plan.decision(), plan.permitted_approvals().count()), (None, 1));
    assert_eq!(plan.approvals[0].denied.as_deref(), Some("no longer"));
    // Permitted again, it is given again.
    plan.judge_approvals(|_| None);
    assert_eq!((plan.decision(), plan.permitted_approvals().count()), (None, 1));
    plan.approve(carol, NOW).expect("counted");
    assert_eq!(plan.decision(), Some(Decision::Approved("carol")));
    assert_eq!((plan.approvals.len(), plan.permitted_approvals().count()), (2, 2));
    // The approvals of an approved plan are final.
    plan.judge_approvals(without_carol);
    assert_eq!(plan.permitted_approvals().count(), 2);
}

#[test]
fn waiting_approval_of_an_earlier_version_is_given_again() {
    let mut world = World::new(2, &[]);
    world.record.ask_approval("1", NOW).expect("asked");
    let mut plan = world.record;
    plan.approve("carol".into(), NOW).expect("counted");
    plan.approvals[0].principal = None;
    plan.judge_approvals(|_| None);
    plan.approve("bob".into(), NOW).expect("counted");
    assert_eq!((plan.decision(), plan.permitted_approvals().count()), (None, 1));
    plan.judge_approvals(|_| None);
    plan.approve("carol".into(), NOW).expect("counted");
    assert_eq!(plan.decision(), Some(Decision::Approved("carol")));
}
