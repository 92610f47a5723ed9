//! The requests of `examples/` against the variables of the blueprints that they name.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use slipway_model::name::{Image, Name};
use slipway_model::variable::{self, Variable};

/// What an environment gives to the blueprints that declare it: one of `examples/environments`, or else this machine.
fn given(environment: &str, schema: &[Variable]) -> Map<String, Value> {
    let file = root().join("examples/environments").join(format!("{environment}.json"));
    let given = if file.exists() {
        read(&file)["variables"].as_object().expect("variables").clone()
    } else {
        Map::from_iter([("volumes".to_owned(), Value::from("/var/lib/slipway/volumes"))])
    };
    given
        .into_iter()
        .filter(|(name, _)| schema.iter().any(|variable| variable.name == *name))
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The variables of a blueprint that is in the repository.
fn variables(blueprint: &str) -> Vec<Variable> {
    let folders = [
        root().join("tf/blueprints").join(blueprint),
        root().join("examples").join(blueprint),
    ];
    let folder = folders.iter().find(|folder| folder.is_dir());
    let folder = folder.unwrap_or_else(|| panic!("there is no blueprint {blueprint}"));
    let files: Vec<(String, String)> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "tf"))
        .map(|path| {
            (
                path.file_name().expect("a name").to_string_lossy().into_owned(),
                fs::read_to_string(path).expect("text"),
            )
        })
        .collect();
    variable::read_schema(files.iter().map(|(name, text)| (name.as_str(), text.as_str()))).expect("a schema")
}

fn read(file: &Path) -> Map<String, Value> {
    let text = fs::read_to_string(file).expect("a file");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn every_request_of_the_examples_is_one_that_its_blueprint_takes() {
    let (mut stacks, mut releases) = (0, 0);
    for system in ["botolph", "compute-crud", "nuxt-laravel", "rates", "tera-webapp"] {
        let folder = root().join("examples").join(system);
        for entry in fs::read_dir(folder).expect("an example") {
            let file = entry.expect("a file").path();
            if file.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let request = read(&file);
            let is_release = file
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("release"));
            if is_release {
                for (service, image) in request["images"].as_object().expect("images") {
                    let (service, image) = (service.parse::<Name>(), image.as_str().expect("text").parse::<Image>());
                    assert!(
                        service.is_ok() && image.is_ok(),
                        "{}: {service:?} {image:?}",
                        file.display()
                    );
                }
                releases += 1;
            } else {
                request["environment"]
                    .as_str()
                    .expect("text")
                    .parse::<Name>()
                    .expect("an environment");
                let schema = variables(request["blueprint"].as_str().expect("a blueprint"));
                let values = request["variables"].as_object().expect("variables");
                let environment = request["environment"].as_str().expect("text");
                if let Err(problems) = variable::check(&schema, &given(environment, &schema), values) {
                    panic!("{}: {problems:#?}", file.display());
                }
                stacks += 1;
            }
        }
    }
    assert!(stacks >= 10 && releases >= 4, "{stacks} stacks, {releases} releases");
}
