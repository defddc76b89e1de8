# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups, monitors and cluster operations on three real agents. Services are scripts that write down what they were told."""
import json
import os
import signal
import subprocess
import sys
import time

from lib import BIN, Cluster, VIP, sh
from scenarios import check, other

HTTPD_PROGRAM = next((p for p in ('/usr/sbin/apache2', '/usr/sbin/httpd') if os.path.exists(p)), '/usr/sbin/apache2')
MODULES = ('/usr/lib/apache2/modules', '/usr/lib64/httpd/modules', '/usr/lib/httpd/modules')
LISTENER = """import socket
s = socket.create_server(('127.0.0.1', 2345), backlog=512)
while True:
    s.accept()[0].close()
"""


def group(name, resources, nodes=('n1', 'n2', 'n3'), extra=''):
    hosts = ', '.join(f'"{n}"' for n in nodes)
    return (f'{{ name = "{name}"; nodes = [ {hosts} ]; accept_agent_enforced_lease = true; {extra} '
            f'resources = ( {", ".join(resources)} ); }}')


def genw(name, command, extra='', timeout='5s'):
    argv = ', '.join(f'"{a}"' for a in command)
    return f'{{ name = "{name}"; type = "genw"; command = [ {argv} ]; interval = "200ms"; timeout = "{timeout}"; {extra} }}'


class Services(Cluster):
    """A cluster whose groups are made of services; `make` gets the cluster and returns their text."""

    def __init__(self, make, monitors=None, exclusions=None, power=True, **kw):
        super().__init__(**kw)
        self.make_service()
        self.power = f'{self.dir}/power'
        with open(f'{self.dir}/power.sh', 'w', encoding='ascii') as f:
            f.write('#!/bin/sh\nnode=n$(ip -4 -o addr show eth0 | sed -n "1s/.*inet 10[.]90[.]0[.]\\([0-9]*\\)[/].*/\\1/p")\n'
                    f'echo "$node $1" >> {self.power}\n')
        os.chmod(f'{self.dir}/power.sh', 0o755)
        os.makedirs(f'{self.dir}/scripts')
        self.agent += f' script_directory = "{self.dir}/scripts";'
        if power:  # else nothing in the configuration may be able to switch it
            self.agent += f' power_command = "{self.dir}/power.sh";'
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

    def cli(self, node, *args, check=True):
        r = super().cli(node, *args, check=check)
        if check and '--wait' in args:
            self.wait_agreed()
        return r

    def power_off(self, node):
        """What ran there is gone with it, before anybody else can know."""
        super().power_off(node)
        for f in os.listdir(self.dir):
            if f.endswith(f'.on.{node}'):
                os.unlink(f'{self.dir}/{f}')

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


# ---- groups ----

def exclusion(tag):
    """An absolute rule holds a group back while its only place is taken; a normal one gives way."""
    rules = ['{ name = "apart"; kind = "absolute"; groups = [ "a", "b" ]; }',
             '{ name = "rather"; kind = "normal"; groups = [ "a", "d" ]; }']
    with Services(lambda c: [group(g, [c.service(f's{g}')], nodes=('n1', 'n2')) for g in ('a', 'b', 'd')],
                  exclusions=rules, tag=tag).up().ready('a', 'b', 'd') as c:
        a, b = (c.group('n3', g)['current'] for g in ('a', 'b'))
        check(a != b, f'a and b are both on {a}')
        check(c.group('n3', 'd')['current'] == b, 'd rather keeps away from a')
        refused(c, 'n3', 'group', 'move', 'b', a, says='an exclusion rule forbids it')
        c.power_off(a)
        c.wait('a to be held', lambda: (c.group('n3', 'a').get('held') or {}).get('word') == 'excluded')
        check(c.group('n3', 'b')['current'] == b and not c.running('sa'), 'the rule holds while a node is away')
        c.boot(a)
        c.wait_group('n3', 'a', current=[a])
        c.check_single()
        return 'absolute held a group back while its only place was taken; normal gave way'


