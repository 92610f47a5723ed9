//! The web console: static files under `/` and `/console`, a client of this API like any other.
//!
//! They need no authentication, because they contain nothing but public code. They are part of this program, so that the console
//! always has the version of the API.

use std::sync::{LazyLock, OnceLock};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use slipway_model::name::Digest;

use super::not_found;
use crate::Api;
use crate::sign_in::SignIn;

/// The page; `{digest}` in it stands for that of all files.
const PAGE: &str = include_str!("../../console/index.html");

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(File {
            name: $name,
            bytes: include_bytes!(concat!("../../console/", $name)),
            zipped: OnceLock::new(),
        }),*]
    };
}

/// The files that the page loads, by their paths in `console/`.
static FILES: [File; 40] = files![
    "actions.js",
    "api.js",
    "app.js",
    "attributes.js",
    "form.js",
    "format.js",
    "hcl.js",
    "html.js",
    "icon.svg",
    "log.js",
    "markdown.js",
    "parts.js",
    "permissions.js",
    "plan.js",
    "problem.js",
    "request.js",
    "schema.js",
    "session.js",
    "shapes.js",
    "sheet.js",
    "stack_cards.js",
    "style.css",
    "timeline.js",
    "versions.js",
    "views.css",
    "views/accounts.js",
    "views/audit.js",
    "views/blueprint.js",
    "views/blueprints.js",
    "views/dead_letters.js",
    "views/environments.js",
    "views/home.js",
    "views/new.js",
    "views/operation.js",
    "views/policies.js",
    "views/stack.js",
    "views/stacks.js",
    "views/update.js",
    "visible.js",
    "vlist.js",
];

struct File {
    name: &'static str,
    bytes: &'static [u8],
    zipped: OnceLock<Bytes>,
}

/// A digest of the page and all files. It is in the files' addresses, so that browsers keep each for ever and never mix two
/// versions: a module imports its neighbours by relative addresses.
static DIGEST: LazyLock<String> = LazyLock::new(|| {
    let files = FILES.iter().flat_map(|file| [file.name.as_bytes(), file.bytes]);
    let all: Vec<u8> = files.chain([PAGE.as_bytes()]).flatten().copied().collect();
    Digest::of(&all).hex()[..16].to_owned()
});

static ZIPPED_PAGE: LazyLock<(Bytes, Bytes)> = LazyLock::new(|| {
    let page = PAGE.replace("{digest}", &DIGEST);
    (zip(page.as_bytes()), Bytes::from(page))
});

/// The router with the console. Every other path below `/console` is an address of a view, which the page shows.
pub(super) fn routes(mut router: Router<Api>, api: &Api) -> Router<Api> {
    for path in ["/", "/console", "/console/", "/console/{*view}"] {
        router = super::file(router, path, page, api);
    }
    let router = super::file(router, "/console/config.json", config, api);
    super::file(router, "/console/assets/{digest}/{*file}", asset, api)
}

/// What the console may do. A value never becomes markup: the browser holds it to the policy `slipway` of `html.js`.
fn policy(sign_in: Option<&SignIn>) -> HeaderValue {
    let mut others = String::new();
    for origin in sign_in.iter().flat_map(|one| one.origins()) {
        others.push(' ');
        others.push_str(origin.as_ref());
    }
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'{others}; \
         require-trusted-types-for 'script'; trusted-types slipway; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

async fn page(State(api): State<Api>, headers: HeaderMap) -> Response {
    let (zipped, plain) = &*ZIPPED_PAGE;
    let page = Content {
        kind: "text/html; charset=utf-8",
        // It names the files of this version: a browser asks each time whether there is another.
        keep: "no-cache",
        plain: plain.clone(),
        zipped: zipped.clone(),
    };
    let policy = policy(api.sign_in.as_ref());
    ([(CONTENT_SECURITY_POLICY, policy)], page.answer(&headers)).into_response()
}

async fn config(State(api): State<Api>) -> impl IntoResponse {
    axum::Json(json!({ "version": env!("CARGO_PKG_VERSION"), "sign_in": api.sign_in.as_ref() }))
}

async fn asset(
    Path((digest, name)): Path<(String, String)>,
    headers: HeaderMap,
    request: axum::extract::Request,
) -> Response {
    // A page of another version must not get files of this one.
    let Some(file) = FILES.iter().find(|file| file.name == name && digest == *DIGEST) else {
        return not_found(request).await.into_response();
    };
    let content = Content {
        kind: content_type(file.name),
        keep: "public, max-age=31536000, immutable",
        plain: Bytes::from_static(file.bytes),
        zipped: file.zipped.get_or_init(|| zip(file.bytes)).clone(),
    };
    content.answer(&headers)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

struct Content {
    kind: &'static str,
    keep: &'static str,
    plain: Bytes,
    zipped: Bytes,
}

impl Content {
    fn answer(self, headers: &HeaderMap) -> Response {
        let tag = format!("\"{}\"", *DIGEST);
        let same = headers.get_all(IF_NONE_MATCH).iter().any(|known| {
            let known = known.to_str().unwrap_or_default();
            known
                .split(',')
                .any(|known| known.trim().trim_start_matches("W/") == tag)
        });
        let always = [
            (
                ETAG,
                HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\"")),
            ),
            (CACHE_CONTROL, HeaderValue::from_static(self.keep)),
            (VARY, HeaderValue::from_static("accept-encoding")),
        ];
        if same {
            return (StatusCode::NOT_MODIFIED, always).into_response();
        }
        let kind = [(CONTENT_TYPE, HeaderValue::from_static(self.kind))];
        if takes_gzip(headers) {
            let encoding = [(CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
            return (always, kind, encoding, self.zipped).into_response();
        }
        (always, kind, self.plain).into_response()
    }
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

fn zip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail.
    let written = std::io::Write::write_all(&mut encoder, bytes);
    let zipped = encoder.finish();
    debug_assert!(written.is_ok() && zipped.is_ok());
    Bytes::from(zipped.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// A file that the console imports and the program does not have would be missed on AWS alone.
    #[test]
    fn every_file_of_the_folder_is_served() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("console");
        let names = |folder: &Path, before: &str| -> BTreeSet<String> {
            let entries = std::fs::read_dir(folder)
                .expect("the folder")
                .map(|entry| entry.expect("an entry"));
            let files = entries.filter(|entry| entry.file_type().expect("a type").is_file());
            files
                .map(|entry| format!("{before}{}", entry.file_name().to_string_lossy()))
                .collect()
        };
        let mut expected = names(&folder, "");
        expected.extend(names(&folder.join("views"), "views/"));
        // The types are for `tsc`.
        assert!(expected.remove("index.html") && expected.remove("types.d.ts"));
        let served: BTreeSet<String> = FILES.iter().map(|file| file.name.to_owned()).collect();
        assert_eq!(served, expected);
    }

    #[test]
    fn gzip_is_an_offer_of_the_browser() {
        let accepts = |value: &'static str| {
            takes_gzip(&HeaderMap::from_iter([(
                ACCEPT_ENCODING,
                HeaderValue::from_static(value),
            )]))
        };
        assert!(accepts("gzip, deflate, br") && accepts("br;q=1.0, GZIP;q=0.8"));
        assert!(!accepts("br") && !accepts("gzip;q=0, br") && !takes_gzip(&HeaderMap::new()));
    }
}
