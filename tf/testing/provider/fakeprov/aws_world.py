"""The existing resources, and what AWS rejects because of them: a name that is taken, a target group in use, a container without the port.

A provider process lives as long as one command, and Terraform sends it only resources that change. So the existing resources are
kept in a file between commands, if FAKE_AWS_WORLD names one: a line for each create, update and delete. Without it, the rules know
what the same process has made or read.

Each rule names the AWS page that documents it, or a report of its occurrence.
"""
import json
import os
import threading

from .wire import Diag, Unknown

API = 'https://docs.aws.amazon.com/'

# What may be there once in an account and Region.
NAMES = {
    'aws_autoscaling_group': 'name', 'aws_cloudwatch_log_group': 'name', 'aws_db_instance': 'identifier', 'aws_db_parameter_group': 'name',
    'aws_db_subnet_group': 'name', 'aws_ecr_repository': 'name', 'aws_ecs_capacity_provider': 'name', 'aws_elasticache_replication_group':
    'replication_group_id', 'aws_elasticache_subnet_group': 'name', 'aws_elasticache_parameter_group': 'name', 'aws_iam_instance_profile': 'name',
    'aws_iam_policy': 'name', 'aws_iam_role': 'name', 'aws_launch_template': 'name', 'aws_lb': 'name', 'aws_lb_target_group': 'name',
    'aws_rds_cluster': 'cluster_identifier', 'aws_rds_cluster_parameter_group': 'name', 'aws_s3_bucket': 'bucket',
    'aws_scheduler_schedule_group': 'name', 'aws_secretsmanager_secret': 'name', 'aws_codebuild_project': 'name',
}


class World:
    def __init__(self):
        self.path = os.environ.get('FAKE_AWS_WORLD')
        self.lock = threading.Lock()
        self.things = None

    def _load(self):
        if self.things is not None:
            return
        self.things = {}
        if self.path and os.path.exists(self.path):
            with open(self.path) as f:
                for line in f:
                    t, key, state = json.loads(line)
                    if state is None:
                        self.things.pop((t, key), None)
                    else:
                        self.things[t, key] = state

    def of(self, *types):
        return [(t, s) for (t, _), s in self.things.items() if t in types]

    def note(self, t, key, state):
        """keeps a state, or forgets it with None"""
        if key is None:
            return
        with self.lock:
            self._load()
            if state is None:
                self.things.pop((t, key), None)
            else:
                self.things[t, key] = state
            if self.path:
                with open(self.path, 'a') as f:
                    f.write(json.dumps([t, key, state], default=_plain) + '\n')

    def seen(self, t, state):
        """what a process reads belongs to what is there, where no file says it"""
        if not self.path and isinstance(state, dict) and state.get('id'):
            with self.lock:
                self._load()
                self.things.setdefault((t, state['id']), state)

    def refuses(self, t, op, planned, prior):
        """(code, message) of the error that AWS would answer with; None if it takes the change"""
        with self.lock:
            self._load()
            taken = self._taken(t, op, planned, prior)
            if taken:
                return taken
            for rule in RULES.get((t, op), ()):
                refused = rule(self, planned, prior)
                if refused:
                    return refused
        return None

    def _taken(self, t, op, planned, prior):
        argument = NAMES.get(t)
        name = (planned or {}).get(argument) if argument else None
        if op == 'delete' or not isinstance(name, str) or (prior or {}).get(argument) == name:
            return None
        for _, other in self.of(t):
            if other.get(argument) == name:
                return 'ResourceAlreadyExists', 'a %s named %s already exists' % (t[4:].replace('_', ' '), name)
        return None


def _plain(value):
    if isinstance(value, Unknown):
        return None
    return value.decode('latin1') if isinstance(value, bytes) else str(value)


def _blocks(state, *path):
    """the values at a path through nested blocks"""
    found = [state]
    for name in path:
        found = [x for v in found if isinstance(v, dict) for x in (v.get(name) if isinstance(v.get(name), list) else [v.get(name)])]
    return [v for v in found if v not in (None, '') and not isinstance(v, Unknown)]


# ---------------------------------------------------------------- load balancers
def _forwards(state):
    return {arn for kind in ('action', 'default_action') for arn in _blocks(state, kind, 'target_group_arn') + _blocks(state, kind, 'forward', 'target_group', 'arn')}


