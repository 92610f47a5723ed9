//! JSON values read as the types that fields of states have.
//!
//! Each reading that fails names the type that was expected, in `JSONata`'s words.

use jiff::Timestamp;
use serde_json::Value;

/// A reading, or the name of the type that was expected.
pub(crate) type Read<T> = Result<T, &'static str>;

/// A whole number that is not negative. `2` and `2.0` are the same number in JSON.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be whole and positive; what is out of range saturates"
)]
pub(crate) fn whole(value: &Value) -> Read<u64> {
    let number = value.as_f64().ok_or("number")?;
    let exact = value.as_u64();
    exact
        .or_else(|| (number.fract() == 0.0 && number >= 0.0).then_some(number as u64))
        .ok_or("positive integer")
}

/// A time as the States Language wants it: RFC 3339 with an upper-case `T`, and an upper-case `Z` unless there is an
/// offset.
pub(crate) fn timestamp(value: &Value) -> Read<Timestamp> {
    let text = value.as_str().ok_or("string")?;
    let is_timestamp = text.contains('T') && !text.contains('[') && !text.ends_with('z');
    let parsed = text.parse().ok().filter(|_| is_timestamp);
    parsed.ok_or("timestamp")
}

/// A string.
pub(crate) fn string(value: &Value) -> Read<String> {
    value.as_str().map(str::to_owned).ok_or("string")
}

/// The ARN of an IAM role, in any partition and with any path.
pub(crate) fn role_arn(value: &Value) -> Read<String> {
    let text = value.as_str().ok_or("string")?;
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let is_role = match parts[..] {
        ["arn", partition, "iam", "", account, role] => {
            partition.starts_with("aws")
                && account.len() == 12
                && account.bytes().all(|digit| digit.is_ascii_digit())
                && role.strip_prefix("role/").is_some_and(|name| !name.is_empty())
        }
        _ => false,
    };
    is_role.then(|| text.to_owned()).ok_or("ARN of a role")
}

/// `true` or `false`.
pub(crate) fn boolean(value: &Value) -> Read<bool> {
    value.as_bool().ok_or("boolean")
}

/// An array.
pub(crate) fn array(value: &Value) -> Read<Vec<Value>> {
    value.as_array().cloned().ok_or("array")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_is_whole_whatever_its_look() {
        for (value, read) in [
            (json!(3), Ok(3)),
            (json!(3.0), Ok(3)),
            (json!(3.5), Err("positive integer")),
            (json!(-1), Err("positive integer")),
            (json!("3"), Err("number")),
        ] {
            assert_eq!(whole(&value), read, "{value}");
        }
    }

    #[test]
    fn a_role_is_named_by_its_arn() {
        for text in [
            "arn:aws:iam::123456789012:role/a",
            "arn:aws-cn:iam::123456789012:role/path/to/a",
        ] {
            assert_eq!(role_arn(&json!(text)), Ok(text.to_owned()));
        }
        for text in [
            "",
            "a",
            "arn:aws:iam::123456789012:user/a",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::1234:role/a",
            "arn:aws:sts::123456789012:assumed-role/a/b",
        ] {
            assert_eq!(role_arn(&json!(text)), Err("ARN of a role"), "{text}");
        }
        assert_eq!(role_arn(&json!(null)), Err("string"));
    }

    #[test]
    fn a_time_is_in_the_profile_of_the_language() {
        assert!(timestamp(&json!("2030-01-01T00:00:00Z")).is_ok());
        assert!(timestamp(&json!("2030-01-01T00:00:00.5+02:00")).is_ok());
        for text in ["2030-01-01", "2030-01-01t00:00:00Z", "2030-01-01T00:00:00z", "soon"] {
            assert_eq!(timestamp(&json!(text)), Err("timestamp"), "{text}");
        }
        assert_eq!(timestamp(&json!(1)), Err("string"));
    }
}
