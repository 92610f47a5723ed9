"""Stand-ins for hashicorp/random, null, time, local, archive, http, external and cloudinit.

random, time, local, archive, external and cloudinit do what the real ones do (they need no network);
http never calls out."""
import base64
import calendar
import datetime
import gzip
import hashlib
import io
import json
import os
import random as pyrandom
import re
import secrets
import subprocess
import tarfile
import uuid
import zipfile

from .aws_names import seed_of
from .base import Base, is_unknown
from .wire import UNKNOWN, Diag


class Small(Base):
    """framework-style: every argument replaces, computed values made by self.make(type, state)"""
    replace_all = True

    def __init__(self, schema):
        super().__init__(schema)
        self.count = {}

    def force_new(self, t):
        return True if self.replace_all else ()

    def compute(self, t, state, prior, config, op):
        self.make(t, state, prior, config)

    def make(self, t, state, prior, config):
        pass

    def put(self, state, **values):
        for k, v in values.items():
            if k in state and is_unknown(state[k]):
                state[k] = v


# ---------------------------------------------------------------------- random
ADJ = 'able apt bold brave brief calm clear cool crisp daring eager fair fast fine fit fond free fresh glad good grand great happy keen kind large light ' \
      'live loyal lucky mild neat new nice noble open polite proud pure quick quiet rapid ready rich right safe sharp smart social solid sound square ' \
      'steady strong subtle suited sunny super sweet swift tender tidy top touched true up vast vital vocal warm well whole wise witty worthy'.split()
ADV = 'actually briefly calmly carefully certainly clearly closely deeply easily evenly fairly firmly fully gently gladly greatly happily highly humbly ' \
      'jointly kindly largely likely mainly merely mildly mostly naturally neatly newly nicely openly partly plainly possibly promptly properly quickly ' \
      'quietly rapidly rarely readily really rightly safely simply slightly slowly smoothly softly solely surely swiftly truly usually vastly widely'.split()
PET = 'ant ape bass bat bear bee bird bison boar bug bull calf cat civet clam cobra cod colt cougar cow crab crane crow cub deer dingo doe dog dove duck ' \
      'eagle eel elf elk emu falcon fawn ferret finch fish flea fly fowl fox frog gecko gnu goat goose grouse guppy hare hawk hen heron hog horse hound ibex ' \
      'jay kid kit kite koala lab lamb lark lion llama loon lynx mako mantis marlin mink mite mole monkey moose moth mouse mule mutt newt oriole oryx owl ox ' \
      'panda parrot perch pig pika polecat pony pug puma pup python quail rabbit ram rat raven ray robin sheep shiner shrew skink skunk sloth slug snail ' \
      'snake sole spider squid stag stork sunfish swan tapir termite terrapin tick tiger toad troll trout tuna turkey viper vulture walrus wasp weevil ' \
      'whale wolf wombat worm yak zebra'.split()


