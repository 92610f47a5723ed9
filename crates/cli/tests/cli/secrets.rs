//! Sixty secrets and every surface of Slipway: none is shown in clear.
//!
//! | secrets | come from | shape |
//! | --- | --- | --- |
//! | 00–14 | the request | texts with quotes, spaces, Unicode (form D), templates, and several lines |
//! | 15–19 | the request | keys and values of a map, an attribute of an object |
//! | 20–34 | the environment | texts |
//! | 35–44 | defaults of the blueprint | texts |
//! | 45–59 | the configuration before an update | texts |
//!
//! The blueprint does what careless blueprints do: it declares the variables as sensitive, takes the mark off with
//! `nonsensitive`, and hands the values to a provisioner that prints them in many encodings, to the notes of its contract, to a
//! resource's arguments and to an error.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Server, on_path};

mod outside;

use outside::{Webhooks, results};

const MAIN_TF: &str = r#"
variable "request" {
  type      = list(string)
  sensitive = true
}
variable "accounts" {
  type      = map(object({ password = string }))
  sensitive = true
}
variable "environment_tokens" {
  type      = list(string)
  sensitive = true
}
variable "defaults" {
  type      = list(string)
  sensitive = true
  default   = DEFAULTS
}
variable "rotated" {
  type      = list(string)
  sensitive = true
}
variable "fails" {
  type    = bool
  default = false
}
locals {
  accounts = nonsensitive(var.accounts)
  secrets = nonsensitive(concat(
    var.request, var.environment_tokens, var.defaults, var.rotated,
    keys(var.accounts), values(var.accounts)[*].password,
  ))
}
resource "terraform_data" "leak" {
  input            = { secrets = local.secrets, fails = var.fails ? "yes" : "no" }
  triggers_replace = local.secrets
  provisioner "local-exec" {
    command     = "python3 ${path.module}/leak.py"
    environment = { SECRETS = jsonencode(self.input.secrets), FAILS = self.input.fails }
  }
  provisioner "local-exec" {
    when        = destroy
    command     = "python3 ${path.module}/leak.py"
    environment = { SECRETS = jsonencode(self.input.secrets), FAILS = "no" }
  }
}
output "careless" { value = local.secrets }
output "slipway" {
  value = {
    notes     = { for index, secret in local.secrets : "note-${index}" => "psql 'postgres://user:${secret}@db'" }
    endpoints = { admin = "https://example.com/?token=${urlencode(local.secrets[0])}" }
  }
  depends_on = [terraform_data.leak]
}
"#;

/// Prints each secret in each form that it finds in the wild.
const LEAK_PY: &str = r#"
import base64, json, os, shlex, sys, unicodedata, urllib.parse
for secret in json.loads(os.environ["SECRETS"]):
    for text in [secret, *secret.splitlines()]:
        raw = text.encode()
        print(text)
        print("trimmed:", text.strip(), file=sys.stderr)
        print(unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text))
        print(json.dumps({"value": text}), json.dumps(json.dumps(text, ensure_ascii=False)))
        print(shlex.quote(text), urllib.parse.quote(text), urllib.parse.quote_plus(text), urllib.parse.quote(text, safe=""))
        print(base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode(), base64.encodebytes(raw).decode())
        for prefix in [b"x:", b"xx:", b"xxx:"]:
            print("Authorization: Basic", base64.b64encode(prefix + raw + b"\n").decode())
        print(raw.hex(), raw.hex().upper())
sys.exit(3 if os.environ["FAILS"] == "yes" else 0)
"#;

/// The part of each secret that a leak is found by: letters and digits, which no encoding of texts changes.
fn canary(number: usize) -> String {
    format!("Canary{number:02}x{:08x}", number * 0x1111_1111 % 0xffff_fffb)
}

