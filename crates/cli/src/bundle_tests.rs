use std::collections::BTreeSet;
use std::os::unix::fs::symlink;

use super::*;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, text).expect("a file");
    }
    folder
}

fn call(path: &str) -> String {
    format!("module \"m\" {{ source = \"{path}\" }}")
}

#[test]
fn a_blueprint_takes_along_what_it_calls_and_nothing_else() {
    let top = folder(&[
        ("tf/blueprints/web/main.tf", &call("../../modules/service")),
        ("tf/blueprints/web/files/user_data.tftpl", "hello"),
        ("tf/blueprints/web/README.md", "for people"),
        ("tf/blueprints/web/tests/plan.tftest.hcl", "for tests"),
        ("tf/blueprints/web/blueprint.json", "{}"),
        ("tf/blueprints/web/.terraform/modules/x", "Terraform's own"),
        ("tf/modules/service/main.tf", &call("../network")),
        ("tf/modules/service/more.tf", &call("./part")),
        ("tf/modules/service/part/main.tf", &call("../../network")),
        ("tf/modules/network/main.tf", ""),
        ("tf/modules/other/main.tf", ""),
        ("tf/blueprints/other/main.tf", ""),
    ]);
    let source = read(&top.path().join("tf/blueprints/web"), top.path()).expect("a source");
    assert_eq!(source.root, "blueprints/web");
    let files: Vec<&str> = source.files.keys().map(String::as_str).collect();
    assert_eq!(
        files,
        [
            "blueprints/web/files/user_data.tftpl",
            "blueprints/web/main.tf",
            "modules/network/main.tf",
            "modules/service/main.tf",
            "modules/service/more.tf",
            "modules/service/part/main.tf",
        ]
    );
}

#[test]
fn readme_is_read_unless_it_is_ignored_or_elsewhere() {
    let top = folder(&[
        ("a/main.tf", ""),
        ("a/README.md", "# A"),
        ("b/main.tf", ""),
        ("b/README.md", "# B"),
        ("b/.slipwayignore", "README.md\n"),
        ("c/m/README.md", "# Not of the root module"),
        ("d/main.tf", ""),
        ("outside.md", "secret"),
    ]);
    symlink("../outside.md", top.path().join("d/README.md")).expect("a link");
    let readme = |name: &str, top: &Path| readme(&top.join(name), top);
    assert_eq!(readme("a", top.path()).expect("a README"), Some("# A".to_owned()));
    assert_eq!(readme("b", top.path()).expect("none"), None);
    assert_eq!(readme("c", top.path()).expect("none"), None);
    assert_eq!(readme("d", top.path()).expect("a link"), Some("secret".to_owned()));
    let own = top.path().join("d");
    assert!(super::readme(&own, &own).is_err(), "the link leads out of the folder");
}

#[test]
fn blueprint_without_outside_calls_ignores_the_top_folder() {
    let top = folder(&[("a/b/main.tf", &call("./m")), ("a/b/m/main.tf", "")]);
    let own = read(&top.path().join("a/b"), &top.path().join("a/b")).expect("a source");
    assert_eq!(own.root, "");
    assert_eq!(own, read(&top.path().join("a/b"), top.path()).expect("a source"));
}

#[test]
fn nothing_is_taken_from_outside_the_top() {
    let top = folder(&[
        ("a/b/main.tf", &call("../../m")),
        ("a/c/main.tf", &call("../m")),
        ("a/d/main.tf", &call("../none")),
        ("m/main.tf", ""),
    ]);
    symlink(top.path().join("m"), top.path().join("a/m")).expect("a link");
    for blueprint in ["a/b", "a/c", "a/d"] {
        let source = read(&top.path().join(blueprint), &top.path().join("a")).expect(blueprint);
        assert_eq!(source.files.len(), 1, "{:?}", source.files.keys());
        let problems = source.check().expect_err(blueprint);
        let named = problems.iter().any(|problem| problem.remedy.contains("--within"));
        assert!(named, "{problems:?}");
    }
    let error = read(&top.path().join("m"), &top.path().join("a")).expect_err("not below");
    assert!(error.to_string().contains("is not below"), "{error}");
    symlink("/etc/hostname", top.path().join("a/b/link.tf")).expect("a link");
    let error = read(&top.path().join("a/b"), top.path()).expect_err("a link");
    assert!(
        error.to_string().contains("link.tf is a link that leads out of"),
        "{error}"
    );
    fs::write(top.path().join("a/b/.slipwayignore"), "/link.tf").expect("a file");
    read(&top.path().join("a/b"), top.path()).expect("a source without the link");
}

