"""What every stand-in provider shares: validate, plan, apply, read over a compact schema."""
import os
import threading
import time

from .wire import UNKNOWN, Diag, Unknown, wholly_known


def is_unknown(v):
    return isinstance(v, Unknown)


class Base:
    name = 'base'
    legacy = False          # SDKv2 manners: planned defaults may differ from a null in the configuration
    functions = {}

    def __init__(self, schema):
        self.schema = schema
        self.log = lambda *a, **k: None
        self.delay = float(os.environ.get('FAKE_AWS_DELAY_MS') or 0) / 1000
        self.lock = threading.Lock()

    # ------------------------------------------------------------- provider
    def validate_provider(self, cfg):
        return []

    def configure(self, cfg):
        return []

    def check(self, kind, t, cfg):
        """what the real providers check before any plan"""
        block = self.schema.block(kind, t)
        if block is None or not isinstance(cfg, dict):
            return []
        return self.read_only(block, cfg, []) + self.validate(kind, t, cfg)

    def read_only(self, block, v, path):
        """computed attributes cannot be set"""
        out = []
        for n, (ty, f) in block['a'].items():
            if v.get(n) is not None and not set('ro') & set(f):
                out.append(Diag('Value for unconfigurable attribute', 'Can\'t configure a value for "%s": its value will be decided automatically based on the result '
                                'of applying this configuration.' % '.'.join(map(str, path + [n])), path=path + [n]))
        for n, nb in block['b'].items():
            x, sub = v.get(n), self.schema.sub(nb)
            if isinstance(x, list):
                for i, e in enumerate(x):
                    if isinstance(e, dict):
                        out += self.read_only(sub, e, path + [n, i])
            elif isinstance(x, dict) and nb[0] == 'single':
                out += self.read_only(sub, x, path + [n])
        return out

    def validate(self, kind, t, cfg):
        return []

    # ------------------------------------------------------------- tables, overridden per provider
    def force_new(self, t):
        """argument names (or 'block.argument') whose change replaces the resource; True: every argument"""
        return ()

    def defaults(self, t):
        """{'argument' or 'block.argument': value} for optional arguments that are not computed"""
        return {}

    def computed_blocks(self, t):
        """blocks that the provider fills when the configuration has none"""
        return ()

    def plan_known(self, t, planned, prior, config):
        """adjust the planned state in place"""

    # ------------------------------------------------------------- plan
    def plan(self, t, prior, proposed, config, imported=False):
        if proposed is None:
            return None, []
        block = self.schema.block('resources', t)
        if block is None:
            raise Diag('Unknown resource type', t)
        planned = self.merge(block, proposed, prior, self.defaults(t), self.computed_blocks(t), '')
        self.plan_known(t, planned, prior, config)
        replace = []
        if prior is not None:
            fn = self.force_new(t)
            for n in list(block['a']) + list(block['b']):
                if planned.get(n) == prior.get(n) or (imported and prior.get(n) in (None, [], {})):
                    continue        # an import knows little: what it lacks is filled in place
                if fn is True:
                    f = block['a'].get(n, ['', 'o'])[1]
                    if 'r' in f or 'o' in f:
                        replace.append([n])
                elif n in fn:
                    replace.append([n])
                else:
                    for sub in fn:
                        if sub.startswith(n + '.') and self.sub_changed(sub.split('.')[1:], prior.get(n), planned.get(n)):
                            replace.append([n])
                            break
        return planned, replace

    def sub_changed(self, path, a, b):
        def pick(v, p):
            if is_unknown(v) or v is None or not p:
                return v
            if isinstance(v, list):
                return [pick(e, p) for e in v]
            if isinstance(v, dict):
                return pick(v.get(p[0]), p[1:])
            return v
        return pick(a, path) != pick(b, path)

    def merge(self, block, prop, prior, defaults, cblocks, path):
        """planned value of a block: computed values stay as they were, or become unknown when new"""
        out = {}
        for n, (t, f) in block['a'].items():
            v = prop.get(n)
            if 'w' in f:
                v = None
            elif v is None:
                if 'c' in f:
                    v = UNKNOWN if prior is None else prior.get(n)
                elif path + n in defaults:
                    v = defaults[path + n]
            out[n] = v
        for n, nb in block['b'].items():
            v, sub, kind = prop.get(n), self.schema.sub(nb), nb[0]
            pv = prior.get(n) if prior is not None else None
            p = path + n + '.'
            if is_unknown(v):
                out[n] = v
            elif kind == 'list':
                if not v and path == '' and n in cblocks:
                    out[n] = UNKNOWN if prior is None else (pv or [])
                    continue
                pv = pv if isinstance(pv, list) else []
                out[n] = [self.merge(sub, e, pv[i] if i < len(pv) else None, defaults, (), p) if not is_unknown(e) else e
                          for i, e in enumerate(v or [])]
            elif kind == 'set':
                if not v and path == '' and n in cblocks:
                    out[n] = UNKNOWN if prior is None else (pv or [])
                    continue
                rest = list(pv) if isinstance(pv, list) else []
                res = []
                for e in v or []:
                    if is_unknown(e):
                        res.append(e)
                        continue
                    m = self.match(sub, e, rest, defaults, p)
                    if m is not None:
                        rest.remove(m)
                    res.append(self.merge(sub, e, m, defaults, (), p))
                out[n] = res
            elif kind == 'map':
                pv = pv if isinstance(pv, dict) else {}
                out[n] = {k: self.merge(sub, e, pv.get(k), defaults, (), p) if not is_unknown(e) else e
                          for k, e in (v or {}).items()}
            else:
                out[n] = None if v is None else self.merge(sub, v, pv if isinstance(pv, dict) else None, defaults, (), p)
        return out

    def match(self, block, e, candidates, defaults, path):
        """the prior set element that this one continues (equal but for what the provider computed)"""
        for c in candidates:
            if self.same(block, e, c, defaults, path):
                return c
        return None

    def same(self, block, e, c, defaults, path):
        if not isinstance(c, dict):
            return False
        for n, (t, f) in block['a'].items():
            v = e.get(n)
            if v is None:
                if 'c' in f or 'w' in f:
                    continue
                v = defaults.get(path + n)
            if v != c.get(n):
                return False
        for n, nb in block['b'].items():
            v, w, sub, p = e.get(n), c.get(n), self.schema.sub(nb), path + n + '.'
            if is_unknown(v) or is_unknown(w):
                return False
            if nb[0] == 'list':
                v, w = v or [], w or []
                if len(v) != len(w) or not all(self.same(sub, a, b, defaults, p) for a, b in zip(v, w)):
                    return False
            elif nb[0] == 'set':
                v, w = v or [], list(w or [])
                if len(v) != len(w):
                    return False
                for a in v:
                    m = self.match(sub, a, w, defaults, p)
                    if m is None:
                        return False
                    w.remove(m)
            elif nb[0] == 'map':
                v, w = v or {}, w or {}
                if set(v) != set(w) or not all(self.same(sub, v[k], w[k], defaults, p) for k in v):
                    return False
            else:
                if (v is None) != (w is None) or (v is not None and not self.same(sub, v, w, defaults, p)):
                    return False
        return True

    # ------------------------------------------------------------- apply
    def apply(self, t, prior, planned, config):
        op = 'delete' if planned is None else 'create' if prior is None else 'update'
        if self.delay:
            time.sleep(self.delay)
        d = self.injected(t, op, planned or prior, config, prior)
        if d:
            diag, partial = d
            self.log(op, type=t, id=(prior or {}).get('id'), failed=diag.summary)
            state = prior
            if op == 'create' and partial:
                state = self.finish(t, planned, prior, config, op)
            return state, [diag]
        state = self.finish(t, planned, prior, config, op) if planned is not None else self.destroy(t, prior)
        self.log(op, type=t, id=(state or prior or {}).get('id'))
        return state, []

    def injected(self, t, op, value, config, before=None):
        """(diagnostic, whether the resource is there all the same) of a change that fails; None if it does not"""

    def finish(self, t, planned, prior, config, op):
        """planned state -> applied state: replace every unknown"""
        block = self.schema.block('resources', t)
        state = self.known(block, planned)
        self.compute(t, state, prior, config, op)
        return self.settle(block, state)

    def known(self, block, v):
        """copy without write-only values"""
        out = {}
        for n, (t, f) in block['a'].items():
            out[n] = None if 'w' in f else v.get(n)
        for n, nb in block['b'].items():
            x, sub = v.get(n), self.schema.sub(nb)
            if isinstance(x, list):
                out[n] = [self.known(sub, e) for e in x]
            elif isinstance(x, dict) and nb[0] == 'map':
                out[n] = {k: self.known(sub, e) for k, e in x.items()}
            elif isinstance(x, dict):
                out[n] = self.known(sub, x)
            else:
                out[n] = x
        return out

    def compute(self, t, state, prior, config, op):
        """fill the unknown values of state in place"""

    def settle(self, block, v):
        """whatever is still unknown becomes null (or no blocks)"""
        if v is None:
            return None
        for n in block['a']:
            if not wholly_known(v.get(n)):
                v[n] = None
        for n, nb in block['b'].items():
            x, sub = v.get(n), self.schema.sub(nb)
            if is_unknown(x):
                v[n] = [] if nb[0] in ('list', 'set') else {} if nb[0] == 'map' else None
            elif isinstance(x, list):
                for e in x:
                    self.settle(sub, e)
            elif isinstance(x, dict) and nb[0] == 'map':
                for e in x.values():
                    self.settle(sub, e)
            elif isinstance(x, dict):
                self.settle(sub, x)
        return v

    def destroy(self, t, prior):
        return None

    # ------------------------------------------------------------- read, import, data, ephemeral
    def seen(self, t, state):
        pass

    def read(self, t, state):
        return state

    def empty(self, block):
        out = {n: None for n in block['a']}
        for n, nb in block['b'].items():
            out[n] = [] if nb[0] in ('list', 'set') else {} if nb[0] == 'map' else None
        return out

    def import_(self, t, rid):
        raise Diag('Import not supported', 'The stand-in for hashicorp/%s does not import %s.' % (self.name, t))

    def data_values(self, t, cfg, block):
        return {}

    def read_data(self, t, cfg):
        block = self.schema.block('data', t)
        out = dict(cfg)
        for n, (ty, f) in block['a'].items():
            if 'c' in f and out.get(n) is None:
                out[n] = UNKNOWN
        for k, v in self.data_values(t, out, block).items():
            out[k] = v
        return self.settle(block, out)

    def open_ephemeral(self, t, cfg):
        block = self.schema.block('ephemeral', t)
        out = dict(cfg)
        for n, (ty, f) in block['a'].items():
            if 'c' in f and out.get(n) is None:
                out[n] = UNKNOWN
        for k, v in self.ephemeral_values(t, out, block).items():
            out[k] = v
        return self.settle(block, out)

    def ephemeral_values(self, t, cfg, block):
        return {}
