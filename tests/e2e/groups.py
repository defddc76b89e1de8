# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups, monitors and cluster operations on three real agents. Services are scripts that write down what they were told."""
import json
import os
import time

from lib import Cluster, Failure, VIP, sh
from scenarios import check, never_two, other


def group(name, resources, nodes=('n1', 'n2', 'n3'), extra=''):
    hosts = ', '.join(f'"{n}"' for n in nodes)
    return (f'{{ name = "{name}"; nodes = [ {hosts} ]; accept_agent_enforced_lease = true; {extra} '
            f'resources = ( {", ".join(resources)} ); }}')


def genw(name, command, extra=''):
    argv = ', '.join(f'"{a}"' for a in command)
    return f'{{ name = "{name}"; type = "genw"; command = [ {argv} ]; interval = "200ms"; timeout = "5s"; {extra} }}'


class Services(Cluster):
    """A cluster whose groups are made of services; `make` gets the cluster and returns their text."""

    def __init__(self, make, monitors=None, exclusions=None, **kw):
        super().__init__(**kw)
        self.make_service()
        self.power = f'{self.dir}/power'
        with open(f'{self.dir}/power.sh', 'w', encoding='ascii') as f:
            f.write('#!/bin/sh\nnode=n$(ip -4 -o addr show eth0 | sed -n "1s/.*inet 10[.]90[.]0[.]\\([0-9]*\\)[/].*/\\1/p")\n'
                    f'echo "$node $1" >> {self.power}\n')
        os.chmod(f'{self.dir}/power.sh', 0o755)
        os.makedirs(f'{self.dir}/scripts')
        self.agent += f' power_command = "{self.dir}/power.sh"; script_directory = "{self.dir}/scripts";'
        self.groups = '( ' + ',\n'.join(make(self)) + ' )'
        if monitors:
            self.more += 'monitors = ( ' + ',\n'.join(monitors(self)) + ' );\n'
        if exclusions:
            self.more += 'exclusions = ( ' + ',\n'.join(exclusions) + ' );\n'

    def ready(self, *groups):
        for n in self.names:
            self.wait_members(n, self.names)
        for g in groups:
            self.wait_group('n1', g)
        return self

    def powered(self):
        try:
            with open(self.power, encoding='ascii') as f:
                return [tuple(line.split()) for line in f]
        except FileNotFoundError:
            return []

    def check_single(self):
        check(not self.doubles(), f'started while it ran elsewhere: {self.doubles()}')


def refused(c, node, *args, code=None, says=''):
    r = c.cli(node, *args, check=False)
    check(r.returncode != 0 and (code is None or r.returncode == code), f'{args}: exit {r.returncode}')
    check(says in r.stderr, f'{args}: "{r.stderr.strip()}" does not say "{says}"')


# ---- groups and resources ----

def single_resources(tag):
    with Services(lambda c: [group('app', [c.service('base'), c.service('top', depends='base'), c.service('side')])],
                  tag=tag).up().ready('app') as c:
        at = c.group('n2', 'app')['current']
        c.cli('n2', 'resource', 'stop', 'base', '--wait')
        c.wait('base and what depends on it to stop', lambda: not c.running('base') and not c.running('top'))
        check(c.running('side') == [at], 'a resource that does not depend on it goes on')
        check(c.told('top')[-1][1] == 'stop' and c.group('n2', 'app')['status'] == 'Online', 'the group stays online')
        c.cli('n3', 'resource', 'start', 'top', '--wait')
        c.wait('both to run again', lambda: c.running('base') == [at] and c.running('top') == [at])
        c.cli('n1', 'group', 'stop', 'app', '--wait')
        check(not c.running('side') and not c.running('base'), 'all is stopped')
        c.cli('n1', 'resource', 'start', 'top', '--wait')
        c.wait('top and base alone', lambda: c.running('top') and c.running('base') and not c.running('side'))
        c.cli('n1', 'group', 'start', 'app', '--wait')
        c.wait('all of it', lambda: c.running('side'))
        c.cli('n1', 'group', 'move', 'app', '--wait')
        c.wait_group('n1', 'app')
        check(c.group('n1', 'app')['current'] != at, 'moved')
        refused(c, 'n1', 'resource', 'start', 'nothing', says='nothing')
        refused(c, 'n1', 'group', 'move', 'app', 'n9', says='n9')
        c.check_single()
        return 'stop with dependents, start with dependencies, from any node'


