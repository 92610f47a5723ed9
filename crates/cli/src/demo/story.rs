//! The steps of the demo, in order, each with what it proves.

use std::sync::Mutex;

use reqwest::Method;
use serde_json::{Value, json};
use slipway_api_types::Operation;
use slipway_model::operation::OperationStatus;

use super::proof::{self, Services};
use super::traffic::{Report, Traffic};
use crate::access::Access;
use crate::client::Client;
use crate::error::Error;
use crate::guestbook::Guestbook;
use crate::harmless::in_a_line;
use crate::operation_text::{check, failure_line, read};
use crate::output::{Line, Output, Style};
use crate::server::LocalAws;
use crate::watch::watch;

/// How many chapters there are. Each ends with what it proves.
const CHAPTERS: usize = 6;

/// The demo on one server.
pub struct Story {
    client: Client,
    aws: LocalAws,
    output: Output,
    /// The chapters so far, and how many proofs each has.
    chapters: Mutex<Vec<(String, usize)>>,
}

impl Story {
    pub fn new(api: &str, aws: LocalAws, output: Output) -> Result<Self, Error> {
        Ok(Self {
            client: Client::new(api, Access::Open)?,
            aws,
            output,
            chapters: Mutex::default(),
        })
    }

    /// Runs all chapters; returns the images of the releases.
    pub async fn run(&self, guestbook: &Guestbook) -> Result<Vec<String>, Error> {
        let pushed = self.publish(guestbook).await?;
        let stack = self.provision(&pushed[0]).await?;
        self.release_that_works(&stack, &pushed[1]).await?;
        self.release_with_a_failing_migration(&stack, &pushed[2]).await?;
        self.release_that_never_becomes_healthy(&stack, &pushed[3]).await?;
        self.destroy(&stack).await?;
        self.summary()?;
        Ok(pushed)
    }

    /// Leaves one more stack.
    pub async fn leave_one(&self, image: &str) -> Result<(), Error> {
        self.output.say("\nOne more guestbook, which is kept:");
        let body = json!({
            "name": "guestbook", "blueprint": "guestbook", "version": "1.0.0", "environment": "local",
            "images": { "web": image },
        });
        check(&self.run_operation(Method::POST, "/v1/stacks", Some(&body)).await?)
    }

    /// Says what was verified. A chapter without a proof is a fault of the demo.
    fn summary(&self) -> Result<(), Error> {
        let chapters = self
            .chapters
            .lock()
            .map(|chapters| chapters.clone())
            .unwrap_or_default();
        let verified = chapters.iter().filter(|(_, proofs)| *proofs > 0).count();
        self.output.say("");
        let line = format!("{verified} of {CHAPTERS} verified");
        self.output.lines(&[Line::new(Style::Bold, line)]);
        let lines: Vec<Line> = chapters
            .iter()
            .map(|(title, _)| Line::new(Style::Green, format!("  verified  {title}")))
            .collect();
        self.output.lines(&lines);
        proof::expect(verified == CHAPTERS, "every chapter proves something", &chapters)
    }

    /// Publishes the blueprint, and pushes the four images; gives their names by digest.
    async fn publish(&self, guestbook: &Guestbook) -> Result<Vec<String>, Error> {
        self.heading(
            "1. A platform engineer publishes a blueprint",
            &[
                "A blueprint is a Terraform root module; a version of it never changes.",
                "Its variables become the schema that every request is checked against.",
            ],
        );
        let names = guestbook.publish(&self.client, &self.aws).await?;
        self.output
            .say("  published guestbook@1.0.0, and pushed four images of the application, each known by its digest");
        let published: Value = self.client.get("/v1/blueprints/guestbook/versions/1.0.0").await?;
        let variables = published["variables"].as_array().map_or(0, Vec::len);
        proof::expect(
            variables == 3,
            "the schema has the variables of the module",
            &published["variables"],
        )?;
        self.verified(&format!("the API has its schema: {variables} variables"));
        Ok(names)
    }

    async fn provision(&self, image: &str) -> Result<StackRecord, Error> {
        self.heading(
            "2. A team requests a stack with its first release",
            &[
                "The answer comes at once; the work is a Step Functions execution that runs real Terraform.",
                "Services start at zero tasks: nothing serves before its first migration has succeeded.",
            ],
        );
        let body = json!({
            "name": "guestbook", "blueprint": "guestbook", "version": "1.0.0", "environment": "local",
            "images": { "web": image },
        });
        let operation = self.run_operation(Method::POST, "/v1/stacks", Some(&body)).await?;
        check(&operation)?;
        let stack = StackRecord::read(&self.client.get(&format!("/v1/stacks/{}", operation.stack.id)).await?)?;
        proof::write_line(&stack.url, &json!({ "author": "Ada", "text": "Hello from release 1" })).await?;
        let page = proof::entries(&stack.url).await?;
        proof::expect(page["release"] == 1, "release 1 answers", &page)?;
        self.verified(&format!(
            "the guestbook answers on {}, and Ada has written a line",
            stack.url
        ));
        Ok(stack)
    }

