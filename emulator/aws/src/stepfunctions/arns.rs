//! Names and ARNs, and how AWS refuses wrong ones.

use crate::wire::{AwsError, arn};

/// The ARN of a machine.
pub fn machine(name: &str) -> String {
    arn("states", &format!("stateMachine:{name}"))
}

/// The ARN of an execution.
pub fn execution(machine: &str, name: &str) -> String {
    arn("states", &format!("execution:{machine}:{name}"))
}

/// What every ARN of an execution of a machine begins with.
pub fn executions_of(machine: &str) -> String {
    execution(machine, "")
}

/// Refuses what is not the ARN of a state machine.
pub fn check_machine(text: &str) -> Result<(), AwsError> {
    check(text, "stateMachine", 1)
}

/// The ARN of a machine, and the alias after it where there is one.
pub fn split_alias(text: &str) -> (&str, Option<&str>) {
    match text.match_indices(':').nth(6) {
        Some((at, _)) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

/// Refuses what is not the ARN of an execution.
pub fn check_execution(text: &str) -> Result<(), AwsError> {
    check(text, "execution", 2)
}

/// The names of the machine and of the execution in the ARN of an execution.
pub fn split_execution(text: &str) -> Option<(&str, &str)> {
    check_execution(text).ok()?;
    let (rest, name) = text.rsplit_once(':')?;
    let (_, machine) = rest.rsplit_once(':')?;
    Some((machine, name))
}

fn check(text: &str, resource: &str, names: usize) -> Result<(), AwsError> {
    let invalid = |why: &str| AwsError::new("InvalidArn", format!("Invalid Arn: '{why}: {text}'"));
    let parts: Vec<&str> = text.split(':').collect();
    match parts[..] {
        ["arn", partition, "states", region, account, kind, ref rest @ ..]
            if ![partition, region, account].contains(&"") =>
        {
            if kind == resource && rest.len() == names && !rest.contains(&"") {
                Ok(())
            } else {
                Err(invalid("Resource type not valid in this context"))
            }
        }
        _ => Err(invalid("Invalid ARN prefix")),
    }
}

/// Refuses what is not the ARN of a role.
pub fn check_role(text: &str) -> Result<(), AwsError> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts[..] {
        ["arn", _, "iam", "", _, role] if role.starts_with("role/") => Ok(()),
        _ => Err(AwsError::new("InvalidArn", format!("Invalid Role Arn: '{text}'"))),
    }
}

/// Refuses a name that AWS refuses: 1 to 80 characters, none of them white space, control or one that URLs, shells
/// or patterns use.
pub fn check_name(name: &str) -> Result<(), AwsError> {
    let allowed = |c: char| !c.is_whitespace() && !c.is_control() && !"<>{}[]?*\"#%\\^|~`$&,;:/\u{10ffff}".contains(c);
    if (1..=80).contains(&name.chars().count()) && name.chars().all(allowed) {
        Ok(())
    } else {
        Err(AwsError::new("InvalidName", format!("Invalid Name: '{name}'")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_of_the_right_kind_alone_pass() {
        check_machine(&machine("operation")).expect("a machine");
        check_execution(&execution("operation", "op-1")).expect("an execution");
        for wrong in [
            "operation",
            "arn:aws:states:us-east-1:000000000000:stateMachine:",
            "arn:aws:states:::stateMachine:x",
        ] {
            assert_eq!(check_machine(wrong).expect_err(wrong).code, "InvalidArn");
        }
        assert_eq!(
            check_machine(&execution("a", "b")).expect_err("an execution").code,
            "InvalidArn"
        );
        assert_eq!(
            check_execution(&machine("a")).expect_err("a machine").code,
            "InvalidArn"
        );
        check_role("arn:aws:iam::000000000000:role/path/name").expect("a role");
        assert_eq!(
            check_role("role").expect_err("no role").message,
            "Invalid Role Arn: 'role'"
        );
    }

    #[test]
    fn names_are_those_of_aws() {
        for name in ["op-01JABC", "a.b_c!(d)=+@'", &"x".repeat(80)] {
            check_name(name).expect(name);
        }
        for name in ["", "a b", "a/b", "a:b", "a\u{7}", "a\u{85}", "a*", &"x".repeat(81)] {
            assert_eq!(check_name(name).expect_err(name).code, "InvalidName");
        }
    }
}
