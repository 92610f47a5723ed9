"""Answers of the common AWS data sources.  Each function gets the context and returns {attribute: value}."""
import base64
import hashlib
import json
import re

from . import policydoc
from .aws_names import AZ_ID, AZ_LETTERS, partition_of, service_of
from .wire import Diag

A = 'arn:{partition}:'
REGIONS = {'us-east-1': 'US East (N. Virginia)', 'us-east-2': 'US East (Ohio)', 'us-west-1': 'US West (N. California)', 'us-west-2': 'US West (Oregon)',
           'eu-west-1': 'Europe (Ireland)', 'eu-west-2': 'Europe (London)', 'eu-west-3': 'Europe (Paris)', 'eu-central-1': 'Europe (Frankfurt)',
           'eu-north-1': 'Europe (Stockholm)', 'ap-northeast-1': 'Asia Pacific (Tokyo)', 'ap-northeast-2': 'Asia Pacific (Seoul)',
           'ap-southeast-1': 'Asia Pacific (Singapore)', 'ap-southeast-2': 'Asia Pacific (Sydney)', 'ap-south-1': 'Asia Pacific (Mumbai)',
           'sa-east-1': 'South America (Sao Paulo)', 'ca-central-1': 'Canada (Central)'}
ELB_ACCOUNT = {'us-east-1': '127311923021', 'us-east-2': '033677994240', 'us-west-1': '027434742980', 'us-west-2': '797873946194',
               'eu-west-1': '156460612806', 'eu-central-1': '054676820928', 'ap-northeast-1': '582318560864'}


def filters(c):
    out = {}
    for f in c.state.get('filter') or []:
        if isinstance(f, dict):
            out[f.get('name')] = f.get('values') or []
    return out


def suffix(c):
    return 'amazonaws.com.cn' if c.region_.startswith('cn-') else 'amazonaws.com'


def zones(c):
    letters = AZ_LETTERS.get(c.region_, 'abc')
    out = [c.region_ + x for x in letters]
    drop = set(c.state.get('exclude_names') or []) | {c.region_ + chr(96 + int(z[-1])) for z in c.state.get('exclude_zone_ids') or [] if z[-1:].isdigit()}
    f = filters(c)
    if 'zone-name' in f:
        out = [z for z in out if z in f['zone-name']]
    out = [z for z in out if z not in drop]
    short = AZ_ID.get(c.region_, c.region_.replace('-', ''))
    return {'id': c.region_, 'names': out, 'zone_ids': ['%s-az%d' % (short, ord(z[-1]) - 96) for z in out],
            'group_names': [c.region_]}


def zone(c):
    name = c.state.get('name') if isinstance(c.state.get('name'), str) else c.region_ + 'a'
    return {'id': name, 'name': name, 'name_suffix': name[-1], 'group_name': c.region_, 'network_border_group': c.region_, 'opt_in_status': 'opt-in-not-required',
            'state': 'available', 'zone_id': '%s-az%d' % (AZ_ID.get(c.region_, 'use1'), ord(name[-1]) - 96), 'zone_type': 'availability-zone',
            'parent_zone_id': '', 'parent_zone_name': ''}


def region(c):
    r = c.state.get('region') if isinstance(c.state.get('region'), str) else None
    r = r or (c.state.get('name') if isinstance(c.state.get('name'), str) else None) or c.aws.region
    return {'id': r, 'name': r, 'region': r, 'endpoint': 'ec2.%s.amazonaws.com' % r, 'description': REGIONS.get(r, r)}


