"""Attempts to get out of the sandbox, to use it up, or to leave something behind.

Each says BROKE where it succeeds and nothing else; each bounds itself, so that it does no harm where a wall has a hole. They run after
`PRELUDE`, which holds what all of them use.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from pipelines.sandbox import seccomp
from pipelines.sandbox.limits import EXITED, FORBIDDEN, KILLED, MEMORY, MIB, OUTPUT, TIMEOUT, Limits

SECRET = "the secret of the host"
SMALL = Limits(1.0, 3.0, 64 * MIB, 8, 2 * MIB, 4 * MIB, 1 << 16, 64)
NUMBERS = {
    name: number
    for table in (seccomp._ALLOWED, seccomp._SOME, seccomp._ENDED, seccomp._REFUSED)
    for name, number in seccomp.numbers(table, os.uname().machine).items()
}
PRELUDE = (
    f"NR = {json.dumps(NUMBERS)}\n"
    + '''
import ctypes, errno, json, mmap, os, resource, signal, socket, subprocess, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
place, secret_name, secret = json.loads(sys.stdin.readline())

def broke(*what):
    os.write(1, ("BROKE " + " ".join(map(str, what)) + "\\n").encode())

def call(name, *arguments):
    """The raw system call: its result, or minus the error."""
    given = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result = libc.syscall(ctypes.c_long(NR.get(name, name)), *given)
    return result if result >= 0 else -ctypes.get_errno()

def closed(what, attempt):
    """Says BROKE unless the attempt fails."""
    try:
        attempt()
    except (OSError, MemoryError, ValueError, RuntimeError, OverflowError):
        return
    broke(what)

def in_child(function):
    """Runs it in a process of its own. Gives how that ended."""
    pid = os.fork()
    if pid == 0:
        try:
            function()
        finally:
            os._exit(0)
    return os.waitpid(pid, 0)[1]
'''
)


@dataclass(frozen=True)
class Attempt:
    """One attempt: what it does, how it may end, which call must have been refused, and what the program after it tries to find."""

    name: str
    source: str
    status: tuple[str, ...] = (EXITED,)
    refused: str = ""
    then: str = ""
    limits: Limits = SMALL
    code: int | None = 0  # where it exits; None where it may be any


def _calls(status: str, *rows: tuple[str, str]) -> list[Attempt]:
    """Attempts that are one system call: what to write for it, and the name under which it must be recorded."""
    found = []
    for name, text in rows:
        refused = name.split("!")[0]
        source = f"result = {text}\nif result >= 0: broke({name!r}, result)\n"
        found.append(Attempt(f"call {name.replace('!', ' ')}", source, (status,), refused))
    return found


HAVOC = [
    Attempt(
        "fork bomb",
        """
for count in range(64):
    try:
        if os.fork() == 0: time.sleep(30); os._exit(0)
    except OSError:
        break
