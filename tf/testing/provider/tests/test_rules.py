"""What the stand-in for hashicorp/aws rejects, rule by rule. Needs requirements.txt; from the folder above: python -m unittest discover tests"""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from fakeprov import aws_rules, aws_world  # noqa: E402
from fakeprov.aws import Aws  # noqa: E402
from fakeprov.schema import Schema  # noqa: E402

SCHEMA = Schema('aws', cached=False)
TG = 'arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/1'
PORT = '[{"name":"web","portMappings":[{"containerPort":3000,"name":"web"}]}]'


def full(t, **given):
    """a configuration as Terraform sends it: every argument, null where none is given"""
    block = SCHEMA.block('resources', t)
    value = {n: None for n in block['a']}
    value.update({n: [] for n in block['b']})
    value.update(given)
    return value


class AtValidate(unittest.TestCase):
    # type, what is rejected, what is accepted in its place
    CASES = [
        ('aws_vpc_security_group_egress_rule', {'description': "AWS's own services."}, {'description': 'Services of AWS.'}),
        ('aws_vpc_security_group_ingress_rule', {'description': 'from “outside”'}, {'description': 'from outside'}),
        ('aws_security_group_rule', {'description': "it's", 'self': True}, {'description': 'its', 'self': True}),
        ('aws_security_group', {'description': 'The stack’s tasks'}, {'description': 'The tasks of the stack: reached.'}),
        ('aws_iam_role', {'description': 'tasks — and services'}, {'description': "The stack's tasks."}),
        ('aws_iam_policy', {'name': 'a policy'}, {'name': 'a-policy'}),
        ('aws_iam_policy', {'description': 'naïve — text'}, {'description': 'naïve text'}),
        ('aws_iam_role_policy', {'name': 'read files'}, {'name': 'read-files'}),
        ('aws_iam_instance_profile', {'name': 'a b'}, {'name': 'a-b'}),
        ('aws_ecs_service', {'name': 'web.front'}, {'name': 'web-front'}),
        ('aws_ecs_cluster', {'name': 'a b'}, {'name': 'a-b'}),
        ('aws_ecs_task_definition', {'family': 'a/b'}, {'family': 'a-b'}),
        ('aws_scheduler_schedule', {'name': 'x' * 65}, {'name': 'x' * 64}),
        ('aws_scheduler_schedule_group', {'name': 'a b'}, {'name': 'a-b'}),
        ('aws_db_parameter_group', {'name': '17-app'}, {'name': 'app-17'}),
        ('aws_rds_cluster_parameter_group', {'name': 'a_b'}, {'name': 'a-b'}),
        ('aws_cloudwatch_log_group', {'name': 'a b'}, {'name': '/a/b'}),
        ('aws_cloudwatch_metric_alarm', {'alarm_description': 'x' * 1025}, {'alarm_description': 'x' * 1024}),
        ('aws_sqs_queue', {'name': 'x' * 81}, {'name': 'x' * 80}),
        ('aws_sns_topic', {'name': 'a.b'}, {'name': 'a-b'}),
        ('aws_launch_template', {'name': 'ab'}, {'name': 'abc'}),
        ('aws_acm_certificate', {'domain_name': 'a' * 62 + '.example.com'}, {'domain_name': 'a.example.com'}),
        ('aws_iam_role', {'tags': {'owner': "Ann's team"}}, {'tags': {'owner': 'team-ann@example.com'}}),
        ('aws_sqs_queue', {'tags': {'aws:owner': 'ann'}}, {'tags': {'owner': 'ann'}}),
        ('aws_sqs_queue', {'tags': {'x' * 129: 'a'}}, {'tags': {'x' * 128: 'a'}}),
        ('aws_db_instance', {'allocated_storage': 95, 'max_allocated_storage': 100}, {'allocated_storage': 90, 'max_allocated_storage': 100}),
        ('aws_db_instance', {'engine': 'postgres', 'username': 'admin'}, {'engine': 'postgres', 'username': 'postgres'}),
        ('aws_db_instance', {'engine': 'mysql', 'username': 'rdsadmin'}, {'engine': 'mysql', 'username': 'admin'}),
        ('aws_lb_target_group', {'health_check': [{'timeout': 15, 'interval': 15}]}, {'health_check': [{'timeout': 5, 'interval': 15}]}),
        ('aws_ecs_service', {'deployment_minimum_healthy_percent': 100, 'deployment_maximum_percent': 100},
         {'deployment_minimum_healthy_percent': 0, 'deployment_maximum_percent': 100}),
        ('aws_ecs_service', {'deployment_maximum_percent': 100, 'availability_zone_rebalancing': 'ENABLED'},
         {'deployment_maximum_percent': 100, 'availability_zone_rebalancing': 'DISABLED'}),
        ('aws_ecs_service', {'launch_type': 'FARGATE', 'capacity_provider_strategy': [{'capacity_provider': 'FARGATE'}]}, {'launch_type': 'FARGATE'}),
        ('aws_ecs_task_definition', {'requires_compatibilities': ['FARGATE'], 'cpu': '256', 'memory': '4096'},
         {'requires_compatibilities': ['FARGATE'], 'cpu': '256', 'memory': '2048'}),
        ('aws_ecs_task_definition', {'container_definitions': '[{"environment":[{"name":"A"}],"secrets":[{"name":"A"}]}]'},
         {'container_definitions': '[{"environment":[{"name":"A"}],"secrets":[{"name":"B"}]}]'}),
    ]

    def test_each_mistake_is_rejected_and_its_remedy_accepted(self):
        for t, wrong, right in self.CASES:
            with self.subTest(t, wrong=wrong):
                self.assertTrue(aws_rules.refused(t, full(t, **wrong)))
                self.assertFalse([d.summary for d in aws_rules.refused(t, full(t, **right))])

    def test_every_rule_has_a_case(self):
        tried = {(t, name) for t, wrong, _ in self.CASES for name in wrong}
        texts = {(t, name) for t, names in aws_rules.TEXTS.items() for name in names} - {('aws_security_group', 'name')}
        self.assertFalse(texts - tried)
        self.assertFalse(set(aws_rules.CHECKS) - {t for t, _ in tried})

    def test_validate_asks_the_rules(self):
        said = Aws(SCHEMA).validate('resources', 'aws_security_group', full('aws_security_group', description="it's"))
        self.assertEqual(['Invalid value: AWS rejects it'], [d.summary for d in said])


