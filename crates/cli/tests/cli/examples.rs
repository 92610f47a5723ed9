//! The systems of `examples/`, on this machine: what their READMEs promise, with the requests and programs that are there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::Server;
use aws_emulator::elasticache;
use aws_emulator::postgres::Installation;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A minute's schedule needs more than a minute to be seen twice.
const PATIENCE: Duration = Duration::from_mins(4);

/// A server with the blueprint of the examples.
pub(crate) struct Examples {
    pub(crate) server: Server,
    http: reqwest::Client,
}

/// A stack of an example.
pub(crate) struct Stack {
    pub(crate) path: String,
    endpoints: BTreeMap<String, String>,
    pub(crate) files: PathBuf,
}

impl Examples {
    pub(crate) fn start() -> Self {
        let server = Server::start();
        let folder = example("local-web-service");
        let publish = ["blueprint", "publish", &folder, "--as", "local-web-service@1.0.0"];
        let published = server.slipway(&publish);
        assert!(published.status.success(), "{published:?}");
        Self {
            server,
            http: reqwest::Client::new(),
        }
    }

    /// Pushes a folder as an image, and gives its name.
    pub(crate) fn image(&self, folder: &str) -> String {
        let pushed = self
            .server
            .slipway(&["image", "push", folder, "--repository", "example"]);
        assert!(pushed.status.success(), "{pushed:?}");
        String::from_utf8(pushed.stdout).expect("a name").trim().to_owned()
    }

    /// Makes the stack of an example's request, with its first release.
    async fn stack(&self, request: &str, images: &Value) -> Stack {
        let mut body = read(Path::new(&example(request)));
        body["images"] = images.clone();
        self.stack_of(&body).await
    }

    /// Makes the stack of a request.
    pub(crate) async fn stack_of(&self, body: &Value) -> Stack {
        let made = self.post("/v1/stacks", body).await;
        let path = format!("/v1/stacks/{}", made["stack"]["id"].as_str().expect("a stack"));
        let stack = self.server.get(&path).await;
        let endpoints = serde_json::from_value(stack["endpoints"].clone()).expect("addresses");
        let files = self
            .server
            .data()
            .join("volumes")
            .join(path.trim_start_matches("/v1/stacks/"));
        Stack {
            path,
            endpoints,
            files: files.join("files"),
        }
    }

