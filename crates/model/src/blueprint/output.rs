//! The output `slipway` of a root module, as far as it can be seen without Terraform: what is written out, there or in locals.

use std::collections::BTreeMap;

use hcl_edit::expr::{Expression, ObjectKey, Traversal, TraversalOperator};
use hcl_edit::template::Element;
use hcl_edit::{Decorated, Span};
use serde_json::Value;

use super::Source;
use crate::contract::Partial;
use crate::problem::Place;
use crate::terraform::OUTPUT;
use crate::terraform_file::{self, Argument, Body};
use crate::terraform_json::{self, Node, Step};
use crate::variable::{self, Syntax, constant_of, syntax_of};

/// The output, where a file declares it.
pub(super) struct Written {
    pub(super) file: String,
    /// Where the block begins.
    pub(super) at: Place,
    /// Where it is made sensitive.
    pub(super) sensitive: Option<Place>,
    pub(super) value: Option<Content>,
}

/// What is known of the value, and where its parts stand.
pub(super) struct Content {
    pub(super) partial: Partial,
    /// By the path from `slipway`: the file, and the place in it.
    places: BTreeMap<String, (String, Place)>,
}

impl Content {
    /// Where the part at a path stands; for one that is missing, the part that lacks it.
    pub(super) fn place(&self, path: &str) -> (&str, Place) {
        let mut path = path;
        loop {
            if let Some((file, place)) = self.places.get(path) {
                return (file, *place);
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return ("", Place::START),
            }
        }
    }
}

/// Finds the output in the files of the root module, and says whether every file could be read.
pub(super) fn find(source: &Source) -> (Vec<Written>, bool) {
    let (mut bodies, mut nodes, mut all_read) = (Vec::new(), Vec::new(), true);
    for (file, text) in source.root_files() {
        match syntax_of(file) {
            Some(Syntax::Hcl) => match terraform_file::parse(text) {
                Ok(body) => bodies.push((file, body)),
                Err(_) => all_read = false,
            },
            Some(Syntax::Json) => match Node::parse(text) {
                Ok(node) => nodes.push((file, text, node)),
                Err(_) => all_read = false,
            },
            None => {}
        }
    }
    let locals = Locals::of(&bodies);
    let mut outputs: Vec<Written> = bodies
        .iter()
        .flat_map(|(file, body)| in_body(file, body, &locals))
        .collect();
    outputs.extend(nodes.iter().flat_map(|(file, text, node)| in_node(file, text, node)));
    // As Terraform reads them: override files last.
    outputs.sort_by(|one, other| {
        let order = |written: &Written| (variable::is_override(&written.file), written.file.clone(), written.at);
        order(one).cmp(&order(other))
    });
    (outputs, all_read)
}

/// The value that counts: that of the last file which gives one.
pub(super) fn last(outputs: &[Written]) -> Option<&Content> {
    outputs.iter().rev().find_map(|written| written.value.as_ref())
}

fn in_body<'a>(file: &'a str, body: &'a Body<'a>, locals: &'a Locals<'a>) -> impl Iterator<Item = Written> {
    let blocks = body
        .blocks_of("output")
        .filter(|block| matches!(block.labels.as_slice(), [label] if label == OUTPUT));
    blocks.map(move |block| {
        let sensitive = block.body.argument("sensitive").filter(|flag| variable::is_on(flag));
        Written {
            file: file.to_owned(),
            at: block.at,
            sensitive: sensitive.map(|flag| flag.named_at),
            value: block.body.argument("value").map(|argument| {
                let mut reader = Reader {
                    locals,
                    places: BTreeMap::new(),
                    left: PARTS,
                };
                let at = Here { file, argument };
                reader.places.insert(OUTPUT.to_owned(), at.place(argument.at));
                let partial = argument
                    .expression()
                    .map_or(Partial::Unknown, |value| reader.read(&value, at, OUTPUT));
                Content {
                    partial,
                    places: reader.places,
                }
            }),
        }
    })
}

