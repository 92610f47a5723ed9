//! One state of a definition: which fields its type has, and what each may hold.

use serde_json::Value;

use super::MAX_SECONDS;
use super::fields::{Object, Problems};
use super::handler_parser::handlers;
use super::parser::{Parser, QUERY_LANGUAGES, QueryLanguage};
use crate::jsonata::{Field, Readable};
use crate::resource::Resource;
use crate::states::{
    ChoiceRule, ChoiceState, Exit, FailState, Items, Kind, MapState, ParallelState, State, TaskState, Transition, Wait,
};
use crate::values::{boolean, role_arn, string, timestamp};

const RESULT: Readable = Readable {
    result: true,
    error_output: false,
};
const NO_RESULT: Readable = Readable {
    result: false,
    error_output: false,
};
/// Fields that only a `JSONPath` state has.
const JSONPATH_FIELDS: [&str; 16] = [
    "InputPath",
    "OutputPath",
    "Parameters",
    "Result",
    "ResultPath",
    "ResultSelector",
    "ItemsPath",
    "MaxConcurrencyPath",
    "SecondsPath",
    "TimestampPath",
    "TimeoutSecondsPath",
    "HeartbeatSecondsPath",
    "ErrorPath",
    "CausePath",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentagePath",
];

/// Fields of a choice rule in `JSONPath`.
const COMPARISONS: [&str; 4] = ["Variable", "And", "Or", "Not"];

/// What AWS says about a field of `JSONPath`.
pub(super) fn only_jsonpath(field: &str) -> String {
    format!(
        "The QueryLanguage is set to 'JSONata', but field '{field}' is only supported for the 'JSONPath' QueryLanguage"
    )
}

/// Fields of a Distributed Map, which AWS runs as child executions.
const DISTRIBUTED_FIELDS: [&str; 4] = ["ItemReader", "ItemBatcher", "ResultWriter", "Label"];

/// Parses one state.
pub(super) fn parse(parser: &mut Parser, name: &str, value: &Value, location: &str) -> Option<State> {
    let state = parser.problems.object(value, location)?;
    let kind = state_type(&state, &mut parser.problems)?;
    if !speaks_jsonata(parser, &state) {
        return None;
    }
    state.comment(&mut parser.problems);
    refuse_foreign_fields(parser, &state, kind.fields());
    let (kind, readable) = match kind {
        Type::Task => (task(parser, &state), RESULT),
        Type::Pass => (transition(&state, &mut parser.problems).map(Kind::Pass), NO_RESULT),
        Type::Wait => (wait(&state, &mut parser.problems), NO_RESULT),
        Type::Choice => (choice(&state, &mut parser.problems), NO_RESULT),
        Type::Succeed => (Some(Kind::Succeed), NO_RESULT),
        Type::Fail => (Some(fail(&state, &mut parser.problems)), NO_RESULT),
        Type::Parallel => (parallel(parser, &state), RESULT),
        Type::Map => (map(parser, &state), RESULT),
    };
    let exit = exit(&state, readable, &mut parser.problems);
    let name = name.to_owned();
    Some(State {
        name,
        kind: kind?,
        exit,
    })
}

/// `Type`.
#[derive(Clone, Copy)]
enum Type {
    Task,
    Pass,
    Wait,
    Choice,
    Succeed,
    Fail,
    Parallel,
    Map,
}

const TYPES: [(&str, Type); 8] = [
    ("Task", Type::Task),
    ("Wait", Type::Wait),
    ("Pass", Type::Pass),
    ("Succeed", Type::Succeed),
    ("Fail", Type::Fail),
    ("Choice", Type::Choice),
    ("Parallel", Type::Parallel),
    ("Map", Type::Map),
];

/// `Type` has sentences of its own.
fn state_type(state: &Object<'_>, problems: &mut Problems) -> Option<Type> {
    if !state.has("Type") {
        problems.schema("The field 'Type' is required", &state.location);
        return None;
    }
    let text = state.string("Type", problems)?;
    let found = TYPES.iter().find(|(name, _)| *name == text);
    if found.is_none() {
        let names = TYPES.map(|(name, _)| name).join(", ");
        let message = format!("The field 'Type' should have one of these values: [{names}]");
        problems.schema(message, &state.at("Type"));
    }
    found.map(|(_, state_type)| *state_type)
}

impl Type {
    /// The fields of a `JSONata` state beside `Type`, `Comment` and `QueryLanguage`.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Task => &[
                "Resource",
                "Credentials",
                "Arguments",
                "TimeoutSeconds",
                "HeartbeatSeconds",
                "Retry",
                "Catch",
                "Assign",
                "Output",
                "Next",
                "End",
            ],
            Self::Pass => &["Assign", "Output", "Next", "End"],
            Self::Wait => &["Seconds", "Timestamp", "Assign", "Output", "Next", "End"],
            Self::Choice => &["Choices", "Default", "Assign", "Output"],
            Self::Succeed => &["Output"],
            Self::Fail => &["Error", "Cause"],
            Self::Parallel => &[
                "Branches",
                "Arguments",
                "Retry",
                "Catch",
                "Assign",
                "Output",
                "Next",
                "End",
            ],
            Self::Map => &[
                "Items",
                "ItemSelector",
                "ItemProcessor",
                "Iterator",
                "MaxConcurrency",
                "ToleratedFailureCount",
                "ToleratedFailurePercentage",
                "Retry",
                "Catch",
                "Assign",
                "Output",
                "Next",
                "End",
            ],
        }
    }
}

