//! `slipway blueprint init`, `check` and `test`: what blueprint authors use before they publish.

mod base;
mod faults;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{SLIPWAY, Server};
use base::FILES;
use faults::{FAULTS, Fault};

/// Checks that run at once.
const AT_ONCE: usize = 4;

/// A folder `web` with these files.
fn folder(files: &[(&str, String)]) -> TempDir {
    let top = TempDir::new().expect("a folder");
    for (file, text) in files {
        let path = top.path().join("web").join(file);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, text).expect("a file");
    }
    top
}

/// The files without a fault.
fn good() -> Vec<(&'static str, String)> {
    FILES.iter().map(|(file, text)| (*file, (*text).to_owned())).collect()
}

fn slipway(top: &Path, arguments: &[&str]) -> Output {
    Command::new(SLIPWAY)
        .args(arguments)
        .current_dir(top)
        .env("XDG_CACHE_HOME", top.join("cache"))
        .output()
        .expect("slipway runs")
}

/// With a server, and only this one.
fn with_server(server: &Server, top: &Path, arguments: &[&str]) -> Output {
    Command::new(SLIPWAY)
        .args(arguments)
        .current_dir(top)
        .env("SLIPWAY_DATA", server.data())
        .env("XDG_CACHE_HOME", top.join("cache"))
        .env_remove("AWS_ENDPOINT_URL")
        .output()
        .expect("slipway runs")
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", text(&output.stdout), text(&output.stderr)))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

impl Fault {
    /// The files with the fault in them.
    fn files(&self) -> Vec<(&'static str, String)> {
        let mut files = good();
        if self.find.is_empty() {
            files.push((self.file, self.text.to_owned()));
        } else {
            let (_, text) = files.iter_mut().find(|(file, _)| *file == self.file).expect("a file");
            assert!(text.contains(self.find), "{} is not in {}", self.find, self.file);
            *text = text.replacen(self.find, self.text, 1);
        }
        files.extend(self.more.map(|(file, text)| (file, text.to_owned())));
        files
    }

    /// The line at which it has to be named, from 1.
    fn expected_line(&self, files: &[(&'static str, String)]) -> usize {
        let (_, faulty) = files.iter().rfind(|(file, _)| *file == self.at).expect("a file");
        if let Some(words) = self.line {
            let (nth, words) = words.strip_prefix("#2 ").map_or((0, words), |words| (1, words));
            let mut lines = faulty.lines().enumerate().filter(|(_, line)| line.contains(words));
            return lines.nth(nth).expect("the line").0 + 1;
        }
        let before = FILES
            .iter()
            .find(|(file, _)| *file == self.at)
            .map_or("", |(_, text)| text);
        let same = before
            .lines()
            .zip(faulty.lines())
            .take_while(|(one, other)| one == other);
        same.count() + 1
    }

    /// What is wrong with the check of it; nothing if every error is at its place.
    fn tried(&self) -> Option<String> {
        let files = self.files();
        let top = folder(&files);
        let output = slipway(top.path(), &["blueprint", "check", "web", "--output", "json"]);
        let found = json_of(&output);
        let expected = (format!("web/{}", self.at), self.expected_line(&files));
        let errors: Vec<&Value> = found["findings"]
            .as_array()
            .expect("a list")
            .iter()
            .filter(|finding| finding["severity"] == "error")
            .collect();
        let at_place = |finding: &&Value| {
            (finding["file"].as_str(), finding["line"].as_u64()) == (Some(&*expected.0), Some(expected.1 as u64))
        };
        let is_right = code(&output) == Some(6) && !errors.is_empty() && errors.iter().all(at_place);
        (!is_right).then(|| {
            format!(
                "{} {:?} -> {:?}: expected {}:{}, got {:?} {}\n{:#}",
                self.file,
                self.find,
                self.text,
                expected.0,
                expected.1,
                code(&output),
                text(&output.stderr),
                json!([errors, found["notes"]])
            )
        })
    }
}

/// Every fault has one place, and nothing is named that only follows from it.
#[test]
fn every_fault_is_named_at_its_line_and_nowhere_else() {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(fault) = FAULTS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    wrong.lock().expect("the list").extend(fault.tried());
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("the list");
    let right = FAULTS.len() - wrong.len();
    assert!(
        wrong.is_empty(),
        "{right} of {} are right\n{}",
        FAULTS.len(),
        wrong.join("\n")
    );
    assert!(FAULTS.len() >= 100, "{right}");
}

#[test]
fn blueprint_without_a_fault_passes() {
    let top = folder(&good());
    let output = slipway(top.path(), &["blueprint", "check", "web"]);
    assert_eq!(
        code(&output),
        Some(0),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    assert_eq!(text(&output.stdout), "web: no errors\n");
    assert!(!top.path().join("web/.terraform").exists(), "Terraform works in a copy");
}

/// Problems of the model, of the contract and of Terraform come together.
#[test]
fn all_problems_are_named_together() {
    let mut files = good();
    for (file, find, by) in [
        ("outputs.tf", "expect = 200", "expect = 99"),
        ("outputs.tf", "kind = \"rds-instance\"", "kind = \"mysql\""),
        (
            "outputs.tf",
            "terraform_data.web.output.name",
            "terraform_data.wep.output.name",
        ),
        ("main.tf", "local.stack", "local.stak"),
        ("names/main.tf", "var.stack", "var.stak"),
        ("blueprint.json", "1.0.0", "one"),
    ] {
        let (_, text) = files.iter_mut().find(|(name, _)| *name == file).expect("a file");
        *text = text.replacen(find, by, 1);
    }
    let top = folder(&files);
    let output = slipway(top.path(), &["blueprint", "check", "web"]);
    assert_eq!(code(&output), Some(6));
    let lines: Vec<String> = text(&output.stdout)
        .lines()
        .filter_map(|line| line.split_once(": error: ").map(|(place, _)| place.to_owned()))
        .collect();
    assert_eq!(
        lines,
        [
            "web/blueprint.json:3:18",
            "web/main.tf:13:12",
            "web/names/main.tf:6:14",
            "web/outputs.tf:10:18",
            "web/outputs.tf:36:60",
            "web/outputs.tf:38:30",
        ],
        "{}",
        text(&output.stdout)
    );
    assert!(
        text(&output.stderr).contains("6 errors in the blueprint web"),
        "{}",
        text(&output.stderr)
    );

    let sarif = json_of(&slipway(
        top.path(),
        &["blueprint", "check", "web", "--output", "sarif"],
    ));
    let results = sarif["runs"][0]["results"].as_array().expect("results");
    let place = &results[1]["locations"][0]["physicalLocation"];
    assert_eq!((results.len(), &sarif["version"]), (6, &json!("2.1.0")));
    assert_eq!(place["artifactLocation"]["uri"], "web/main.tf");
    assert_eq!(place["region"], json!({"startLine": 13, "startColumn": 12}));
    let refused = slipway(top.path(), &["stack", "list", "--output", "sarif"]);
    assert_eq!(code(&refused), Some(2), "{}", text(&refused.stderr));
}

/// Terraform gives no place for it, because it is of no block alone.
#[test]
fn cycle_is_a_finding_and_is_not_published() {
    let main = "resource \"terraform_data\" \"a\" { input = terraform_data.b.output }\n\
                resource \"terraform_data\" \"b\" { input = terraform_data.a.output }\n\
                output \"slipway\" { value = {} }\n";
    let top = folder(&[("main.tf", main.to_owned())]);
    let check = |form: &str| slipway(top.path(), &["blueprint", "check", "web", "--output", form]);
    let output = check("json");
    let found = json_of(&output);
    let finding = &found["findings"][0];
    assert_eq!(
        (code(&output), &found["errors"], &finding["file"], &found["notes"]),
        (Some(6), &json!(1), &json!("web/main.tf"), &json!([])),
        "{found:#}"
    );
    assert!(matches!(finding["line"].as_u64(), Some(1 | 2)), "{found:#}");
    let message = finding["message"].as_str().expect("a text");
    assert!(message.starts_with("Cycle: terraform_data."), "{message}");
    let sarif = json_of(&check("sarif"));
    assert_eq!(sarif["runs"][0]["results"][0]["level"], "error", "{sarif:#}");

    let server = Server::start();
    let published = with_server(
        &server,
        top.path(),
        &["blueprint", "publish", "web", "--as", "web@1.0.0"],
    );
    assert_eq!(code(&published), Some(6), "{}", text(&published.stdout));
    assert!(
        text(&published.stderr).contains("Cycle: "),
        "{}",
        text(&published.stderr)
    );
}

#[test]
fn link_and_readme_that_cannot_be_published_are_findings() {
    let mut files = good();
    files.push(("README.md", format!("# Hello\n\0{}", "x".repeat(10))));
    let top = folder(&files);
    let check = || {
        let output = slipway(top.path(), &["blueprint", "check", "web", "--json"]);
        let found = json_of(&output);
        let finding = &found["findings"][0];
        assert_eq!((code(&output), &found["errors"]), (Some(6), &json!(1)), "{found:#}");
        (finding["file"].clone(), finding["line"].clone())
    };
    assert_eq!(check(), (json!("web/README.md"), json!(2)));
    fs::write(top.path().join("web/README.md"), "x".repeat(200_001)).expect("a file");
    assert_eq!(check(), (json!("web/README.md"), json!(1)));
    fs::remove_file(top.path().join("web/README.md")).expect("no file");
    std::os::unix::fs::symlink("/etc/hostname", top.path().join("web/names/host")).expect("a link");
    assert_eq!(check(), (json!("web/names/host"), json!(1)));
}

#[test]
fn check_without_terraform_says_so() {
    let mut files = good();
    let (_, outputs) = &mut files[2];
    *outputs = outputs.replacen("expect = 200", "expect = 99", 1);
    let top = folder(&files);
    let output = Command::new(SLIPWAY)
        .args(["blueprint", "check", "web", "--json"])
        .current_dir(top.path())
        .env("XDG_CACHE_HOME", top.path().join("cache"))
        .env("PATH", top.path())
        .env_remove("SLIPWAY_TERRAFORM")
        .output()
        .expect("slipway runs");
    let found = json_of(&output);
    assert_eq!(
        (code(&output), &found["terraform"], &found["errors"]),
        (Some(6), &Value::Null, &json!(1)),
        "{found:#}"
    );
    assert!(
        found["notes"].to_string().contains("Terraform was not found"),
        "{found:#}"
    );
}

/// A wrong argument of a provider's resource is found by the provider alone, which no check has kept.
#[tokio::test]
async fn publish_says_what_it_could_not_check() {
    let server = Server::start();
    let main = "resource \"aws_s3_bucket\" \"b\" { buckett = \"x\" }\noutput \"slipway\" { value = {} }\n";
    let top = folder(&[("main.tf", main.to_owned())]);
    let publish = |version: &str, options: &[&str]| {
        let output = with_server(
            &server,
            top.path(),
            &[&["blueprint", "publish", "web", "--as", version], options].concat(),
        );
        assert_eq!(code(&output), Some(0), "{}", text(&output.stderr));
        output
    };
    let remedy = "run `slipway blueprint check web`, which downloads providers";
    let people = text(&publish("web@1.0.0", &[]).stdout);
    let first = people.lines().next().expect("a line");
    assert!(
        first.starts_with("note: resources, types and most references were not checked")
            && first.contains("(aws)")
            && first.ends_with(remedy),
        "{people}"
    );

    // A check has kept providers, but not this one.
    fs::create_dir_all(top.path().join("cache/slipway/providers")).expect("a folder");
    let answer = json_of(&publish("web@1.0.1", &["--json"]));
    let notes = answer["notes"].to_string();
    assert!(notes.contains("hashicorp/aws") && notes.contains(remedy), "{answer:#}");
}

/// `slipway` for the provisioners of the blueprint, Terraform, and no `.terraform` in the folder.
#[tokio::test]
async fn new_blueprint_passes_every_step_without_edits() {
    let server = Server::start();
    let top = TempDir::new().expect("a folder");
    let run = |arguments: &[&str]| {
        let output = with_server(&server, top.path(), arguments);
        assert_eq!(
            code(&output),
            Some(0),
            "{arguments:?}: {}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    };
    let written = run(&["blueprint", "init", "hello"]);
    assert!(written.contains("wrote ./hello/main.tf"), "{written}");
    let lines = fs::read_to_string(top.path().join("hello/main.tf"))
        .expect("the module")
        .lines()
        .count();
    assert!((30..=45).contains(&lines), "{lines} lines");
    run(&["blueprint", "check", "hello"]);
    let outline = run(&["blueprint", "test", "hello"]);
    for line in [
        "creates 1 resource",
        "none: the contract has no services",
        "greeting: (known after apply)",
    ] {
        assert!(outline.contains(line), "{outline}");
    }
    run(&["blueprint", "publish", "hello"]);
    run(&["stack", "create", "first", "--blueprint", "hello", "--wait"]);
    let shown = run(&["stack", "show", "first"]);
    assert!(shown.contains("greeting = Hello from "), "{shown}");
    let versions = run(&["blueprint", "versions", "hello"]);
    assert!(
        versions.contains("0.1.0") && versions.contains("local/first"),
        "{versions}"
    );

    let again = Command::new(SLIPWAY)
        .args(["blueprint", "init", "hello"])
        .current_dir(top.path())
        .output()
        .expect("slipway runs");
    assert_eq!(code(&again), Some(2), "{}", text(&again.stderr));
}

/// The guestbook: a service, a migration, a health check, and a value of the environment that is made up.
#[test]
fn test_shows_what_the_workflow_would_do() {
    let guestbook = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/guestbook/blueprint");
    let guestbook = guestbook.to_string_lossy();
    let top = TempDir::new().expect("a folder");
    let output = slipway(top.path(), &["blueprint", "test", &guestbook, "--var", "copies=3"]);
    let found = text(&output.stdout);
    assert_eq!(code(&output), Some(0), "{found}{}", text(&output.stderr));
    for line in [
        "note: no value for volumes, used \"example\"",
        "creates 3 resources",
        "1. migrate: `migrate` with the image of web (at most 60 s)",
        "web: 3 tasks, container web with the image of the release",
        "/healthz answers 200",
        "the release stays healthy for 2 s",
        ": passed (planned with mock providers, nothing was created)",
    ] {
        assert!(found.contains(line), "{line}: {found}");
    }

    // What only the plan knows: a value of the contract that comes from a variable.
    let mut files = good();
    let (_, outputs) = &mut files[2];
    *outputs = outputs.replacen("bake_seconds = 5", "bake_seconds = var.size", 1);
    let top = folder(&files);
    let output = slipway(top.path(), &["blueprint", "test", "web", "--var", "size=31"]);
    assert_eq!(
        code(&output),
        Some(6),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    let found = text(&output.stdout);
    assert!(
        found.contains("web/outputs.tf:37:5: error: slipway.bake_seconds: "),
        "{found}"
    );
}
