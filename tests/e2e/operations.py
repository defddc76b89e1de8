# SPDX-License-Identifier: GPL-3.0-or-later
"""Every operation of `holdfast` on three real agents: what it does, what the states are called, how it is refused.

Power goes through the stand-in of the configuration, which writes down what it was asked for.
"""
import json
import os
import time

from lib import Cluster, Failure


def check(condition, what):
    if not condition:
        raise Failure(what)


def names(*all_of_them):
    return '[ ' + ', '.join(f'"{n}"' for n in all_of_them) + ' ]'


class Operated(Cluster):
    """Groups of programs that obey files: fail-start-NAME, fail-stop-NAME, slow-start-NAME, slow-stop-NAME."""

    def __init__(self, groups, monitors='', **kw):
        super().__init__(groups=groups, **kw)
        self.monitors = monitors
        self.power = {}

    def program(self, name, **keys):
        more = ' '.join(f'{k} = {v};' for k, v in keys.items())
        return (f'{{ type = "exec"; name = "{name}"; {more} start = [ "{self.dir}/driver", "start", "{name}" ]; '
                f'stop = [ "{self.dir}/driver", "stop", "{name}" ]; }}')

    def config_text(self, node):
        groups = self.groups(self) if callable(self.groups) else self.groups
        monitors = self.monitors(self) if callable(self.monitors) else self.monitors
        hold, self.groups = self.groups, groups
        try:
            text = super().config_text(node)
        finally:
            self.groups = hold
        text = text.replace('agent = {', f'agent = {{ power_command = "{self.dir}/{node}-power";')
        return text + (f'monitors = ( {monitors} );\n' if monitors else '')

    def script(self, path, text):
        with open(path, 'w', encoding='ascii') as f:
            f.write('#!/bin/sh\n' + text)
        os.chmod(path, 0o755)

    def up(self, start=True):
        # the network namespace tells the nodes apart; power that goes while something runs is written down as such
        self.script(f'{self.dir}/driver', f'cd {self.dir}\n'
                    'while [ -e "slow-$1-$2" ]; do sleep 0.05; done\n'
                    '[ ! -e "fail-$1-$2" ] || { echo "told to fail" >&2; exit 1; }\n'
                    'here=$(readlink /proc/self/ns/net)\n'
                    'if [ $1 = start ]; then : >"runs-$2-$here"; else rm -f "runs-$2-$here"; fi\n')
        for n in self.names:
            self.script(f'{self.dir}/{n}-power', f'cd {self.dir}\nfor r in runs-*-$(readlink /proc/self/ns/net); do\n'
                        f'  [ ! -e "$r" ] || echo "while $r" >>{n}-powered\ndone\necho "$1" >>{n}-powered\n')
        super().up(start)
        if start:
            self.settle()
        return self

    def settle(self):
        for n in self.names:
            self.wait_members(n, self.names)
        self.wait('all that is wanted to be online', lambda: all(
            g['status'] == 'Online' for g in self.status(self.names[0])['groups'] if g['wanted'] == 'online'))

    def flag(self, name, on=True):
        path = f'{self.dir}/{name}'
        if on:
            open(path, 'w', encoding='ascii').close()
        else:
            os.unlink(path)

    def powered(self, node):
        try:
            with open(f'{self.dir}/{node}-powered', encoding='ascii') as f:
                return f.read().split()
        except FileNotFoundError:
            return []

    def runs(self):
        """Programs that were started and not stopped, on any node."""
        return sorted(f for f in os.listdir(self.dir) if f.startswith('runs-'))

    # ---- looking ----
    def object(self, node, kind, name):
        return next(o for o in self.status(node)[kind] if o['name'] == name)

    def state(self, node, kind, name):
        return self.object(node, kind, name)['status']

    def current(self, node, group):
        return self.object(node, 'groups', group)['current']

    def wait_state(self, node, kind, name, status):
        try:
            return self.wait(f'{name} to be {status} at {node}',
                             lambda: self.state(node, kind, name) == status, 30)
        except Failure as e:
            raise Failure(f'{e}; it is {self.state(node, kind, name)}') from e

    def do(self, node, *words):
        """A command that must be carried out to its end."""
        out = self.cli(node, *words, '--wait').stdout
        self.wait_agreed()
        return out

    def refused(self, node, *words, code=1, says):
        r = self.cli(node, *words, check=False)
        check(r.returncode == code and says in r.stderr,
              f"'{' '.join(words)}' should be refused with {says!r}: exit {r.returncode}, {r.stderr!r}")