def exclusion(tag):
    rules = ['{ name = "apart"; kind = "absolute"; groups = [ "a", "b" ]; }',
             '{ name = "rather"; kind = "normal"; groups = [ "a", "d" ]; }']
    with Services(lambda c: [group(g, [c.service(f's{g}')], nodes=('n1', 'n2')) for g in ('a', 'b', 'd')],
                  exclusions=rules, tag=tag).up().ready('a', 'b', 'd') as c:
        a, b = (c.group('n3', g)['current'] for g in ('a', 'b'))
        check(a != b, f'a and b are both on {a}')
        refused(c, 'n3', 'group', 'move', 'b', a, says='exclu')
        c.power_off(a)
        c.wait('a to be held', lambda: (c.group('n3', 'a').get('held') or {}).get('word') == 'excluded')
        check(c.group('n3', 'b')['current'] == b and not c.running('sa')[1:], 'the rule holds while a node is away')
        for f in (f'{c.dir}/s{g}.on.{a}' for g in ('a', 'b', 'd')):
            if os.path.exists(f):
                os.unlink(f)
        c.wait_group('n3', 'd', current=[b])
        c.boot(a)
        c.wait_group('n3', 'a', current=[a])
        c.check_single()
        return 'absolute held a group back while its only place was taken; normal gave way'


def start_waits(tag):
    extra = 'start_after = [ "db" ]; start_after_same_server = true; start_wait = "60s"; stop_after = [ "web" ];'
    with Services(lambda c: [group('db', [c.service('sdb')], extra='stop_after = [ "app" ]; stop_wait_at = [ "cluster", "group" ];'),
                             group('app', [c.service('sapp')], extra=extra.replace('stop_after = [ "web" ];', ''))],
                  tag=tag).up() as c:
        c.ready('db', 'app')
        check(c.group('n1', 'db')['current'] == c.group('n1', 'app')['current'], 'on the same server')
        c.cli('n1', 'group', 'stop', 'app', '--wait')
        c.cli('n1', 'group', 'stop', 'db', '--wait')
        c.cli('n1', 'group', 'start', 'app')
        c.wait('app to wait for db', lambda: (c.group('n1', 'app').get('held') or {}).get('word') == 'wait')
        check(c.group('n1', 'app')['waits_for'] == 'db' and not c.running('sapp'), 'nothing was started')
        c.cli('n2', 'group', 'start', 'db', '--wait')
        c.wait_group('n1', 'app')
        c.order('sapp', 'hang-stop')
        c.cli('n1', 'group', 'stop', 'app')
        c.cli('n1', 'group', 'stop', 'db')
        time.sleep(1)
        check(c.running('sdb'), 'db waits for app to stop')
        return 'started in order on one server, stopped in reverse order'


def manual_and_failback(tag):
    with Services(lambda c: [group('man', [c.service('sman')], extra='failover = "manual";'),
                             group('back', [c.service('sback')], extra='failback = "auto";')], tag=tag).up() as c:
        c.ready('man', 'back')
        check(c.group('n2', 'back')['current'] == 'n1', 'by policy')
        c.power_off('n1')
        c.wait_group('n2', 'back', current=['n2'])
        held = c.wait('the manual group to be held', lambda: c.group('n2', 'man').get('held'))
        check(held['word'] == 'manual' and not [n for n in c.running('sman') if n != 'n1'], f'held {held}')
        for s in ('sman', 'sback'):
            if os.path.exists(f'{c.dir}/{s}.on.n1'):
                os.unlink(f'{c.dir}/{s}.on.n1')
        c.cli('n2', 'group', 'start', 'man', '--wait')
        check(c.group('n2', 'man')['current'] in ('n2', 'n3'), 'by command it starts elsewhere')
        c.boot('n1')
        c.wait_group('n2', 'back', current=['n1'])
        check(c.group('n2', 'man')['current'] != 'n1', 'no failback where none was asked for')
        c.check_single()
        return 'manual failover waited for a person; failback went home by itself'


def failover_limit(tag):
    with Services(lambda c: [group('bad', [c.service('sbad')], extra='failover_limit = 1;')], tag=tag).up() as c:
        c.ready('bad')
        first = c.group('n1', 'bad')['current']
        for n in c.names:
            c.order('sbad', 'check', n)
        return first


