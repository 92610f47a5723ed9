//! The functions of the template, in this process: each with its own environment and clients, as on Lambda.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use axum::Router;
use serde_json::Value;
use slipway_events::Events;
use slipway_model::webhook::address::{HEALTH_VARIABLE, LOOPBACK_VARIABLE};
use slipway_notify::Notifier;
use slipway_steps::Steps;
use slipway_sweep::Sweep;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::template::{Function, Rule, Template};
use aws_emulator::Account;
use aws_emulator::dynamodb::Mapping;
use aws_emulator::events::{EventBus, Invoke, Pattern, Target};
use aws_emulator::functions::{Functions, LambdaError};
use aws_emulator::wire::REGION;

/// The functions' logical ids in the template.
const API: &str = "ApiFunction";
const EVENTS: &str = "EventsFunction";
const NOTIFY: &str = "NotifyFunction";
const STEPS: &str = "StepsFunction";
const SWEEP: &str = "SweepFunction";
/// The logical id of the build project.
pub(super) const BUILDS: &str = "Builds";
/// What signs and is nothing of the template: containers of stacks, the server itself.
pub(super) const OTHERS: &str = "local";

/// The functions, built.
pub(super) struct Handlers {
    pub(super) api: Router,
    events: Arc<Events>,
    notify: Arc<Notifier>,
    steps: Arc<Steps>,
    pub(super) sweep: Arc<Sweep>,
}

/// The local AWS, as those who call it know it.
#[derive(Debug, Clone)]
pub(super) struct Aws {
    pub(super) endpoint: String,
    /// What callers have to sign with, where that is required.
    pub(super) token: Option<String>,
}

