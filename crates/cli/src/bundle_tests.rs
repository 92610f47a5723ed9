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
fn a_blueprint_that_calls_nothing_outside_is_the_same_wherever_the_top_is() {
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
    for (blueprint, words) in [("a/b", "--within"), ("a/c", "behind a link"), ("a/d", "no folder")] {
        let error = read(&top.path().join(blueprint), &top.path().join("a")).expect_err(blueprint);
        assert!(error.to_string().contains(words), "{error}");
    }
    let error = read(&top.path().join("m"), &top.path().join("a")).expect_err("not below");
    assert!(error.to_string().contains("is not below"), "{error}");
    symlink("main.tf", top.path().join("a/b/link.tf")).expect("a link");
    let error = read(&top.path().join("a/b"), top.path()).expect_err("a link");
    assert!(error.to_string().contains("link.tf is a link"), "{error}");
}

#[test]
fn what_a_folder_says_of_itself_is_read_to_the_letter() {
    let folder = folder(&[("blueprint.json", r#"{"version": "1.2.0", "description": "A page"}"#)]);
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
}