def group(name, *programs, **keys):
    more = ' '.join(f'{k} = {v};' for k, v in keys.items())
    return f'{{ name = "{name}"; accept_agent_enforced_lease = true; {more} resources = ( {", ".join(programs)} ); }}'


def one_group(c):
    return '( ' + group('web', c.program('a'), c.program('b', depends=names('a'))) + ' )'


def resources(tag):
    """Stop takes dependents along, start what it depends on; each state of a resource and a group is seen."""
    with Operated(one_group, tag=tag).up() as c:
        owner = c.current('n1', 'web')
        c.do('n2', 'resource', 'stop', 'a')
        check([c.state('n3', 'resources', r) for r in 'ab'] == ['Offline', 'Offline'], 'b depends on a')
        check(c.current('n3', 'web') == owner, 'the group stays where it is')
        c.do('n3', 'resource', 'start', 'b')
        check([c.state('n1', 'resources', r) for r in 'ab'] == ['Online', 'Online'], 'b needs a')
        c.do('n1', 'resource', 'stop', 'b')
        check(c.state('n1', 'resources', 'a') == 'Online', 'a does not depend on b')
        c.flag('slow-start-b')
        c.cli('n1', 'resource', 'start', 'b')
        c.wait_state('n2', 'resources', 'b', 'Online Pending')
        c.wait_state('n2', 'groups', 'web', 'Online Pending')
        c.flag('slow-start-b', False)
        c.wait_state('n2', 'resources', 'b', 'Online')
        c.flag('slow-stop-a')
        c.cli('n1', 'group', 'stop', 'web')
        c.wait_state('n2', 'resources', 'a', 'Offline Pending')
        c.wait_state('n2', 'groups', 'web', 'Offline Pending')
        c.flag('slow-stop-a', False)
        c.wait_state('n2', 'groups', 'web', 'Offline')
        c.do('n1', 'group', 'start', 'web')
        c.flag('fail-stop-a')
        r = c.cli('n1', 'group', 'stop', 'web', '--wait', check=False)
        check(r.returncode == 1, f'a stop that fails must be told: exit {r.returncode}')
        c.wait_state('n2', 'resources', 'a', 'Offline Failure')
        c.wait_state('n2', 'groups', 'web', 'Error')
        return 'all states of resources seen'


def start_failure(tag):
    """With no other node the final action 'none' leaves the group as it is: Online Failure."""
    def groups(c):
        return '( ' + group('web', c.program('a'), nodes=names('n1')) + ' )'
    with Operated(groups, tag=tag).up() as c:
        c.do('n1', 'group', 'stop', 'web')
        c.flag('fail-start-a')
        r = c.cli('n1', 'group', 'start', 'web', '--wait', '--timeout', '30', check=False)
        check(r.returncode == 1, f'a start that fails must be told: exit {r.returncode} {r.stdout}{r.stderr}')
        check(c.state('n2', 'resources', 'a') == 'Online Failure', c.state('n2', 'resources', 'a'))
        check(c.state('n2', 'groups', 'web') == 'Error', c.state('n2', 'groups', 'web'))
        return r.stdout.strip().splitlines()[-1]