fn speaks_jsonata(parser: &mut Parser, state: &Object<'_>) -> bool {
    let own = state.word("QueryLanguage", &QUERY_LANGUAGES, &mut parser.problems);
    if state.has("QueryLanguage") && own.is_none() {
        return false;
    }
    match (parser.language, own.unwrap_or(parser.language)) {
        (_, QueryLanguage::Jsonata) => true,
        (QueryLanguage::Jsonata, QueryLanguage::JsonPath) => {
            let message = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine";
            parser.problems.schema(message, &state.location);
            false
        }
        (QueryLanguage::JsonPath, QueryLanguage::JsonPath) => {
            let message = "The QueryLanguage 'JSONPath' is not supported here: set 'QueryLanguage' to 'JSONata' for \
                           the state or the whole state machine";
            parser.problems.schema(message, &state.location);
            false
        }
    }
}

fn refuse_foreign_fields(parser: &mut Parser, state: &Object<'_>, fields: &[&str]) {
    let problems = &mut parser.problems;
    for name in state.map.keys().map(String::as_str) {
        if fields.contains(&name) || ["Type", "Comment", "QueryLanguage"].contains(&name) {
            continue;
        }
        if JSONPATH_FIELDS.contains(&name) {
            problems.schema(only_jsonpath(name), &state.location);
        } else if DISTRIBUTED_FIELDS.contains(&name) {
            let message = format!("Field '{name}' belongs to a Distributed Map, which is not supported here");
            problems.schema(message, &state.at(name));
        } else {
            problems.schema(format!("Field '{name}' is not supported"), &state.location);
        }
    }
}

fn transition(state: &Object<'_>, problems: &mut Problems) -> Option<Transition> {
    match state.one_of(&["Next", "End"], problems)? {
        "Next" => state.string("Next", problems).map(Transition::Next),
        end => {
            if state.get(end) != Some(&Value::Bool(true)) {
                problems.schema("Value should be true", &state.at(end));
            }
            Some(Transition::End)
        }
    }
}

/// `Assign` and `Output` of a state, a rule or a catcher.
pub(super) fn exit(object: &Object<'_>, readable: Readable, problems: &mut Problems) -> Exit {
    let assign = object.template("Assign", readable, problems);
    if let Some(value) = object.get("Assign")
        && !value.is_object()
    {
        problems.schema("Expected value of type [OBJECT]", &object.at("Assign"));
    }
    let output = object.template("Output", readable, problems);
    Exit { assign, output }
}

fn task(parser: &mut Parser, state: &Object<'_>) -> Option<Kind> {
    let problems = &mut parser.problems;
    state.required(&["Resource"], problems);
    let resource = state.string("Resource", problems);
    let resource = resource.and_then(|text| match text.parse::<Resource>() {
        Ok(resource) => Some(resource),
        Err(error) => {
            problems.schema(error.to_string(), &state.at("Resource"));
            None
        }
    });
    let arguments = state.template("Arguments", NO_RESULT, problems);
    let role = role(state, problems);
    let bounds = 1..=MAX_SECONDS;
    let timeout_seconds = state.whole_field("TimeoutSeconds", &bounds, problems);
    let heartbeat_seconds = state.whole_field("HeartbeatSeconds", &bounds, problems);
    if let (Some(Field::Literal(timeout)), Some(Field::Literal(heartbeat))) = (&timeout_seconds, &heartbeat_seconds)
        && heartbeat >= timeout
    {
        let message = "The value of 'HeartbeatSeconds' must be smaller than that of 'TimeoutSeconds'";
        problems.schema(message, &state.at("HeartbeatSeconds"));
    }
    let handlers = handlers(state, problems);
    let transition = transition(state, problems)?;
    Some(Kind::Task(Box::new(TaskState {
        resource: resource?,
        role,
        arguments,
        timeout_seconds,
        heartbeat_seconds,
        handlers,
        transition,
    })))
}

/// `Credentials`, which name a role and nothing else.
fn role(state: &Object<'_>, problems: &mut Problems) -> Option<Field<String>> {
    let credentials = problems.object(state.get("Credentials")?, &state.at("Credentials"))?;
    credentials.only(&["RoleArn"], problems);
    credentials.required(&["RoleArn"], problems);
    let read = |value: &Value| role_arn(value).map_err(|expected| format!("Value is not the {expected}"));
    credentials.field("RoleArn", read, problems)
}

