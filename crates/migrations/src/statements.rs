//! Dangerous statements that squawk has no rule for.

use std::collections::BTreeSet;
use std::ops::Range;

use squawk_syntax::SyntaxKind;
use squawk_syntax::ast::{self, AlterColumnOption, AlterIndexAction, AlterTableAction, AstNode, Constraint, Stmt};

/// A rule of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnRule {
    Truncate,
    DeleteAll,
    UpdateAll,
    DoBlock,
    LockTable,
    TableRewrite,
    TableScan,
    NoInherit,
    RefreshView,
    DropOwned,
    DropRole,
    AlterRole,
    CreateRule,
    NoTriggers,
    NoLockTimeout,
}

impl OwnRule {
    /// Its name, as comments have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Truncate => "slipway-truncate",
            Self::DeleteAll => "slipway-delete-without-where",
            Self::UpdateAll => "slipway-update-without-where",
            Self::DoBlock => "slipway-do-block",
            Self::LockTable => "slipway-lock-table",
            Self::TableRewrite => "slipway-table-rewrite",
            Self::TableScan => "slipway-table-scan",
            Self::NoInherit => "slipway-no-inherit",
            Self::RefreshView => "slipway-refresh-view",
            Self::DropOwned => "slipway-drop-owned",
            Self::DropRole => "slipway-drop-role",
            Self::AlterRole => "slipway-alter-role",
            Self::CreateRule => "slipway-create-rule",
            Self::NoTriggers => "slipway-no-triggers",
            Self::NoLockTimeout => "slipway-no-lock-timeout",
        }
    }

    /// What to do instead.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::Truncate | Self::DeleteAll => {
                "keep the rows until no release reads them, and release with a snapshot (`--snapshot`)"
            }
            Self::UpdateAll => {
                "update in batches with a `WHERE` on the key, outside the migration: as a task of the blueprint"
            }
            Self::DoBlock => {
                "write the statements without `DO`, so that each is checked; or accept the block with `-- squawk-ignore slipway-do-block`"
            }
            Self::LockTable => "leave it out: each statement takes the lock that it needs",
            Self::TableRewrite => {
                "rewrite the table outside a release, with a tool that does not lock it, such as `pg_repack`"
            }
            Self::TableScan => {
                "add the column alone, then the constraint with `NOT VALID`, and run `VALIDATE CONSTRAINT` in a later migration"
            }
            Self::NoInherit => "detach it after the last release that reads its rows in the parent",
            Self::RefreshView => "add a unique index to the view, and use `REFRESH MATERIALIZED VIEW CONCURRENTLY`",
            Self::DropOwned => "drop the objects one by one, in a release after the last that uses them",
            Self::DropRole => "drop the role after the last release that connects with it",
            Self::AlterRole => {
                "give the application a second role, and change this one when no release connects with it"
            }
            Self::CreateRule => "use a trigger, or change the application",
            Self::NoTriggers => "leave it out: triggers also check foreign keys",
            Self::NoLockTimeout => {
                "give a finite timeout, or set `lock_timeout` for the migration in the output `slipway`"
            }
        }
    }
}

/// A dangerous statement.
pub(crate) struct Dangerous {
    /// The byte at which it begins.
    pub(crate) at: usize,
    pub(crate) rule: OwnRule,
    pub(crate) message: &'static str,
}

/// The dangerous statements of a file. A table that the file itself creates has no rows and no readers.
pub(crate) fn dangerous(file: &ast::SourceFile) -> Vec<Dangerous> {
    let mut created = BTreeSet::new();
    let mut found = Vec::new();
    for statement in file.stmts() {
        created.extend(created_by(&statement));
        let mut report = |node: &squawk_syntax::SyntaxNode, rule, message| {
            found.push(Dangerous {
                at: start(node),
                rule,
                message,
            });
        };
        if let Some((rule, message)) = of_statement(&statement, &created) {
            report(statement.syntax(), rule, message);
        } else if holds_queries(&statement) {
            // Statements in `WITH` change data too.
            for node in statement.syntax().descendants() {
                if let Some((rule, message)) = change_of_all(&node, &created) {
                    report(&node, rule, message);
                }
            }
        }
    }
    found
}

/// The table that a statement creates, unless it may be there before.
fn created_by(statement: &Stmt) -> Option<String> {
    let name = match statement {
        Stmt::CreateTable(table) if table.if_not_exists().is_none() => table.table_name(),
        Stmt::CreateTableAs(table) if table.if_not_exists().is_none() => table.table_name(),
        _ => None,
    };
    Some(plain(name?.syntax()))
}

/// The bytes of the statements that drop tables which the file itself creates before.
pub(crate) fn drops_of_own_tables(file: &ast::SourceFile) -> Vec<Range<usize>> {
    let mut created = BTreeSet::new();
    let mut drops = Vec::new();
    for statement in file.stmts() {
        created.extend(created_by(&statement));
        let Stmt::DropTable(drop) = &statement else { continue };
        // After its drop, the name is another table's.
        let names = drop.table_name_refs();
        let are_own: Vec<bool> = names.map(|name| created.remove(&plain(name.syntax()))).collect();
        if are_own.iter().all(|is_own| *is_own) {
            let range = statement.syntax().text_range();
            drops.push(usize::from(range.start())..usize::from(range.end()));
        }
    }
    drops
}

