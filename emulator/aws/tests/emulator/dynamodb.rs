//! DynamoDB through the AWS SDK, on the one port.

use crate::support::{self, Server};
use aws_emulator::dynamodb::DynamoDb;
use aws_emulator::endpoint::Endpoint;
use aws_emulator::wire::JsonProtocol;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use serde_json::{Value, json};

fn definition() -> Value {
    json!({
        "TableName": "slipway", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"},
            {"AttributeName": "owner", "AttributeType": "S"},
        ],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "GlobalSecondaryIndexes": [{
            "IndexName": "by-owner", "Projection": {"ProjectionType": "ALL"},
            "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        }],
    })
}

async fn server() -> (Server, DynamoDb, Client) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tables = DynamoDb::open(&folder.path().join("dynamodb.db")).expect("opens");
    tables
        .ensure_table(&definition(), Some("expires_at"))
        .expect("makes the table");
    let endpoint = Endpoint::new(support::open_s3(folder.path())).json("DynamoDB_20120810", JsonProtocol::V1_0, {
        let tables = tables.clone();
        move |action, body| {
            let tables = tables.clone();
            Box::pin(async move { tables.call(&action, body).await })
        }
    });
    let server = Server::start(folder, endpoint).await;
    let client = Client::new(&server.sdk());
    (server, tables, client)
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditions_transactions_and_queries_are_those_of_dynamodb() {
    let (_server, _tables, client) = server().await;
    for number in 0..3 {
        let put = client
            .put_item()
            .table_name("slipway")
            .item("pk", text("a"))
            .item("sk", text(&number.to_string()));
        put.item("owner", text("ann")).send().await.expect("puts");
    }
    let put = Put::builder()
        .table_name("slipway")
        .item("pk", text("a"))
        .item("sk", text("0"))
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .expect("a put");
    let write = TransactWriteItem::builder().put(put).build();
    let error = client
        .transact_write_items()
        .transact_items(write)
        .send()
        .await
        .expect_err("exists");
    let error = error.into_service_error();
    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(cause) =
        error
    else {
        panic!("{error:?}");
    };
    let reason = &cause.cancellation_reasons()[0];
    assert_eq!(reason.code(), Some("ConditionalCheckFailed"));
    assert_eq!(reason.item().expect("the item")["owner"], text("ann"));

    let query = client
        .query()
        .table_name("slipway")
        .index_name("by-owner")
        .limit(2)
        .scan_index_forward(false);
    let query = query
        .key_condition_expression("#o = :o")
        .expression_attribute_names("#o", "owner");
    let page = query
        .expression_attribute_values(":o", text("ann"))
        .send()
        .await
        .expect("queries");
    let keys: Vec<_> = page.items().iter().map(|item| item["sk"].clone()).collect();
    assert_eq!(keys, [text("2"), text("1")]);
    assert!(page.last_evaluated_key().is_some());

    let refused = client
        .put_item()
        .table_name("slipway")
        .item("pk", text("a"))
        .send()
        .await
        .expect_err("no sk");
    assert_eq!(refused.code(), Some("ValidationException"));
    let refused = client
        .describe_table()
        .table_name("nothing")
        .send()
        .await
        .expect_err("no table");
    assert_eq!(refused.code(), Some("ResourceNotFoundException"));
    let refused = client.describe_limits().send().await.expect_err("not supported");
    assert_eq!(refused.code(), Some("UnknownOperationException"));
}

#[tokio::test]
async fn expired_items_go_and_the_others_stay() {
    let (_server, tables, client) = server().await;
    for (key, expires) in [("past", "1000000000"), ("future", "9999999999")] {
        let put = client
            .put_item()
            .table_name("slipway")
            .item("pk", text(key))
            .item("sk", text("-"));
        put.item("expires_at", AttributeValue::N(expires.to_owned()))
            .send()
            .await
            .expect("puts");
    }
    assert_eq!(tables.sweep().expect("sweeps"), 1);
    let left = client.scan().table_name("slipway").send().await.expect("scans");
    assert_eq!(left.items()[0]["pk"], text("future"));
}

#[test]
fn a_table_is_kept_and_one_with_another_layout_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let open = || DynamoDb::open(&folder.path().join("dynamodb.db")).expect("opens");
    open().ensure_table(&definition(), None).expect("makes the table");
    open().ensure_table(&definition(), None).expect("finds the table");
    let mut other = definition();
    other["GlobalSecondaryIndexes"][0]["IndexName"] = json!("by-name");
    let error = open().ensure_table(&other, None).expect_err("refused");
    assert!(error.to_string().contains("another data folder"), "{error}");
}
