"""
A line between a client and a server, each in a network namespace of its own. It is slow and long, and it loses packets.
The script runs in a new user, network and mount namespace. The server and the client end with it. Its argument is one
JSON object. It prints the output of the client, and then one line of its own. Without an argument it only tests whether
this machine can make such a line.
"""
import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET, PR_SET_PDEATHSIG = 0x40000000, 1
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000

CLIENT, SERVER, NOBODY = "10.77.0.1", "10.77.0.2", "2001:db8:77::2"


def checked(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def enter(namespace):
    checked(libc.setns(namespace, CLONE_NEWNET))


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def end(address):
    """One end of the line, in the namespace that this process is in."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", b"line", IFF_TUN | IFF_NO_PI))
    ip("link", "set", "lo", "up")
    ip("addr", "add", address + "/24", "dev", "line")
    ip("link", "set", "line", "mtu", "1280", "up")
    return fd


def start(command, **options):
    return subprocess.Popen(command, preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), **options)


def name(hosts):
    """Makes `server.test` resolve to these addresses."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("127.0.0.1 localhost\n" + "".join(f"{address} server.test\n" for address in hosts))
        file.flush()
        os.chmod(file.name, 0o644)
        subprocess.run(["mount", "--bind", file.name, "/etc/hosts"], check=True)


class Direction:
    """Packets on their way. Each waits for those before it. Some are lost at random, or dropped if too many wait."""

    def __init__(self, to, line, chance):
        self.to, self.line, self.chance = to, line, chance
        self.free = 0.0
        self.waiting = []
        self.counts = {"carried": 0, "lost": 0, "dropped": 0}

    def take(self, packet, now):
        rate = self.line["bytesPerSecond"]
        if (self.free - now) * rate > self.line["queueBytes"]:
            self.counts["dropped"] += 1
            return
        self.free = max(self.free, now) + len(packet) / rate
        if self.chance.random() < self.line["loss"]:
            self.counts["lost"] += 1
            return
        self.counts["carried"] += 1
        heapq.heappush(self.waiting, (self.free + self.line["delaySeconds"], self.counts["carried"], packet))

    def give(self, now):
        while self.waiting and self.waiting[0][0] <= now:
            try:
                os.write(self.to, heapq.heappop(self.waiting)[2])
            except OSError:
                pass


def packets(fd):
    while True:
        try:
            yield os.read(fd, 65536)
        except BlockingIOError:
            return


def run(told):
    ours = os.open("/proc/self/ns/net", os.O_RDONLY)
    near = end(CLIENT)
    checked(libc.unshare(CLONE_NEWNET))
    far = end(SERVER)
    if told is None:
        return
    server = start(told["server"], stdout=subprocess.PIPE, env={**os.environ, **told["serverEnv"]})
    server.stdout.readline()
    enter(ours)
    if told["silent"]:
        ip("-6", "addr", "add", "2001:db8:77::1/64", "dev", "line", "nodad")
    name([NOBODY, SERVER] if told["named"] else [SERVER])

    chance = random.Random(told["line"]["seed"])
    directions = {near: Direction(far, told["line"], chance), far: Direction(near, told["line"], chance)}
    unheard = 0
    client = start(told["client"])
    while client.poll() is None:
        now = time.monotonic()
        due = [each.waiting[0][0] for each in directions.values() if each.waiting]
        ready, _, _ = select.select([near, far], [], [], max(0.0, min([0.05, *(at - now for at in due)])))
        now = time.monotonic()
        for fd in ready:
            for packet in packets(fd):
                if packet[0] >> 4 == 4:
                    directions[fd].take(packet, now)
                elif packet[6] == 6:
                    unheard += 1
        for each in directions.values():
            each.give(now)
    server.kill()
    print(json.dumps({
        "line": True,
        "unheard": unheard,
        "up": directions[near].counts,
        "down": directions[far].counts
    }))
    sys.exit(client.returncode)


run(json.loads(sys.argv[1]) if len(sys.argv) > 1 else None)