def waits(tag):
    """Starts and stops that wait for other groups; resources of a group that is stopped; two operations at once."""
    def make(c):
        app = 'start_after = [ "db" ]; start_after_same_server = true; start_wait = "60s";'
        db = 'stop_after = [ "app" ]; stop_wait_at = [ "cluster", "group" ]; stop_wait = "60s";'
        return [group('db', [c.service('sdb')], extra=db), group('app', [c.service('sapp')], extra=app),
                group('three', [c.service('base'), c.service('top', depends='base'), c.service('side')])]
    with Services(make, tag=tag).up().ready('db', 'app', 'three') as c:
        check(c.group('n1', 'db')['current'] == c.group('n1', 'app')['current'], 'on the same server')
        c.cli('n1', 'group', 'stop', 'app', '--wait')
        c.cli('n1', 'group', 'stop', 'db', '--wait')
        c.cli('n1', 'group', 'start', 'app')
        c.wait('app to wait for db', lambda: (c.group('n1', 'app').get('held') or {}).get('word') == 'wait')
        check(c.group('n1', 'app')['waits_for'] == 'db' and not c.running('sapp'), 'nothing was started')
        c.cli('n2', 'group', 'start', 'db', '--wait')
        c.wait_group('n1', 'app')
        at = c.group('n1', 'app')['current']
        c.order('sapp', 'slow-stop')
        c.cli('n1', 'group', 'stop', 'app')
        c.cli('n1', 'group', 'stop', 'db')
        c.wait('the stop of app', lambda: c.told('sapp')[-1] == (at, 'stop'))
        check(c.running('sdb') == [at] and c.told('sdb')[-1] == (at, 'start'), 'db waits for app to stop')
        c.repair('sapp', 'slow-stop')
        c.wait_group('n1', 'db', 'Offline')
        check(not c.running('sapp') and not c.running('sdb'), 'both stopped')
        single_resources(c)
        told = two_at_once(c)
        c.check_single()
        return f'started in order, stopped in reverse; of two moves one won, the other: {told}'


def single_resources(c):
    at = c.group('n2', 'three')['current']
    c.cli('n2', 'resource', 'stop', 'base', '--wait')
    check(not c.running('base') and not c.running('top') and c.running('side') == [at], 'what depends on it stops, no more')
    c.cli('n1', 'group', 'stop', 'three', '--wait')
    c.cli('n1', 'resource', 'start', 'top', '--wait')
    check(c.running('top') and c.running('base') and not c.running('side'), 'top and base alone')
    c.cli('n1', 'group', 'start', 'three', '--wait')
    check(c.running('side'), 'all of it')


