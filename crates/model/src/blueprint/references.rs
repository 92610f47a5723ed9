//! References to variables, locals and modules that a root module does not declare.
//!
//! Terraform finds these too (`terraform validate`), but only in a module that it can load as a whole. References to resources are
//! left to it: it knows their types.

use std::collections::BTreeSet;

use super::Source;
use crate::problem::FieldProblem;
use crate::terraform_file::references::references;
use crate::terraform_file::{self, Argument, Block, Body};
use crate::variable::{Syntax, syntax_of};

/// The blocks of a root module whose arguments refer to things. In others, names stand for addresses.
const REFERRING: [&str; 7] = ["resource", "data", "ephemeral", "module", "output", "locals", "check"];

/// What is declared, by kind.
#[derive(Default)]
struct Declared<'a> {
    variables: BTreeSet<&'a str>,
    locals: BTreeSet<&'a str>,
    modules: BTreeSet<&'a str>,
}

/// The references that lead nowhere. Nothing is known where a file cannot be read, or is in Terraform's JSON syntax.
pub(super) fn problems(source: &Source) -> Vec<FieldProblem> {
    let mut bodies = Vec::new();
    for (file, text) in source.root_files() {
        match syntax_of(file) {
            Some(Syntax::Hcl) => match terraform_file::parse(text) {
                Ok(body) => bodies.push((file, body)),
                Err(_) => return Vec::new(),
            },
            Some(Syntax::Json) => return Vec::new(),
            None => {}
        }
    }
    let mut declared = Declared::default();
    for (_, body) in &bodies {
        for block in &body.blocks {
            let label = block.labels.first().map(AsRef::as_ref);
            match block.kind {
                "variable" => declared.variables.extend(label),
                "module" => declared.modules.extend(label),
                "locals" => declared
                    .locals
                    .extend(block.body.arguments.iter().map(|argument| argument.name)),
                _ => {}
            }
        }
    }
    let mut problems = Vec::new();
    for (file, body) in &bodies {
        let mut finder = Finder {
            field: source.root_field(file),
            declared: &declared,
            problems: &mut problems,
        };
        for block in body.blocks.iter().filter(|block| REFERRING.contains(&block.kind)) {
            finder.top(block);
        }
    }
    problems
}

struct Finder<'a> {
    field: String,
    declared: &'a Declared<'a>,
    problems: &'a mut Vec<FieldProblem>,
}

impl Finder<'_> {
    /// A block that is in no other. Terraform evaluates the `connection` of a resource with provisioners only.
    fn top(&mut self, block: &Block<'_>) {
        let connects = block.kind != "resource" || block.body.blocks_of("provisioner").next().is_some();
        self.arguments(&block.body);
        for inner in &block.body.blocks {
            if connects || inner.kind != "connection" {
                self.block(inner);
            }
        }
    }

    /// Terraform evaluates the content of a `dynamic` block once for each element, so never if there are none.
    fn block(&mut self, block: &Block<'_>) {
        if block.kind == "dynamic" {
            if let Some(elements) = block.body.argument("for_each") {
                self.argument(elements);
            }
            return;
        }
        self.arguments(&block.body);
        for inner in &block.body.blocks {
            self.block(inner);
        }
    }

    fn arguments(&mut self, body: &Body<'_>) {
        for argument in &body.arguments {
            self.argument(argument);
        }
    }

    fn argument(&mut self, argument: &Argument<'_>) {
        // What only Terraform can read, it checks.
        let Ok(expression) = argument.expression() else {
            return;
        };
        for reference in references(&expression) {
            let Some(name) = reference.path.first() else { continue };
            let (noun, known) = match reference.root.as_str() {
                "var" => ("variable", &self.declared.variables),
                "local" => ("local", &self.declared.locals),
                "module" => ("module", &self.declared.modules),
                _ => continue,
            };
            if known.contains(name.as_str()) {
                continue;
            }
            let names: Vec<&str> = known.iter().copied().take(20).collect();
            let remedy = if names.is_empty() {
                format!("declare it: the root module has no {noun}s")
            } else {
                format!("declare it, or use one of: {}", names.join(", "))
            };
            let detail = format!("the {noun} `{name}` is not declared");
            let at = argument.place_at(reference.byte);
            self.problems
                .push(FieldProblem::new(self.field.clone(), detail, remedy).at(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut source = Source::default();
        source.files.insert("main.tf".to_owned(), text.to_owned());
        let problems = problems(&source).into_iter();
        let shown = problems.map(|problem| {
            let place = problem.place.expect("a place");
            format!("{}:{} {}", place.line, place.column, problem.detail)
        });
        shown.collect()
    }

    #[test]
    fn reference_to_nothing_is_found_where_it_stands() {
        let text = r#"
variable "a" {
  type = object({ var = string })
}
locals {
  x = local.y + var.a.var
  y = [for local in var.b : local.c]
}
module "m" {
  source = "./m"
  z = module.n.id
}
resource "t" "n" {
  lifecycle {
    ignore_changes = [tags, desired_count]
  }
  dynamic "var" {
    for_each = var.c
    content {
      name = "${var.value}${local.z}"
    }
  }
}
moved {
  from = module.old
  to   = module.m
}
"#;
        assert_eq!(
            found(text),
            [
                "7:21 the variable `b` is not declared",
                "11:7 the module `n` is not declared",
                "18:16 the variable `c` is not declared",
            ]
        );
    }

    #[test]
    fn reference_that_terraform_may_never_evaluate_is_left_to_it() {
        let text = r#"
variable "on" {}
resource "t" "dynamic" {
  dynamic "a" {
    for_each = var.on ? [1] : []
    labels   = [var.nothing]
    content {
      b = var.nothing.port
      dynamic "c" {
        for_each = local.nothing
        content {}
      }
    }
  }
}
resource "t" "idle" {
  connection {
    host = var.nothing
  }
}
resource "t" "used" {
  connection {
    host = var.host
  }
  provisioner "remote-exec" {
    connection {
      user = local.user
    }
  }
}
"#;
        assert_eq!(
            found(text),
            [
                "23:12 the variable `host` is not declared",
                "27:14 the local `user` is not declared",
            ]
        );
    }
}
