//! Which call or operator of a failed expression it was that failed.
//!
//! Parts of the expression are evaluated again, the innermost first: the first that fails in the same way is it. A part
//! that depends on what is around it (in a function body, in a step of a path) does not fail when it stands alone; then
//! the first call in it is taken for the culprit.

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

use super::messages::Culprit;

/// Evaluates a part of an expression: its value as JSON text, or the message of its error.
type Evaluate<'e> = dyn FnMut(&AstNode) -> Result<String, String> + 'e;

/// What the error of an expression is about.
pub(super) fn find(ast: &AstNode, message: &str, evaluate: &mut Evaluate<'_>) -> Culprit {
    let Some(part) = innermost(ast, message, evaluate) else {
        return Culprit::default();
    };
    let function = inner_call(part).or_else(|| call(part)).map(str::to_owned);
    let (operator, operands): (_, Vec<&AstNode>) = match part {
        AstNode::Binary { op, lhs, rhs } => (symbol(*op), vec![lhs, rhs]),
        AstNode::Unary { operand, .. } => (None, vec![operand]),
        _ => (None, Vec::new()),
    };
    let operands = operands.into_iter().map(&mut *evaluate);
    Culprit {
        function,
        operator,
        operands: operands
            .map(|value| value.unwrap_or_else(|_| "undefined".to_owned()))
            .collect(),
    }
}

fn innermost<'n>(node: &'n AstNode, message: &str, evaluate: &mut Evaluate<'_>) -> Option<&'n AstNode> {
    if evaluate(node).err().as_deref() != Some(message) {
        return None;
    }
    let inner = children(node)
        .into_iter()
        .find_map(|child| innermost(child, message, evaluate));
    Some(inner.unwrap_or(node))
}

/// The function that a node calls.
fn call(node: &AstNode) -> Option<&str> {
    match node {
        AstNode::Function { name, .. } => Some(name),
        AstNode::Binary {
            op: BinaryOp::ChainPipe,
            rhs,
            ..
        } => match &**rhs {
            AstNode::Variable(name) => Some(name),
            other => call(other),
        },
        _ => None,
    }
}

/// The first call in a part that sees other values than the whole does.
fn inner_call(node: &AstNode) -> Option<&str> {
    let own_scope = match node {
        AstNode::Function { args, .. } => args
            .iter()
            .filter(|arg| matches!(arg, AstNode::Lambda { .. }))
            .collect(),
        AstNode::Binary { .. } | AstNode::Unary { .. } => Vec::new(),
        _ => children(node),
    };
    own_scope.into_iter().find_map(first_call)
}

fn first_call(node: &AstNode) -> Option<&str> {
    let inner = children(node).into_iter().find_map(first_call);
    inner.or_else(|| call(node).filter(|name| !TAKE_ANYTHING.contains(name)))
}

/// Functions whose arguments may be of any type.
const TAKE_ANYTHING: [&str; 12] = [
    "string", "boolean", "not", "exists", "type", "count", "append", "distinct", "reverse", "shuffle", "lookup", "keys",
];

/// The parts of a node, in the order in which they are evaluated.
fn children(node: &AstNode) -> Vec<&AstNode> {
    match node {
        AstNode::Path { steps } => steps.iter().flat_map(step).collect(),
        AstNode::Binary { lhs, rhs, .. } => vec![lhs, rhs],
        AstNode::Unary { operand, .. } => vec![operand],
        AstNode::Function { args, .. } => args.iter().collect(),
        AstNode::Call { procedure, args } => std::iter::once(&**procedure).chain(args).collect(),
        AstNode::Lambda { body, .. } => vec![body],
        AstNode::Array(items) | AstNode::ArrayGroup(items) | AstNode::Block(items) => items.iter().collect(),
        AstNode::Object(pairs) => pairs.iter().flat_map(|(key, value)| [key, value]).collect(),
        AstNode::ObjectTransform { input, pattern } => {
            let pairs = pattern.iter().flat_map(|(key, value)| [key, value]);
            std::iter::once(&**input).chain(pairs).collect()
        }
        AstNode::Conditional {
            condition,
            then_branch,
            else_branch,
        } => [&**condition, &**then_branch]
            .into_iter()
            .chain(else_branch.as_deref())
            .collect(),
        AstNode::FunctionApplication(inner) => vec![inner],
        AstNode::Sort { input, terms } => std::iter::once(&**input)
            .chain(terms.iter().map(|(term, _)| term))
            .collect(),
        AstNode::Transform {
            location,
            update,
            delete,
        } => [&**location, &**update].into_iter().chain(delete.as_deref()).collect(),
        _ => Vec::new(),
    }
}

fn step(step: &PathStep) -> Vec<&AstNode> {
    let filters = step.stages.iter().filter_map(|stage| match stage {
        Stage::Filter(predicate) => Some(&**predicate),
        _ => None,
    });
    std::iter::once(&step.node).chain(filters).collect()
}

fn symbol(operator: BinaryOp) -> Option<&'static str> {
    match operator {
        BinaryOp::LessThan => Some("<"),
        BinaryOp::LessThanOrEqual => Some("<="),
        BinaryOp::GreaterThan => Some(">"),
        BinaryOp::GreaterThanOrEqual => Some(">="),
        _ => None,
    }
}
