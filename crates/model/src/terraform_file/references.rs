//! The names that an expression refers to.

use hcl_edit::expr::{Expression, ForExpr, FuncCall, ObjectKey, Traversal, TraversalOperator};
use hcl_edit::template::ForTemplateExpr;
use hcl_edit::visit::{self, Visit};
use hcl_edit::{Decorated, Ident, Span};

/// `root.path`: `var.size`, `module.network.id`. A name that a `for` of the expression gives, or one of its templates, is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The first name.
    pub root: String,
    /// The names after it, up to the first index that is no text.
    pub path: Vec<String>,
    /// The byte of the expression at which it begins.
    pub byte: usize,
}

/// A name that an expression uses, and that no `for` of it gives.
pub enum Name {
    /// A value of the module.
    Reference(Reference),
    /// A function, by the byte at which its name begins.
    Function { name: String, byte: usize },
}

/// Every reference in an expression.
pub fn references(expression: &Expression) -> Vec<Reference> {
    let only_references = |name| match name {
        Name::Reference(reference) => Some(reference),
        Name::Function { .. } => None,
    };
    names(expression).into_iter().filter_map(only_references).collect()
}

/// Every name in an expression, in its order; that of a function stands before its arguments.
pub fn names(expression: &Expression) -> Vec<Name> {
    let mut finder = Finder::default();
    finder.visit_expr(expression);
    finder.found
}

#[derive(Default)]
struct Finder {
    own: Vec<String>,
    found: Vec<Name>,
}

impl Finder {
    fn add(&mut self, root: &str, path: Vec<String>, part: &impl Span) {
        if !self.own.iter().any(|own| own == root) {
            self.found.push(Name::Reference(Reference {
                root: root.to_owned(),
                path,
                byte: beginning(part),
            }));
        }
    }

    /// Visits a part in which a `for` gives these names.
    fn with<'n>(&mut self, names: impl Iterator<Item = &'n Decorated<Ident>>, part: impl FnOnce(&mut Self)) {
        let around = self.own.len();
        self.own.extend(names.map(|name| name.as_str().to_owned()));
        part(self);
        self.own.truncate(around);
    }
}

fn beginning(part: &impl Span) -> usize {
    part.span().map_or(0, |span| span.start)
}

impl Visit for Finder {
    fn visit_expr(&mut self, expression: &Expression) {
        match expression {
            Expression::Variable(name) => self.add(name.as_str(), Vec::new(), expression),
            other => visit::visit_expr(self, other),
        }
    }

    fn visit_object_key(&mut self, key: &ObjectKey) {
        match key {
            // A bare word is a text.
            ObjectKey::Ident(_) | ObjectKey::Expression(Expression::Variable(_)) => {}
            ObjectKey::Expression(_) => visit::visit_object_key(self, key),
        }
    }

    fn visit_traversal(&mut self, traversal: &Traversal) {
        let Expression::Variable(root) = &traversal.expr else {
            return visit::visit_traversal(self, traversal);
        };
        let names = traversal.operators.iter().map_while(|operator| match operator.value() {
            TraversalOperator::GetAttr(name) => Some(name.as_str().to_owned()),
            TraversalOperator::Index(index) => index.as_str().map(str::to_owned),
            _ => None,
        });
        self.add(root.as_str(), names.collect(), &traversal.expr);
        for operator in &traversal.operators {
            visit::visit_traversal_operator(self, operator.value());
        }
    }

    fn visit_func_call(&mut self, call: &FuncCall) {
        self.found.push(Name::Function {
            name: call.name.name.as_str().to_owned(),
            byte: beginning(&call.name.name),
        });
        visit::visit_func_call(self, call);
    }

    fn visit_for_expr(&mut self, expression: &ForExpr) {
        self.visit_expr(&expression.intro.collection_expr);
        let names = expression.intro.key_var.iter().chain([&expression.intro.value_var]);
        self.with(names, |finder| {
            let parts = expression.key_expr.iter().chain([&expression.value_expr]);
            for part in parts.chain(expression.cond.iter().map(|condition| &condition.expr)) {
                finder.visit_expr(part);
            }
        });
    }

    fn visit_for_template_expr(&mut self, directive: &ForTemplateExpr) {
        self.visit_expr(&directive.collection_expr);
        let names = directive.key_var.iter().chain([&directive.value_var]);
        self.with(names, |finder| finder.visit_template(&directive.template));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terraform_file::expression;

    #[test]
    fn references_are_found_with_their_bytes() {
        let of = |text: &str| {
            let parsed = expression(text).expect(text);
            let found = references(&parsed).into_iter();
            let shown = found.map(|found| format!("{}.{}@{}", found.root, found.path.join("."), found.byte));
            shown.collect::<Vec<_>>()
        };
        for (text, expected) in [
            ("var.a + 1", vec!["var.a@0"]),
            ("\"x${local.b[0].c}\"", vec!["local.b@4"]),
            (
                "f(module.m[\"k\"].id, data.t.n.x)",
                vec!["module.m.k.id@2", "data.t.n.x@20"],
            ),
            (
                "[for v in var.list : \"${v.a}${var.c}\" if v.on]",
                vec!["var.list@10", "var.c@30"],
            ),
            ("{ for k, var in local.m : k => var.x }", vec!["local.m@16"]),
            (
                "\"%{ for k, v in var.m }${k}${v.a}${each.key}%{ endfor }${v}\"",
                vec!["var.m@16", "each.key@35", "v.@57"],
            ),
            ("{ name = each.value, (var.k) = 1 }", vec!["each.value@9", "var.k@22"]),
            ("a.b[var.i]", vec!["a.b@0", "var.i@4"]),
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
    }
}