fn wait(state: &Object<'_>, problems: &mut Problems) -> Option<Kind> {
    let transition = transition(state, problems);
    let fields = ["SecondsPath", "Seconds", "TimestampPath", "Timestamp"];
    let wait = match state.one_of(&fields, problems)? {
        // Refused already: it is a field of JSONPath.
        "SecondsPath" | "TimestampPath" => return None,
        "Seconds" => {
            let seconds = state.whole_field("Seconds", &(0..=MAX_SECONDS), problems)?;
            Wait::Seconds(seconds)
        }
        field => {
            let read =
                |value: &Value| timestamp(value).map_err(|_| "String does not match RFC3339 timestamp".to_owned());
            Wait::Timestamp(state.field(field, read, problems)?)
        }
    };
    Some(Kind::Wait(wait, transition?))
}

fn choice(state: &Object<'_>, problems: &mut Problems) -> Option<Kind> {
    state.required(&["Choices"], problems);
    let default = state.string("Default", problems);
    let mut rules = Vec::new();
    for (at, value) in state.array("Choices", true, problems)?.iter().enumerate() {
        let location = format!("{}[{at}]", state.at("Choices"));
        let Some(rule) = problems.object(value, &location) else {
            continue;
        };
        if let Some(field) = COMPARISONS.into_iter().find(|field| rule.has(field)) {
            problems.schema(only_jsonpath(field), &location);
            continue;
        }
        let fields = ["Condition", "Next", "Assign", "Output", "Comment"];
        rule.only(&fields, problems);
        if !rule.has("Condition") {
            let message = "The object must have only one of the following fields, [And, Or, Not, Variable, Condition]";
            problems.schema(message, &location);
        }
        rule.required(&["Next"], problems);
        rule.comment(problems);
        let read = |value: &Value| boolean(value).map_err(|_| "Expected a boolean or a JSONata expression".to_owned());
        let condition = rule.field("Condition", read, problems);
        let next = rule.string("Next", problems);
        let exit = exit(&rule, NO_RESULT, problems);
        if let (Some(condition), Some(next)) = (condition, next) {
            rules.push(ChoiceRule { condition, exit, next });
        }
    }
    Some(Kind::Choice(ChoiceState { rules, default }))
}

fn fail(state: &Object<'_>, problems: &mut Problems) -> Kind {
    let read = |value: &Value| string(value).map_err(|_| "Expected value of type [STRING]".to_owned());
    let error = state.field("Error", read, problems);
    let cause = state.field("Cause", read, problems);
    Kind::Fail(FailState { error, cause })
}

fn parallel(parser: &mut Parser, state: &Object<'_>) -> Option<Kind> {
    state.required(&["Branches"], &mut parser.problems);
    let arguments = state.template("Arguments", NO_RESULT, &mut parser.problems);
    let handlers = handlers(state, &mut parser.problems);
    let transition = transition(state, &mut parser.problems);
    let mut branches = Vec::new();
    for (at, value) in state.array("Branches", true, &mut parser.problems)?.iter().enumerate() {
        let location = format!("{}[{at}]", state.at("Branches"));
        if let Some(branch) = parser.problems.object(value, &location) {
            branches.extend(parser.inner_scope(&branch, &[]));
        }
    }
    Some(Kind::Parallel(ParallelState {
        arguments,
        branches,
        handlers,
        transition: transition?,
    }))
}

fn map(parser: &mut Parser, state: &Object<'_>) -> Option<Kind> {
    let problems = &mut parser.problems;
    let items = items(state, problems);
    let item_selector = state.template("ItemSelector", NO_RESULT, problems);
    let max_concurrency = state.whole_field("MaxConcurrency", &(0..=u64::MAX), problems);
    // AWS takes these two in INLINE mode too, and does not follow them there.
    state.whole_field("ToleratedFailureCount", &(0..=u64::MAX), problems);
    state.whole_field("ToleratedFailurePercentage", &(0..=100), problems);
    let handlers = handlers(state, problems);
    let transition = transition(state, problems);
    // `Iterator` is the older name of `ItemProcessor`.
    let field = state.one_of(&["ItemProcessor", "Iterator"], problems)?;
    let processor = problems.object(state.get(field)?, &state.at(field))?;
    refuse_distributed(&processor, problems);
    let processor = parser.inner_scope(&processor, &["ProcessorConfig"])?;
    Some(Kind::Map(Box::new(MapState {
        items,
        item_selector,
        max_concurrency,
        processor,
        handlers,
        transition: transition?,
    })))
}

fn items(state: &Object<'_>, problems: &mut Problems) -> Option<Items> {
    if state.get("Items")?.is_array() {
        let template = state.template("Items", NO_RESULT, problems)?;
        return Some(Items::Template(template));
    }
    let read = |_: &Value| Err("Expected an array or a JSONata expression".to_owned());
    state.field("Items", read, problems).map(Items::Expression)
}

fn refuse_distributed(processor: &Object<'_>, problems: &mut Problems) {
    let Some(value) = processor.get("ProcessorConfig") else {
        return;
    };
    let Some(config) = problems.object(value, &processor.at("ProcessorConfig")) else {
        return;
    };
    let modes = [("INLINE", false), ("DISTRIBUTED", true)];
    match config.word("Mode", &modes, problems) {
        Some(true) => {
            let message = "Distributed Map is not supported here: use the Mode 'INLINE'";
            problems.schema(message, &config.at("Mode"));
        }
        _ => config.only(&["Mode"], problems),
    }
}
