//! Policies by the command line.

use std::process::Output;

use crate::support::Server;

fn ran(output: &Output) -> (i32, String) {
    let code = output.status.code().expect("an exit code");
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (code, String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn policies_are_stored_tested_exported_and_imported() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("a file");
        path.to_string_lossy().into_owned()
    };
    let run = |arguments: &[&str]| ran(&server.slipway(arguments));
    let (code, text) = run(&["policy", "list"]);
    assert!(code == 0 && text.contains("approver-is-not-the-requester"), "{text}");
    // The caller of local mode is an administrator, without a sign-in.
    assert_eq!(run(&["can-i", "configure"]), (0, "yes: administrators\n".to_owned()));

    let policy = file(
        "small.cedar",
        "forbid (principal, action == Action::\"apply\", resource) when { context.plan.changes > 50 };",
    );
    assert_eq!(
        run(&["policy", "put", "small", &policy]),
        (0, "stored policy small\n".to_owned())
    );
    let wrong = file(
        "wrong.cedar",
        "forbid (principal, action, resource)\nwhen { resource.colour == 1 };",
    );
    let (code, text) = run(&["policy", "put", "wrong", &wrong]);
    assert!(
        code == 3 && text.contains("line 2") && text.contains("colour"),
        "{text}"
    );
    let (code, text) = run(&[
        "policy",
        "put",
        "lock",
        &file("lock.cedar", "forbid (principal, action, resource);"),
    ]);
    assert!(code == 3 && text.contains("you could not configure"), "{text}");

    let (code, export) = run(&["policy", "export"]);
    assert!(
        code == 0 && export.contains("@id(\"small\")") && export.contains("@id(\"owner\")"),
        "{export}"
    );
    let export_of_defaults = file("all.cedar", &export);
    let (code, text) = run(&["policy", "import", &export_of_defaults]);
    assert!(code == 0 && text.contains("9 policies hold at revision 2"), "{text}");

    // A default policy that is switched off stays so, and a text with `@id(` keeps its name.
    let off = file("off.cedar", "// Teams see \"their\" stacks.\n");
    assert_eq!(run(&["policy", "put", "everyone-lists-stacks", &off]).0, 0);
    let odd = "@description(\"@id(\") forbid (principal, action == Action::\"publish\", resource is Blueprint) \
               when { resource.name == \"@id(\" };";
    assert_eq!(run(&["policy", "put", "odd", &file("odd.cedar", odd)]).0, 0);
    let (_, listed) = run(&["policy", "list"]);
    let (code, export) = run(&["policy", "export"]);
    assert!(
        code == 0 && export.contains("@off(") && export.contains("@id(\"odd\")"),
        "{export}"
    );
    let (code, text) = run(&["policy", "import", &file("with-off.cedar", &export)]);
    assert!(code == 0 && text.contains("10 policies hold at revision 5"), "{text}");
    let effects = |list: &str| -> Vec<String> {
        let columns = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        list.lines().map(columns).collect()
    };
    let (_, imported) = run(&["policy", "list"]);
    assert_eq!(effects(&imported), effects(&listed));
    assert!(imported.contains("everyone-lists-stacks"), "{imported}");
    let (_, text) = run(&["policy", "show", "everyone-lists-stacks"]);
    assert!(text.contains("// Teams see \"their\" stacks."), "{text}");
    let (code, text) = run(&["policy", "import", &export_of_defaults]);
    assert!(
        code == 0 && text.contains("holds again as Slipway ships it") && text.contains("everyone-lists-stacks"),
        "{text}"
    );

    let tests = |expect: &str| {
        format!(
            r#"{{"tests": [{{"name": "large plan", "principal": {{"name": "ann"}}, "action": "apply",
                "stack": {{"owner": "ann", "environment": {{"name": "live"}}}}, "operation": {{"requester": "ann"}},
                "plan": {{"types": {{"aws_s3_object": {{"create": 51}}}}}}, "expect": "{expect}"}}]}}"#
        )
    };
    let (code, text) = run(&["policy", "test", &file("good.json", &tests("deny"))]);
    assert!(code == 0 && text.contains("ok   large plan: deny (small)"), "{text}");
    let (code, text) = run(&["policy", "test", &file("bad.json", &tests("allow"))]);
    assert!(
        code == 1 && text.contains("FAIL large plan") && text.contains("1 failed"),
        "{text}"
    );
    assert_eq!(run(&["policy", "delete", "small"]).0, 0);
    assert_eq!(run(&["policy", "show", "small"]).0, 3);
}
