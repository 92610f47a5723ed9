"""The queue of the workers, as far as this example needs it: Amazon SQS, by Laravel's SQS_QUEUE.

On AWS, boto3 signs requests with the credentials of the task. The local AWS takes any signature, so here Python's own library is enough.
"""

import json
import os
import re
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
        if "AWS_ENDPOINT_URL" not in os.environ:
            import boto3  # only the image for AWS has it

            return getattr(boto3.client("sqs"), re.sub("(?<!^)([A-Z])", r"_\1", action).lower())(**body)
        scope = f"local/20260101/{os.environ['AWS_REGION']}/sqs/aws4_request"
        headers = {
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": f"AmazonSQS.{action}",
            "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none",
        }
        request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"{}")
