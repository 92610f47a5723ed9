"""Names, kinds and patterns: what a value looks like, by the name of its attribute."""
import json
import re

from .aws_services import EC2, SERVICE
from .wire import Unknown

NAME_ATTRS = ('name', 'bucket', 'identifier', 'cluster_identifier', 'function_name', 'cluster_name', 'family', 'replication_group_id', 'cluster_id',
              'alarm_name', 'domain_name', 'domain', 'queue_name', 'repository_name', 'table_name', 'role_name', 'group_name', 'stage_name', 'key_name',
              'alias', 'broker_name', 'dashboard_name', 'username', 'user_name', 'user', 'email', 'email_identity', 'configuration_set_name', 'rule', 'key')
ENGINE_PORT = {'postgres': 5432, 'aurora-postgresql': 5432, 'mysql': 3306, 'mariadb': 3306, 'aurora-mysql': 3306, 'aurora': 3306, 'redis': 6379,
               'valkey': 6379, 'memcached': 11211, 'docdb': 27017, 'neptune': 8182, 'sqlserver': 1433, 'oracle': 1521}
ENGINE_VERSION = {'postgres': '17.4', 'aurora-postgresql': '16.6', 'mysql': '8.4.5', 'mariadb': '11.4.5', 'aurora-mysql': '8.0.mysql_aurora.3.08.0',
                  'redis': '7.1', 'valkey': '8.0', 'memcached': '1.6.22', 'docdb': '5.0.0', 'neptune': '1.4.0.0'}
STAMP = '2026-01-01T00:00:00Z'
A = 'arn:{partition}:'

# attribute name -> template, for strings; first match wins
COMPUTED = [(re.compile(p), t) for p, t in [
    (r'^arn$', None), (r'^id$', None),
    (r'(^|_)vpc_id$', 'vpc-{h17}'), (r'(^|_)subnet_id$', 'subnet-{h17}'), (r'security_group_id$', 'sg-{h17}'), (r'network_interface_id$', 'eni-{h17}'),
    (r'^eni_id$', 'eni-{h17}'), (r'route_table_id$', 'rtb-{h17}'), (r'network_acl_id$', 'acl-{h17}'), (r'(^|_)instance_id$', 'i-{h17}'),
    (r'volume_id$', 'vol-{h17}'), (r'snapshot_id$', 'snap-{h17}'), (r'^(image_id|ami|ami_id)$', 'ami-{h17}'), (r'allocation_id$', 'eipalloc-{h17}'),
    (r'association_id$', 'assoc-{h17}'), (r'transit_gateway_id$', 'tgw-{h17}'), (r'transit_gateway_attachment_id$', 'tgw-attach-{h17}'),
    (r'dhcp_options_id$', 'dopt-{h17}'), (r'prefix_list_id$', 'pl-{h8}'), (r'internet_gateway_id$', 'igw-{h17}'), (r'nat_gateway_id$', 'nat-{h17}'),
    (r'vpc_endpoint_id$', 'vpce-{h17}'), (r'file_system_id$', 'fs-{h17}'), (r'(hosted_)?zone_id$', 'Z{u20}'), (r'organization_id$', 'o-{a10}'),
    (r'(account_id|owner_id|^owner|registry_id|resource_owner|requester|_owner|owner_account)$', '{account}'), (r'(^|_)region$', '{region}'),
    (r'kms_key_arn$|kms_key_id$|kms_key$', A + 'kms:{region}:{account}:key/{uuid}'), (r'certificate_arn$', A + 'acm:{region}:{account}:certificate/{uuid}'),
    (r'role_arn$', A + 'iam::{account}:role/{name}-role'), (r'outpost_arn$', ''), (r'topic_arn$', A + 'sns:{region}:{account}:{name}'),
    (r'queue_arn$', A + 'sqs:{region}:{account}:{name}'), (r'function_arn$', A + 'lambda:{region}:{account}:function:{name}'),
    (r'bucket_arn$', A + 's3:::{name}'), (r'secret_arn$', A + 'secretsmanager:{region}:{account}:secret:{name}-{a6}'),
    (r'arn_suffix$', '{name}/{h16}'), (r'_arn$', A + '{service}:{region}:{account}:{kind}/{name}'), (r'_uuid$|^uuid$', '{uuid}'),
    (r'availability_zone$|availability_zone_name$', '{region}a'), (r'availability_zone_id$', '{azid}'),
    (r'(public_ip|public_ip_address|elastic_ip)$', None), (r'(private_ip|private_ip_address|ip_address|ip|customer_address)$', None), (r'ipv6', ''),
    (r'public_dns$|public_dns_name$', 'ec2-54-80-0-1.compute-1.amazonaws.com'), (r'private_dns$|private_dns_name$', 'ip-10-0-0-1.ec2.internal'),
    (r'mac_address$', '0a:58:0a:00:00:01'), (r'(dns_name|domain_name|hostname|fqdn|_domain|address)$', '{name}-{a10}.{region}.amazonaws.com'),
    (r'(endpoint|_url|url|uri)$', 'https://{name}-{a10}.{region}.amazonaws.com'), (r'(_status|status)$', 'ACTIVE'), (r'status_(reason|message)$|failure_reason|error_message', ''),
    (r'(^|_)state$', 'available'), (r'(date|time|_at|timestamp|_on|not_before|not_after|last_modified|created|expiration)$', STAMP),
    (r'^etag$|checksum|fingerprint|md5|digest', '{h32}'), (r'sha256', '{b64}'), (r'token$', '{a32}'), (r'unique_id$', 'A{u20}'),
    (r'^engine_version(_actual)?$', '{engineversion}'), (r'^engine$', 'unknown'), (r'^version_id$', '{a32}'), (r'^version$|_version$|revision$', '1'),
    (r'_prefix$', ''), (r'description$|comment$|message$|reason$', ''), (r'platform$', ''), (r'policy$|document$|json$', '{{}}'), (r'public_key', 'ssh-ed25519 AAAA{a40}'),
    (r'_id$', '{kind}-{h10}'), (r'name$', '{name}'), (r'^type$|_type$', ''),
]]
OPTIONAL = [(re.compile(p), t) for p, t in [
    (r'^arn$', None), (r'^id$', None), (r'^(aws_)?account_id$|^catalog_id$|^registry_id$|^(mesh|domain)_owner$|^owner_id$', '{account}'), (r'^region$|^aws_region$', '{region}'),
    (r'^subnet_id$', 'subnet-{h17}'), (r'^vpc_id$', 'vpc-{h17}'), (r'^network_interface_id$', 'eni-{h17}'), (r'^availability_zone$', '{region}a'),
    (r'^availability_zone_id$', '{azid}'), (r'^private_ips?$|^ip_address$', None), (r'^public_ip$', None),
    (r'^engine_version$', '{engineversion}'), (r'^network_type$', 'IPV4'), (r'^ip_address_type$', 'ipv4'), (r'maintenance_window$', 'sun:05:00-sun:06:00'),
    (r'backup_window$|snapshot_window$', '03:00-04:00'), (r'^storage_type$', 'gp2'), (r'^status$', 'ACTIVE'), (r'^tier$', 'Standard'),
    (r'^version_id$', '{a32}'), (r'^ami$|^image_id$', 'ami-{h17}'), (r'^instance_type$', 't3.micro'), (r'^rotation_lambda_arn$', ''), (r'^kms_key_(id|arn)$', ''),
]]
TRUE_NAMES = {'enabled', 'writer', 'is_default_version', 'ena_support', 'latest', 'auto_minor_version_upgrade'}
NUMBERS = {'port': None, 'version': 1, 'revision': 1, 'latest_version': 1, 'default_version': 1, 'version_number': 1, 'latest_revision': 1, 'iops': 3000,
           'throughput': 125, 'allocated_storage': 20, 'volume_size': 8, 'size': 8, 'order': 1, 'backup_retention_period': 1, 'memory_size': 128,
           'timeout': 5, 'priority': 1, 'max_session_duration': 3600, 'percent_progress': 100, 'cpu_count': 2}
