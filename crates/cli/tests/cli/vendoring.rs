//! Remote modules are part of a version: what was downloaded at publish is what builds have.

use std::fs;
use std::io::{BufRead, BufReader, Cursor, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::{SLIPWAY, Server};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What the registry has: a module that calls one beside it and one of a repository.
const QUEUE: &str = r#"
variable "name" { type = string }
module "sub" {
  source = "./sub"
  name   = var.name
}
module "label" {
  source = "git::http://PLACE/label.git?ref=v1"
}
output "text" { value = "${module.sub.text} ${module.label.text}" }
"#;

const SUB: &str = r#"
variable "name" { type = string }
resource "terraform_data" "this" { input = var.name }
output "text" { value = terraform_data.this.output }
"#;

/// Two calls of one module, whose files are kept once.
const BLUEPRINT: &str = r#"
module "one" {
  source  = "modules.test/example/queue/aws"
  version = "~> 1.0" # the first
  name    = "one"
}
module "two" {
  source  = "modules.test/example/queue/aws"
  version = "1.2.0"
  name    = "two"
}
output "slipway" { value = { endpoints = {}, notes = { one = module.one.text, two = module.two.text } } }
"#;

/// A registry of modules and a repository of Git, as files of a folder.
struct Elsewhere {
    folder: TempDir,
    place: String,
}

impl Elsewhere {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let place = listener.local_addr().expect("an address").to_string();
        let elsewhere = Self {
            folder: TempDir::new().expect("a folder"),
            place,
        };
        elsewhere.keep_label("label");
        elsewhere.keep_queue(&[
            ("main.tf", QUEUE),
            ("sub/main.tf", SUB),
            ("examples/main.tf", "module {"),
        ]);
        let folder = elsewhere.folder.path().to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let first = lines.next().unwrap_or_default();
                lines.take_while(|line| !line.is_empty()).for_each(drop);
                let path = first
                    .split([' ', '?'])
                    .nth(1)
                    .unwrap_or_default()
                    .trim_start_matches('/')
                    .to_owned();
                let answer = match fs::read(folder.join(&path)) {
                    Ok(_) if path.ends_with("download") => {
                        b"HTTP/1.1 204 No Content\r\nx-terraform-get: /queue.zip\r\nconnection: close\r\n\r\n".to_vec()
                    }
                    Ok(file) => {
                        let kind = if path.ends_with("versions") {
                            "application/json"
                        } else {
                            "application/octet-stream"
                        };
                        let head = format!(
                            "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                            file.len()
                        );
                        [head.into_bytes(), file].concat()
                    }
                    Err(_) => b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec(),
                };
                let _ = stream.write_all(&answer);
            }
        });
        elsewhere
    }

    fn write(&self, path: &str, content: &[u8]) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, content).expect("a file");
    }

    /// The module of the registry.
    fn keep_queue(&self, files: &[(&str, &str)]) {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (path, text) in files {
            let options = zip::write::SimpleFileOptions::default();
            zip.start_file(*path, options).expect("an entry");
            zip.write_all(text.replace("PLACE", &self.place).as_bytes())
                .expect("text");
        }
        self.write("queue.zip", &zip.finish().expect("a zip").into_inner());
        let versions = json!({"modules": [{"versions": [{"version": "1.2.0"}, {"version": "2.0.0"}]}]});
        self.write("v1/modules/example/queue/aws/versions", versions.to_string().as_bytes());
        self.write("v1/modules/example/queue/aws/1.2.0/download", b"");
    }

    /// The repository, whose tag `v1` has a module that says this.
    fn keep_label(&self, says: &str) {
        self.keep_linked_label(&format!("output \"text\" {{ value = \"{says}\" }}\n"), None);
    }

    /// Likewise, with a link beside the module's file.
    fn keep_linked_label(&self, text: &str, link: Option<(&str, &Path)>) {
        let work = TempDir::new().expect("a folder");
        fs::write(work.path().join("main.tf"), text).expect("a file");
        if let Some((name, target)) = link {
            std::os::unix::fs::symlink(target, work.path().join(name)).expect("a link");
        }
        let bare = self.folder.path().join("label.git");
        let _ = fs::remove_dir_all(&bare);
        let author = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        git(work.path(), &["init", "--quiet"]);
        git(work.path(), &["add", "."]);
        git(
            work.path(),
            &[&author[..], &["commit", "--quiet", "-m", "A label"]].concat(),
        );
        git(work.path(), &["tag", "v1"]);
        git(
            work.path(),
            &["clone", "--quiet", "--bare", ".", &bare.to_string_lossy()],
        );
        git(&bare, &["update-server-info"]);
    }

    /// Publishes a folder as a version.
    fn publish(&self, server: &Server, folder: &Path, version: &str) -> Output {
        self.slipway(
            server,
            &["blueprint", "publish", &folder.to_string_lossy(), "--as", version],
        )
    }

    /// Publishes all blueprints below a folder.
    fn publish_below(&self, server: &Server, folder: &Path) -> Output {
        self.slipway(server, &["publish", &folder.to_string_lossy()])
    }

    /// Runs the CLI where the registry is known.
    fn slipway(&self, server: &Server, arguments: &[&str]) -> Output {
        let host = format!(
            "host \"modules.test\" {{ services = {{ \"modules.v1\" = \"http://{}/v1/modules/\" }} }}\n",
            self.place
        );
        self.write("terraformrc", host.as_bytes());
        Command::new(SLIPWAY)
            .args(arguments)
            .env("SLIPWAY_DATA", server.data())
            .env("TF_CLI_CONFIG_FILE", self.folder.path().join("terraformrc"))
            .env("no_proxy", "127.0.0.1")
            .env_remove("AWS_ENDPOINT_URL")
            .stdin(Stdio::null())
            .output()
            .expect("slipway runs")
    }
}

