//! Task definitions of a release: the shape that the blueprint gives, with the release's images in it.
//!
//! A shape is whatever JSON `ecs:RegisterTaskDefinition` takes, in its own words, so it goes to ECS as it is rather than
//! through the SDK's types, which would drop what they do not know. A revision carries the digest of what it was registered
//! from in a tag: registering the same again finds it and makes no second one.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ecs::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_ecs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ecs::error::BoxError;

use aws_sdk_ecs::operation::describe_task_definition::DescribeTaskDefinitionError;
use aws_sdk_ecs::types::TaskDefinitionField;
use aws_smithy_types::body::SdkBody;
use serde_json::{Map, Value, json};
use slipway_model::contract::{Service, takes_image};
use slipway_model::id::ReleaseNumber;
use slipway_model::name::{Digest, Image, Name};

use crate::stack_account::StackAccount;
use crate::{StepError, aws};

/// The tag with the digest of what a revision was registered from.
const DIGEST_TAG: &str = "slipway:definition";

/// The tag with the number of the release that it was registered for.
pub(crate) const RELEASE_TAG: &str = "slipway:release";

/// The tag with the ARN of the revision in whose place one stands that was deregistered.
const RESTORES_TAG: &str = "slipway:restores";

/// Fields that ECS adds to a task definition at registration, and `RegisterTaskDefinition` rejects.
const ADDED_BY_ECS: [&str; 8] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
];

/// A revision that a service can be restored to.
#[derive(Debug)]
pub(crate) struct Usable {
    pub arn: String,
    /// The release that it was registered for; none if it was not registered by Slipway.
    pub release: Option<ReleaseNumber>,
}

/// The task definition of a service with the release's image: every container that names no image of its own gets it.
pub(crate) fn with_image(
    family: &str,
    service: &Name,
    shape: &Service,
    image: Option<&Image>,
) -> Result<Value, StepError> {
    let mut definition = shape.task_definition.clone();
    definition["family"] = family.into();
    let containers = definition["containerDefinitions"].as_array_mut().into_iter().flatten();
    for container in containers.filter(|container| takes_image(container)) {
        let Some(image) = image else {
            return Err(StepError::ContractInvalid(format!(
                "the release has no image for the service `{service}`: release it again with one"
            )));
        };
        container["image"] = image.to_string().into();
    }
    Ok(definition)
}

/// The container in which a service's commands run: the first one with the release's image, or else the first.
pub(crate) fn container(shape: &Service) -> Option<&str> {
    let containers = shape.task_definition.get("containerDefinitions")?.as_array()?;
    let own = containers.iter().find(|container| takes_image(container));
    own.or(containers.first())?.get("name")?.as_str()
}

/// Whether its tasks use the network of their host, or none. ECS takes a network configuration only for the mode `awsvpc`, and a
/// definition without a mode gets `bridge`
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#network_mode>).
pub(crate) fn shares_network(shape: &Service) -> bool {
    let mode = shape.task_definition.get("networkMode").and_then(Value::as_str);
    mode != Some("awsvpc")
}

/// The same JSON with the fields of every object in one order: equal definitions have equal texts.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields
                .iter()
                .map(|(name, field)| (name.clone(), sorted(field)))
                .collect();
            fields.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

impl StackAccount {
    /// The ARN of a revision with this content: the one that is there, or a new one with these tags.
    pub(crate) async fn ensure_registered(
        &self,
        definition: &Value,
        tags: &[(&str, String)],
    ) -> Result<String, StepError> {
        let digest = Digest::of(sorted(definition).to_string().as_bytes());
        let family = definition["family"].as_str().unwrap_or_default();
        match self.find_registered(family, &digest).await? {
            Some(arn) => Ok(arn),
            None => self.register(family, definition, tags, &digest).await,
        }
    }