#[test]
fn a_link_inside_stands_for_what_it_leads_to() {
    let top = folder(&[
        ("b/main.tf", &call("./m")),
        ("shared/m/main.tf", ""),
        ("shared/v.tf", "variable \"v\" {}"),
    ]);
    symlink("../shared/m", top.path().join("b/m")).expect("a link");
    symlink("../shared/v.tf", top.path().join("b/v.tf")).expect("a link");
    symlink("nowhere", top.path().join("b/AGENTS.md")).expect("a link");
    let source = read(&top.path().join("b"), top.path()).expect("a source");
    let files: Vec<&str> = source.files.keys().map(String::as_str).collect();
    assert_eq!(
        (source.root.as_str(), files),
        ("", vec!["m/main.tf", "main.tf", "v.tf"])
    );
    assert_eq!(source.files["v.tf"], "variable \"v\" {}");
    symlink("..", top.path().join("b/m/up")).expect("a link");
    let error = read(&top.path().join("b"), top.path()).expect_err("a loop").to_string();
    assert!(error.contains("leads back"), "{error}");
}

#[test]
fn link_to_itself_is_passed_over() {
    let top = folder(&[
        ("b/main.tf", &call("../m")),
        ("b/.slipwayignore", "/outside/\n"),
        ("m/main.tf", ""),
    ]);
    for (target, link) in [
        ("loop", "m/loop"),
        ("main.tf/a", "m/below_a_file"),
        ("/etc", "b/outside"),
    ] {
        symlink(target, top.path().join(link)).expect("a link");
    }
    let source = read(&top.path().join("b"), top.path()).expect("a source");
    let files: Vec<&str> = source.files.keys().map(String::as_str).collect();
    assert_eq!(files, ["b/main.tf", "m/main.tf"]);
}

#[test]
fn link_from_an_example_to_its_module_is_passed_over() {
    let top = folder(&[("main.tf", ""), ("examples/x/main.tf", &call("./module"))]);
    for (target, link) in [("../..", "module"), ("/etc/hostname", "host")] {
        symlink(target, top.path().join("examples/x").join(link)).expect("a link");
    }
    let source = read(top.path(), top.path()).expect("a source");
    assert_eq!(source.files.keys().collect::<Vec<_>>(), ["main.tf"]);
    // Where it would be published, it is named.
    fs::write(
        top.path().join("main.tf"),
        "locals {\n  a = fileset(\"${path.module}/examples\", \"**\")\n}",
    )
    .expect("a file");
    let error = read(top.path(), top.path()).expect_err("a link").to_string();
    assert!(error.contains("examples/x/host is a link that leads out of"), "{error}");
}

#[test]
fn binary_files_are_published_if_terraform_may_need_them() {
    let top = folder(&[
        (
            "main.tf",
            "locals {\n  r = file(\"${path.module}/README.md\")\n  t = file(\"tests/data.json\")\n}",
        ),
        ("README.md", "hello"),
        ("tests/data.json", "{}"),
        ("m/main.tf", ""),
        ("m/README.md", "for people"),
        (".slipwayignore", "*.zip\n!keep.zip\nexamples/\n"),
        ("examples/main.tf", ""),
        ("nul.txt", "a\0b"),
    ]);
    for name in ["lambda.bin", "banner.png", "drop.zip", "keep.zip"] {
        fs::write(top.path().join(name), [0xff, 0x00, 0xfe]).expect("a file");
    }
    fs::write(top.path().join("do.sh"), "#!/bin/sh\n").expect("a file");
    fs::set_permissions(top.path().join("do.sh"), fs::Permissions::from_mode(0o755)).expect("a mode");
    let source = read(top.path(), top.path()).expect("a source");
    let files: Vec<&str> = source.files.keys().map(String::as_str).collect();
    assert_eq!(files, ["README.md", "do.sh", "m/main.tf", "main.tf", "tests/data.json"]);
    let binaries: Vec<&str> = source.binaries.keys().map(String::as_str).collect();
    assert_eq!(binaries, ["keep.zip", "lambda.bin", "nul.txt"]);
    assert_eq!(source.executables.iter().collect::<Vec<_>>(), ["do.sh"]);
    fs::write(
        top.path().join("more.tf"),
        "locals {\n  x = fileset(\"\", \"*.png\")\n}",
    )
    .expect("a file");
    let source = read(top.path(), top.path()).expect("a source");
    assert!(source.binaries.contains_key("banner.png"));
}