class Random(Small):
    name = 'random'
    BOOLS = ('special', 'upper', 'lower', 'numeric', 'number')
    MINS = ('min_lower', 'min_numeric', 'min_special', 'min_upper')

    def rng(self, t, config):
        seed = os.environ.get('FAKE_RANDOM_SEED')
        if not seed:
            return secrets.SystemRandom()
        with self.lock:
            key = seed_of(t, config)
            n = self.count.get(key, 0)
            self.count[key] = n + 1
        return pyrandom.Random('%s|%s|%d' % (seed, key, n))

    def validate(self, kind, t, cfg):
        out = []
        if t in ('random_password', 'random_string') and isinstance(cfg, dict):
            mins = [cfg.get(n) or 0 for n in self.MINS if not is_unknown(cfg.get(n))]
            if isinstance(cfg.get('length'), int) and cfg['length'] < max(1, sum(m for m in mins if isinstance(m, int))):
                out.append(Diag('Invalid Attribute Value', 'Attribute length value must be at least sum of min_upper + min_lower + min_numeric + min_special, got: %d'
                                % cfg['length'], ['length']))
        if t == 'random_integer' and isinstance(cfg.get('min'), int) and isinstance(cfg.get('max'), int) and cfg['min'] > cfg['max']:
            out.append(Diag('Create Random Integer Error', 'The minimum (min) value needs to be smaller than or equal to maximum (max) value.'))
        return out

    def plan_known(self, t, planned, prior, config):
        if t in ('random_password', 'random_string'):
            num = config.get('numeric') if config.get('numeric') is not None else config.get('number')
            for n in self.BOOLS:
                if is_unknown(planned.get(n)) and not is_unknown(config.get(n)):
                    planned[n] = num if n in ('numeric', 'number') and num is not None else True
            for n in self.MINS:
                if is_unknown(planned.get(n)) and not is_unknown(config.get(n)):
                    planned[n] = 0
        if t == 'random_pet':
            for n, d in (('length', 2), ('separator', '-')):
                if is_unknown(planned.get(n)) and not is_unknown(config.get(n)):
                    planned[n] = d

    def text(self, v, r):
        sets = {'upper': 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'lower': 'abcdefghijklmnopqrstuvwxyz', 'numeric': '0123456789',
                'special': v.get('override_special') or '!@#$%&*()-_=+[]{}<>:?'}
        pool, out = '', []
        for n, chars in sets.items():
            if v.get(n) is not False:
                pool += chars
                out += [r.choice(chars) for _ in range(int(v.get('min_' + n) or 0))]
        if not pool:
            raise Diag('Random Read Error', 'the character set specified is empty')
        out += [r.choice(pool) for _ in range(int(v['length']) - len(out))]
        r.shuffle(out)
        return ''.join(out)

    def make(self, t, s, prior, config):
        r = self.rng(t, config)
        raw = lambda n: bytes(r.getrandbits(8) for _ in range(n))  # noqa: E731
        if t in ('random_password', 'random_string'):
            v = self.text(s, r)
            self.put(s, result=v, id='none' if t == 'random_password' else v,
                     bcrypt_hash='$2a$10$' + ''.join(r.choice('./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789') for _ in range(53)))
        elif t == 'random_id':
            b, p = raw(int(s['byte_length'])), s.get('prefix') or ''
            url = base64.urlsafe_b64encode(b).decode().rstrip('=')
            self.put(s, id=url, b64_url=p + url, b64_std=p + base64.b64encode(b).decode(), hex=p + b.hex(), dec=p + str(int.from_bytes(b, 'big')))
        elif t == 'random_bytes':
            b = raw(int(s['length']))
            self.put(s, base64=base64.b64encode(b).decode(), hex=b.hex())
        elif t == 'random_integer':
            if s.get('seed'):
                r = pyrandom.Random(s['seed'])
            n = r.randint(int(s['min']), int(s['max']))
            self.put(s, result=n, id=str(n))
        elif t == 'random_pet':
            n = int(s['length'])
            words = [r.choice(PET)] if n == 1 else [r.choice(ADV) for _ in range(n - 2)] + [r.choice(ADJ), r.choice(PET)]
            words = ([s['prefix']] if s.get('prefix') else []) + words
            self.put(s, id=s['separator'].join(words))
        elif t == 'random_shuffle':
            if s.get('seed'):
                r = pyrandom.Random(s['seed'])
            src = list(s['input'] or [])
            want = int(s['result_count']) if s.get('result_count') is not None else len(src)
            out = []
            while src and len(out) < want:
                part = list(src)
                r.shuffle(part)
                out += part
            self.put(s, id='-', result=out[:want])
        elif t.startswith('random_uuid'):
            b = bytearray(raw(16))
            if t == 'random_uuid7':
                b[0:6] = int(datetime.datetime.now().timestamp() * 1000).to_bytes(6, 'big')
            u = str(uuid.UUID(bytes=bytes(b), version=4))
            if t == 'random_uuid7':
                u = u[:14] + '7' + u[15:]
            self.put(s, id=u, result=u)

    def import_(self, t, rid):
        s = self.empty(self.schema.block('resources', t))
        s['id'] = rid
        if 'result' in s and t != 'random_shuffle':
            s['result'] = int(rid.split(',')[0]) if t == 'random_integer' else rid
        if t == 'random_password':
            s['id'] = 'none'
        if t in ('random_password', 'random_string'):
            s['length'] = len(rid)
            for n in self.BOOLS:
                s[n] = True
            for n in self.MINS:
                s[n] = 0
        return s

    def ephemeral_values(self, t, cfg, block):
        r = secrets.SystemRandom()
        if t == 'random_password':
            out = {n: cfg[n] if not is_unknown(cfg.get(n)) else True for n in self.BOOLS if n in cfg}
            out.update({n: cfg[n] if not is_unknown(cfg.get(n)) else 0 for n in self.MINS if n in cfg})
            out['result'] = self.text(dict(cfg, **out), r)
            out['bcrypt_hash'] = '$2a$10$' + 'x' * 53
            return out
        b = secrets.token_bytes(int(cfg.get('length') or 0))
        return {'base64': base64.b64encode(b).decode(), 'hex': b.hex()}