/// The locals of a root module by name.
struct Locals<'a>(BTreeMap<&'a str, Here<'a>>);

impl<'a> Locals<'a> {
    fn of(bodies: &'a [(&'a str, Body<'a>)]) -> Self {
        let mut locals = BTreeMap::new();
        for (file, body) in bodies {
            for argument in body.blocks_of("locals").flat_map(|block| &block.body.arguments) {
                locals.insert(argument.name, Here { file, argument });
            }
        }
        Self(locals)
    }
}

/// The expression in which something stands.
#[derive(Clone, Copy)]
struct Here<'a> {
    file: &'a str,
    argument: &'a Argument<'a>,
}

impl Here<'_> {
    fn place(self, place: Place) -> (String, Place) {
        (self.file.to_owned(), place)
    }

    fn place_of(self, part: &impl Span) -> (String, Place) {
        self.place(self.argument.place_of(part))
    }
}

/// The most parts that are read: a local may stand for many copies of another one, and that for many of the next.
const PARTS: u32 = 20_000;

struct Reader<'a> {
    locals: &'a Locals<'a>,
    places: BTreeMap<String, (String, Place)>,
    left: u32,
}

impl<'a> Reader<'a> {
    /// What is known of an expression, which stands at this path.
    fn read(&mut self, expression: &Expression, here: Here<'a>, path: &str) -> Partial {
        let Some(left) = self.left.checked_sub(1) else {
            return Partial::Unknown;
        };
        self.left = left;
        match expression {
            Expression::Parenthesis(inner) => self.read(inner.inner(), here, path),
            Expression::Array(values) => {
                let values = values.iter().enumerate().map(|(index, value)| {
                    let path = format!("{path}[{index}]");
                    self.places.insert(path.clone(), here.place_of(value));
                    self.read(value, here, &path)
                });
                Partial::List(values.collect())
            }
            Expression::Object(values) => {
                let mut fields = BTreeMap::new();
                for (key, value) in values {
                    // Which attributes there are, only Terraform knows.
                    let Some((name, at)) = key_of(key, here) else {
                        return Partial::Unknown;
                    };
                    let path = format!("{path}.{name}");
                    self.places.insert(path.clone(), at);
                    fields.insert(name, self.read(value.expr(), here, &path));
                }
                Partial::Object(fields)
            }
            Expression::Traversal(traversal) => self.traversal(traversal, path),
            // A template that is one value is that value.
            Expression::StringTemplate(template) => match template.iter().collect::<Vec<_>>().as_slice() {
                [Element::Interpolation(inner)] => self.read(&inner.expr, here, path),
                [Element::Literal(begin), ..] => Partial::Text(begin.as_str().to_owned()),
                _ => Partial::Text(String::new()),
            },
            other => match constant_of(other) {
                Some(value) => Partial::of(&value),
                None if matches!(other, Expression::HeredocTemplate(_)) => Partial::Text(String::new()),
                None => Partial::Unknown,
            },
        }
    }

    /// `local.name`, and what is in it.
    fn traversal(&mut self, traversal: &Traversal, path: &str) -> Partial {
        let is_local = matches!(&traversal.expr, Expression::Variable(root) if root.as_str() == "local");
        let mut operators = traversal.operators.iter().map(Decorated::value);
        let Some(TraversalOperator::GetAttr(name)) = operators.next().filter(|_| is_local) else {
            return Partial::Unknown;
        };
        let Some(here) = self.locals.0.get(name.as_str()).copied() else {
            return Partial::Unknown;
        };
        let Ok(expression) = here.argument.expression() else {
            return Partial::Unknown;
        };
        let mut found = &expression;
        for operator in operators {
            let Some(inner) = part_of(found, operator) else {
                return Partial::Unknown;
            };
            found = inner;
        }
        self.read(found, here, path)
    }
}