    /// Asks for an operation, and sees it succeed.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let asked = self.server.send(Method::POST, path, body).await;
        assert_eq!(asked.status, StatusCode::ACCEPTED, "{path}: {}", asked.text);
        self.server.succeeded(&asked.json()).await
    }

    pub(crate) async fn destroy(&self, stack: &Stack) {
        let asked = self.server.request(Method::DELETE, &stack.path, &[], None).await;
        self.server.succeeded(&asked.json()).await;
        assert!(!stack.files.exists(), "the files are deleted with the stack");
    }

    /// What an address of the application answers.
    async fn answer(&self, address: &str) -> Value {
        let answer = self.http.get(address).send().await.expect("the application answers");
        let text = answer.text().await.expect("the whole answer");
        serde_json::from_str(&text).unwrap_or(Value::from(text))
    }

    /// Waits until an address answers as wanted.
    async fn answers(&self, address: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let looking = async {
            loop {
                let answer = self.answer(address).await;
                if wanted(&answer) {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        if let Ok(answer) = tokio::time::timeout(PATIENCE, looking).await {
            return answer;
        }
        panic!("never: {address} says {}", self.answer(address).await)
    }

    /// How many tasks of a service run.
    async fn running(&self, stack: &Stack, service: &str) -> u64 {
        let id = stack.path.rsplit('/').next().expect("an id");
        let request = json!({ "cluster": id, "services": [format!("{id}-{service}")] });
        let target = "AmazonEC2ContainerServiceV20141113.DescribeServices";
        let described = self.server.aws(target, &request).await;
        described["services"][0]["runningCount"].as_u64().expect("a number")
    }
}

fn example(path: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(path);
    folder.to_str().expect("a path in UTF-8").to_owned()
}

fn read(file: &Path) -> Value {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A copy of an example's image, in which something is changed.
fn changed(image: &str, file: &str, content: &str) -> TempDir {
    let copy = TempDir::new().expect("a folder");
    copy_into(image, &copy);
    fs::write(copy.path().join(file), content).expect("a file");
    copy
}

/// A copy of an example's image, with the files of another folder over it.
fn overlaid(image: &str, overlay: &str) -> TempDir {
    let copy = TempDir::new().expect("a folder");
    copy_into(image, &copy);
    copy_into(overlay, &copy);
    copy
}

fn copy_into(folder: &str, copy: &TempDir) {
    let copied = std::process::Command::new("cp")
        .args(["-r", &format!("{}/.", example(folder))])
        .arg(copy.path())
        .status();
    assert!(copied.expect("cp runs").success());
}

#[tokio::test]
async fn rates_loads_its_dump_by_a_task() {
    let examples = Examples::start();
    let image = examples.image(&example("rates/app"));
    let stack = examples.stack("rates/local.json", &json!({ "web": image })).await;
    let web = &stack.endpoints["web"];
    let engine = match Installation::find(slipway_local::server::POSTGRES_BIN)
        .expect("a folder with the programs, if one is named")
    {
        Some(_) => "postgres",
        None => "sqlite",
    };
    assert_eq!(
        examples.answer(&format!("{web}/healthz")).await,
        json!({ "database": engine })
    );
    let hello = examples.answer(web).await;
    assert!(
        hello["message"].as_str().is_some_and(|text| text.starts_with("Hello")),
        "{hello}"
    );
    let rates = |origin: &str, destination: &str| {
        let days = "date_from=2021-01-01&date_to=2021-01-03";
        format!("{web}/rates?{days}&orig_code={origin}&dest_code={destination}")
    };
    let averages = |prices: [(Value, u32); 3]| {
        let days = ["2021-01-01", "2021-01-02", "2021-01-03"].into_iter().zip(prices);
        let rates: Vec<_> = days
            .map(|(day, (price, count))| json!({"day": day, "price": price, "count": count}))
            .collect();
        json!({ "rates": rates })
    };
    let none = || (json!(null), 0);
    assert_eq!(
        examples.answer(&rates("CNGGZ", "EETLL")).await,
        averages([none(), none(), none()])
    );
    let refused = examples.answer(&format!("{web}/rates?date_from=tomorrow")).await;
    assert_eq!(refused, json!({"error": "date_from must be a day such as 2016-01-31"}));

    // Without a dump the task fails, and says what is missing.
    let task = format!("{}/tasks/load-dump", stack.path);
    let asked = examples.server.send(Method::POST, &task, &json!({})).await;
    let failed = examples.server.ended(&asked.json()).await;
    assert_eq!(failed["status"], "failed");
    assert!(
        failed["error"]["message"]
            .as_str()
            .is_some_and(|text| text.contains("there is no dump")),
        "{failed:#}"
    );

    fs::copy(example("rates/dump.sql"), stack.files.join("dump.sql")).expect("the dump is put there");
    examples.post(&task, &json!({})).await;
    assert_eq!(
        examples.answer(&rates("CNGGZ", "EETLL")).await,
        averages([(json!(1200), 3), (json!(null), 1), none()])
    );
    // Of all ports of two regions, and of the region within one of them.
    assert_eq!(
        examples.answer(&rates("china_main", "northern_europe")).await,
        averages([(json!(1200), 3), (json!(null), 2), (json!(1000), 3)])
    );
    examples.destroy(&stack).await;
}

#[tokio::test]
async fn nuxt_laravel_is_released_scaled_scheduled_and_rolled_back() {
    let examples = Examples::start();
    let (front, back) = (
        examples.image(&example("nuxt-laravel/front")),
        examples.image(&example("nuxt-laravel/back")),
    );
    let images = json!({ "front": front, "back": back, "worker": back });
    let stack = examples.stack("nuxt-laravel/local.json", &images).await;
    let page = |text: &'static str| move |page: &Value| page.as_str().is_some_and(|page| page.contains(text));
    examples
        .answers(&stack.endpoints["front"], page("<dd>answered</dd>"))
        .await;
    assert_eq!(examples.running(&stack, "back").await, 3);
    assert_eq!(
        examples.running(&stack, "worker").await,
        0,
        "nothing waits in the queue"
    );

    // The worker follows its queue, and goes back to no task.
    let (status, jobs) = (
        format!("{}/api/status", stack.endpoints["back"]),
        format!("{}/api/jobs", stack.endpoints["back"]),
    );
    let queued = examples.http.post(&jobs).json(&json!({"count": 40})).send().await;
    assert_eq!(queued.expect("an answer").status(), StatusCode::ACCEPTED);
    let done = examples.answers(&status, |status| status["jobs done"] == 40).await;
    assert!(
        done["workers so far"]
            .as_u64()
            .is_some_and(|workers| (2..=4).contains(&workers)),
        "{done}"
    );
    let asleep = async {
        while examples.running(&stack, "worker").await != 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asleep)
        .await
        .expect("the worker goes to sleep");

    // The second release, and back to the first.
    let next = changed("nuxt-laravel/front", "release.json", r#"{ "number": 2 }"#);
    let second = examples.image(next.path().to_str().expect("a path"));
    let releases = format!("{}/releases", stack.path);
    examples
        .post(&releases, &json!({ "images": { "front": second } }))
        .await;
    examples.answers(&stack.endpoints["front"], page("release 2")).await;
    examples.post(&format!("{}/rollback", stack.path), &json!({})).await;
    let page = examples
        .answers(&stack.endpoints["front"], page("<dt>front end</dt><dd>release 1</dd>"))
        .await;
    assert!(page.as_str().is_some_and(|page| page.contains("<dd>answered</dd>")));

    // Once a tick, although three tasks of the back end run.
    let ticks = format!("{}/api/ticks", stack.endpoints["back"]);
    let ticks = examples
        .answers(&ticks, |ticks| ticks.as_array().is_some_and(|ticks| ticks.len() >= 2))
        .await;
    let times: Vec<Timestamp> = serde_json::from_value(ticks).expect("times");
    for pair in times.windows(2) {
        let apart = pair[1].duration_since(pair[0]);
        assert!(apart > SignedDuration::from_secs(40), "twice in one tick: {times:?}");
    }
    examples.destroy(&stack).await;
}

#[tokio::test]
#[allow(clippy::print_stderr)] // A skipped test says so.
async fn tera_webapp_keeps_its_name_over_a_release() {
    if elasticache::Installation::find(slipway_local::server::REDIS_SERVER)
        .expect("a program, if one is named")
        .is_none()
    {
        assert!(std::env::var_os("CI").is_none(), "CI installs Redis");
        eprintln!("skipped: neither Valkey nor Redis is installed (Debian: apt-get install redis-server)");
        return;
    }
    let examples = Examples::start();
    let web = examples.image(&example("tera-webapp/app"));
    let stack = examples.stack("tera-webapp/local.json", &json!({ "web": web })).await;
    let address = format!("{}/hello", stack.endpoints["web"]);
    let greets = |name: &str| json!({ "message": format!("Hello {name}!") });
    assert_eq!(examples.answer(&address).await, greets("World"));
    let post = |body: Value| examples.http.post(&address).json(&body).send();
    let kept = post(json!({"name": "Terabyte"})).await.expect("an answer");
    assert_eq!(kept.status(), StatusCode::OK);
    let refused = post(json!({"name": 5})).await.expect("an answer");
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let next = changed("tera-webapp/app", "NOTES", "another image, for another release");
    let second = examples.image(next.path().to_str().expect("a path"));
    let body = json!({ "images": { "web": second } });
    examples.post(&format!("{}/releases", stack.path), &body).await;
    assert_eq!(examples.answer(&address).await, greets("Terabyte"));
    examples.destroy(&stack).await;
}

#[tokio::test]
async fn botolph_takes_a_snapshot_before_a_breaking_release() {
    let examples = Examples::start();
    let first = examples.image(&example("botolph/app"));
    let stack = examples.stack("botolph/local.json", &json!({ "web": first })).await;
    examples
        .post(&format!("{}/tasks/createsuperuser", stack.path), &json!({}))
        .await;
    let password = fs::read_to_string(stack.files.join("admin-password")).expect("the password");
    assert!(password.trim().len() > 20);
    assert_eq!(examples.answer(&stack.endpoints["web"]).await["admins"], 1);

    let http = &examples.http;
    let invite = http.post(format!("{}/people", stack.endpoints["web"]));
    let invited = invite
        .json(&json!({"name": "Ann", "email": "ann@example.com"}))
        .send()
        .await;
    assert_eq!(invited.expect("an answer").status(), StatusCode::CREATED);
    let mails = fs::read_dir(stack.files.join("mail")).expect("a folder").count();
    assert_eq!(mails, 1, "the invitation");

    let next = overlaid("botolph/app", "botolph/breaking");
    let second = examples.image(next.path().to_str().expect("a path"));
    let body = json!({ "images": { "web": second }, "snapshot": true, "compatible_with_previous": false });
    let released = examples.post(&format!("{}/releases", stack.path), &body).await;
    let steps = released["steps"].as_array().expect("steps");
    let place = |name: &str| {
        steps
            .iter()
            .position(|step| step["name"].as_str().is_some_and(|step| step.starts_with(name)))
    };
    let (snapshot, migration) = (place("Wait for snapshot"), place("Run migration"));
    assert!(
        snapshot.is_some() && snapshot < migration,
        "the snapshot comes before the migration: {released:#}"
    );
    let status = examples.answer(&stack.endpoints["web"]).await;
    assert_eq!((&status["column"], &status["people"]), (&json!("user_name"), &json!(1)));
    examples.destroy(&stack).await;
}

/// A server that listens after ten seconds, and the command of its health check.
const SLOW: &str = r#"
import http.server, os, sys, time, urllib.request
port = int(os.environ["PORT"])
if sys.argv[1] == "healthy":
    urllib.request.urlopen(f"http://127.0.0.1:{port}{sys.argv[2]}", timeout=2)
    sys.exit()
time.sleep(10)
http.server.HTTPServer(("0.0.0.0", port), http.server.SimpleHTTPRequestHandler).serve_forever()
"#;

#[tokio::test]
async fn application_that_starts_slowly_is_released() {
    let examples = Examples::start();
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("app.py"), SLOW).expect("a file");
    let manifest = json!({"entrypoint": ["/usr/bin/env", "python3", "app.py"]}).to_string();
    fs::write(folder.path().join("image.json"), manifest).expect("a file");
    let image = examples.image(folder.path().to_str().expect("a path"));
    let services = json!({"web": {"port": 8080, "command": ["serve"], "health_path": "/"}});
    let body = json!({
        "name": "slow", "blueprint": "local-web-service", "environment": "local",
        "variables": {"services": services}, "images": {"web": image},
    });
    let stack = examples.stack_of(&body).await;
    assert!(
        examples
            .answer(&stack.endpoints["web"])
            .await
            .as_str()
            .is_some_and(|page| page.contains("app.py"))
    );
    examples.destroy(&stack).await;
}
