//! Dangerous statements in SQL migrations of PostgreSQL: those that lose data, block the queries of a running application, or break
//! its previous release.
//!
//! Squawk (<https://squawkhq.com/docs/rules>) finds most of them. Its rules of style are left out: they would hide the others. What
//! it has no rule for is in [`statements`], under names that begin with `slipway-`. A comment in the line before a statement accepts
//! it: `-- squawk-ignore ban-drop-column`, also for our own rules.

use squawk_linter::{Linter, Rule, Version, Violation};
use squawk_syntax::SourceFile;

mod blueprint;
mod ignores;
mod remedies;
mod sections;
mod statements;

pub use blueprint::{Dangerous, dangerous};
use ignores::Ignores;
pub use sections::is_way_back;

/// The newest version of PostgreSQL that there are rules for.
pub const NEWEST: u32 = 19;

/// The oldest.
pub const OLDEST: u32 = 9;

/// How the migrations are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The major version of PostgreSQL.
    pub postgres: u32,
    /// Whether the migration tool runs each file in a transaction.
    pub in_transaction: bool,
    /// Whether a `lock_timeout` is set for the session.
    pub has_lock_timeout: bool,
}

/// A dangerous statement, or one that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The rule, as `-- squawk-ignore` takes it.
    pub rule: String,
    /// Why it is dangerous.
    pub message: String,
    /// What to write instead.
    pub remedy: String,
}

/// Rules that squawk applies only on request, and that are about danger.
const ADDED: [Rule; 8] = [
    Rule::BanAlterRowLevelSecurity,
    Rule::BanAlterSequenceValues,
    Rule::BanAlterSystemOptions,
    Rule::BanDisableTrigger,
    Rule::BanDropPolicy,
    Rule::BanDropTrigger,
    Rule::BanReplicaIdentity,
    Rule::BanRevoke,
];

/// Rules of style, and rules about files that migration tools wrap into transactions themselves.
const LEFT_OUT: [Rule; 12] = [
    Rule::BanCharField,
    Rule::BanUncommittedTransaction,
    Rule::IdentifierTooLong,
    Rule::PreferBigintOverInt,
    Rule::PreferBigintOverSmallint,
    Rule::PreferIdentity,
    Rule::PreferRobustStmts,
    Rule::PreferTextField,
    Rule::PreferTimestampTz,
    Rule::RequireEnumValueOrdering,
    Rule::RequireStatementTimeout,
    Rule::TransactionNesting,
];

/// Finds the dangerous statements of a file, in its order.
pub fn lint(text: &str, settings: Settings) -> Vec<Finding> {
    let text = sections::applied(text);
    let parsed = SourceFile::parse(text);
    let mut linter = Linter::with_rules(&ADDED, &LEFT_OUT);
    if settings.has_lock_timeout {
        linter.rules.remove(&Rule::RequireLockTimeout);
    }
    if let Ok(version) = settings.postgres.to_string().parse::<Version>() {
        linter.settings.pg_version = version;
    }
    linter.settings.assume_in_transaction = settings.in_transaction;
    let violations = linter.lint(&parsed, text);
    let file = parsed.tree();
    let ignores = Ignores::of(&parsed.syntax_node(), text);
    // A name in a comment that is unknown to squawk may be one of ours.
    let own_drops = statements::drops_of_own_tables(&file);
    let of_own_table = |violation: &Violation| {
        violation.code == Rule::BanDropTable
            && own_drops
                .iter()
                .any(|drop| drop.contains(&usize::from(violation.text_range.start())))
    };
    let violations = violations
        .iter()
        .filter(|violation| violation.code != Rule::UnusedIgnore && !of_own_table(violation));
    let mut found: Vec<(usize, Finding)> = violations.map(|violation| of_squawk(text, violation)).collect();
    for own in statements::dangerous(&file) {
        let finding = finding(text, own.at, own.rule.name(), own.message, own.rule.remedy());
        if !ignores.accept(own.rule.name(), finding.line) {
            found.push((own.at, finding));
        }
    }
    for error in parsed.errors() {
        let at = usize::from(error.range().start());
        let message = format!("the statement cannot be read: {}", error.message());
        let remedy = "correct it, or keep commands of `psql` and of migration tools out of the file: statements that cannot be read are not checked";
        let finding = finding(text, at, UNREADABLE, message, remedy);
        if !ignores.accept(UNREADABLE, finding.line) && found.iter().all(|(_, known)| !same_line(known, &finding)) {
            found.push((at, finding));
        }
    }
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, finding)| finding).collect()
}

/// The rule of statements that cannot be read.
const UNREADABLE: &str = "slipway-unreadable";

/// One unreadable line is one finding, however many errors follow from it.
fn same_line(known: &Finding, new: &Finding) -> bool {
    known.rule == new.rule && known.line == new.line
}

fn of_squawk(text: &str, violation: &Violation) -> (usize, Finding) {
    let at = usize::from(violation.text_range.start());
    let rule = violation.code.to_string();
    let help = violation
        .help
        .as_deref()
        .filter(|_| violation.code != Rule::RequireLockTimeout);
    let remedy = help.unwrap_or_else(|| remedies::of(violation.code));
    (at, finding(text, at, &rule, violation.message.clone(), remedy))
}

fn finding(text: &str, at: usize, rule: &str, message: impl Into<String>, remedy: &str) -> Finding {
    let before = &text[..text.floor_char_boundary(at)];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    Finding {
        line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        rule: rule.to_owned(),
        message: message.into(),
        remedy: remedy.to_owned(),
    }
}