else: broke("64 processes")
""",
    ),
    Attempt(
        "fork bomb of all its children",
        "for _ in range(7): os.fork()\nopen(f'mark{os.getpid()}', 'w')\nif len(os.listdir()) > 40: broke(len(os.listdir()))",
        (EXITED, TIMEOUT),
        code=None,
    ),
    Attempt(
        "fork bomb in a shell",
        "subprocess.run(['bash', '-c', ':(){ :|:& };:'], timeout=1, capture_output=True)",
        (EXITED, TIMEOUT),
        code=None,
    ),
    Attempt(
        "a child for every one that ends",
        "while True:\n    try: os.fork()\n    except OSError: pass",
        (TIMEOUT,),
        limits=Limits(0.3, 2, 64 * MIB, 8),
    ),
    Attempt(
        "thread bomb",
        "def many():\n    for _ in range(64): threading.Thread(target=time.sleep, args=(1,), daemon=True).start()\nclosed('64 threads', many)",
    ),
    Attempt(
        "a daemon of its own session",
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        for name in (0, 1, 2): os.close(name)\n        time.sleep(60)",
    ),
    Attempt("endless loop", "while True: pass", (TIMEOUT,), limits=Limits(0.2, 5)),
    Attempt("endless loop in four processes", "os.fork(); os.fork()\nwhile True: pass", (TIMEOUT,), limits=Limits(0.2, 5)),
    Attempt("endless loop in C", "10 ** 10 ** 8", (TIMEOUT, MEMORY), limits=Limits(0.2, 5)),
    Attempt("sleep", "time.sleep(60)", (TIMEOUT,), limits=Limits(5, 0.1)),
    Attempt(
        "signals ignored",
        "for number in range(1, 65):\n    try: signal.signal(number, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True: pass",
        (TIMEOUT,),
        limits=Limits(0.2, 5),
    ),
    Attempt("signals blocked", "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\ntime.sleep(60)", (TIMEOUT,), limits=Limits(5, 0.1)),
    Attempt("waits at exit", "import atexit\natexit.register(time.sleep, 60)", (TIMEOUT,), limits=Limits(5, 0.1)),
    Attempt("a thread that never ends", "threading.Thread(target=time.sleep, args=(60,)).start()", (TIMEOUT,), limits=Limits(5, 0.1)),
    Attempt(
        "stopped by itself",
        "in_child(lambda: None)\npid = os.fork()\nif pid == 0: os.kill(os.getpid(), signal.SIGSTOP)\nos.waitpid(pid, 0)",
        (TIMEOUT,),
        limits=Limits(5, 0.1),
    ),
    Attempt("regular expression", "import re\nre.match('(a+)+$', 'a' * 40 + 'b')", (TIMEOUT,), limits=Limits(0.2, 5)),
    Attempt("heap", "kept = []\nfor _ in range(64): kept.append(bytearray(4 << 20))\nbroke('256 MiB')", (MEMORY,)),
    Attempt("one large list", "kept = [0] * 10 ** 9\nbroke('8 GB')", (MEMORY,)),
    Attempt("string doubled", "text = 'a' * 1024\nfor _ in range(20): text += text\nbroke(len(text))", (MEMORY,)),
    Attempt("anonymous map", "closed('map', lambda: mmap.mmap(-1, 512 << 20))"),
    Attempt(
        "map without reserve",
        "libc.mmap.restype = ctypes.c_void_p\nif libc.mmap(None, ctypes.c_size_t(1 << 40), 3, 0x4022, -1, 0) != ctypes.c_void_p(-1).value: broke()",
    ),
    Attempt(
        "memory of many processes together",
        "for _ in range(6):\n    if os.fork() == 0: kept = bytearray(os.urandom(1 << 20) * 40); time.sleep(30)\ntime.sleep(1.5)\nbroke('240 MiB')",
        (MEMORY,),
    ),
    Attempt(
        "memory shared among processes",
        "kept = [mmap.mmap(-1, 30 << 20) for _ in range(2)]\nfor _ in range(5): os.fork() or time.sleep(9)\n",
        (MEMORY, TIMEOUT, EXITED),
        limits=Limits(1, 0.3, 64 * MIB, 8),
    ),
    Attempt(
        "recursion in Python",
        "sys.setrecursionlimit(10 ** 9)\nsys.excepthook = lambda *a: os.write(2, b'MemoryError')\ndef f(): return f()\nf()",
        (MEMORY, KILLED),
        limits=Limits(8, 60, 32 * MIB),
    ),
    Attempt(
        "recursion in C",
        "sys.setrecursionlimit(10 ** 9)\nkept = []\nfor _ in range(10 ** 6): kept = [kept]\nrepr(kept)",
        (MEMORY, KILLED),
        limits=Limits(8, 60, 32 * MIB),
    ),
    Attempt("locked memory", "if call('mlockall', 3) == 0 and call('mlock', libc.malloc, 1 << 20) == 0: broke()"),
    Attempt("pipes", "kept = []\ndef many():\n    for _ in range(200): kept.append(os.pipe())\nclosed('400 descriptors', many)"),
    Attempt(
        "descriptors sent to itself",
        "a, b = socket.socketpair()\ndef many():\n    for _ in range(5000): socket.send_fds(a, [b'x'], [0] * 100)\na.setblocking(False)\nclosed('500,000 descriptors in flight', many)",
    ),
    Attempt(
        "timers",
        "kept = ctypes.c_void_p()\nif all(libc.timer_create(0, None, ctypes.byref(kept)) == 0 for _ in range(1000)): broke('1,000 timers')",
    ),
    Attempt(
        "scratch filled",
        "def fill():\n    for number in range(8): open(f'file{number}', 'wb').write(bytes(1 << 20))\nclosed('8 MiB', fill)",
    ),
    Attempt(
        "shared memory filled",
        "def fill():\n    for number in range(8): open(f'/dev/shm/file{number}', 'wb').write(bytes(1 << 20))\nclosed('8 MiB', fill)",
    ),
    Attempt("huge file", "closed('huge', lambda: open('huge', 'wb').write(bytes(3 << 20)))"),
    Attempt("huge file with holes", "closed('holes', lambda: os.truncate(os.open('huge', os.O_CREAT | os.O_RDWR), 1 << 40))"),
    Attempt("many files", "def many():\n    for number in range(10000): os.mknod(str(number))\nclosed('10,000 files', many)"),
    Attempt("deep folders", "def deep():\n    for _ in range(10000): os.mkdir('d'); os.chdir('d')\nclosed('10,000 folders', deep)"),
    Attempt("stdout flooded", "while True: print('x' * 1000)", (OUTPUT,)),
    Attempt("stderr flooded", "while True: sys.stderr.write('x' * 1000)", (OUTPUT,)),
    Attempt("stdout flooded by a child", "pid = os.fork()\nwhile pid == 0: os.write(1, b'x' * 1000)\ntime.sleep(60)", (OUTPUT,)),
    Attempt(
        "stdout flooded by a shell",
        "subprocess.run(['sh', '-c', 'while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done'])",
        (OUTPUT,),
    ),
    Attempt(
        "limits raised",
        "for name in dir(resource):\n    if name.startswith('RLIMIT_'):\n        kind = getattr(resource, name)\n        low, high = resource.getrlimit(kind)\n        if high != -1: closed(name, lambda: resource.setrlimit(kind, (-1, -1)))",
    ),
    Attempt(
        "own priority raised",
        "closed('nice', lambda: os.setpriority(os.PRIO_PROCESS, 0, -20))\nclosed('real time', lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10)))",
    ),
    Attempt("out-of-memory score lowered", "closed('score', lambda: os.write(os.open('/proc/self/oom_score_adj', os.O_WRONLY), b'-1000'))"),
]

FILES = [
    Attempt(
        "secret by its path",
        "closed('secret', lambda: open(secret_name))\nos.path.basename(secret_name) in os.listdir('/tmp') and broke('folder')",
    ),
    Attempt(
        "secret by the checkout and home folders",
        "for folder in (place, '/root', '/home', '/var', '/srv', '/opt', '/mnt', '/run', '/boot', '/work', '/sys'):\n    if os.path.exists(folder): broke(folder)",
    ),
    Attempt(
        "secret in any file that can be read",
        "for top in ('/etc', '/dev', '/proc', '/tmp', '/inside', '/packages/../tmp', '/run'):\n    for folder, _names, files in os.walk(top):\n"
        "        for file in files:\n            path = os.path.join(folder, file)\n            if path.startswith(('/dev/std', '/dev/fd', '/dev/zero', '/dev/random', '/dev/urandom', '/dev/full', '/proc/')) or path == '/tmp/main.py': continue\n"
        "            try:\n                if os.path.isfile(path) and secret.encode() in open(path, 'rb').read(1 << 20): broke(path)\n            except OSError: pass",
    ),
    Attempt(
        "secret in the environment",
        "if secret in repr(dict(os.environ)): broke()\nfor pid in [name for name in os.listdir('/proc') if name.isdigit()] + ['self', 'thread-self']:\n    if secret.encode() in open(f'/proc/{pid}/environ', 'rb').read(): broke(pid)",
    ),
    Attempt(
        "passwords",
        "for name in ('/etc/shadow', '/etc/passwd', '/etc/ssh', '/etc/hosts', '/etc/hostname', '/etc/resolv.conf'): closed(name, lambda: os.stat(name))",
    ),
    Attempt(
        "symbolic link to the outside",
        "for target in (secret_name, '/etc/shadow', '/proc/1/root/etc/shadow', '/../../etc/shadow'):\n    os.path.lexists('link') and os.remove('link')\n    os.symlink(target, 'link')\n    closed(target, lambda: open('link'))",
    ),
    Attempt(
        "hard link to the outside",
        "for target in ('/usr/bin/env', '/etc/ld.so.cache', '/dev/null'): closed(target, lambda: os.link(target, 'link'))",
    ),
    Attempt("paths with ..", "for depth in range(12): closed(depth, lambda: open('../' * depth + secret_name.lstrip('/')))"),
    Attempt(
        "paths of its first process",
        "for name in ('root', 'cwd'): closed(name, lambda: open(f'/proc/1/{name}' + secret_name))\nfor pid in range(2, 400): closed(pid, lambda: os.listdir(f'/proc/{pid}'))",
    ),
    Attempt(
        "writing outside",
        "for folder in ('/', '/usr', '/usr/bin', '/usr/lib', '/etc', '/dev', '/inside', '/inside/pipelines/sandbox', '/packages', '/packages/numpy', '/proc', '/proc/sys', '/python', '/python/lib', '/var'):\n    closed(folder, lambda: open(folder + '/left', 'x'))\n    closed(folder, lambda: os.mkdir(folder + '/left'))",
    ),
    Attempt(
        "writing where packages would be",
        "import site, glob\nfor folder in [*glob.glob('/usr/lib/python3*/dist-packages'), *glob.glob('/python/lib/python3*/site-packages'), *glob.glob('/usr/local/lib/python3*/dist-packages')]: closed(folder, lambda: open(folder + '/left.py', 'x'))",
    ),
    Attempt(
        "changing what it sees",
        "for path in ('/usr/bin/env', '/inside/pipelines/sandbox/zygote.py', '/etc/ld.so.cache', '/dev/null', '/usr'):\n    closed(path, lambda: os.chmod(path, 0o777))\n    closed(path, lambda: os.chown(path, os.getuid(), -1))\n    closed(path, lambda: os.rename(path, path + '2'))\n    closed(path, lambda: os.truncate(path, 0) if path != '/dev/null' else os.remove(path))",
    ),
    Attempt(
        "devices made",
        "for kind, major, minor in ((0o60000, 254, 0), (0o60000, 8, 0), (0o20000, 1, 1)): closed((major, minor), lambda: os.mknod('device', kind | 0o666, os.makedev(major, minor)))",
    ),
    Attempt(
        "devices opened",
        "for name in ('mem', 'kmem', 'port', 'kmsg', 'sda', 'vda', 'tty', 'console', 'ptmx', 'kvm', 'fuse', 'net/tun', 'loop0', 'vsock', 'userfaultfd'): closed(name, lambda: open('/dev/' + name))",
    ),
    Attempt(
        "kernel through /proc",
        "for name in ('kcore', 'kmsg', 'kallsyms', 'sysrq-trigger', 'sys/kernel/core_pattern', 'sys/kernel/hostname', 'modules', 'mounts/../1/mem', 'bus/pci', 'keys', 'net/tcp'):\n    if name != 'net/tcp': closed(name, lambda: open('/proc/' + name, 'r+b' if 'sys' in name else 'rb'))",
    ),
    Attempt(
        "set-user-id programs",
        "before = os.getresuid()\nfor name in ('su', 'mount', 'passwd', 'sudo', 'newgrp', 'chsh', 'pkexec', 'bwrap'):\n    path = '/usr/bin/' + name\n    if os.path.exists(path):\n        done = subprocess.run([path, '--help'], capture_output=True)\nshown = subprocess.run(['sh', '-c', 'cp /usr/bin/id . && chmod 4755 id && ./id -u'], capture_output=True, text=True).stdout\nif shown.strip() in ('', '0') and shown: broke(shown)",
    ),
    Attempt(
        "bubblewrap within",
        "if os.path.exists('/usr/bin/bwrap') and subprocess.run(['/usr/bin/bwrap', '--ro-bind', '/', '/', 'true'], capture_output=True).returncode == 0: broke()",
        (FORBIDDEN, EXITED),
    ),
    Attempt("chroot out", "os.mkdir('cell')\nos.chroot('cell')\nbroke()", (FORBIDDEN,), "chroot"),
    Attempt("mount", "if libc.mount(b'tmpfs', b'/tmp', b'tmpfs', 0, None) == 0: broke()", (FORBIDDEN,), "mount"),
]

PROCESSES = [
    Attempt("kill everything", "os.kill(-1, signal.SIGKILL)", (EXITED, KILLED), code=None),
    Attempt("kill the parent", "closed('parent', lambda: os.kill(os.getppid() or 10 ** 6, 9))"),
    Attempt("kill the process group", "in_child(lambda: os.kill(0, signal.SIGKILL))", (EXITED, KILLED), code=None),
    Attempt(
        "kill any number", "for pid in range(2, 40000):\n    try: os.kill(pid, 9)\n    except ProcessLookupError: continue\n    broke(pid)"
    ),
    Attempt("signals through descriptors", "for pid in range(2, 2000): closed(pid, lambda: os.pidfd_open(pid))"),
    Attempt("memory of others", "for pid in range(2, 3000): closed(pid, lambda: open(f'/proc/{pid}/mem', 'r+b'))"),
    Attempt("groups and sessions of others", "for pid in range(2, 200): closed(pid, lambda: os.setpgid(0, pid))"),
    Attempt(
        "other users",
        "for function in (os.setuid, os.setgid, os.seteuid, os.setegid): closed(function.__name__, lambda: function(0))\nclosed('groups', lambda: os.setgroups([0]))",
    ),
    Attempt(
        "capabilities",
        "for line in open('/proc/self/status'):\n    if line.startswith('Cap') and int(line.split()[1], 16): broke(line)\nif libc.prctl(38, 0, 0, 0, 0) == 0: broke('new privileges')\nif libc.prctl(47, 2, 21, 0, 0) == 0: broke('ambient')",
    ),
    Attempt(
        "capabilities by executing",
        "shown = subprocess.run(['grep', 'CapEff', '/proc/self/status'], capture_output=True, text=True).stdout\nif int(shown.split()[1], 16): broke(shown)",
    ),
    Attempt("faults", "ctypes.string_at(0)", (KILLED,)),
    Attempt("abort", "os.abort()", (KILLED,)),
    Attempt(
        "no instruction",
        "page = mmap.mmap(-1, 4096, prot=7)\npage.write(b'\\x0f\\x0b' if os.uname().machine == 'x86_64' else bytes(4))\nctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()",
        (KILLED,),
    ),
    Attempt("leaves at once", "os._exit(0)"),
    Attempt("leaves from a thread", "threading.Thread(target=os._exit, args=(7,)).start()\ntime.sleep(9)", code=7),
    Attempt("an outcome made up", "print(json.dumps({'code': 0, 'cause': '', 'refused': []}))\nos.write(2, b'ready')\nos._exit(3)", code=3),
    Attempt(
        "descriptors left open",
        "names = set(os.listdir('/proc/self/fd'))\nif names - {'0', '1', '2', '3'}: broke(names)\nfor number in range(3, 1024):\n    closed(number, lambda: os.write(number, b'{}'))\n    closed(number, lambda: os.fstat(number))",
    ),
    Attempt(
        "the zygote's socket through its objects",
        """
