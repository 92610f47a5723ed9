//! Functions of lists, sets and maps.

use std::collections::BTreeMap;

use super::value::Evaluated;
use super::{Stop, Value, texts};

/// Terraform makes no longer ranges.
const LONGEST_RANGE: usize = 1024;

/// Functions of collections; `None` for others.
pub(super) fn call(name: &str, arguments: &[Value]) -> Option<Evaluated> {
    Some(match (name, arguments) {
        ("length", [value]) => length(value),
        ("contains", [list, value]) => contains(list, value),
        ("alltrue", [list]) => flags(list).map(|flags| Value::Bool(flags.iter().all(|flag| *flag))),
        ("anytrue", [list]) => flags(list).map(|flags| Value::Bool(flags.iter().any(|flag| *flag))),
        ("keys", [map]) => map
            .as_map()
            .map(|map| Value::List(map.keys().cloned().map(Value::Text).collect())),
        ("values", [map]) => map.as_map().map(|map| Value::List(map.values().cloned().collect())),
        ("lookup", [map, key, default]) => lookup(map, key, default),
        ("merge", [_, ..]) => merge(arguments),
        ("element", [list, index]) => element(list, index),
        ("one", [list]) => one(list),
        ("toset", [list]) => elements(list).and_then(Value::set),
        ("tolist", [list]) => to_list(list),
        ("tomap", [Value::Map(map)]) => Ok(Value::Map(map.clone())),
        ("distinct", [list]) => distinct(list),
        ("flatten", [list]) => flatten(list),
        ("concat", [_, ..]) => concat(arguments),
        ("compact", [list]) => compact(list),
        ("reverse", [Value::List(list)]) => Ok(Value::List(list.iter().rev().cloned().collect())),
        ("sort", [list]) => sort(list),
        ("slice", [list, start, end]) => slice(list, start, end),
        ("range", _) => range(arguments),
        ("setunion" | "setintersection" | "setsubtract", [first, rest @ ..]) => sets(name, first, rest),
        _ => return None,
    })
}

fn elements(list: &Value) -> Result<Vec<Value>, Stop> {
    list.as_elements().map(<[Value]>::to_vec)
}

fn length(value: &Value) -> Evaluated {
    match value {
        // Terraform counts what people take for a character, of which a line's end may be one.
        Value::Text(text) if text.contains('\r') => Err(Stop::Unknown),
        Value::Text(text) => Value::count(texts::ascii(text.clone())?.len()),
        Value::Map(values) => Value::count(values.len()),
        value => Value::count(value.as_elements()?.len()),
    }
}

