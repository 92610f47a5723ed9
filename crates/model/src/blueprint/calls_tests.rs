use super::*;

#[test]
fn a_path_leads_from_folder_to_folder_and_not_out_of_the_top() {
    for (from, path, to) in [
        ("", "./m", Some("m")),
        ("blueprints/web", "../../modules/network", Some("modules/network")),
        ("a/b", "./../b/./c/", Some("a/b/c")),
        ("a", "..", Some("")),
        ("a", "../..", None),
        ("", "../m", None),
    ] {
        assert_eq!(folder_of(from, path).as_deref(), to, "{from} {path}");
    }
}

#[test]
fn every_module_that_is_called_by_a_path_has_to_be_there() {
    let call = |path: &str| format!("module \"m\" {{ source = \"{path}\" }}");
    let files = [
        ("b/web/main.tf", call("../../m/a")),
        ("m/a/main.tf", call("../b")),
        (
            "m/b/main.tf.json",
            r#"{"module": {"m": [{"source": "../c"}]}}"#.to_owned(),
        ),
        ("m/c/main.tf", String::new()),
        (
            "m/b/other.tf",
            "module \"m\" { source = \"example/network/aws\" }".to_owned(),
        ),
    ];
    let mut source = Source {
        root: "b/web".to_owned(),
        files: files.map(|(path, text)| (path.to_owned(), text)).into(),
        ..Source::default()
    };
    assert_eq!(problems(&source), []);
    source.files.insert("m/b/more.tf".to_owned(), call("../../../d"));
    source.files.insert("m/a/more.tf".to_owned(), call("../empty"));
    let mut fields: Vec<String> = problems(&source).into_iter().map(|problem| problem.field).collect();
    fields.sort();
    assert_eq!(fields, ["files.m/a/more.tf", "files.m/b/more.tf"]);
}

#[test]
fn module_that_calls_itself_is_rejected_at_the_call() {
    let files = [
        (
            "main.tf",
            "module \"a\" { source = \"./a\" }\nmodule \"b\" { source = \"./b\" }",
        ),
        ("a/main.tf", "\nmodule \"b\" {\n  source = \"../b\"\n}"),
        ("b/main.tf.json", r#"{"module": {"a": {"source": "../a"}}}"#),
        ("c/main.tf", "module \"c\" { source = \"../c\" }"),
    ];
    let mut source = Source {
        files: files.map(|(path, text)| (path.to_owned(), text.to_owned())).into(),
        ..Source::default()
    };
    let found = problems(&source);
    assert_eq!(
        (found.len(), found[0].field.as_str()),
        (1, "files.b/main.tf.json"),
        "{found:?}"
    );
    source.root = "c".to_owned();
    let found = problems(&source);
    assert!(
        found[0].detail.contains("cannot call themselves") && found[0].place.is_some_and(|place| place.line == 1),
        "{found:?}"
    );
}

#[test]
fn redirected_call_has_another_source_and_no_version() {
    let text = "\u{feff}# why\nmodule \"vpc\" {\n  source  = \"example/vpc/aws\" # registry\n  version = \"~> 5.0\"\n  name = \"é\"\n}\nmodule \"own\" {\n  source = \"./own\"\n}\n";
    let sources = BTreeMap::from([("vpc".to_owned(), "./vendored/vpc".to_owned())]);
    let expected = text
        .replace("\"example/vpc/aws\"", "\"./vendored/vpc\"")
        .replace("version = \"~> 5.0\"", "");
    assert_eq!(redirect(text, &sources).as_deref(), Some(expected.as_str()));
    assert_eq!(redirect("module {", &sources), None);
}

#[test]
fn remote_modules_are_found_in_every_module_that_is_called() {
    let files = [
        (
            "main.tf",
            "module \"a\" { source = \"./a\" }\nmodule \"x\" { source = \"/etc\" }",
        ),
        ("a/main.tf", "module \"vpc\" { source = \"example/vpc/aws\" }"),
        ("b/main.tf", "module \"unused\" { source = \"example/vpc/aws\" }"),
    ];
    let source = Source {
        files: files.map(|(path, text)| (path.to_owned(), text.to_owned())).into(),
        ..Source::default()
    };
    let found = remote_problems(&source);
    assert_eq!(
        (found.len(), found[0].field.as_str()),
        (1, "files.a/main.tf"),
        "{found:?}"
    );
    assert!(found[0].remedy.contains("slipway publish"), "{found:?}");
}

#[test]
fn module_without_terraform_files_is_there() {
    let list = r#"[{"variable": {}}, {"module": {"m": {"source": "./m"}}}]"#;
    let mut source = Source::default();
    source.files.insert("main.tf.json".to_owned(), list.to_owned());
    assert_eq!(problems(&source).len(), 1, "no file is below m");
    source.binaries.insert("m/deep/lambda.zip".to_owned(), String::new());
    assert_eq!(problems(&source), []);
}

#[test]
fn a_module_on_the_machine_is_rejected() {
    for wrong in [
        "/etc",
        "file:///etc",
        "file::/etc",
        "git::file:///srv/m.git",
        "git::/srv/m.git",
        "~/m",
        "C:\\\\m",
        "FILE:///x",
        "s3::file:///x",
    ] {
        let text = format!("module \"m\" {{ source = \"{wrong}\" }}");
        let mut source = Source::default();
        source.files.insert("main.tf".to_owned(), text);
        let problems = problems(&source);
        assert!(
            problems.len() == 1 && problems[0].detail.contains("machine"),
            "{wrong}: {problems:?}"
        );
    }
    for right in [
        "terraform-aws-modules/vpc/aws",
        "git::https://example.com/vpc.git//m?ref=v1",
        "git@github.com:a/b.git",
        "git::ssh://git@example.com/a.git",
        "github.com/a/b",
        "s3::https://s3.amazonaws.com/b/vpc.zip",
        "app.terraform.io/a/b/c",
    ] {
        let mut source = Source::default();
        source
            .files
            .insert("main.tf".to_owned(), format!("module \"m\" {{ source = \"{right}\" }}"));
        assert_eq!(problems(&source), [], "{right}");
    }
}

#[test]
fn a_source_that_is_not_known_is_named() {
    for (file, text) in [
        ("main.tf", "module \"m\" { source = \"./m/${var.x}\" }"),
        ("main.tf", "module \"m\" { source = var.x }"),
        ("main.tf.json", r#"{"module": {"m": {"source": "./m/${var.x}"}}}"#),
    ] {
        let problems = module_calls([(file, text)].into_iter()).expect_err(text);
        assert!(problems[0].detail.contains("source of the module `m`"), "{problems:?}");
    }
    let constant = "module \"m\" { source = \"./${\"m\"}\" }";
    let calls = module_calls([("main.tf", constant)].into_iter()).expect("a call");
    assert_eq!(calls[0].source, "./m");
}

#[test]
fn an_override_file_changes_the_source_of_a_call() {
    let mut source = Source::default();
    source.files.insert(
        "main.tf".to_owned(),
        "module \"m\" { source = \"../elsewhere\" }".to_owned(),
    );
    source
        .files
        .insert("override.tf".to_owned(), "module \"m\" { source = \"./m\" }".to_owned());
    source.files.insert("m/main.tf".to_owned(), String::new());
    source.files.insert(
        "._main.tf".to_owned(),
        "module \"x\" { source = \"./none\" }".to_owned(),
    );
    assert_eq!(problems(&source), []);
}
