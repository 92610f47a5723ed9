"""What the stand-in for hashicorp/aws checks at validate, before there is any plan."""
import ipaddress
import json
import re

from .aws_rules import refused
from .aws_tables import AT_LEAST_ONE, CIDR_ARGS, ENUMS, EXACTLY_ONE, JSON_ARGS, RANGES, RETENTION
from .base import Base, is_unknown
from .wire import Diag

ENUM_BY_TYPE = {}
for _k, _v in ENUMS.items():
    _p = _k.split('.')
    _n = 2 if _p[0] == 'data' else 1
    ENUM_BY_TYPE.setdefault('.'.join(_p[:_n]), []).append((_p[_n:], sorted(_v.split())))
RANGE_BY_TYPE = {}
for _k, _v in RANGES.items():
    RANGE_BY_TYPE.setdefault(_k.split('.')[0], []).append((_k.split('.')[1], _v))


class Validate(Base):
    def validate(self, kind, t, cfg):
        out, label = [], ('data.' if kind == 'data' else '') + t
        if not isinstance(cfg, dict):
            return out

        def each(v, path, at):
            if isinstance(v, list):
                for i, e in enumerate(v):
                    yield from each(e, path, at + [i])
            elif isinstance(v, dict) and path:
                yield from each(v.get(path[0]), path[1:], at + [path[0]])
            elif not path and v is not None and not is_unknown(v) and not isinstance(v, (dict, list)):
                yield v, at

        for path, allowed in ENUM_BY_TYPE.get(label, ()):
            for v, at in each(cfg, path, []):
                if v not in allowed and v != '':
                    out.append(Diag('expected %s to be one of [%s], got %s' % ('.'.join(map(str, at)), ' '.join('"%s"' % a for a in allowed), v),
                                    path=[p for p in at if not isinstance(p, int)][:1]))
        if kind != 'resources':
            return out
        for n, (lo, hi) in RANGE_BY_TYPE.get(t, ()):
            v = cfg.get(n)
            if isinstance(v, (int, float)) and not isinstance(v, bool) and not lo <= v <= hi:
                out.append(Diag('expected %s to be in the range (%d - %d), got %s' % (n, lo, hi, v), path=[n]))
        for n in JSON_ARGS.get(t, ()):
            v = cfg.get(n)
            if isinstance(v, str) and v.strip():
                try:
                    json.loads(v)
                except ValueError as e:
                    out.append(Diag('"%s" contains an invalid JSON%s: %s' % (n, ' policy' if 'policy' in n else '', e), path=[n]))
        for n in CIDR_ARGS.get(t, ()):
            v = cfg.get(n)
            if isinstance(v, str) and v:
                try:
                    ipaddress.ip_network(v)
                except ValueError:
                    try:
                        net = ipaddress.ip_network(v, strict=False)
                        out.append(Diag('"%s" is not a valid CIDR block: "%s" is not a valid CIDR block; did you mean "%s"?' % (v, v, net), path=[n]))
                    except ValueError:
                        out.append(Diag('"%s" is not a valid CIDR block: invalid CIDR address: %s' % (v, v), path=[n]))
        given = lambda n: cfg.get(n) not in (None, [])  # noqa: E731
        a = self.schema.block('resources', t)['a']
        for n in a:
            if n + '_prefix' in a and all(given(x) and not is_unknown(cfg[x]) for x in (n, n + '_prefix')):
                out.append(Diag('Conflicting configuration arguments', '"%s": conflicts with %s_prefix' % (n, n), path=[n]))
        for names in EXACTLY_ONE.get(t, ()):
            have = [n for n in names if given(n) and not is_unknown(cfg[n])]
            if len(have) > 1:
                out.append(Diag('Invalid combination of arguments', '"%s": only one of `%s` can be specified, but `%s` were specified.'
                                % (names[0], ','.join(names), ','.join(have)), path=[names[0]]))
            elif not any(given(n) for n in names):
                out.append(Diag('Invalid combination of arguments', '"%s": one of `%s` must be specified' % (names[0], ','.join(names)), path=[names[0]]))
        for names in AT_LEAST_ONE.get(t, ()):
            if not any(cfg.get(n) is not None and (n in a or cfg.get(n) != []) for n in names):
                out.append(Diag('Missing required argument', '"%s": one of `%s` must be specified' % (names[0], ','.join(names)), path=[names[0]]))
        return out + self.check_names(t, cfg) + refused(t, cfg)

    def check_names(self, t, cfg):
        out, n = [], cfg.get('name')
        if t == 'aws_cloudwatch_log_group':
            r = cfg.get('retention_in_days')
            if isinstance(r, int) and r not in RETENTION:
                out.append(Diag('expected retention_in_days to be one of [%s], got %d' % (' '.join(map(str, RETENTION)), r), path=['retention_in_days']))
        if t in ('aws_lb', 'aws_alb', 'aws_lb_target_group', 'aws_alb_target_group') and isinstance(n, str) and n:
            if len(n) > 32:
                out.append(Diag('"name" cannot be longer than 32 characters: "%s"' % n, path=['name']))
            elif not re.fullmatch(r'[0-9A-Za-z-]+', n):
                out.append(Diag('only alphanumeric characters and hyphens allowed in "name": "%s"' % n, path=['name']))
            elif n.startswith('-') or n.endswith('-'):
                out.append(Diag('"name" cannot %s with a hyphen: "%s"' % ('begin' if n.startswith('-') else 'end', n), path=['name']))
            elif n.startswith('internal-') and t in ('aws_lb', 'aws_alb'):
                out.append(Diag('"name" cannot begin with "internal-": "%s"' % n, path=['name']))
        if t in ('aws_iam_role', 'aws_iam_user') and isinstance(n, str) and len(n) > 64:
            out.append(Diag('expected length of name to be in the range (1 - 64), got %s' % n, path=['name']))
        if t == 'aws_security_group' and isinstance(n, str) and n.startswith('sg-'):
            out.append(Diag('invalid value for name (cannot begin with sg-)', path=['name']))
        b = cfg.get('bucket')
        if t == 'aws_s3_bucket' and isinstance(b, str) and b and not re.fullmatch(r'[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]', b):
            out.append(Diag('validating S3 Bucket (%s) name: only lowercase alphanumeric characters, dots and hyphens allowed, 3 to 63 characters, in "%s"' % (b, b),
                            path=['bucket']))
        i = cfg.get('identifier')
        if t == 'aws_db_instance' and isinstance(i, str) and i:
            if not re.fullmatch(r'[0-9a-z-]+', i):
                out.append(Diag('only lowercase alphanumeric characters and hyphens allowed in "identifier"', path=['identifier']))
            elif not i[0].isalpha():
                out.append(Diag('first character of "identifier" must be a letter', path=['identifier']))
            elif '--' in i or i.endswith('-'):
                out.append(Diag('"identifier" cannot %s' % ('contain two consecutive hyphens' if '--' in i else 'end with a hyphen'), path=['identifier']))
        if t == 'aws_elasticache_replication_group':
            g = cfg.get('replication_group_id')
            if isinstance(g, str) and not re.fullmatch(r'[a-zA-Z][0-9a-zA-Z-]{0,39}', g):
                out.append(Diag('replication_group_id must begin with a letter, contain only alphanumeric characters and hyphens, at most 40', path=['replication_group_id']))
        if t == 'aws_ecr_repository' and isinstance(n, str) and n and not re.fullmatch(r'(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-]+[a-z0-9]+)*', n):
            out.append(Diag('invalid value for name (%s): must be lowercase' % n, path=['name']))
        if t == 'aws_ecs_task_definition':
            v = cfg.get('container_definitions')
            if isinstance(v, str):
                try:
                    d = json.loads(v)
                    if not isinstance(d, list) or not all(isinstance(e, dict) for e in d):
                        raise ValueError('json: cannot unmarshal into Go value of type []types.ContainerDefinition')
                except ValueError as e:
                    out.append(Diag('ECS Task Definition container_definitions is invalid: %s' % e, path=['container_definitions']))
        return out
