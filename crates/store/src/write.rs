//! Writing items on conditions.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::item::{Item, key_attributes};
use crate::table::{EXPIRES_AT, Key, NOTIFICATIONS, PK};
use crate::{Error, Store};

use self::appended::Appended;

mod appended;

/// How often a change is tried against other writers of the same record. With the pauses of [`pause`] that is a few seconds,
/// in which dozens of writers get their turn.
pub const ATTEMPTS: u32 = 40;

/// On what condition an item is written: that it is still what was read.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    /// It is not there.
    New,
    /// It is not there, or has expired: DynamoDB deletes what has expired within days, not at once.
    NewOrExpired(Timestamp),
    /// It is there.
    Exists,
    /// It has this revision.
    Revision(u64),
    /// This number attribute has this value.
    Number(&'static str, u64),
    /// This text attribute has this value.
    Text(&'static str, String),
    /// It has no attribute of this name, or is not there.
    Without(&'static str),
    /// None: whatever is there is replaced.
    Always,
}

/// A condition in DynamoDB's words: the expression, the attribute that it calls `#a`, the value that it calls `:v`.
type Expression = (&'static str, &'static str, Option<AttributeValue>);

impl Condition {
    fn expression(self) -> Option<Expression> {
        Some(match self {
            Self::Always => return None,
            Self::Without(attribute) => ("attribute_not_exists(#a)", attribute, None),
            Self::New => ("attribute_not_exists(#a)", PK, None),
            Self::Exists => ("attribute_exists(#a)", PK, None),
            Self::NewOrExpired(now) => {
                let now = AttributeValue::N(now.as_second().to_string());
                // What expires always has the attribute.
                ("attribute_not_exists(#a) OR #a < :v", EXPIRES_AT, Some(now))
            }
            Self::Revision(revision) => {
                let revision = AttributeValue::N(revision.to_string());
                ("#a = :v", "revision", Some(revision))
            }
            Self::Number(attribute, value) => ("#a = :v", attribute, Some(AttributeValue::N(value.to_string()))),
            Self::Text(attribute, value) => ("#a = :v", attribute, Some(AttributeValue::S(value))),
        })
    }
}

/// One item that is written.
#[derive(Debug)]
pub(crate) enum Write {
    /// The item takes the place of what is there.
    Put(Item, Condition),
    /// The item goes away.
    Delete(Key, Condition),
}

/// Wakes those who follow notifications in this process.
pub(crate) static NOTIFIED: Notify = Notify::const_new();

impl Write {
    /// Whether it makes a notification.
    fn notifies(&self) -> bool {
        let Self::Put(item, Condition::New) = self else {
            return false;
        };
        let partition = item.get(PK).and_then(|pk| pk.as_s().ok());
        partition.is_some_and(|pk| pk.starts_with(NOTIFICATIONS))
    }
}

/// Whether a write happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Written {
    /// All of it.
    Yes,
    /// None of it: something is no longer what was read, or is being written by another transaction.
    Conflict,
}

impl Store {
    /// Writes all of this, or nothing.
    pub(crate) async fn write(&self, action: &'static str, writes: Vec<Write>) -> Result<Written, Error> {
        let notifies = writes.iter().any(Write::notifies);
        let mut writes = writes;
        // A transaction of one item costs twice what the item alone does.
        if writes.len() == 1
            && let Some(Write::Put(item, condition)) = writes.pop_if(|write| matches!(write, Write::Put(..)))
        {
            return self.put_one(action, item, condition).await;
        }
        let mut numbered = writes.iter().enumerate();
        let appended = numbered.find_map(|(index, write)| Some((index, Appended::by(write)?)));
        let items: Result<Vec<TransactWriteItem>, _> =
            writes.into_iter().map(|write| self.transact_item(write)).collect();
        let items = items.map_err(|error| unbuilt(action, error))?;
        let request = self.client.transact_write_items().set_transact_items(Some(items));
        match Box::pin(request.send()).await {
            Ok(_) => {
                if notifies {
                    NOTIFIED.notify_waiters();
                }
                Ok(Written::Yes)
            }
            Err(error) if lost_a_race(&error) => {
                let met = appended.filter(|(index, _)| is_in_the_way(&error, *index));
                drop(error);
                if let Some((_, appended)) = met {
                    self.require_appendable(&appended).await?;
                }
                Ok(Written::Conflict)
            }
            Err(error) => Err(aws(action, error)),
        }
    }

    async fn put_one(&self, action: &'static str, item: Item, condition: Condition) -> Result<Written, Error> {
        let (text, names, values) = parts(condition);
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let request = request
            .set_condition_expression(text)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values);
        match Box::pin(request.send()).await {
            Ok(_) => Ok(Written::Yes),
            Err(error) => match error.as_service_error() {
                Some(
                    PutItemError::ConditionalCheckFailedException(_) | PutItemError::TransactionConflictException(_),
                ) => Ok(Written::Conflict),
                _ => Err(aws(action, error)),
            },
        }
    }

    fn transact_item(&self, write: Write) -> Result<TransactWriteItem, BuildError> {
        let item = TransactWriteItem::builder();
        Ok(match write {
            Write::Put(record, condition) => {
                let (text, names, values) = parts(condition);
                let put = Put::builder().table_name(&self.table).set_item(Some(record));
                let put = put
                    .set_condition_expression(text)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values);
                item.put(put.build()?)
            }
            Write::Delete(key, condition) => {
                let (text, names, values) = parts(condition);
                let delete = Delete::builder()
                    .table_name(&self.table)
                    .set_key(Some(key_attributes(&key)));
                let delete = delete
                    .set_condition_expression(text)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values);
                item.delete(delete.build()?)
            }
        }
        .build())
    }
}