def suspended(tag):
    """Nothing moves although its node dies, commands say why; after resume it is placed."""
    with Operated(one_group, tag=tag).up() as c:
        c.do('n1', 'cluster', 'suspend')
        owner = c.current('n1', 'web')
        rest = [n for n in c.names if n != owner]
        for n in c.names:
            check(c.status(n)['status'] == 'Suspend' and c.status(n)['mode'] == 'suspended', f'{n} does not say so')
        check(c.cli(rest[0], 'status', check=False).returncode == 3, 'a suspended cluster is not protected')
        for words in (['group', 'move', 'web'], ['group', 'stop', 'web'], ['group', 'start', 'web'],
                      ['resource', 'stop', 'a'], ['server', 'stop', owner, '--yes'], ['cluster', 'stop', '--yes']):
            c.refused(rest[0], *words, says='the cluster is suspended')
        c.power_off(owner)
        c.wait('the death to be seen', lambda: owner not in c.status(rest[0])['view']['members'])
        c.wait('the group to be held',
               lambda: (c.object(rest[0], 'groups', 'web')['held'] or {}).get('word') == 'suspended')
        said = c.cli(rest[0], 'status', check=False).stdout
        check('held: the cluster is suspended' in said, 'the verdict must say why')
        check(c.current(rest[0], 'web') is None, 'nobody may take it over')
        for n in rest:  # it outlives the agents
            c.kill_agent(n)
            c.start(n)
        for n in rest:
            c.wait_members(n, rest)
            check(c.status(n)['mode'] == 'suspended', f'{n} has forgotten it')
        check(c.current(rest[0], 'web') is None, 'still nobody')
        c.boot(owner)
        c.wait('the reborn node to know', lambda: (c.status(owner) or {}).get('mode') == 'suspended')
        c.do(rest[0], 'cluster', 'resume')
        c.wait_state(rest[1], 'groups', 'web', 'Online')
        check(c.status(rest[1])['mode'] == 'running', 'resumed')
        return 'held while suspended, then placed'


def servers(tag):
    """Stop, start, shutdown and reboot of one server: groups move first, peers know that it left."""
    with Operated(one_group, tag=tag).up() as c:
        owner = c.current('n1', 'web')
        c.refused(owner, 'server', 'stop', owner, code=64, says='will move to')
        c.refused(owner, 'server', 'reboot', 'n3' if owner != 'n3' else 'n2', code=64, says='will be rebooted')
        c.do(owner, 'server', 'stop', owner, '--yes')
        rest = [n for n in c.names if n != owner]
        c.wait_state(rest[0], 'groups', 'web', 'Online')
        check(c.current(rest[0], 'web') != owner, 'it must have moved')
        check(c.object(rest[0], 'servers', owner)['state'] == 'left', 'left in good order')
        check(not c.events(rest[0], 'node-silent'), 'that is no death')
        check(c.powered(owner) == [], 'stop is no shutdown')
        c.do(rest[0], 'server', 'start', owner)
        c.settle()
        owner = c.current('n1', 'web')
        rest = [n for n in c.names if n != owner]
        c.do(rest[0], 'server', 'reboot', owner, '--yes')
        c.wait('the reboot', lambda: c.powered(owner) == ['reboot'])
        c.wait_state(rest[0], 'groups', 'web', 'Online')
        c.do(rest[0], 'server', 'shutdown', rest[1], '--yes')
        c.wait('the shutdown', lambda: c.powered(rest[1]) == ['shutdown'])
        check('cause leave' in c.cli(rest[0], 'explain', 'web').stdout, 'the timeline must tell of the orderly stop')
        check(c.powered(rest[0]) == [], 'nobody else is touched')
        return 'moved, left, powered'


def whole_cluster(tag):
    """Stop, start, reboot: groups stop where they are, nothing wanders, every machine gets its power action."""
    with Operated(one_group, tag=tag).up() as c:
        placed = len([e for e in c.events('n1', 'group-starting')])
        c.refused('n1', 'cluster', 'stop', code=64, says='group web will STOP')
        c.do('n1', 'cluster', 'stop', '--yes')
        c.wait('all to have stopped', lambda: all(
            c.object(n, 'servers', n)['mode'] == 'stopped' for n in c.names))
        check(len(c.events('n1', 'group-starting')) == placed, 'a group wandered during the stop')
        check(not c.runs(), f'still running: {c.runs()}')
        check(c.cli('n2', 'status', check=False).returncode == 3, 'nothing runs')
        c.do('n2', 'cluster', 'start')
        c.settle()
        c.do('n3', 'cluster', 'reboot', '--yes')
        c.wait('all to be rebooted', lambda: all(c.powered(n) == ['reboot'] for n in c.names))
        c.do('n1', 'cluster', 'start')
        c.settle()
        c.do('n1', 'cluster', 'shutdown', '--yes')
        c.wait('all to be powered off', lambda: all(c.powered(n) == ['reboot', 'shutdown'] for n in c.names))
        return 'stopped, started, rebooted, shut down'