def final_actions(tag):
    with Services(lambda c: [group('fin', [c.service('sfin', extra='failovers = 0; on_start_failure = "reboot";')]),
                             group('alone', [c.service('sal', extra='failovers = 0; on_start_failure = "bmc-reset";')])],
                  tag=tag) as c:
        c.order('sfin', 'start')
        c.order('sal', 'start')
        c.up()
        for n in c.names:
            c.wait_members(n, c.names)
        c.wait('a reboot', lambda: c.powered())
        node, what = c.powered()[0]
        check(what in ('reboot', 'bmc-reset'), what)
        c.wait('both to be recorded', lambda: {w for _, w in c.powered()} >= {'reboot', 'bmc-reset'})
        return f'{node}: {what}, by the stand-in'


def stop_failure(tag):
    """A stop that fails is never followed by a start elsewhere."""
    with Services(lambda c: [group('app', [c.service('sapp', extra='stop_retries = 1;')])], tag=tag).up().ready('app') as c:
        at = c.group('n1', 'app')['current']
        c.order('sapp', 'stop')
        c.cli('n1', 'group', 'move', 'app')
        c.wait('the stop to fail twice', lambda: [v for _, v in c.told('sapp')].count('stop') >= 2)
        s = c.wait('it to be shown', lambda: next((r for r in c.status('n1')['resources']
                                                   if r['name'] == 'sapp' and r['status'] == 'Offline Failure'), None))
        time.sleep(1)
        check([n for n, v in c.told('sapp') if v == 'start'] == [at], 'started elsewhere although it may run')
        c.repair('sapp', 'stop')
        c.cli('n1', 'group', 'move', 'app', other(c, at))
        c.wait_group('n1', 'app', current=[n for n in c.names if n != at])
        c.check_single()
        return f'blocked as {s["status"]} until the stop went well'


def units_and_ocf(tag):
    ocf = ['{ type = "ocf"; name = "dummy"; agent = "heartbeat:Dummy"; parameters = { state = "DIR/dummy.state"; }; }',
           f'{{ type = "ocf"; name = "ocfip"; agent = "ocf:heartbeat:IPaddr2"; depends = [ "dummy" ]; '
           f'parameters = {{ ip = "{VIP}"; cidr_netmask = "24"; nic = "eth0"; }}; }}']
    with Services(lambda c: [group('ocf', [r.replace('DIR', c.dir) for r in ocf])], tag=tag).up().ready('ocf') as c:
        at = c.group('n1', 'ocf')['current']
        check(c.holders() == [at] and os.path.exists(f'{c.dir}/dummy.state'), 'the agents did their work')
        c.cli('n1', 'group', 'move', 'ocf', '--wait')
        c.wait_group('n1', 'ocf')
        to = c.group('n1', 'ocf')['current']
        check(to != at, 'moved')
        c.wait('the address alone on the new node', lambda: c.holders() == [to])
        c.cli('n1', 'group', 'stop', 'ocf', '--wait')
        check(not c.holders() and not os.path.exists(f'{c.dir}/dummy.state'), 'stopped')
        return 'Dummy and IPaddr2 of resource-agents'


# ---- monitors ----

def recovery(tag):
    """Restart, failover, final action, with a program before each; and counters that are shown."""
    def monitors(c):
        before = ' '.join(f'before_{s} = [ "{c.dir}/note", "{s}" ];' for s in ('restart', 'failover', 'final'))
        return [genw('watch', [f'{c.dir}/svc', 'sapp', 'check'],
                     f'target = "sapp"; restarts = 1; failovers = 1; final_action = "stop-group"; final_action_alone = true; {before}')]
    with Services(lambda c: [group('app', [c.service('sapp')])], monitors=monitors, tag=tag) as c:
        with open(f'{c.dir}/note', 'w', encoding='ascii') as f:
            f.write(f'#!/bin/sh\necho "$1" >> {c.dir}/notes\n')
        os.chmod(f'{c.dir}/note', 0o755)
        c.up().ready('app')
        at = c.group('n1', 'app')['current']
        c.wait_monitor('n1', 'watch', 'Normal')
        os.unlink(f'{c.dir}/sapp.on.{at}')  # the service dies
        c.wait('a restart in place', lambda: c.told('sapp')[-2:] == [(at, 'stop'), (at, 'start')])
        c.wait_group('n1', 'app', current=[at])
        c.wait_monitor('n1', 'watch', 'Normal')
        c.order('sapp', 'check', at)  # broken on this node for good
        heir = c.wait('a failover', lambda: next((n for n in c.running('sapp') if n != at), None))
        c.wait_group('n1', 'app', current=[heir])
        notes = open(f'{c.dir}/notes', encoding='ascii').read().split()
        check(notes[:2] == ['restart', 'failover'] or notes[:3] == ['restart', 'restart', 'failover'], f'programs {notes}')
        names = {e['name'] for n in c.names for e in c.events(n)}
        check({'monitor-error', 'monitor-restart', 'monitor-failover'} <= names, f'events {sorted(names)}')
        c.check_single()
        return f'{at}: restart in place, then {heir}; programs {" ".join(notes)}'


