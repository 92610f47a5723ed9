//! Writes and deletions on a condition.

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;

use super::{BUCKET, bucket, code, get, put};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_concurrent_conditional_puts_exactly_one_wins() {
    let (server, client) = bucket().await;
    for round in 0..200 {
        let puts = (0..8).map(|racer| {
            let client = client.clone();
            tokio::spawn(async move {
                let body = format!("racer {racer}");
                let put = client.put_object().bucket(BUCKET).key(format!("lock-{round}"));
                let outcome = put
                    .if_none_match("*")
                    .body(body.clone().into_bytes().into())
                    .send()
                    .await;
                outcome
                    .map(|_| body)
                    .map_err(|error| error.code().unwrap_or_default().to_owned())
            })
        });
        let outcomes: Vec<_> = futures::future::join_all(puts).await;
        let outcomes: Vec<_> = outcomes.into_iter().map(|outcome| outcome.expect("no panic")).collect();
        let winners: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
        assert_eq!(winners.len(), 1, "round {round}: {outcomes:?}");
        assert!(outcomes.iter().all(|outcome| match outcome {
            Ok(_) => true,
            Err(code) => code == "PreconditionFailed",
        }));
        assert_eq!(
            get(&client, &format!("lock-{round}")).await.as_deref(),
            Some(winners[0].as_bytes())
        );
    }
    let left = std::fs::read_dir(server.folder.path().join("s3/bodies"))
        .expect("the folder")
        .count();
    assert_eq!(left, 200, "the losers' bodies are deleted");
}

#[tokio::test]
async fn a_write_or_delete_with_a_condition_happens_only_when_it_holds() {
    let (_server, client) = bucket().await;
    let first = put(&client, "state", "one").await;
    let conditional = |etag: &str| client.put_object().bucket(BUCKET).key("state").if_match(etag);
    let second = conditional(&first).body(ByteStream::from_static(b"two")).send().await;
    let second = second.expect("the condition holds").e_tag.expect("an ETag");
    let stale = conditional(&first).body(ByteStream::from_static(b"three")).send().await;
    assert_eq!(code(stale), (412, "PreconditionFailed".to_owned()));
    assert_eq!(get(&client, "state").await.as_deref(), Some(&b"two"[..]));

    let missing = client
        .put_object()
        .bucket(BUCKET)
        .key("nothing")
        .if_match(&first)
        .send()
        .await;
    assert_eq!(code(missing), (404, "NoSuchKey".to_owned()));

    let delete = |etag: &str| client.delete_object().bucket(BUCKET).key("state").if_match(etag).send();
    assert_eq!(code(delete(&first).await), (412, "PreconditionFailed".to_owned()));
    delete(&second).await.expect("deletes");
    assert_eq!(get(&client, "state").await, None);
}
