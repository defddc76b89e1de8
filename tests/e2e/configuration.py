# SPDX-License-Identifier: GPL-3.0-or-later
"""Another configuration for a cluster that runs: `holdfast config apply` on three real agents, and other nodes' agents
asked through the channel."""
import json
import os
import signal
import socket
import time

from lib import BIN, Cluster, Failure, VIP, sh
from scenarios import never_two


def check(condition, what):
    if not condition:
        raise Failure(what)


class Agent:
    """A connection to an agent's socket that speaks Varlink."""

    def __init__(self, cluster, node):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(cluster.socket(node))
        self.buffer = b''

    def call(self, method, **parameters):
        """The reply's parameters, or the error's name and parameters as a Failure."""
        message = {'method': f'io.holdfast.Agent.{method}', 'parameters': parameters}
        self.socket.sendall(json.dumps(message).encode() + b'\0')
        while b'\0' not in self.buffer:
            data = self.socket.recv(65536)
            check(data, f'{method}: the agent closed the connection')
            self.buffer += data
        reply, _, self.buffer = self.buffer.partition(b'\0')
        reply = json.loads(reply)
        if 'error' in reply:
            raise Failure(f"{reply['error']} {reply['parameters']}")
        return reply['parameters']

    def prepare(self, text):
        self.call('ConfigPut', id='test', offset=0, text=text)
        return self.call('ConfigPrepare', id='test')


class Configured(Cluster):
    def __init__(self, **kw):
        super().__init__(detection='1s', **kw)

    def up(self, start=True):
        super().up(start)
        if start:
            self.wait_stable()
            self.wait_channels()
        return self

    def wait_channels(self):
        for a in self.names:
            for b in self.names:
                self.wait(f'{a} to reach {b}',
                          lambda: self.cli(a, '-h', b, 'group', 'list', check=False).returncode == 0)

    def apply(self, text, node='n1', *args, code=0):
        path = f'{self.dir}/new.conf'
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        r = self.cli(node, 'config', 'apply', path, '--yes', *args, check=False)
        check(r.returncode == code, f'config apply: exit {r.returncode}, not {code}: {r.stdout} {r.stderr}')
        return r.stdout + r.stderr

    def hashes(self, nodes=None):
        return {s['config_hash'] if s else None for s in map(self.status, nodes or self.names)}

    def settled(self, generation, nodes=None):
        """All work by the same configuration, of this generation, and have it in their files."""
        def done():
            for n in nodes or self.names:
                s = self.status(n)
                if not s or s['config_generation'] != generation or s['config_problem'] or s['config_pending']:
                    return False
                path = f'{self.dir}/{n}/state/config.applied'
                if not os.path.exists(path):
                    return False
                with open(path, encoding='ascii') as f:
                    if f'hash {s["config_hash"]}\n' not in f.read():
                        return False
            return len(self.hashes(nodes)) == 1
        return self.wait(f'configuration {generation} everywhere', done)

    def pid(self, node):
        return [e['args'][1] for e in self.events(node, 'agent-started') if e['origin'] == node][-1]


def with_group(text, name='extra', more=''):
    """A group of a program before all others: every index changes."""
    return text.replace('groups = (', f'''groups = ( {{ name = "{name}"; nodes = [ "n2", "n3" ]; {more}
  accept_agent_enforced_lease = true;
  resources = ( {{ type = "exec"; name = "{name}-p"; start = [ "/bin/true" ]; stop = [ "/bin/true" ]; }} ); }},''', 1)