def target_group_in_use(world, _, prior):
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteTargetGroup.html"""
    for t, other in world.of('aws_lb_listener', 'aws_lb_listener_rule'):
        if prior.get('arn') in _forwards(other):
            return 'ResourceInUse', "Target group '%s' is currently in use by a listener or a rule" % prior['arn']
    return None


def priority_taken(world, planned, prior):
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html"""
    for _, other in world.of('aws_lb_listener_rule'):
        if other.get('id') != (prior or {}).get('id') and (other.get('listener_arn'), other.get('priority')) == (planned.get('listener_arn'), planned.get('priority')):
            return 'PriorityInUse', "Priority '%s' is currently in use" % planned['priority']
    return None


def protected_load_balancer(_, __, prior):
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteLoadBalancer.html"""
    if prior.get('enable_deletion_protection'):
        return 'OperationNotPermitted', "Load balancer '%s' cannot be deleted because deletion protection is enabled" % prior.get('arn')
    return None


def certificate_in_use(world, _, prior):
    """https://docs.aws.amazon.com/acm/latest/APIReference/API_DeleteCertificate.html"""
    for _t, other in world.of('aws_lb_listener', 'aws_lb_listener_certificate'):
        if other.get('certificate_arn') == prior.get('arn'):
            return 'ResourceInUseException', 'Certificate %s in account is in use' % prior.get('arn')
    return None


# ---------------------------------------------------------------- ECS
def container_port(world, planned, _):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LoadBalancer.html: the port is one of the task definition in use."""
    definition = next((s for _t, s in world.of('aws_ecs_task_definition') if planned.get('task_definition') in (s.get('arn'), s.get('id'))), None)
    if definition is None:
        return None
    ports = {(c.get('name'), m.get('containerPort')) for c in json.loads(definition.get('container_definitions') or '[]') for m in c.get('portMappings') or []}
    names = {(c.get('name'), m.get('name')) for c in json.loads(definition.get('container_definitions') or '[]') for m in c.get('portMappings') or []}
    for b in planned.get('load_balancer') or []:
        if (b.get('container_name'), b.get('container_port')) not in ports:
            return 'InvalidParameterException', 'The container %s did not have a container port %s defined.' % (b.get('container_name'), b.get('container_port'))
    for name in _blocks(planned, 'service_connect_configuration', 'service', 'port_name'):
        if name not in {n for _c, n in names}:
            return 'InvalidParameterException', 'PortName %s in ServiceConnectConfiguration is not defined in the task definition.' % name
    return None


def without_load_balancer(world, planned, _):
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-load-balancing.html"""
    reached = {arn for _t, s in world.of('aws_lb_listener', 'aws_lb_listener_rule') for arn in _forwards(s)}
    known = {s.get('arn') for _t, s in world.of('aws_lb_target_group')}
    for arn in _blocks(planned, 'load_balancer', 'target_group_arn'):
        if arn in known and arn not in reached:
            return 'InvalidParameterException', 'The target group with targetGroupArn %s does not have an associated load balancer.' % arn
    return None


def cluster_in_use(world, _, prior):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteCluster.html"""
    if any(s.get('cluster') in (prior.get('arn'), prior.get('id')) for _t, s in world.of('aws_ecs_service')):
        return 'ClusterContainsServicesException', 'The Cluster cannot be deleted while Services are active.'
    return None


def capacity_in_use(world, _, prior):
    """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PutClusterCapacityProviders.html"""
    mine = set(prior.get('capacity_providers') or [])
    if any(mine & set(_blocks(s, 'capacity_provider_strategy', 'capacity_provider')) and str(s.get('cluster', '')).endswith('/' + str(prior.get('cluster_name')))
           for _t, s in world.of('aws_ecs_service')):
        return 'ResourceInUseException', 'The specified capacity provider is in use and cannot be removed.'
    return None


# ---------------------------------------------------------------- databases and caches
def parameter_group_in_use(world, _, prior):
    """https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBParameterGroup.html"""
    for _t, s in world.of('aws_db_instance'):
        if prior.get('name') in (s.get('parameter_group_name'), s.get('_member_of')):
            return 'InvalidDBParameterGroupState', 'One or more database instances are still members of this parameter group %s, so the group cannot be deleted' % prior['name']
    return None


def storage_shrinks(_, planned, prior):
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.StorageTypes.html"""
    if (planned.get('allocated_storage') or 0) < (prior.get('allocated_storage') or 0):
        return 'InvalidParameterCombination', 'Invalid storage size for engine name: allocated storage cannot be reduced'
    return None


def version_goes_back(_, planned, prior):
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.Upgrading.html"""
    major = lambda s: float('.'.join(str(s.get('engine_version') or '0').split('.')[:2 if s.get('engine') == 'mysql' else 1]))  # noqa: E731
    if planned.get('engine') == prior.get('engine') and major(planned) < major(prior):
        return 'InvalidParameterCombination', 'Cannot upgrade %s from %s to %s' % (prior.get('engine'), prior.get('engine_version'), planned.get('engine_version'))
    return None


def protected_database(_, __, prior):
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DeleteInstance.html"""
    if prior.get('deletion_protection'):
        return 'InvalidParameterCombination', 'Cannot delete protected DB Instance, please disable deletion protection and try again.'
    return None


