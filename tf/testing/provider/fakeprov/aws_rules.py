"""What AWS rejects although the real provider accepts it at validate and at plan: character sets, lengths, arguments that
exclude each other. Without these, a mistake of this kind first shows when a real account answers, half-way through an apply.

Each rule names the page that it follows.
"""
import json
import re

from .wire import Diag, Unknown

API = 'https://docs.aws.amazon.com/'

# {resource type: {argument: (pattern, what it says, page)}}
GROUP_TEXT = (r'[0-9A-Za-z_ .:/()#,@\[\]+=&;{}!$*-]{0,255}', 'letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*, at most 255 of them',
              API + 'AWSEC2/latest/APIReference/API_CreateSecurityGroup.html')
IAM_TEXT = ('[\t\n\r\x20-\x7e\xa1-\xff]{0,1000}', 'characters of Latin-1, at most 1000 of them', API + 'IAM/latest/APIReference/API_CreateRole.html')
IAM_NAME = (r'[\w+=,.@-]{1,128}', 'letters, digits and +=,.@_-, at most 128 of them', API + 'IAM/latest/APIReference/API_CreatePolicy.html')
ECS_NAME = (r'[A-Za-z0-9_-]{1,255}', 'letters, digits, hyphens and underscores', API + 'AmazonECS/latest/APIReference/API_CreateService.html')
SCHEDULE_NAME = (r'[0-9a-zA-Z-_.]{1,64}', 'letters, digits and -_., at most 64 of them', API + 'scheduler/latest/APIReference/API_CreateSchedule.html')
GROUP_NAME = (r'[A-Za-z][A-Za-z0-9-]{0,254}', 'a letter, then letters, digits and hyphens, at most 255', API + 'AmazonRDS/latest/APIReference/API_CreateDBParameterGroup.html')
TEXTS = {
    'aws_security_group': {'description': GROUP_TEXT, 'name': GROUP_TEXT},
    'aws_vpc_security_group_ingress_rule': {'description': GROUP_TEXT},
    'aws_vpc_security_group_egress_rule': {'description': GROUP_TEXT},
    'aws_security_group_rule': {'description': GROUP_TEXT},
    'aws_iam_role': {'description': IAM_TEXT},
    'aws_iam_policy': {'description': IAM_TEXT, 'name': IAM_NAME},
    'aws_iam_role_policy': {'name': IAM_NAME},
    'aws_iam_instance_profile': {'name': IAM_NAME},
    'aws_ecs_service': {'name': ECS_NAME},
    'aws_ecs_cluster': {'name': ECS_NAME},
    'aws_ecs_task_definition': {'family': ECS_NAME},
    'aws_scheduler_schedule': {'name': SCHEDULE_NAME},
    'aws_scheduler_schedule_group': {'name': SCHEDULE_NAME},
    'aws_db_parameter_group': {'name': GROUP_NAME},
    'aws_rds_cluster_parameter_group': {'name': GROUP_NAME},
    'aws_cloudwatch_log_group': {'name': (r'[.\-_/#A-Za-z0-9]{1,512}', 'letters, digits and .-_/#', API + 'AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html')},
    'aws_cloudwatch_metric_alarm': {'alarm_description': (r'(?s).{0,1024}', 'at most 1024 characters', API + 'AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html')},
    'aws_sqs_queue': {'name': (r'[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo', 'letters, digits, hyphens and underscores, at most 80', API + 'AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html')},
    'aws_sns_topic': {'name': (r'[A-Za-z0-9_-]{1,256}|[A-Za-z0-9_-]{1,251}\.fifo', 'letters, digits, hyphens and underscores', API + 'sns/latest/api/API_CreateTopic.html')},
    'aws_launch_template': {'name': (r'[a-zA-Z0-9().\-/_]{3,128}', 'letters, digits and ().-/_, 3 to 128 of them', API + 'AWSEC2/latest/APIReference/API_CreateLaunchTemplate.html')},
    # https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html: the first name is the common name.
    'aws_acm_certificate': {'domain_name': (r'.{1,64}', 'at most 64 characters: longer names belong into subject_alternative_names', API + 'acm/latest/APIReference/API_RequestCertificate.html')},
}

# EC2 and Route 53 take any character in a tag; of the others, not all do.
ANY_TAG = ('aws_instance', 'aws_vpc', 'aws_subnet', 'aws_security_group', 'aws_launch_template', 'aws_eip', 'aws_nat_gateway', 'aws_route_table',
           'aws_internet_gateway', 'aws_route53')
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html#RDS_Limits.Constraints, and the reserved words of the engines
RESERVED_USERS = {'postgres': {'admin', 'rdsadmin', 'rdsrepladmin', 'rds_superuser', 'user'}, 'mysql': {'rdsadmin', 'rdsrepladmin', 'rdsproxyadmin'}}


