# Asks Slipway to release the images that the stack runs: its new tasks read the new password. CodeBuild runs it with bash; all that it
# knows comes from the environment of the build project.
set -euo pipefail

fail() {
    echo "rotation: $*" >&2
    exit 1
}

# The images are those of the task definitions that the services have now. One without a digest was never released.
images='{}'
while IFS=$'\t' read -r service name; do
    definition=$(aws ecs describe-services --cluster "$CLUSTER" --services "$name" --query 'services[0].taskDefinition' --output text)
    image=$(aws ecs describe-task-definition --task-definition "$definition" \
        --query "taskDefinition.containerDefinitions[?name=='$service'].image | [0]" --output text)
    case $image in
    *@sha256:*) images=$(jq --compact-output --arg service "$service" --arg image "$image" '.[$service] = $image' <<<"$images") ;;
    *) echo "rotation: $service was not released yet" ;;
    esac
done < <(jq --raw-output 'to_entries[] | [.key, .value] | @tsv' <<<"$SERVICES")

if [ "$images" = '{}' ]; then
    echo "rotation: the stack was not released yet: its first release has the new password"
    exit 0
fi

# The key is that of the build: however often the event of a rotation is delivered, each build is one request.
request=$(jq --null-input --compact-output --arg bus "$BUS_ARN" --arg stack "$STACK" --arg build "${CODEBUILD_BUILD_ID##*:}" --argjson images "$images" '[{
    EventBusName: $bus,
    Source: "slipway.rotation-release",
    DetailType: "Slipway Request",
    Detail: ({ version: 1, key: "rotation \($build)", action: "release", stack: $stack, request: { images: $images } } | tojson)
}]')
answer=$(aws events put-events --region "$(cut -d : -f 4 <<<"$BUS_ARN")" --entries "$request")
[ "$(jq .FailedEntryCount <<<"$answer")" = 0 ] || fail "the bus did not take the request: $answer. Release the stack's images yourself."
echo "rotation: requested the release of $(jq --raw-output 'keys | join(", ")' <<<"$images")"