fn secret(number: usize) -> String {
    let canary = canary(number);
    match number % 8 {
        0 => canary,
        1 => format!("pa\"ss'{canary}\\word"),
        2 => format!("  {canary} with spaces "),
        3 => format!("{canary}<&>%20+/=?"),
        4 => format!("-----BEGIN KEY-----\n{canary}\nand{canary}again==\n-----END KEY-----\n"),
        5 => format!("cafe\u{301}-{canary}-ö€"),
        6 => format!("${{{canary}}}%{{ x }}"),
        _ => format!("{{\"token\":\"{canary}\"}}"),
    }
}

fn secrets(numbers: std::ops::Range<usize>) -> Value {
    numbers.map(secret).collect()
}

/// What gives a secret away: its canary in clear, in hexadecimal, and in base64 at each offset.
fn needles(number: usize) -> Vec<String> {
    let canary = canary(number);
    let hex: String = canary
        .bytes()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect();
    let mut needles = vec![canary.clone(), hex.to_uppercase(), hex];
    for offset in 0..3 {
        let mut bytes = vec![0; offset];
        bytes.extend(canary.bytes());
        let whole = STANDARD_NO_PAD.encode(&bytes);
        needles.push(whole[(offset * 8).div_ceil(6)..bytes.len() * 8 / 6].to_owned());
    }
    needles
}

/// The variables of a request, of which `rotated` are these.
fn variables(rotated: &Value) -> Value {
    let accounts = json!({secret(15): {"password": secret(16)}, secret(17): {"password": secret(18)}, "x": {"password": secret(19)}});
    json!({"request": secrets(0..15), "accounts": accounts, "rotated": rotated})
}

/// What was shown, by surface.
#[derive(Default)]
struct Shown(Vec<(String, String)>);

impl Shown {
    fn add(&mut self, surface: &str, text: impl Into<String>) {
        self.0.push((surface.to_owned(), text.into()));
    }

