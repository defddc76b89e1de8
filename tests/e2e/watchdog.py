# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's watchdog, over a stand-in that is a file of a file system: opens, ioctls and closes come through the
kernel (watchdog_device.c). When it says `reset` the machine would be gone, and here its agent is ended.
"""
import os
import signal
import subprocess
import time

from lib import BIN, Cluster, Failure, build_helper

LATE = 400      # of a reset, on a loaded machine
KEYS = 'watchdog = {{ device = "{}"; timeout = "{}s"; }};'


def check(condition, what):
    if not condition:
        raise Failure(what)


class Device:
    """What happened to it, as (microseconds, what, number)."""

    def __init__(self, cluster, node, *options):
        self.dir = f'{cluster.dir}/{node}.watchdog'
        self.path = f'{self.dir}/watchdog'
        self.log = f'{cluster.dir}/{node}.device'
        os.mkdir(self.dir)
        with open(self.log, 'wb') as out:
            self.process = subprocess.Popen([build_helper('watchdog_device'), self.dir, *options], stdout=out,
                                            stdin=subprocess.PIPE, start_new_session=True)
        cluster.wait('the device', lambda: self.all('mounted'))

    def lines(self):
        with open(self.log, encoding='ascii') as f:
            return [(int(t), what, int(n)) for t, what, n in (x.split() for x in f if x.endswith('\n'))]

    def all(self, *kinds):
        return [x for x in self.lines() if x[1] in kinds]

    def fed(self):
        """All that gives it its full time again; a close without a good-bye does."""
        return [x for x in self.lines() if x[1] in ('open', 'timeout', 'feed', 'write') or x[1:] == ('close', 0)]

    def end(self):
        self.process.stdin.close()
        self.process.wait(10)


class Watched(Cluster):
    """Three nodes, each with a watchdog; the hosts may have the group, of one program."""

    def __init__(self, options=(), hosts=('n1', 'n2'), loss='stop-groups', seconds=1, **kw):
        super().__init__(detection='200ms', **kw)
        self.seconds = seconds  # 1: the shortest there is
        self.extra = (f'timeout = "150ms"; lease = "1100ms"; lease_margin = "{2002 * seconds}ms"; startup_wait = "1s"; '
                      f'kernel_path = "off"; on_quorum_loss = "{loss}";')
        self.make_service()
        names = ', '.join(f'"{n}"' for n in hosts)
        self.groups = f'( {{ name = "g"; nodes = [ {names} ]; resources = ( {self.service("svc")} ); }} )'
        self.devices = {n: Device(self, n, *options) for n in self.names}
        self.device = self.devices['n1']

    def config_text(self, node):
        return super().config_text(node).replace('agent = {', 'agent = { ' + KEYS.format(self.devices[node].path, self.seconds), 1)

    def close(self):
        self.end_all()  # who has it open
        while self.devices:
            self.devices.popitem()[1].end()
        super().close()

    def owned(self, feeds=3):
        """The group on n1, and the device fed."""
        self.up()
        self.wait('the group on n1', lambda: self.running('svc') == ['n1'])
        count = len(self.device.all('feed'))
        self.wait('feeding', lambda: len(self.device.all('feed')) >= count + feeds)
        return self

    def wait_reset(self):
        """How long after it was last fed, in ms. The machine is gone then."""
        reset = self.wait('the reset', lambda: self.device.all('reset'))[0]
        late = (reset[0] - [t for t, _, _ in self.device.fed() if t < reset[0]][-1]) / 1000
        check(0 <= late - 1000 * self.seconds < LATE, f'reset {late} ms after it was last fed: {self.device.lines()}')
        return late

    def end_agents(self):
        for n in self.names:
            if self.agents[n].poll() is None:
                self.agents[n].send_signal(signal.SIGTERM)
        for n in self.names:
            self.agents[n].wait(20)

    def wait_event(self, name):
        return self.wait(f'event {name}', lambda: self.events('n1', name))[0]


def watchdog_frozen(tag):
    """Fed a quarter of its time apart while all is well; not at all when the agent does not run."""
    with Watched(tag=tag) as c:
        c.owned()
        check(c.device.all('timeout')[0][2] == 1 and len(c.device.all('open')) == 1, f'{c.device.lines()}')
        feeds = [t for t, _, _ in c.device.all('feed')]
        gaps = sorted((b - a) / 1000 for a, b in zip(feeds, feeds[1:]))
        check(gaps[0] > 240, f'fed after {gaps[0]} ms')
        c.freeze('n1')
        frozen = time.monotonic_ns() // 1000
        late = c.wait_reset()
        c.power_off('n1')
        after = [x for x in c.device.fed() if x[0] > frozen + 20000 and x[1] != 'close']
        check(not after, f'fed while frozen: {after}')
        c.wait('the group on n2', lambda: 'n2' in c.running('svc'))
        return f'fed every {gaps[len(gaps) // 2]:.0f} ms, reset {late:.0f} ms after the last'


def watchdog_killed(tag):
    """kill -9 leaves it ticking; the next agent takes it over as it is; in good order it is disarmed."""
    with Watched(tag=tag, hosts=('n1',), seconds=4) as c:
        c.owned(feeds=0)
        c.kill_agent('n1')
        c.wait('the close', lambda: c.device.all('close'))
        check(c.device.all('close')[0][2] == 0 and not c.device.all('write', 'disable'), f'{c.device.lines()}')
        c.start('n1')
        c.wait('the next open', lambda: len(c.device.all('open')) == 2)
        c.wait('feeding', lambda: c.device.all('feed') and c.device.all('feed')[-1] > c.device.all('open')[-1])
        check(len(c.device.all('timeout')) == 1, 'its time was set again, which feeds it')
        c.agents['n1'].send_signal(signal.SIGTERM)
        check(c.agents['n1'].wait(20) == 0, 'exit status')
        c.wait('the close', lambda: len(c.device.all('close')) == 2)
        check(c.device.all('close')[1][2] == 1 and c.device.all('disable'), f'{c.device.lines()}')
        check(not c.device.all('reset') and not c.running('svc'), f'{c.device.lines()}')
        return 'taken over, then disarmed'


def watchdog_killed_for_good(tag):
    """kill -9, and nobody comes. With nowayout also after the best of ends."""
    with Watched(tag=tag, options=['nowayout'], hosts=('n1',), seconds=2) as c:
        c.up()
        c.wait('feeding', lambda: c.device.all('feed'))
        c.agents['n1'].send_signal(signal.SIGTERM)
        check(c.agents['n1'].wait(20) == 0, 'exit status')
        c.wait('the close', lambda: c.device.all('close'))
        check(c.device.all('close')[0][2] == 1 and c.device.all('disable'), f'{c.device.lines()}')
        c.start('n1')
        c.wait('the next open', lambda: len(c.device.all('open')) == 2)
        c.wait('feeding', lambda: c.device.all('feed')[-1] > c.device.all('open')[-1])
        check(not c.device.all('reset'), f'{c.device.lines()}')
        c.kill_agent('n1')
        return f'reset {c.wait_reset():.0f} ms after the close'


def watchdog_lost_lease(tag):
    """What does not stop when the lease is over is reset before another node has it; what stops in time is not."""
    with Watched(tag=tag) as c:
        c.owned()
        c.order('svc', 'slow-stop')
        c.block('n1')
        c.wait_event('watchdog-silent')
        count = len(c.device.fed())
        c.repair('svc', 'slow-stop')
        c.wait('feeding again', lambda: len(c.device.fed()) > count + 1)
        check(not c.device.all('reset') and 'n1' not in c.running('svc'), f'{c.device.lines()}')
        c.wait('the group on n2', lambda: c.running('svc') == ['n2'])
        c.cli('n2', 'group', 'stop', 'g')
        c.block('n1', False)
        c.wait_members('n2', c.names)
        c.cli('n2', 'group', 'start', 'g', 'n1')
        c.wait('the group on n1', lambda: c.running('svc') == ['n1'])
        c.order('svc', 'hang-stop', 'n1')
        c.block('n1')
        late = c.wait_reset()
        reset = time.monotonic()
        started = [x for x in c.told('svc') if x == ('n2', 'start')]
        check(len(started) == 1, f'n2 has started it before the reset: {c.told("svc")}')
        c.power_off('n1')
        os.unlink(f'{c.dir}/svc.on.n1')  # with the machine
        c.wait('the group on n2', lambda: c.running('svc') == ['n2'])
        check(not c.doubles(), 'it ran twice')
        return f'reset {late:.0f} ms after it was last fed, n2 has it {(time.monotonic() - reset) * 1000:.0f} ms later'


def watchdog_in_use(tag):
    """By somebody else: said who. Without it only what does not rely on it is run."""
    with Watched(tag=tag) as c:
        mine = os.open(c.device.path, os.O_RDWR)
        try:
            c.up()
            check(c.agents['n1'].wait(20) == 75, 'exit status')
            with open(f'{c.dir}/n1.log', encoding='utf-8') as f:
                said = f.read()
            with open('/proc/self/comm', encoding='utf-8') as f:
                who = f'{c.device.path[:30]} is in use by {f.read().strip()} (pid {os.getpid()})'
            check(who in said and 'Group g relies on it' in said, said)
            c.groups = c.groups.replace('nodes =', 'accept_agent_enforced_lease = true; nodes =')
            c.end_agents()
            for n in c.names:
                c.write_config(n)
                c.start(n)
            c.wait_members('n1', c.names)
            check(who in str(c.wait_event('watchdog-refused')), f'{c.events("n1", "watchdog-refused")}')
            check(any(who in w for w in c.status('n1')['warnings']), f'{c.status("n1")["warnings"]}')
            check(not c.device.all('timeout', 'feed', 'write'), f'{c.device.lines()}')
        finally:
            os.close(mine)
        return 'refused, and says by whom'


def watchdog_final(tag):
    """on_quorum_loss = "watchdog-reset": not fed again, stopped or not."""
    with Watched(tag=tag, loss='watchdog-reset', hosts=('n1',)) as c:
        c.owned()
        c.block('n1')
        late = c.wait_reset()
        names = [e['name'] for e in c.events('n1')]
        check('quorum-loss' in names and 'power-action' in names, f'{names}')
        c.wait('the stop', lambda: not c.running('svc'))
        return f'reset {late:.0f} ms after it was last fed'


def inherit(c, node):
    """Starts the agent with the open device, as one that executes itself again does."""
    fd = os.open(c.devices[node].path, os.O_RDWR)
    os.set_inheritable(fd, True)
    with open(f'{c.dir}/{node}.log', 'ab') as out:
        c.agents[node] = subprocess.Popen(
            ['ip', 'netns', 'exec', c.ns(node), os.path.join(BIN, 'holdfastd'), '--config', f'{c.dir}/{node}/conf', '--node', node],
            stdout=out, stderr=out, stdin=subprocess.DEVNULL, pass_fds=[fd], start_new_session=True,
            env={**c.env, 'HOLDFAST_WATCHDOG_FD': str(fd)})
    c.processes.append(c.agents[node])
    os.close(fd)


def watchdog_inherited(tag):
    """By its descriptor: never closed in between, its time set with the first feeding; disarmed if nobody wants it any more."""
    with Watched(tag=tag, hosts=('n1',), seconds=4) as c:
        c.up(start=False)
        inherit(c, 'n1')
        c.write_config('n2', c.config_text('n2').replace(KEYS.format(c.devices['n2'].path, c.seconds), '').replace('8008ms', '1s'))
        inherit(c, 'n2')
        c.start('n3')
        c.wait('feeding', lambda: c.device.all('feed'))
        what = [x[1:] for x in c.device.all('open', 'close', 'timeout', 'write')]
        check([x[0] for x in what] == ['open', 'timeout'] and what[1][1] == 4, f'{c.device.lines()}')
        c.wait('the end', lambda: c.devices['n2'].all('close'))
        check([x[1] for x in c.devices['n2'].lines()] == ['mounted', 'open', 'write', 'disable', 'close'], f'{c.devices["n2"].lines()}')
        check(c.events('n2', 'watchdog-closed'), f'{c.events("n2")}')
        return 'fed without a second open; closed where none is configured'


ALL = [watchdog_inherited, watchdog_frozen, watchdog_killed, watchdog_killed_for_good, watchdog_lost_lease, watchdog_in_use, watchdog_final]
