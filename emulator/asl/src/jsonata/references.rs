//! What an expression reads that Step Functions does not have.
//!
//! There is no input document: everything is under `$states` or in a variable. So AWS refuses at creation a field
//! name, `$` or `*` that would read the input document, and `$$` anywhere.

use jsonata_core::ast::{AstNode, PathStep, Stage};

use super::expression::Readable;

/// One sentence for each reference that AWS `CreateStateMachine` refuses.
pub(super) fn unsupported(ast: &AstNode, readable: Readable) -> Vec<String> {
    let mut walk = Walk {
        readable,
        problems: Vec::new(),
    };
    walk.visit(ast, Context::None);
    walk.problems
}

/// What a bare name would be looked up in.
#[derive(Clone, Copy, PartialEq)]
enum Context {
    /// The input document, which does not exist.
    None,
    /// The value of the step before.
    Value,
}

struct Walk {
    readable: Readable,
    problems: Vec<String>,
}

impl Walk {
    fn visit(&mut self, node: &AstNode, context: Context) {
        match node {
            AstNode::String(_)
            | AstNode::Number(_)
            | AstNode::Boolean(_)
            | AstNode::Null
            | AstNode::Undefined
            | AstNode::Placeholder
            | AstNode::Regex { .. }
            | AstNode::Parent(_) => {}
            AstNode::Name(name) => self.context_reference(name, context),
            AstNode::Wildcard => self.context_reference("*", context),
            AstNode::Descendant => self.context_reference("**", context),
            AstNode::Variable(name) => self.variable(name, context),
            AstNode::ParentVariable(_) => {
                self.problems.push("Reference to '$$' is not supported.".to_owned());
            }
            AstNode::Path { steps } => self.path(steps, context),
            AstNode::Binary { lhs, rhs, .. } => self.visit_all([&**lhs, &**rhs], context),
            AstNode::Unary { operand, .. } => self.visit(operand, context),
            AstNode::Function { name, args, is_builtin } => {
                self.function(name, *is_builtin, context);
                self.visit_all(args, context);
            }
            AstNode::Call { procedure, args } => {
                self.visit(procedure, context);
                self.visit_all(args, context);
            }
            // A function body keeps the context of the place that defines it.
            AstNode::Lambda { body, .. } => self.visit(body, context),
            AstNode::Array(items) | AstNode::ArrayGroup(items) | AstNode::Block(items) => {
                self.visit_all(items, context);
            }
            AstNode::Object(pairs) => self.pairs(pairs, context),
            AstNode::ObjectTransform { input, pattern } => {
                self.visit(input, context);
                self.pairs(pattern, Context::Value);
            }
            AstNode::Conditional {
                condition,
                then_branch,
                else_branch,
            } => {
                self.visit_all([&**condition, &**then_branch], context);
                self.visit_all(else_branch.as_deref(), context);
            }
            AstNode::FunctionApplication(inner) => self.visit(inner, context),
            AstNode::Sort { input, terms } => {
                self.visit(input, context);
                self.visit_all(terms.iter().map(|(term, _)| term), Context::Value);
            }
            AstNode::Transform {
                location,
                update,
                delete,
            } => {
                self.visit_all([&**location, &**update], Context::Value);
                self.visit_all(delete.as_deref(), Context::Value);
            }
        }
    }

    fn visit_all<'n>(&mut self, nodes: impl IntoIterator<Item = &'n AstNode>, context: Context) {
        for node in nodes {
            self.visit(node, context);
        }
    }

    fn pairs(&mut self, pairs: &[(AstNode, AstNode)], context: Context) {
        for (key, value) in pairs {
            self.visit_all([key, value], context);
        }
    }

    /// Only the first step is looked up in the context; each later one, and every predicate, in a value.
    fn path(&mut self, steps: &[PathStep], context: Context) {
        let mut context = context;
        for step in steps {
            self.visit(&step.node, context);
            context = Context::Value;
            for stage in &step.stages {
                if let Stage::Filter(predicate) = stage {
                    self.visit(predicate, Context::Value);
                }
            }
        }
        if let [first, second, ..] = steps
            && let (AstNode::Variable(variable), AstNode::Name(field)) = (&first.node, &second.node)
            && variable == "states"
        {
            self.states_field(field);
        }
    }

    fn states_field(&mut self, field: &str) {
        let exists = match field {
            "input" | "context" => true,
            "result" => self.readable.result,
            "errorOutput" => self.readable.error_output,
            _ => false,
        };
        if !exists {
            self.problems.push(format!("Field '$states.{field}' does not exist."));
        }
    }

    /// A call of `$name(...)`, or of a field `name(...)`.
    fn function(&mut self, name: &str, is_variable: bool, context: Context) {
        if !is_variable {
            self.context_reference(name, context);
        }
    }

    fn variable(&mut self, name: &str, context: Context) {
        if name.is_empty() {
            self.context_reference("$", context);
        }
    }

    fn context_reference(&mut self, reference: &str, context: Context) {
        if context == Context::None {
            self.problems
                .push(format!("Reference to '{reference}' at the top level is not supported."));
        }
    }
}

#[cfg(test)]
mod tests {
    use jsonata_core::parser::parse;

    use super::*;

    fn problems(source: &str) -> Vec<String> {
        unsupported(&parse(source).expect(source), Readable::default())
    }

    #[test]
    fn what_reads_an_input_document_is_refused() {
        for (source, reference) in [
            ("phone", "phone"),
            ("phone.number", "phone"),
            ("$.x", "$"),
            ("*", "*"),
            ("$sum(prices)", "prices"),
            ("$states.input & suffix", "suffix"),
            ("{'a': b}", "b"),
            ("$map($states.input.a, function($x) { b })", "b"),
        ] {
            let expected = format!("Reference to '{reference}' at the top level is not supported.");
            assert_eq!(problems(source), [expected], "{source}");
        }
        assert_eq!(problems("$$"), ["Reference to '$$' is not supported."]);
    }

    #[test]
    fn what_reads_a_value_is_not() {
        for source in [
            "$states.input.items[value > 3].(a + b)",
            "$states.input.items^(>price)",
            "$states.input.items{name: $count(price)}",
            "$states.input.items.$",
            "($x := $states.context.Execution.Id; $x & 'a')",
            "$other ~> |$|{'a': b}|",
        ] {
            assert_eq!(problems(source), Vec::<String>::new(), "{source}");
        }
    }

    #[test]
    fn result_and_error_output_exist_only_where_aws_has_them() {
        let missing = "Field '$states.result' does not exist.";
        assert_eq!(problems("$states.result.x"), [missing]);
        assert_eq!(problems("$states.errorOutput").len(), 1);
        assert_eq!(problems("$states.output").len(), 1);
        let readable = Readable {
            result: true,
            error_output: true,
        };
        let ast = parse("$states.result & $states.errorOutput.Error").expect("parses");
        assert!(unsupported(&ast, readable).is_empty());
    }
}
