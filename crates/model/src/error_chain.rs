//! An error with what led to it, in one line: what logs and operators get.

use std::error::Error;

/// The text of the error and of each of its sources, with colons between.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let part = cause.to_string();
        // The AWS clients repeat the inner text in some of the outer ones.
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Self>>);

    #[test]
    fn every_layer_is_printed_once() {
        let inner = Layer("no route to host", None);
        let middle = Layer("dispatch failure: no route to host", Some(Box::new(inner)));
        let outer = Layer("the table cannot be read", Some(Box::new(middle)));
        assert_eq!(
            chain(&outer),
            "the table cannot be read: dispatch failure: no route to host"
        );
    }
}
