//! Findings in SARIF 2.1.0, which GitHub and editors read
//! (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::finding::{Finding, Rule};

/// One run of the check.
pub fn of(findings: &[Finding]) -> Value {
    let rule = |id: &str, rule: Rule| json!({ "id": id, "shortDescription": { "text": rule.description() } });
    let of_statements: BTreeSet<&str> = findings.iter().filter_map(|finding| finding.code.as_deref()).collect();
    let rules: Vec<Value> = Rule::ALL
        .iter()
        .map(|known| rule(known.id(), *known))
        .chain(of_statements.into_iter().map(|code| rule(code, Rule::Migration)))
        .collect();
    let results: Vec<Value> = findings.iter().map(result).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "slipway", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(finding: &Finding) -> Value {
    let remedy = finding.remedy.as_ref().map(|remedy| format!(". Remedy: {remedy}"));
    // A URI of a file has `/` and no spaces.
    let uri: Vec<String> = finding
        .file
        .components()
        .map(|part| percent_encoding::utf8_percent_encode(&part.as_os_str().to_string_lossy(), UNSAFE).to_string())
        .collect();
    json!({
        "ruleId": finding.rule_id(),
        "level": finding.severity.name(),
        "message": { "text": format!("{}{}", finding.message, remedy.unwrap_or_default()) },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri.join("/") },
                "region": { "startLine": finding.place.line, "startColumn": finding.place.column },
            },
        }],
    })
}

/// What a URI's path may not have as it is.
const UNSAFE: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'%');
