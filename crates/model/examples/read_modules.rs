//! Reads Terraform folders as Slipway does when a blueprint is published, for `scripts/compare_with_terraform.py`: one JSON line
//! for each folder that is named on the standard input.

use std::io::{BufRead, Write};
use std::path::Path;

use serde_json::{Value, json};
use slipway_model::blueprint::module_calls;
use slipway_model::variable::read_schema;

fn main() -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    for folder in std::io::stdin().lock().lines() {
        writeln!(output, "{}", read(&folder?)?)?;
    }
    Ok(())
}

fn read(folder: &str) -> std::io::Result<Value> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(Path::new(folder))? {
        let entry = entry?;
        if let Ok(text) = std::fs::read_to_string(entry.path()) {
            files.push((entry.file_name().to_string_lossy().into_owned(), text));
        }
    }
    files.sort();
    let texts = || files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let (variables, mut problems) = match read_schema(texts()) {
        Ok(variables) => (variables, Vec::new()),
        Err(problems) => (Vec::new(), problems),
    };
    let modules = module_calls(texts()).unwrap_or_else(|unreadable| {
        problems.extend(unreadable);
        Vec::new()
    });
    let modules: Vec<Value> = modules
        .iter()
        .filter(|call| call.is_local())
        .map(|call| json!([call.name, call.source]))
        .collect();
    let problems: Vec<String> = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.field, problem.detail))
        .collect();
    Ok(json!({ "folder": folder, "variables": variables, "modules": modules, "problems": problems }))
}