import gc
frame, found = sys._getframe(), []
while frame: found += frame.f_locals.values(); frame = frame.f_back
gc.unfreeze()
found += [thing for thing in gc.get_objects() if isinstance(thing, socket.socket) or type(thing).__name__ == "Zygote"]
sockets = [thing.control if type(thing).__name__ == "Zygote" else thing for thing in found]
sockets = [thing for thing in sockets if isinstance(thing, socket.socket)]
print(len(sockets), "found")
for thing in sockets: closed(thing, lambda: thing.send(b"{}"))
""",
    ),
    Attempt(
        "stdin written", "closed('stdin', lambda: os.truncate('/proc/self/fd/1', 0))\nos.ftruncate(0, 0)\nos.write(0, b'left')", then="pass"
    ),
    Attempt("every stream closed", "os.close(0); os.close(1); os.close(2)", (EXITED,)),
    Attempt(
        "subclasses of object",
        "for kind in ().__class__.__base__.__subclasses__():\n    if kind.__name__ == '_wrap_close': closed('outside', lambda: kind.__init__.__globals__['open'](secret_name, 0))",
    ),
    Attempt(
        "builtins replaced",
        "import builtins\nbuiltins.print = builtins.len = builtins.open = None\nbuiltins.__import__ = lambda *a: 1 / 0\nraise SystemExit(0)",
    ),
]

NETWORK = [
    Attempt("inet", "closed('tcp', lambda: socket.create_connection(('1.1.1.1', 53), 1))", refused="socket(inet)"),
    Attempt(
        "inet datagram",
        "closed('udp', lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('1.1.1.1', 53)))",
        refused="socket(inet)",
    ),
    Attempt("inet6", "closed('tcp6', lambda: socket.socket(socket.AF_INET6))", refused="socket(inet6)"),
    Attempt("loopback", "closed('local', lambda: socket.create_server(('127.0.0.1', 0)))", refused="socket(inet)"),
    Attempt("unix by path", "closed('unix', lambda: socket.socket(socket.AF_UNIX).connect('/run/docker.sock'))", refused="socket(unix)"),
    Attempt(
        "unix by abstract name",
        "def go():\n    made = socket.socket(socket.AF_UNIX)\n    made.bind('\\0left')\nclosed('abstract', go)",
        refused="socket(unix)",
    ),
    Attempt(
        "unix datagrams to others",
        "closed('pair', lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))",
        refused="socketpair(unix)",
    ),
    Attempt("netlink", "closed('netlink', lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))", refused="socket(netlink)"),
    Attempt("raw", "closed('raw', lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))", refused="socket(inet)"),
    Attempt("packet", "closed('packet', lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))", refused="socket(packet)"),
    Attempt("vsock", "closed('vsock', lambda: socket.socket(socket.AF_VSOCK))", refused="socket(vsock)"),
    Attempt("alg", "closed('alg', lambda: socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET))", refused="socket(alg)"),
    Attempt(
        "every other family",
        "for family in range(64): closed(family, lambda: socket.socket(family, socket.SOCK_DGRAM))",
        refused="socket(inet)",
    ),
    Attempt("names", "closed('names', lambda: socket.getaddrinfo('example.com', 80))"),
    Attempt(
        "a page",
        "import urllib.request\nclosed('page', lambda: urllib.request.urlopen('http://1.1.1.1/', timeout=1))",
        refused="socket(inet)",
    ),
    Attempt("interfaces", "a, _b = socket.socketpair()\nimport fcntl\nclosed('ioctl', lambda: fcntl.ioctl(a, 0x8912, bytes(40)))"),
]

KERNEL = _calls(
    FORBIDDEN,
    ("ptrace", "call('ptrace', 0, 0, 0, 0)"),
    ("ptrace!attach", "call('ptrace', 16, 2, 0, 0)"),
    ("process_vm_writev", "call('process_vm_writev', 1, 0, 0, 0, 0, 0)"),
    ("process_vm_readv", "call('process_vm_readv', 1, 0, 0, 0, 0, 0)"),
    ("pidfd_getfd", "call('pidfd_getfd', os.pidfd_open(1), 0, 0)"),
    ("unshare", "call('unshare', 0x10000000)"),
    ("unshare!files", "call('unshare', 0x400)"),
    ("clone(namespaces)", "call('clone', 0x10000000 | 17, 0, 0, 0, 0)"),
    ("setns", "call('setns', os.open('/proc/self/ns/user', os.O_RDONLY), 0)"),
    ("pivot_root", "call('pivot_root', b'/tmp', b'/tmp')"),
    ("umount2", "call('umount2', b'/proc', 2)"),
    ("fsopen", "call('fsopen', b'tmpfs', 0)"),
    ("open_tree", "call('open_tree', -100, b'/', 1)"),
    ("mount_setattr", "call('mount_setattr', -100, b'/', 0, 0, 0)"),
    ("open_by_handle_at", "call('open_by_handle_at', -100, 0, 0)"),
    ("bpf", "call('bpf', 0, 0, 0)"),
    ("perf_event_open", "call('perf_event_open', 0, 0, -1, -1, 0)"),
    ("keyctl", "call('keyctl', 0, -3, 1)"),
    ("add_key", "call('add_key', b'user', b'left', b'x', 1, -3)"),
    ("request_key", "call('request_key', b'user', b'left', 0, -3)"),
    ("userfaultfd", "call('userfaultfd', 1)"),
    ("kexec_load", "call('kexec_load', 0, 0, 0, 0)"),
    ("init_module", "call('init_module', 0, 0, b'')"),
    ("finit_module", "call('finit_module', 0, b'', 0)"),
    ("delete_module", "call('delete_module', b'loop', 0)"),
    ("reboot", "call('reboot', 0xfee1dead, 672274793, 0, 0)"),  # RB_DISABLE_CAD: harmless where it is not refused
    ("swapon", "call('swapon', b'/tmp/none', 0)"),
    ("acct", "call('acct', b'/tmp/none')"),
    ("syslog", "call('syslog', 3, ctypes.create_string_buffer(64), 64)"),
    ("settimeofday", "call('settimeofday', 0, 0)"),
    ("clock_settime", "call('clock_settime', 0, 0)"),
    ("sethostname", "call('sethostname', b'left', 4)"),
    ("setdomainname", "call('setdomainname', b'left', 4)"),
    ("quotactl", "call('quotactl', 0, b'/', 0, 0)"),
    ("vhangup", "call('vhangup')"),
    ("fanotify_init", "call('fanotify_init', 0, 0)"),
    ("kcmp", "call('kcmp', 1, 1, 0, 0, 0)"),
    ("process_madvise", "call('process_madvise', 0, 0, 0, 0, 0)"),
    *((("iopl", "call('iopl', 3)"), ("ioperm", "call('ioperm', 0, 1, 1)")) if "iopl" in NUMBERS else ()),
) + _calls(
    EXITED,
    ("io_uring_setup", "call('io_uring_setup', 8, ctypes.create_string_buffer(256))"),
    ("memfd_create", "call('memfd_create', b'left', 0)"),
    ("memfd_secret", "call('memfd_secret', 0)"),
    ("execveat", "call('execveat', os.open('/usr/bin/env', os.O_RDONLY), b'', 0, 0, 0x1000)"),
    ("name_to_handle_at", "call('name_to_handle_at', -100, b'/usr', ctypes.create_string_buffer(256), ctypes.byref(ctypes.c_int()), 0)"),
    ("inotify_init1", "call('inotify_init1', 0)"),
    ("shmget", "call('shmget', 77, 4096, 0o1666)"),
    ("semget", "call('semget', 77, 1, 0o1666)"),
    ("msgget", "call('msgget', 77, 0o1666)"),
    ("mq_open", "call('mq_open', b'left', 0o102, 0o666, 0)"),
    ("seccomp", "call('seccomp', 2, 0, ctypes.byref(ctypes.c_uint32(0x7fff0000)))"),
    ("landlock_create_ruleset", "call('landlock_create_ruleset', 0, 0, 1)"),
    ("adjtimex", "call('adjtimex', ctypes.create_string_buffer(512))"),
    ("set_mempolicy", "call('set_mempolicy', 0, 0, 0)"),
    ("move_pages", "call('move_pages', 0, 0, 0, 0, 0, 0)"),
    ("capset", "call('capset', (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[0xffffffff] * 6))"),
    ("personality(0x40000)", "call('personality', 0x0040000)"),
    ("prctl(0x23)", "call('prctl', 35, 1, 0x10000, 0, 0)"),
    ("ioctl(0x5412)", "call('ioctl', 0, 0x5412, b'x')"),
    ("ioctl(0x541c)", "call('ioctl', 0, 0x541c, b'x')"),
    ("setgroups", "call('setgroups', 0, 0)"),
)
KERNEL += [
    Attempt(
        "call that hides its flags",
        "class Arguments(ctypes.Structure): _fields_ = [('values', ctypes.c_uint64 * 11)]\nif call(435, ctypes.byref(Arguments((ctypes.c_uint64 * 11)(0x10000000, *[0] * 3, 17))), 88) != -errno.ENOSYS: broke()",
    ),
    Attempt(
        "calls that no kernel has",
        "for number in (*range(470, 1024), 5000): \n    if call(number, 0, 0, 0) != -errno.ENOSYS: broke(number)",
    ),
    Attempt(
        "ioctl that nobody needs",
        "for code in (0x5401 + 0x20, 0x40086602, 0xC0185879, 0x4020940D):\n    if call('ioctl', 1, code, 0) >= 0 and code != 0x5421: broke(code)",
    ),
]
if os.uname().machine == "x86_64":
    KERNEL += [
        Attempt("call by the x32 table", "call(0x40000000 + 39)\nbroke()", (FORBIDDEN,)),
        Attempt(
            "call by the 32-bit table",
            "page = mmap.mmap(-1, 4096, prot=7)\npage.write(b'\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3')\nctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()\nbroke()",
            (FORBIDDEN,),
        ),
    ]

LEFT_BEHIND = [
    Attempt(
        "files",
        "open('/tmp/left', 'w').write(secret)\nopen('/dev/shm/left', 'w')",
        then="if os.listdir('/tmp') != ['main.py'] or os.listdir('/dev/shm') != ['main.py']: broke(os.listdir('/tmp'))",
    ),
    Attempt(
        "a process",
        "if os.fork() == 0: os.setsid(); time.sleep(60)",
        then="if [name for name in os.listdir('/proc') if name.isdigit()] != ['1']: broke()",
    ),
    Attempt(
        "changed modules",
        "import math, builtins\nmath.pi = 3\nbuiltins.left = 1\njson.dumps = None\nsys.modules['left'] = math\nsys.path.append('/left')",
        then="import math, builtins\nif math.pi == 3 or hasattr(builtins, 'left') or json.dumps is None or 'left' in sys.modules or '/left' in sys.path: broke()",
    ),
    Attempt(
        "environment and folder",
        "os.environ['LEFT'] = '1'\nos.chdir('/usr')\nos.umask(0)",
        then="if 'LEFT' in os.environ or os.getcwd() != '/tmp' or os.umask(0) != 0o022: broke(os.getcwd())",
    ),
    Attempt(
        "signal handlers and timers",
        "signal.signal(signal.SIGUSR1, signal.SIG_IGN)\nsignal.setitimer(signal.ITIMER_REAL, 0.001)\nsignal.pthread_sigmask(signal.SIG_BLOCK, [10])",
        (EXITED, KILLED),
        then="if signal.getsignal(signal.SIGUSR1) != signal.SIG_DFL or signal.getitimer(signal.ITIMER_REAL)[0] or signal.pthread_sigmask(signal.SIG_BLOCK, []): broke()",
    ),
    Attempt(
        "random state",
        "import random\nrandom.seed(5)\nrandom.random()",
        then="import random\nif random.random() != random.Random(0).random(): broke()",
    ),
    Attempt(
        "settings of the interpreter",
        "sys.setrecursionlimit(50000)\nsys.settrace(lambda *a: None)\nimport decimal\ndecimal.getcontext().prec = 3\nimport locale, gc\ngc.disable()",
        then="import decimal, gc\nif sys.getrecursionlimit() != 1000 or sys.gettrace() or decimal.getcontext().prec != 28 or not gc.isenabled(): broke()",
    ),
    Attempt(
        "semaphores of a library",
        "import multiprocessing.synchronize as s\nimport _multiprocessing\n_multiprocessing.SemLock(1, 1, 1, '/left', False)",
        then="import _multiprocessing\nclosed('semaphore', lambda: _multiprocessing.SemLock._rebuild(0, 1, 1, '/left'))",
    ),
    Attempt(
        "what the last program was told",
        "pass  # kept secret: 7531",
        then="""
import re
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", buffering=0) as memory:
    for line in maps:
        low, high = (int(part, 16) for part in line.split()[0].split("-"))
        if line.split()[1].startswith("rw") and high - low < 1 << 25:
            memory.seek(low)
            try: data = memory.read(high - low)
            except OSError: continue
            if re.search(rb"kept secret: [0-9]{4}", data): broke(line)
""",
    ),
]

ATTEMPTS = [*HAVOC, *FILES, *PROCESSES, *NETWORK, *KERNEL, *LEFT_BEHIND]