# ---------------------------------------------------------------------- null
class Null(Small):
    name = 'null'

    def make(self, t, s, prior, config):
        self.put(s, id=str(secrets.randbelow(1 << 62)))

    def data_values(self, t, cfg, block):
        return {'id': 'static', 'outputs': cfg.get('inputs') or {}, 'random': str(secrets.randbelow(1 << 62)),
                'has_computed_default': 'default' if is_unknown(cfg.get('has_computed_default')) else cfg.get('has_computed_default')}


# ---------------------------------------------------------------------- time
def _now():
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def _parse(s):
    m = re.fullmatch(r'(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)', s or '')
    if not m:
        raise Diag('RFC3339 parse error', 'The timestamp %r is not in RFC3339 form.' % s)
    d = datetime.datetime.strptime(m.group(1) + 'T' + m.group(2), '%Y-%m-%dT%H:%M:%S').replace(tzinfo=datetime.timezone.utc)
    z = m.group(4)
    if z not in 'Zz':
        off = datetime.timedelta(hours=int(z[1:3]), minutes=int(z[4:6]))
        d = d - off if z[0] == '+' else d + off
    return d


def _fmt(d):
    return d.strftime('%Y-%m-%dT%H:%M:%SZ')


def _shift(d, s, prefix):
    g = lambda n: int(s.get(prefix + n) or 0)  # noqa: E731
    months = d.month - 1 + g('months') + 12 * g('years')
    y, mo = d.year + months // 12, months % 12 + 1
    # like Go's AddDate: overflowing days roll into the next month
    d = d.replace(year=y, month=mo, day=1) + datetime.timedelta(days=d.day - 1)
    return d + datetime.timedelta(days=g('days'), hours=g('hours'), minutes=g('minutes'), seconds=g('seconds'))


