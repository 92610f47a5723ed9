//! What to do about the findings of squawk that come without help.

use squawk_linter::Rule;

const LATER: &str = "stop using it in one release, and remove it in a later one, with a snapshot (`--snapshot`)";

/// What to do about a finding of this rule.
pub(crate) fn of(rule: Rule) -> &'static str {
    match rule {
        Rule::BanDropColumn
        | Rule::BanDropTable
        | Rule::BanDropSchema
        | Rule::BanDropDatabase
        | Rule::BanDropView
        | Rule::BanDropFunction
        | Rule::BanDropType
        | Rule::BanDropDomain
        | Rule::BanDropSequence
        | Rule::BanDropExtension
        | Rule::BanDropConstraint
        | Rule::BanDropDefault
        | Rule::BanDropGeneratedExpression => LATER,
        Rule::RenamingColumn | Rule::RenamingTable | Rule::RenamingObject | Rule::BanSetSchema => {
            "add the new name beside the old one (a view, or a column that a trigger fills), and remove the old one in a later release"
        }
        Rule::ChangingColumnType => {
            "add a column of the new type, fill it in batches, and remove the old one in a later release"
        }
        Rule::RequireLockTimeout => {
            "set `lock_timeout` for the migration in the output `slipway`, or begin the file with `SET lock_timeout = '1s';`"
        }
        Rule::BanDropTrigger | Rule::BanDisableTrigger => {
            "change the application first, so that it does not need the trigger, and remove it in a later release"
        }
        Rule::BanDropPolicy | Rule::BanRevoke | Rule::BanAlterRowLevelSecurity => {
            "check that the previous release works with these permissions, and that no other role gets more"
        }
        Rule::BanAlterSystemOptions => "set it in the parameter group of the database",
        _ => {
            "check that the previous release works with the change, and accept the statement with `-- squawk-ignore` in the line before it"
        }
    }
}