def another_network(world, planned, prior):
    """https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBSubnetGroup.html"""
    vpcs = {s.get('vpc_id') for _t, s in world.of('aws_subnet') if s.get('id') in set(planned.get('subnet_ids') or [])}
    if vpcs and prior.get('vpc_id') and vpcs != {prior['vpc_id']}:
        return 'InvalidParameterValue', 'The new Subnets are not in the same Vpc as the existing subnet group'
    return None


def cache_engine(_, planned, prior):
    """https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/VersionManagement.HowTo.html: from Redis OSS to Valkey, never back."""
    if prior.get('engine') == 'valkey' and planned.get('engine') == 'redis':
        return 'InvalidParameterCombination', 'Cannot change the engine of a replication group from valkey to redis'
    return None


# ---------------------------------------------------------------- the network
HOLDERS = {  # what has network interfaces: where its security groups and its subnets stand
    'aws_ecs_service': (('network_configuration', 'security_groups'), ('network_configuration', 'subnets')),
    'aws_instance': (('vpc_security_group_ids',), ('subnet_id',)),
    'aws_lb': (('security_groups',), ('subnets',)),
    'aws_db_instance': (('vpc_security_group_ids',), ()),
    'aws_rds_cluster': (('vpc_security_group_ids',), ()),
    'aws_elasticache_replication_group': (('security_group_ids',), ()),
    'aws_nat_gateway': ((), ('subnet_id',)),
}


def group_in_use(world, _, prior):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSecurityGroup.html"""
    mine = prior.get('id')
    for t, s in world.of(*HOLDERS):
        if HOLDERS[t][0] and mine in _blocks(s, *HOLDERS[t][0]):
            return 'DependencyViolation', 'resource %s has a dependent object (a %s)' % (mine, t)
    for t, s in world.of('aws_vpc_security_group_ingress_rule', 'aws_vpc_security_group_egress_rule'):
        if s.get('referenced_security_group_id') == mine and s.get('security_group_id') != mine:
            return 'DependencyViolation', 'resource %s has a dependent object (a rule of %s)' % (mine, s.get('security_group_id'))
    return None


def subnet_in_use(world, _, prior):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSubnet.html"""
    for t, s in world.of(*HOLDERS):
        if HOLDERS[t][1] and prior.get('id') in _blocks(s, *HOLDERS[t][1]):
            return 'DependencyViolation', "The subnet '%s' has dependencies and cannot be deleted (a %s)" % (prior.get('id'), t)
    return None


def network_in_use(world, _, prior):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpc.html"""
    for t, s in world.of('aws_subnet', 'aws_security_group', 'aws_lb'):
        if s.get('vpc_id') == prior.get('id'):
            return 'DependencyViolation', "The vpc '%s' has dependencies and cannot be deleted (a %s)" % (prior.get('id'), t)
    return None


RULES = {
    ('aws_lb_target_group', 'delete'): [target_group_in_use], ('aws_lb_listener_rule', 'create'): [priority_taken], ('aws_lb_listener_rule', 'update'): [priority_taken],
    ('aws_lb', 'delete'): [protected_load_balancer], ('aws_acm_certificate', 'delete'): [certificate_in_use],
    ('aws_ecs_service', 'create'): [container_port, without_load_balancer], ('aws_ecs_service', 'update'): [container_port, without_load_balancer],
    ('aws_ecs_cluster', 'delete'): [cluster_in_use], ('aws_ecs_cluster_capacity_providers', 'delete'): [capacity_in_use],
    ('aws_db_parameter_group', 'delete'): [parameter_group_in_use], ('aws_db_instance', 'update'): [storage_shrinks, version_goes_back],
    ('aws_db_instance', 'delete'): [protected_database], ('aws_db_subnet_group', 'update'): [another_network],
    ('aws_elasticache_replication_group', 'update'): [cache_engine], ('aws_security_group', 'delete'): [group_in_use],
    ('aws_subnet', 'delete'): [subnet_in_use], ('aws_vpc', 'delete'): [network_in_use],
}


def kept(t, state, prior):
    """what the world remembers of a change: an upgrade that waits for the maintenance window leaves the instance in its old group"""
    if t == 'aws_db_instance' and prior and not state.get('apply_immediately') and state.get('engine_version') != prior.get('engine_version'):
        return dict(state, _member_of=prior.get('parameter_group_name'))
    return state
