//! Images that a task cannot run because they do not exist.

use aws_sdk_ecs::types::Container;

/// What registries say of an image or a repository that they do not have; the last is what the local ECS says.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html>
const SAID: [&str; 4] = [
    ": not found",
    "manifest unknown",
    "does not exist in the registry",
    "there is no image",
];

/// The image of a container that does not exist, if ECS gives that reason for a task that it could not start. What else keeps ECS from
/// an image, such as a missing permission or route, is in the reason.
pub(crate) fn missing_image(container: Option<&Container>, reason: &str) -> Option<String> {
    let is_missing = reason.contains("CannotPull") && SAID.iter().any(|said| reason.contains(said));
    let image = container.and_then(Container::image);
    is_missing.then(|| image.map_or_else(|| "its image".to_owned(), |image| format!("the image `{image}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_image_differs_from_one_out_of_reach() {
        let container = Container::builder().name("web").image("shop@sha256:ab").build();
        for (reason, is_missing) in [
            ("CannotPullContainerError: there is no image shop@sha256:ab", true),
            (
                "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref \
                 registry/shop@sha256:ab: registry/shop@sha256:ab: not found",
                true,
            ),
            (
                "CannotPullContainerError: Error response from daemon: manifest for shop@sha256:ab not found: manifest unknown",
                true,
            ),
            (
                "CannotPullContainerError: The repository with name 'shop' does not exist in the registry with id '111122223333'",
                true,
            ),
            (
                "CannotPullContainerError: pull access denied for shop, repository does not exist or may require 'docker login'",
                false,
            ),
            (
                "CannotPullContainerError: failed to do request: dial tcp: i/o timeout",
                false,
            ),
            ("OutOfMemoryError: not found", false),
        ] {
            let missing = missing_image(Some(&container), reason);
            assert_eq!(
                missing.as_deref(),
                is_missing.then_some("the image `shop@sha256:ab`"),
                "{reason}"
            );
        }
    }
}