class Time(Small):
    name = 'time'
    replace_all = False

    def force_new(self, t):
        return ('triggers', 'rfc3339', 'base_rfc3339') if t != 'time_sleep' else ('triggers',)

    def parts(self, d):
        return {'year': d.year, 'month': d.month, 'day': d.day, 'hour': d.hour, 'minute': d.minute, 'second': d.second, 'unix': calendar.timegm(d.timetuple())}

    def plan_known(self, t, planned, prior, config):
        if prior is not None and t in ('time_offset', 'time_rotating') and any(planned.get(n) != prior.get(n) for n in planned if n.startswith(('offset_', 'rotation_'))):
            for n in ('rotation_rfc3339',) if t == 'time_rotating' else ('rfc3339', 'year', 'month', 'day', 'hour', 'minute', 'second', 'unix'):
                planned[n] = UNKNOWN

    def make(self, t, s, prior, config):
        now = _now()
        if t == 'time_sleep':
            self.put(s, id=_fmt(now))       # no real waiting
        elif t == 'time_offset':
            self.put(s, base_rfc3339=_fmt(now))
            d = _shift(_parse(s['base_rfc3339']), s, 'offset_')
            self.put(s, id=s['base_rfc3339'], rfc3339=_fmt(d), **self.parts(d))
        else:
            self.put(s, rfc3339=_fmt(now))
            d = _parse(s['rfc3339'])
            self.put(s, id=s['rfc3339'], **self.parts(d))
            if t == 'time_rotating':
                self.put(s, rotation_rfc3339=_fmt(_shift(d, s, 'rotation_')))

    def read(self, t, state):
        if t == 'time_rotating' and state.get('rotation_rfc3339') and _now() > _parse(state['rotation_rfc3339']):
            return None
        return state

    @staticmethod
    def _rfc3339_parse(s):
        d = _parse(s)
        return {'year': d.year, 'year_day': d.timetuple().tm_yday, 'day': d.day, 'month': d.month, 'month_name': d.strftime('%B'), 'weekday': (d.weekday() + 1) % 7,
                'weekday_name': d.strftime('%A'), 'hour': d.hour, 'minute': d.minute, 'second': d.second, 'unix': calendar.timegm(d.timetuple()),
                'iso_year': d.isocalendar()[0], 'iso_week': d.isocalendar()[1]}

    functions = {'rfc3339_parse': {'call': lambda s: Time._rfc3339_parse(s), 'summary': 'Parse an RFC3339 timestamp string into an object', 'params': [('timestamp', 'string', '')],
                                   'returns': ['object', {k: ('string' if k.endswith('name') else 'number') for k in
                                               ('year', 'year_day', 'day', 'month', 'month_name', 'weekday', 'weekday_name', 'hour', 'minute', 'second', 'unix',
                                                'iso_year', 'iso_week')}]}}


# ---------------------------------------------------------------------- local
def _sums(data):
    return {'content_md5': hashlib.md5(data).hexdigest(), 'content_sha1': hashlib.sha1(data).hexdigest(), 'content_sha256': hashlib.sha256(data).hexdigest(),
            'content_sha512': hashlib.sha512(data).hexdigest(), 'content_base64sha256': base64.b64encode(hashlib.sha256(data).digest()).decode(),
            'content_base64sha512': base64.b64encode(hashlib.sha512(data).digest()).decode()}


class Local(Small):
    name = 'local'
    functions = {'direxists': {'call': lambda p: os.path.isdir(p), 'summary': 'Determines whether a directory exists at a given path.', 'returns': 'bool',
                               'params': [('path', 'string', '')]}}

    def plan_known(self, t, planned, prior, config):
        for n, d in (('file_permission', '0777' if t == 'local_file' else '0700'), ('directory_permission', '0777' if t == 'local_file' else '0700')):
            if n in planned and is_unknown(planned[n]) and config.get(n) is None:
                planned[n] = d

    def content(self, s):
        if s.get('content_base64') is not None:
            return base64.b64decode(s['content_base64'])
        if s.get('source') is not None:
            with open(s['source'], 'rb') as f:
                return f.read()
        for n in ('sensitive_content', 'content'):
            if s.get(n) is not None:
                return s[n].encode()
        return b''

    def make(self, t, s, prior, config):
        data = self.content(s)
        path = s['filename']
        os.makedirs(os.path.dirname(path) or '.', mode=int(s['directory_permission'], 8), exist_ok=True)
        with open(path, 'wb') as f:
            f.write(data)
        os.chmod(path, int(s['file_permission'], 8))
        self.put(s, id=hashlib.sha1(data).hexdigest(), **_sums(data))

    def read(self, t, state):
        try:
            with open(state['filename'], 'rb') as f:
                return state if hashlib.sha1(f.read()).hexdigest() == state['id'] else None
        except OSError:
            return None

    def destroy(self, t, prior):
        try:
            os.remove(prior['filename'])
        except OSError:
            pass
        return None

    def data_values(self, t, cfg, block):
        if t == 'local_command':
            p = subprocess.run([cfg['command']] + [a for a in cfg.get('arguments') or []], input=(cfg.get('stdin') or '').encode(), capture_output=True,
                               cwd=cfg.get('working_directory') or None)
            if p.returncode and cfg.get('allow_non_zero_exit_code') is not True:
                raise Diag('Command Execution Failed', 'exit status %d\n%s' % (p.returncode, p.stderr.decode('utf8', 'replace')))
            return {'stdout': p.stdout.decode('utf8', 'replace'), 'stderr': p.stderr.decode('utf8', 'replace'), 'exit_code': p.returncode}
        try:
            with open(cfg['filename'], 'rb') as f:
                data = f.read()
        except OSError as e:
            raise Diag('Read local file data source error', 'The file at given path cannot be read.\n\n+Original Error: open %s: %s' % (cfg['filename'], e.strerror.lower()))
        return dict(_sums(data), content=data.decode('utf8', 'replace'), content_base64=base64.b64encode(data).decode(), id=hashlib.sha1(data).hexdigest())


