//! Terraform's native syntax (`.tf`, `.tfvars`), read as far as it is needed.
//!
//! The structure of a file is read here: its blocks and arguments, with the text of each expression. An expression is parsed
//! only when something asks for it. So an expression that the parser does not know, in a block that does not matter here, hides
//! nothing of the rest of the file.

use std::borrow::Cow;

use hcl_edit::expr::Expression;
use hcl_edit::parser::{Error, parse_expr};
use hcl_edit::{Ident, Span};

use crate::problem::Place;

mod heredoc;
pub mod references;
mod relax;
mod scan;
mod structure;

/// The content of a file or of a block.
#[derive(Debug, Default)]
pub struct Body<'a> {
    /// Its arguments, in order.
    pub arguments: Vec<Argument<'a>>,
    /// Its blocks, in order.
    pub blocks: Vec<Block<'a>>,
}

/// `name = expression`.
#[derive(Debug)]
pub struct Argument<'a> {
    /// Its name.
    pub name: &'a str,
    /// The expression, as it is written, without the space around it.
    pub text: &'a str,
    /// Where its name stands.
    pub named_at: Place,
    /// Where the expression begins.
    pub at: Place,
}

/// `kind "label" { … }`.
#[derive(Debug)]
pub struct Block<'a> {
    /// Its kind: `variable`, `resource`.
    pub kind: &'a str,
    /// Its labels.
    pub labels: Vec<Cow<'a, str>>,
    /// What is in it.
    pub body: Body<'a>,
    /// Where it begins.
    pub at: Place,
}

/// Where and why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {}, column {}: {message}", place.line, place.column)]
pub struct SyntaxError {
    /// Where.
    pub place: Place,
    /// What is wrong there.
    pub message: String,
}

/// Reads a file. A byte order mark at its beginning is no part of it, as for Terraform.
pub fn parse(text: &str) -> Result<Body<'_>, SyntaxError> {
    structure::read(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Parses one expression, with what HCL accepts and the parser does not: line ends in `{ for … }` and in templates, and an
/// object that names a key twice.
pub fn expression(text: &str) -> Result<Expression, SyntaxError> {
    parsed(text).or_else(|error| {
        let relaxed = relax::relaxed(text).and_then(|relaxed| parsed(&relaxed).ok());
        relaxed.ok_or_else(|| SyntaxError {
            place: Place {
                line: error.location().line(),
                column: error.location().column(),
            },
            message: error.message().to_owned(),
        })
    })
}

fn parsed(text: &str) -> Result<Expression, Error> {
    let mut expression = parse_expr(text)?;
    heredoc::dedent(&mut expression, text);
    Ok(expression)
}

/// Whether Terraform takes a file of this name for one that an editor or a system left: it reads no such file
/// (`IsIgnoredFile` in its `internal/configs/parser_config_dir.go`).
pub fn is_ignored(name: &str) -> bool {
    name.starts_with('.') || name.ends_with('~') || (name.starts_with('#') && name.ends_with('#'))
}

/// Whether Terraform reads a text as one name: letters, digits and marks as Unicode's UAX #31 has them, `_` and `-`
/// (`https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md#identifiers`).
pub fn is_identifier(text: &str) -> bool {
    Ident::try_new(text).is_ok()
}

impl<'a> Body<'a> {
    /// The argument of this name.
    pub fn argument(&self, name: &str) -> Option<&Argument<'a>> {
        self.arguments.iter().find(|argument| argument.name == name)
    }

    /// The blocks of a kind.
    pub fn blocks_of(&self, kind: &str) -> impl Iterator<Item = &Block<'a>> {
        self.blocks.iter().filter(move |block| block.kind == kind)
    }
}

