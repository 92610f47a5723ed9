//! The functions that Step Functions adds to `JSONata`, and those that would not repeat in a replay.
//!
//! "`JSONata` functions provided by Step Functions": `$partition`, `$range`, `$hash`, `$random`, `$uuid`, `$parse`.
//! Arguments that have to be whole numbers are rounded towards zero.

use std::cell::Cell;
use std::rc::Rc;

use jiff::Timestamp;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError, HostFnResult};
use jsonata_core::parser;
use jsonata_core::value::JValue;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::strict_json::Strict;
use crate::random::Random;

/// The longest array that `$range` gives on AWS (measured: one more is its memory limit).
const MAX_RANGE: usize = 360_145;

type Function = Box<dyn Fn(&[JValue]) -> HostFnResult>;

/// Makes the functions known to an evaluator.
pub(super) fn register(evaluator: &mut Evaluator, random: &Rc<Cell<Random>>, now: Timestamp) {
    let draw = |random: &Rc<Cell<Random>>| {
        let random = Rc::clone(random);
        move |take: fn(&mut Random) -> JValue| {
            let mut stream = random.get();
            let drawn = take(&mut stream);
            random.set(stream);
            drawn
        }
    };
    let (for_random, for_uuid, for_shuffle) = (draw(random), draw(random), Rc::clone(random));
    let functions: [(&str, Function); 10] = [
        ("partition", Box::new(partition)),
        ("range", Box::new(range)),
        ("hash", Box::new(hash)),
        ("parse", Box::new(parse)),
        (
            "random",
            Box::new(move |args| match args {
                [] => Ok(for_random(|stream| JValue::Number(stream.fraction()))),
                [seed] => Ok(JValue::Number(seeded(whole("random", 1, seed)?))),
                _ => Err(wrong_argument("random", 2)),
            }),
        ),
        (
            "uuid",
            Box::new(move |args| match args {
                [] => Ok(for_uuid(|stream| JValue::string(stream.uuid()))),
                _ => Err(wrong_argument("uuid", 1)),
            }),
        ),
        ("shuffle", Box::new(move |args| shuffle(args, &for_shuffle))),
        ("now", Box::new(move |args| format_now(args, now))),
        ("millis", Box::new(move |_| Ok(JValue::from(now.as_millisecond())))),
        ("eval", Box::new(|_| Err(not_a_function()))),
    ];
    for (name, function) in functions {
        // Only a built-in that compiles to bytecode cannot be replaced, and none of these does.
        let registered = evaluator.register_fn_override(name, function);
        debug_assert!(registered.is_ok(), "{name} cannot be registered");
    }
}

/// `$partition(array, size)`: the array in chunks of `size`; without a size, all of it as one chunk.
fn partition(args: &[JValue]) -> HostFnResult {
    let Some(array) = args.first().filter(|value| !value.is_undefined()) else {
        return Ok(JValue::Undefined);
    };
    let items = array.as_array().ok_or_else(|| wrong_array("partition", 1))?;
    if args.len() > 2 {
        return Err(wrong_argument("partition", 3));
    }
    let size = match args.get(1) {
        None | Some(JValue::Undefined) => i64::MAX,
        Some(size) => whole("partition", 2, size)?,
    };
    if size < 0 {
        return Err(thrown("Second argument must be zero or greater"));
    }
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if size == 0 || items.is_empty() {
        return Ok(JValue::Undefined);
    }
    let chunks = items.chunks(size);
    Ok(JValue::array(
        chunks.map(|chunk| JValue::array(chunk.to_vec())).collect(),
    ))
}

