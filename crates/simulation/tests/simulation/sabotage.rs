//! Promises of AWS that a world may break: the proof that the invariants can fail. The product counts on each of them.

use serde_json::{Map, Value};

/// A broken promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Transactions write also where their conditions do not hold.
    ForgetsConditions,
    /// The items under which the answers to requests are kept are not there.
    ForgetsAnswers,
    /// Every other answer to a task token is accepted, and lost.
    LosesTaskAnswers,
    /// ECS says that a rollout is complete, and runs what it ran before.
    ForgetsRollouts,
}

impl Sabotage {
    pub const ALL: [Self; 4] = [
        Self::ForgetsConditions,
        Self::ForgetsAnswers,
        Self::LosesTaskAnswers,
        Self::ForgetsRollouts,
    ];

    /// The body of a call of the table, as the broken table takes it.
    pub fn rewrite(self, action: &str, body: &Value) -> Option<Value> {
        let mut body = body.clone();
        match (self, action) {
            (Self::ForgetsConditions, "TransactWriteItems") => {
                let items = body["TransactItems"].as_array_mut()?;
                let writes = items
                    .iter_mut()
                    .filter_map(Value::as_object_mut)
                    .flat_map(Map::values_mut);
                for write in writes.filter_map(Value::as_object_mut) {
                    write.retain(|name, _| matches!(name.as_str(), "TableName" | "Item" | "Key"));
                }
            }
            (Self::ForgetsAnswers, "TransactWriteItems") => {
                let keeps_answer = |item: &Value| {
                    let key = item["Put"]["Item"]["pk"]["S"].as_str();
                    key.is_some_and(|key| key.starts_with("answer#"))
                };
                body["TransactItems"].as_array_mut()?.retain(|item| !keeps_answer(item));
            }
            _ => return None,
        }
        Some(body)
    }
}
