//! Pages of the AWS console.

/// The account of emulators: its executions and logs have no page.
const EMULATED: &str = "000000000000";

/// The console in which the resources of an ARN are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Console<'a> {
    host: &'static str,
    region: &'a str,
}

impl<'a> Console<'a> {
    /// The console for this ARN's partition and Region; `None` for an emulator, an unknown partition, or a text that is not an ARN.
    /// The hosts: <https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html>.
    pub fn of(arn: &'a str) -> Option<Self> {
        let mut parts = arn.split(':');
        let ("arn", partition, _service, region, account) = (
            parts.next()?,
            parts.next()?,
            parts.next()?,
            parts.next()?,
            parts.next()?,
        ) else {
            return None;
        };
        let host = match partition {
            "aws" => "console.aws.amazon.com",
            "aws-cn" => "console.amazonaws.cn",
            "aws-us-gov" => "console.amazonaws-us-gov.com",
            _ => return None,
        };
        (account != EMULATED && !region.is_empty()).then_some(Self { host, region })
    }

    /// The page of an execution.
    pub fn execution(self, arn: &str) -> String {
        let Self { host, region } = self;
        format!("https://{region}.{host}/states/home?region={region}#/v2/executions/details/{arn}")
    }

    /// The page of a log stream. The console decodes the names twice.
    pub fn log_stream(self, group: &str, stream: &str) -> String {
        let Self { host, region } = self;
        let [group, stream] = [group, stream].map(twice_encoded);
        format!(
            "https://{region}.{host}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{group}/log-events/{stream}"
        )
    }
}

/// Percent-encoded twice, with `$` in place of `%`, as the console's own links are.
fn twice_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => encoded + &char::from(byte).to_string(),
        byte => encoded + &format!("$25{byte:02X}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_partition_and_region_of_the_arn() {
        let arn = "arn:aws-cn:states:cn-north-1:111122223333:execution:slipway:op-1";
        let console = Console::of(arn).expect("a console");
        assert_eq!(
            console.execution(arn),
            format!(
                "https://cn-north-1.console.amazonaws.cn/states/home?region=cn-north-1#/v2/executions/details/{arn}"
            )
        );
        let link = console.log_stream("/aws/codebuild/slipway-runner", "op-1/a b");
        assert!(
            link.ends_with(
                "#logsV2:log-groups/log-group/$252Faws$252Fcodebuild$252Fslipway-runner/log-events/op-1$252Fa$2520b"
            ),
            "{link}"
        );
    }

    #[test]
    fn emulators_and_unknown_partitions_have_no_console() {
        for arn in [
            "arn:aws:states:us-east-1:000000000000:execution:slipway:op-1",
            "arn:aws-iso:states:us-iso-east-1:111122223333:execution:slipway:op-1",
            "arn:aws:states::111122223333:execution:slipway:op-1",
            "arn:aws:states",
            "",
        ] {
            assert_eq!(Console::of(arn), None, "{arn}");
        }
    }
}
