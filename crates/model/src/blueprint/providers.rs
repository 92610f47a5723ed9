//! The providers of a root module and of its local modules.

use std::collections::BTreeSet;

use super::{Source, calls};
use crate::terraform_file;
use crate::terraform_json::Node;
use crate::variable::{Syntax, syntax_of, text_of};

/// A configuration of a provider: its name in the module, and its alias.
pub type Configuration = (String, Option<String>);

/// Every configuration that the modules use, by themselves or by the types of their resources: the provider of a type is the one
/// that its name begins with, where the module says nothing else
/// (<https://developer.hashicorp.com/terraform/language/resources/syntax#providers>). Terraform's own is none.
pub(super) fn of(source: &Source) -> BTreeSet<Configuration> {
    let mut found = BTreeSet::new();
    for folder in calls::folders(source) {
        for (file, text) in source.files_of(&folder) {
            match syntax_of(file) {
                Some(Syntax::Hcl) => of_native(text, &mut found),
                Some(Syntax::Json) => of_json(text, &mut found),
                None => {}
            }
        }
    }
    found.retain(|(name, _)| name != "terraform");
    found
}

fn of_native(text: &str, found: &mut BTreeSet<Configuration>) {
    let Ok(body) = terraform_file::parse(text) else {
        return;
    };
    for block in &body.blocks {
        let label = block.labels.first().map(|label| label.clone().into_owned());
        match (block.kind, label) {
            ("resource" | "data" | "ephemeral", Some(kind)) => {
                found.insert((provider_of(&kind).to_owned(), None));
            }
            ("provider", Some(name)) => {
                let alias = block.body.argument("alias").and_then(text_of);
                found.insert((name, alias));
            }
            ("terraform", _) => {
                let required = block.body.blocks_of("required_providers");
                let names = required.flat_map(|block| &block.body.arguments);
                found.extend(names.map(|argument| (argument.name.to_owned(), None)));
            }
            _ => {}
        }
    }
}

fn of_json(text: &str, found: &mut BTreeSet<Configuration>) {
    let Ok(file) = Node::parse(text) else { return };
    for kind in ["resource", "data", "ephemeral"] {
        let types = file.labelled(kind).into_iter().map(|(kind, _)| kind);
        found.extend(types.map(|kind| (provider_of(kind).to_owned(), None)));
    }
    for (name, block) in file.labelled("provider") {
        let alias = block.get("alias").and_then(Node::as_text).map(str::to_owned);
        found.insert((name.to_owned(), alias));
    }
    let terraform = file.blocks("terraform").into_iter();
    let required = terraform.flat_map(|block| block.blocks("required_providers"));
    let names = required.flat_map(Node::members);
    found.extend(names.map(|(name, _)| (name.clone(), None)));
}

fn provider_of(kind: &str) -> &str {
    kind.split_once('_').map_or(kind, |(provider, _)| provider)
}
