# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes with power: each has a BMC (ipmi_sim) and two outlets of a power strip (fence_pdu, Modbus).

Both are in a network of their own, so the interconnect can be cut while they are reached. Off means off: all processes
of the node die, and its namespace with all links and addresses goes, before anybody reads "off". On boots it again, with
the same disk.
"""
import contextlib
import fcntl
import os
import shutil
import sys
import threading
import time

from lib import BUILD, TOP, Cluster, Failure, sh

sys.path.insert(0, os.path.join(TOP, 'tests/fence'))
import peers  # noqa: E402

MACHINE = """#!/bin/sh
# machine 0|1|crash: takes the power of NODE away, or gives it back; crash: it halts, with the power on
exec 9>DIR/NODE.lock
flock 9
read -r up idle </proc/uptime
if [ "$1" = 1 ]; then
	echo "$up on" >>DIR/NODE.power
	: >DIR/NODE.boot
	exit 0
fi
rm -f DIR/NODE.boot
if [ -e /run/netns/PREFIXNODE ]; then
	# first what others could notice: the kernel of a dead server does not tell that its agent has ended
	for port in PORTS; do echo "link del $port"; done | ip -n PREFIXsw -batch -
	while pids=$(ip netns pids PREFIXNODE) && [ -n "$pids" ]; do
		kill -9 $pids
	done
	ip netns del PREFIXNODE
	rm -f DIR/*.on.NODE
fi
read -r up idle </proc/uptime
[ "$1" = crash ] && echo "$up crash" >>DIR/NODE.power || echo "$up off" >>DIR/NODE.power
"""

STRIP = """#!/bin/sh
# strip OUTLET VALUE: what fence_pdu switched; a node has two outlets, and power while one of them is on
node=n$(($1 / 2 + 1))
echo "$2" >DIR/outlet.$1
twin=$(cat DIR/outlet.$(($1 ^ 1)) 2>/dev/null || echo 1)
if [ "$2" = 0 ] && [ "$twin" = 0 ]; then DIR/$node.bmc/machine 0
elif [ "$2" = 1 ] && [ "$twin" = 0 ]; then DIR/$node.bmc/machine 1
fi
"""


class Bmc:
    """The BMC of one node. Its behaviours are those of tests/fence/bmc-power."""

    def __init__(self, cluster, node):
        self.cluster, self.node = cluster, node
        self.dir = f'{cluster.dir}/{node}.bmc'
        self.address, self.process = f'10.80.0.{100 + int(node[1:])}', None
        os.mkdir(self.dir)
        peers.write(self.dir + '/lan.conf', peers.LAN.format(address=self.address, port=623, more='', here=peers.HERE,
                                                             dir=self.dir))
        peers.write(self.dir + '/bmc.emu', peers.EMU)
        peers.write(self.dir + '/power', '1\n')
        self.behave('honest')

    def start(self):
        self.process = self.cluster.spawn('bmc', ['ipmi_sim', '-n', '-c', self.dir + '/lan.conf', '-f', self.dir + '/bmc.emu',
                                                  '-s', self.dir], f'{self.node}.bmc.log')

    def behave(self, how):
        peers.write(self.dir + '/behaviour.new', how + '\n')
        os.replace(self.dir + '/behaviour.new', self.dir + '/behaviour')

    def die(self):
        self.process.kill()
        self.process.wait()

    def orders(self):
        with contextlib.suppress(FileNotFoundError), open(self.dir + '/orders', encoding='ascii') as f:
            return f.read().splitlines()
        return []

    def power(self):
        with open(self.dir + '/power', encoding='ascii') as f:
            return f.read().strip()


class Powered(Cluster):
    """A cluster whose link 0 is the clients' network, link 1 the interconnect; takeover = "fence"."""

    def __init__(self, nodes=2, tag='', fencing='', boot_delay=0.5, extra='', **kw):
        self.levels = {}      # node -> levels, each a list of devices; what more_of_node() writes
        self.delays = {}      # node -> fence_delay
        self.fencing = fencing if 'priority_delay' in fencing else fencing + ' priority_delay = "1s";'
        self.devices = {}     # name -> text of the device
        super().__init__(nodes=nodes, links=2, tag=tag, extra='takeover = "fence"; ' + extra, **kw)
        self.heartbeat = [1]
        self.others.append('bmc')
        self.boot_delay = boot_delay
        self.bmc, self.pdu = {}, None
        self.trouble = []     # what went wrong in the thread
        self.ended = threading.Event()
        self.powerhouse = threading.Thread(target=self.boot_who_is_switched_on, daemon=True)
        peers.write(f'{self.dir}/bmc.secret', 'secret\n')
        os.chmod(f'{self.dir}/bmc.secret', 0o600)
        for n in self.names:
            self.devices[f'bmc-{n}'] = self.ipmi(n)
            self.levels[n] = [[f'bmc-{n}']]

    # ---- configuration ----
    def ipmi(self, node, timeout='10s', agent=f'{BUILD}/bin/fence_holdfast_ipmi', more='workaround_flags = "opensesspriv";'):
        return (f'agent = "{agent}"; timeout = "{timeout}"; parameters = {{ ip = "10.80.0.{100 + int(node[1:])}"; '
                f'username = "admin"; cipher = "3"; {more} }}; secrets = {{ password = "{self.dir}/bmc.secret"; }};')

    def strip(self, timeout='10s'):
        return (f'agent = "{BUILD}/bin/fence_holdfast_modbus"; timeout = "{timeout}"; '
                'parameters = { ip = "10.80.0.100"; confirm_wait = "0.1"; };')

    def more_of_node(self, node):
        levels = ', '.join('{ devices = [ ' + ', '.join(f'"{d}"' for d in level) + ' ]; }' for level in self.levels[node])
        delay = f'fence_delay = "{self.delays[node]}";' if node in self.delays else ''
        return f'fence = ( {levels} ); {delay}'

    def config_text(self, node):
        devices = ', '.join(f'{{ name = "{name}"; {text} }}' for name, text in self.devices.items())
        return super().config_text(node) + f'fencing = {{ {self.fencing} devices = ( {devices} ); }};\n'

    # ---- set-up ----
    def make_net(self):
        super().make_net()
        sh('ip', '-n', self.ns('sw'), 'link', 'add', 'brm', 'type', 'bridge', 'stp_state', '0', 'mcast_snooping', '0')
        sh('ip', '-n', self.ns('sw'), 'link', 'set', 'brm', 'up')
        sh('ip', 'netns', 'add', self.ns('bmc'))
        sh('ip', '-n', self.ns('bmc'), 'link', 'set', 'lo', 'up')
        self.plug_in('bmc', '10.80.0.100')
        for n in self.names:
            sh('ip', '-n', self.ns('bmc'), 'addr', 'add', f'10.80.0.{100 + int(n[1:])}/24', 'dev', 'mgmt')
            self.plug_in(n, f'10.80.0.{int(n[1:])}')
            self.make_machine(n)
        self.start_strip()
        for b in self.bmc.values():
            b.start()
        self.powerhouse.start()

    def plug_in(self, name, address):
        """An interface in the network of BMCs and power strip."""
        sh('ip', '-n', self.ns('sw'), 'link', 'add', f'p{name}-m', 'type', 'veth', 'peer', 'name', 'mgmt', 'netns', self.ns(name))
        sh('ip', '-n', self.ns('sw'), 'link', 'set', f'p{name}-m', 'master', 'brm', 'up')
        sh('ip', '-n', self.ns(name), 'link', 'set', 'mgmt', 'up')
        sh('ip', '-n', self.ns(name), 'addr', 'add', f'{address}/24', 'dev', 'mgmt')

    def make_host(self, name):
        super().make_host(name)
        if name in self.names:  # after a boot it is the same for who watches
            self.macs[name] = f'02:5a:00:00:00:{int(name[1:]):02x}'
            sh('ip', '-n', self.ns(name), 'link', 'set', 'eth0', 'address', self.macs[name])

    def make_machine(self, node):
        self.bmc[node] = Bmc(self, node)
        ports = ' '.join(f'p{node}-{k}' for k in (1, 'm', 0))  # the interconnect first: it must not hand over in order
        self.program(f'{self.bmc[node].dir}/machine', MACHINE, node=node, ports=ports)

    def program(self, path, text, node='', ports=''):
        for word, value in (('DIR', self.dir), ('NODE', node), ('PREFIX', self.prefix), ('PORTS', ports)):
            text = text.replace(word, value)
        peers.write(path, text)
        os.chmod(path, 0o755)

    def start_strip(self):
        self.program(f'{self.dir}/strip', STRIP)
        self.pdu = self.spawn('bmc', [f'{BUILD}/test/fence_pdu', 'tcp', '10.80.0.100', '502', f'{self.dir}/strip'], 'pdu.log')

    # ---- power ----
    @contextlib.contextmanager
    def locked(self, node):
        """Nobody else switches this node meanwhile."""
        with open(f'{self.dir}/{node}.lock', 'w', encoding='ascii') as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            yield

    def boot_who_is_switched_on(self):
        while not self.ended.wait(0.02):
            for node in self.names:
                try:
                    if os.path.exists(f'{self.dir}/{node}.boot'):
                        self.come_up(node)
                except (Failure, OSError) as error:
                    self.trouble.append(f'{node} did not boot: {error}')

    def come_up(self, node):
        flag = f'{self.dir}/{node}.boot'
        if time.time() - os.stat(flag).st_mtime < self.boot_delay:
            return
        with self.locked(node):
            if not os.path.exists(flag):  # off again meanwhile
                return
            os.unlink(flag)
            if os.path.exists(f'/run/netns/{self.ns(node)}'):
                return
            shutil.rmtree(f'{self.dir}/{node}/run', ignore_errors=True)
            os.makedirs(f'{self.dir}/{node}/run')
            self.make_host(node)
            self.plug_in(node, f'10.80.0.{int(node[1:])}')
            self.start_responder(node)
            self.start(node)

    def power_log(self, node):
        """What happened to its power, as (microseconds as of Watch.now(), off|on|crash), oldest first."""
        with contextlib.suppress(FileNotFoundError), open(f'{self.dir}/{node}.power', encoding='ascii') as f:
            return [(int(float(line.split()[0]) * 1e6), line.split()[1]) for line in f]
        return []

    def offs(self, node):
        return [t for t, what in self.power_log(node) if what == 'off']

    def die(self, node):
        """Its mains fail: off as by its BMC, which still answers, and says so if it is asked."""
        sh(f'{self.bmc[node].dir}/machine', '0')
        peers.write(f'{self.bmc[node].dir}/power', '0\n')

    def come_up_now(self, node):
        """Somebody presses its button."""
        sh(f'{self.bmc[node].dir}/machine', '1')
        peers.write(f'{self.bmc[node].dir}/power', '1\n')

    def crash(self, node):
        """The kernel is gone, the power is not: nothing runs or answers any more, and the BMC reads on."""
        sh(f'{self.bmc[node].dir}/machine', 'crash')

    def cut_interconnect(self, up=False):
        """Of all nodes at once; BMCs and clients stay reachable."""
        sh('ip', '-n', self.ns('sw'), 'link', 'set', 'br1', 'up' if up else 'down')

    def has_address(self, node):
        return os.path.exists(f'/run/netns/{self.ns(node)}') and super().has_address(node)

    def close(self):
        self.ended.set()
        if self.powerhouse.is_alive():
            self.powerhouse.join()
        super().close()

    def __exit__(self, kind, value, trace):
        super().__exit__(kind, value, trace)
        if self.trouble and not kind:
            raise Failure('; '.join(self.trouble))
