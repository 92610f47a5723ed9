//! `-- squawk-ignore RULE` for our own rules. Squawk reads the same comments for its rules, and knows no others.

use std::collections::{BTreeMap, BTreeSet};

use squawk_linter::ignore::{IgnoreKind, ignore_rule_info};
use squawk_syntax::SyntaxNode;

/// What the comments of a file accept.
pub(crate) struct Ignores {
    /// Whether a comment accepts everything in the file.
    all: bool,
    in_file: BTreeSet<String>,
    by_line: BTreeMap<usize, BTreeSet<String>>,
    /// The lines that hold nothing but a comment.
    comments: BTreeSet<usize>,
}

impl Ignores {
    pub(crate) fn of(file: &SyntaxNode, text: &str) -> Self {
        let is_comment = |line: &str| line.trim_start().starts_with("--");
        let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line));
        let mut ignores = Self {
            all: false,
            in_file: BTreeSet::new(),
            by_line: BTreeMap::new(),
            comments: numbered
                .filter(|(_, line)| is_comment(line))
                .map(|(line, _)| line)
                .collect(),
        };
        let tokens = file
            .descendants_with_tokens()
            .filter_map(squawk_syntax::SyntaxElement::into_token);
        for token in tokens {
            let Some((names, _, kind)) = ignore_rule_info(&token) else {
                continue;
            };
            let names: BTreeSet<String> = names
                .split(',')
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty())
                .collect();
            match kind {
                IgnoreKind::File => {
                    ignores.all |= names.is_empty();
                    ignores.in_file.extend(names);
                }
                IgnoreKind::Line => {
                    let before = &text[..usize::from(token.text_range().start())];
                    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
                    ignores.by_line.entry(line).or_default().extend(names);
                }
            }
        }
        ignores
    }

    /// Whether a finding of this rule is accepted: in its line, or in the comments directly above it.
    pub(crate) fn accept(&self, rule: &str, line: usize) -> bool {
        let names = |line: usize| self.by_line.get(&line).is_some_and(|names| names.contains(rule));
        let above = (1..line).rev().take_while(|line| self.comments.contains(line));
        self.all || self.in_file.contains(rule) || names(line) || above.into_iter().any(names)
    }
}
