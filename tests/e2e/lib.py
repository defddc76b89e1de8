# SPDX-License-Identifier: GPL-3.0-or-later
"""Real agents in network namespaces: one a node, a switch per link, and a client that counts who answers.

Everything lives in a folder of its own under /tmp and in namespaces named after this process; close() ends
the processes that were started here, by pid, and removes both.
"""
import atexit
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get('BUILD', 'build'))
BIN = os.path.join(BUILD, 'bin')
PORT = 7777
VIP = '10.90.0.200'
VIP6 = 'fd90::200'
PATIENCE = 60  # seconds; a generous limit for every wait


SERVICE = """#!/bin/sh
# NAME start|stop: which node this is, its first address tells. Files say how it is to fail: see order()
node=n$(ip -4 -o addr show eth0 | sed -n '1s/.*inet 10[.]90[.]0[.]\\([0-9]*\\)[/].*/\\1/p')
echo "$node $2" >> DIR/$1.log
for bad in DIR/$1.bad-hang-$2 DIR/$1.bad-hang-$2.$node; do [ -e $bad ] && exec sleep 600; done
while [ -e DIR/$1.bad-slow-$2 ]; do sleep 0.05; done
for bad in DIR/$1.bad-$2 DIR/$1.bad-$2.$node; do [ -e $bad ] && exit 1; done
case $2 in
start)
	for other in DIR/$1.on.*; do
		[ -e $other ] && [ $other != DIR/$1.on.$node ] && : > DIR/$1.double
	done
	: > DIR/$1.on.$node ;;
stop) rm -f DIR/$1.on.$node ;;
check) [ -e DIR/$1.on.$node ] ;;
esac
"""


STATES = {'Unknown', 'Normal', 'Caution', 'Error', 'Unused', 'Suspend', 'Online', 'Offline', 'Online Pending',
          'Offline Pending', 'Online Failure', 'Offline Failure'}  # all that a client knows
seen_states = set()


class Failure(AssertionError):
    pass


def note_states(part):
    """Every status of anything is one of the twelve; which of them were seen is asked at the end of a run."""
    if isinstance(part, list):
        for p in part:
            note_states(p)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key in ('status', 'elsewhere') and isinstance(value, str):
                if value not in STATES:
                    raise Failure(f'"{value}" is no status: {part}')
                seen_states.add(value)
            elif isinstance(value, (list, dict)):
                note_states(value)


def sh(*args, check=True, **kw):
    r = subprocess.run(args, capture_output=True, text=True, **kw)
    if check and r.returncode:
        raise Failure(f"{' '.join(args)}: exit {r.returncode}: {r.stderr.strip() or r.stdout.strip()}")
    return r


def build_helper(name):
    """A program of this folder, of one file."""
    program = os.path.join(BUILD, 'test', name)
    source = os.path.join(TOP, f'tests/e2e/{name}.c')
    if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
        os.makedirs(os.path.dirname(program), exist_ok=True)
        sh('gcc', '-std=gnu17', '-O2', '-D_GNU_SOURCE', '-I' + TOP, '-o', f'{program}.{os.getpid()}', source)
        os.replace(f'{program}.{os.getpid()}', program)
    return program


