"""Plausible values for what AWS would compute: deterministic, from a hash of type and configuration."""
import base64
import hashlib
import json
import re

from .aws_names import A, AZ_ID, COMPUTED, ENGINE_PORT, ENGINE_VERSION, NAME_ATTRS, NUMBERS, OPTIONAL, TRUE_NAMES, kind_of, partition_of, service_of
from .aws_services import EC2
from .aws_tables import COMPUTED_BLOCKS
from .aws_values import FILL
from .wire import Unknown


class Ctx(dict):
    """one object being filled; also the mapping behind the templates"""

    def __init__(self, aws, schema, t, kind, state, config, seed):
        super().__init__()
        self.aws, self.schema, self.t, self.kind, self.state, self.config, self.seed = aws, schema, t, kind, state, config, seed
        self.block = schema.block('resources' if kind == 'resource' else kind, t)
        self.table = FILL.get(t, {})
        self.region_ = (state.get('region') if isinstance(state.get('region'), str) else None) or aws.region
        self.attr = ''
        self.busy = set()

    # ------------------------------------------------------------- templates
    GEN = re.compile(r'^([haudb])(\d+)$')

    def digest(self, salt):
        return hashlib.sha512((self.seed + '|' + salt).encode()).digest()

    def chars(self, n, alphabet, salt=''):
        out, i = '', 0
        while len(out) < n:
            out += ''.join(alphabet[b % len(alphabet)] for b in self.digest('%s|%s|%d' % (self.attr, salt, i)))
            i += 1
        return out[:n]

    def hexs(self, n, salt=''):
        return self.chars(n, '0123456789abcdef', salt)

    def b64(self, n):
        return base64.b64encode(self.digest(self.attr)[:n]).decode()

    def __missing__(self, key):
        m = self.GEN.match(key)
        if m:
            return self.chars(int(m.group(2)), {'h': '0123456789abcdef', 'a': 'abcdefghijklmnopqrstuvwxyz0123456789', 'b': 'abcdefghijklmnopqrstuvwxyz',
                                                'u': 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789', 'd': '0123456789'}[m.group(1)])
        if key == 'uuid' and (key not in self.block['a'] or self.attr == 'uuid'):
            h = self.hexs(32)
            return '%s-%s-4%s-a%s-%s' % (h[:8], h[8:12], h[13:16], h[17:20], h[20:])
        if key == 'b64':
            return self.b64(32)
        if key == 'region':
            return self.region_
        if key == 'account':
            return self.aws.account
        if key == 'partition':
            return partition_of(self.region_)
        if key == 'service':
            return service_of(self.t)
        if key == 'kind':
            return kind_of(self.t)
        if key == 'azid':
            az = self.state.get('availability_zone')
            letter = az[-1] if isinstance(az, str) and az else 'a'
            return '%s-az%d' % (AZ_ID.get(self.region_, self.region_.replace('-', '')), ord(letter) - 96)
        if key == 'engineversion':
            return ENGINE_VERSION.get(self.engine(), '1.0')
        if key == 'name' and not ('name' in self.block['a'] and self.attr != 'name'):
            return self.name
        v = self.value(key)
        if v is None:
            return ''
        return v if isinstance(v, str) else json.dumps(v)

    def fmt(self, template):
        return template.format_map(self)

    # ------------------------------------------------------------- values
    @property
    def name(self):
        for n in NAME_ATTRS:
            if n in self.block['a'] and n not in self.busy:
                v = self.state.get(n)
                if isinstance(v, Unknown):
                    v = self.value(n)
                if isinstance(v, str) and v:
                    return v
        tags = self.state.get('tags')
        if isinstance(tags, dict) and isinstance(tags.get('Name'), str):
            return tags['Name']
        return 'fake'

    def value(self, attr):
        """the value of an attribute, made now if it is still unknown"""
        v = self.state.get(attr)
        if isinstance(v, Unknown) and attr in self.block['a'] and attr not in self.busy:
            self.busy.add(attr)
            save, self.attr = self.attr, attr
            try:
                t, f = self.block['a'][attr]
                v = self.make(attr, t, f)
            finally:
                self.attr = save
                self.busy.discard(attr)
            self.state[attr] = v
        elif isinstance(v, Unknown) and attr in self.block['b']:
            return []
        return None if isinstance(v, Unknown) else v

    def make(self, attr, t, flags):
        special = self.aws.special(self, attr)
        if special is not NotImplemented:
            return special
        pre = self.state.get(attr + '_prefix') if attr + '_prefix' in self.block['a'] else None
        if isinstance(pre, str) and pre:
            return pre + '20260101' + self.chars(18, '0123456789') + ('.fifo' if self.state.get('fifo_queue') or self.state.get('fifo_topic') else '')
        if attr in self.table:
            return self.typed(self.expand(self.table[attr]), t)
        if t == 'string':
            return self.string(attr, flags)
        if t == 'number':
            return self.number(attr, flags)
        if t == 'bool':
            return attr in TRUE_NAMES and 'o' not in flags
        if t == 'dynamic':
            return None
        if t[0] == 'map':
            return {}
        if t[0] == 'object':
            return self.object(t, attr, 0)
        return self.listing(attr, t, flags)

    def typed(self, v, t):
        """fit a table value to the attribute's type"""
        if v is None:
            return None
        if isinstance(t, str):
            if t == 'string' and not isinstance(v, str):
                return json.dumps(v)
            if t == 'number' and isinstance(v, str):
                return int(v) if v.isdigit() else 0
            return v
        if t[0] in ('list', 'set') and isinstance(v, list):
            return [self.typed(e, t[1]) for e in v]
        if t[0] == 'map' and isinstance(v, dict):
            return {k: self.typed(e, t[1]) for k, e in v.items()}
        if t[0] == 'object' and isinstance(v, dict):
            return {k: self.typed(v.get(k), ft) for k, ft in t[1].items()}
        return None

    def expand(self, v):
        if callable(v):
            return v(self)
        if isinstance(v, str):
            return self.fmt(v) if '{' in v and '${' not in v else v
        if isinstance(v, list):
            out = []
            for i, e in enumerate(v):
                save = self.attr
                self.attr = '%s.%d' % (save, i)
                out.append(self.expand(e))
                self.attr = save
            return out
        if isinstance(v, dict):
            return {k: self.expand(e) for k, e in v.items()}
        return v

    def string(self, attr, flags, depth=0):
        optional = 'o' in flags
        if depth == 0:
            # X together with X_prefix
            if optional and (attr == 'name' or attr + '_prefix' in self.block['a']):
                return 'terraform-20260101' + self.chars(18, '0123456789')
            if attr == 'id':
                return self.make_id()
            if attr == 'arn':
                return self.make_arn()
            if attr.endswith('_prefix') and attr[:-7] in self.block['a']:
                return ''
        for rx, tmpl in (OPTIONAL if optional and self.kind == 'resource' else COMPUTED):
            if rx.search(attr):
                if tmpl is not None:
                    return self.fmt(tmpl)
                if 'public' in attr or 'elastic' in attr:
                    return self.ip(attr, '54.80')
                if 'ip' in attr or 'address' in attr:
                    return self.ip(attr, '10.0')
                return self.fmt(A + '{service}:{region}:{account}:{kind}/{h12}') if attr == 'arn' else self.fmt('{kind}-{h12}')
        return '' if optional and self.kind == 'resource' else '%s-%s' % (attr.replace('_', '-'), self.hexs(6))

    def number(self, attr, flags):
        if attr == 'port' or attr.endswith('_port'):
            return ENGINE_PORT.get(self.engine(), 0)
        return NUMBERS.get(attr, 0)

    def engine(self):
        e = self.state.get('engine')
        if isinstance(e, Unknown) and 'engine' in self.block['a']:
            e = self.value('engine')
        if isinstance(e, str):
            for k in (e, e.split('-')[0]):
                if k in ENGINE_PORT:
                    return k
        for k, p in (('docdb', 'docdb'), ('neptune', 'neptune'), ('elasticache', 'redis'), ('memorydb', 'redis')):
            if k in self.t:
                return p
        return ''

    def object(self, t, attr, depth):
        out = {}
        for n, ft in t[1].items():
            save, self.attr = self.attr, '%s.%s' % (self.attr, n)
            if ft == 'string':
                out[n] = self.string(n, 'c', 1)
            elif ft == 'number':
                out[n] = self.number(n, 'c')
            elif ft == 'bool':
                out[n] = n in TRUE_NAMES
            elif isinstance(ft, list) and ft[0] == 'map':
                out[n] = {}
            elif isinstance(ft, list) and ft[0] in ('list', 'set') and isinstance(ft[1], list) and ft[1][0] == 'object' and depth < 3:
                out[n] = [self.object(ft[1], n, depth + 1)]
            elif isinstance(ft, list) and ft[0] == 'object':
                out[n] = self.object(ft, n, depth + 1)
            elif isinstance(ft, list):
                out[n] = []
            else:
                out[n] = None
            self.attr = save
        return out

    def listing(self, attr, t, flags):
        elem = t[1]
        if isinstance(elem, list):
            if elem[0] == 'object' and 'o' not in flags:
                return [self.object(elem, attr, 0)]
            return []
        if elem != 'string':
            return []
        if attr == 'availability_zones':
            return [self.region_ + c for c in 'abc']
        if attr == 'name_servers':
            n = int(self.hexs(4), 16)
            return ['ns-%d.awsdns-%02d.%s' % ((n + 511 * i) % 2048, (n + i) % 64, d) for i, d in enumerate(('com', 'net', 'org', 'co.uk'))]
        if 'o' in flags and self.kind == 'resource':
            if attr in ('vpc_security_group_ids', 'security_group_ids', 'security_groups'):
                return ['sg-' + self.hexs(17)]
            return []
        if self.kind == 'data':
            n = {'ids': 3 if self.t == 'aws_subnets' else 1, 'names': 1, 'arns': 1, 'subnet_ids': 3, 'subnets': 3, 'security_group_ids': 1, 'security_groups': 1,
                 'network_interface_ids': 1, 'vpc_security_group_ids': 1, 'public_ips': 1, 'private_ips': 1, 'cidr_blocks': 2, 'instance_types': 2}.get(attr, 0)
            return [self.element(attr, i) for i in range(n)]
        if attr in ('network_interface_ids',):
            return ['eni-' + self.hexs(17)]
        return []

    def element(self, attr, i):
        save, self.attr = self.attr, '%s.%d' % (attr, i)
        try:
            if attr == 'ids':
                single = {'aws_subnets': 'subnet', 'aws_vpcs': 'vpc', 'aws_security_groups': 'sg', 'aws_route_tables': 'rtb', 'aws_instances': 'i',
                          'aws_network_interfaces': 'eni', 'aws_nat_gateways': 'nat', 'aws_ami_ids': 'ami', 'aws_ebs_volumes': 'vol', 'aws_network_acls': 'acl'}
                return '%s-%s' % (single.get(self.t, kind_of(self.t).rstrip('s')), self.hexs(17))
            if attr == 'arns':
                return self.fmt(A + '{service}:{region}:{account}:') + kind_of(self.t).rstrip('s') + '/fake-%d' % (i + 1)
            if attr == 'names':
                return 'fake-%d' % (i + 1)
            if attr == 'cidr_blocks':
                return '52.%d.0.0/16' % (92 + i)
            if attr == 'instance_types':
                return ('t3.micro', 't3.small')[i]
            if attr.endswith('ips'):
                return self.ip(self.attr, '54.80' if 'public' in attr else '10.0')
            return {'subnet_ids': 'subnet', 'subnets': 'subnet', 'network_interface_ids': 'eni'}.get(attr, 'sg') + '-' + self.hexs(17)
        finally:
            self.attr = save

    def make_id(self):
        if self.t in EC2:
            return '%s-%s' % (EC2[self.t][0], self.hexs(17))
        rest = [n for n in NAME_ATTRS if n in self.block['a'] and n != 'key']
        for n in rest:
            v = self.value(n)
            if isinstance(v, str) and v:
                return v
        return '%s-%s' % (kind_of(self.t), self.hexs(17))

    def make_arn(self):
        if self.t in EC2 and EC2[self.t][1]:
            return self.fmt(A + 'ec2:{region}:{account}:%s/{id}' % EC2[self.t][1])
        svc = service_of(self.t)
        tail = self.name
        if tail == 'fake' and isinstance(self.state.get('id'), str):
            tail = self.state['id']
        if tail == 'fake' and 'id' in self.block['a'] and 'arn' not in self.busy - {'arn'} and 'id' not in self.busy:
            tail = self.value('id') or tail
        if str(tail).startswith('arn:'):
            tail = self.hexs(12)
        return '%s%s:%s:%s:%s/%s' % (self.fmt(A), svc, '' if svc in ('iam', 'cloudfront', 'route53', 'organizations') else self.region_, self.aws.account,
                                     kind_of(self.t), tail)

    # ------------------------------------------------------------- helpers that the tables call
    def ip(self, salt, net):
        d = self.digest('ip' + salt)
        return '%s.%d.%d' % (net, d[0], d[1] % 253 + 2)

    def subnet(self):
        return self.aws.subnets.get(self.state.get('subnet_id') if isinstance(self.state.get('subnet_id'), str) else '', {})

    def family(self):
        e, v = self.engine() or 'unknown', str(self.value('engine_version') or '')
        parts = v.split('.')
        return e + ('.'.join(parts[:2]) if 'mysql' in e or e == 'mariadb' else parts[0])

    def option_family(self):
        e, v = self.engine() or 'unknown', str(self.value('engine_version') or '').split('.')
        return '%s-%s' % (e, '-'.join(v[:2]) if e in ('mysql', 'mariadb') else v[0])

    def cache_family(self):
        e, v = self.engine() or 'redis', str(self.value('engine_version') or '7').split('.')
        fam = e + ('.'.join(v[:2]) if e == 'memcached' else v[0])
        return 'default.' + fam + ('.cluster.on' if self.t.endswith('replication_group') and self.clustered() else '')

    def clustered(self):
        n = self.state.get('num_node_groups')
        return (isinstance(n, int) and n > 1) or self.state.get('cluster_mode') == 'enabled'

    def cache_nodes(self):
        n = self.value('num_cache_nodes') or 1
        out = []
        for i in range(int(n)):
            out.append({'id': '%04d' % (i + 1), 'address': '%s.%s.%04d.use1.cache.amazonaws.com' % (self.value('cluster_id'), self.chars(6, 'abcdefghijklmnopqrstuvwxyz'), i + 1),
                        'port': self.value('port') or 6379, 'availability_zone': self.region_ + 'a', 'outpost_arn': ''})
        return out

    def master_secret(self, switch):
        if self.state.get(switch) is not True:
            return []
        return [{'kms_key_id': self.fmt(A + 'kms:{region}:{account}:key/{uuid}'), 'secret_status': 'active',
                 'secret_arn': self.fmt(A + 'secretsmanager:{region}:{account}:secret:rds!db-{uuid}-{a6}')}]

    def ipv6(self):
        return self.state.get('assign_generated_ipv6_cidr_block') is True or bool(self.state.get('ipv6_ipam_pool_id'))

    def lbkind(self):
        return {'network': 'net', 'gateway': 'gwy'}.get(self.value('load_balancer_type') or '', 'app')

    def key_policy(self):
        return json.dumps({'Statement': [{'Action': 'kms:*', 'Effect': 'Allow', 'Principal': {'AWS': self.fmt('arn:{partition}:iam::{account}:root')},
                                          'Resource': '*', 'Sid': 'Enable IAM User Permissions'}], 'Version': '2012-10-17'}, separators=(',', ':'))

    def revision(self):
        return self.aws.next_revision(self.value('family') or '')

    # ------------------------------------------------------------- the whole object
    def fill(self):
        for n in self.block['a']:
            if isinstance(self.state.get(n), Unknown):
                self.value(n)
            else:
                self.state[n] = self.partial(self.state.get(n), self.block['a'][n][0], n)
        for n, nb in self.block['b'].items():
            v, sub = self.state.get(n), self.schema.sub(nb)
            if isinstance(v, Unknown):
                tmpl = COMPUTED_BLOCKS.get(self.t, {}).get(n)
                if tmpl is None:
                    self.state[n] = []
                    continue
                self.attr = n
                e = {k: self.typed(self.expand(tmpl.get(k)), t) for k, (t, f) in sub['a'].items()}
                for k, snb in sub['b'].items():
                    e[k] = [] if snb[0] in ('list', 'set') else None
                for k, (t, f) in sub['a'].items():
                    if e[k] is None and k in ('tags', 'tags_all'):
                        e[k] = {}
                self.state[n] = [e]
            else:
                self.fill_block(sub, v, n)

    def partial(self, v, t, path):
        """unknowns inside a known collection (rare: e.g. an object attribute with one computed field)"""
        if isinstance(v, list) and isinstance(t, list) and t[0] in ('list', 'set'):
            return [self.partial(e, t[1], path) for e in v]
        if isinstance(v, dict) and isinstance(t, list) and t[0] == 'object':
            return {k: self.partial(e, t[1].get(k, 'string'), path + '.' + k) for k, e in v.items()}
        if isinstance(v, dict) and isinstance(t, list) and t[0] == 'map':
            return {k: self.partial(e, t[1], path) for k, e in v.items()}
        if isinstance(v, Unknown):
            self.attr = path
            return self.string(path.split('.')[-1], 'c', 1) if t == 'string' else None
        return v

    def fill_block(self, block, v, path):
        if isinstance(v, list):
            for i, e in enumerate(v):
                self.fill_block(block, e, '%s.%d' % (path, i))
            return
        if not isinstance(v, dict):
            return
        for n, (t, f) in block['a'].items():
            x = v.get(n)
            if isinstance(x, Unknown):
                self.attr = '%s.%s' % (path, n)
                x = self.aws.special_nested(self, path, n, v)
                if x is NotImplemented:
                    if t == 'string':
                        x = self.string(n, f, 1)
                    elif t == 'number':
                        x = self.number(n, f)
                    elif t == 'bool':
                        x = False
                    elif isinstance(t, list) and t[0] in ('list', 'set'):
                        x = []
                    elif isinstance(t, list) and t[0] == 'map':
                        x = {}
                    elif isinstance(t, list) and t[0] == 'object':
                        x = self.object(t, n, 1)
                    else:
                        x = None
                v[n] = x
            elif x is not None:
                v[n] = self.partial(x, t, '%s.%s' % (path, n))
        for n, nb in block['b'].items():
            x = v.get(n)
            if isinstance(x, Unknown):
                v[n] = []
            elif isinstance(x, dict) and nb[0] == 'map':
                for k, e in x.items():
                    self.fill_block(self.schema.sub(nb), e, '%s.%s.%s' % (path, n, k))
            else:
                self.fill_block(self.schema.sub(nb), x, '%s.%s' % (path, n))
