//! A plan of 1,500 resources and 20 MB, read as it comes. The only test of its program: it measures the memory of the process.

use std::io::{BufReader, Read};

use serde_json::{Value, json};
use slipway_model::plan::pages;
use slipway_model::plan::show;

const RESOURCES: usize = 1_500;

/// The JSON of a plan, made while it is read: so much of it as a whole plan has is never in memory.
struct Document<P> {
    parts: P,
    unread: Vec<u8>,
    read: usize,
    bytes: usize,
}

impl<P: Iterator<Item = String>> Read for Document<P> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.read == self.unread.len() {
            self.unread = self.parts.next().unwrap_or_default().into_bytes();
            self.read = 0;
        }
        let unread = &self.unread[self.read..];
        let count = unread.len().min(buffer.len());
        buffer[..count].copy_from_slice(&unread[..count]);
        self.read += count;
        self.bytes += count;
        Ok(count)
    }
}

fn resource(index: usize) -> Value {
    let kind = if index == RESOURCES - 1 {
        "aws_db_instance"
    } else {
        "aws_sqs_queue"
    };
    json!({"address": format!("{kind}.r[{index}]"), "type": kind, "mode": "managed"})
}

/// A plan whose prior state and planned values have this much text for each resource. Its last resource is replaced.
fn plan(text: usize) -> Document<impl Iterator<Item = String>> {
    let values = move |index: usize| {
        let mut resource = resource(index);
        resource["values"] = json!({"text": "x".repeat(text)});
        resource.to_string()
    };
    let changes = |index: usize| {
        let is_last = index == RESOURCES - 1;
        let actions = if is_last {
            json!(["delete", "create"])
        } else {
            json!(["update"])
        };
        let side =
            |side: &str| json!({"engine": side, "text": "y".repeat(1_000), "policy": json!({"a": side}).to_string()});
        let mut resource = resource(index);
        resource["change"] = json!({
            "actions": actions, "before": side("before"), "after": side("after"), "after_unknown": {},
        });
        resource.to_string()
    };
    let all = move |open: &str, close: &'static str, make: Box<dyn Fn(usize) -> String>| {
        let body = (0..RESOURCES).map(move |index| format!("{}{}", if index == 0 { "" } else { "," }, make(index)));
        std::iter::once(open.to_owned())
            .chain(body)
            .chain(std::iter::once(close.to_owned()))
    };
    let head = r#"{"format_version": "1.2", "applyable": true, "complete": true, "errored": false"#.to_owned();
    let parts = std::iter::once(head)
        .chain(all(
            r#","planned_values": {"root_module": {"resources": ["#,
            "]}}",
            Box::new(values),
        ))
        .chain(all(
            r#","prior_state": {"values": {"root_module": {"resources": ["#,
            "]}}}",
            Box::new(values),
        ))
        .chain(all(r#","resource_changes": ["#, "]}", Box::new(changes)));
    Document {
        parts,
        unread: Vec::new(),
        read: 0,
        bytes: 0,
    }
}

/// The most memory that this process had so far, in bytes. The kernel counts by processor, so that a later answer may be a little less
/// (`proc_pid_status(5)` calls it inaccurate).
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("the status of this process");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("its peak");
    let kilobytes = line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number");
    kilobytes * 1024
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "measures by /proc")]
fn plan_of_20_mb_is_read_in_the_memory_of_its_changes() {
    const MB: usize = 1024 * 1024;
    let mut peaks = Vec::new();
    for (text, least) in [(6_000, 20 * MB), (15_000, 45 * MB)] {
        let before = peak();
        let mut document = plan(text);
        let shown = show::read(BufReader::new(&mut document), &str::to_owned).expect("a plan");
        assert!(document.bytes > least, "{} bytes", document.bytes);
        let (summary, objects) = pages::of(shown);
        let written = objects.index.len() + objects.pages.iter().map(Vec::len).sum::<usize>();
        peaks.push((before, peak(), written));

        assert_eq!((summary.change, summary.replace), (1_499, 1));
        assert_eq!(summary.resources[0].address, "aws_db_instance.r[1499]");
        assert!(
            serde_json::to_vec(&summary).expect("JSON").len() < 32 * 1024,
            "an item of DynamoDB"
        );
        for page in &objects.pages {
            let page: Value = serde_json::from_slice(page).expect("a page");
            let items = page["items"].as_array().expect("items");
            assert!(items.len() <= 200 && items.iter().all(|item| item.to_string().len() < 400 * 1024));
        }
    }
    let (before, after, written) = peaks[0];
    assert!(after < before + 4 * written + 8 * MB, "{peaks:?}");
    // Three times the document with the same changes: nothing more.
    assert!(peaks[1].1 < after + 4 * MB, "{peaks:?}");
}
