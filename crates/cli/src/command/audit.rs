//! `slipway audit`

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;
use slipway_api_types::{AuditPage, ForgedRecord, Items};
use slipway_model::audit::{Action, Broken, CHAINS, Head, Stored, Why, verify};
use slipway_model::count::counted;
use slipway_store::audit::index_of;

use crate::args::{AuditCommand, StackRef};
use crate::client::{Client, following, with_query};
use crate::error::Error;
use crate::harmless::harmless;
use crate::json_file::object_in;
use crate::output::Output;
use crate::stack_id::stack_id;

/// How the subject of a stack begins.
const STACK: &str = "stack/";

/// The most records of a page.
const PAGE: usize = 100;

/// Runs the command.
pub async fn run(command: AuditCommand, client: &Client, output: Output) -> Result<(), Error> {
    match command {
        AuditCommand::List {
            actor,
            subject,
            action,
            limit,
        } => {
            let subject = match subject {
                Some(subject) => Some(with_id(subject, client).await?),
                None => None,
            };
            let parts = [
                ("actor", actor),
                ("subject", subject),
                ("action", action.map(|action| action.to_string())),
            ];
            let query: Vec<_> = parts
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .collect();
            list(&query, limit, client, output).await
        }
        AuditCommand::Verify { expect } => verify_all(expect.as_deref(), client, output).await,
    }
}

/// The subject as records have it. A stack that is named by its name gets its ID, also if it was destroyed.
async fn with_id(subject: String, client: &Client) -> Result<String, Error> {
    let Some(named) = subject.strip_prefix(STACK) else {
        return Ok(subject);
    };
    let wrong = |error: String| Error::Usage(format!("failed to read the subject `{subject}`: {error}"));
    let stack: StackRef = named.parse().map_err(wrong)?;
    let id = match stack_id(&stack, client).await {
        Ok(id) => id.to_string(),
        Err(Error::Destroyed { id, .. }) => id,
        Err(error) => return Err(error),
    };
    Ok(format!("{STACK}{id}"))
}

/// That no record satisfies the filters, which it names.
fn no_record(query: &[(&str, String)]) -> String {
    let filters: Vec<String> = query.iter().map(|(name, value)| format!("--{name} {value}")).collect();
    if filters.is_empty() {
        "There are no records.".to_owned()
    } else {
        format!("No record matches `{}`.", filters.join(" "))
    }
}

async fn list(query: &[(&str, String)], limit: usize, client: &Client, output: Output) -> Result<(), Error> {
    let (mut items, mut cursor) = (Vec::new(), None::<String>);
    while items.len() < limit {
        let mut query = query.to_vec();
        query.push(("limit", PAGE.min(limit - items.len()).to_string()));
        query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
        let page: AuditPage = client.get(&with_query("/v1/audit", &query)).await?;
        items.extend(page.items.iter().map(|record| json!(record)));
        for forged in page.forged {
            let warning = format!(
                "the item {} is in this list and is no record: it {}",
                forged.item, forged.why
            );
            // On standard error, for programs as well: what is printed are the records.
            tracing::error!("{}", harmless(&warning));
        }
        match following("/v1/audit", &query, page.next)? {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    let columns = [
        ("time", "time"),
        ("actor", "actor"),
        ("action", "action"),
        ("subject", "subject"),
        ("operation", "operation"),
        ("reason", "reason"),
    ];
    output.table(&items, &columns, &no_record(query));
    if cursor.is_some() {
        output.note(&format!(
            "Only the newest {}. List more with `--limit {}`.",
            counted(items.len(), "record"),
            limit.saturating_mul(10)
        ));
    }
    Ok(())
}

/// Recomputes every chain, and finds items beside them. The heads are read first, so records that are written meanwhile are beyond
/// them, and left out.
async fn verify_all(expect: Option<&Path>, client: &Client, output: Output) -> Result<(), Error> {
    let expected = expect.map(heads_in).transpose()?.unwrap_or_default();
    let heads: Items<Head> = client.get("/v1/audit/chains").await?;
    let of = |heads: &[Head], chain: u8| heads.iter().find(|head| head.chain == chain).cloned();
    let (mut records, mut later) = (0, Vec::new());
    for chain in 0..CHAINS {
        let (head, seen) = (of(&heads.items, chain), of(&expected, chain));
        let last = head.as_ref().map_or(0, |head| head.sequence);
        let (stored, beyond) = records_of(chain, last, client).await?;
        later.extend(beyond.last().map(|stored| (chain, stored.sequence)));
        let checked = verify(chain, head.as_ref(), &stored, seen.as_ref(), Timestamp::now(), index_of);
        records += checked.map_err(Error::Audit)?.records;
    }
    // Records that were written meanwhile have moved the heads.
    let now: Items<Head> = client.get("/v1/audit/chains").await?;
    for (chain, sequence) in later {
        let last = of(&now.items, chain).map_or(0, |head| head.sequence);
        if sequence > last {
            let why = Why::Beyond;
            return Err(Error::Audit(Broken { chain, sequence, why }));
        }
    }
    require_whole_lists(client).await?;
    let shown = json!({"records": records, "items": heads.items});
    output.answer(&shown, |_| {
        let (records, chains) = (counted(records, "record"), counted(heads.items.len(), "chain"));
        format!("The log is as it was written: {records} in {chains}.")
    });
    Ok(())
}

/// Looks in the lists for items that are no records: in the list of all, and in that of each action. The lists of a caller and of a subject
/// show such items when they are read.
async fn require_whole_lists(client: &Client) -> Result<(), Error> {
    let actions = Action::ALL.into_iter().map(Some);
    for action in std::iter::once(None).chain(actions) {
        let mut cursor = None::<String>;
        loop {
            let mut query = vec![("limit", PAGE.to_string())];
            query.extend(action.map(|action| ("action", action.to_string())));
            query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
            let page: AuditPage = client.get(&with_query("/v1/audit", &query)).await?;
            if let Some(ForgedRecord { item, why }) = page.forged.into_iter().next() {
                return Err(Error::ForgedAudit { item, why });
            }
            match following("/v1/audit", &query, page.next)? {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
    }
    Ok(())
}

/// The records of a chain up to a number, and those beyond it. In a chain without a head, there should be none: any that there are count
/// as up to it.
async fn records_of(chain: u8, last: u64, client: &Client) -> Result<(Vec<Stored>, Vec<Stored>), Error> {
    let path = format!("/v1/audit/chains/{chain}");
    let (mut all, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut query = vec![("limit", PAGE.to_string())];
        query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
        let page: Items<Stored> = client.get(&with_query(&path, &query)).await?;
        all.extend(page.items);
        match following(&path, &query, page.next)? {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    let is_beyond = |stored: &Stored| last > 0 && stored.sequence > last;
    let (beyond, stored) = all.into_iter().partition(is_beyond);
    Ok((stored, beyond))
}

/// The heads that an earlier check printed.
fn heads_in(file: &Path) -> Result<Vec<Head>, Error> {
    let mut object = object_in(file)?;
    let items = object.remove("items").unwrap_or_default();
    serde_json::from_value(items).map_err(|error| {
        Error::Usage(format!(
            "failed to read {}: it is not the output of `slipway audit verify --json` ({error}). Name a file with that output",
            file.display()
        ))
    })
}
