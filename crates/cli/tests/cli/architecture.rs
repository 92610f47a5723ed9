//! Which crate may depend on which: docs/design.md draws the arrows, this holds the code to them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Each package of the workspace, and the packages of the workspace that it may depend on.
const ARROWS: [(&str, &[&str]); 21] = [
    ("slipway-model", &[]),
    ("asl-interpreter", &[]),
    ("aws-emulator", &["asl-interpreter"]),
    ("slipway-migrations", &["slipway-model"]),
    ("slipway-recording", &[]),
    ("slipway-aws", &[]),
    ("slipway-api-types", &["slipway-model"]),
    ("slipway-store", &["slipway-aws", "slipway-model"]),
    ("slipway-control", &["slipway-aws", "slipway-model", "slipway-store"]),
    (
        "slipway-runner",
        &["slipway-aws", "slipway-migrations", "slipway-model", "slipway-store"],
    ),
    ("slipway-policy", &["slipway-model", "slipway-store"]),
    (
        "slipway-api",
        &[
            "slipway-api-types",
            "slipway-aws",
            "slipway-control",
            "slipway-model",
            "slipway-policy",
            "slipway-store",
        ],
    ),
    (
        "slipway-events",
        &[
            "slipway-aws",
            "slipway-control",
            "slipway-model",
            "slipway-policy",
            "slipway-store",
        ],
    ),
    (
        "slipway-steps",
        &[
            "slipway-aws",
            "slipway-control",
            "slipway-model",
            "slipway-policy",
            "slipway-store",
        ],
    ),
    (
        "slipway-sweep",
        &["slipway-aws", "slipway-control", "slipway-model", "slipway-store"],
    ),
    ("slipway-notify", &["slipway-aws", "slipway-model", "slipway-store"]),
    (
        "slipway-local",
        &[
            "aws-emulator",
            "slipway-aws",
            "slipway-model",
            "slipway-recording",
            "slipway-store",
            "slipway-api",
            "slipway-events",
            "slipway-notify",
            "slipway-steps",
            "slipway-sweep",
        ],
    ),
    (
        "slipway-cli",
        &[
            "aws-emulator",
            "slipway-api-types",
            "slipway-aws",
            "slipway-local",
            "slipway-migrations",
            "slipway-model",
            "slipway-runner",
            "slipway-store",
        ],
    ),
    // All that it has is tests.
    ("slipway-simulation", &[]),
    ("guestbook", &[]),
    ("hello", &[]),
];

/// What must not be in anything that runs on AWS.
const LOCAL_ONLY: [&str; 8] = [
    "slipway-local",
    "slipway-recording",
    "aws-emulator",
    "asl-interpreter",
    "dynoxide-rs",
    "s3s",
    "rusqlite",
    "jsonata-core",
];

/// What runs on AWS.
const ON_AWS: [&str; 6] = [
    "slipway-api",
    "slipway-events",
    "slipway-notify",
    "slipway-steps",
    "slipway-sweep",
    "slipway-runner",
];

/// What Cargo says of the packages and their dependencies.
fn metadata() -> Value {
    // For this machine only, because crates for other systems may not be downloaded here.
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--offline",
            "--locked",
            "--filter-platform",
            &this_platform(),
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo writes JSON")
}

/// The direct dependencies of every package, without those for tests, by name.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata();
    let array = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let names: BTreeMap<String, String> = array(&metadata["packages"])
        .iter()
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect();
    let is_normal = |dependency: &Value| {
        array(&dependency["dep_kinds"])
            .iter()
            .any(|kind| kind["kind"].is_null())
    };
    array(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| {
            let needed = array(&node["deps"])
                .into_iter()
                .filter(is_normal)
                .map(|dep| names[&text(&dep["pkg"])].clone());
            (names[&text(&node["id"])].clone(), needed.collect())
        })
        .collect()
}

/// What rustc calls this machine: `x86_64-unknown-linux-gnu`.
fn this_platform() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = printed.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc says where it runs").to_owned()
}

#[test]
fn the_arrows_run_one_way() {
    let dependencies = dependencies();
    let ours: BTreeSet<&str> = ARROWS.iter().map(|(package, _)| *package).collect();
    for (package, allowed) in ARROWS {
        let needed = dependencies
            .get(package)
            .unwrap_or_else(|| panic!("there is no package {package}"));
        for needed in needed.iter().filter(|needed| ours.contains(needed.as_str())) {
            assert!(
                allowed.contains(&needed.as_str()),
                "{package} must not depend on {needed}"
            );
        }
    }
    let unknown = dependencies
        .keys()
        .find(|name| name.starts_with("slipway-") && !ours.contains(name.as_str()));
    assert_eq!(
        unknown, None,
        "draw the arrows of a new package here and in docs/design.md"
    );
}

#[test]
fn nothing_that_runs_on_aws_holds_the_local_aws() {
    let dependencies = dependencies();
    for package in ON_AWS {
        let mut seen = BTreeSet::new();
        let mut pending = vec![package.to_owned()];
        while let Some(name) = pending.pop() {
            if seen.insert(name.clone()) {
                assert!(!LOCAL_ONLY.contains(&name.as_str()), "{package} holds {name}");
                pending.extend(dependencies.get(&name).into_iter().flatten().cloned());
            }
        }
    }
}