#[test]
fn called_module_below_tests_is_published() {
    let top = folder(&[
        ("main.tf", &call("./m")),
        ("m/main.tf", &call("../tests/setup")),
        ("tests/setup/main.tf", ""),
        ("tests/other/main.tf", ""),
    ]);
    let source = read(top.path(), top.path()).expect("a source");
    let files: Vec<&str> = source.files.keys().map(String::as_str).collect();
    assert_eq!(files, ["m/main.tf", "main.tf", "tests/setup/main.tf"]);
    assert_eq!(source.root, "");
}

#[test]
fn folders_for_people_beside_terraform_files_are_left_out() {
    let top = folder(&[
        ("main.tf", &format!("{}\n# latest/ is not named", call("./m"))),
        (".terraform.lock.hcl", ""),
        (".github/workflows/ci.yml", ""),
        ("examples/base/main.tf", ""),
        ("examples/other/main.tf", ""),
        ("test/go.mod", ""),
        (
            "m/main.tf",
            "locals {\n  a = fileset(\"${path.module}/test\", \"*\")\n  b = \"${path.module}/.hidden/a\"\n}",
        ),
        ("m/call.tf", &call("../examples/base")),
        ("m/test/data.json", ""),
        ("m/.hidden/a", ""),
        ("m/.other/a", ""),
        ("function/test/__init__.py", ""),
        ("function/.config/a", ""),
    ]);
    let source = read(top.path(), top.path()).expect("a source");
    let files: Vec<&str> = source.files.keys().map(String::as_str).collect();
    assert_eq!(
        files,
        [
            ".terraform.lock.hcl",
            "examples/base/main.tf",
            "function/.config/a",
            "function/test/__init__.py",
            "m/.hidden/a",
            "m/call.tf",
            "m/main.tf",
            "m/test/data.json",
            "main.tf",
        ]
    );
    fs::write(top.path().join(".slipwayignore"), "!.github/\n").expect("a file");
    let source = read(top.path(), top.path()).expect("a source");
    assert!(source.files.contains_key(".github/workflows/ci.yml"));
}

#[test]
fn tofu_file_that_changes_nothing_is_left_out() {
    let top = folder(&[
        ("main.tf", &call("./m")),
        ("main.tofu", ""),
        ("data.tf.json", "{}"),
        ("data.tofu.json", "{}"),
        ("m/main.tf", ""),
        ("m/main.tofu", ""),
        ("other/versions.tofu", ""),
    ]);
    let source = read(top.path(), top.path()).expect("a source");
    let files: Vec<&str> = source.files.keys().map(String::as_str).collect();
    assert_eq!(files, ["data.tf.json", "m/main.tf", "main.tf"]);
    // OpenTofu would read it, and Slipway would not.
    fs::write(top.path().join("m/more.tofu"), "").expect("a file");
    let source = read(top.path(), top.path()).expect("a source");
    let problems = source.check().expect_err("a file of OpenTofu");
    assert!(
        problems.iter().any(|problem| problem.field == "files.m/more.tofu"),
        "{problems:?}"
    );
}

#[test]
fn call_that_leaves_a_folder_and_returns_is_kept() {
    let top = folder(&[
        ("tf/modules/a/recipe/main.tf", &call("../../../modules/b")),
        ("tf/modules/b/main.tf", ""),
    ]);
    let source = read(&top.path().join("tf/modules/a/recipe"), top.path()).expect("a source");
    assert_eq!(source.root, "modules/a/recipe");
    assert!(
        source.files.contains_key("modules/b/main.tf"),
        "{:?}",
        source.files.keys()
    );
    let problems = source.check().expect_err("no output");
    assert!(
        problems.iter().all(|problem| !problem.detail.contains("not among")),
        "{problems:?}"
    );
}

#[test]
fn socket_in_the_folder_is_passed_over() {
    let top = folder(&[("main.tf", "")]);
    let _socket = std::os::unix::net::UnixListener::bind(top.path().join("agent.sock")).expect("a socket");
    assert_eq!(read(top.path(), top.path()).expect("a source").files.len(), 1);
}