class Varlink:
    """A client of the local socket without the cost of a process for each call."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(path)
        self.left = b''

    def send(self, method, more=False, **parameters):
        message = {'method': method, 'parameters': parameters}
        if more:
            message['more'] = True
        self.sock.sendall(json.dumps(message).encode() + b'\0')

    def receive(self):
        while b'\0' not in self.left:
            data = self.sock.recv(65536)
            if not data:
                raise ConnectionError('the agent closed the connection')
            self.left += data
        message, _, self.left = self.left.partition(b'\0')
        return json.loads(message)

    def call(self, method, **parameters):
        self.send(f'io.holdfast.Agent.{method}', **parameters)
        return self.receive()

    def status(self):
        return self.call('GetStatus')['parameters']['status']

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Watch:
    """Replies seen by the client, as (microseconds, who); who is '=NAME' for direct questions."""

    def __init__(self, path):
        self.path = path

    @staticmethod
    def now():
        return time.monotonic_ns() // 1000

    def replies(self, since=0, until=None):
        out = []
        with open(self.path, encoding='ascii') as f:
            for line in f:
                t, _, who = line.strip().partition(' ')
                if who and who[0] != '#' and int(t) >= since and (until is None or int(t) <= until):
                    out.append((int(t), who))
        return out

    def lost(self, since, until):
        """Of the ordinary client's questions, how many had no reply; and how many there were. Those that are under
        way at the two edges may be counted by one or two."""
        with open(self.path, encoding='ascii') as f:
            asked = [(int(t), int(n[1:])) for t, _, n in (line.strip().partition(' ') for line in f) if n[:1] == '#']
        inside = [(t, n) for t, n in asked if since <= t <= until]
        if len(inside) < 2:
            raise Failure('the client asked nothing')
        (t0, n0), (t1, n1) = inside[0], inside[-1]
        return n1 - n0 - len([t for t, who in self.replies(t0, t1) if who[0] != '=']), n1 - n0

    def outage_ms(self, since, until):
        """The longest time without a reply to the ordinary client."""
        times = [t for t, who in self.replies(since, until) if who[0] != '=']
        edges = [since] + times + [until]
        return max(b - a for a, b in zip(edges, edges[1:])) / 1000

    def answering(self, since, until):
        return sorted({who[1:] for _, who in self.replies(since, until) if who[0] == '='})

    def both_ms(self, since, until, hole_us=25000):
        """How long more than one node really answered. A node answers from one reply to its next, if that is not
        more than hole_us away (it is asked each 5 ms); a handover, one ending before the other begins, counts zero."""
        runs = {}  # who -> [[from, to], ...]
        for t, who in self.replies(since, until):
            if who[0] != '=':
                continue
            mine = runs.setdefault(who, [])
            if mine and t - mine[-1][1] <= hole_us:
                mine[-1][1] = t
            else:
                mine.append([t, t])
        edges = sorted((t, step) for mine in runs.values() for run in mine for t, step in zip(run, (1, -1)))
        both = answering = last = 0
        for t, step in edges:
            both += t - last if answering > 1 else 0
            answering, last = answering + step, t
        return both / 1000


class Cluster:
    def __init__(self, nodes=3, links=1, witnesses=(), detection='300ms', groups=None, extra='', tag='', more='', agent=''):
        self.names = [f'n{i + 1}' for i in range(nodes)]
        self.witnesses = set(witnesses)
        self.links = links
        self.prefix = f'hf{os.getpid()}{tag}-'
        self.dir = tempfile.mkdtemp(prefix='hf-', dir='/tmp')
        self.detection = detection
        self.extra = extra
        self.groups = groups
        self.more = more      # monitors, exclusions
        self.agent = agent    # more keys of `agent`
        self.agents = {}      # node -> Popen
        self.responders = {}  # node -> Popen
        self.processes = []
        self.env = dict(os.environ)
        self.macs = {}
        self.watch = None
        self.others = ['c', 'sw']  # namespaces that are no nodes
        self.heartbeat = list(range(links))  # links that the agents are told of
        self.probe = build_helper('probe')
        atexit.register(self.close)  # what fails before `with` has it is cleared away as well

    # ---- set-up ----
    def ns(self, name):
        return self.prefix + name

    def run_in(self, name, *args, check=True):
        return sh('ip', 'netns', 'exec', self.ns(name), *args, check=check)

    def spawn(self, name, args, log):
        # `exec` so that the pid is the program's own
        out = open(os.path.join(self.dir, log), 'ab')
        p = subprocess.Popen(['ip', 'netns', 'exec', self.ns(name), *args], stdout=out, stderr=out,
                             stdin=subprocess.DEVNULL, env=self.env, start_new_session=True)
        out.close()
        self.processes.append(p)
        return p

    def address(self, node, link):
        return f'10.{90 + link}.0.{int(node[1:])}'

    def make_net(self):
        sh('ip', 'netns', 'add', self.ns('sw'))
        for k in range(self.links):
            sh('ip', '-n', self.ns('sw'), 'link', 'add', f'br{k}', 'type', 'bridge', 'stp_state', '0', 'mcast_snooping', '0')
            sh('ip', '-n', self.ns('sw'), 'link', 'set', f'br{k}', 'up')
        for name in self.names + ['c']:
            self.make_host(name)

    def make_host(self, name):
        sh('ip', 'netns', 'add', self.ns(name))
        self.run_in(name, 'sysctl', '-qw', 'net.ipv6.conf.all.accept_dad=0', 'net.ipv6.conf.default.accept_dad=0')
        sh('ip', '-n', self.ns(name), 'link', 'set', 'lo', 'up')
        for k in range(self.links):
            self.make_link(name, k)
        if name != 'c':
            link = json.loads(sh('ip', '-j', '-n', self.ns(name), 'link', 'show', 'eth0').stdout)
            self.macs[name] = link[0]['address']

    def make_link(self, name, k, address=True):
        """An interface and its port at the switch."""
        port, dev = f'p{name}-{k}', f'eth{k}'
        if sh('ip', '-n', self.ns(name), 'link', 'show', dev, check=False).returncode:
            sh('ip', '-n', self.ns('sw'), 'link', 'add', port, 'type', 'veth', 'peer', 'name', dev, 'netns', self.ns(name))
            sh('ip', '-n', self.ns('sw'), 'link', 'set', port, 'master', f'br{k}', 'up')
            sh('ip', '-n', self.ns(name), 'link', 'set', dev, 'up')
        if address:
            last = 254 if name == 'c' else int(name[1:])
            sh('ip', '-n', self.ns(name), 'addr', 'add', f'10.{90 + k}.0.{last}/24', 'dev', dev)
            sh('ip', '-n', self.ns(name), '-6', 'addr', 'add', f'fd{90 + k}::{last}/64', 'dev', dev, 'nodad')

    def default_groups(self):
        hosts = ', '.join(f'"{n}"' for n in self.names if n not in self.witnesses)
        return f'''( {{ name = "web"; nodes = [ {hosts} ]; accept_agent_enforced_lease = true;
  resources = ( {{ type = "fip"; name = "fip1"; address = "{VIP}/24"; check = "100ms"; }} ); }} )'''

    def config_text(self, node):
        rows = []
        for n in self.names:
            links = ', '.join(f'"{self.address(n, k)}"' for k in self.heartbeat)
            rows.append(f'{{ name = "{n}"; links = [ {links} ];{" witness = true;" if n in self.witnesses else ""} '
                        f'{self.more_of_node(n)} }}')
        return f'''cluster = {{ name = "e2e"; port = 7410; detection_time = "{self.detection}"; {self.extra} }};
agent = {{ key_file = "{self.dir}/key"; state_directory = "{self.dir}/{node}/state";
  run_directory = "{self.dir}/{node}/run"; socket = "{self.socket(node)}"; {self.agent} }};
nodes = ( {', '.join(rows)} );
groups = {self.groups or self.default_groups()};
{self.more}
'''

    def more_of_node(self, node):
        """More keys of its row."""
        return ''

    def socket(self, node):
        return f'{self.dir}/{node}/sock'

    def write_config(self, node, text=None):
        for d in ('state', 'run'):
            os.makedirs(f'{self.dir}/{node}/{d}', exist_ok=True)
        with open(f'{self.dir}/{node}/conf', 'w', encoding='utf-8') as f:
            f.write(text or self.config_text(node))

    def up(self, start=True):
        self.make_net()
        sh(os.path.join(BIN, 'holdfast'), 'keygen', f'{self.dir}/key')
        for n in self.names:
            self.write_config(n)
            self.start_responder(n)
        if start:
            for n in self.names:
                self.start(n)
        return self

    def start_responder(self, node):
        self.responders[node] = self.spawn(node, [self.probe, 'respond', node, str(PORT)], f'{node}.responder')

    def start(self, node):
        self.agents[node] = self.spawn(node, [os.path.join(BIN, 'holdfastd'), '--config', f'{self.dir}/{node}/conf',
                                              '--node', node], f'{node}.log')

    def start_watch(self):
        path = f'{self.dir}/watch'
        args = [self.probe, 'watch', 'eth0', '10.90.0.254', VIP, str(PORT)]
        args += [f'{n}={self.macs[n]}' for n in self.names if n not in self.witnesses]
        out = open(path, 'wb')
        p = subprocess.Popen(['ip', 'netns', 'exec', self.ns('c'), *args], stdout=out, start_new_session=True)
        out.close()
        self.processes.append(p)
        self.watch = Watch(path)
        return self.watch

    # ---- faults ----
    def tree(self, node):
        """The agent and all its descendants."""
        children = {}
        for pid in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(OSError, IndexError), open(f'/proc/{pid}/stat', encoding='latin-1') as f:
                children.setdefault(int(f.read().rpartition(')')[2].split()[1]), []).append(int(pid))
        todo, out = [self.agents[node].pid], []
        while todo:
            pid = todo.pop()
            out.append(pid)
            todo += children.get(pid, [])
        return out

    def signal(self, node, sig, tree=True):
        for pid in self.tree(node) if tree else [self.agents[node].pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)

    def kill_agent(self, node):
        """The agent and its helpers die at once; the kernel and the responder live on."""
        self.signal(node, signal.SIGKILL)
        self.agents[node].wait()

    def freeze(self, node):
        self.signal(node, signal.SIGSTOP)

    def thaw(self, node):
        self.signal(node, signal.SIGCONT)

    def port(self, node, link, up):
        sh('ip', '-n', self.ns('sw'), 'link', 'set', f'p{node}-{link}', 'up' if up else 'down')

    def cut(self, node, link=None):
        for k in range(self.links) if link is None else [link]:
            self.port(node, k, False)

    def mend(self, node, link=None):
        for k in range(self.links) if link is None else [link]:
            self.port(node, k, True)

    def block(self, node, blocked=True):
        """Like a cut, but the node keeps its carrier: the switch forwards nothing to or from it."""
        for k in range(self.links):
            sh('bridge', '-n', self.ns('sw'), 'link', 'set', 'dev', f'p{node}-{k}', 'state', '0' if blocked else '3')

    def deafen(self, node, to=None):
        """`node` does not hear `to` (all nodes if None) any more; nothing else changes."""
        self.run_in(node, 'nft', 'add', 'table', 'inet', 'deaf')
        self.run_in(node, 'nft', 'add', 'chain', 'inet', 'deaf', 'in', '{ type filter hook input priority 0; }')
        for k in range(self.links):
            for n in [to] if to else [n for n in self.names if n != node]:
                self.run_in(node, 'nft', 'add', 'rule', 'inet', 'deaf', 'in', 'ip', 'saddr', self.address(n, k),
                            'udp', 'dport', '7410', 'drop')

    def hear(self, node):
        self.run_in(node, 'nft', 'delete', 'table', 'inet', 'deaf')

    def power_off(self, node):
        """All processes and the links: what a dead server is."""
        self.cut(node)
        self.kill_agent(node)
        self.responders[node].kill()
        self.responders[node].wait()

    def boot(self, node):
        """After power_off(): a fresh kernel (namespace), the same disk."""
        sh('ip', 'netns', 'del', self.ns(node))
        for k in range(self.links):  # the veth pair may outlive the namespace for a moment
            sh('ip', '-n', self.ns('sw'), 'link', 'del', f'p{node}-{k}', check=False)
        shutil.rmtree(f'{self.dir}/{node}/run', ignore_errors=True)
        os.makedirs(f'{self.dir}/{node}/run')
        self.make_host(node)
        self.start_responder(node)
        self.start(node)

    # ---- services made of scripts ----
    def make_service(self):
        """A program that plays a service on any node: it keeps a file while it runs, writes down what it was told,
        and notices when it is started while it runs on another node."""
        path = f'{self.dir}/svc'
        with open(path, 'w', encoding='ascii') as f:
            f.write(SERVICE.replace('DIR', self.dir))
        os.chmod(path, 0o755)
        return path

    def service(self, name, extra='', depends=None, timeout='20s'):
        d = f' depends = [ "{depends}" ];' if depends else ''
        return (f'{{ type = "exec"; name = "{name}";{d} start = [ "{self.dir}/svc", "{name}", "start" ]; '
                f'stop = [ "{self.dir}/svc", "{name}", "stop" ]; start_timeout = "{timeout}"; stop_timeout = "{timeout}"; {extra} }}')

    def running(self, name):
        """Nodes on which the service runs."""
        return [n for n in self.names if os.path.exists(f'{self.dir}/{name}.on.{n}')]

    def told(self, name):
        """What the service was told, as (node, verb), oldest first."""
        try:
            with open(f'{self.dir}/{name}.log', encoding='ascii') as f:
                return [tuple(line.split()) for line in f]
        except FileNotFoundError:
            return []

    def doubles(self):
        return [f for f in os.listdir(self.dir) if f.endswith('.double')]

    def order(self, name, verb, node=None):
        """Makes the service fail at this verb from now on, on one node or all; 'hang-start': hang for ever; 'slow-start':
        wait for repair()."""
        with open(f'{self.dir}/{name}.bad-{verb}' + (f'.{node}' if node else ''), 'w', encoding='ascii'):
            pass

    def repair(self, name, verb, node=None):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f'{self.dir}/{name}.bad-{verb}' + (f'.{node}' if node else ''))

    # ---- looking ----
    def group(self, node, name):
        return next(g for g in self.status(node)['groups'] if g['name'] == name)

    def wait_group(self, node, name, status='Online', current=None):
        def so():
            s = self.status(node)
            g = s and next((g for g in s['groups'] if g['name'] == name), None)
            return g if g and g['status'] == status and (current is None or g['current'] in current) else None
        return self.wait(f'group {name} to be {status} on {current or "any"}', so)

    def monitor(self, node, name):
        return next(m for m in self.status(node)['monitors'] if m['name'] == name)

    def wait_monitor(self, node, name, status, server=None):
        def so():
            s = self.status(node)
            m = s and next((m for m in s['monitors'] if m['name'] == name), None)
            if not m:
                return None
            seen = m['status'] if not server else next(  # only those that differ are named
                (x['status'] for x in m['servers'] if x['server'] == server), m['elsewhere'])
            return m if seen == status else None
        return self.wait(f'monitor {name} to be {status} on {server or "all"}', so)

    def cli(self, node, *args, check=True):
        return sh(os.path.join(BIN, 'holdfast'), '--socket', self.socket(node), *args, check=check)

    def status(self, node):
        """What `holdfast status --json` shows, without a process for each look: most of a wait would go into that."""
        try:
            with Varlink(self.socket(node)) as agent:
                status = agent.call('GetStatus')['parameters']['status']
        except (OSError, KeyError, ValueError):
            return None  # no agent
        note_states(status)
        return status

    def events(self, node, name=None):
        events = json.loads(self.cli(node, 'events', '--json', '-n', '10000').stdout)['events']
        return [e for e in events if name is None or e['name'] == name]

    def has_address(self, node):
        """Whether the node has the floating IP configured; its responder shows without a new process."""
        responder = self.responders.get(node)
        if responder and responder.poll() is None:
            with contextlib.suppress(OSError), open(f'/proc/{responder.pid}/net/fib_trie', encoding='ascii') as f:
                leaf = f.read().partition(f'-- {VIP}\n')[2]
                return 'host LOCAL' in leaf.partition('--')[0]
        return f' {VIP}/' in sh('ip', '-n', self.ns(node), '-4', '-o', 'addr', 'show', check=False).stdout

    def holders(self):
        """Nodes that have the floating IP configured."""
        return [n for n in self.names if self.has_address(n)]

    def wait(self, what, condition, limit=PATIENCE):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            time.sleep(0.02)
        raise Failure(f'waited {limit} s for: {what}')

    def wait_agreed(self):
        """What a command did is carried out where it is, but others are told only by the next beats."""
        def same():
            told = [s for s in map(self.status, self.names) if s and s.get('view')]
            return len({json.dumps([s['view']['epoch'], s['ratio'], s['mode'], *(
                [[o['name'], o['status'], o.get('current')] for o in s[kind]]
                for kind in ('groups', 'resources', 'monitors'))]) for s in told}) <= 1
        self.wait('all to tell the same', same)

    def wait_members(self, node, members):
        def same():
            s = self.status(node)
            return s and s.get('view') and sorted(s['view']['members']) == sorted(members)
        return self.wait(f'{node} to be in a view of {members}', same)

    def wait_owner(self, among=None):
        def one():
            h = self.holders()
            return h[0] if len(h) == 1 and (among is None or h[0] in among) else None
        return self.wait(f'one of {among or self.names} alone to hold {VIP}', one)

    def wait_stable(self):
        """Everybody in one view and the group online."""
        owner = self.wait_owner()
        for n in self.names:
            self.wait_members(n, self.names)
        return owner

    def memory_kb(self, node):
        with open(f'/proc/{self.agents[node].pid}/status', encoding='ascii') as f:
            return next(int(x.split()[1]) for x in f if x.startswith('VmRSS'))

    def tail(self):
        for n in self.names:
            path = f'{self.dir}/{n}.log'
            if os.path.exists(path):
                with open(path, encoding='utf-8', errors='replace') as f:
                    lines = f.readlines()[-25:]
                print(f'--- {n}.log\n' + ''.join(lines), file=sys.stderr)

    def end_all(self):
        """Processes of the agents, and whatever these left in the namespaces that were made here."""
        for n in list(self.agents):
            with contextlib.suppress(Exception):
                self.thaw(n)
                self.signal(n, signal.SIGKILL)
        for p in self.processes:
            if p.poll() is None:
                p.kill()
            p.wait()
        for name in self.names + self.others:
            for pid in sh('ip', 'netns', 'pids', self.ns(name), check=False).stdout.split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)

    def leftovers(self):
        """What is still there of this cluster."""
        out = [n for n in os.listdir('/run/netns') if n.startswith(self.prefix)]
        out += [line for line in sh('losetup', '-a', check=False).stdout.splitlines() if self.dir in line]
        with open('/proc/mounts', encoding='utf-8') as f:
            out += [line for line in f if self.dir in line]
        for pid in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(OSError), open(f'/proc/{pid}/cmdline', 'rb') as f:
                if self.dir.encode() in f.read():
                    out.append(f'process {pid}')
        return out

    def close(self):
        atexit.unregister(self.close)
        self.end_all()
        for name in self.names + self.others:
            sh('ip', 'netns', 'del', self.ns(name), check=False)
        self.wait(f'nothing to be left: {self.leftovers()}', lambda: not self.leftovers())
        if os.environ.get('KEEP_LOGS') != '1':
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind and kind is not KeyboardInterrupt:
            self.tail()
        self.close()
