//! The list of a stack's marked values, beside its state: what Terraform marks as sensitive, and what the environment references.

use slipway_model::id::StackId;
use slipway_model::secret::Marked;

use crate::console::say;
use crate::error::Error;
use crate::objects::Bucket;
use crate::secrets;

/// Leaves what was learnt of marks and references for the functions that show what the stack's containers print.
pub(crate) async fn keep(states: &Bucket, stack: &StackId) -> Result<(), Error> {
    let marked = secrets::marked();
    if marked.is_empty() {
        return Ok(());
    }
    let key = Marked::key(stack);
    let kept = match states.get(&key).await? {
        Some(object) => {
            let list = Marked::parse(&object.bytes);
            list.ok_or_else(|| states.failed("understand", &key, "it is no list of texts".into()))?
        }
        None => Marked::default(),
    };
    let list = marked.with_earlier(kept.clone());
    if list == kept {
        return Ok(());
    }
    if list.is_too_long() {
        say(format_args!(
            "Terraform marks more text as sensitive than Slipway can search for: what containers print is not shown."
        ));
    }
    states.put(&key, list.to_json()).await
}