/// `$range(first, last, step)`: both ends belong to it. It is a sequence, so a single number is that number.
#[allow(clippy::cast_precision_loss, reason = "JSONata has only doubles")]
fn range(args: &[JValue]) -> HostFnResult {
    let [first, last, rest @ ..] = args else {
        return Err(wrong_argument("range", args.len() + 1));
    };
    let (first, last) = (whole("range", 1, first)?, whole("range", 2, last)?);
    let step = match rest {
        [] | [JValue::Undefined] => return Ok(JValue::Undefined),
        [step] => whole("range", 3, step)?,
        _ => return Err(wrong_argument("range", 4)),
    };
    if step == 0 || (last - first).signum() * step.signum() < 0 {
        return Ok(JValue::Undefined);
    }
    let length = usize::try_from((last - first) / step + 1).unwrap_or(usize::MAX);
    if length > MAX_RANGE {
        return Err(EvaluatorError::EvaluationError(
            "D2015: The maximum sequence length was exceeded.".to_owned(),
        ));
    }
    let numbers = (0..length).scan(first, |next, _| {
        let number = *next;
        *next = next.saturating_add(step);
        Some(JValue::Number(number as f64))
    });
    Ok(JValue::sequence(numbers.collect()).unwrap_sequence())
}

/// `$hash(text, algorithm)` in hexadecimal digits.
fn hash(args: &[JValue]) -> HostFnResult {
    let [text, algorithm] = args else {
        return match args {
            [JValue::String(_) | JValue::Undefined] => Ok(JValue::Undefined),
            [_, _, _, ..] => Err(wrong_argument("hash", 3)),
            _ => Err(wrong_argument("hash", 1)),
        };
    };
    if text.is_undefined() || algorithm.is_undefined() {
        return Ok(JValue::Undefined);
    }
    let text = text.as_str().ok_or_else(|| wrong_argument("hash", 1))?;
    let bytes = text.as_bytes();
    let algorithm = algorithm.as_str().ok_or_else(|| wrong_argument("hash", 2))?;
    Ok(JValue::string(match algorithm {
        "MD5" => hex::encode(Md5::digest(bytes)),
        "SHA-1" => hex::encode(Sha1::digest(bytes)),
        "SHA-256" => hex::encode(Sha256::digest(bytes)),
        "SHA-384" => hex::encode(Sha384::digest(bytes)),
        "SHA-512" => hex::encode(Sha512::digest(bytes)),
        _ => {
            return Err(thrown(&format!(
                "Hash algorithm '{algorithm}' must be one of SHA-1, SHA-384, SHA-256, SHA-512, MD5"
            )));
        }
    }))
}

/// `$parse(text)`: the JSON in a string.
fn parse(args: &[JValue]) -> HostFnResult {
    match args {
        [] | [JValue::Undefined] => Ok(JValue::Undefined),
        [JValue::String(text)] => match serde_json::from_str::<Strict>(text) {
            Ok(Strict) => JValue::from_json_str(text).map_err(|_| thrown("Invalid JSON")),
            Err(_) => Err(thrown("Invalid JSON")),
        },
        [_] => Err(wrong_argument("parse", 1)),
        _ => Err(wrong_argument("parse", 2)),
    }
}

/// `$random(seed)` is the first double of Java's `java.util.Random(seed)`: AWS gives the same number for a seed
/// everywhere and always.
#[allow(clippy::cast_precision_loss, reason = "27 and 26 bits")]
fn seeded(seed: i64) -> f64 {
    const MULTIPLIER: u64 = 0x5_DEEC_E66D;
    const MASK: u64 = (1 << 48) - 1;
    let mut state = (seed.cast_unsigned() ^ MULTIPLIER) & MASK;
    let mut next = |bits: u32| {
        state = state.wrapping_mul(MULTIPLIER).wrapping_add(0xB) & MASK;
        state >> (48 - bits)
    };
    let high = next(26) << 27;
    (high + next(27)) as f64 / (1_u64 << 53) as f64
}