fn contains(list: &Value, value: &Value) -> Evaluated {
    for element in list.as_elements()? {
        if element.equals(value)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn flags(list: &Value) -> Result<Vec<bool>, Stop> {
    let flag = |value: &Value| match value {
        Value::Bool(flag) => Ok(*flag),
        _ => Err(Stop::Unknown),
    };
    list.as_elements()?.iter().map(flag).collect()
}

fn lookup(map: &Value, key: &Value, default: &Value) -> Evaluated {
    let found = map.as_map()?.get(&key.as_text()?);
    Ok(found.unwrap_or(default).clone())
}

fn merge(maps: &[Value]) -> Evaluated {
    let mut merged = BTreeMap::new();
    for map in maps.iter().filter(|map| **map != Value::Null) {
        merged.extend(map.as_map()?.clone());
    }
    Ok(Value::Map(merged))
}

fn element(list: &Value, index: &Value) -> Evaluated {
    let Value::List(list) = list else {
        return Err(Stop::Unknown);
    };
    let index = usize::try_from(index.as_whole()?).map_err(|_| Stop::Unknown)?;
    match list.len() {
        0 => Err(Stop::Error),
        length => list.get(index % length).cloned().ok_or(Stop::Unknown),
    }
}

fn one(list: &Value) -> Evaluated {
    match list.as_elements()? {
        [] => Ok(Value::Null),
        [value] => Ok(value.clone()),
        _ => Err(Stop::Error),
    }
}

/// A list has elements of one type, to which those of a tuple are converted: only where they are of one already is this known.
fn to_list(list: &Value) -> Evaluated {
    let list = elements(list)?;
    let mut kinds = list.iter().map(std::mem::discriminant);
    let first = kinds.next();
    if kinds.any(|kind| Some(kind) != first) {
        return Err(Stop::Unknown);
    }
    Ok(Value::List(list))
}

fn distinct(list: &Value) -> Evaluated {
    let mut distinct: Vec<Value> = Vec::new();
    for value in list.as_elements()? {
        let mut known = false;
        for earlier in &distinct {
            known |= earlier.equals(value)?;
        }
        // What cannot be compared with itself cannot be compared with others, either.
        value.equals(value)?;
        if !known {
            distinct.push(value.clone());
        }
    }
    Ok(Value::List(distinct))
}

fn flatten(list: &Value) -> Evaluated {
    let mut flat = Vec::new();
    for value in list.as_elements()? {
        match value {
            Value::List(_) | Value::Set(_) => flat.extend(elements(&flatten(value)?)?),
            value => flat.push(value.clone()),
        }
    }
    Ok(Value::List(flat))
}

fn concat(lists: &[Value]) -> Evaluated {
    let mut all = Vec::new();
    for list in lists {
        all.extend(elements(list)?);
    }
    Ok(Value::List(all))
}

fn compact(list: &Value) -> Evaluated {
    let mut kept = Vec::new();
    for value in list.as_elements()? {
        match value {
            Value::Null => {}
            Value::Text(text) if text.is_empty() => {}
            Value::Text(_) => kept.push(value.clone()),
            _ => return Err(Stop::Unknown),
        }
    }
    Ok(Value::List(kept))
}

fn sort(list: &Value) -> Evaluated {
    let texts: Result<Vec<String>, Stop> = list.as_elements()?.iter().map(Value::as_text).collect();
    let mut texts = texts?;
    texts.sort();
    Ok(Value::List(texts.into_iter().map(Value::Text).collect()))
}

fn slice(list: &Value, start: &Value, end: &Value) -> Evaluated {
    let Value::List(list) = list else {
        return Err(Stop::Unknown);
    };
    let place = |value: &Value| usize::try_from(value.as_whole()?).map_err(|_| Stop::Error);
    let slice = list.get(place(start)?..place(end)?);
    slice.map(|slice| Value::List(slice.to_vec())).ok_or(Stop::Error)
}

/// `range(limit)`, `range(start, limit)`, `range(start, limit, step)`, upwards.
fn range(arguments: &[Value]) -> Evaluated {
    let numbers: Result<Vec<i64>, Stop> = arguments.iter().map(Value::as_whole).collect();
    let (start, limit, step) = match *numbers?.as_slice() {
        [limit] => (0, limit, 1),
        [start, limit] => (start, limit, 1),
        [start, limit, step] => (start, limit, step),
        _ => return Err(Stop::Error),
    };
    let step = usize::try_from(step)
        .ok()
        .filter(|step| *step > 0)
        .ok_or(Stop::Unknown)?;
    if limit < start {
        return Err(Stop::Unknown);
    }
    let numbers: Vec<i64> = (start..limit).step_by(step).take(LONGEST_RANGE + 1).collect();
    if numbers.len() > LONGEST_RANGE {
        return Err(Stop::Error);
    }
    let numbers: Result<_, _> = numbers.into_iter().map(super::arithmetic::whole).collect();
    Ok(Value::List(numbers?))
}

fn sets(name: &str, first: &Value, rest: &[Value]) -> Evaluated {
    let mut found = elements(first)?;
    for other in rest {
        let other = elements(other)?;
        if name == "setunion" {
            found.extend(other);
            continue;
        }
        let mut kept = Vec::new();
        for value in found {
            let is_in_other = contains(&Value::List(other.clone()), &value)? == Value::Bool(true);
            if is_in_other == (name == "setintersection") {
                kept.push(value);
            }
        }
        found = kept;
    }
    Value::set(found)
}