def ami(c):
    f, cfg = filters(c), c.config
    pattern = (f.get('name') or [''])[0]
    owners = c.state.get('owners') or []
    name = pattern.replace('*', '20260101') if pattern else 'fake-ami-20260101'
    arch = (f.get('architecture') or ['arm64' if 'arm64' in pattern or 'aarch64' in pattern else 'x86_64'])[0]
    root = '/dev/sda1' if re.search(r'ubuntu|debian|RHEL|Windows', name, re.I) or '099720109477' in owners else '/dev/xvda'
    owner = next((o for o in owners if o.isdigit()), {'amazon': '137112412989', 'self': c.aws.account, 'aws-marketplace': '679593333241'}.get(owners[0] if owners else '', '137112412989'))
    iid = 'ami-' + hashlib.sha256(json.dumps([f and sorted((k, sorted(v)) for k, v in f.items()), owners, cfg.get('name_regex'), c.region_]).encode()).hexdigest()[:17]
    win = 'windows' in name.lower()
    return {'id': iid, 'image_id': iid, 'name': name, 'architecture': arch, 'arn': c.fmt(A + 'ec2:{region}::image/') + iid, 'root_device_name': root,
            'root_device_type': 'ebs', 'root_snapshot_id': 'snap-' + c.hexs(17, 's'), 'owner_id': owner, 'image_owner_alias': 'amazon' if owner == '137112412989' else '',
            'virtualization_type': 'hvm', 'hypervisor': 'xen', 'state': 'available', 'state_reason': {'code': 'UNSET', 'message': 'UNSET'}, 'public': True,
            'image_type': 'machine', 'image_location': 'amazon/' + name, 'creation_date': '2026-01-01T00:00:00.000Z', 'deprecation_time': '2028-01-01T00:00:00.000Z',
            'description': name, 'ena_support': True, 'boot_mode': 'uefi-preferred', 'imds_support': 'v2.0', 'platform': 'windows' if win else '',
            'platform_details': 'Windows' if win else 'Linux/UNIX', 'usage_operation': 'RunInstances', 'sriov_net_support': 'simple', 'kernel_id': '', 'ramdisk_id': '',
            'tpm_support': '', 'last_launched_time': '', 'product_codes': [], 'tags': {},
            'block_device_mappings': [{'device_name': root, 'ebs': {'delete_on_termination': 'true', 'encrypted': 'false', 'iops': '3000', 'snapshot_id': 'snap-' + c.hexs(17, 's'),
                                       'throughput': '125', 'volume_size': '8', 'volume_type': 'gp3', 'volume_initialization_rate': '0'}, 'no_device': '', 'virtual_name': ''}]}


def policy(c):
    js, mini = policydoc.render(c.state)
    return {'json': js, 'minified_json': mini, 'id': str(int(hashlib.sha256(js.encode()).hexdigest()[:8], 16)), 'version': '2012-10-17'}




def ssm_value(c):
    n = str(c.state.get('name') or '')
    if 'ami' in n and n.startswith('/aws/service/'):
        if n.endswith('image_id') or 'image_id' in n or 'ami-amazon-linux-latest' in n or 'canonical' in n or 'windows' in n or 'bottlerocket' in n:
            return 'ami-' + c.hexs(17)
        return json.dumps({'image_id': 'ami-' + c.hexs(17), 'image_name': n.split('/')[-1], 'os': 'Amazon Linux 2023'})
    if n.endswith('.json'):
        return '{}'
    return 'fake-value-of-' + n.strip('/').replace('/', '-')


def ssm(c):
    secure = c.state.get('with_decryption') is not False and not str(c.state.get('name')).startswith('/aws/service')
    v = ssm_value(c)
    return {'id': c.state.get('name'), 'value': v, 'type': 'SecureString' if secure else 'String', 'version': 1, 'insecure_value': None if secure else v,
            'arn': c.fmt(A + 'ssm:{region}:{account}:parameter') + ('' if c.name.startswith('/') else '/') + c.name}


def secret(c):
    ref = next((c.state[k] for k in ('arn', 'name') if isinstance(c.state.get(k), str)), 'fake-secret')
    name = re.sub(r'-[A-Za-z0-9]{6}$', '', ref.split(':secret:')[-1])
    arn = ref if ref.startswith('arn:') else c.fmt(A + 'secretsmanager:{region}:{account}:secret:') + name + '-' + c.chars(6, 'abcdefghijklmnop')
    return {'id': arn, 'arn': arn, 'name': name, 'description': '', 'kms_key_id': '', 'policy': '', 'tags': {}}


