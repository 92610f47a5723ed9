//! DynamoDB: an embedded emulator, called without a hop.
//!
//! The emulator's own listener is not used: it answers any page's preflight request, and would have to be guarded.

mod mapping;
mod stream;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::Notify;

pub use self::mapping::Mapping;
pub use self::stream::{Stream, StreamError};
use crate::error::{DiskFull, is_disk_full};
use crate::wire::{AwsError, input};

/// An operation of this process on tables that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DynamoDbError {
    #[error(
        "failed to open the tables {}: if the file is damaged, restore the whole data folder from a backup, or use another one",
        path.display()
    )]
    Open {
        path: PathBuf,
        #[source]
        source: Box<DynoxideError>,
    },
    #[error("failed to create the table `{name}`")]
    MakeTable {
        name: String,
        #[source]
        source: Box<AwsError>,
    },
    /// A table of this name exists with other keys or indexes.
    #[error(
        "the table `{name}` has keys or indexes that this version does not use: start the version that created it, or use \
         another data folder"
    )]
    TableDiffers { name: String },
    #[error("failed to delete the expired items of the tables")]
    Sweep {
        #[source]
        source: Box<DynoxideError>,
    },
}

/// The tables of this machine.
#[derive(Clone)]
pub struct DynamoDb {
    database: Database,
    path: PathBuf,
    /// The folder of the file.
    folder: PathBuf,
    /// Wakes the readers of streams after a write.
    written: Arc<Notify>,
}

impl DynamoDb {
    /// Opens the file, which is made when it does not exist.
    pub fn open(path: &Path) -> Result<Self, DynamoDbError> {
        let failed = |source| DynamoDbError::Open {
            path: path.to_owned(),
            source: Box::new(source),
        };
        let database = Database::new(&path.to_string_lossy()).map_err(failed)?;
        // What this restores is SQLite's `synchronous = NORMAL`, as in the ledger: a commit survives the death of the process,
        // and costs no wait for the disk. An operation makes fifteen of them.
        database.disable_bulk_loading().map_err(failed)?;
        Ok(Self {
            database,
            path: path.to_owned(),
            written: Arc::default(),
            folder: path.parent().unwrap_or(path).to_owned(),
        })
    }

    /// Makes a table unless it exists, from the body of `CreateTable`. A table with another layout is refused: its
    /// items could not be read as the program expects them.
    pub fn ensure_table(&self, create_table: &Value, ttl_attribute: Option<&str>) -> Result<(), DynamoDbError> {
        let name = create_table["TableName"].as_str().unwrap_or_default();
        let failed = |source: AwsError| DynamoDbError::MakeTable {
            name: name.to_owned(),
            source: Box::new(source),
        };
        match self.answer("DescribeTable", json!({ "TableName": name })) {
            Ok(described) if layout(&described["Table"]) == layout(create_table) => {
                return self
                    .ensure_stream(name, create_table, &described["Table"])
                    .map_err(failed);
            }
            Ok(_) => {
                return Err(DynamoDbError::TableDiffers { name: name.to_owned() });
            }
            Err(error) if error.code.ends_with("#ResourceNotFoundException") => {}
            Err(error) => return Err(failed(error)),
        }
        self.answer("CreateTable", create_table.clone()).map_err(failed)?;
        if let Some(attribute) = ttl_attribute {
            let specification = json!({"AttributeName": attribute, "Enabled": true});
            let body = json!({"TableName": name, "TimeToLiveSpecification": specification});
            self.answer("UpdateTimeToLive", body).map_err(failed)?;
        }
        Ok(())
    }

    /// Switches on the stream of a table that an earlier version made without one.
    fn ensure_stream(&self, name: &str, wanted: &Value, table: &Value) -> Result<(), AwsError> {
        let stream = &wanted["StreamSpecification"];
        if stream.is_null() || table["StreamSpecification"]["StreamEnabled"] == true {
            return Ok(());
        }
        let body = json!({"TableName": name, "StreamSpecification": stream});
        run(&self.folder, body, |request| self.database.update_table(request)).map(drop)
    }

    /// The stream of a table.
    pub fn stream(&self, table: &str) -> Result<Stream, StreamError> {
        Stream::open(&self.path, table, Arc::clone(&self.written))
    }