def dummy_failure(tag):
    with Services(lambda c: [group('app', [c.service('sapp')])],
                  monitors=lambda c: [genw('watch', ['/bin/true'], 'target = "sapp"; restarts = 0; failovers = "nodes";')],
                  tag=tag).up().ready('app') as c:
        at = c.group('n1', 'app')['current']
        c.wait_monitor('n1', 'watch', 'Normal', at)
        c.cli('n1', 'monitor', 'suspend', 'watch', '--server', at, '--wait')
        c.wait_monitor('n2', 'watch', 'Suspend', at)
        c.cli('n1', 'monitor', 'fail', 'watch', '--server', at)
        time.sleep(1)
        check(c.group('n1', 'app')['current'] == at, 'a suspended monitor causes nothing')
        c.cli('n1', 'monitor', 'resume', 'watch', '--server', at)
        c.wait_group('n1', 'app', current=[n for n in c.names if n != at])
        c.cli('n2', 'monitor', 'unfail', 'watch', '--server', at)
        refused(c, 'n1', 'monitor', 'suspend', 'nothing', says='nothing')
        return f'left {at} by a dummy failure, not while suspended'


def critical_monitor(tag):
    """A node on which a critical monitor fails is given nothing."""
    with Services(lambda c: [group('app', [c.service('sapp')], nodes=('n1', 'n2', 'n3'))],
                  monitors=lambda c: [genw('crit', [f'{c.dir}/svc', 'node', 'look'], 'critical = true; recovery = "none";')],
                  tag=tag) as c:
        c.order('node', 'look', 'n1')
        c.order('node', 'look', 'n2')
        c.up()
        for n in ('n1', 'n2'):
            c.wait_monitor('n3', 'crit', 'Error', n)
        c.cli('n3', 'group', 'start', 'app', check=False)
        c.wait_group('n3', 'app')
        if c.group('n3', 'app')['current'] != 'n3':  # it may have been placed before the first check
            c.cli('n3', 'group', 'stop', 'app', '--wait')
            c.cli('n3', 'group', 'start', 'app', '--wait')
        c.wait_group('n3', 'app', current=['n3'])
        refused(c, 'n3', 'group', 'move', 'app', 'n1', says='monitor')
        return 'the one node without it got the group'


def bad_monitors(tag):
    """One hangs, one floods: the others and the heartbeat do not notice."""
    with open('/dev/null', 'w'):
        pass

    def monitors(c):
        return [genw('hangs', ['/bin/sleep', '600'], 'timeout = "1s";'),
                genw('floods', ['/bin/sh', '-c', 'yes holdfast | head -c 20000000; exit 1']),
                genw('fine', ['/bin/true'])]
    with Services(lambda c: [group('app', [c.service('sapp')])], monitors=monitors, tag=tag).up().ready('app') as c:
        c.wait_monitor('n1', 'hangs', 'Error')
        c.wait_monitor('n1', 'floods', 'Error')
        c.wait_monitor('n1', 'fine', 'Normal')
        m = c.monitor('n1', 'fine')
        c.wait('it to go on checking', lambda: c.monitor('n1', 'fine')['statistics']['checks'] > m['statistics']['checks'] + 5)
        size = os.path.getsize(f'{c.dir}/n1.log')
        check(size < 5_000_000, f'the log has {size} bytes')
        return f'log {size // 1000} kB'


# ---- the cluster ----

def suspend(tag):
    with Services(lambda c: [group('app', [c.service('sapp')])], tag=tag).up().ready('app') as c:
        at = c.group('n1', 'app')['current']
        rest = [n for n in c.names if n != at]
        c.cli(at, 'cluster', 'suspend', '--wait')
        c.wait('it to be shown', lambda: c.status(rest[0])['status'] == 'Suspend')
        refused(c, rest[0], 'group', 'move', 'app', says='suspended')
        c.power_off(at)
        for n in rest:
            c.wait_members(n, rest)
        os.unlink(f'{c.dir}/sapp.on.{at}')
        time.sleep(1.5)
        check(not c.running('sapp'), 'no automatic action while suspended')
        for n in rest:  # it survives a restart of agents
            c.kill_agent(n)
            c.start(n)
        for n in rest:
            c.wait_members(n, rest)
        check(c.status(rest[0])['mode'] == 'suspended', 'still suspended')
        c.cli(rest[1], 'cluster', 'resume', '--wait')
        c.wait_group(rest[0], 'app', current=rest)
        c.check_single()
        return 'nothing happened, over restarts of agents, until it was resumed'