/// `JSONata`'s own `$shuffle`, from the execution's stream.
fn shuffle(args: &[JValue], random: &Cell<Random>) -> HostFnResult {
    let [array] = args else {
        return Err(wrong_argument("shuffle", args.len().min(1) + 1));
    };
    let mut items = match array {
        JValue::Undefined => return Ok(JValue::Undefined),
        JValue::Array(items) => items.to_vec(),
        single => vec![single.clone()],
    };
    let mut stream = random.get();
    for last in (1..items.len()).rev() {
        let bound = u64::try_from(last + 1).unwrap_or(u64::MAX);
        let other = usize::try_from(stream.integer() % bound).unwrap_or(last);
        items.swap(last, other);
    }
    random.set(stream);
    Ok(JValue::array(items))
}

/// `JSONata`'s own `$now([picture [, timezone]])`, at the time of the turn.
fn format_now(args: &[JValue], now: Timestamp) -> HostFnResult {
    if args.is_empty() {
        return Ok(JValue::string(format!("{now:.3}")));
    }
    let is_text = |argument: &JValue| matches!(argument, JValue::String(_) | JValue::Undefined);
    if let Some(wrong) = args.iter().take(2).position(|argument| !is_text(argument)) {
        return Err(wrong_argument("now", wrong + 1));
    }
    let ast = parser::parse("$fromMillis($at, $picture, $timezone)")
        .map_err(|error| EvaluatorError::EvaluationError(error.to_string()))?;
    let mut context = Context::new();
    context.bind("at".to_owned(), JValue::from(now.as_millisecond()));
    for (name, index) in [("picture", 0), ("timezone", 1)] {
        let argument = args.get(index).cloned().unwrap_or(JValue::Undefined);
        context.bind(name.to_owned(), argument);
    }
    Evaluator::with_context(context).evaluate(&ast, &JValue::Undefined)
}

/// A number argument, rounded towards zero.
#[allow(
    clippy::cast_possible_truncation,
    reason = "rounding towards zero is the rule, and `as` saturates"
)]
fn whole(function: &str, position: usize, value: &JValue) -> Result<i64, EvaluatorError> {
    // Half the range, so that the difference of two such numbers cannot overflow.
    const BOUND: i64 = i64::MAX / 2;
    match value {
        JValue::Number(number) => Ok((*number as i64).clamp(-BOUND, BOUND)),
        _ => Err(wrong_argument(function, position)),
    }
}

fn wrong_argument(function: &str, position: usize) -> EvaluatorError {
    EvaluatorError::TypeError(format!(
        "T0410: Argument {position} of function \"{function}\" does not match function signature"
    ))
}

fn wrong_array(function: &str, position: usize) -> EvaluatorError {
    EvaluatorError::TypeError(format!(
        "T0412: Argument {position} of function \"{function}\" must be an array of undefined"
    ))
}

/// AWS takes `$eval` away: calling it is calling nothing.
fn not_a_function() -> EvaluatorError {
    EvaluatorError::TypeError("T1006: Attempted to invoke a non-function".to_owned())
}

