//! `.slipwayignore`: which files of a blueprint's folder are not published. It is written as `.gitignore` is.

/// The name of such a file. It counts for its own folder and for those below.
pub const IGNORE: &str = ".slipwayignore";

/// The rules that count for a folder, those of folders above first: the last that matches decides.
#[derive(Debug, Clone, Default)]
pub struct Rules(Vec<Rule>);

#[derive(Debug, Clone)]
struct Rule {
    /// The folder of the file that has the rule.
    base: String,
    /// Whether it includes again what an earlier rule excludes.
    publishes: bool,
    folders_only: bool,
    /// Whether it is about the path from `base`, and not about a name at any depth.
    is_path: bool,
    parts: Vec<String>,
}

impl Rules {
    /// Adds the rules in the text of a file in the folder `base`. A byte order mark is no part of the first, as for Git.
    pub fn add(&mut self, base: &str, text: &str) {
        for line in text.trim_start_matches('\u{feff}').lines().map(str::trim_end) {
            let (publishes, pattern) = match line.strip_prefix('!') {
                Some(pattern) => (true, pattern),
                None => (false, line),
            };
            let folders_only = pattern.ends_with('/');
            let pattern = pattern.trim_end_matches('/');
            if pattern.is_empty() || line.starts_with('#') {
                continue;
            }
            let parts: Vec<String> = pattern.trim_start_matches('/').split('/').map(str::to_owned).collect();
            self.0.push(Rule {
                base: base.to_owned(),
                publishes,
                folders_only,
                is_path: pattern.starts_with('/') || parts.len() > 1,
                parts,
            });
        }
    }

    /// Whether a path is left out (`Some(true)`), or published whatever is usual (`Some(false)`); `None` where no rule matches.
    pub fn leaves_out(&self, path: &str, is_folder: bool) -> Option<bool> {
        let last = self.0.iter().rev().find(|rule| rule.matches(path, is_folder));
        last.map(|rule| !rule.publishes)
    }
}

impl Rule {
    fn matches(&self, path: &str, is_folder: bool) -> bool {
        if self.folders_only && !is_folder {
            return false;
        }
        let below = match self.base.as_str() {
            "" => Some(path),
            base => path.strip_prefix(base).and_then(|rest| rest.strip_prefix('/')),
        };
        let Some(below) = below else { return false };
        let parts: Vec<&str> = below.split('/').collect();
        if self.is_path {
            matches_path(&self.parts, &parts)
        } else {
            parts.last().is_some_and(|name| matches_name(&self.parts[0], name))
        }
    }
}

/// `**` stands for any number of folders.
fn matches_path(pattern: &[String], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == "**" => {
            (0..=path.len()).any(|taken| matches_path(rest, &path[taken..]) && (taken > 0 || !rest.is_empty()))
        }
        (Some((first, rest)), Some((name, below))) => matches_name(first, name) && matches_path(rest, below),
        _ => false,
    }
}

/// `*` stands for any characters of a name, `?` for one. The time is at most the product of the two lengths.
fn matches_name(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut from) = (0, 0);
    // Where the last `*` is, and from where in the name what comes after it is tried.
    let mut star: Option<(usize, usize)> = None;
    while from < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(c) if *c == '?' || *c == name[from] => (at, from) = (at + 1, from + 1),
            _ => match &mut star {
                Some((place, tried)) => {
                    *tried += 1;
                    (at, from) = (*place + 1, *tried);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_those_of_gitignore() {
        let mut rules = Rules::default();
        rules.add(
            "",
            "# pictures\n*.png\n!logo.png\n/docs\nexamples/\n**/fixtures/*.json\na/**/b\nc/**\n\n",
        );
        rules.add("m", "\u{feff}/local\r\n!x.png\r\n");
        for (path, is_folder, left_out) in [
            ("a.png", false, Some(true)),
            ("m/b.png", false, Some(true)),
            ("m/x.png", false, Some(false)),
            ("logo.png", false, Some(false)),
            ("docs", true, Some(true)),
            ("m/docs", true, None),
            ("examples", true, Some(true)),
            ("examples", false, None),
            ("deep/fixtures/x.json", false, Some(true)),
            ("fixtures/x.json", false, Some(true)),
            ("fixtures/deep/x.json", false, None),
            ("a/b", false, Some(true)),
            ("a/x/y/b", false, Some(true)),
            ("a/x/y/c", false, None),
            ("c", true, None),
            ("c/d/e", false, Some(true)),
            ("m/local", false, Some(true)),
            ("local", false, None),
            ("main.tf", false, None),
        ] {
            assert_eq!(rules.leaves_out(path, is_folder), left_out, "{path}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let pattern = "*a".repeat(50) + "b";
        assert!(!matches_name(&pattern, &"a".repeat(2_000)));
        assert!(matches_name("a*?c*", "abbc"));
    }
}
