//! Versions of objects.

use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};

use super::{BUCKET, bucket, code, get, put};

#[tokio::test]
async fn a_versioned_bucket_keeps_what_was_overwritten_and_deleted() {
    let (server, client) = bucket().await;
    put(&client, "k", "before").await;
    let enabled = VersioningConfiguration::builder()
        .status(BucketVersioningStatus::Enabled)
        .build();
    let enable = client
        .put_bucket_versioning()
        .bucket(BUCKET)
        .versioning_configuration(enabled);
    enable.send().await.expect("enables");
    put(&client, "k", "one").await;
    put(&client, "k", "two").await;
    let deleted = client
        .delete_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .expect("deletes");
    assert_eq!(deleted.delete_marker, Some(true));
    assert_eq!(get(&client, "k").await, None);
    let listed = client.list_objects_v2().bucket(BUCKET).send().await.expect("lists");
    assert_eq!(listed.key_count, Some(0));

    let all = client
        .list_object_versions()
        .bucket(BUCKET)
        .send()
        .await
        .expect("lists versions");
    let ids: Vec<&str> = all
        .versions()
        .iter()
        .filter_map(|version| version.version_id())
        .collect();
    assert_eq!((ids.len(), all.delete_markers().len()), (3, 1));
    assert_eq!(ids[2], "null");
    let one = client
        .get_object()
        .bucket(BUCKET)
        .key("k")
        .version_id(ids[1])
        .send()
        .await
        .expect("gets");
    assert_eq!(one.body.collect().await.expect("a body").to_vec(), b"one");

    // Taking the marker away brings the newest version back.
    let marker = deleted.version_id.expect("a version");
    client
        .delete_object()
        .bucket(BUCKET)
        .key("k")
        .version_id(marker)
        .send()
        .await
        .expect("deletes");
    assert_eq!(get(&client, "k").await.as_deref(), Some(&b"two"[..]));

    let full = client.delete_bucket().bucket(BUCKET).send().await;
    assert_eq!(code(full), (409, "BucketNotEmpty".to_owned()));
    for id in ids {
        client
            .delete_object()
            .bucket(BUCKET)
            .key("k")
            .version_id(id)
            .send()
            .await
            .expect("deletes");
    }
    client
        .delete_bucket()
        .bucket(BUCKET)
        .send()
        .await
        .expect("deletes the bucket");
    let left = std::fs::read_dir(server.folder.path().join("s3/bodies"))
        .expect("the folder")
        .count();
    assert_eq!(left, 0);
    assert_eq!(code(client.head_bucket().bucket(BUCKET).send().await).0, 404);
}

#[tokio::test]
async fn version_listings_are_paged_inside_a_key() {
    let (_server, client) = bucket().await;
    let enabled = VersioningConfiguration::builder()
        .status(BucketVersioningStatus::Enabled)
        .build();
    let enable = client
        .put_bucket_versioning()
        .bucket(BUCKET)
        .versioning_configuration(enabled);
    enable.send().await.expect("enables");
    for key in ["a", "b"] {
        for body in ["1", "2", "3"] {
            put(&client, key, body).await;
        }
    }
    let (mut key, mut version, mut found) = (None, None, Vec::new());
    loop {
        let list = client.list_object_versions().bucket(BUCKET).max_keys(2);
        let page = list
            .set_key_marker(key)
            .set_version_id_marker(version)
            .send()
            .await
            .expect("lists");
        found.extend(page.versions().iter().filter_map(|version| version.key.clone()));
        if page.is_truncated != Some(true) {
            break;
        }
        (key, version) = (page.next_key_marker, page.next_version_id_marker);
    }
    assert_eq!(found, ["a", "a", "a", "b", "b", "b"]);
}