def ratio(tag):
    """A longer timeout holds everywhere, a pause that would have been a death is none, and it ends by itself."""
    with Operated(one_group, tag=tag).up() as c:
        c.do('n1', 'toratio', 'set', '10', '6s')
        since = time.monotonic()
        for n in c.names:  # accepted: the row is everywhere; in force: when the longer lease is on disk (P4)
            c.wait(f'the ratio to be in force at {n}', lambda n=n: (lambda s: s['ratio'] == 10 and s['timeout_in_force_us']
                                                                    == 10 * s['timeout_us'])(c.status(n)))
        left = json.loads(c.cli('n3', 'toratio', 'show', '--json').stdout)['left_us']
        check(0 < left <= 6000000, f'left {left}')
        c.freeze('n3')
        time.sleep(0.9)  # three timeouts of 300 ms: the point of the test
        c.thaw('n3')
        check(not c.events('n1', 'node-silent') and not c.events('n2', 'node-silent'), 'nobody died')
        c.wait('the ratio to end', lambda: all(c.status(n)['ratio'] == 1 for n in c.names))
        took = time.monotonic() - since
        check(5 < took < 12, f'it was in force for {took:.1f} s instead of 6')
        for n in c.names:
            c.wait(f'{n} to say that it ended', lambda n=n: c.events(n, 'ratio-ended'))
        c.do('n2', 'toratio', 'set', '2', '30d')
        c.do('n3', 'toratio', 'reset')
        c.wait('the reset', lambda: c.cli('n1', 'toratio', 'show').stdout.startswith('present toratio : 1\n'))
        c.do('n1', 'toratio', 'set', '2', '1h')
        c.do('n1', 'toratio', 'set', '1')
        c.wait('ratio 1 to restore', lambda: c.status('n2')['ratio'] == 1)
        return f'ended by itself after {took:.1f} s'


def monitor_program(c):
    return f'[ "/bin/sh", "-c", "test ! -e {c.dir}/sick-$0 || {{ echo sick; exit 2; }}", "%s" ]'


def watched(c):
    check_of = monitor_program(c)
    return ', '.join([
        f'{{ name = "well"; type = "genw"; command = {check_of % "well"}; interval = "100ms"; timeout = "5s"; '
        f'nodes = [ "n1", "n2" ]; }}',
        f'{{ name = "patient"; type = "genw"; command = {check_of % "patient"}; interval = "100ms"; timeout = "5s"; '
        f'retries = 100; }}',
        f'{{ name = "critical"; type = "genw"; command = {check_of % "critical"}; interval = "100ms"; timeout = "5s"; '
        f'critical = true; nodes = [ "n3" ]; }}',
        f'{{ name = "follower"; type = "genw"; command = {check_of % "follower"}; interval = "100ms"; timeout = "5s"; '
        f'target = "b"; timing = "active"; restarts = 1; failovers = 1; }}'])


def monitor_states(tag):
    """Each status a monitor can have, suspend and resume, dummy failures, statistics."""
    with Operated(one_group, watched, tag=tag).up() as c:
        owner = c.current('n1', 'web')
        idle = next(n for n in c.names if n != owner)
        for m in ('well', 'patient', 'critical', 'follower'):
            c.wait_state('n1', 'monitors', m, 'Normal')
        lines = dict(line.split(None, 1) for line in c.cli('n1', 'monitor', 'list').stdout.splitlines())
        check(f'{owner}=Normal' in lines['follower'] and f'{idle}=Offline' in lines['follower'], lines['follower'])
        c.flag('sick-patient')
        c.wait_state('n2', 'monitors', 'patient', 'Caution')
        c.flag('sick-patient', False)
        c.wait_state('n2', 'monitors', 'patient', 'Normal')
        c.flag('sick-critical')
        c.wait_state('n2', 'monitors', 'critical', 'Error')
        check(c.object('n2', 'servers', 'n3')['critical_in_error'] == ['critical'], 'the server must say so')
        c.refused('n1', 'group', 'move', 'web', 'n3', says='a critical monitor is in error on server n3')
        c.flag('sick-critical', False)
        c.wait_state('n2', 'monitors', 'critical', 'Normal')
        c.do('n1', 'monitor', 'fail', 'well', '--server', 'n1')
        c.wait_state('n3', 'monitors', 'well', 'Caution')
        c.do('n2', 'monitor', 'fail', 'well')
        c.wait_state('n3', 'monitors', 'well', 'Error')
        said = c.cli('n3', 'status', check=False).stdout
        check('well has a dummy failure on n1, n2' in said, 'the verdict must say so')
        c.do('n3', 'monitor', 'unfail', 'well')
        c.wait_state('n3', 'monitors', 'well', 'Normal')
        c.do('n1', 'monitor', 'suspend', 'well')
        c.wait_state('n2', 'monitors', 'well', 'Suspend')
        checks = c.object('n1', 'monitors', 'well')['statistics']['checks']
        c.do('n2', 'monitor', 'resume', 'well', '--server', 'n2')
        check('n1=Suspend,n2=' in c.cli('n2', 'monitor', 'list', 'well').stdout, 'resumed on n2 only')
        c.do('n2', 'monitor', 'resume', 'well')
        c.wait('figures', lambda: c.object('n1', 'monitors', 'well')['statistics']['checks'] > checks)
        s = c.object('n1', 'monitors', 'well')['statistics']
        check(0 < s['mean_us'] <= s['max_us'] and s['failures'] > 0, f'figures: {s}')
        c.do('n1', 'group', 'stop', 'web')
        c.wait_state('n1', 'monitors', 'follower', 'Offline')
        for n in (n for n in c.names if n != 'n1'):
            c.power_off(n)  # the kernels of dead agents would go on granting (K8)
        c.wait_state('n1', 'monitors', 'well', 'Unknown')
        return 'Normal Caution Error Suspend Offline Unknown'


