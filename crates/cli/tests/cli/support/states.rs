//! What Terraform keeps of stacks in S3.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Server;

/// The bucket of Terraform's states.
const STATES: &str = "slipway-state-000000000000-us-east-1";

/// The objects of the state bucket that belong to a stack, by their keys.
pub async fn objects(server: &Server, stack: &str) -> BTreeMap<String, Vec<u8>> {
    let vars = [
        ("AWS_ENDPOINT_URL", server.aws.as_str()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "any"),
        ("AWS_SECRET_ACCESS_KEY", "any"),
    ];
    let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let config = aws_sdk_s3::config::Builder::from(&slipway_aws::sdk_config(&vars)).force_path_style(true);
    let client = aws_sdk_s3::Client::from_conf(config.build());
    let listed = client
        .list_objects_v2()
        .bucket(STATES)
        .send()
        .await
        .expect("the bucket is there");
    let keys = listed.contents().iter().filter_map(|object| object.key());
    let mut objects = BTreeMap::new();
    for key in keys.filter(|key| key.contains(stack)) {
        let object = client
            .get_object()
            .bucket(STATES)
            .key(key)
            .send()
            .await
            .expect("an object");
        let bytes = object.body.collect().await.expect("its bytes").to_vec();
        objects.insert(key.to_owned(), bytes);
    }
    objects
}

/// The resources in a stack's state; the state is not locked.
pub async fn known(server: &Server, stack: &str) -> BTreeSet<String> {
    let objects = objects(server, stack).await;
    assert!(
        !objects.keys().any(|key| key.ends_with(".tflock")),
        "{:?}",
        objects.keys()
    );
    let state = objects.iter().find(|(key, _)| key.ends_with(".tfstate"));
    let state: Value = state.map_or(Value::Null, |(_, bytes)| serde_json::from_slice(bytes).expect("JSON"));
    let resources = state["resources"].as_array().cloned().unwrap_or_default();
    let names = resources
        .iter()
        .map(|resource| resource["name"].as_str().expect("a name").to_owned());
    names.collect()
}