fn of_statement(statement: &Stmt, created: &BTreeSet<String>) -> Option<(OwnRule, &'static str)> {
    Some(match statement {
        Stmt::Truncate(truncate) => {
            let tables = truncate.table_list()?;
            let mut names = tables
                .table_relation_names()
                .map(|name| relation(&plain(name.syntax())));
            if names.all(|name| created.contains(&name)) {
                return None;
            }
            (
                OwnRule::Truncate,
                "TRUNCATE deletes all rows, and blocks every reader and writer of the table until the transaction ends.",
            )
        }
        Stmt::Do(block) => {
            let body = block.body()?.syntax().text().to_string();
            if !is_risky(&body) {
                return None;
            }
            (
                OwnRule::DoBlock,
                "The statements in a DO block are not checked, and this one changes or removes something.",
            )
        }
        Stmt::Lock(lock) => {
            let mode = lock
                .lock_mode_clause()
                .map(|mode| plain(mode.syntax()))
                .unwrap_or_default();
            if WEAK_LOCKS.iter().any(|weak| mode.contains(weak)) {
                return None;
            }
            (
                OwnRule::LockTable,
                "LOCK TABLE blocks the queries of the application until the transaction ends.",
            )
        }
        Stmt::Vacuum(vacuum) if is_full(vacuum) => (
            OwnRule::TableRewrite,
            "VACUUM FULL rewrites the table, and blocks its readers and writers meanwhile.",
        ),
        Stmt::Cluster(_) => (
            OwnRule::TableRewrite,
            "CLUSTER rewrites the table, and blocks its readers and writers meanwhile.",
        ),
        Stmt::AlterTable(table) => {
            let name = table.table_relation_name().map(|name| relation(&plain(name.syntax())));
            if name.is_some_and(|name| created.contains(&name)) {
                return None;
            }
            return table.actions().find_map(|action| of_action(&action));
        }
        Stmt::AlterIndex(index) if matches!(index.action(), Some(AlterIndexAction::SetTablespace(_))) => (
            OwnRule::TableRewrite,
            "It copies the index, and blocks the queries of its table meanwhile.",
        ),
        Stmt::Refresh(refresh) if refresh.concurrently_token().is_none() => (
            OwnRule::RefreshView,
            "REFRESH MATERIALIZED VIEW blocks the readers of the view until it ends.",
        ),
        Stmt::DropOwned(_) => (
            OwnRule::DropOwned,
            "DROP OWNED removes every object and permission of the role.",
        ),
        Stmt::DropRole(_) | Stmt::DropUser(_) | Stmt::DropGroup(_) => (
            OwnRule::DropRole,
            "A release that connects with the role can no longer do so.",
        ),
        Stmt::AlterRole(_) | Stmt::AlterUser(_) if is_denied_login(&plain(statement.syntax())) => (
            OwnRule::AlterRole,
            "A release that connects with the role can no longer do so.",
        ),
        Stmt::CreateRule(_) => (
            OwnRule::CreateRule,
            "A rule rewrites the statements of every release, and may leave out what they write.",
        ),
        Stmt::Set(set) if words(&plain(set.syntax())).any(|word| word == "session_replication_role") => (
            OwnRule::NoTriggers,
            "Without triggers, nothing checks foreign keys, and what triggers fill stays empty.",
        ),
        Stmt::Set(set) if is_lock_timeout_off(&plain(set.syntax())) => (
            OwnRule::NoLockTimeout,
            "Without a lock timeout, the migration waits for a lock for any time, and everybody who comes after it waits too.",
        ),
        _ => return None,
    })
}

/// Locks that neither readers nor writers wait for.
const WEAK_LOCKS: [&str; 4] = ["access share", "row share", "row exclusive", "share update exclusive"];

fn is_full(vacuum: &ast::Vacuum) -> bool {
    let options = vacuum
        .vacuum_option_list()
        .map(|list| plain(list.syntax()))
        .unwrap_or_default();
    vacuum.full_token().is_some() || words(&options).any(|word| word == "full")
}

/// The types that stand for a sequence as the default, whose value differs in each row.
const SERIAL: [&str; 6] = ["smallserial", "serial2", "serial", "serial4", "bigserial", "serial8"];