def secret_version(c):
    sid = str(c.state.get('secret_id') or 'fake')
    arn = sid if sid.startswith('arn:') else c.fmt(A + 'secretsmanager:{region}:{account}:secret:') + sid + '-' + c.chars(6, 'abcdefghijklmnop')
    name = sid.split(':secret:')[-1].lower()
    value = 'fake-secret-value'
    if re.search(r'db|rds|postgres|mysql|cred|master', name):
        value = json.dumps({'username': 'admin', 'password': 'fake-password', 'engine': 'postgres', 'host': 'db.example.internal', 'port': 5432, 'dbname': 'app'})
    return {'id': sid + '|AWSCURRENT', 'arn': arn, 'secret_string': value, 'secret_binary': '', 'version_id': 'fake-' + c.hexs(8), 'version_stages': ['AWSCURRENT'],
            'created_date': '2026-01-01T00:00:00Z'}


def vpc(c):
    f = filters(c)
    default = c.state.get('default') is True
    cidr = c.state.get('cidr_block') if isinstance(c.state.get('cidr_block'), str) else ('172.31.0.0/16' if default else '10.0.0.0/16')
    vid = c.state.get('id') if isinstance(c.state.get('id'), str) else (f.get('vpc-id') or ['vpc-' + c.hexs(17)])[0]
    return {'id': vid, 'cidr_block': cidr, 'arn': c.fmt(A + 'ec2:{region}:{account}:vpc/') + vid, 'default': default, 'enable_dns_support': True, 'enable_dns_hostnames': True,
            'instance_tenancy': 'default', 'main_route_table_id': 'rtb-' + c.hexs(17), 'dhcp_options_id': 'dopt-' + c.hexs(17), 'owner_id': c.aws.account, 'state': 'available',
            'cidr_block_associations': [{'association_id': 'vpc-cidr-assoc-' + c.hexs(17), 'cidr_block': cidr, 'state': 'associated'}], 'ipv6_cidr_block': '',
            'ipv6_association_id': '', 'tags': {}}


def subnet(c):
    sid = c.state.get('id') if isinstance(c.state.get('id'), str) else 'subnet-' + c.hexs(17)
    az = c.state.get('availability_zone')
    az = az if isinstance(az, str) else c.region_ + 'abc'[int(hashlib.sha256(sid.encode()).hexdigest(), 16) % 3]
    n = int(hashlib.sha256(sid.encode()).hexdigest()[:4], 16) % 250
    return {'id': sid, 'arn': c.fmt(A + 'ec2:{region}:{account}:subnet/') + sid, 'availability_zone': az, 'cidr_block': '10.0.%d.0/24' % n, 'state': 'available',
            'vpc_id': 'vpc-' + c.hexs(17), 'available_ip_address_count': 251, 'default_for_az': False, 'owner_id': c.aws.account, 'tags': {},
            'private_dns_hostname_type_on_launch': 'ip-name', 'ipv6_cidr_block': '', 'outpost_arn': '', 'customer_owned_ipv4_pool': '',
            'ipv6_cidr_block_association_id': ''}