AZ_ID = {'us-east-1': 'use1', 'us-east-2': 'use2', 'us-west-1': 'usw1', 'us-west-2': 'usw2', 'eu-west-1': 'euw1', 'eu-west-2': 'euw2', 'eu-west-3': 'euw3',
         'eu-central-1': 'euc1', 'eu-north-1': 'eun1', 'ap-northeast-1': 'apne1', 'ap-southeast-1': 'apse1', 'ap-southeast-2': 'apse2', 'ap-south-1': 'aps1',
         'sa-east-1': 'sae1', 'ca-central-1': 'cac1'}
AZ_LETTERS = {'us-east-1': 'abcdef', 'us-west-1': 'ac', 'us-west-2': 'abcd'}


def partition_of(region):
    return 'aws-cn' if region.startswith('cn-') else 'aws-us-gov' if region.startswith('us-gov-') else 'aws'


def service_of(t):
    p = t
    while p and p != 'aws':
        if p in SERVICE:
            return SERVICE[p]
        p = p.rpartition('_')[0]
    if t in EC2 or t.startswith(('aws_vpc', 'aws_vpn', 'aws_network', 'aws_spot', 'aws_default', 'aws_verifiedaccess')):
        return 'ec2'
    return t.split('_')[1] if '_' in t else t


def kind_of(t):
    """the tail of an ARN's resource for type t"""
    if t in EC2:
        return EC2[t][1] or EC2[t][0]
    p = t
    while p and p != 'aws':
        if p in SERVICE:
            rest = t[len(p):].strip('_')
            return (rest or p.rpartition('_')[2]).replace('_', '-')
        p = p.rpartition('_')[0]
    return '-'.join(t.split('_')[2:]) or t.split('_')[-1]


def canonical(v):
    if isinstance(v, Unknown):
        return '?'
    if isinstance(v, dict):
        return {k: canonical(x) for k, x in v.items() if x is not None and not isinstance(x, Unknown)}
    if isinstance(v, (list, tuple)):
        return [canonical(x) for x in v]
    if isinstance(v, bytes):
        return v.decode('latin1')
    return v


def seed_of(t, config):
    return t + json.dumps(canonical(config), sort_keys=True)