def config_apply(tag):
    """What does not change goes on running, though every index does."""
    with Configured(tag=tag).up() as c:
        base = c.config_text('n1')
        w = c.start_watch()
        c.wait('replies', lambda: w.replies(w.now() - 200000))
        since, owner = w.now(), c.holders()
        pids = {n: c.pid(n) for n in c.names}
        check('nothing to change' in c.apply(base), 'the same text changes nothing')
        out = c.apply(base.replace('name = "web";', 'name = "web"; failback = "auto"; comment = "x";'))
        check('group web: failback: "manual" -> "auto"' in out, out)
        c.settled(1)
        text = with_group(base, 'aaa') + '''monitors = ( { name = "m"; type = "genw"; command = [ "/bin/true" ]; interval = "1s"; } );'''
        out = c.apply(text, 'n2')
        check('group aaa added' in out and 'monitor m added' in out, out)
        c.settled(2)
        c.wait('the new group', lambda: all(g['status'] == 'Online' for g in c.status('n3')['groups']))
        c.wait('the new monitor', lambda: [m['status'] for m in c.status('n3')['monitors']] == ['Normal'])
        c.apply(text.replace('detection_time = "1s"', 'detection_time = "800ms"'), 'n3')
        c.settled(3)
        check(c.holders() == owner, 'the address has moved')
        # and the old group can still be moved, stopped and started by its new numbers
        target = next(n for n in c.names if n != owner[0])
        until = w.now()
        c.cli('n1', 'group', 'move', 'web', target, '--wait')
        c.wait('the move', lambda: c.holders() == [target])
        check({n: c.pid(n) for n in c.names} == pids, 'an agent was restarted')
        never_two(w, since, w.now())
        gap = w.outage_ms(since, until)
        check(gap < 300, f'{gap} ms without an answer')
        with open(f'{c.dir}/n1/conf.previous', encoding='utf-8') as f:
            check('detection_time = "1s"' in f.read(), 'the former file is kept')
        return f'three changes, longest gap {gap:.0f} ms'


def config_stop_groups(tag):
    """A resource that changes is stopped before, and started after."""
    with Configured(tag=tag).up() as c:
        base = c.config_text('n1')
        text = base.replace(VIP, '10.90.0.201')
        out = c.apply(text, code=64)
        check('groups that must be stopped meanwhile: web' in out and '--stop-groups' in out, out)
        check(c.holders() != [], 'it goes on')
        check(all(s['config_pending'] is None for s in map(c.status, c.names)), 'it is forgotten everywhere')
        c.apply(text, 'n1', '--stop-groups')
        c.settled(1)
        c.wait('the group', lambda: all(g['status'] == 'Online' for g in c.status('n1')['groups']))
        check(c.holders() == [], 'the old address has gone')
        has = [n for n in c.names if '10.90.0.201/' in sh('ip', '-n', c.ns(n), '-4', '-o', 'addr').stdout]
        check(len(has) == 1, f'{has} have the new address')
        # a group that goes away: stopped, and gone
        c.apply(with_group(text), 'n1')
        c.wait('both groups', lambda: [g['status'] for g in c.status('n1')['groups']] == ['Online', 'Online'])
        c.apply(text, 'n2', '--stop-groups')
        c.settled(3)
        check([g['name'] for g in c.status('n3')['groups']] == ['web'], 'one group is left')
        return 'an address changed, a group came and went'


def config_bad_node(tag):
    """What one server cannot accept is applied nowhere."""
    with Configured(tag=tag).up() as c:
        base = c.config_text('n1')
        before = c.hashes()
        sh('ip', '-n', c.ns('n1'), 'link', 'add', 'extra0', 'type', 'veth', 'peer', 'name', 'extra1')
        sh('ip', '-n', c.ns('n2'), 'link', 'add', 'extra0', 'type', 'veth', 'peer', 'name', 'extra1')
        text = base.replace('name = "fip1";', 'name = "fip1"; interface = "extra0";')
        out = c.apply(text, code=1)
        check('n3: ' in out and 'there is no interface "extra0" on this server' in out and 'new.conf:' in out, out)
        out = c.apply(base.replace('nodes = (', 'nodes = ( { bogus = 1; }, ', 1), code=1)
        check('error:' in out and 'bogus' in out, out)
        check('is not UTF-8' in c.apply_bytes(b'# caf\xe9\n' + base.encode()), 'latin 1 is refused')
        check('over 1 MiB' in c.apply_bytes(b'#' * (1 << 20) + b'\n' + base.encode()), 'a huge file is refused')
        check(c.hashes() == before, 'something was changed')
        check(all(s['config_pending'] is None for s in map(c.status, c.names)), 'nothing is left behind')
        return 'refused by one, changed by none'


def apply_bytes(self, data):
    path = f'{self.dir}/bytes.conf'
    with open(path, 'wb') as f:
        f.write(data)
    r = self.cli('n1', 'config', 'apply', path, '--yes', check=False)
    check(r.returncode == 1, f'exit {r.returncode}')
    return r.stderr