fn git(folder: &Path, arguments: &[&str]) {
    let done = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .expect("git runs");
    assert!(done.status.success(), "{done:?}");
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn blueprint(text: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("main.tf"), text).expect("a file");
    let path = folder.path().to_owned();
    (folder, path)
}

/// The files that a server keeps of a version.
fn kept(server: &Server, digest: &str) -> Value {
    let hex = digest.trim_start_matches("sha256:");
    let mut pending = vec![server.data().to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                pending.push(path);
            } else if let Ok(mut file) = fs::File::open(&path) {
                let mut text = String::new();
                let document = file
                    .read_to_string(&mut text)
                    .ok()
                    .and_then(|_| serde_json::from_str::<Value>(&text).ok());
                if let Some(document) = document.filter(|document| document["files"]["main.tf"].is_string()) {
                    return document;
                }
            }
        }
    }
    panic!("the server does not keep {hex}");
}

#[tokio::test]
async fn published_version_has_its_remote_modules() {
    let server = Server::start();
    let elsewhere = Elsewhere::start();
    let (_folder, path) = blueprint(BLUEPRINT);
    fs::write(
        path.join("blueprint.json"),
        r#"{"name": "web", "version": "1.0.0", "description": "Two queues"}"#,
    )
    .expect("a file");
    // Tests are left out unless the author includes them.
    fs::write(path.join(".slipwayignore"), "!tests/\n").expect("a file");
    fs::create_dir(path.join("tests")).expect("a folder");
    fs::write(path.join("tests/notes.txt"), "kept").expect("a file");
    let published = elsewhere.publish(&server, &path, "web@1.0.0");
    assert!(published.status.success(), "{}", said(&published));
    assert_eq!(
        fs::read_to_string(path.join("main.tf")).expect("the file"),
        BLUEPRINT,
        "the author's file is as it was"
    );

    let version = server.get("/v1/blueprints/web/versions/1.0.0").await;
    let files = kept(&server, version["digest"].as_str().expect("a digest"))["files"].clone();
    let paths: Vec<&String> = files.as_object().expect("files").keys().collect();
    let expected = [
        "main.tf",
        "tests/notes.txt",
        "vendored/modules.json",
        "vendored/one.label/main.tf",
        "vendored/one/main.tf",
        "vendored/one/sub/main.tf",
    ];
    assert_eq!(paths, expected, "one module is kept once, without its examples");
    let list: Value = serde_json::from_str(files["vendored/modules.json"].as_str().expect("a text")).expect("JSON");
    let first = &list["modules"][0];
    assert_eq!(
        (&first["version"], &first["folder"]),
        (&json!("1.2.0"), &json!("one")),
        "{list:#}"
    );
    assert_eq!(first["sha256"].as_str().map(str::len), Some(64), "{list:#}");

    // Elsewhere, everything changes. The files are the same, and the version keeps its modules.
    elsewhere.keep_label("changed");
    let again = elsewhere.publish(&server, &path, "web@1.0.0");
    assert!(again.status.success(), "{}", said(&again));
    let kept = server.get("/v1/blueprints/web/versions/1.0.0").await;
    assert_eq!(kept["digest"], version["digest"]);
    let whole = elsewhere.publish_below(&server, &path);
    assert!(said(&whole).contains("unchanged"), "{}", said(&whole));
    // Other files are another version.
    fs::write(path.join("more.tf"), "locals { more = 1 }\n").expect("a file");
    for refused in [
        elsewhere.publish(&server, &path, "web@1.0.0"),
        elsewhere.publish_below(&server, &path),
    ] {
        assert!(
            !refused.status.success() && said(&refused).contains("1.0.0"),
            "{}",
            said(&refused)
        );
    }
    drop(elsewhere);
    let operation = server.create("shop", "web", &json!({})).await;
    server.succeeded(&operation).await;
    let stack = server.get(operation["links"]["stack"].as_str().expect("a link")).await;
    assert_eq!(
        stack["notes"],
        json!({"one": "one label", "two": "two label"}),
        "{stack:#}"
    );
}

