# Copies the bucket for files to the bucket for copies, into a folder named after the time.
# Arguments: from bucket, to bucket.
set -eu

fail() { echo "copy-files: $2" >&2; exit "$1"; }
command -v aws >/dev/null 2>&1 || fail 69 "the image has no aws: add the AWS CLI to the image, or release without a snapshot"

to="s3://$2/$(date -u +%Y-%m-%dT%H-%M-%SZ)"
aws s3 sync --only-show-errors "s3://$1" "$to" || fail 74 "the copy to $to is not whole: nothing was released"
echo "copy-files: s3://$1 is copied to $to"
