//! The configurations of providers that calls pass to modules: `providers = { aws.peer = aws.other }`.

use hcl_edit::expr::{Expression, ObjectKey};

use super::{Source, below, calls};
use crate::terraform_file;

/// Whether every call of a module passes this configuration. An empty block is then no configuration, but the declaration of one, as
/// Terraform 0.12 had it.
pub(super) fn to_every_call(source: &Source, module: &str, key: &str) -> bool {
    let mut is_called = false;
    for folder in calls::folders(source) {
        let Ok(found) = calls::module_calls(source.files_of(&folder)) else {
            return false;
        };
        let leads_here = |path: &str| calls::folder_of(&folder, path).is_some_and(|called| called == module);
        for call in found.iter().filter(|call| call.is_local() && leads_here(&call.source)) {
            let text = source.files.get(&below(&folder, &call.file));
            if !text.is_some_and(|text| keys(text, &call.name).iter().any(|passed| passed == key)) {
                return false;
            }
            is_called = true;
        }
    }
    is_called
}

/// The configurations that a call in a native file passes, by their names in the called module. None of a file in JSON.
fn keys(text: &str, call: &str) -> Vec<String> {
    let Ok(body) = terraform_file::parse(text) else {
        return Vec::new();
    };
    let mut modules = body.blocks_of("module");
    let module = modules.find(|block| block.labels.first().is_some_and(|name| *name == call));
    let providers = module.and_then(|block| block.body.argument("providers")?.expression().ok());
    let Some(Expression::Object(providers)) = providers else {
        return Vec::new();
    };
    let key_of = |key: &ObjectKey| match key {
        ObjectKey::Ident(name) => name.as_str().to_owned(),
        ObjectKey::Expression(expression) => expression.to_string().trim().to_owned(),
    };
    providers.iter().map(|(key, _)| key_of(key)).collect()
}