class AtApply(unittest.TestCase):
    # operation, type, what is there, what is planned, what it was, the error; and what is there when it is accepted
    CASES = [
        ('delete', 'aws_lb_target_group', [('aws_lb_listener_rule', {'action': [{'forward': [{'target_group': [{'arn': TG}]}]}]})], None, {'arn': TG}, 'ResourceInUse', []),
        ('delete', 'aws_lb_target_group', [('aws_lb_listener', {'default_action': [{'target_group_arn': TG}]})], None, {'arn': TG}, 'ResourceInUse', []),
        ('create', 'aws_lb_listener_rule', [('aws_lb_listener_rule', {'id': 'r', 'listener_arn': 'l', 'priority': 5})], {'listener_arn': 'l', 'priority': 5}, None, 'PriorityInUse', []),
        ('delete', 'aws_lb', [], None, {'enable_deletion_protection': True}, 'OperationNotPermitted', None),
        ('delete', 'aws_acm_certificate', [('aws_lb_listener', {'certificate_arn': 'c'})], None, {'arn': 'c'}, 'ResourceInUseException', []),
        ('update', 'aws_ecs_service', [('aws_ecs_task_definition', {'arn': 'd', 'container_definitions': PORT})],
         {'task_definition': 'd', 'load_balancer': [{'container_name': 'web', 'container_port': 3001}]}, {}, 'InvalidParameterException', []),
        ('create', 'aws_ecs_service', [('aws_ecs_task_definition', {'arn': 'd', 'container_definitions': PORT})],
         {'task_definition': 'd', 'service_connect_configuration': [{'service': [{'port_name': 'api'}]}]}, None, 'InvalidParameterException', []),
        ('create', 'aws_ecs_service', [('aws_lb_target_group', {'arn': TG})], {'load_balancer': [{'target_group_arn': TG}]}, None, 'InvalidParameterException',
         [('aws_lb_target_group', {'arn': TG}), ('aws_lb_listener_rule', {'action': [{'target_group_arn': TG}]})]),
        ('delete', 'aws_ecs_cluster', [('aws_ecs_service', {'cluster': 'c'})], None, {'arn': 'c'}, 'ClusterContainsServicesException', []),
        ('delete', 'aws_ecs_cluster_capacity_providers', [('aws_ecs_service', {'cluster': 'a/c', 'capacity_provider_strategy': [{'capacity_provider': 'FARGATE'}]})],
         None, {'cluster_name': 'c', 'capacity_providers': ['FARGATE']}, 'ResourceInUseException', []),
        ('delete', 'aws_db_parameter_group', [('aws_db_instance', {'parameter_group_name': 'p'})], None, {'name': 'p'}, 'InvalidDBParameterGroupState', []),
        ('update', 'aws_db_instance', [], {'allocated_storage': 20}, {'allocated_storage': 50}, 'InvalidParameterCombination', None),
        ('update', 'aws_db_instance', [], {'engine': 'postgres', 'engine_version': '16'}, {'engine': 'postgres', 'engine_version': '17'}, 'InvalidParameterCombination', None),
        ('delete', 'aws_db_instance', [], None, {'deletion_protection': True}, 'InvalidParameterCombination', None),
        ('update', 'aws_db_subnet_group', [('aws_subnet', {'id': 's', 'vpc_id': 'vpc-2'})], {'subnet_ids': ['s']}, {'vpc_id': 'vpc-1'}, 'InvalidParameterValue', []),
        ('update', 'aws_elasticache_replication_group', [], {'engine': 'redis'}, {'engine': 'valkey'}, 'InvalidParameterCombination', None),
        ('delete', 'aws_security_group', [('aws_ecs_service', {'network_configuration': [{'security_groups': ['g']}]})], None, {'id': 'g'}, 'DependencyViolation', []),
        ('delete', 'aws_security_group', [('aws_vpc_security_group_ingress_rule', {'security_group_id': 'o', 'referenced_security_group_id': 'g'})], None, {'id': 'g'}, 'DependencyViolation', []),
        ('delete', 'aws_subnet', [('aws_lb', {'subnets': ['s']})], None, {'id': 's'}, 'DependencyViolation', []),
        ('delete', 'aws_vpc', [('aws_subnet', {'vpc_id': 'v'})], None, {'id': 'v'}, 'DependencyViolation', []),
        ('create', 'aws_lb_target_group', [('aws_lb_target_group', {'name': 'web'})], {'name': 'web'}, None, 'ResourceAlreadyExists', [('aws_lb_target_group', {'name': 'api'})]),
    ]

    def test_each_change_is_refused_while_something_stands_in_its_way(self):
        for op, t, there, planned, prior, code, then in self.CASES:
            with self.subTest(t, op=op):
                self.assertEqual(code, (self.world(there).refuses(t, op, planned, prior) or [None])[0])
                if then is not None:
                    self.assertIsNone(self.world(then).refuses(t, op, planned, prior))

    def test_every_rule_has_a_case(self):
        tried = {(t, op) for op, t, *_ in self.CASES}
        self.assertFalse({rule for key, rules in aws_world.RULES.items() for rule in rules if key in tried}
                         ^ {rule for rules in aws_world.RULES.values() for rule in rules})

    def test_an_upgrade_that_waits_keeps_the_parameter_group(self):
        before = {'engine_version': '16', 'parameter_group_name': 'old'}
        after = {'engine_version': '17', 'parameter_group_name': 'new', 'apply_immediately': False}
        later = dict(after, apply_immediately=True)
        for state, refused in ((after, True), (later, False)):
            world = self.world([('aws_db_instance', aws_world.kept('aws_db_instance', state, before))])
            self.assertEqual(refused, bool(world.refuses('aws_db_parameter_group', 'delete', None, {'name': 'old'})))

    def test_what_is_there_outlives_the_process(self):
        with tempfile.TemporaryDirectory() as folder:
            os.environ['FAKE_AWS_WORLD'] = os.path.join(folder, 'world')
            try:
                aws_world.World().note('aws_iam_role', 'a', {'name': 'a'})
                self.assertTrue(aws_world.World().refuses('aws_iam_role', 'create', {'name': 'a'}, None))
                aws_world.World().note('aws_iam_role', 'a', None)
                self.assertFalse(aws_world.World().refuses('aws_iam_role', 'create', {'name': 'a'}, None))
            finally:
                del os.environ['FAKE_AWS_WORLD']

    def test_apply_asks_the_rules(self):
        aws = Aws(SCHEMA)
        aws.world = self.world([('aws_iam_role', {'name': 'a'})])
        state, said = aws.apply('aws_iam_role', None, full('aws_iam_role', name='a'), full('aws_iam_role', name='a'))
        self.assertIsNone(state)
        self.assertIn('api error ResourceAlreadyExists: a iam role named a already exists', said[0].summary)

    def world(self, there):
        world = aws_world.World()
        for number, (t, state) in enumerate(there):
            world.note(t, str(number), state)
        return world


if __name__ == '__main__':
    unittest.main()
