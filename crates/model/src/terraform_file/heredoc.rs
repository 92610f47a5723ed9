//! The text of `<<-` heredocs, as Terraform takes their indentation away.

use hcl_edit::Span;
use hcl_edit::expr::Expression;
use hcl_edit::template::{Element, HeredocTemplate, Template};
use hcl_edit::visit_mut::{VisitMut, visit_heredoc_template_mut};

/// Gives every `<<-` heredoc without templates the text that Terraform reads. The parser makes line ends of Windows those of Unix, and
/// counts lines of spaces alone. The expression was parsed from `text`.
pub(super) fn dedent(expression: &mut Expression, text: &str) {
    if text.contains("<<-") {
        Dedent { text }.visit_expr_mut(expression);
    }
}

struct Dedent<'a> {
    text: &'a str,
}

impl VisitMut for Dedent<'_> {
    fn visit_heredoc_template_mut(&mut self, heredoc: &mut HeredocTemplate) {
        let is_changed = heredoc.indent().is_some() && heredoc.template.iter().all(Element::is_literal);
        let written = heredoc.template.span().and_then(|span| self.text.get(span));
        match written.filter(|_| is_changed) {
            Some(written) => heredoc.template = Template::from(vec![Element::from(dedented(written))]),
            None => visit_heredoc_template_mut(self, heredoc),
        }
    }
}

/// The lines without the spaces that all have in front, except for those of spaces alone, which stay as they are.
fn dedented(written: &str) -> String {
    let is_blank = |line: &str| line.trim().is_empty();
    let spaces = |line: &str| line.chars().take_while(|letter| letter.is_whitespace()).count();
    let lines = || written.split_inclusive('\n');
    let least = lines().filter(|line| !is_blank(line)).map(spaces).min().unwrap_or(0);
    let without = |line: &str| match line.char_indices().nth(least) {
        Some((begin, _)) if !is_blank(line) => line[begin..].to_owned(),
        _ => line.to_owned(),
    };
    let text: String = lines().map(without).collect();
    text.replace("$${", "${").replace("%%{", "%{")
}
