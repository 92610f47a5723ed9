use super::super::Secrets;
use super::*;
use crate::variable::HIDDEN;

fn secrets(texts: &[&str]) -> Secrets {
    Secrets::of(texts.iter().map(|text| (*text).to_owned()).collect())
}

/// Each as the program wrote it.
#[test]
fn forms_of_further_encoders_are_hidden() {
    let (key, password) = (
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY==",
        "pa$$w0rd-Kx9${x}ö%{y} \"'<&>`\\",
    );
    let hidden = secrets(&[key, password]);
    for text in [
        // `json_encode` of PHP, also inside JSON, and with `JSON_HEX_…`.
        r"wJalrXUtnFEMI\/K7MDENG+bPxRfiCYEXAMPLEKEY==",
        r"wJalrXUtnFEMI\\/K7MDENG+bPxRfiCYEXAMPLEKEY==",
        r"pa$$w0rd-Kx9${x}\u00f6%{y} \u0022\u0027\u003C\u0026\u003E`\\",
        // System.Text.Json, Gson, `escapejs`.
        r"wJalrXUtnFEMI/K7MDENG\u002BbPxRfiCYEXAMPLEKEY==",
        r"pa$$w0rd-Kx9${x}\u00F6%{y} \u0022\u0027\u003C\u0026\u003E\u0060\\",
        r"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY\u003d\u003d",
        r"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY\u003D\u003D",
        r"pa$$w0rd\u002DKx9${x}ö%{y} \u0022\u0027\u003C\u0026\u003E\u0060\u005C",
        // `export -p`, `printf %q`, octal digits.
        r#"pa\$\$w0rd-Kx9\${x}ö%{y} \"'<&>\`\\"#,
        r#"pa\$\$w0rd-Kx9\$\{x\}ö%\{y\}\ \"\'\<\&\>\`\\"#,
        r#"pa$$w0rd-Kx9${x}\303\266%{y} "\'<&>`\\"#,
        // HCL.
        r#"pa$$w0rd-Kx9$${x}ö%%{y} "'<&>`\"#,
        r#"pa$$w0rd-Kx9$${x}ö%%{y} \"'<&>`\\"#,
        // Compose.
        r#"pa$$$$w0rd-Kx9$${x}ö%{y} "'<&>`\"#,
        // Percent, twice.
        "wJalrXUtnFEMI%252FK7MDENG%252BbPxRfiCYEXAMPLEKEY%253D%253D",
    ] {
        assert_eq!(hidden.hide(text), HIDDEN, "{text}");
    }
}

#[test]
fn base64_of_base64_and_of_json_is_hidden() {
    let secret = "hunter2\"more/hunter3";
    let hidden = secrets(&[secret]);
    let encode = |text: &str| STANDARD_NO_PAD.encode(text);
    for user in ["a", "ab", "abc", "user"] {
        let auth = encode(&format!("{user}:{secret}"));
        for registry in ["r", "r2", "registry"] {
            let document = format!(r#"{{"auths":{{"{registry}":{{"auth":"{auth}"}}}}}}"#);
            let shown = hidden.hide(&encode(&document));
            assert!(shown.contains(HIDDEN), "{shown}");
            // The characters around it have bits of what stands beside it.
            let left = shown.replace(HIDDEN, "").len();
            let around = document.len() + user.len() - secret.len();
            assert!(left < around * 4 / 3 + 8, "{document}: {shown}");
        }
        let document = json(&format!("{user}:{secret}"));
        assert!(hidden.hide(&encode(&document)).contains(HIDDEN), "{document}");
    }
}

#[test]
fn hexadecimal_with_separators_and_of_utf_16_is_hidden() {
    let hidden = secrets(&["hunter2"]);
    for text in [
        "68:75:6e:74:65:72:32",
        "68-75-6E-74-65-72-32",
        "68 75 6e 74 65 72 32",
        "680075006e007400650072003200",
        "00680075006E0074006500720032",
    ] {
        assert_eq!(hidden.hide(text), HIDDEN, "{text}");
    }
}

/// A function has little memory. What is beyond the bound is still hidden as it is, by lines, and in JSON.
#[test]
fn forms_of_many_secrets_are_bounded() {
    let key = |number: usize| -> String {
        let line = |line: usize| format!("{number:03}{line:04}").repeat(9) + "\n";
        (0..50).map(line).collect::<Vec<String>>().concat()
    };
    let texts: BTreeSet<String> = (0..100).map(key).chain(["pass\"word".to_owned()]).collect();
    let forms = all(&texts);
    let bytes: usize = forms.iter().map(String::len).sum();
    assert!(bytes < 2 * MOST, "{bytes}");
    let hidden = Secrets::of(texts);
    let last = key(99);
    let line = last.lines().next().expect("a line");
    for text in [
        last.as_str(),
        line,
        &json(&last),
        "cGFzcyJ3b3Jk",
        "70:61:73:73:22:77:6f:72:64",
    ] {
        assert_eq!(hidden.hide(text).trim(), HIDDEN, "{text}");
    }
}