def refused(t, cfg):
    """every argument of a configuration that AWS would reject, as diagnostics"""
    out = []
    for name, (pattern, said, page) in TEXTS.get(t, {}).items():
        value = cfg.get(name)
        if isinstance(value, str) and value and not re.fullmatch(pattern, value):
            out.append(_of(name, '"%s" takes %s: %r (%s)' % (name, said, value, page)))
    out += _tags(t, cfg)
    check = CHECKS.get(t)
    return out + (check(cfg) if check else [])


def _of(name, text):
    return Diag('Invalid value: AWS rejects it', text, path=[name])


def _tags(t, cfg):
    """https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html#id_tags_naming_best_practices"""
    tags = cfg.get('tags')
    if not isinstance(tags, dict):
        return []
    out = []
    for key, value in tags.items():
        if isinstance(key, Unknown) or not isinstance(value, str):
            continue
        if key.lower().startswith('aws:') or not 1 <= len(key) <= 128 or len(value) > 256:
            out.append(_of('tags', 'a tag has a key of 1 to 128 characters that does not begin with aws:, and a value of at most 256: %r' % key))
        elif not t.startswith(ANY_TAG):
            bad = sorted({c for c in key + value if not (c.isalnum() or c.isspace() or c in '_.:/=+-@')})
            if bad:
                out.append(_of('tags', 'a tag takes letters, digits, spaces and _.:/=+-@, not %s: %r' % (' '.join(bad), value)))
    return out


def _number(cfg, name):
    value = cfg.get(name)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _database(cfg):
    out = []
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html
    storage, most = _number(cfg, 'allocated_storage'), _number(cfg, 'max_allocated_storage')
    if storage and most and most * 10 < storage * 11:
        out.append(_of('max_allocated_storage', 'the maximum storage is at least 10 %% more than allocated_storage: %d is less than 110 %% of %d' % (most, storage)))
    engine, user = str(cfg.get('engine')), cfg.get('username')
    if isinstance(user, str) and user.lower() in RESERVED_USERS.get(engine.replace('aurora-', '').replace('postgresql', 'postgres'), ()):
        out.append(_of('username', 'MasterUsername %s cannot be used as it is a reserved word used by the engine' % user))
    return out


def _target_group(cfg):
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html"""
    out = []
    for check in cfg.get('health_check') or []:
        if not isinstance(check, dict):
            continue
        timeout, interval = _number(check, 'timeout'), _number(check, 'interval')
        if timeout and interval and timeout >= interval:
            out.append(_of('health_check', 'a health check times out (%d s) before the next one begins (%d s)' % (timeout, interval)))
    return out


def _service(cfg):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html"""
    out = []
    low, high = _number(cfg, 'deployment_minimum_healthy_percent'), _number(cfg, 'deployment_maximum_percent')
    if low is not None and high is not None and low >= 100 and high <= 100:
        out.append(_of('deployment_maximum_percent', 'a deployment that keeps all tasks and starts none beside them never begins: '
                       'minimum healthy 100 %, maximum 100 %'))
    if high is not None and high <= 100 and cfg.get('availability_zone_rebalancing') == 'ENABLED':
        out.append(_of('availability_zone_rebalancing', 'rebalancing between zones needs deployment_maximum_percent above 100'))
    if cfg.get('capacity_provider_strategy') and isinstance(cfg.get('launch_type'), str):
        out.append(_of('launch_type', 'a service has a launch type or a capacity provider strategy, not both'))
    return out


# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size
FARGATE = {256: [512, 1024, 2048], 512: range(1024, 4097, 1024), 1024: range(2048, 8193, 1024), 2048: range(4096, 16385, 1024),
           4096: range(8192, 30721, 1024), 8192: range(16384, 61441, 4096), 16384: range(32768, 122881, 8192)}


def _task_definition(cfg):
    out = []
    kinds = cfg.get('requires_compatibilities')
    if isinstance(kinds, list) and 'FARGATE' in kinds and all(isinstance(cfg.get(n), str) and cfg[n].isdigit() for n in ('cpu', 'memory')):
        if int(cfg['memory']) not in FARGATE.get(int(cfg['cpu']), ()):
            out.append(_of('memory', 'No Fargate configuration exists for given values: %s CPU, %s memory' % (cfg['cpu'], cfg['memory'])))
    try:
        containers = json.loads(cfg.get('container_definitions'))
    except (TypeError, ValueError):
        return out
    for container in containers if isinstance(containers, list) else []:
        names = [e.get('name') for kind in ('environment', 'secrets') for e in container.get(kind) or [] if isinstance(e, dict)]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            out.append(_of('container_definitions', 'The secret name must be unique and not shared with any new or existing environment variables: %s' % ', '.join(twice)))
    return out


CHECKS = {'aws_db_instance': _database, 'aws_lb_target_group': _target_group, 'aws_ecs_service': _service, 'aws_ecs_task_definition': _task_definition}
