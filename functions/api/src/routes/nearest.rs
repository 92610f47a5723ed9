//! The paths that a mistyped one may mean.

/// The longest path that is compared with others.
const LONGEST: usize = 200;

/// How many paths a response suggests.
const SUGGESTED: usize = 3;

/// The known paths that a mistyped one resembles most: at most a third of its characters differ. A part such as `{id}` resembles
/// every text.
pub(super) fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    if typed.len() > LONGEST {
        return Vec::new();
    }
    let most = (typed.len() / 3).max(1);
    let apart: Vec<(usize, &str)> = known.map(|path| (paths_apart(typed, path), path)).collect();
    let least = apart.iter().map(|(apart, _)| *apart).min().unwrap_or_default();
    if least > most {
        return Vec::new();
    }
    let nearest = apart.into_iter().filter(|(apart, _)| *apart == least);
    nearest.map(|(_, path)| path).take(SUGGESTED).collect()
}

fn paths_apart(typed: &str, known: &str) -> usize {
    let typed: Vec<&str> = typed.split('/').collect();
    let known: Vec<&str> = known.split('/').collect();
    let replaced = |typed: &&str, known: &&str| {
        if known.starts_with('{') && !typed.is_empty() {
            0
        } else {
            texts_apart(typed, known)
        }
    };
    distance(&typed, &known, |part| part.len(), replaced)
}

fn texts_apart(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    distance(&one, &other, |_| 1, |one, other| usize::from(one != other))
}

/// The least cost of the additions, removals and replacements that turn one list into the other (Levenshtein).
fn distance<T>(one: &[T], other: &[T], single: impl Fn(&T) -> usize, replaced: impl Fn(&T, &T) -> usize) -> usize {
    let mut costs = vec![0];
    for (index, added) in other.iter().enumerate() {
        costs.push(costs[index] + single(added));
    }
    for from in one {
        let mut next = vec![costs[0] + single(from)];
        for (index, to) in other.iter().enumerate() {
            let replace = costs[index] + replaced(from, to);
            let remove = costs[index + 1] + single(from);
            let add = next[index] + single(to);
            next.push(replace.min(remove).min(add));
        }
        costs = next;
    }
    costs[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistyped_path_has_the_nearest_ones() {
        let known = [
            "/docs",
            "/openapi.json",
            "/v1/operations/{id}/logs",
            "/v1/operations/{id}/plan",
            "/v1/stacks",
            "/v1/stacks/{id}",
            "/v1/stacks/{id}/releases",
        ];
        let cases: [(&str, &[&str]); 8] = [
            ("/v1/stack", &["/v1/stacks"]),
            ("/v1/stacks/", &["/v1/stacks"]),
            ("/stacks", &["/v1/stacks"]),
            ("/v1/stacks/shop/release", &["/v1/stacks/{id}/releases"]),
            ("/v1/operations/op-1/log", &["/v1/operations/{id}/logs"]),
            ("/", &[]),
            ("/favicon.ico", &[]),
            ("/v1/moon", &[]),
        ];
        for (typed, expected) in cases {
            assert_eq!(nearest(typed, known.into_iter()), expected, "{typed}");
        }
        assert!(nearest(&"/v1/stacks".repeat(100), known.into_iter()).is_empty());
    }
}