fn thrown(message: &str) -> EvaluatorError {
    EvaluatorError::EvaluationError(format!("D3137: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluate(source: &str) -> Result<String, String> {
        let mut evaluator = Evaluator::new();
        let random = Rc::new(Cell::new(Random::new(1)));
        register(&mut evaluator, &random, Timestamp::UNIX_EPOCH);
        let ast = parser::parse(source).expect(source);
        match evaluator.evaluate(&ast, &JValue::Undefined) {
            Ok(JValue::Undefined) => Ok("undefined".to_owned()),
            Ok(value) => Ok(value.to_json_string().expect("JSON")),
            Err(error) => Err(error.message().to_owned()),
        }
    }

    #[test]
    fn each_function_gives_what_aws_gives() {
        for (source, expected) in [
            ("$partition([1,2,3,4,5], 2)", "[[1,2],[3,4],[5]]"),
            ("$partition([1,2,3])", "[[1,2,3]]"),
            ("$partition([1,2,3,4,5], 2.9)", "[[1,2],[3,4],[5]]"),
            ("$partition([], 2)", "undefined"),
            ("$partition([1,2,3], 0)", "undefined"),
            ("$range(0, 10, 2)", "[0,2,4,6,8,10]"),
            ("$range(10, 0, -2)", "[10,8,6,4,2,0]"),
            ("$range(1.7, 5, 1)", "[1,2,3,4,5]"),
            ("$range(-1.7, 2, 1)", "[-1,0,1,2]"),
            ("$range(5, 1, -1.5)", "[5,4,3,2,1]"),
            ("$range(3, 3, 1)", "3"),
            ("$range(5, 1, 1)", "undefined"),
            ("$range(1, 5, 0)", "undefined"),
            ("$range(1, 5)", "undefined"),
            ("$count($range(1, 360145, 1))", "360145"),
            ("$hash('Hello', 'MD5')", "\"8b1a9953c4611296a827abf8c47804d7\""),
            (
                "$hash('Hello', 'SHA-1')",
                "\"f7ff9e8b7bb2e09b70935a5d785e0cc5d9d0abf0\"",
            ),
            (
                "$hash('Hello', 'SHA-256')",
                "\"185f8db32271fe25f561a6fc938b2e264306ec304eda518007d1764826381969\"",
            ),
            ("$hash('Hello')", "undefined"),
            ("$length($hash('', 'SHA-384'))", "96"),
            ("$length($hash('', 'SHA-512'))", "128"),
            ("$random(42)", "0.7275636800328681"),
            ("$random(0)", "0.730967787376657"),
            ("$random(7.9)", "0.7306990420600421"),
            ("$random() = $random()", "false"),
            ("$uuid() = $uuid()", "false"),
            ("$parse('{\"a\":{\"b\":[1,2]}}').a.b[1]", "2"),
            ("$parse('null')", "null"),
            ("$parse()", "undefined"),
            ("$sum($shuffle([1,2,3]))", "6"),
            ("$now()", "\"1970-01-01T00:00:00.000Z\""),
        ] {
            assert_eq!(evaluate(source).as_deref(), Ok(expected), "{source}");
        }
    }

    #[test]
    fn each_function_refuses_what_aws_refuses() {
        for (source, code) in [
            (
                "$partition([1,2,3], -1)",
                "D3137: Second argument must be zero or greater",
            ),
            ("$partition(null, 2)", "T0412"),
            ("$range(1)", "T0410"),
            ("$range(1, 360146, 1)", "D2015"),
            ("$range(1, 1000000000000, 1)", "D2015"),
            ("$hash('Hello', 'md5')", "D3137"),
            ("$hash(42, 'MD5')", "T0410"),
            ("$random(1, 2)", "T0410"),
            ("$uuid('seed')", "T0410"),
            ("$parse(null)", "T0410"),
            ("$parse('not valid json')", "D3137"),
            ("$eval('1')", "T1006: Attempted to invoke a non-function"),
            ("$hash()", "T0410: Argument 1 of function \"hash\""),
            ("$hash('a', 'MD5', 'x')", "T0410: Argument 3 of function \"hash\""),
            ("$partition([1], 2, 3)", "T0410: Argument 3 of function \"partition\""),
            (
                "$partition('a', 2)",
                "T0412: Argument 1 of function \"partition\" must be an array of undefined",
            ),
            ("$parse('{}', 1)", "T0410: Argument 2 of function \"parse\""),
            ("$parse('{bad}')", "D3137: Invalid JSON"),
            ("$parse('{\"a\":1,\"a\":2}')", "D3137: Invalid JSON"),
            ("$now(1)", "T0410: Argument 1 of function \"now\""),
            (
                "$hash('a', 'UNSUPPORTED')",
                "D3137: Hash algorithm 'UNSUPPORTED' must be one of SHA-1, SHA-384, SHA-256, SHA-512, MD5",
            ),
        ] {
            let message = evaluate(source).expect_err(source);
            assert!(message.starts_with(code), "{source}: {message}");
        }
    }
}