def two_at_once(c):
    """Two servers are told to move one group to different places."""
    c.cli('n1', 'group', 'move', 'three', 'n1', '--wait', check=False)
    c.wait_group('n1', 'three', current=['n1'])
    c.order('base', 'slow-stop')
    orders = {'n2': 'n3', 'n3': 'n2'}  # told at -> moves to
    both = {n: subprocess.Popen([os.path.join(BIN, 'holdfast'), '--socket', c.socket(n), 'group', 'move', 'three', to,
                                 '--wait', '--timeout', '60'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for n, to in orders.items()}
    c.wait('the stop', lambda: c.told('base')[-1] == ('n1', 'stop'))
    c.wait('both orders to be taken in', lambda: all(
        p.poll() is not None or c.events(n, 'request-answered') for n, p in both.items()))
    c.repair('base', 'slow-stop')
    ends = {n: (p.communicate(timeout=60), p.returncode) for n, p in both.items()}
    c.wait_group('n1', 'three', current=['n2', 'n3'])
    where = c.group('n1', 'three')['current']
    winners = [n for n in orders if ends[n][1] == 0]
    check(len(winners) == 1, f'one of two orders must win: {ends}')
    check(orders[winners[0]] == where, f'the winner is not obeyed: it is on {where}: {ends}')
    loser = next(n for n in orders if n not in winners)
    told = 'another command for three came after this one'
    check(ends[loser][1] == 1 and told in ends[loser][0][0], f'the other is not told: {ends}')
    return told


def manual_and_failback(tag):
    with Services(lambda c: [group('man', [c.service('sman')], extra='failover = "manual";'),
                             group('back', [c.service('sback')], extra='failback = "auto";')], tag=tag).up() as c:
        c.ready('man', 'back')
        check(c.group('n2', 'back')['current'] == 'n1', 'by policy')
        c.power_off('n1')
        c.wait_group('n2', 'back', current=['n2'])
        held = c.wait('the manual group to be held', lambda: c.group('n2', 'man').get('held'))
        check(held['word'] == 'manual' and not c.running('sman'), f'held {held}')
        c.cli('n2', 'group', 'start', 'man', '--wait')
        check(c.group('n2', 'man')['current'] in ('n2', 'n3'), 'by command it starts elsewhere')
        c.boot('n1')
        c.wait_group('n2', 'back', current=['n1'])
        check(c.group('n2', 'man')['current'] != 'n1', 'no failback where none was asked for')
        c.check_single()
        return 'manual failover waited for a person; failback went home by itself'


# ---- failures ----

def failures(tag):
    """Limit of failovers, a start that hangs, final actions by the stand-in, a stop that fails or hangs."""
    def make(c):
        return [group('bad', [c.service('sbad')], extra='failover_limit = 1;'),
                group('slow', [c.service('sslow', timeout='500ms')]),
                group('app', [c.service('sapp', extra='stop_retries = 1;', timeout='500ms')]),
                group('fin', [c.service('sfin', extra='failovers = 0; on_start_failure = "reboot";')], extra='autostart = false;')]

    def monitors(c):
        return [genw('watch', [f'{c.dir}/svc', 'sbad', 'check'], 'target = "sbad"; restarts = 0; failovers = "nodes";')]
    with Services(make, monitors=monitors, tag=tag) as c:
        c.order('sslow', 'hang-start', 'n1')
        c.up().ready('bad', 'slow', 'app')
        check(c.group('n1', 'slow')['current'] == 'n2', 'a start that hangs is ended by its timeout, and it goes on')
        check(c.told('sslow')[0] == ('n1', 'start') and not c.running('sslow')[1:], c.told('sslow'))
        limit_reached(c)
        hopeless_stop(c)
        c.order('sfin', 'start')
        c.cli('n3', 'group', 'start', 'fin', check=False)
        c.wait('a reboot', lambda: c.powered())
        c.wait('it to be suppressed where nobody else is left', lambda: any(c.events(n, 'final-suppressed') for n in c.names[1:]))
        check(c.powered() == [('n1', 'reboot')], f'{c.powered()}')
        c.check_single()
        return 'limit held; hung start went on; a stop without an end blocked; reboot once, then suppressed'


def limit_reached(c):
    first = c.group('n1', 'bad')['current']
    c.order('sbad', 'check')  # on every node
    c.wait('the end of the recovery', lambda: any(c.events(n, 'final-action') for n in c.names if n != first))
    starts = [n for n, v in c.told('sbad') if v == 'start']
    check(starts[0] == first and len(starts) == 2, f'one failover, not more: {starts}')
    check(c.running('sbad') == starts[1:], 'where it cannot go on, it is left running')
    c.repair('sbad', 'check')
    c.order('sbad', 'start')
    c.cli('n2', 'group', 'move', 'bad', '--wait', '--timeout', '30', check=False)
    c.wait('the limit', lambda: (c.group('n2', 'bad').get('held') or {}).get('word') == 'limit')
    for n in c.names:  # down for good by a failure is an error, once it is down
        c.wait_group(n, 'bad', 'Error')
    tried = [n for n, v in c.told('sbad') if v == 'start'][2:]
    check(len(tried) == 2, f'again one failover, not more: {tried}')
    c.repair('sbad', 'start')
    c.cli('n2', 'group', 'start', 'bad', '--wait')
    check(c.running('sbad'), 'a command starts it again')


def hopeless_stop(c):
    """A stop that fails or hangs is tried again, and never followed by a start elsewhere."""
    at = c.group('n1', 'app')['current']
    starts = [e for e in c.told('sapp') if e[1] == 'start']
    c.order('sapp', 'hang-stop')
    r = c.cli('n1', 'group', 'move', 'app', '--wait', '--timeout', '30', check=False)
    check(r.returncode == 1 and 'app could not be stopped' in r.stdout, f'a move that fails must be told: {r}')
    check([v for _, v in c.told('sapp')].count('stop') >= 2, 'it is tried twice')
    s = next(r for r in c.status('n1')['resources'] if r['name'] == 'sapp')
    check(s['status'] == 'Offline Failure' and c.running('sapp') == [at], s['status'])
    check([e for e in c.told('sapp') if e[1] == 'start'] == starts, 'started elsewhere although it may run')
    c.repair('sapp', 'hang-stop')
    c.cli('n1', 'group', 'move', 'app', other(c, at))
    c.wait_group('n1', 'app', current=[n for n in c.names if n != at])


# ---- real programs ----

HTTPD = """ServerName e2e
ServerRoot DIR/httpd
DefaultRuntimeDir DIR/httpd/run
PidFile DIR/httpd/run/pid
Listen 8080
Include DIR/httpd/modules
<IfModule mod_unixd.c>
User www-data
Group www-data
</IfModule>
DocumentRoot DIR/mnt
ErrorLog DIR/httpd/error
<Directory DIR/mnt>
Require all granted
</Directory>
<Location /server-status>
SetHandler server-status
Require local
</Location>
"""


def httpd_config(c):
    """One for all nodes: it never runs on two of them."""
    os.makedirs(f'{c.dir}/httpd/run')
    os.chmod(c.dir, 0o755)  # the server's children have another user
    with open(f'{c.dir}/httpd/modules', 'w', encoding='ascii') as f:
        for name in ('mpm_event', 'authz_core', 'authz_host', 'status'):
            path = next((p for p in (f'{d}/mod_{name}.so' for d in MODULES) if os.path.exists(p)), None)
            if path:
                f.write(f'LoadModule {name}_module {path}\n')
    with open(f'{c.dir}/httpd.conf', 'w', encoding='ascii') as f:
        f.write(HTTPD.replace('DIR', c.dir))


def real_agents(tag):
    """Dummy, Filesystem on a loop device, a real web server with its pages there, and IPaddr2, all from resource-agents."""
    def make(c):
        def ocf(name, agent, depends, **parameters):
            d = f' depends = [ "{depends}" ];' if depends else ''
            p = ' '.join(f'{k} = "{v}";' for k, v in parameters.items())
            return f'{{ type = "ocf"; name = "{name}"; agent = "{agent}";{d} parameters = {{ {p} }}; }}'
        return [group('web', [
            ocf('dummy', 'heartbeat:Dummy', None, state=f'{c.dir}/dummy.state'),
            ocf('disk', 'ocf:heartbeat:Filesystem', 'dummy', device=f'{c.dir}/disk', directory=f'{c.dir}/mnt', fstype='ext4',
                options='loop', run_fsck='no'),
            ocf('httpd', 'heartbeat:apache', 'disk', configfile=f'{c.dir}/httpd.conf', httpd=HTTPD_PROGRAM,
                statusurl='http://127.0.0.1:8080/server-status', testregex='Apache'),
            ocf('ip', 'heartbeat:IPaddr2', 'httpd', ip=VIP, cidr_netmask='24', nic='eth0', arp_bg='false')])]

    def monitors(c):
        return ['{ name = "pages"; type = "httpw"; url = "http://127.0.0.1:8080/page"; interval = "200ms"; timeout = "5s"; '
                'retries = 1; target = "httpd"; restarts = 1; failovers = 1; }']
    with Services(make, monitors=monitors, tag=tag) as c:
        os.makedirs(f'{c.dir}/mnt')
        httpd_config(c)
        sh('truncate', '-s', '16M', f'{c.dir}/disk')
        os.makedirs(f'{c.dir}/pages')  # on the disk before anybody asks for it
        with open(f'{c.dir}/pages/page', 'w', encoding='ascii') as f:
            f.write('the page\n')
        os.chmod(f'{c.dir}/pages', 0o755)
        os.chmod(f'{c.dir}/pages/page', 0o644)
        sh('mkfs.ext4', '-q', '-d', f'{c.dir}/pages', f'{c.dir}/disk')
        c.up().ready('web')
        at = c.group('n1', 'web')['current']
        check(c.holders() == [at] and os.path.exists(f'{c.dir}/dummy.state'), 'the agents did their work')
        check(mounted(c) == [at], f'mounted on {mounted(c)}')
        c.wait_monitor('n1', 'pages', 'Normal')
        c.cli('n1', 'group', 'move', 'web', '--wait')
        to = c.group('n1', 'web')['current']
        check(to != at and c.holders() == [to] and mounted(c) == [to], f'it moved to {to}, mounted on {mounted(c)}')
        page = c.run_in('c', 'curl', '-sS', '--max-time', '10', f'http://{VIP}:8080/page').stdout
        check(page == 'the page\n', f'the page moved along: {page!r}')
        with open(f'{c.dir}/httpd/run/pid', encoding='ascii') as f:
            server = int(f.read())
        check(os.getpgid(server) == server, 'the server is in a process group of its own')
        os.killpg(server, signal.SIGKILL)
        c.wait('a restart by its monitor', lambda: c.events(to, 'monitor-restart'))
        c.wait_group('n1', 'web', current=[to])
        c.wait_monitor('n1', 'pages', 'Normal')
        c.cli('n1', 'group', 'stop', 'web', '--wait')
        check(not c.holders() and not mounted(c) and not os.path.exists(f'{c.dir}/dummy.state'), 'stopped')
        loops = sh('losetup', '-a').stdout
        check(c.dir not in loops, f'a loop device is left: {loops}')
        return 'Dummy, Filesystem, apache, IPaddr2: moved with its page, restarted by its monitor'


def mounted(c):
    """Each agent has a mount namespace of its own."""
    out = []
    for n in c.names:
        with open(f'/proc/{c.agents[n].pid}/mounts', encoding='utf-8') as f:
            if f' {c.dir}/mnt ' in f.read():
                out.append(n)
    return out


# ---- monitors ----

def recovery(tag):
    """Restart, failover, final action, with a program before each."""
    def monitors(c):
        before = ' '.join(f'before_{s} = [ "{c.dir}/note", "{s}" ];' for s in ('restart', 'failover', 'final'))
        return [genw('watch', [f'{c.dir}/svc', 'sapp', 'check'], 'target = "sapp"; restarts = 1; failovers = 1; '
                     f'final_action = "stop-group"; final_action_alone = true; {before}')]
    def make(c):
        return [group('app', [c.service('sapp')]),
                group('alone', [c.service('sal', extra='failovers = 0; on_start_failure = "bmc-reset";')])]
    with Services(make, monitors=monitors, power=False, tag=tag) as c:
        c.order('sal', 'start')
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
        c.order('sapp', 'check')  # broken for good, everywhere
        heir = c.wait('a failover', lambda: next((n for n in c.running('sapp') if n != at), None))
        c.wait('the final action', lambda: any(c.events(n, 'final-action') for n in c.names))
        g = c.wait_group('n1', 'app', 'Error')
        check(g['held']['word'] == 'limit' and not c.running('sapp'), f'it is to be stopped everywhere: {g}')
        with open(f'{c.dir}/notes', encoding='ascii') as f:
            notes = f.read().split()
        # counted per server: three of them, and nowhere to go from the last
        check(notes == ['restart', 'failover'] * 2 + ['restart', 'final'], f'programs {notes}')
        check(not c.events('n1', 'power-action') and c.events('n1', 'final-impossible'), 'a fencing device out of nothing')
        c.check_single()
        return f'{at}: restart in place, then {heir}, then stopped; programs {" ".join(notes)}'


def critical_monitor(tag):
    """A node on which a critical monitor fails is given nothing."""
    with Services(lambda c: [group('app', [c.service('sapp')], extra='autostart = false;')],
                  monitors=lambda c: [genw('crit', [f'{c.dir}/svc', 'node', 'look'], 'critical = true; recovery = "none";')],
                  tag=tag) as c:
        c.order('node', 'look', 'n1')
        c.order('node', 'look', 'n2')
        c.up()
        for n in ('n1', 'n2'):
            c.wait_monitor('n3', 'crit', 'Error', n)
        c.cli('n3', 'group', 'start', 'app', '--wait')
        check(c.group('n3', 'app')['current'] == 'n3', 'the third in its list, but the only one that is well')
        c.order('node', 'look', 'n3')
        c.wait_monitor('n3', 'crit', 'Error')
        check(c.group('n3', 'app')['current'] == 'n3', 'what runs stays')
        c.cli('n3', 'group', 'stop', 'app', '--wait')
        c.cli('n3', 'group', 'start', 'app', check=False)
        c.wait('it to be held', lambda: (c.group('n3', 'app').get('held') or {}).get('word') == 'unfit')
        c.repair('node', 'look', 'n2')
        c.wait_group('n3', 'app', current=['n2'])
        return 'the one node without it got the group'


def bad_monitors(tag):
    """One hangs, one floods, a suspended one fails: the others and the heartbeat do not notice."""
    def monitors(c):
        return [genw('hangs', ['/bin/sleep', '600'], timeout='1s'),
                genw('floods', ['/bin/sh', '-c', 'yes holdfast | head -c 20000000; exit 1']),
                genw('quiet', [f'{c.dir}/svc', 'node', 'look'], 'target = "sapp"; restarts = 0; failovers = "nodes";'),
                genw('fine', ['/bin/true'])]
    with Services(lambda c: [group('app', [c.service('sapp')])], monitors=monitors, tag=tag).up().ready('app') as c:
        at = c.group('n1', 'app')['current']
        epoch = c.status('n1')['view']['epoch']
        c.cli('n1', 'monitor', 'suspend', 'quiet', '--wait')
        c.order('node', 'look')
        for m in ('hangs', 'floods'):
            c.wait_monitor('n1', m, 'Error')
        c.wait_monitor('n1', 'fine', 'Normal')
        before = c.monitor('n1', 'fine')['statistics']['checks']
        c.wait('it to go on checking', lambda: c.monitor('n1', 'fine')['statistics']['checks'] > before + 5)
        check(c.group('n1', 'app')['current'] == at and len(c.told('sapp')) == 1, 'a suspended monitor causes nothing')
        check(c.status('n1')['view']['epoch'] == epoch, 'a view changed')
        size = max(os.path.getsize(f'{c.dir}/{n}.log') for n in c.names)
        check(size < 200_000, f'the log has {size} bytes')
        c.cli('n2', 'monitor', 'resume', 'quiet', '--wait')
        c.wait_group('n1', 'app', current=[n for n in c.names if n != at])
        return f'log {size // 1000} kB'


def many_monitors(tag, count=512):
    """512 monitors on one node at 1 s intervals beside none: the heartbeat does not notice."""
    def monitors(c):
        return ['{ name = "m%d"; nodes = [ "n1" ]; interval = "1s"; timeout = "20s"; recovery = "server"; %s }' % (i, (
            'type = "genw"; command = [ "/bin/true" ];', 'type = "tcpw"; address = "127.0.0.1"; port = 2345;',
            'type = "psw"; process = "holdfastd";', 'type = "diskw"; path = "/"; limit = "100%";')[i % 4]) for i in range(count)]
    figures = []
    for load in (None, monitors):
        with Services(lambda c: [group('app', [c.service('sapp')])], monitors=load, tag=tag) as c:
            c.up(start=False)
            listener = c.spawn('n1', [sys.executable, '-c', LISTENER], 'listener')
            for n in c.names:
                c.start(n)
            c.ready('app')
            if load:
                c.wait('every monitor to have checked', lambda: all(
                    (m['statistics'] or {}).get('checks', 0) >= 2 for m in c.status('n1')['monitors']))
            figures.append(beats(c, 6))
            if load:
                wrong = [(m['name'], m['status'], m['statistics']['text']) for m in c.status('n1')['monitors'] if m['status'] != 'Normal']
                check(not wrong, f'{len(wrong)} are not normal: {wrong[:4]}')
                check(not c.events('n1', 'monitor-error') and c.told('sapp') == [(c.group('n1', 'app')['current'], 'start')],
                      'something was recovered')
            check(listener.poll() is None, 'the listener died')
    return f'without: {figures[0]}; with {count}: {figures[1]}'


def beats(c, seconds):
    """What the counters say over a while in which nothing else happens (the while is the point)."""
    def links(s):
        return [link for server in s['servers'] for link in server['links'] if server['name'] != 'n1']
    first = c.status('n1')
    time.sleep(seconds)
    last = c.status('n1')
    check(last['view']['epoch'] == first['view']['epoch'], 'a view changed')
    check(not c.events('n1', 'node-silent') and not c.events('n2', 'node-silent'), 'a node was taken for dead')
    late = sum(x['late'] for x in links(last)) - sum(x['late'] for x in links(first))
    check(late == 0, f'{late} beats came late')
    got = sum(x['received'] for x in links(last)) - sum(x['received'] for x in links(first))
    check(got > 0, 'no beat was counted')
    worst = last['counters']['loop_late_us_max']
    check(worst < last['timeout_us'], f'the loop was late by {worst} us')
    rtt = [max(x[k] for x in links(last)) for k in ('rtt_us_p50', 'rtt_us_p99', 'rtt_us_max')]
    return f'late beats {late} of {got}, loop late at most {worst} us, rtt p50/p99/max {"/".join(map(str, rtt))} us'


# ---- what would happen ----

def predictions(tag):
    """`simulate` says beforehand where each group goes when a node dies, a monitor fails, a node leaves; `drill` does it."""
    def make(c):
        return [group('a', [c.service('sa')]), group('b', [c.service('sb')], nodes=('n2', 'n3', 'n1')),
                group('d', [c.service('sd')], nodes=('n1', 'n3', 'n2')), group('pinned', [c.service('sp')], nodes=('n3',))]

    def monitors(c):
        return [genw('watch', ['/bin/true'], 'target = "sa"; restarts = 0; failovers = "nodes"; recovery = "a";')]
    with Services(make, monitors=monitors, tag=tag).up().ready('a', 'b', 'd', 'pinned') as c:
        c.wait_monitor('n2', 'watch', 'Normal')
        said = simulated(c, 'n2', '--fail', 'watch@n1')
        c.cli('n2', 'monitor', 'fail', 'watch', '--server', 'n1')
        come_true(c, 'n2', said)
        c.cli('n2', 'monitor', 'unfail', 'watch', '--server', 'n1')
        said = simulated(c, 'n3', '--down', 'n2')
        c.power_off('n2')
        come_true(c, 'n3', said)
        c.boot('n2')
        c.wait_members('n3', c.names)
        said = simulated(c, 'n2', '--leave', 'n1')
        c.cli('n2', 'server', 'stop', 'n1', '--yes', '--wait')
        come_true(c, 'n2', said)
        c.cli('n2', 'server', 'start', 'n1', '--wait')
        for g in 'abd':
            c.wait_group('n2', g)
        took = [drill(c, 'a', way) for way in ('move', 'monitor', 'server')]
        c.wait('a healthy cluster', lambda: c.status('n1')['verdict']['level'] == 'healthy')
        r = c.cli('n1', 'drill', 'pinned', '--by', 'move', '--yes', check=False)
        check(r.returncode == 1 and 'another server can take it' in r.stdout, f'a group that cannot move: {r}')
        check(c.running('sp') == ['n3'] and len(c.told('sp')) == 1, 'and nothing was tried')
        c.check_single()
        return f'all came true; drills by move, monitor, server: {", ".join(took)}'


def simulated(c, node, *fault):
    answer = json.loads(c.cli(node, 'simulate', *fault, '--json').stdout)
    for g in answer['groups']:
        now = c.group(node, g['name'])['current']
        check(g['before'] == now, f'{fault}: {g["name"]} is on {now}, not on {g["before"]}')
        hit = g['name'] == 'a' if fault[0] == '--fail' else now == fault[1]
        check(g['after'] and (g['after'] != now) == hit, f'{fault}: {g}')
    return {g['name']: g['after'] for g in answer['groups']}


def come_true(c, node, said):
    for name, where in said.items():
        c.wait_group(node, name, current=[where])
    now = {g['name']: g['current'] for g in c.status(node)['groups']}
    check(now == said, f'predicted {said}, but {now} came')


def drill(c, name, way):
    at = c.group('n2', name)['current']
    node = next(n for n in c.names if n != at)
    c.wait_monitor(node, 'watch', 'Normal')
    c.wait('a healthy cluster', lambda: c.status(node)['verdict']['level'] == 'healthy')
    r = c.cli(node, 'drill', name, '--by', way, '--yes', '--json', check=False)
    check(r.returncode == 0, f'drill by {way}: {r.returncode} {r.stdout[-2000:]} {r.stderr[-2000:]}')
    said = json.loads(r.stdout)
    check(said['passed'] and said['from'] == at and said['to'] == c.group(node, name)['current'] != at, f'{said}')
    return f'{said["outage_us"] / 1e6:.1f} s'


# ---- the cluster ----

def ratio_over_restart(tag):
    """A restarted agent knows the ratio; a cut that would have been a death is none; shrinking costs nobody."""
    with Services(lambda c: [group('app', [c.service('sapp')])], tag=tag).up().ready('app') as c:
        at = c.group('n1', 'app')['current']
        rest = [n for n in c.names if n != at]
        c.cli(rest[0], 'toratio', 'set', '20', '10m', '--wait')
        c.kill_agent(rest[1])
        c.start(rest[1])
        c.wait('a restarted agent to know', lambda: (c.status(rest[1]) or {}).get('ratio') == 20)
        for n in c.names:
            c.wait_members(n, c.names)
        before = c.status(rest[0])['view']['epoch']
        c.cut(at)
        time.sleep(2)  # more than 6 times the detection time: the point of the test
        c.mend(at)
        c.wait('the link', lambda: all(len(c.status(n)['view']['members']) == 3 for n in rest))
        check(c.status(rest[0])['view']['epoch'] == before, 'a view changed in spite of the ratio')
        check(c.running('sapp') == [at], 'nothing moved')
        c.cli(rest[0], 'toratio', 'reset', '--wait')
        c.wait('all to know', lambda: all(c.status(n)['ratio'] == 1 for n in c.names))
        check(c.status(rest[0])['view']['epoch'] == before, 'the shrinking ratio cost a member')
        c.power_off(at)
        c.wait_group(rest[0], 'app', current=rest)
        c.check_single()
        return 'a cut of 2 s was nothing at ratio 20, and a loss again at 1'


def as_viewer(c, node, *args):
    """As a user who is only in the view group."""
    return sh('setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', os.path.join(BIN, 'holdfast'), '--socket',
              c.socket(node), *args, check=False)


def remote(tag):
    """Any agent is asked from any server; who may only read here may only read there."""
    with Services(lambda c: [group('app', [c.service('sapp')])], tag=tag,
                  agent='change_group = "daemon"; view_group = "nogroup";') as c:
        os.chmod(c.dir, 0o755)
        c.up().ready('app')
        for n in c.names:
            for at in c.names:
                told = json.loads(c.cli(at, '--host', n, 'status', '--json').stdout)
                check(told['self'] == n, f'{told["self"]} answered for {n}')
        check(json.loads(c.cli('n1', '-h', c.address('n2', 0), 'status', '--json').stdout)['self'] == 'n2', 'by its address')
        c.cli('n1', '-h', 'n3', 'group', 'stop', 'app', '--wait')
        check(not c.running('sapp'), 'it obeys from afar')
        r = as_viewer(c, 'n1', '-h', 'n2', 'status', '--json')
        check(json.loads(r.stdout).get('self') == 'n2', f'a viewer may look: {r}')
        for way in ([], ['-h', 'n2'], ['-h', 'n1']):
            r = as_viewer(c, 'n1', *way, 'group', 'start', 'app')
            check(r.returncode not in (0, 4) and 'ermission' in r.stderr + r.stdout, f'a viewer may not change: {way}, {r}')
        check(c.group('n1', 'app')['status'] == 'Offline' and not c.running('sapp'), 'and nothing was done')
        refused(c, 'n1', '-h', 'nowhere', 'status', says='nowhere')
        c.cli('n2', '-h', 'n1', 'group', 'start', 'app', '--wait')
        c.power_off('n3')
        since = time.monotonic()
        refused(c, 'n1', '-h', 'n3', 'status', says='n3')
        took = time.monotonic() - since
        return f'nine ways, view-only rights hold; a dead server is told after {took:.1f} s'


ALL = [exclusion, waits, manual_and_failback, failures, real_agents, recovery, critical_monitor, bad_monitors, predictions,
       ratio_over_restart, remote]
ALONE = [many_monitors]