    async fn release_that_works(&self, stack: &StackRecord, image: &str) -> Result<(), Error> {
        self.heading(
            "3. Release 2 adds a column, under constant traffic",
            &[
                "The migration runs first, with the new image; only when it has succeeded do new tasks start.",
                "Old tasks serve until the new ones are healthy.",
            ],
        );
        let (operation, report) = self.release(stack, image).await?;
        check(&operation)?;
        proof::expect(report.failed.is_empty(), "no request failed", &report.failed)?;
        proof::expect(report.answered.contains_key(&2), "release 2 answers", &report.answered)?;
        let order = proof::migration_came_first(&self.aws, stack, image).await?;
        proof::write_line(
            &stack.url,
            &json!({ "author": "Grace", "text": "Hello from release 2", "mood": "glad" }),
        )
        .await?;
        self.verified(&report.line());
        self.verified(&order);
        Ok(())
    }

    async fn release_with_a_failing_migration(&self, stack: &StackRecord, image: &str) -> Result<(), Error> {
        self.heading(
            "4. Release 3 has a migration that fails",
            &[
                "A column that must not be empty cannot be added to rows that are there already.",
                "The execution ends Failed, its cause says why, and no service is touched.",
            ],
        );
        let before = Services::read(&self.aws, stack).await?;
        let (operation, report) = self.release(stack, image).await?;
        let after = Services::read(&self.aws, stack).await?;
        proof::expect(
            operation.status == OperationStatus::Failed,
            "the operation fails",
            &operation.status,
        )?;
        proof::expect(before == after, "the service is as it was", &(before, &after))?;
        proof::expect(report.failed.is_empty(), "no request failed", &report.failed)?;
        let cause = proof::execution_failed(&self.aws, &operation).await?;
        proof::expect(
            cause.contains("exited with code 3"),
            "the cause names the exit code",
            &cause,
        )?;
        self.verified(&format!("the execution is FAILED: {cause}"));
        self.verified(&format!("the service was not touched; {}", report.line()));
        Ok(())
    }

    async fn release_that_never_becomes_healthy(&self, stack: &StackRecord, image: &str) -> Result<(), Error> {
        self.heading(
            "5. Release 4 starts, and never becomes healthy",
            &[
                "The rollout gives up after three tasks that did not become healthy, and goes back.",
                "The tasks of release 2 serve all the time.",
            ],
        );
        let (operation, report) = self.release(stack, image).await?;
        proof::expect(
            operation.status == OperationStatus::Failed,
            "the operation fails",
            &operation.status,
        )?;
        proof::expect(report.failed.is_empty(), "no request failed", &report.failed)?;
        proof::expect(
            report.answered.keys().eq([&2]),
            "only release 2 answered",
            &report.answered,
        )?;
        self.verified(&report.line());
        Ok(())
    }

    async fn destroy(&self, stack: &StackRecord) -> Result<(), Error> {
        self.heading(
            "6. The team destroys the stack",
            &["Terraform destroys what it made, and nothing else is left."],
        );
        let operation = self
            .run_operation(Method::DELETE, &format!("/v1/stacks/{}", stack.id), None)
            .await?;
        check(&operation)?;
        let left = proof::nothing_is_left(&self.client, &self.aws, stack).await?;
        self.verified(&left);
        Ok(())
    }

    /// Releases an image while a visitor asks; gives how the operation ended and what the visitor saw.
    async fn release(&self, stack: &StackRecord, image: &str) -> Result<(Operation, Report), Error> {
        let traffic = Traffic::start(&stack.url);
        let body = json!({ "images": { "web": image } });
        let operation = self
            .run_operation(Method::POST, &format!("/v1/stacks/{}/releases", stack.id), Some(&body))
            .await;
        let report = traffic.stop().await;
        Ok((operation?, report))
    }

    /// Sends a request that starts an operation, and watches it to its end.
    async fn run_operation(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Operation, Error> {
        let begun = jiff::Timestamp::now();
        let answer: Value = match body {
            Some(body) => self.client.send(method.clone(), path, body).await?,
            None => self.client.delete(path).await?,
        };
        let took = crate::operation_text::duration_text(begun, jiff::Timestamp::now());
        let operation = read(&answer)?;
        self.output.say(&format!(
            "  {method} {path} was answered in {took}: operation {}",
            operation.id
        ));
        let (_, operation) = watch(&self.client, &operation.id, self.output).await?;
        if let Some(error) = &operation.error {
            self.output.say(&format!("  {}", in_a_line(&failure_line(error))));
        }
        Ok(operation)
    }

    fn heading(&self, title: &str, lines: &[&str]) {
        if let Ok(mut chapters) = self.chapters.lock() {
            chapters.push((title.to_owned(), 0));
        }
        self.output.say("");
        self.output.lines(&[Line::new(Style::Bold, title.to_owned())]);
        for line in lines {
            self.output.lines(&[Line::new(Style::Faint, format!("  {line}"))]);
        }
    }

    fn verified(&self, what: &str) {
        if let Ok(mut chapters) = self.chapters.lock()
            && let Some((_, proofs)) = chapters.last_mut()
        {
            *proofs += 1;
        }
        self.output
            .lines(&[Line::new(Style::Green, format!("  verified: {what}"))]);
    }
}

/// What the demo needs to know of its stack.
pub struct StackRecord {
    /// Its id, which is also the name of its cluster.
    pub id: String,
    /// Where its guestbook answers.
    pub url: String,
}

impl StackRecord {
    fn read(stack: &Value) -> Result<Self, Error> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        match (text(&stack["id"]), text(&stack["endpoints"]["web"])) {
            (Some(id), Some(url)) => Ok(Self { id, url }),
            _ => Err(Error::Demo(format!("the stack has no endpoint: {stack}"))),
        }
    }
}