#[tokio::test]
async fn remote_module_that_is_not_among_the_files_is_rejected() {
    let server = Server::start();
    let answer = server.publish("web", "1.0.0", BLUEPRINT).await;
    assert_eq!(answer.status, 422, "{}", answer.text);
    let first = &answer.json()["errors"][0];
    assert_eq!(
        (&first["field"], &first["line"]),
        (&json!("files.main.tf"), &json!(3)),
        "{first:#}"
    );
    assert!(
        first["remedy"]
            .as_str()
            .is_some_and(|remedy| remedy.contains("slipway blueprint publish")),
        "{first:#}"
    );
    // Without the module, nothing is published.
    let (_folder, path) = blueprint(&BLUEPRINT.replace("modules.test", "127.0.0.1:1"));
    let refused = server.slipway(&["blueprint", "publish", &path.to_string_lossy(), "--as", "web@1.0.0"]);
    assert!(
        !refused.status.success() && said(&refused).contains("cannot download"),
        "{}",
        said(&refused)
    );
}

/// What is at an absolute path here is not there in a build, and would be another file.
#[tokio::test]
async fn absolute_link_in_a_repository_of_a_module_is_rejected() {
    let server = Server::start();
    let elsewhere = Elsewhere::start();
    let outside = TempDir::new().expect("a folder");
    let file = outside.path().join("main.tf");
    fs::write(&file, "locals {}\n").expect("a file");
    let (_folder, path) = blueprint(&format!(
        "module \"label\" {{\n  source = \"git::http://{}/label.git?ref=v1\"\n}}\noutput \"slipway\" {{ value = {{}} }}\n",
        elsewhere.place
    ));
    let calls_part = "module \"part\" {\n  source = \"./part\"\n}\n";
    for (text, link, expected) in [
        (
            calls_part,
            ("part", outside.path()),
            "label/part is a link that leads out of",
        ),
        (
            "",
            ("more.tf", file.as_path()),
            "label/more.tf of a remote module is a link",
        ),
        (
            "",
            ("host", file.as_path()),
            "vendored/label/host is a link that leads out of",
        ),
    ] {
        elsewhere.keep_linked_label(text, Some(link));
        let refused = elsewhere.publish(&server, &path, "web@1.0.0");
        let said = said(&refused);
        assert!(
            !refused.status.success() && said.contains(expected),
            "{expected}: {said}"
        );
    }
    // A file that the module does not need may be left out.
    fs::write(path.join(".slipwayignore"), "/vendored/label/host\n").expect("a file");
    let published = elsewhere.publish(&server, &path, "web@1.0.0");
    assert!(published.status.success(), "{}", said(&published));
    let version = server.get("/v1/blueprints/web/versions/1.0.0").await;
    let files = kept(&server, version["digest"].as_str().expect("a digest"))["files"].clone();
    let paths: Vec<&String> = files.as_object().expect("files").keys().collect();
    assert_eq!(paths, ["main.tf", "vendored/label/main.tf", "vendored/modules.json"]);
}

/// A module in a folder of a package, which has more than a version can have.
const ONE_FOLDER: &str = r#"
module "one" {
  source  = "modules.test/example/queue/aws//modules/part"
  version = "1.2.0"
}
output "slipway" { value = {} }
"#;

#[tokio::test]
async fn module_of_a_large_package_is_published_alone() {
    let server = Server::start();
    let elsewhere = Elsewhere::start();
    let large = "x".repeat(5 * 1024 * 1024);
    let files = |part: &'static str| {
        [
            ("main.tf", ""),
            ("large.txt", large.as_str()),
            ("modules/part/main.tf", part),
            ("modules/part/main.tofu", ""),
            ("modules/part/.ci/a.yml", ""),
            ("modules/part/docs/a.md", ""),
            ("modules/other/main.tf", ""),
        ]
    };
    elsewhere.keep_queue(&files("module \"other\" {\n  source = \"../other\"\n}\n"));
    let (_folder, path) = blueprint(ONE_FOLDER);
    let published = elsewhere.publish(&server, &path, "web@1.0.0");
    assert!(published.status.success(), "{}", said(&published));
    let version = server.get("/v1/blueprints/web/versions/1.0.0").await;
    let files_of = kept(&server, version["digest"].as_str().expect("a digest"))["files"].clone();
    let paths: Vec<&String> = files_of.as_object().expect("files").keys().collect();
    assert_eq!(
        paths,
        [
            "main.tf",
            "vendored/modules.json",
            "vendored/one/modules/other/main.tf",
            "vendored/one/modules/part/main.tf",
        ]
    );

    // One that reads files above its folder needs the package, less what the author leaves out.
    elsewhere.keep_queue(&files(
        "locals {\n  above = fileset(\"${path.module}/../..\", \"*\")\n}\n",
    ));
    let checked = elsewhere.slipway(&server, &["blueprint", "check", &path.to_string_lossy()]);
    let refused = elsewhere.publish(&server, &path, "web@1.1.0");
    for refused in [checked, refused] {
        let said = said(&refused);
        assert!(
            !refused.status.success() && said.contains("counts for `vendored`, too"),
            "{said}"
        );
    }
    fs::write(path.join(".slipwayignore"), "/vendored/one/large.txt\n*.json\n").expect("a file");
    let published = elsewhere.publish(&server, &path, "web@1.1.0");
    assert!(published.status.success(), "{}", said(&published));
}