impl Argument<'_> {
    /// The expression, or the place in the file at which it cannot be read.
    pub fn expression(&self) -> Result<Expression, SyntaxError> {
        expression(self.text).map_err(|error| SyntaxError {
            place: self.at.around(error.place),
            ..error
        })
    }

    /// The place in the file of a part of its expression.
    pub fn place_of(&self, part: &impl Span) -> Place {
        self.place_at(part.span().map_or(0, |span| span.start))
    }

    /// The place in the file of a byte of its text.
    pub fn place_at(&self, byte: usize) -> Place {
        self.at.after(&self.text[..self.text.floor_char_boundary(byte)])
    }

    /// The text that it is, where it is nothing else.
    pub fn as_text(&self) -> Option<String> {
        self.expression().ok()?.as_str().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_has_is_found_around_what_the_parser_rejects() {
        // Each is accepted by `terraform validate`, and rejected as a whole file by hcl-edit 0.10.
        for odd in [
            "a = { for k in [\"x\"] : k => k == \"y\" ? 1 :\n 2 }",
            "a = { for k in [\"x\"] : k => k == \"y\"\n ? 1 : 2 }",
            "a = { for k in [\"x\"] : k => true && # why\n false }",
            "a = { for k in [{ y = 1 }] : \"a\" => k\n.y }",
            "a = { for k in true\n ? [\"x\"]\n : [] : k => 1 }",
            "a = <<E\n%{ if true &&\n false }x%{ endif }\nE",
            "a = { Name = \"a\", Env = \"b\", \"Name\" = \"c\" }",
            "a = {\n Name = \"a\"\n Env = { a = 1, a = 2 }\n Name = \"c\"\n}",
            "a = 1e400",
        ] {
            let text = format!("\u{feff}locals {{\n  {odd}\n}}\r\nmodule \"m\" {{ source = \"./m\" }}\n");
            let body = parse(&text).unwrap_or_else(|error| panic!("{odd}: {error}"));
            let module = body.blocks_of("module").next().expect(odd);
            assert_eq!(module.labels, ["m"], "{odd}");
            assert_eq!(
                module.body.argument("source").and_then(Argument::as_text).as_deref(),
                Some("./m")
            );
            let argument = body.blocks[0].body.argument("a").expect(odd);
            assert!(argument.expression().is_ok() || odd.contains("1e400"), "{odd}");
        }
    }

    #[test]
    fn the_last_of_two_values_of_a_key_is_kept() {
        let read = expression("{ Name = \"a\", Env = { x = 1, x = 2 }, Name = \"c\" }").expect("an object");
        let text = read.to_string();
        assert!(
            !text.contains("\"a\"") && text.contains("\"c\"") && !text.contains("x = 1"),
            "{text}"
        );
    }

    #[test]
    fn structure_is_read_through_strings_heredocs_and_comments() {
        let text = "/* a { */ # b {\n// c {\nresource a \"b\\\"c\" {\n  x = \"}${\"}\"}\" # }\n  y = <<-EOT\n    } ${\"}\"}\n  EOT\n  z = [\n    1, # }\n    2,\n  ]\n  nested {}\n}\nlast = 1";
        let body = parse(text).expect("a body");
        let resource = &body.blocks[0];
        assert_eq!(
            (resource.kind, resource.labels[0].as_ref(), resource.labels[1].as_ref()),
            ("resource", "a", "b\"c")
        );
        let names: Vec<&str> = resource.body.arguments.iter().map(|argument| argument.name).collect();
        assert_eq!((names, resource.body.blocks.len()), (vec!["x", "y", "z"], 1));
        assert_eq!(body.argument("last").expect("last").text, "1");
    }

    #[test]
    fn comments_around_an_expression_are_no_part_of_it() {
        let text = "a /* b */ = /* c */ list(/* d */ string) /* e\n f */\nb = 1 # g\nc { d = 1 /* h */ }\n";
        let body = parse(text).expect("a body");
        let texts = body.arguments.iter().map(|argument| argument.text);
        assert_eq!(texts.collect::<Vec<_>>(), ["list(/* d */ string)", "1"]);
        assert_eq!(body.blocks[0].body.arguments[0].text, "1");
    }

    #[test]
    fn identifiers_are_those_of_unicode() {
        for name in ["zu\u{308}rich", "数据", "x\u{b7}y", "\u{2118}", "_x", "a-", "ⅷ"] {
            let text = format!("{name} = <<{name}\nx\n{name}\n{name} {name} {{}}\n");
            let body = parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(
                (body.arguments[0].name, body.blocks[0].labels[0].as_ref()),
                (name, name)
            );
        }
        for name in ["x²", "a😀", "1x", "-x", "\u{a0}x"] {
            assert!(
                parse(&format!("{name} = 1\n")).is_err() && !is_identifier(name),
                "{name}"
            );
        }
    }

    #[test]
    fn a_fault_is_named_with_its_place() {
        for (text, line, words) in [
            ("variable \"a\" {\n  type = \n}", 2, "expression"),
            ("a = 1\nvariable \"a\" {\n  type = string\n", 2, "not closed"),
            ("a = \"b\n", 1, "not closed"),
            ("a = <<EOT\nb\n", 1, "heredoc"),
            ("a = [1\n", 1, "not closed"),
            ("a = (1]\n", 1, "closes"),
            ("}\n", 1, "argument or a block"),
            ("variable \"a\" \"b\"\n", 1, "`{`"),
            ("variable \"a\" {} variable \"b\" {}", 1, "line"),
            ("/* a", 1, "comment"),
            ("a = 1\n= 2", 2, "argument or a block"),
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!(error.place.line, line, "{text}: {error}");
            assert!(error.message.contains(words), "{text}: {error}");
        }
        let deep = format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(parse(&deep).expect_err("too deep").message.contains("levels"));
        let deep = "a {\n".repeat(100_000);
        assert!(parse(&deep).expect_err("too deep").message.contains("levels"));
    }

    #[test]
    fn the_line_of_an_expression_is_that_of_the_file() {
        let body = parse("a = 1\nb = [\n  1,\n  = 2,\n]\n").expect("a body");
        assert_eq!(body.arguments[1].expression().expect_err("no expression").place.line, 4);
    }

    #[test]
    fn place_of_a_part_is_that_in_the_file() {
        let text = "# ü\nlocals {\n  ü = { a = 1, b = [\n    é(2),\n  ] }\n  c = 1 +\n}\n";
        let body = parse(text).expect("a body");
        let locals = &body.blocks[0];
        assert_eq!(locals.at, Place { line: 2, column: 1 });
        let argument = &locals.body.arguments[0];
        assert_eq!((argument.named_at.column, argument.at.column), (3, 7));
        let expression = argument.expression().expect("an expression");
        let object = expression.as_object().expect("an object");
        let list = object
            .iter()
            .nth(1)
            .and_then(|(_, value)| value.expr().as_array())
            .expect("a list");
        assert_eq!(argument.place_of(list), Place { line: 3, column: 20 });
        let call = list.iter().next().expect("a call");
        assert_eq!(argument.place_of(call), Place { line: 4, column: 5 });
    }

    #[test]
    fn files_of_editors_are_ignored_as_terraform_does() {
        for name in ["._variables.tf", ".hidden.tf", "#main.tf#", "main.tf~"] {
            assert!(is_ignored(name), "{name}");
        }
        for name in ["main.tf", "#main.tf", "_main.tf"] {
            assert!(!is_ignored(name), "{name}");
        }
    }
}