def orderly(tag):
    """Stop, start, shutdown and reboot of one server and of all; peers tell them apart from death."""
    with Services(lambda c: [group('app', [c.service('sapp')])], tag=tag).up().ready('app') as c:
        at = c.group('n1', 'app')['current']
        asked = next(n for n in c.names if n != at)
        c.cli(asked, 'server', 'stop', at, '--yes', '--wait')
        c.wait_group(asked, 'app', current=[n for n in c.names if n != at])
        check(not [e for e in c.events(asked, 'node-silent') if e['node'] == at], 'not taken for dead')
        c.cli(asked, 'server', 'start', at, '--wait')
        c.wait('it to be back', lambda: next(s for s in c.status(asked)['servers'] if s['name'] == at)['status'] == 'Online')
        now = c.group(asked, 'app')['current']
        c.cli(at, 'server', 'reboot', now, '--yes', '--wait', check=False)
        c.wait('the reboot', lambda: (now, 'reboot') in c.powered())
        c.wait_group(at, 'app', current=[n for n in c.names if n != now])
        c.cli(at, 'server', 'start', now, '--wait', check=False)
        c.cli(at, 'cluster', 'stop', '--yes', '--wait')
        c.wait('all to stop', lambda: not c.running('sapp'))
        moves = len(c.told('sapp'))
        check(c.told('sapp')[-1][1] == 'stop', 'no start while the cluster stops')
        c.cli(at, 'cluster', 'start', '--wait')
        c.wait_group(at, 'app')
        check(len(c.told('sapp')) == moves + 1, 'started once')
        c.cli(at, 'cluster', 'shutdown', '--yes', check=False)
        c.wait('all to be powered off', lambda: {n for n, w in c.powered() if w == 'shutdown'} == set(c.names))
        check(not c.running('sapp'), 'stopped before the power went')
        c.check_single()
        return f'power: {", ".join(" ".join(p) for p in c.powered())}'


def ratio(tag):
    with Services(lambda c: [group('app', [c.service('sapp')])], tag=tag).up().ready('app') as c:
        at = c.group('n1', 'app')['current']
        rest = [n for n in c.names if n != at]
        c.cli(rest[0], 'toratio', 'set', '20', '10m', '--wait')
        c.wait('all to know', lambda: all(c.status(n)['ratio'] == 20 for n in c.names))
        c.kill_agent(rest[1])
        c.start(rest[1])
        c.wait('a restarted agent to know', lambda: (c.status(rest[1]) or {}).get('ratio') == 20)
        for n in c.names:
            c.wait_members(n, c.names)
        before = c.status(rest[0])['view']['epoch']
        c.cut(at)
        time.sleep(2)  # more than 6 times the detection time
        c.mend(at)
        c.wait('the link', lambda: all(len(c.status(n)['view']['members']) == 3 for n in rest))
        check(c.status(rest[0])['view']['epoch'] == before, 'a view changed in spite of the ratio')
        check(c.running('sapp') == [at], 'nothing moved')
        c.cli(rest[0], 'toratio', 'reset', '--wait')
        c.wait('all to know', lambda: all(c.status(n)['ratio'] == 1 for n in c.names))
        check(c.status(rest[0])['view']['epoch'] == before, 'the shrinking ratio cost a member')
        refused(c, 'n1', 'toratio', 'set', '20000', '10m')
        refused(c, 'n1', 'toratio', 'set', '5', '31d')
        c.power_off(at)
        os.unlink(f'{c.dir}/sapp.on.{at}')
        c.wait_group(rest[0], 'app', current=rest)
        c.check_single()
        return 'a cut of 2 s was nothing at ratio 20, and a loss again at 1'


ALL = [single_resources, exclusion, start_waits, manual_and_failback, final_actions, stop_failure, units_and_ocf,
       recovery, dummy_failure, critical_monitor, bad_monitors, suspend, orderly, ratio]