def zone53(c):
    zid = c.state.get('zone_id') if isinstance(c.state.get('zone_id'), str) else 'Z' + c.chars(20, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789')
    name = c.state.get('name') if isinstance(c.state.get('name'), str) else 'example.com'
    ns = ['ns-%d.awsdns-%02d.%s' % (512 * i + 7, i + 3, d) for i, d in enumerate(('com', 'net', 'org', 'co.uk'))]
    return {'id': zid, 'zone_id': zid, 'name': name.rstrip('.'), 'arn': 'arn:aws:route53:::hostedzone/' + zid, 'name_servers': ns, 'primary_name_server': ns[0],
            'private_zone': False, 'comment': 'Managed by Terraform', 'caller_reference': 'fake', 'resource_record_set_count': 2, 'tags': {}, 'linked_service_principal': '',
            'linked_service_description': ''}


def managed_policy(c):
    arn = c.state.get('arn')
    name = c.state.get('name') if isinstance(c.state.get('name'), str) else (arn.split('/')[-1] if isinstance(arn, str) else 'fake')
    aws_managed = re.match(r'(Amazon|AWS|CloudWatch|AdministratorAccess|PowerUser|ReadOnly|IAM|Service)', name)
    arn = arn if isinstance(arn, str) else c.fmt(A + 'iam::%s:policy/' % ('aws' if aws_managed else '{account}')) + name
    return {'id': arn, 'arn': arn, 'name': name, 'path': '/', 'policy_id': 'ANPA' + c.chars(17, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'), 'attachment_count': 1, 'tags': {},
            'policy': json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': '*', 'Resource': '*'}]})}


def role(c):
    n = str(c.state.get('name'))
    return {'id': n, 'arn': c.fmt(A + 'iam::{account}:role/') + n, 'path': '/', 'unique_id': 'AROA' + c.chars(17, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'), 'max_session_duration': 3600,
            'create_date': '2026-01-01T00:00:00Z', 'description': '', 'permissions_boundary': '', 'tags': {}, 'role_last_used': [],
            'assume_role_policy': json.dumps({'Version': '2012-10-17', 'Statement': []})}


def simple_arn(template, **more):
    def fn(c):
        out = {'arn': c.fmt(template)}
        out['id'] = out['arn']
        for k, v in more.items():
            out[k] = c.expand(v)
        return out
    return fn


def lb(c):
    arn, name = c.state.get('arn'), c.state.get('name')
    if isinstance(arn, str) and '/' in arn:
        name = arn.split('/')[-2]
    name = name if isinstance(name, str) else 'fake'
    arn = arn if isinstance(arn, str) else c.fmt(A + 'elasticloadbalancing:{region}:{account}:loadbalancer/app/') + name + '/' + c.hexs(16)
    return {'id': arn, 'arn': arn, 'name': name, 'arn_suffix': arn.split(':loadbalancer/')[-1], 'dns_name': '%s-%s.%s.elb.amazonaws.com' % (name, c.chars(9, '0123456789'), c.region_),
            'zone_id': 'Z35SXDOTRQ7X7K', 'load_balancer_type': 'application', 'internal': False, 'ip_address_type': 'ipv4', 'vpc_id': 'vpc-' + c.hexs(17), 'idle_timeout': 60,
            'tags': {}}


def repo(c):
    n = str(c.state.get('name'))
    return {'id': n, 'arn': c.fmt(A + 'ecr:{region}:{account}:repository/') + n, 'registry_id': c.aws.account, 'image_tag_mutability': 'MUTABLE', 'tags': {},
            'repository_url': '%s.dkr.ecr.%s.%s/%s' % (c.aws.account, c.region_, suffix(c), n), 'most_recent_image_tags': ['latest']}


def ecr_image(c):
    digest = 'sha256:' + c.hexs(64)
    tag = c.state.get('image_tag') if isinstance(c.state.get('image_tag'), str) else 'latest'
    return {'id': digest, 'image_digest': digest, 'image_tags': [tag], 'image_pushed_at': 1767225600, 'image_size_in_bytes': 123456789, 'registry_id': c.aws.account,
            'image_uri': '%s.dkr.ecr.%s.%s/%s@%s' % (c.aws.account, c.region_, suffix(c), c.state.get('repository_name'), digest)}


def ecr_token(c):
    pw = 'fake-ecr-password-' + c.hexs(32)
    return {'id': c.region_, 'authorization_token': base64.b64encode(('AWS:' + pw).encode()).decode(), 'user_name': 'AWS', 'password': pw, 'expires_at': '2026-01-01T12:00:00Z',
            'proxy_endpoint': 'https://%s.dkr.ecr.%s.%s' % (c.aws.account, c.region_, suffix(c))}


def parse_arn(c):
    p = str(c.state.get('arn')).split(':', 5)
    if len(p) != 6 or p[0] != 'arn':
        raise Diag('parsing ARN (%s): arn: invalid prefix' % c.state.get('arn'))
    return {'id': c.state.get('arn'), 'partition': p[1], 'service': p[2], 'region': p[3], 'account': p[4], 'resource': p[5]}


def kms_key(c):
    k = str(c.state.get('key_id'))
    arn = k if k.startswith('arn:') and ':key/' in k else None
    kid = arn.split('/')[-1] if arn else (k if re.fullmatch(r'[0-9a-f-]{36}', k) else c.fmt('{uuid}'))
    arn = arn or c.fmt(A + 'kms:{region}:{account}:key/') + kid
    return {'id': kid, 'arn': arn, 'aws_account_id': c.aws.account, 'customer_master_key_spec': 'SYMMETRIC_DEFAULT', 'enabled': True, 'key_usage': 'ENCRYPT_DECRYPT',
            'key_state': 'Enabled', 'key_manager': 'CUSTOMER', 'origin': 'AWS_KMS', 'key_spec': 'SYMMETRIC_DEFAULT', 'multi_region': False,
            'multi_region_configuration': [], 'xks_key_configuration': [], 'deletion_date': '', 'valid_to': '', 'expiration_model': '', 'cloud_hsm_cluster_id': '',
            'custom_key_store_id': '', 'description': '', 'creation_date': '2026-01-01T00:00:00Z'}


def kms_alias(c):
    n = str(c.state.get('name'))
    kid = c.fmt('{uuid}')
    return {'id': c.fmt(A + 'kms:{region}:{account}:') + n, 'arn': c.fmt(A + 'kms:{region}:{account}:') + n, 'target_key_id': kid,
            'target_key_arn': c.fmt(A + 'kms:{region}:{account}:key/') + kid}


def bucket(c):
    b = str(c.state.get('bucket'))
    return {'id': b, 'arn': c.fmt(A + 's3:::') + b, 'bucket_domain_name': b + '.s3.amazonaws.com', 'bucket_regional_domain_name': '%s.s3.%s.amazonaws.com' % (b, c.region_),
            'hosted_zone_id': 'Z3AQBSTGFYJSTF', 'bucket_region': c.region_, 'website_domain': '', 'website_endpoint': ''}


def eks(c):
    n = str(c.state.get('name'))
    return {'id': n, 'arn': c.fmt(A + 'eks:{region}:{account}:cluster/') + n, 'endpoint': c.fmt('https://{u32}.gr7.{region}.eks.amazonaws.com'), 'version': '1.33',
            'status': 'ACTIVE', 'certificate_authority': [{'data': 'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUZha2UKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo='}],
            'identity': [{'oidc': [{'issuer': c.fmt('https://oidc.eks.{region}.amazonaws.com/id/{u32}')}]}], 'tags': {}}


def by_name(template, key='name', idkey=None):
    """resources known by a name: arn from a template, id the name or the arn"""
    def fn(c):
        out = {'arn': c.fmt(template)}
        out['id'] = out['arn'] if idkey == 'arn' else c.value(key)
        out['tags'] = {}
        return out
    return fn


def session_context(c):
    arn = str(c.state.get('arn'))
    m = re.match(r'arn:([^:]+):sts::(\d+):assumed-role/([^/]+)/(.*)', arn)
    if m:
        return {'id': arn, 'issuer_arn': 'arn:%s:iam::%s:role/%s' % (m.group(1), m.group(2), m.group(3)), 'issuer_id': 'AROA' + c.chars(17, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'),
                'issuer_name': m.group(3), 'session_name': m.group(4)}
    return {'id': arn, 'issuer_arn': arn, 'issuer_id': '', 'issuer_name': '', 'session_name': ''}


def engine_version(c):
    v = c.state.get('version') if isinstance(c.state.get('version'), str) else None
    pref = c.state.get('preferred_versions') or []
    from .aws_names import ENGINE_VERSION
    v = v or (pref[0] if pref else None) or ENGINE_VERSION.get(str(c.state.get('engine')), '1.0')
    if '.' not in v and c.state.get('latest') is True:
        v += '.1'
    parts = v.split('.')
    fam = str(c.state.get('engine')) + ('.'.join(parts[:2]) if 'mysql' in str(c.state.get('engine')) else parts[0])
    return {'id': v, 'version': v, 'version_actual': v, 'parameter_group_family': fam, 'engine_description': str(c.state.get('engine')), 'status': 'available',
            'valid_upgrade_targets': [], 'supported_modes': ['provisioned'], 'exportable_log_types': [], 'supported_feature_names': []}


def instance_type(c):
    t = str(c.state.get('instance_type'))
    return {'id': t, 'default_vcpus': 2, 'default_cores': 1, 'default_threads_per_core': 2, 'memory_size': 4096, 'current_generation': True, 'hypervisor': 'nitro',
            'supported_architectures': ['arm64' if re.match(r'[a-z]+\d+g', t) else 'x86_64'], 'maximum_network_interfaces': 3, 'maximum_ipv4_addresses_per_interface': 12,
            'ebs_optimized_support': 'default', 'supported_usages_classes': ['on-demand', 'spot'], 'supported_root_device_types': ['ebs'],
            'supported_virtualization_types': ['hvm'], 'free_tier_eligible': False, 'bare_metal': False}


def cache_policy(c):
    known = {'Managed-CachingOptimized': '658327ea-f89d-4fab-a63d-7e88639e58f6', 'Managed-CachingDisabled': '4135ea2d-6df8-44a3-9df3-4b5a84be39ad',
             'Managed-AllViewer': '216adef6-5c7f-47e4-b989-5492eafa07d3', 'Managed-AllViewerExceptHostHeader': 'b689b0a8-53d0-40ab-baf2-68738e2966ac',
             'Managed-CORS-S3Origin': '88a5eaf4-2fd4-4709-b370-b4c650ea3fcf', 'Managed-SecurityHeadersPolicy': '67f7725c-6f97-4210-82d7-5512b31e9d03',
             'UseOriginCacheControlHeaders': '83da9c7e-98b4-4e11-a168-04f0df8e2c65'}
    i = c.state.get('id') if isinstance(c.state.get('id'), str) else known.get(str(c.state.get('name')), c.fmt('{uuid}'))
    return {'id': i, 'etag': 'E' + c.chars(13, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'), 'arn': c.fmt(A + 'cloudfront::{account}:cache-policy/') + i}


def service_principal(c):
    s = str(c.state.get('service_name'))
    return {'id': '%s.%s.amazonaws.com' % (s, c.region_), 'name': s + '.amazonaws.com', 'suffix': 'amazonaws.com', 'region': c.region_}


def params_by_path(c):
    p = str(c.state.get('path')).rstrip('/')
    return {'id': p, 'names': [p + '/fake'], 'values': ['fake-value'], 'types': ['String'], 'arns': [c.fmt(A + 'ssm:{region}:{account}:parameter') + p + '/fake']}


DATA = {
    'aws_availability_zones': zones, 'aws_availability_zone': zone, 'aws_region': region, 'aws_iam_policy_document': policy,
    'aws_regions': lambda c: {'id': partition_of(c.region_), 'names': sorted(REGIONS)},
    'aws_caller_identity': lambda c: {'id': c.aws.account, 'account_id': c.aws.account, 'arn': c.fmt('arn:{partition}:sts::{account}:assumed-role/fake/session'),
                                      'user_id': 'AROAFAKEFAKEFAKEFAKE1:session'},
    'aws_partition': lambda c: {'id': partition_of(c.region_), 'partition': partition_of(c.region_), 'dns_suffix': suffix(c),
                                'reverse_dns_prefix': '.'.join(reversed(suffix(c).split('.')))},
    'aws_ami': ami, 'aws_vpc': vpc, 'aws_subnet': subnet, 'aws_route53_zone': zone53, 'aws_iam_policy': managed_policy, 'aws_iam_role': role,
    'aws_ssm_parameter': ssm, 'aws_ssm_parameters_by_path': params_by_path, 'aws_secretsmanager_secret': secret, 'aws_secretsmanager_secret_version': secret_version,
    'aws_lb': lb, 'aws_alb': lb, 'aws_ecr_repository': repo, 'aws_ecr_image': ecr_image, 'aws_ecr_authorization_token': ecr_token, 'aws_arn': parse_arn,
    'aws_kms_key': kms_key, 'aws_kms_alias': kms_alias, 'aws_s3_bucket': bucket, 'aws_eks_cluster': eks, 'aws_iam_session_context': session_context,
    'aws_rds_engine_version': engine_version, 'aws_ec2_instance_type': instance_type, 'aws_cloudfront_cache_policy': cache_policy,
    'aws_cloudfront_origin_request_policy': cache_policy, 'aws_cloudfront_response_headers_policy': cache_policy, 'aws_service_principal': service_principal,
    'aws_canonical_user_id': lambda c: {'id': c.hexs(64), 'display_name': ''}, 'aws_default_tags': lambda c: {'id': partition_of(c.region_), 'tags': c.aws.default_tags},
    'aws_elb_service_account': lambda c: {'id': ELB_ACCOUNT.get(c.region_, '127311923021'), 'arn': 'arn:aws:iam::%s:root' % ELB_ACCOUNT.get(c.region_, '127311923021')},
    'aws_cloudtrail_service_account': lambda c: {'id': '086441151436', 'arn': 'arn:aws:iam::086441151436:root'},
    'aws_redshift_service_account': lambda c: {'id': '193672423079', 'arn': 'arn:aws:iam::193672423079:root'},
    'aws_billing_service_account': lambda c: {'id': '386209384616', 'arn': 'arn:aws:iam::386209384616:root'},
    'aws_lb_hosted_zone_id': lambda c: {'id': 'Z35SXDOTRQ7X7K'}, 'aws_elb_hosted_zone_id': lambda c: {'id': 'Z35SXDOTRQ7X7K'},
    'aws_cloudfront_log_delivery_canonical_user_id': lambda c: {'id': 'c4c1ede66af53448b93c283ce9448c4ba468c9432aa01d700d3878632f77d2d0'},
    'aws_acm_certificate': lambda c: {'arn': c.fmt(A + 'acm:{region}:{account}:certificate/{uuid}'), 'id': c.fmt(A + 'acm:{region}:{account}:certificate/{uuid}'),
                                      'status': 'ISSUED', 'domain': c.state.get('domain'), 'certificate': '', 'certificate_chain': '', 'tags': {}},
    'aws_ip_ranges': lambda c: {'id': '1767225600', 'cidr_blocks': ['52.92.0.0/16', '54.231.0.0/17'], 'ipv6_cidr_blocks': [], 'create_date': '2026-01-01-00-00-00',
                                'sync_token': 1767225600},
    'aws_prefix_list': lambda c: {'id': 'pl-63a5400a', 'name': c.fmt('com.amazonaws.{region}.s3'), 'cidr_blocks': ['52.92.0.0/16', '54.231.0.0/17']},
    'aws_ec2_managed_prefix_list': lambda c: {'id': 'pl-' + c.hexs(8), 'arn': c.fmt(A + 'ec2:{region}:aws:prefix-list/pl-') + c.hexs(8), 'entries': [], 'tags': {},
                                              'address_family': 'IPv4', 'max_entries': 10, 'owner_id': 'AWS', 'version': 1},
    'aws_lambda_invocation': lambda c: {'id': c.hexs(32), 'result': '{}'}, 'aws_eks_cluster_auth': lambda c: {'id': c.value('name'), 'token': 'k8s-aws-v1.' + c.hexs(64)},
    'aws_secretsmanager_random_password': lambda c: {'random_password': c.chars(int(c.state.get('password_length') or 32), 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789')},
    'aws_iam_account_alias': lambda c: {'id': 'fake-account', 'account_alias': 'fake-account'},
    'aws_organizations_organization': lambda c: {'id': 'o-fakefake00', 'arn': c.fmt('arn:aws:organizations::{account}:organization/o-fakefake00'), 'master_account_id': c.aws.account,
                                                 'feature_set': 'ALL', 'master_account_arn': c.fmt('arn:aws:organizations::{account}:account/o-fakefake00/{account}')},
    'aws_ecs_cluster': lambda c: {'arn': c.fmt(A + 'ecs:{region}:{account}:cluster/{cluster_name}'), 'id': c.fmt(A + 'ecs:{region}:{account}:cluster/{cluster_name}'),
                                  'status': 'ACTIVE', 'running_tasks_count': 0, 'pending_tasks_count': 0, 'registered_container_instances_count': 0, 'setting': [], 'tags': {}},
    'aws_ecs_task_definition': lambda c: {'id': c.fmt(A + 'ecs:{region}:{account}:task-definition/') + str(c.state.get('task_definition')).split('/')[-1] + ':1', 'family':
                                          str(c.state.get('task_definition')).split('/')[-1].split(':')[0], 'revision': 1, 'status': 'ACTIVE', 'network_mode': 'awsvpc',
                                          'arn': c.fmt(A + 'ecs:{region}:{account}:task-definition/') + str(c.state.get('task_definition')).split('/')[-1] + ':1',
                                          'arn_without_revision': c.fmt(A + 'ecs:{region}:{account}:task-definition/') + str(c.state.get('task_definition')).split('/')[-1]},
    'aws_sqs_queue': lambda c: {'id': c.fmt('https://sqs.{region}.amazonaws.com/{account}/{name}'), 'url': c.fmt('https://sqs.{region}.amazonaws.com/{account}/{name}'),
                                'arn': c.fmt(A + 'sqs:{region}:{account}:{name}'), 'tags': {}},
    'aws_sns_topic': by_name(A + 'sns:{region}:{account}:{name}', idkey='arn'), 'aws_cloudwatch_log_group': by_name(A + 'logs:{region}:{account}:log-group:{name}'),
    'aws_cloudwatch_event_bus': by_name(A + 'events:{region}:{account}:event-bus/{name}'), 'aws_sfn_state_machine': by_name(A + 'states:{region}:{account}:stateMachine:{name}', idkey='arn'),
    'aws_dynamodb_table': by_name(A + 'dynamodb:{region}:{account}:table/{name}'), 'aws_iam_user': by_name(A + 'iam::{account}:user/{user_name}', 'user_name'),
    'aws_iam_instance_profile': by_name(A + 'iam::{account}:instance-profile/{name}'), 'aws_kinesis_stream': by_name(A + 'kinesis:{region}:{account}:stream/{name}'),
    'aws_lambda_function': by_name(A + 'lambda:{region}:{account}:function:{function_name}', 'function_name'),
    # ephemeral
    'ephemeral.aws_secretsmanager_secret_version': secret_version, 'ephemeral.aws_ssm_parameter': lambda c: {'name': str(c.state.get('arn')).split(':parameter')[-1],
                                                                                                             'value': 'fake-value', 'type': 'SecureString', 'version': 1},
    'ephemeral.aws_eks_cluster_auth': lambda c: {'token': 'k8s-aws-v1.' + c.hexs(64)}, 'ephemeral.aws_ecr_authorization_token': ecr_token,
    'ephemeral.aws_secretsmanager_random_password': lambda c: {'random_password': c.chars(int(c.state.get('password_length') or 32),
                                                               'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789')},
    'ephemeral.aws_lambda_invocation': lambda c: {'result': '{}', 'status_code': 200},
}