    async fn get(&mut self, server: &Server, surface: &str, path: &str) -> String {
        let answer = server.request(Method::GET, path, &[], None).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text);
        self.add(surface, answer.text.clone());
        answer.text
    }

    /// Everything that there is to see of an operation: each row is a surface.
    async fn operation(&mut self, server: &Server, id: &str, stack: &str) {
        let operation = format!("/v1/operations/{id}");
        for (surface, path) in [
            ("operation", operation.clone()),
            ("operations of a stack", format!("/v1/stacks/{stack}/operations")),
            ("plan", format!("{operation}/plan?limit=100")),
            ("plan by type", format!("{operation}/plan?type=terraform_data")),
            ("sheet", format!("{operation}/sheet")),
            ("stack", format!("/v1/stacks/{stack}")),
            ("list of stacks", "/v1/stacks".to_owned()),
            ("waiting", "/v1/operations?status=waiting_for_approval".to_owned()),
            ("failed", "/v1/operations?status=failed".to_owned()),
            (
                "notifications",
                "/v1/notifications?since=1970-01-01T00:00:00Z".to_owned(),
            ),
            ("audit log", "/v1/audit?limit=100".to_owned()),
            ("releases", format!("/v1/stacks/{stack}/releases")),
        ] {
            let answer = server.request(Method::GET, &path, &[], None).await;
            self.add(surface, answer.text);
        }
        let mut path = format!("{operation}/logs");
        loop {
            let page = self.get(server, "log", &path).await;
            let page: Value = serde_json::from_str(&page).expect("JSON");
            if page["lines"].as_array().is_none_or(Vec::is_empty) {
                break;
            }
            path = format!("{operation}/logs?after={}", page["after"].as_str().expect("a cursor"));
        }
        for (surface, command) in [
            ("slipway operation show", vec!["operation", "show", id]),
            ("slipway logs", vec!["logs", id]),
            ("slipway stack show", vec!["stack", "show", stack]),
            ("slipway plan", vec!["plan", id]),
            ("slipway sheet", vec!["sheet", id]),
        ] {
            let output = server.slipway(&command);
            self.add(surface, String::from_utf8_lossy(&output.stdout));
            self.add(surface, String::from_utf8_lossy(&output.stderr));
        }
    }

    /// Step Functions' history, with the causes of failures.
    async fn execution(&mut self, server: &Server, operation: &Value) {
        let arn = &operation["execution_arn"];
        let described = server
            .aws("AWSStepFunctions.DescribeExecution", &json!({"executionArn": arn}))
            .await;
        self.add("execution", described.to_string());
        let request = json!({"executionArn": arn, "maxResults": 1000, "includeExecutionData": true});
        let history = server.aws("AWSStepFunctions.GetExecutionHistory", &request).await;
        self.add("history of the execution, with causes", history.to_string());
    }

    /// What there is to see of Slipway itself: each row is a surface.
    async fn installation(&mut self, server: &Server) {
        for (surface, path) in [
            ("environment", "/v1/environments/local"),
            ("list of environments", "/v1/environments"),
            ("blueprint", "/v1/blueprints/leaky"),
            ("blueprint version", "/v1/blueprints/leaky/versions/1.0.0"),
            ("webhooks", "/v1/webhooks"),
        ] {
            self.get(server, surface, path).await;
        }
        let heads = self.get(server, "chains of the audit log", "/v1/audit/chains").await;
        let heads: Value = serde_json::from_str(&heads).expect("JSON");
        for head in heads["items"].as_array().expect("chains") {
            let start = format!("/v1/audit/chains/{}?limit=100", head["chain"]);
            let mut path = start.clone();
            loop {
                let page = self.get(server, "chain of the audit log", &path).await;
                let page: Value = serde_json::from_str(&page).expect("JSON");
                let Some(next) = page["next"].as_str() else { break };
                path = format!("{start}&cursor={next}");
            }
        }
        let since = "1970-01-01T00:00:00Z";
        for (surface, command) in [
            ("slipway environment show", vec!["environment", "show", "local"]),
            ("slipway blueprint show", vec!["blueprint", "show", "leaky"]),
            ("slipway audit list", vec!["audit", "list"]),
            (
                "slipway events tail",
                vec!["events", "tail", "--since", since, "--no-follow"],
            ),
        ] {
            let output = server.slipway(&command);
            assert!(output.status.success(), "{surface}: {output:?}");
            self.add(surface, String::from_utf8_lossy(&output.stdout));
        }
    }

    /// What builds keep in the bucket for people: segments of logs and pages of plans. What Terraform applies is there too, as archive.
    fn files(&mut self, server: &Server) {
        let mut folders = vec![server.data().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                let name = path.to_string_lossy().into_owned();
                if path.is_dir() {
                    folders.push(path);
                } else if name.ends_with(".log") || name.contains("/output") {
                    let bytes = std::fs::read(&path).unwrap_or_default();
                    self.add(&format!("file {name}"), String::from_utf8_lossy(&bytes));
                }
            }
        }
    }

    /// The surfaces on which secrets are in clear, with the first place of each.
    fn leaks(&self, numbers: std::ops::Range<usize>) -> Vec<String> {
        let mut leaks = Vec::new();
        for number in numbers {
            for needle in needles(number) {
                for (surface, text) in &self.0 {
                    if let Some(at) = text.find(&needle) {
                        let start = text.floor_char_boundary(at.saturating_sub(60));
                        let end = text.ceil_char_boundary((at + 80).min(text.len()));
                        leaks.push(format!("{number} as {needle} on `{surface}`: …{}…", &text[start..end]));
                    }
                }
            }
        }
        leaks
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
async fn sixty_secrets_are_on_no_surface() {
    if on_path("terraform").or_else(|| on_path("tofu")).is_none() || on_path("python3").is_none() {
        println!("skipped: it needs Terraform (1.11 or later) or OpenTofu (1.10 or later), and python3 on PATH");
        return;
    }
    let (server, mut shown) = (Server::start_with(&["--webhooks-to-loopback"]), Shown::default());
    let defaults: Vec<String> = (35..45)
        .map(|number| crate::support::hcl_string(&secret(number)))
        .collect();
    let main = MAIN_TF.replace("DEFAULTS", &format!("[{}]", defaults.join(", ")));
    let files = json!({"files": {"main.tf": main, "leak.py": LEAK_PY}});
    let published = server
        .send(Method::PUT, "/v1/blueprints/leaky/versions/1.0.0", &files)
        .await;
    assert!(published.status.is_success(), "{}", published.text);
    shown.add("answer to a publish", published.text);

    let environment = json!({
        "account": "000000000000", "region": "us-east-1", "approval": "always", "self_approval": true,
        "variables": {"environment_tokens": secrets(20..35)},
    });
    let put = server.send(Method::PUT, "/v1/environments/local", &environment).await;
    assert!(put.status.is_success(), "{}", put.text);
    shown.add("answer to a put environment", put.text);

    let webhooks = Webhooks::of(&server).await;

    // A value of the wrong type is rejected, without the value.
    let wrong = json!({"name": "wrong", "blueprint": "leaky", "environment": "local",
        "variables": {"request": secret(0), "accounts": [secret(1)], "rotated": {"x": secret(2)}}});
    let rejected = server.send(Method::POST, "/v1/stacks", &wrong).await;
    assert_eq!(rejected.status, 422, "{}", rejected.text);
    shown.add("rejection of a request", rejected.text);

    let created = server.create("leaky", "leaky", &variables(&secrets(45..60))).await;
    shown.add("answer to a request", created.to_string());
    let stack = created["stack"]["id"].as_str().expect("an id").to_owned();
    let mut operation = created;
    // The update rotates fifteen secrets, so the old ones are printed when the old resource is destroyed; the last one fails.
    let updates = [
        json!({"variables": {"rotated": ["new-and-harmless"]}}),
        json!({"variables": {"rotated": ["newer-and-harmless"], "fails": true}}),
    ];
    for (round, update) in updates.iter().map(Some).chain([None]).enumerate() {
        let id = operation["id"].as_str().expect("an id").to_owned();
        server
            .operation_that(&id, |operation| operation["status"] == "waiting_for_approval")
            .await;
        shown.operation(&server, &id, &stack).await;
        let sheet = server.sheet(&id).await;
        let approved = server
            .send(Method::POST, &format!("/v1/operations/{id}/approve"), &sheet)
            .await;
        assert_eq!(approved.status, 202, "{}", approved.text);
        let ended = server.ended(&operation).await;
        let expected = if round == 2 { "failed" } else { "succeeded" };
        assert_eq!(ended["status"], expected, "{ended:#}");
        server.execution_ended(&ended).await;
        shown.operation(&server, &id, &stack).await;
        shown.execution(&server, &ended).await;
        let Some(update) = update else { break };
        let answer = server.send(Method::PATCH, &format!("/v1/stacks/{stack}"), update).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        shown.add("answer to an update", answer.text.clone());
        operation = answer.json();
    }
    let mut fails = variables(&secrets(45..60));
    fails["fails"] = json!(true);
    let failed = results(&server, &mut shown, &fails).await;
    webhooks.show(&server, &mut shown, &failed).await;
    shown.installation(&server).await;
    shown.files(&server);

    let everything: String = shown.0.iter().map(|(_, text)| text.as_str()).collect();
    assert!(
        everything.matches("(sensitive)").count() > 1_000,
        "the provisioner has printed nothing"
    );
    let leaks = shown.leaks(0..60);
    assert!(
        leaks.is_empty(),
        "{} leaks on {} texts:\n{}",
        leaks.len(),
        shown.0.len(),
        leaks[..leaks.len().min(40)].join("\n")
    );
}
