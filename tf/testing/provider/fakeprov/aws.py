"""The stand-in for hashicorp/aws."""
import json
import os
import re
import uuid

from .aws_data import DATA
from .aws_fill import Ctx
from .aws_functions import FUNCTIONS
from .aws_names import NAME_ATTRS, seed_of, service_of
from .aws_services import SDK_SERVICE
from .aws_tables import COMPUTED_BLOCKS, DEFAULTS, FORCE_NEW, NESTED, UPDATE_UNKNOWN
from .aws_validate import Validate
from .aws_values import FILL
from .aws_world import World, kept
from .base import is_unknown
from .wire import UNKNOWN, Diag, Unknown, wholly_known


class Aws(Validate):
    name = 'aws'
    legacy = not os.environ.get('FAKE_AWS_STRICT')
    functions = FUNCTIONS

    def __init__(self, schema):
        super().__init__(schema)
        self.region = os.environ.get('AWS_REGION') or os.environ.get('AWS_DEFAULT_REGION') or 'us-east-1'
        self.account = os.environ.get('FAKE_AWS_ACCOUNT_ID') or '000000000000'
        self.default_tags = {k[len('TF_AWS_DEFAULT_TAGS_'):]: v for k, v in os.environ.items() if k.startswith('TF_AWS_DEFAULT_TAGS_')}
        self.issued, self.ids, self.revisions, self.subnets, self.zones = {}, set(), {}, {}, {}
        self.world = World()

    # ------------------------------------------------------------- provider block
    def validate_provider(self, cfg):
        r = (cfg or {}).get('region')
        if isinstance(r, str) and not re.fullmatch(r'[a-z]{2}(-[a-z]+)+-\d', r) and cfg.get('skip_region_validation') is not True:
            return [Diag('Invalid region value', 'Invalid AWS Region: %s' % r, ['region'])]
        return []

    def configure(self, cfg):
        if isinstance(cfg.get('region'), str) and cfg['region']:
            self.region = cfg['region']
        allowed = cfg.get('allowed_account_ids')
        roles = [b.get('role_arn') for b in cfg.get('assume_role') or [] if isinstance(b, dict)] if isinstance(cfg.get('assume_role'), list) else []
        m = re.match(r'arn:[^:]+:iam::(\d{12}):', next((r for r in roles if isinstance(r, str)), ''))
        if os.environ.get('FAKE_AWS_ACCOUNT_ID'):
            if isinstance(allowed, list) and allowed and self.account not in allowed:
                return [Diag('AWS account ID not allowed: %s' % self.account)]
        elif m:
            self.account = m.group(1)
        elif isinstance(allowed, list) and len(allowed) == 1 and isinstance(allowed[0], str):
            self.account = allowed[0]
        for b in cfg.get('default_tags') or []:
            if isinstance(b, dict) and isinstance(b.get('tags'), dict):
                self.default_tags = dict(self.default_tags, **b['tags'])
        self.log('configure', region=self.region, account=self.account)
        return []

    # ------------------------------------------------------------- tables
    def force_new(self, t):
        return FORCE_NEW.get(t, ())

    def defaults(self, t):
        return DEFAULTS.get(t, {})

    def computed_blocks(self, t):
        return COMPUTED_BLOCKS.get(t, ())

    # ------------------------------------------------------------- plan
    def plan_known(self, t, planned, prior, config):
        block = self.schema.block('resources', t)
        a = block['a']
        if 'region' in a and 'c' in a['region'][1] and is_unknown(planned.get('region')) and config.get('region') is None:
            planned['region'] = self.region
        if 'tags_all' in a and 'c' in a['tags_all'][1] and 'tags' in a and config.get('tags_all') is None:
            tags = planned.get('tags')
            if wholly_known(tags):
                merged = {k: v for k, v in dict(self.default_tags, **(tags or {})).items() if v is not None}
                if merged or prior is not None:
                    if prior is None or merged != (prior.get('tags_all') or {}):
                        planned['tags_all'] = merged
                else:
                    planned['tags_all'] = UNKNOWN
            else:
                planned['tags_all'] = UNKNOWN
        if t == 'aws_acm_certificate' and prior is None and planned.get('validation_method') == 'DNS' and isinstance(planned.get('domain_name'), str):
            sans = config.get('subject_alternative_names')
            if sans is None or (isinstance(sans, list) and wholly_known(sans)):
                names = [planned['domain_name']] + [s for s in sans or [] if s != planned['domain_name']]
                planned['domain_validation_options'] = [
                    {'domain_name': n, 'resource_record_name': UNKNOWN, 'resource_record_type': UNKNOWN, 'resource_record_value': UNKNOWN} for n in names]
        if prior is not None:
            names = UPDATE_UNKNOWN.get(t)
            if names and any(planned.get(n) != prior.get(n) for n in list(a) + list(block['b']) if n not in ('tags', 'tags_all')):
                for n in names:
                    if n in a:
                        planned[n] = UNKNOWN
                if t == 'aws_launch_template' and config.get('update_default_version') is True:
                    planned['default_version'] = UNKNOWN

    # ------------------------------------------------------------- apply
    def compute(self, t, state, prior, config, op):
        if op == 'update':
            base = dict(prior)
            if t == 'aws_launch_template':
                for n in ('latest_version', 'default_version'):
                    if is_unknown(state.get(n)):
                        state[n] = int(prior.get('latest_version') or 1) + 1
            if t == 'aws_ssm_parameter' and is_unknown(state.get('version')):
                state['version'] = int(prior.get('version') or 1) + 1
            ctx = Ctx(self, self.schema, t, 'resource', state, config, seed_of(t, config) + str(base.get('id')))
            ctx.fill()
            self.seen(t, state)
            return
        seed = seed_of(t, config)
        with self.lock:
            last = None
            for i in range(50):
                n = self.issued.get(seed, 0)
                self.issued[seed] = n + 1
                trial = json.loads(json.dumps(state, default=_mark), object_hook=_unmark)
                ctx = Ctx(self, self.schema, t, 'resource', trial, config, seed + ('#%d' % n if n else ''))
                rid = ctx.value('id') if 'id' in ctx.block['a'] else None
                if rid is None or (t, rid) not in self.ids or rid == last:
                    break
                last = rid
            if rid is not None:
                self.ids.add((t, rid))
            ctx.fill()
        state.clear()
        state.update(trial)
        self.seen(t, state)

    def special(self, c, attr):
        """values that need more than a template; NotImplemented to go on"""
        t = c.t
        if c.kind != 'resource':
            return NotImplemented
        if t == 'aws_acm_certificate':
            if attr == 'subject_alternative_names':
                return [c.value('domain_name')]
            if attr == 'domain_validation_options':
                return []
        elif t in ('aws_lb', 'aws_alb') and attr == 'vpc_id' or t in ('aws_db_subnet_group', 'aws_elasticache_subnet_group') and attr == 'vpc_id':
            ids = c.value('subnets' if 'lb' in t else 'subnet_ids') or []
            return next((self.subnets[i]['vpc_id'] for i in ids if i in self.subnets), 'vpc-' + c.hexs(17))
        elif t == 'aws_efs_mount_target' and attr in ('availability_zone_name', 'availability_zone_id', 'owner_id'):
            az = c.subnet().get('az') or c.fmt('{region}a')
            if attr == 'availability_zone_name':
                return az
        elif t == 'aws_route53_record' and attr == 'fqdn':
            name, zone = str(c.state.get('name') or '').rstrip('.'), self.zones.get(c.state.get('zone_id'), '')
            if zone and name != zone and not name.endswith('.' + zone):
                return (name + '.' if name else '') + zone
            return name
        elif t == 'aws_autoscaling_group' and attr == 'availability_zones':
            ids = c.value('vpc_zone_identifier') or []
            return sorted({self.subnets[i]['az'] for i in ids if i in self.subnets}) or [c.fmt('{region}a')]
        elif t == 'aws_vpc_security_group_ingress_rule' and attr == 'tags_all':
            return {}
        return NotImplemented

    def special_nested(self, c, path, attr, v):
        key = '%s.%s.%s' % (c.t, re.sub(r'\.\d+', '', path), attr)
        if key in NESTED:
            x = NESTED[key]
            return c.fmt(x) if isinstance(x, str) and '{' in x else x
        if attr == 'tags_all':
            return dict(self.default_tags, **(v.get('tags') or {}))
        return NotImplemented

    def apply(self, t, prior, planned, config):
        state, problems = super().apply(t, prior, planned, config)
        if not problems or state is not prior:
            key = (state or prior).get('id') or (state or prior).get('arn')
            self.world.note(t, key, None if state is None else kept(t, state, prior))
        return state, problems

    def finish(self, t, planned, prior, config, op):
        state = super().finish(t, planned, prior, config, op)
        if t == 'aws_acm_certificate' and op == 'create' and state.get('validation_method') == 'DNS':
            c = Ctx(self, self.schema, t, 'resource', state, config, seed_of(t, config))
            out = []
            for d in [state['domain_name']] + [s for s in state.get('subject_alternative_names') or [] if s != state['domain_name']]:
                c.attr = 'dvo' + d.replace('*.', '')
                out.append({'domain_name': d, 'resource_record_name': '_%s.%s.' % (c.hexs(32), d.replace('*.', '')), 'resource_record_type': 'CNAME',
                            'resource_record_value': '_%s.%s.acm-validations.aws.' % (c.hexs(32, 'v'), c.chars(10, 'abcdefghijklmnopqrstuvwxyz'))})
            state['domain_validation_options'] = out
        return state

    def next_revision(self, family):
        n = self.revisions.get(family, 0) + 1
        self.revisions[family] = n
        return n

    def seen(self, t, s):
        """remember what other resources' values depend on"""
        if not isinstance(s, dict):
            return
        self.world.seen(t, s)
        if s.get('id'):
            self.ids.add((t, s['id']))
        if t in ('aws_subnet', 'aws_default_subnet') and s.get('id'):
            self.subnets[s['id']] = {'vpc_id': s.get('vpc_id'), 'az': s.get('availability_zone'), 'public': s.get('map_public_ip_on_launch')}
        elif t == 'aws_route53_zone' and s.get('zone_id'):
            self.zones[s['zone_id']] = str(s.get('name') or '').rstrip('.')
        elif t == 'aws_ecs_task_definition' and s.get('family') and isinstance(s.get('revision'), int):
            self.revisions[s['family']] = max(self.revisions.get(s['family'], 0), s['revision'])

    # ------------------------------------------------------------- failures on purpose
    def injected(self, t, op, value, config, before=None):
        spec = os.environ.get('FAKE_AWS_FAIL', '')
        for rule in filter(None, (r.strip() for r in spec.split(','))):
            m = re.fullmatch(r'([a-z0-9_]+)(?:\.([^:=]+))?(?::(create|update|delete)(-partial)?)?(?:=(.*))?', rule)
            if not m or m.group(1) != t or (m.group(3) and m.group(3) != op):
                continue
            label = self.label(value)
            if m.group(2):
                names = {str(value.get(n)) for n in NAME_ATTRS + ('id', 'arn') if isinstance(value.get(n), str)}
                tags = value.get('tags')
                if isinstance(tags, dict) and isinstance(tags.get('Name'), str):
                    names.add(tags['Name'])
                if m.group(2) not in names:
                    continue
                label = m.group(2)
            return self.failure(t, op, label, m.group(5)), bool(m.group(4))
        planned, prior = (None, value) if op == 'delete' else (value, before)
        refused = self.world.refuses(t, op, planned, prior)
        if refused:
            return self.failure(t, op, self.label(value), *refused), False
        return None

    def label(self, value):
        for n in NAME_ATTRS + ('id',):
            if isinstance((value or {}).get(n), str) and value[n]:
                return value[n]
        return ''

    def failure(self, t, op, label, code, message=None):
        svc = service_of(t)
        human = t[4:].replace('_', ' ').title().replace('Db ', 'RDS DB ').replace('Ecs ', 'ECS ').replace('Iam ', 'IAM ').replace('Sqs ', 'SQS ')
        human = human.replace('Lb ', 'ELBv2 ').replace('Ec2 ', 'EC2 ').replace('Vpc', 'VPC').replace('Acm ', 'ACM ').replace('Kms ', 'KMS ').replace('Ecr ', 'ECR ')
        kind = ''.join(w.title() for w in t.split('_')[1:])
        for p in ('Ecs', 'Iam', 'Sqs', 'Sns', 'Acm', 'Kms', 'Ecr', 'Lambda', 'S3', 'Cloudwatch', 'Scheduler', 'Elasticache', 'Lb'):
            if kind.startswith(p) and kind != p:
                kind = kind[len(p):]
        verb = {'create': 'creating', 'update': 'updating', 'delete': 'deleting'}[op]
        api = {'create': 'Create', 'update': 'Modify' if svc in ('rds', 'elasticache', 'ec2') else 'Update', 'delete': 'Delete'}[op] + kind.replace('Db', 'DB')
        messages = {
            'AccessDenied': 'User: arn:aws:sts::%s:assumed-role/deployer/session is not authorized to perform: %s:%s because no identity-based policy allows '
                            'the action' % (self.account, svc, api),
            'Throttling': 'Rate exceeded', 'LimitExceeded': 'The maximum number of resources of this type has been reached',
            'InsufficientDBInstanceCapacity': 'The specified DB instance class is not available in the specified Availability Zone.',
            'DependencyViolation': 'resource has a dependent object', 'InsufficientInstanceCapacity': 'We currently do not have sufficient capacity in the '
            'Availability Zone you requested.'}
        code = code or ('DependencyViolation' if op == 'delete' and svc == 'ec2' else 'AccessDenied')
        rid = uuid.UUID(bytes=(t + op + label).encode().ljust(16, b'.')[:16])
        return Diag('%s %s (%s): operation error %s: %s, https response error StatusCode: %d, RequestID: %s, api error %s: %s' % (
            verb, human, label, SDK_SERVICE.get(svc, svc), api, 403 if code.startswith('AccessDenied') else 400, rid,
            code + ('Exception' if code in ('AccessDenied', 'Throttling') and svc in ('ecs', 'logs', 'lambda', 'kms', 'events', 'ecr') else ''),
            message or messages.get(code, 'injected by FAKE_AWS_FAIL')))

    # ------------------------------------------------------------- read, import
    def read(self, t, state):
        self.seen(t, state)
        for rule in filter(None, (r.strip() for r in os.environ.get('FAKE_AWS_GONE', '').split(','))):
            rt, _, rn = rule.partition('.')
            if rt == t and (not rn or rn in {str(state.get(n)) for n in NAME_ATTRS + ('id',)}):
                return None
        return state

    def import_(self, t, rid):
        block = self.schema.block('resources', t)
        st = self.empty(block)
        for n, (ty, f) in block['a'].items():
            if 'c' in f and 'w' not in f:
                st[n] = UNKNOWN
        if 'id' in block['a']:
            st['id'] = rid
        tmpl = FILL.get(t, {}).get('id')
        m = re.fullmatch(r'\{(\w+)\}', tmpl) if isinstance(tmpl, str) else None
        if m and m.group(1) in block['a']:
            st[m.group(1)] = rid
        elif 'arn' in block['a'] and rid.startswith('arn:'):
            st['arn'] = rid
        elif tmpl is None and 'id' in block['a']:
            for n in NAME_ATTRS:
                if n in block['a'] and 'r' in block['a'][n][1]:
                    st[n] = rid
                    break
        if 'region' in block['a']:
            st['region'] = self.region
        for n in ('tags', 'tags_all'):
            if n in block['a']:
                st[n] = {} if n == 'tags_all' else None
        ctx = Ctx(self, self.schema, t, 'resource', st, {'id': rid}, seed_of(t, {'id': rid}))
        ctx.fill()
        return self.settle(block, st)

    # ------------------------------------------------------------- data and ephemeral
    def read_data(self, t, cfg):
        return self.answer('data', t, cfg)

    def open_ephemeral(self, t, cfg):
        return self.answer('ephemeral', t, cfg)

    def answer(self, kind, t, cfg):
        block = self.schema.block(kind, t)
        st = {}
        for n, (ty, f) in block['a'].items():
            v = cfg.get(n)
            st[n] = UNKNOWN if v is None and 'c' in f else v
        for n, nb in block['b'].items():
            st[n] = self.unknown_block(self.schema.sub(nb), cfg.get(n))
        if 'region' in st and is_unknown(st['region']) and t not in ('aws_region',):
            st['region'] = self.region
        c = Ctx(self, self.schema, t, kind, st, cfg, seed_of(kind + '.' + t, cfg))
        fn = DATA.get(('ephemeral.' if kind == 'ephemeral' else '') + t)
        if fn:
            for k, v in fn(c).items():
                if k in st and (is_unknown(st[k]) or st[k] is None):
                    st[k] = c.typed(v, block['a'][k][0]) if k in block['a'] else v
        c.fill()
        if t == 'aws_route53_zone':
            self.zones[st.get('zone_id')] = str(st.get('name') or '').rstrip('.')
        if t == 'aws_subnet':
            self.subnets[st['id']] = {'vpc_id': st.get('vpc_id'), 'az': st.get('availability_zone'), 'public': st.get('map_public_ip_on_launch')}
        return self.settle(block, st)

    def unknown_block(self, block, v):
        if isinstance(v, list):
            return [self.unknown_block(block, e) for e in v]
        if not isinstance(v, dict):
            return v
        out = {n: (UNKNOWN if v.get(n) is None and 'c' in f else v.get(n)) for n, (ty, f) in block['a'].items()}
        for n, nb in block['b'].items():
            out[n] = self.unknown_block(self.schema.sub(nb), v.get(n))
        return out


def _mark(v):
    if isinstance(v, Unknown):
        return {'\0u': 1}
    if isinstance(v, bytes):
        return {'\0b': v.decode('latin1')}
    raise TypeError(type(v))


def _unmark(d):
    if '\0u' in d:
        return UNKNOWN
    if '\0b' in d:
        return d['\0b'].encode('latin1')
    return d
