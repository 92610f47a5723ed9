//! Repositories, tags, and what pushes mean in any order.

use super::*;
use proptest::prelude::*;

const ARN: &str = "arn:aws:ecr:eu-west-1:111122223333:repository/shop/web";

fn push(tag: &str, image: &str, at: &str) -> Push {
    Push {
        repository: ARN.parse().expect("a repository"),
        tag: tag.to_owned(),
        pushed: Pushed {
            digest: Digest::of(image.as_bytes()),
            at: at.parse().expect("a time"),
        },
    }
}

#[test]
fn a_repository_is_its_arn_and_names_images() {
    let repository: Repository = ARN.parse().expect("a repository");
    assert_eq!(repository.to_string(), ARN);
    let digest = Digest::of(b"");
    let image = repository.image(&digest).expect("an image").to_string();
    assert_eq!(
        image,
        format!("111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop/web@{digest}")
    );
    let china: Repository = "arn:aws-cn:ecr:cn-north-1:111122223333:repository/web"
        .parse()
        .expect("one");
    assert!(
        china
            .image(&digest)
            .expect("an image")
            .repository()
            .contains(".amazonaws.com.cn/")
    );
    for wrong in [
        "shop/web",
        "arn:aws:ecr:eu-west-1:1111:repository/shop",
        "arn:aws:ecr:eu-west-1:111122223333:repository/../x",
        "arn:aws:ecr:eu-west-1:111122223333:repository/",
        "arn:aws:ecr:eu-west-1:111122223333:repository/web:v1",
        "arn:aws:ecr:*:111122223333:repository/web",
        "arn:aws-cn:ecr:eu-west-1:111122223333:repository/web",
        "arn:aws:s3:::repository/web",
    ] {
        assert!(wrong.parse::<Repository>().is_err(), "{wrong}");
    }
}

#[test]
fn a_star_stands_for_any_characters() {
    for (pattern, matching, others) in [
        ("*", &["v1", "latest", ""][..], &[][..]),
        ("v1", &["v1"][..], &["v", "v11", "xv1"][..]),
        ("v*", &["v", "v1.2"][..], &["1v", ""][..]),
        ("v*.0", &["v1.0", "v.0"][..], &["v10", "v1.0-rc"][..]),
        ("*-main-*", &["a-main-1", "-main-"][..], &["main", "-main"][..]),
        ("a*a", &["aa", "aba"][..], &["a"][..]),
    ] {
        let pattern: TagPattern = pattern.parse().expect("a pattern");
        assert!(matching.iter().all(|tag| pattern.matches(tag)), "{pattern:?}");
        assert!(!others.iter().any(|tag| pattern.matches(tag)), "{pattern:?}");
    }
    for wrong in ["", "v?", "v 1", "${x}", &"a".repeat(129)] {
        assert!(wrong.parse::<TagPattern>().is_err(), "{wrong}");
    }
}

proptest! {
    /// For pushes in any order and any number, the newest is released last, and none is released after a newer one.
    #[test]
    fn the_newest_push_wins_in_any_order(order in prop::collection::vec(0..6_usize, 1..20)) {
        let mut subscription = Subscription {
            repository: ARN.parse().expect("a repository"),
            tags: "v*".parse().expect("a pattern"),
            newest: None,
        };
        let mut last = None;
        for index in &order {
            let push = push("v1", &index.to_string(), &format!("2026-05-23T12:00:0{index}Z"));
            if subscription.meaning(&push) == Meaning::Release {
                prop_assert!(last < Some(*index), "{:?}", order);
                last = Some(*index);
                subscription.newest = Some(push.pushed);
            }
        }
        prop_assert_eq!(last, order.iter().max().copied());
    }
}

#[test]
fn same_image_under_another_tag_is_ignored() {
    let mut subscription = Subscription {
        repository: ARN.parse().expect("a repository"),
        tags: "v*".parse().expect("a pattern"),
        newest: Some(push("v1", "a", "2026-05-23T12:00:00Z").pushed),
    };
    assert_eq!(
        subscription.meaning(&push("v2", "a", "2026-05-23T13:00:00Z")),
        Meaning::Known
    );
    assert_eq!(
        subscription.meaning(&push("latest", "b", "2026-05-23T13:00:00Z")),
        Meaning::Nothing
    );
    assert_eq!(
        subscription.meaning(&push("v2", "b", "2026-05-23T11:00:00Z")),
        Meaning::Late
    );
    subscription.newest = Some(push("v2", "b", "2026-05-23T13:00:00Z").pushed);
    // A repeated push of an earlier image reverts to it.
    assert_eq!(
        subscription.meaning(&push("v3", "a", "2026-05-23T14:00:00Z")),
        Meaning::Release
    );
}