/// What every function and every build gets besides its own variables. Any access key will do. It is the logical id of whatever
/// signs with it, by which [`slipway_recording`] knows the callers.
pub(super) fn aws_variables(principal: &str, aws: &Aws) -> BTreeMap<String, String> {
    let variables = [
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ENDPOINT_URL", aws.endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", principal),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        // Nothing on this machine answers as the metadata service of an instance.
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let token = aws.token.as_deref().map(|token| ("AWS_SESSION_TOKEN", token));
    let all = variables.into_iter().chain(token);
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

impl Handlers {
    /// Builds all functions of the template. One that this program does not hold is refused.
    pub(super) fn new(template: &Template, aws: &Aws, webhooks_to_loopback: bool) -> Result<Self, Error> {
        for id in template.functions.keys() {
            if ![API, EVENTS, NOTIFY, STEPS, SWEEP].contains(&id.as_str()) {
                return Err(Error::UnknownFunction(id.clone()));
            }
        }
        let build = Build {
            template,
            aws,
            webhooks_to_loopback,
        };
        let (vars, sdk) = build.environment(API)?;
        let config = slipway_api::Config::from_vars(&vars).map_err(configure("api"))?;
        let api = slipway_api::router(slipway_api::Api::new(&config, &sdk));
        let (vars, sdk) = build.environment(EVENTS)?;
        let config = slipway_events::Config::from_vars(&vars).map_err(configure("events"))?;
        let events = Arc::new(Events::new(config, &sdk));
        let (vars, sdk) = build.environment(NOTIFY)?;
        let config = slipway_notify::Config::from_vars(&vars).map_err(configure("notify"))?;
        let notify = Arc::new(Notifier::new(config, &sdk));
        let (vars, sdk) = build.environment(STEPS)?;
        let config = slipway_steps::Config::from_vars(&vars).map_err(configure("steps"))?;
        let steps = Arc::new(Steps::new(config, &sdk));
        let (vars, sdk) = build.environment(SWEEP)?;
        let config = slipway_sweep::Config::from_vars(&vars).map_err(configure("sweep"))?;
        let sweep = Arc::new(Sweep::new(config, &sdk));
        Ok(Self {
            api,
            events,
            notify,
            steps,
            sweep,
        })
    }

    /// Lets the state machine invoke the steps, and the rules of the bus both functions that events go to.
    pub(super) fn register(&self, template: &Template, functions: &Functions) -> Result<(), Error> {
        let timeout = |function: &Function| Duration::from_secs(function.timeout_seconds);
        let called = function(template, STEPS)?;
        let steps = Arc::clone(&self.steps);
        functions.register(&called.name, timeout(called), move |payload| {
            let steps = Arc::clone(&steps);
            async move {
                steps.handle(payload).await.map_err(|error| LambdaError {
                    error_type: error.name().to_owned(),
                    message: error.text(),
                })
            }
        });
        let called = function(template, EVENTS)?;
        let events = Arc::clone(&self.events);
        functions.register(&called.name, timeout(called), move |event| {
            let events = Arc::clone(&events);
            async move {
                // Its rules bring texts ([`Target::takes_text`]).
                let text = match event {
                    Value::String(text) => text,
                    event => event.to_string(),
                };
                let handled = events.handle_text(&text).await;
                handled.map(|()| Value::Null).map_err(|error| LambdaError {
                    error_type: error.name().to_owned(),
                    message: slipway_model::error_chain::chain(&error),
                })
            }
        });
        let called = function(template, NOTIFY)?;
        let notify = Arc::clone(&self.notify);
        functions.register(&called.name, timeout(called), move |event| {
            let notify = Arc::clone(&notify);
            async move {
                let handled = notify.handle(event).await;
                handled.map(|()| Value::Null).map_err(|error| LambdaError {
                    error_type: error.name().to_owned(),
                    message: slipway_model::error_chain::chain(&error),
                })
            }
        });
        Ok(())
    }

    /// Hands records of the table's stream to functions, as the template says.
    pub(super) fn map_stream(template: &Template, account: &Account, stop: &CancellationToken) -> Result<(), Error> {
        for mapping in &template.mappings {
            let called = function(template, &mapping.function)?;
            let failed = |source| Error::MakeRule {
                rule: mapping.name.clone(),
                source,
            };
            let mut patterns = Vec::new();
            for text in &mapping.patterns {
                let pattern = serde_json::from_str(text).map_err(|source| Error::MakeMapping {
                    mapping: mapping.name.clone(),
                    source,
                })?;
                patterns.push(Pattern::parse(&pattern).map_err(failed)?);
            }
            let stream = account.tables.stream(&template.table.name)?;
            let mapping = Mapping {
                function: called.arn.clone(),
                invoke: invoke(&account.functions, &called.name),
                patterns,
                batch_size: mapping.batch_size,
                retries: mapping.retries,
                on_failure: Some(mapping.on_failure.clone()),
                sqs: account.sqs.clone(),
            };
            mapping.start(stream, stop.clone());
        }
        Ok(())
    }

    /// Makes the rules of the template.
    pub(super) fn subscribe(template: &Template, functions: &Functions, bus: &EventBus) -> Result<(), Error> {
        for rule in &template.rules {
            let target = target(template, functions, rule)?;
            let pattern = Pattern::parse(&rule.pattern).map_err(|source| Error::MakeRule {
                rule: rule.name.clone(),
                source,
            })?;
            bus.add_rule(&rule.name, pattern, target);
        }
        Ok(())
    }

    /// The one function that schedules call.
    pub(super) fn require_sweep(id: &str) -> Result<(), Error> {
        if id == SWEEP {
            Ok(())
        } else {
            Err(Error::UnknownFunction(id.to_owned()))
        }
    }
}

/// The function of a rule, as the template says that it is to be called.
fn target(template: &Template, functions: &Functions, rule: &Rule) -> Result<Target, Error> {
    if ![EVENTS, NOTIFY, STEPS].contains(&rule.function.as_str()) {
        return Err(Error::UnknownFunction(rule.function.clone()));
    }
    let called = function(template, &rule.function)?;
    Ok(Target {
        arn: called.arn.clone(),
        retries: called.retries,
        on_failure: called.on_failure.clone(),
        dead_letter: rule.dead_letter.clone(),
        invoke: invoke(functions, &called.name),
        takes_text: rule.function == EVENTS,
    })
}

/// Calls a function by its name.
fn invoke(functions: &Functions, name: &str) -> Invoke {
    let (functions, name) = (functions.clone(), name.to_owned());
    Arc::new(move |event: Value| {
        let (functions, name) = (functions.clone(), name.clone());
        Box::pin(async move {
            // It was registered before its rules were made.
            functions.run(&name, event).await.unwrap_or(Ok(Value::Null)).map(drop)
        })
    })
}

struct Build<'a> {
    template: &'a Template,
    aws: &'a Aws,
    webhooks_to_loopback: bool,
}

impl Build<'_> {
    fn environment(&self, id: &str) -> Result<(BTreeMap<String, String>, SdkConfig), Error> {
        let mut vars = aws_variables(id, self.aws);
        vars.extend(function(self.template, id)?.environment.clone());
        if self.webhooks_to_loopback {
            vars.insert(LOOPBACK_VARIABLE.to_owned(), "yes".to_owned());
        }
        if id == STEPS {
            vars.insert(HEALTH_VARIABLE.to_owned(), "yes".to_owned());
        }
        let sdk = slipway_aws::sdk_config(&vars);
        Ok((vars, sdk))
    }
}

fn function<'a>(template: &'a Template, id: &str) -> Result<&'a Function, Error> {
    template
        .functions
        .get(id)
        .ok_or_else(|| Error::UnknownFunction(id.to_owned()))
}

fn configure<E: std::error::Error + Send + Sync + 'static>(function: &'static str) -> impl Fn(E) -> Error {
    move |source| Error::ConfigureFunction {
        function,
        source: Box::new(source),
    }
}
