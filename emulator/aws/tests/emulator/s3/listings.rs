//! Listings, in pages and groups.

use super::{BUCKET, bucket, put};

#[tokio::test]
async fn listings_are_paged_and_grouped_as_a_plain_sort_would_do_it() {
    let (_server, client) = bucket().await;
    let keys = [
        "a", "a/1", "a/2", "a/b/3", "b", "b/", "b/1", "c!", "c/1", "d/1", "d/2", "e",
    ];
    for key in keys {
        put(&client, key, "x").await;
    }
    for prefix in ["", "a", "a/", "b/", "z"] {
        for delimiter in [None, Some("/")] {
            let (mut expected, mut groups) = (Vec::new(), Vec::new());
            for key in keys.iter().filter(|key| key.starts_with(prefix)) {
                let cut = delimiter.and_then(|delimiter| key[prefix.len()..].find(delimiter));
                match cut {
                    Some(end) => groups.push(key[..=prefix.len() + end].to_owned()),
                    None => expected.push((*key).to_owned()),
                }
            }
            groups.dedup();
            for page_size in [1, 2, 3, 100] {
                let mut pages = client
                    .list_objects_v2()
                    .bucket(BUCKET)
                    .prefix(prefix)
                    .set_delimiter(delimiter.map(str::to_owned))
                    .max_keys(page_size)
                    .into_paginator()
                    .send();
                let (mut found, mut found_groups) = (Vec::new(), Vec::new());
                while let Some(page) = pages.next().await {
                    let page = page.expect("a page");
                    assert!(page.key_count.unwrap_or_default() <= page_size);
                    found.extend(page.contents().iter().filter_map(|object| object.key.clone()));
                    found_groups.extend(page.common_prefixes().iter().filter_map(|group| group.prefix.clone()));
                }
                assert_eq!(
                    (&found, &found_groups),
                    (&expected, &groups),
                    "{prefix:?} {delimiter:?} {page_size}"
                );
            }
        }
    }
    let after = client
        .list_objects_v2()
        .bucket(BUCKET)
        .start_after("c!")
        .send()
        .await
        .expect("lists");
    assert_eq!(after.key_count, Some(4));
}