#[test]
fn a_module_whose_file_cannot_be_read_is_named() {
    let top = folder(&[("main.tf", &call("./m")), ("m/main.tf", "module \"b\" {")]);
    let problems = read(top.path(), top.path())
        .expect("a source")
        .check()
        .expect_err("unreadable");
    assert!(
        problems.iter().any(|problem| problem.field == "files.m/main.tf"),
        "{problems:?}"
    );
    // What the parser of expressions does not know hides no call.
    let odd = "locals {\n  a = { for k in [1] : k => k == 1 ? 1 :\n 2 }\n}\nmodule \"b\" { source = \"../b\" }\n";
    let top = folder(&[("r/main.tf", &call("../m")), ("m/main.tf", odd), ("b/main.tf", "")]);
    let source = read(&top.path().join("r"), top.path()).expect("a source");
    assert!(source.files.contains_key("b/main.tf"), "{:?}", source.files.keys());
}

#[test]
fn what_a_folder_says_of_itself_is_read_to_the_letter() {
    let text = "\u{feff}{\"version\": \"1.2.0\", \"description\": \"A page\"}";
    let folder = folder(&[("blueprint.json", text)]);
    let about = about(folder.path()).expect("readable").expect("there");
    assert_eq!(
        (about.name, about.version, about.description.as_str()),
        (None, Version::new(1, 2, 0), "A page")
    );
    for wrong in [
        r#"{"version": "1"}"#,
        r#"{"versoin": "1.0.0"}"#,
        r#"{"version": "1.0.0", "name": "No Name"}"#,
    ] {
        fs::write(folder.path().join(ABOUT), wrong).expect("a file");
        let error = super::about(folder.path()).expect_err(wrong).to_string();
        assert!(
            error.contains("blueprint.json") && error.contains("\"version\": \"1.0.0\""),
            "{error}"
        );
    }
    fs::write(folder.path().join(ABOUT), r#"{"version": "0.1"}"#).expect("a file");
    let error = super::about(folder.path()).expect_err("two numbers").to_string();
    assert!(error.contains("version: `0.1` is not a version"), "{error}");
}

#[test]
fn file_that_a_module_may_read_is_published() {
    let left_out = [
        "README.md",
        "blueprint.json",
        "data/README.md",
        "examples/a.json",
        "logo.png",
        "tests/a.json",
    ];
    let kept = [
        "app/tests/a.py",
        "data/main.tf",
        "main.tf",
        "templates/README.md",
        "templates/blueprint.json",
    ];
    for (expression, read_too) in [
        ("1", vec![]),
        ("\"${path.module}/data\"", vec!["data/README.md"]),
        ("\"${path.module}/data/${var.a}\"", vec!["data/README.md"]),
        ("file(\"${path.module}/blueprint.json\")", vec!["blueprint.json"]),
        ("file(\"${path.module}/data/main.tf\")", vec![]),
        ("file(\"examples/a.json\")", vec!["examples/a.json"]),
        ("file(\"${var.here}/tests/a.json\")", vec!["tests/a.json"]),
        ("fileset(path.module, \"*.md\")", left_out.to_vec()),
        ("\"${path.module}/${var.a}\"", left_out.to_vec()),
    ] {
        let top = folder(&[("main.tf", &format!("locals {{\n  a = {expression}\n}}\n"))]);
        for path in left_out.iter().chain(&kept).filter(|path| **path != "main.tf") {
            let path = top.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            let content: &[u8] = if path.ends_with("logo.png") { &[0xff] } else { b"" };
            fs::write(path, content).expect("a file");
        }
        let source = read(top.path(), top.path()).expect("a source");
        let found: BTreeSet<&str> = source
            .files
            .keys()
            .chain(source.binaries.keys())
            .map(String::as_str)
            .collect();
        let expected: BTreeSet<&str> = kept.into_iter().chain(read_too).collect();
        assert_eq!(found, expected, "{expression}");
    }
}

#[test]
fn documents_of_a_remote_module_are_published_if_read() {
    for (expression, is_read) in [
        ("\"docs\"", true),
        ("fileset(path.module, \"docs/*.json\")", true),
        ("join(\"/\", [path.module, \"..\", var.a])", true),
        ("\"${path.module}/files/a\"", false),
    ] {
        let top = folder(&[
            ("main.tf", &call("./vendored/one")),
            ("docs/a.json", ""),
            ("vendored/one/main.tf", &format!("locals {{\n  a = {expression}\n}}\n")),
            ("vendored/one/docs/a.json", ""),
            ("vendored/one/files/docs/a.json", ""),
        ]);
        let source = read(top.path(), top.path()).expect("a source");
        assert!(source.files.contains_key("docs/a.json"), "the author's own");
        assert!(source.files.contains_key("vendored/one/files/docs/a.json"), "no module");
        assert_eq!(
            source.files.contains_key("vendored/one/docs/a.json"),
            is_read,
            "{expression}"
        );
    }
}