    /// A revision that can be used as this one can: itself, or its like where it was deregistered.
    pub(crate) async fn usable(&self, arn: &str) -> Result<Usable, StepError> {
        let Some(described) = self.describe(arn).await? else {
            return Err(StepError::RolloutFailed(format!(
                "the task definition {arn}, which a service runs, no longer exists, so the service could not be restored to it"
            )));
        };
        let release = tag(&described, RELEASE_TAG).and_then(|number| number.parse().ok());
        let release = release.map(ReleaseNumber);
        let mut definition = described["taskDefinition"].clone();
        if definition["status"] == "ACTIVE" {
            let arn = arn.to_owned();
            return Ok(Usable { arn, release });
        }
        if let Some(fields) = definition.as_object_mut() {
            fields.retain(|name, _| !ADDED_BY_ECS.contains(&name.as_str()));
        }
        let mut tags = vec![(RESTORES_TAG, arn.to_owned())];
        tags.extend(release.map(|number| (RELEASE_TAG, number.to_string())));
        let arn = self.ensure_registered(&definition, &tags).await?;
        Ok(Usable { arn, release })
    }

    /// The newest revision of the family if it was registered from this content, or the one before: while a release is
    /// prepared a second time, its own revision may stand after the one that it may have to be rolled back to.
    async fn find_registered(&self, family: &str, digest: &Digest) -> Result<Option<String>, StepError> {
        let mut name = family.to_owned();
        for _ in 0..2 {
            let Some(described) = self.describe(&name).await? else {
                break;
            };
            let definition = &described["taskDefinition"];
            if definition["status"] == "ACTIVE" && tag(&described, DIGEST_TAG) == Some(digest.as_str()) {
                return Ok(definition["taskDefinitionArn"].as_str().map(str::to_owned));
            }
            match definition["revision"].as_u64() {
                Some(revision) if revision > 1 => name = format!("{family}:{}", revision - 1),
                _ => break,
            }
        }
        Ok(None)
    }

    /// What `ecs:DescribeTaskDefinition` answers, as JSON; `None` where there is no such definition.
    async fn describe(&self, name: &str) -> Result<Option<Value>, StepError> {
        let kept = KeptBody::default();
        let described = self
            .ecs
            .describe_task_definition()
            .task_definition(name)
            .include(TaskDefinitionField::Tags);
        let doing = || format!("read the task definition {name}");
        match described.customize().interceptor(kept.clone()).send().await {
            Ok(_) => serde_json::from_slice(&kept.take())
                .map(Some)
                .map_err(|error| StepError::Refused {
                    doing: doing(),
                    said: "the answer is not JSON".to_owned(),
                    source: error.into(),
                }),
            // ECS's code for a family or revision that does not exist, and for nothing else in these calls.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DescribeTaskDefinitionError::is_client_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(aws::failed(doing(), error)),
        }
    }

    async fn register(
        &self,
        family: &str,
        definition: &Value,
        tags: &[(&str, String)],
        digest: &Digest,
    ) -> Result<String, StepError> {
        let doing = format!("register the task definition {family}");
        let mut request = definition.clone();
        request["tags"] = with_tags(definition, tags, digest);
        let body = request.to_string();
        // The SDK makes, signs and sends a request that is valid in itself; what it says is ours.
        let registered = self
            .ecs
            .register_task_definition()
            .family(family)
            .set_container_definitions(Some(Vec::new()));
        let registered = registered.customize().mutate_request(move |request| {
            request.headers_mut().insert("content-length", body.len().to_string());
            *request.body_mut() = SdkBody::from(body.as_str());
        });
        let answer = registered.send().await;
        let answer = answer.map_err(|error| rejected(family, aws::failed(doing, error)))?;
        let arn = answer
            .task_definition
            .and_then(|definition| definition.task_definition_arn);
        arn.ok_or_else(|| StepError::RolloutFailed(format!("ECS gave the task definition {family} no ARN")))
    }
}