# ---------------------------------------------------------------------- archive
class Archive(Small):
    name = 'archive'

    def make(self, t, s, prior, config):
        self.put(s, **self.build(s))

    def data_values(self, t, cfg, block):
        return self.build(cfg)

    def files(self, c):
        out, excl = [], [e.strip('/') for e in c.get('excludes') or []]

        def excluded(rel):
            import fnmatch
            return any(rel == e or rel.startswith(e + '/') or fnmatch.fnmatch(rel, e.replace('**/', '*').replace('**', '*')) for e in excl)

        if c.get('source_dir'):
            root = c['source_dir']
            if not os.path.isdir(root):
                raise Diag('Archive creation error', 'error creating archive: could not archive missing directory: %s' % root)
            for base, dirs, names in os.walk(root, followlinks=True):
                dirs.sort()
                for n in sorted(names):
                    p = os.path.join(base, n)
                    rel = os.path.relpath(p, root).replace(os.sep, '/')
                    if not excluded(rel):
                        with open(p, 'rb') as f:
                            out.append((rel, f.read(), os.stat(p).st_mode))
        elif c.get('source_file'):
            try:
                with open(c['source_file'], 'rb') as f:
                    out.append((os.path.basename(c['source_file']), f.read(), os.stat(c['source_file']).st_mode))
            except OSError:
                raise Diag('Archive creation error', 'error creating archive: could not archive missing file: %s' % c['source_file'])
        elif c.get('source_content_filename'):
            out.append((c['source_content_filename'], (c.get('source_content') or '').encode(), 0o644))
        for b in sorted(c.get('source') or [], key=lambda b: b['filename']):
            out.append((b['filename'], b['content'].encode(), 0o644))
        return out

    def build(self, c):
        mode = int(c['output_file_mode'], 8) if c.get('output_file_mode') else None
        buf = io.BytesIO()
        files = self.files(c)
        if c['type'] == 'tar.gz':
            with gzip.GzipFile(fileobj=buf, mode='wb', mtime=0) as g, tarfile.open(fileobj=g, mode='w') as t:
                for n, data, m in files:
                    i = tarfile.TarInfo(n)
                    i.size, i.mode = len(data), mode or (m & 0o777)
                    t.addfile(i, io.BytesIO(data))
        elif c['type'] == 'zip':
            with zipfile.ZipFile(buf, 'w', zipfile.ZIP_DEFLATED) as z:
                for n, data, m in files:
                    i = zipfile.ZipInfo(n, (2049, 1, 1, 0, 0, 0))
                    i.external_attr = ((mode or (m & 0o777)) | 0o100000) << 16
                    z.writestr(i, data, zipfile.ZIP_DEFLATED)
        else:
            raise Diag('Archive creation error', 'error creating archive: archive type not supported: %s' % c['type'])
        data = buf.getvalue()
        path = c['output_path']
        os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
        with open(path, 'wb') as f:
            f.write(data)
        h = {'output_md5': hashlib.md5(data).hexdigest(), 'output_sha': hashlib.sha1(data).hexdigest(), 'output_sha256': hashlib.sha256(data).hexdigest(),
             'output_sha512': hashlib.sha512(data).hexdigest(), 'output_base64sha256': base64.b64encode(hashlib.sha256(data).digest()).decode(),
             'output_base64sha512': base64.b64encode(hashlib.sha512(data).digest()).decode(), 'output_size': len(data)}
        h['id'] = h['output_sha']
        return h