/// The name that a key of an object is, where it is written out, and its place.
fn key_of(key: &ObjectKey, here: Here<'_>) -> Option<(String, (String, Place))> {
    match key {
        ObjectKey::Ident(name) => Some((name.as_str().to_owned(), here.place_of(name))),
        ObjectKey::Expression(expression) => {
            let name = match expression {
                Expression::Variable(name) => name.as_str().to_owned(),
                other => constant_of(other)?.as_str()?.to_owned(),
            };
            Some((name, here.place_of(expression)))
        }
    }
}

/// The part of an expression that an operator chooses, where the expression is written out.
fn part_of<'e>(expression: &'e Expression, operator: &TraversalOperator) -> Option<&'e Expression> {
    let name = match operator {
        TraversalOperator::GetAttr(name) => name.as_str(),
        TraversalOperator::Index(Expression::Number(index)) => {
            let index = usize::try_from(index.value().as_u64()?).ok()?;
            return expression.as_array()?.iter().nth(index);
        }
        TraversalOperator::Index(index) => index.as_str()?,
        _ => return None,
    };
    let mut parts = expression.as_object()?.iter();
    let found = parts.find(|(key, _)| match key {
        ObjectKey::Ident(key) => key.as_str() == name,
        ObjectKey::Expression(Expression::Variable(key)) => key.as_str() == name,
        ObjectKey::Expression(key) => key.as_str() == Some(name),
    });
    found.map(|(_, value)| value.expr())
}

fn in_node<'a>(file: &'a str, text: &'a str, node: &'a Node) -> impl Iterator<Item = Written> {
    let blocks = node.labelled("output").into_iter().filter(|(name, _)| *name == OUTPUT);
    blocks.map(move |(_, block)| {
        let steps = [Step::Member("output"), Step::Member(OUTPUT)];
        let place = |name| terraform_json::place(text, &[&steps[..], &[Step::Member(name)]].concat());
        let is_sensitive = match block.get("sensitive") {
            None | Some(Node::Null | Node::Bool(false)) => false,
            Some(flag) => flag.as_text() != Some("false"),
        };
        let value = block.get("value").filter(|value| **value != Node::Null);
        Written {
            file: file.to_owned(),
            at: terraform_json::place(text, &steps),
            sensitive: is_sensitive.then(|| place("sensitive")),
            value: value.map(|value| {
                let mut places = BTreeMap::new();
                let partial = of_node(
                    value,
                    OUTPUT,
                    &mut vec![steps[0], steps[1], Step::Member("value")],
                    &mut |path, steps| {
                        places.insert(path, (file.to_owned(), terraform_json::place(text, steps)));
                    },
                );
                Content { partial, places }
            }),
        }
    })
}

/// What is known of a value in Terraform's JSON syntax, in which every text is a template.
fn of_node<'n>(
    node: &'n Node,
    path: &str,
    steps: &mut Vec<Step<'n>>,
    found: &mut impl FnMut(String, &[Step<'n>]),
) -> Partial {
    found(path.to_owned(), steps);
    let mut inner = |node: &'n Node, path: String, step: Step<'n>| {
        steps.push(step);
        let partial = of_node(node, &path, steps, found);
        steps.pop();
        partial
    };
    match node {
        Node::Text(text) if text.starts_with("${") && text.ends_with('}') => Partial::Unknown,
        Node::Text(text) if text.contains("${") || text.contains("%{") => {
            let begin = text.split(['$', '%']).next().unwrap_or_default();
            Partial::Text(begin.to_owned())
        }
        Node::List(values) => {
            let values = values.iter().enumerate();
            let values = values.map(|(index, value)| inner(value, format!("{path}[{index}]"), Step::Element(index)));
            Partial::List(values.collect())
        }
        Node::Object(members) => {
            let members = members.iter().map(|(name, value)| {
                let part = inner(value, format!("{path}.{name}"), Step::Member(name));
                (name.clone(), part)
            });
            Partial::Object(members.collect())
        }
        scalar => scalar
            .value()
            .map_or(Partial::Unknown, |value: Value| Partial::of(&value)),
    }
}