/// What is dangerous in a change of a table. <https://www.postgresql.org/docs/current/sql-altertable.html>
fn of_action(action: &AlterTableAction) -> Option<(OwnRule, &'static str)> {
    let rewrite = (
        OwnRule::TableRewrite,
        "It rewrites the table, and blocks its readers and writers meanwhile.",
    );
    match action {
        AlterTableAction::SetLogged(_)
        | AlterTableAction::SetUnlogged(_)
        | AlterTableAction::SetTablespace(_)
        | AlterTableAction::SetAccessMethod(_)
        | AlterTableAction::MergePartitions(_)
        | AlterTableAction::SplitPartition(_) => Some(rewrite),
        AlterTableAction::AlterColumn(column) => {
            matches!(column.option(), Some(AlterColumnOption::SetExpression(_))).then_some(rewrite)
        }
        AlterTableAction::AddColumn(column) => {
            let kind = column.ty().map(|kind| plain(kind.syntax()));
            if kind.is_some_and(|kind| SERIAL.contains(&kind.as_str())) {
                return Some(rewrite);
            }
            let is_checked = column
                .constraints()
                .any(|it| matches!(it, Constraint::CheckConstraint(_)));
            is_checked.then_some((
                OwnRule::TableScan,
                "It reads the whole table to check the constraint, and blocks its readers and writers meanwhile.",
            ))
        }
        AlterTableAction::NoInheritTable(_) => Some((
            OwnRule::NoInherit,
            "Queries of the parent no longer find the rows of the table.",
        )),
        _ => None,
    }
}

/// Whether a role can no longer log in, or with another password.
fn is_denied_login(statement: &str) -> bool {
    words(statement).any(|word| ["nologin", "password", "until"].contains(&word))
}

fn holds_queries(statement: &Stmt) -> bool {
    matches!(
        statement,
        Stmt::Select(_)
            | Stmt::Insert(_)
            | Stmt::Update(_)
            | Stmt::Delete(_)
            | Stmt::Explain(_)
            | Stmt::CreateTableAs(_)
    )
}

/// `DELETE` and `UPDATE` of all rows.
fn change_of_all(node: &squawk_syntax::SyntaxNode, created: &BTreeSet<String>) -> Option<(OwnRule, &'static str)> {
    let is_new =
        |name: Option<ast::RelationName>| name.is_some_and(|name| created.contains(&relation(&plain(name.syntax()))));
    if let Some(delete) = ast::Delete::cast(node.clone()) {
        let all = holds_for_all(delete.where_clause_or_current_of()) && !is_new(delete.relation_name());
        return all.then_some((OwnRule::DeleteAll, "DELETE without WHERE deletes all rows."));
    }
    let update = ast::Update::cast(node.clone())?;
    let all = holds_for_all(update.where_clause_or_current_of())
        && update.from_clause().is_none()
        && !is_new(update.relation_name());
    all.then_some((
        OwnRule::UpdateAll,
        "UPDATE without WHERE locks every row until the transaction ends, and writes the whole table anew.",
    ))
}

/// Whether a condition is not there, or names nothing that differs from row to row: `WHERE true`, `WHERE 1 = 1`.
fn holds_for_all(condition: Option<ast::WhereClauseOrCurrentOf>) -> bool {
    let Some(condition) = condition else { return true };
    let mut tokens = condition
        .syntax()
        .descendants_with_tokens()
        .filter_map(squawk_syntax::SyntaxElement::into_token);
    !tokens.any(|token| token.kind() == SyntaxKind::IDENT)
        && condition
            .syntax()
            .descendants()
            .all(|node| ast::NameRef::cast(node).is_none())
}

/// Words in a DO block that may lose something or take a lock, each with the word before which it stands, if only then.
fn is_risky(body: &str) -> bool {
    let words: Vec<String> = words(body).map(str::to_ascii_lowercase).collect();
    words.iter().enumerate().any(|(index, word)| match word.as_str() {
        "drop" | "truncate" | "delete" | "execute" | "cluster" | "lock" | "reindex" => true,
        "alter" => words
            .get(index + 1)
            .is_some_and(|next| next == "table" || next == "column"),
        "update" => {
            words.get(index + 1).is_some_and(|next| next != "of")
                && words.get(index + 2).is_some_and(|next| next == "set")
        }
        _ => false,
    })
}

fn is_lock_timeout_off(statement: &str) -> bool {
    let words: Vec<&str> = words(statement).collect();
    words.contains(&"lock_timeout")
        && words
            .last()
            .is_some_and(|value| *value == "0" || *value == "0s" || *value == "0ms")
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
}

/// The name of a table without `ONLY`, parentheses and the star of older versions.
fn relation(text: &str) -> String {
    let text = text.strip_prefix("only ").unwrap_or(text);
    text.trim_matches(['(', ')', '*', ' ']).to_owned()
}

/// The text of a node without comments, in lower case, with one space between words.
fn plain(node: &squawk_syntax::SyntaxNode) -> String {
    let tokens = node
        .descendants_with_tokens()
        .filter_map(squawk_syntax::SyntaxElement::into_token);
    let text: String = tokens
        .map(|token| match token.kind() {
            SyntaxKind::COMMENT | SyntaxKind::WHITESPACE => " ".to_owned(),
            _ => token.text().to_ascii_lowercase(),
        })
        .collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Where a statement begins, after the comments that belong to it.
fn start(node: &squawk_syntax::SyntaxNode) -> usize {
    let mut tokens = node
        .descendants_with_tokens()
        .filter_map(squawk_syntax::SyntaxElement::into_token);
    let first = tokens.find(|token| !token.kind().is_trivia());
    usize::from(first.map_or_else(|| node.text_range().start(), |token| token.text_range().start()))
}
