//! The blueprints that Slipway ships, as Slipway itself reads them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use slipway_model::blueprint::Source;
use slipway_model::contract::Contract;
use slipway_model::variable::{self, Kind};

/// The folder of the repository.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What is in a folder, in order; nothing where there is no such folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

/// The root module alone: its variables are the blueprint's.
fn root_module(folder: &Path) -> Source {
    let files = entries(folder).into_iter().filter(|path| path.is_file());
    let text = |path: &Path| fs::read_to_string(path).expect("text");
    Source {
        root: String::new(),
        files: files.map(|path| (name(&path), text(&path))).collect::<BTreeMap<_, _>>(),
        ..Source::default()
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).expect("text")).expect("JSON")
}

#[test]
fn variables_of_every_blueprint_accept_the_values_of_its_cases() {
    let blueprints = entries(&repository().join("tf/blueprints"));
    assert!(!blueprints.is_empty(), "there are blueprints");
    for blueprint in blueprints {
        let title = name(&blueprint);
        let source = root_module(&blueprint);
        let schema =
            variable::read_schema(source.root_files()).unwrap_or_else(|problems| panic!("{title}: {problems:?}"));
        for variable in &schema {
            assert!(
                !variable.description.trim().is_empty(),
                "{title}: {} says what it is",
                variable.name
            );
            assert_ne!(variable.kind, Kind::Any, "{title}: {} has a type", variable.name);
        }
        for case in entries(&blueprint.join("tests/life")) {
            let Value::Object(mut values) = json(&case) else {
                panic!("{} is not an object", case.display())
            };
            // An update is only what changes.
            if let Some(before) = case.to_string_lossy().strip_suffix(".update.tfvars.json") {
                let Value::Object(all) = json(Path::new(&format!("{before}.tfvars.json"))) else {
                    panic!("{before} is not an object")
                };
                values = all.into_iter().chain(values).collect();
            }
            let checked = variable::check(&schema, &Map::new(), &values);
            assert!(checked.is_ok(), "{}: {checked:?}", case.display());
        }
    }
}

/// `.ci/lint-blueprints` keeps what the blueprints said after an apply.
#[test]
#[allow(clippy::print_stderr)] // A skipped test says so.
fn the_output_of_every_blueprint_is_a_contract() {
    let outputs = entries(&repository().join("target/blueprints/contracts"));
    if outputs.is_empty() {
        eprintln!("skipped: no blueprint has been applied here; run .ci/lint-blueprints for that");
    }
    for output in outputs {
        let contract = Contract::parse(&json(&output));
        assert!(contract.is_ok(), "{}: {contract:?}", output.display());
    }
}
