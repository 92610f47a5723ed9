use super::*;

fn refusal(error: &str) -> Refusal {
    let text = format!(r#"{{"error": "{error}", "error_description": "said the issuer"}}"#);
    serde_json::from_str(&text).expect("a refusal")
}

#[test]
fn only_what_may_still_come_is_waited_for() {
    assert_eq!(
        longer(refusal("authorization_pending")).expect("a wait"),
        Duration::ZERO
    );
    assert_eq!(longer(refusal("slow_down")).expect("a wait"), Duration::from_secs(5));
    for (error, words) in [
        ("access_denied", "was denied"),
        ("expired_token", "in time"),
        ("invalid_client", "--client-id"),
        ("something_new", "something_new said the issuer"),
    ] {
        let message = longer(refusal(error)).expect_err(error).to_string();
        assert!(message.contains(words), "{error}: {message}");
    }
}

#[test]
fn what_a_person_is_shown_cannot_move_the_cursor() {
    let grant: Grant = serde_json::from_str(
        r#"{"device_code": "hidden-code", "user_code": "AB\u001b[2JCD", "verification_uri": "https://id.example.com/go",
            "expires_in": 5, "interval": null}"#,
    )
    .expect("a grant");
    assert_eq!(
        grant.instructions(),
        "Open https://id.example.com/go and enter the code AB[2JCD"
    );
    assert!(!format!("{grant:?}").contains("hidden-code"));
}