/// What ECS says against a task definition is the blueprint's to correct.
fn rejected(family: &str, error: StepError) -> StepError {
    match error {
        StepError::Refused { said, .. }
            if said.starts_with("ClientException") || said.starts_with("InvalidParameterException") =>
        {
            StepError::ContractInvalid(format!(
                "ECS rejects the task definition `{family}` ({said}): correct it in the blueprint, then update the stack"
            ))
        }
        other => other,
    }
}

/// The tags of the blueprint's own shape, and ours.
fn with_tags(definition: &Value, tags: &[(&str, String)], digest: &Digest) -> Value {
    let mut all: Map<String, Value> = Map::new();
    for own in definition.get("tags").and_then(Value::as_array).into_iter().flatten() {
        if let Some(key) = own["key"].as_str() {
            all.insert(key.to_owned(), own["value"].clone());
        }
    }
    all.extend(
        tags.iter()
            .map(|(key, value)| ((*key).to_owned(), value.as_str().into())),
    );
    all.insert(DIGEST_TAG.to_owned(), digest.as_str().into());
    all.into_iter()
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect()
}

fn tag<'a>(described: &'a Value, key: &str) -> Option<&'a str> {
    let mut tags = described.get("tags")?.as_array()?.iter();
    tags.find(|tag| tag["key"] == key)?["value"].as_str()
}

/// Keeps the body of an answer as it came.
#[derive(Debug, Clone, Default)]
struct KeptBody(Arc<Mutex<Vec<u8>>>);

impl KeptBody {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Intercept for KeptBody {
    fn name(&self) -> &'static str {
        "KeptBody"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = body.to_vec();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(containers: &Value) -> Service {
        Service {
            name: "web".to_owned(),
            task_definition: json!({"cpu": "256", "containerDefinitions": containers}),
            desired_count: 1,
            scaling: None,
            strategy: slipway_model::contract::Strategy::Rolling,
            quiesce: false,
            rollout_timeout_seconds: 1_800,
        }
    }

    #[test]
    fn rejected_task_definition_is_the_blueprints() {
        let refused = |said: &str| StepError::Refused {
            doing: "register".to_owned(),
            said: said.to_owned(),
            source: said.into(),
        };
        let error = rejected("web", refused("ClientException: No Fargate configuration exists"));
        assert_eq!(error.name(), "Slipway.ContractInvalid");
        assert!(
            error.text().contains("`web`") && error.text().contains("Fargate"),
            "{error}"
        );
        assert_eq!(rejected("web", refused("Other: x")).name(), "Slipway.Internal");
    }

    #[test]
    fn only_containers_without_an_image_run_the_release() {
        let image: Image = format!("app@sha256:{}", "0".repeat(64)).parse().expect("an image");
        let web: Name = "web".parse().expect("a name");
        let shape =
            shape(&json!([{"name": "logs", "image": "router"}, {"name": "web"}, {"name": "jobs", "image": null}]));
        let definition = with_image("x-web", &web, &shape, Some(&image)).expect("a definition");
        let images: Vec<&Value> = (0..3)
            .map(|n| &definition["containerDefinitions"][n]["image"])
            .collect();
        assert_eq!(images, [&json!("router"), &json!(image), &json!(image)]);
        assert_eq!(container(&shape), Some("web"));
        assert!(matches!(
            with_image("x-web", &web, &shape, None),
            Err(StepError::ContractInvalid(text)) if text.contains("`web`")
        ));
    }

    #[test]
    fn the_order_of_fields_makes_no_other_definition() {
        let one: Value = serde_json::from_str(r#"{"b": [{"d": 1, "c": 2}], "a": {}}"#).expect("JSON");
        let other: Value = serde_json::from_str(r#"{"a": {}, "b": [{"c": 2, "d": 1}]}"#).expect("JSON");
        assert_eq!(sorted(&one).to_string(), sorted(&other).to_string());
    }
}