Configured.apply_bytes = apply_bytes


def config_away(tag):
    """A server that was away gets what it missed; one whose file was changed by hand is only shown."""
    with Configured(tag=tag).up() as c:
        base = c.config_text('n1')
        c.kill_agent('n3')
        c.wait_members('n1', ['n1', 'n2'])
        out = c.apply(with_group(base, 'aaa'))
        check('n3 is away: it will catch up' in out, out)
        c.settled(1, ['n1', 'n2'])
        c.apply(with_group(with_group(base, 'aaa'), 'bbb'))
        c.settled(2, ['n1', 'n2'])
        c.start('n3')
        c.settled(2)
        c.wait_members('n1', c.names)
        with open(f'{c.dir}/n3/conf', encoding='utf-8') as f:
            check('name = "bbb"' in f.read(), 'the file of n3')
        with open(f'{c.dir}/n3/conf.previous', encoding='utf-8') as f:
            check('name = "bbb"' not in f.read(), 'its former file is kept')
        # by hand: left alone and shown
        c.kill_agent('n2')
        with open(f'{c.dir}/n2/conf', encoding='utf-8') as f:
            text = f.read()
        with open(f'{c.dir}/n2/conf', 'w', encoding='utf-8') as f:
            f.write(text.replace('failback = "manual"', 'failback = "auto"') if 'failback' in text else
                    text.replace('name = "bbb";', 'name = "bbb"; failback = "auto";'))
        c.start('n2')
        c.wait_members('n1', c.names)
        c.wait('n2 to differ', lambda: any(s['config_differs'] for s in c.status('n1')['servers'] if s['name'] == 'n2'))
        c.wait('n1 to reach n2', lambda: c.cli('n1', '-h', 'n2', 'group', 'list', check=False).returncode == 0)
        r = c.cli('n1', 'config', 'diff', 'n2', check=False)
        check(r.returncode == 1 and 'n2: group' in r.stdout and 'failback' in r.stdout, r.stdout + r.stderr)
        time.sleep(3)  # a moment in which it could be replaced
        check(len(c.hashes()) == 2, 'a file that was changed by hand must not be replaced')
        c.apply(base, 'n1', '--stop-groups')
        c.settled(3)
        check(c.cli('n1', 'config', 'diff', check=False).returncode == 0, 'no difference is left')
        return 'caught up over two changes; by hand: shown'


def config_interrupted(tag):
    """A server that dies between the two steps has it when it comes back; two operators cannot mix theirs."""
    with Configured(tag=tag).up() as c:
        base = c.config_text('n1')
        first, second = with_group(base, 'aaa'), with_group(base, 'bbb')
        agents = {n: Agent(c, n) for n in c.names}
        replies = {n: a.prepare(first) for n, a in agents.items()}
        check(len({r['hash'] for r in replies.values()}) == 1, 'one hash')
        agents['n2'].prepare(second)
        try:
            agents['n1'].call('ConfigCommit', hash=replies['n1']['hash'])
            raise Failure('what one member does not have ready was accepted')
        except Failure as error:
            check('not-ready' in str(error), str(error))
        agents['n2'].prepare(first)
        c.kill_agent('n2')
        try:
            agents['n1'].call('ConfigCommit', hash=replies['n1']['hash'])
        except Failure as error:  # it may still count as a member
            check('not-ready' in str(error) or 'timeout' in str(error), str(error))
            c.wait_members('n1', ['n1', 'n3'])
            agents['n1'].call('ConfigCommit', hash=replies['n1']['hash'])
        c.settled(1, ['n1', 'n3'])
        check(os.path.exists(f'{c.dir}/n2/state/config.pending'), 'n2 has kept it')
        c.start('n2')
        c.settled(1)
        c.wait_members('n1', c.names)
        check(not os.path.exists(f'{c.dir}/n2/state/config.pending'), 'what was pending is done')
        return 'agreed without the dead, applied by it on its return'


