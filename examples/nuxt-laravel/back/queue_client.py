"""The queue of the workers, as far as this example needs it: Amazon SQS, at the address that the environment names.

A real application uses an AWS SDK, which finds address and credentials in the same variables. This one has only Python's own
library, so it does not sign: the local AWS takes any signature, and AWS would refuse this one.
"""

import json
import os
import urllib.request


class Queue:
    def __init__(self, url):
        self.url = url

    def send(self, text):
        self._call("SendMessage", {"QueueUrl": self.url, "MessageBody": text})

    def receive(self, seconds):
        """A message, or None when none came within these seconds. One that is not deleted comes again."""
        request = {"QueueUrl": self.url, "WaitTimeSeconds": seconds, "MaxNumberOfMessages": 1}
        messages = self._call("ReceiveMessage", request).get("Messages", [])
        return messages[0] if messages else None

    def delete(self, message):
        self._call("DeleteMessage", {"QueueUrl": self.url, "ReceiptHandle": message["ReceiptHandle"]})

    @staticmethod
    def _call(action, body):
        scope = f"local/20260101/{os.environ['AWS_REGION']}/sqs/aws4_request"
        headers = {
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": f"AmazonSQS.{action}",
            "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none",
        }
        request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"{}")