# ---------------------------------------------------------------------- http, external, cloudinit
class Http(Small):
    name = 'http'

    def data_values(self, t, cfg, block):
        url = cfg['url']
        body = os.environ.get('FAKE_HTTP_BODY')
        if body is None:
            if re.search(r'checkip|ipify|ifconfig|icanhazip|ipinfo|whatismyip', url):
                body = '{"ip":"203.0.113.10"}' if 'json' in url else '203.0.113.10\n'
            else:
                body = '{}'
        return {'id': url, 'status_code': 200, 'body': body, 'response_body': body, 'response_body_base64': base64.b64encode(body.encode()).decode(),
                'response_headers': {'Content-Type': 'application/json', 'X-Fake-Provider': 'offline'}}


class External(Small):
    name = 'external'

    def data_values(self, t, cfg, block):
        if os.environ.get('FAKE_EXTERNAL') == 'skip':
            return {'id': '-', 'result': {}}
        q = json.dumps({k: v for k, v in (cfg.get('query') or {}).items() if v is not None})
        try:
            p = subprocess.run(cfg['program'], input=q.encode(), capture_output=True, cwd=cfg.get('working_dir') or None)
        except OSError as e:
            raise Diag('External Program Lookup Failed', 'The data source received an unexpected error while attempting to find the program.\n\nProgram: %s\nError: %s'
                       % (cfg['program'][0], e))
        if p.returncode:
            raise Diag('External Program Execution Failed', 'The data source received an unexpected error while attempting to execute the program.\n\nProgram: %s\n'
                       'Error Message: %s\nState: exit status %d' % (cfg['program'][0], p.stderr.decode('utf8', 'replace'), p.returncode))
        try:
            r = json.loads(p.stdout)
            assert isinstance(r, dict) and all(isinstance(v, str) or v is None for v in r.values())
        except (ValueError, AssertionError):
            raise Diag('Unexpected External Program Results', 'The data source received unexpected results after executing the program.\n\nProgram output must be a JSON '
                       'encoded map of string keys and string values.')
        return {'id': '-', 'result': r}


class Cloudinit(Small):
    name = 'cloudinit'

    def render(self, c):
        z = c['gzip'] if isinstance(c.get('gzip'), bool) else True
        b64 = c['base64_encode'] if isinstance(c.get('base64_encode'), bool) else True
        bnd = c['boundary'] if isinstance(c.get('boundary'), str) else 'MIMEBOUNDARY'
        out = 'Content-Type: multipart/mixed; boundary="%s"\nMIME-Version: 1.0\r\n\r\n' % bnd
        for p in c.get('part') or []:
            head = 'Content-Transfer-Encoding: 7bit\r\nContent-Type: %s\r\nMime-Version: 1.0\r\n' % (p.get('content_type') if isinstance(p.get('content_type'), str) else 'text/plain')
            if p.get('filename'):
                head = 'Content-Disposition: attachment; filename="%s"\r\n' % p['filename'] + head
            if p.get('merge_type'):
                head += 'X-Merge-Type: %s\r\n' % p['merge_type']
            out += '--%s\r\n%s\r\n%s\r\n' % (bnd, head, p['content'])
        data = (out + '--%s--\r\n' % bnd).encode()
        rendered = data
        if z:
            buf = io.BytesIO()
            with gzip.GzipFile(fileobj=buf, mode='wb', mtime=0) as g:
                g.write(data)
            rendered = buf.getvalue()
        text = base64.b64encode(rendered).decode() if b64 else rendered.decode('utf8', 'replace')
        return {'gzip': z, 'base64_encode': b64, 'boundary': bnd, 'rendered': text, 'id': str(int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)),
                'part': [dict(p, content_type=p['content_type'] if isinstance(p.get('content_type'), str) else 'text/plain') for p in c.get('part') or []]}

    def data_values(self, t, cfg, block):
        return self.render(cfg)

    def make(self, t, s, prior, config):
        v = self.render(s)
        s['part'] = v.pop('part')
        self.put(s, **v)


CLASSES = {c.name: c for c in (Random, Null, Time, Local, Archive, Http, External, Cloudinit)}
