//! The resources of the template as local mode knows them, one by one.

use std::collections::BTreeMap;

use super::kind::Kind;
use super::resolve::Resolver;
use super::resources::{
    BucketProperties, EventBusProperties, FunctionEvent, FunctionProperties, LogGroupProperties, ProjectProperties,
    QueueProperties, StateMachineProperties, StreamSpecification, TableProperties,
};
use super::{
    Bucket, CreateTable, Function, LogGroup, Mapping, Project, Queue, Rule, Schedule, StateMachine, Table,
    TemplateError,
};

/// What has been read so far.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) tables: Vec<Table>,
    pub(super) buckets: Vec<Bucket>,
    pub(super) log_groups: Vec<LogGroup>,
    pub(super) queues: Vec<Queue>,
    pub(super) buses: Vec<String>,
    pub(super) functions: BTreeMap<String, Function>,
    pub(super) state_machines: Vec<StateMachine>,
    pub(super) projects: Vec<Project>,
    pub(super) rules: Vec<Rule>,
    pub(super) schedules: Vec<Schedule>,
    pub(super) mappings: Vec<Mapping>,
}

impl Parts {
    pub(super) fn take(
        &mut self,
        resolver: &Resolver<'_>,
        logical_id: &str,
        kind: Kind,
        definition: &str,
    ) -> Result<(), TemplateError> {
        match kind {
            Kind::Table => self.tables.push(table(resolver.properties(logical_id)?)),
            Kind::Bucket => {
                let properties: BucketProperties = resolver.properties(logical_id)?;
                self.buckets.push(Bucket {
                    name: properties.bucket_name,
                    versioned: properties
                        .versioning_configuration
                        .is_some_and(|it| it.status == "Enabled"),
                });
            }
            Kind::LogGroup => {
                let properties: LogGroupProperties = resolver.properties(logical_id)?;
                self.log_groups.push(LogGroup {
                    name: properties.log_group_name,
                    retention_in_days: properties.retention_in_days,
                });
            }
            Kind::Queue => self.queues.push(queue(resolver.properties(logical_id)?)),
            Kind::EventBus => {
                let properties: EventBusProperties = resolver.properties(logical_id)?;
                self.buses.push(properties.name);
            }
            Kind::Function => self.function(resolver, logical_id)?,
            Kind::StateMachine => {
                let properties: StateMachineProperties = resolver.properties(logical_id)?;
                self.state_machines.push(StateMachine {
                    arn: resolver.arn(logical_id)?,
                    definition: substitute(definition, &properties.definition_substitutions)?,
                    name: properties.name,
                    alias: properties.auto_publish_alias,
                    role_arn: properties.role,
                });
            }
            Kind::Project => {
                let properties = resolver.properties(logical_id)?;
                self.projects.push(project(resolver.arn(logical_id)?, properties));
            }
            Kind::MeaninglessHere => {}
        }
        Ok(())
    }

    fn function(&mut self, resolver: &Resolver<'_>, logical_id: &str) -> Result<(), TemplateError> {
        let properties: FunctionProperties = resolver.properties(logical_id)?;
        for (event, what) in properties.events {
            let (name, function) = (format!("{logical_id}{event}"), logical_id.to_owned());
            match what {
                FunctionEvent::EventBridgeRule {
                    pattern,
                    dead_letter_config,
                } => self.rules.push(Rule {
                    name,
                    pattern,
                    function,
                    dead_letter: dead_letter_config.map(|queue| queue.arn),
                }),
                FunctionEvent::DynamoDb {
                    _stream: _,
                    filter_criteria,
                    batch_size,
                    maximum_retry_attempts: retries,
                    destination_config,
                } => self.mappings.push(Mapping {
                    name,
                    function,
                    patterns: filter_criteria
                        .filters
                        .into_iter()
                        .map(|filter| filter.pattern)
                        .collect(),
                    batch_size,
                    retries,
                    on_failure: destination_config.on_failure.destination,
                }),
                FunctionEvent::ScheduleV2 {
                    schedule_expression: expression,
                } => {
                    self.schedules.push(Schedule {
                        name,
                        expression,
                        function,
                    });
                }
            }
        }
        let invoke = properties.event_invoke_config;
        self.functions.insert(
            logical_id.to_owned(),
            Function {
                arn: resolver.arn(logical_id)?,
                name: properties.function_name,
                timeout_seconds: properties.timeout,
                environment: properties.environment.variables,
                retries: invoke.maximum_retry_attempts,
                on_failure: invoke.destination_config.map(|config| config.on_failure.destination),
            },
        );
        Ok(())
    }
}

fn table(properties: TableProperties) -> Table {
    Table {
        name: properties.table_name.clone(),
        ttl_attribute: properties
            .time_to_live_specification
            .filter(|ttl| ttl.enabled)
            .map(|ttl| ttl.attribute_name),
        create_table: CreateTable {
            table_name: properties.table_name,
            attribute_definitions: properties.attribute_definitions,
            key_schema: properties.key_schema,
            global_secondary_indexes: properties.global_secondary_indexes,
            billing_mode: properties.billing_mode,
            stream_specification: properties.stream_specification.map(|_keys_only| StreamSpecification {
                stream_enabled: true,
                stream_view_type: "KEYS_ONLY",
            }),
        },
    }
}

fn queue(properties: QueueProperties) -> Queue {
    let seconds = properties.message_retention_period;
    let retention = seconds.map(|seconds| ("MessageRetentionPeriod".to_owned(), seconds.to_string()));
    Queue {
        name: properties.queue_name,
        attributes: retention.into_iter().collect(),
    }
}

fn project(arn: String, properties: ProjectProperties) -> Project {
    Project {
        arn,
        name: properties.name,
        description: properties.description,
        service_role: properties.service_role,
        timeout_in_minutes: properties.timeout_in_minutes,
        queued_timeout_in_minutes: properties.queued_timeout_in_minutes,
        concurrent_build_limit: properties.concurrent_build_limit,
        environment_type: properties.environment.kind,
        compute_type: properties.environment.compute_type,
        image: properties.environment.image,
        environment_variables: properties.environment.environment_variables,
        buildspec: properties.source.build_spec,
        log_group: properties.logs_config.cloud_watch_logs.group_name,
    }
}

/// Puts the values in, as CloudFormation does: plain text for every `${Name}`.
fn substitute(definition: &str, values: &BTreeMap<String, String>) -> Result<String, TemplateError> {
    let mut text = String::with_capacity(definition.len());
    let mut rest = definition;
    while let Some((before, after)) = rest.split_once("${") {
        // Without a closing brace it is no substitution, and stays.
        let Some((name, after)) = after.split_once('}') else {
            break;
        };
        let value = values
            .get(name)
            .ok_or_else(|| TemplateError::Substitution { name: name.to_owned() })?;
        text.push_str(before);
        text.push_str(value);
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}