    /// Deletes the items whose time has come. AWS does so within days; a caller must not rely on either.
    pub fn sweep(&self) -> Result<usize, DynamoDbError> {
        self.database.sweep_ttl().map_err(|source| DynamoDbError::Sweep {
            source: Box::new(source),
        })
    }

    /// One call of the wire API.
    pub async fn call(&self, action: &str, body: Value) -> Result<Value, AwsError> {
        let writes = matches!(action, "PutItem" | "TransactWriteItems");
        let (tables, action) = (self.clone(), action.to_owned());
        // A commit is flushed to the disk: milliseconds in which nothing else of this thread would go on.
        tokio::task::spawn_blocking(move || tables.answer(&action, body))
            .await
            .map_err(|error| AwsError::internal(&error))?
            .inspect(|_| {
                if writes {
                    self.written.notify_waiters();
                }
            })
    }

    fn answer(&self, action: &str, body: Value) -> Result<Value, AwsError> {
        let tables = &self.database;
        match action {
            "BatchGetItem" => run(&self.folder, body, |request| tables.batch_get_item(request)),
            "CreateTable" => run(&self.folder, body, |request| tables.create_table(request)),
            "DescribeTable" => run(&self.folder, body, |request| tables.describe_table(request)),
            "GetItem" => run(&self.folder, body, |request| tables.get_item(request)),
            "ListTables" => run(&self.folder, body, |request| tables.list_tables(request)),
            "PutItem" => run(&self.folder, body, |request| tables.put_item(request)),
            "Query" => run(&self.folder, body, |request| tables.query(request)),
            "Scan" => run(&self.folder, body, |request| tables.scan(request)),
            "TransactWriteItems" => run(&self.folder, body, |request| tables.transact_write_items(request)),
            "UpdateTimeToLive" => run(&self.folder, body, |request| tables.update_time_to_live(request)),
            _ => Err(AwsError::unknown_operation(action)),
        }
    }
}

fn run<I: DeserializeOwned, O: Serialize>(
    folder: &Path,
    body: Value,
    call: impl FnOnce(I) -> Result<O, DynoxideError>,
) -> Result<Value, AwsError> {
    let request = input(body).map_err(classified)?;
    let output = call(request).map_err(|error| as_aws_error(folder, &error))?;
    serde_json::to_value(output).map_err(|error| AwsError::internal(&error))
}

/// The emulator's readers mark what AWS calls a validation error by the first word of the message.
fn classified(error: AwsError) -> AwsError {
    let markers = ["VALIDATION_AS_READ:", "REQUEST_VALIDATION:", "VALIDATION:"];
    let marked = markers.iter().find_map(|marker| error.message.strip_prefix(marker));
    if let Some(message) = marked {
        return AwsError::validation(message);
    }
    // AWS validates these; only a value of the wrong JSON type is a serialization error.
    let validated = [
        "missing field",
        "unknown variant",
        "invalid type: null",
        "AttributeValue",
    ];
    if validated.iter().any(|words| error.message.contains(words)) {
        return AwsError::validation(error.message);
    }
    error
}

fn as_aws_error(folder: &Path, error: &DynoxideError) -> AwsError {
    if is_disk_full(error) {
        let folder = folder.to_owned();
        return DiskFull { folder }.into();
    }
    if error.status_code() == 500 {
        return AwsError::internal(error);
    }
    let body: Value = serde_json::from_str(&error.to_json()).unwrap_or_default();
    let mut aws = AwsError::new(error.error_type(), error.to_string());
    for member in ["Item", "CancellationReasons"] {
        if let Some(value) = body.get(member) {
            aws = aws.with_member(member, value.clone());
        }
    }
    aws
}

/// What decides whether a table is the one that is wanted: its keys and indexes.
fn layout(table: &Value) -> Value {
    let sorted = |list: &Value, name: &str| {
        let mut list: Vec<Value> = list.as_array().cloned().unwrap_or_default();
        list.sort_by_key(|entry| entry[name].to_string());
        list
    };
    let indexes: Vec<Value> = sorted(&table["GlobalSecondaryIndexes"], "IndexName")
        .iter()
        .map(|index| json!([index["IndexName"], index["KeySchema"], index["Projection"]]))
        .collect();
    json!([
        table["KeySchema"],
        sorted(&table["AttributeDefinitions"], "AttributeName"),
        indexes
    ])
}