def config_stopped_cluster(tag):
    """Votes change only while all are stopped; the agents start again by themselves, in the same processes."""
    with Configured(tag=tag).up() as c:
        base = c.config_text('n1')
        text = base.replace('{ name = "n1";', '{ name = "n1"; votes = 2;')
        out = c.apply(text, code=1)
        check('votes or role of node n1' in out and "'holdfast cluster stop'" in out, out)
        c.cli('n1', 'cluster', 'stop', '--yes', '--wait')
        c.wait('all to be stopped', lambda: all(
            s['mode'] == 'stopped' for n in c.names for s in c.status(n)['servers'] if s['self']))
        pids = {n: c.agents[n].pid for n in c.names}
        c.apply(text)
        for n in c.names:
            c.wait_members(n, c.names)
        check(all(c.status(n)['votes_total'] == 4 for n in c.names), 'the votes count')
        check(pids == {n: c.agents[n].pid for n in c.names} and all(p.poll() is None for p in c.agents.values()),
              'the processes are the same')
        check(all(c.pid(n) == pids[n] for n in c.names), 'started again in place')
        c.wait_stable()
        c.wait_channels()
        # without an agent
        c.cli('n1', 'config', 'export', f'{c.dir}/exported')
        with open(f'{c.dir}/exported', encoding='utf-8') as f:
            check('votes = 2' in f.read(), 'what was exported')
        check(c.cli('n1', 'config', 'export', f'{c.dir}/exported', check=False).returncode == 1, 'not twice')
        c.signal('n3', signal.SIGTERM, tree=False)
        c.agents['n3'].wait()
        own = text.replace(f'{c.dir}/n1/', f'{c.dir}/n3/')
        with open(f'{c.dir}/offline.conf', 'w', encoding='utf-8') as f:
            f.write(own.replace('name = "web";', 'name = "web"; comment = "offline";'))
        r = c.cli('n3', 'config', 'apply', '--offline', f'{c.dir}/offline.conf', '--config', f'{c.dir}/n3/conf', check=False)
        check(r.returncode == 0, r.stderr)
        c.start('n3')
        c.wait_members('n3', c.names)
        check([g['name'] for g in c.status('n3')['groups']] == ['web'], 'it runs')
        r = sh(os.path.join(BIN, 'holdfast'), '--socket', c.socket('n3'), 'config', 'apply', '--offline',
               f'{c.dir}/offline.conf', '--config', f'{c.dir}/n3/conf', check=False)
        check(r.returncode == 75, 'not while an agent runs')
        return 'votes changed while stopped, agents started again in place'


def other_hosts(tag):
    """-h: every agent from every other one; a channel that dies is started again; a cut link costs a try."""
    with Configured(tag=tag, links=2).up() as c:
        for a in c.names:
            for b in c.names:
                s = json.loads(c.cli(a, '-h', b, 'status', '--json', check=False).stdout)
                check(s['self'] == b, f'{a} asked {b}, {s["self"]} answered')
        check(json.loads(c.cli('n1', '-h', '10.91.0.3', 'status', '--json').stdout)['self'] == 'n3', 'by address')
        r = c.cli('n1', '-h', 'nobody', 'status', check=False)
        check(r.returncode == 4 and "'nobody'" in r.stderr, r.stderr)
        c.cli('n3', 'group', 'move', 'web', '-h', 'n1', '--wait')
        c.cut('n2', 0)
        check(c.cli('n1', '-h', 'n2', 'group', 'list').returncode == 0, 'by the other link')
        c.mend('n2', 0)
        victims = [int(p.split()[0]) for p in sh('ps', '-eo', 'pid,ppid,args').stdout.splitlines()[1:]
                   if 'holdfast-channel' in p and int(p.split()[0]) in c.tree('n2')]
        check(len(victims) == 1, f'channels of n2: {victims}')
        os.kill(victims[0], signal.SIGKILL)
        c.wait('an event', lambda: c.events('n2', 'channel-ended'))
        c.wait('a new channel', lambda: c.cli('n1', '-h', 'n2', 'group', 'list', check=False).returncode == 0)
        c.wait_members('n2', c.names)
        c.power_off('n3')
        r = c.cli('n1', '-h', 'n3', 'status', check=False)
        check(r.returncode == 4 and 'link 1 (10.90.0.3:7411)' in r.stderr, r.stderr)
        return 'nine ways, one by address, one by the second link'


ALL = [other_hosts, config_apply, config_stop_groups, config_bad_node, config_away, config_interrupted,
       config_stopped_cluster]
