# Builds the image of a release tag, tests it, pushes it, and asks Slipway for the release. CodeBuild runs it in the sources with
# bash; all that it knows comes from the environment of the build project.
set -euo pipefail

fail() {
    echo "release: $*" >&2
    exit 1
}

# Which release: the name of an archive, or the tag that was pushed. A manual build names it as its version.
if [ -n "${RELEASE_KEY:-}" ]; then
    tag=${RELEASE_KEY##*/}
    tag=${tag%.zip}
else
    tag=${CODEBUILD_WEBHOOK_HEAD_REF:-${CODEBUILD_SOURCE_VERSION:-}}
    tag=${tag#refs/tags/}
fi
[[ $tag =~ ^($TAG_PATTERN)$ ]] || fail "'$tag' is no release: a tag has to match $TAG_PATTERN. Nothing was built."
[[ $tag =~ ^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$ ]] || fail "'$tag' cannot be the tag of an image: at most 128 letters, digits and . _ -"

registry=${IMAGE_REPOSITORY%%/*}
name=${IMAGE_REPOSITORY#*/}
region=$(cut -d . -f 4 <<<"$registry")
image=$IMAGE_REPOSITORY:$tag

# A tag means one image for good. The repository would refuse the push as well, but only after all the work.
found=$(aws ecr describe-images --region "$region" --registry-id "${registry%%.*}" --repository-name "$name" \
    --image-ids "imageTag=$tag" --query 'imageDetails[0].imageDigest' --output text 2>&1) &&
    fail "$image is there already: $IMAGE_REPOSITORY@$found. Release that, or push another tag."
grep --quiet ImageNotFoundException <<<"$found" || fail "failed to check for $image: $found"

aws ecr get-login-password --region "$region" | docker login --username AWS --password-stdin "$registry"

build=(docker buildx build --file "$DOCKERFILE" --provenance=false
    --label "org.opencontainers.image.version=$tag"
    --label "org.opencontainers.image.revision=${CODEBUILD_RESOLVED_SOURCE_VERSION:-}")
keep=()
if [ -n "$CACHE_TAG" ]; then
    docker buildx create --use --driver docker-container
    build+=(--cache-from "type=registry,ref=$IMAGE_REPOSITORY:$CACHE_TAG")
    # A build that cannot keep its layers is slower next time, and no worse.
    keep=(--cache-to "type=registry,ref=$IMAGE_REPOSITORY:$CACHE_TAG,mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true")
fi

if [ -n "$TEST_TARGET" ]; then
    "${build[@]}" --target "$TEST_TARGET" "$CONTEXT"
fi
"${build[@]}" ${keep[@]+"${keep[@]}"} --load --tag "$image" "$CONTEXT"

mapfile -t -d '' command < <(jq --join-output '.[] | . + "\u0000"' <<<"$TEST_COMMAND")
if [ "${#command[@]}" -gt 0 ]; then
    docker run --rm "$image" "${command[@]}"
fi

docker push "$image"
digest=$(docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$image" | grep --fixed-strings "$IMAGE_REPOSITORY@sha256:" | head -n 1) || true
[ -n "$digest" ] || fail "$image was pushed, and its digest is not known"
echo "release: pushed $digest as $tag"

# Slipway answers on the results bus of this account; what is known here is that the bus has taken the requests. The key is that of
# the build: however often an event is delivered, it is one request.
requests=$(jq --compact-output --arg bus "$BUS_ARN" --arg image "$digest" --arg build "${CODEBUILD_BUILD_ID##*:}" 'to_entries | map({
    EventBusName: $bus,
    Source: "slipway.image-pipeline",
    DetailType: "Slipway Request",
    Detail: ({
        version: 1,
        key: "build \($build) to \(.key)",
        action: "release",
        stack: (.key | split("/") | if length == 2 then {environment: .[0], name: .[1]} else .[0] end),
        request: {images: (.value | map({key: ., value: $image}) | from_entries)}
    } | tojson)
})' <<<"$RELEASES")
if [ "$requests" = "[]" ]; then
    echo "release: no stack is to get it"
    exit 0
fi
answer=$(aws events put-events --region "$(cut -d : -f 4 <<<"$BUS_ARN")" --entries "$requests")
[ "$(jq .FailedEntryCount <<<"$answer")" = 0 ] || fail "$digest is pushed, and not every stack was asked for its release: $answer"
echo "release: asked for the release to $(jq --raw-output 'keys | join(", ")' <<<"$RELEASES")"