/// An expression, its names and its values, as the builders of requests take them.
type Parts = (
    Option<String>,
    Option<HashMap<String, String>>,
    Option<HashMap<String, AttributeValue>>,
);

fn parts(condition: Condition) -> Parts {
    let Some((text, attribute, value)) = condition.expression() else {
        return (None, None, None);
    };
    let names = HashMap::from([("#a".to_owned(), attribute.to_owned())]);
    let values = value.map(|value| HashMap::from([(":v".to_owned(), value)]));
    (Some(text.to_owned()), Some(names), values)
}

/// Whether a transaction was cancelled only because another writer was faster.
fn lost_a_race<R>(error: &SdkError<TransactWriteItemsError, R>) -> bool {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
        return false;
    };
    let mut codes = cancelled
        .cancellation_reasons()
        .iter()
        .filter_map(|reason| reason.code());
    codes.all(|code| matches!(code, "None" | "ConditionalCheckFailed" | "TransactionConflict"))
}

/// Whether the item with this index is what a transaction met: a record of the audit log exists, while its head, which comes after it, is
/// as it was read.
fn is_in_the_way<R>(error: &SdkError<TransactWriteItemsError, R>, index: usize) -> bool {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
        return false;
    };
    let failed = |index: usize| {
        let reason = cancelled.cancellation_reasons().get(index);
        reason.and_then(|reason| reason.code()) == Some("ConditionalCheckFailed")
    };
    failed(index) && !failed(index + 1)
}

/// An error of a call, with what was being done.
pub(crate) fn aws<E>(action: &'static str, error: SdkError<E>) -> Error
where
    aws_sdk_dynamodb::Error: From<SdkError<E>>,
{
    let unanswered = match &error {
        SdkError::ServiceError(refused) => refused.raw().status().is_server_error(),
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        _ => false,
    };
    Error::Aws {
        action,
        unanswered,
        source: Box::new(error.into()),
    }
}

/// A call that could not be made, with what was being done.
pub(crate) fn unbuilt(action: &'static str, error: BuildError) -> Error {
    Error::Aws {
        action,
        unanswered: false,
        source: Box::new(error.into()),
    }
}

/// Waits before the next attempt: a random while, so that writers that met do not meet again, and a longer one each time.
pub async fn pause(attempt: u32) {
    let most = Duration::from_millis(4 << attempt.min(6));
    tokio::time::sleep(most.mul_f64(rand::random())).await;
}