def monitor_recovery(tag):
    """Restart in place, then failover; the timeline tells both."""
    with Operated(one_group, watched, tag=tag).up() as c:
        owner = c.current('n1', 'web')
        c.wait_state('n1', 'monitors', 'follower', 'Normal')
        c.do('n1', 'monitor', 'fail', 'follower', '--server', owner)
        heir = c.wait('the group to move', lambda: next(
            (n for n in c.names if n not in (owner, None) and c.current(n, 'web') == n
             and c.state(n, 'groups', 'web') == 'Online'), None))
        text = c.cli(heir, 'explain', 'web').stdout
        for part in ('cause monitor', 'monitor in error: follower', 'restart ordered: follower',
                     'failover ordered: follower', 'group online'):
            check(part in text, f'the timeline lacks {part!r}:\n{text}')
        check(len(c.events(owner, 'monitor-restart')) == 1, 'one restart before')
        c.do('n1', 'monitor', 'unfail', 'follower')
        return f'restarted, then moved to {heir}'


def refusals(tag):
    """Unknown names, wrong states, no quorum: a clear sentence, nothing half done."""
    def groups(c):
        return ('( ' + group('web', c.program('a'), nodes=names('n1', 'n2')) + ', '
                + group('db', c.program('d'), autostart='false') + ' ); '
                'exclusions = ( { name = "apart"; kind = "absolute"; groups = [ "web", "db" ]; } )')
    with Operated(groups, tag=tag).up() as c:
        owner = c.current('n1', 'web')
        c.refused('n1', 'group', 'start', 'nope', says="there is no group 'nope'")
        c.refused('n1', 'resource', 'stop', 'nope', says="there is no resource 'nope'")
        c.refused('n1', 'monitor', 'suspend', 'nope', says="there is no monitor 'nope'")
        c.refused('n1', 'server', 'reboot', 'nope', '--yes', says="there is no server 'nope'")
        c.refused('n1', 'status', '--xcl', 'nope', says="there is no exclusion 'nope'")
        c.refused('n1', 'group', 'move', 'web', 'n3', says='server n3 is not in its list')
        c.refused('n1', 'group', 'move', 'db', says='db is stopped')
        c.refused('n1', 'group', 'start', 'db', owner, says=f'an exclusion rule forbids it on server {owner}')
        check(c.state('n1', 'groups', 'db') == 'Offline', 'nothing half done')
        c.cut('n3')
        c.wait('n3 to be alone', lambda: not (c.status('n3') or {}).get('quorate', True))
        c.refused('n3', 'cluster', 'suspend', code=3, says='no view with a quorum')
        check(c.status('n1')['mode'] == 'running', 'nothing half done')
        return 'each says why'


ALL = [resources, start_failure, suspended, servers, whole_cluster, ratio, monitor_states, monitor_recovery, refusals]
