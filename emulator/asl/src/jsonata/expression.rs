//! One `{% ... %}` expression, parsed and checked when the machine is created.

use jsonata_core::ast::AstNode;
use jsonata_core::parser;

use super::{references, syntax_error};
use crate::diagnostics::DiagnosticCode;

/// Which optional fields of `$states` an expression may read: that depends on the field which holds it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Readable {
    /// `$states.result`: `Output` and `Assign` of Task, Parallel and Map.
    pub result: bool,
    /// `$states.errorOutput`: `Output` and `Assign` of a catcher.
    pub error_output: bool,
}

/// A `JSONata` expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expression {
    source: String,
    ast: AstNode,
}

impl Expression {
    /// Whether a string of the definition is an expression: the whole string is `{% ... %}`, without even a space
    /// around it. Any other string is a literal.
    pub fn delimits(text: &str) -> bool {
        text.len() >= 4 && text.starts_with("{%") && text.ends_with("%}")
    }

    /// Parses the text between the delimiters, and refuses what AWS refuses at creation.
    pub fn parse(text: &str, readable: Readable) -> Result<Self, Vec<(DiagnosticCode, String)>> {
        let source = text[2..text.len() - 2].trim();
        let ast = parser::parse(source).map_err(|error| {
            let message = syntax_error::message(&error.to_string());
            vec![(DiagnosticCode::InvalidJsonataExpression, message)]
        })?;
        let unsupported = references::unsupported(&ast, readable);
        if unsupported.is_empty() {
            let source = source.to_owned();
            return Ok(Self { source, ast });
        }
        let code = DiagnosticCode::UnsupportedJsonataExpression;
        Err(unsupported.into_iter().map(|message| (code, message)).collect())
    }

    /// The text between the delimiters.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The parsed expression.
    pub fn ast(&self) -> &AstNode {
        &self.ast
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_string_is_an_expression() {
        assert!(Expression::delimits("{% 1 %}") && Expression::delimits("{%%}"));
        for literal in ["", "{%}", " {% 1 %}", "{% 1 %} ", "a {% 1 %}", "$states.input"] {
            assert!(!Expression::delimits(literal), "{literal}");
        }
    }
}