/// Tests included: what the emulator's tests need must not be Slipway's either.
#[test]
fn the_emulator_depends_on_nothing_of_slipway() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    let folder = root().join("emulator");
    let of_emulator: Vec<&Value> = packages
        .iter()
        .filter(|package| Path::new(package["manifest_path"].as_str().unwrap_or_default()).starts_with(&folder))
        .collect();
    assert_eq!(of_emulator.len(), 2, "emulator/asl and emulator/aws");
    for package in of_emulator {
        let needed = package["dependencies"].as_array().expect("dependencies");
        let names = needed.iter().map(|needed| needed["name"].as_str().unwrap_or_default());
        let ours: Vec<&str> = names.filter(|name| name.starts_with("slipway-")).collect();
        assert!(ours.is_empty(), "{} depends on {ours:?}", package["name"]);
    }
}

/// The folder of the workspace.
fn root() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    folder.canonicalize().expect("the workspace")
}

/// The imports between the top-level modules of a crate: the names after `crate::`, or after as many `super::` as lead to the
/// crate's root. A name that the root re-exports stands for its module.
fn imports(source: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut modules: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in rust_files(source) {
        let path = file.strip_prefix(source).expect("below");
        let top = path.iter().next().expect("a name").to_string_lossy();
        let top = top.trim_end_matches(".rs").to_owned();
        let module = modules.entry(top.clone()).or_default();
        let is_root = ["lib", "main", "bin"].contains(&top.as_str());
        if !is_root && !path.to_string_lossy().ends_with("tests.rs") {
            let code = code(&file);
            let above = "super::".repeat(path.iter().count());
            module.extend(["crate::", &above].iter().flat_map(|root| names_after(&code, root)));
        }
    }
    let re_exports = re_exports(source);
    let known: BTreeSet<String> = modules.keys().cloned().collect();
    for (module, needed) in &mut modules {
        let needed_modules = needed.iter().map(|name| re_exports.get(name).unwrap_or(name));
        let needed_modules = needed_modules.filter(|name| *name != module && known.contains(*name));
        *needed = needed_modules.cloned().collect();
    }
    modules
}

/// The text of a file without its comments and tests.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).expect("a file");
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines()
        .map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n")
        .collect()
}

/// The names of a path that follow this root in a file.
fn names_after(code: &str, root: &str) -> Vec<String> {
    let places = code.match_indices(root).filter(|(at, _)| {
        let before = code[..*at].chars().next_back();
        before.is_none_or(|letter| !letter.is_alphanumeric() && !"_$:".contains(letter))
    });
    places
        .flat_map(|(at, _)| first_names(&code[at + root.len()..]))
        .collect()
}

/// The modules of the names that the root of a library re-exports.
fn re_exports(source: &Path) -> BTreeMap<String, String> {
    let library = source.join("lib.rs");
    if !library.exists() {
        return BTreeMap::new();
    }
    let code = code(&library);
    let statements = code.split(';').map(str::trim_start);
    let paths = statements.filter_map(|line| line.strip_prefix("pub use ")?.split_once("::"));
    paths
        .flat_map(|(module, names)| {
            let names = first_names(names).into_iter();
            names.map(|name| (name, module.to_owned()))
        })
        .collect()
}

/// `a` of `a::b`, and `a` and `b` of `{a::c, b}`.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        let text = text.trim_start();
        text.chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
            .collect()
    };
    let Some(group) = path.strip_prefix('{') else {
        return vec![name(path)];
    };
    let mut depth = 0;
    let mut names = vec![name(group)];
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(&group[at + 1..])),
            _ => {}
        }
    }
    names
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    files
}

/// The groups of modules that reach each other.
fn cycles(imports: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<Vec<String>> {
    let reached = |from: &str| {
        let mut seen = BTreeSet::new();
        let mut pending: Vec<&String> = imports[from].iter().collect();
        while let Some(module) = pending.pop() {
            if seen.insert(module.clone()) {
                pending.extend(&imports[module]);
            }
        }
        seen
    };
    let all: BTreeMap<&String, BTreeSet<String>> = imports.keys().map(|module| (module, reached(module))).collect();
    let cycle_of = |module: &String| -> Vec<String> {
        let mutual = all[module].iter().filter(|other| all[*other].contains(module));
        mutual.cloned().collect()
    };
    imports.keys().map(cycle_of).filter(|cycle| cycle.len() > 1).collect()
}

#[test]
fn modules_import_each_other_one_way() {
    for part in ["crates", "emulator", "functions"] {
        for entry in std::fs::read_dir(root().join(part)).expect("a folder") {
            let folder = entry.expect("an entry").path();
            let source = folder.join("src");
            if !source.exists() {
                // All that it has is tests.
                continue;
            }
            let cycles = cycles(&imports(&source));
            assert!(cycles.is_empty(), "import cycles in {}: {cycles:?}", folder.display());
        }
    }
}

#[test]
fn a_cycle_is_found_through_groups_and_other_modules() {
    assert_eq!(first_names("{a::{x, y}, b, c::d};"), ["a", "b", "c"]);
    assert_eq!(first_names("a::b;"), ["a"]);
    let code = "use crate::a; use super::b; our_crate::c; $crate::d; crate::{e, f::G}";
    assert_eq!(names_after(code, "crate::"), ["a", "e", "f"]);
    assert_eq!(names_after(code, "super::"), ["b"]);
    let imports = [("a", vec!["b"]), ("b", vec!["c"]), ("c", vec!["a", "d"]), ("d", vec![])];
    let imports = imports.map(|(module, needed)| {
        let needed = needed.into_iter().map(str::to_owned).collect();
        (module.to_owned(), needed)
    });
    let found = cycles(&BTreeMap::from(imports));
    assert_eq!(found, BTreeSet::from([["a", "b", "c"].map(str::to_owned).to_vec()]));
}
