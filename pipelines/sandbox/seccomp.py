"""The filter of system calls: which the kernel runs, which it refuses and tells us of, and which end the program.

The filter is a list of what is allowed, assembled here, because it needs forty instructions of classic BPF and no library that may be
missing. What is not listed does not exist for the program (ENOSYS), so a call that a newer kernel adds is closed from the first day. The
calls under `_REFUSED` are tried by honest runtimes and fail with EPERM; those under `_ENDED` are tried by nobody honest. Both reach the
zygote as notifications (SECCOMP_RET_USER_NOTIF, Linux 5.0), which names them in the outcome and kills the program for the latter.

A call by another architecture's table (32-bit, x32) kills the process: its numbers mean other calls. The arguments that decide are
numbers, never memory, which another thread could change after the check; `clone3` hides its flags in memory, so it does not exist and
libraries fall back to `clone`. Only the standard library is used: this file is read behind the wall as well.

Source: seccomp(2), seccomp_unotify(2), clone(2); numbers from asm/unistd_64.h and asm-generic/unistd.h of Linux 6.1.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
from dataclasses import dataclass

# name:number on x86_64:number on aarch64
_ALLOWED = """
read:0:63 write:1:64 open:2: close:3:57 stat:4: fstat:5:80 lstat:6: poll:7: lseek:8:62 mmap:9:222 mprotect:10:226 munmap:11:215
brk:12:214 rt_sigaction:13:134 rt_sigprocmask:14:135 rt_sigreturn:15:139 pread64:17:67 pwrite64:18:68 readv:19:65 writev:20:66
access:21: pipe:22: select:23: sched_yield:24:124 mremap:25:216 msync:26:227 mincore:27:232 madvise:28:233 dup:32:23 dup2:33: pause:34:
nanosleep:35:101 getitimer:36:102 alarm:37: setitimer:38:103 getpid:39:172 sendfile:40:71 sendto:44:206 recvfrom:45:207 sendmsg:46:211
recvmsg:47:212 shutdown:48:210 getsockname:51:204 getpeername:52:205 setsockopt:54:208 getsockopt:55:209 fork:57: vfork:58:
execve:59:221 exit:60:93 wait4:61:260 kill:62:129 uname:63:160 fcntl:72:25 flock:73:32 fsync:74:82 fdatasync:75:83 truncate:76:45
ftruncate:77:46 getdents:78: getcwd:79:17 chdir:80:49 fchdir:81:50 rename:82: mkdir:83: rmdir:84: creat:85: link:86: unlink:87:
symlink:88: readlink:89: chmod:90: fchmod:91:52 chown:92: fchown:93:55 lchown:94: umask:95:166 gettimeofday:96:169 getrlimit:97:163
getrusage:98:165 sysinfo:99:179 times:100:153 getuid:102:174 getgid:104:176 setuid:105:146 setgid:106:144 geteuid:107:175
getegid:108:177 setpgid:109:154 getppid:110:173 getpgrp:111: setsid:112:157 setreuid:113:145 setregid:114:143 getgroups:115:158
setresuid:117:147 getresuid:118:148 setresgid:119:149 getresgid:120:150 getpgid:121:155 setfsuid:122:151 setfsgid:123:152 getsid:124:156
capget:125:90 rt_sigpending:127:136 rt_sigtimedwait:128:137 rt_sigqueueinfo:129:138 rt_sigsuspend:130:133 sigaltstack:131:132 utime:132:
statfs:137:43 fstatfs:138:44 getpriority:140:141 setpriority:141:140 sched_setparam:142:118 sched_getparam:143:121
sched_setscheduler:144:119 sched_getscheduler:145:120 sched_get_priority_max:146:125 sched_get_priority_min:147:126
sched_rr_get_interval:148:127 sched_setattr:314:274 sched_getattr:315:275 mlock:149:228 munlock:150:229 mlockall:151:230
munlockall:152:231 arch_prctl:158: setrlimit:160:164 gettid:186:178 readahead:187:213 getxattr:191:8 lgetxattr:192:9 fgetxattr:193:10
listxattr:194:11 llistxattr:195:12 flistxattr:196:13 tkill:200:130 time:201: futex:202:98 sched_setaffinity:203:122
sched_getaffinity:204:123 epoll_create:213: getdents64:217:61 set_tid_address:218:96 restart_syscall:219:128 fadvise64:221:223
timer_create:222:107 timer_settime:223:110 timer_gettime:224:108 timer_getoverrun:225:109 timer_delete:226:111 clock_gettime:228:113
clock_getres:229:114 clock_nanosleep:230:115 exit_group:231:94 epoll_wait:232: epoll_ctl:233:21 tgkill:234:131 utimes:235: waitid:247:95
openat:257:56 mkdirat:258:34 mknodat:259:33 mknod:133: fchownat:260:54 futimesat:261: newfstatat:262:79 unlinkat:263:35 renameat:264:38
linkat:265:37 symlinkat:266:36 readlinkat:267:78 fchmodat:268:53 faccessat:269:48 pselect6:270:72 ppoll:271:73 set_robust_list:273:99
get_robust_list:274:100 splice:275:76 tee:276:77 sync_file_range:277:84 vmsplice:278:75 utimensat:280:88 epoll_pwait:281:22
signalfd:282: timerfd_create:283:85 eventfd:284: fallocate:285:47 timerfd_settime:286:86 timerfd_gettime:287:87 signalfd4:289:74
eventfd2:290:19 epoll_create1:291:20 dup3:292:24 pipe2:293:59 preadv:295:69 pwritev:296:70 rt_tgsigqueueinfo:297:240 prlimit64:302:261
sendmmsg:307:269 recvmmsg:299:243 getcpu:309:168 renameat2:316:276 getrandom:318:278 membarrier:324:283 mlock2:325:284
copy_file_range:326:285 preadv2:327:286 pwritev2:328:287 statx:332:291 rseq:334:293 pkey_mprotect:329:288 pkey_alloc:330:289
pkey_free:331:290 pidfd_send_signal:424:424 pidfd_open:434:434 close_range:436:436 openat2:437:437 faccessat2:439:439
epoll_pwait2:441:441 futex_waitv:449:449 fchmodat2:452:452 map_shadow_stack:453:453 futex_wake:454:454 futex_wait:455:455
futex_requeue:456:456 ioprio_get:252:31 get_mempolicy:239:236
"""
_SOME = """
clone:56:220 ioctl:16:29 prctl:157:167 personality:135:92 socketpair:53:199
"""
_ENDED = """
ptrace:101:117 process_vm_readv:310:270 process_vm_writev:311:271 mount:165:40 umount2:166:39 pivot_root:155:41 chroot:161:51
unshare:272:97 setns:308:268 bpf:321:280 perf_event_open:298:241 keyctl:250:219 add_key:248:217 request_key:249:218 userfaultfd:323:282
kexec_load:246:104 kexec_file_load:320:294 init_module:175:105 finit_module:313:273 delete_module:176:106 reboot:169:142 swapon:167:224
swapoff:168:225 acct:163:89 syslog:103:116 iopl:172: ioperm:173: open_by_handle_at:304:265 move_mount:429:429 open_tree:428:428
fsopen:430:430 fsconfig:431:431 fsmount:432:432 fspick:433:433 mount_setattr:442:442 pidfd_getfd:438:438 settimeofday:164:170
clock_settime:227:112 sethostname:170:161 setdomainname:171:162 quotactl:179:60 quotactl_fd:443:443 vhangup:153:58 fanotify_init:300:262
fanotify_mark:301:263 kcmp:312:272 process_madvise:440:440 process_mrelease:448:448
"""
_REFUSED = """
socket:41:198 bind:49:200 connect:42:203 listen:50:201 accept:43:202 accept4:288:242 shmget:29:194 shmat:30:196 shmctl:31:195
shmdt:67:197 semget:64:190 semop:65:193 semctl:66:191 semtimedop:220:192 msgget:68:186 msgsnd:69:189 msgrcv:70:188 msgctl:71:187
mq_open:240:180 mq_unlink:241:181 mq_timedsend:242:182 mq_timedreceive:243:183 mq_notify:244:184 mq_getsetattr:245:185
memfd_create:319:279 memfd_secret:447:447 inotify_init:253: inotify_init1:294:26 inotify_add_watch:254:27 execveat:322:281
name_to_handle_at:303:264 io_uring_setup:425:425 io_uring_enter:426:426 io_uring_register:427:427 seccomp:317:277
landlock_create_ruleset:444:444 landlock_add_rule:445:445 landlock_restrict_self:446:446 adjtimex:159:171 clock_adjtime:305:266
mbind:237:235 set_mempolicy:238:237 migrate_pages:256:238 move_pages:279:239 modify_ldt:154: ioprio_set:251:30 setgroups:116:159
capset:126:91 remap_file_pages:216:234 sync:162:81 syncfs:306:267
"""

_LATER = 0x7FC00000  # SECCOMP_RET_USER_NOTIF
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000  # ALLOW, ERRNO | number, KILL_PROCESS
_LOAD, _ALWAYS, _EQUAL, _AT_LEAST, _BITS, _RETURN = 0x20, 0x05, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _ARG = 0, 4, 16  # places in struct seccomp_data
_X32 = 0x40000000
# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
# FIONREAD, FIONBIO, FIOASYNC, FIOCLEX, FIONCLEX, TCGETS, TIOCGWINSZ, TIOCGPGRP: what the libraries ask of descriptors.
_IOCTLS = (0x541B, 0x5421, 0x5452, 0x5451, 0x5450, 0x5401, 0x5413, 0x540F)
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
# PDEATHSIG, DUMPABLE, KEEPCAPS (get), NAME, SECCOMP (get), CAPBSET_READ, TIMERSLACK, SUBREAPER, NO_NEW_PRIVS, THP, VMA names
_PRCTLS = (1, 2, 3, 4, 7, 15, 16, 21, 23, 29, 30, 36, 37, 38, 39, 40, 41, 42, 0x53564D41)
_FAMILIES = {1: "unix", 2: "inet", 10: "inet6", 16: "netlink", 17: "packet", 31: "bluetooth", 38: "alg", 40: "vsock", 44: "xdp"}


@dataclass(frozen=True, slots=True)
class _Machine:
    arch: int  # AUDIT_ARCH_*
    column: int
    seccomp: int


_MACHINES = {"x86_64": _Machine(0xC000003E, 1, 317), "aarch64": _Machine(0xC00000B7, 2, 277)}


def supported(machine: str = "") -> bool:
    """Whether there is a filter for this architecture (of this machine, where none is named)."""
    return (machine or os.uname().machine) in _MACHINES


def numbers(table: str, machine: str) -> dict[str, int]:
    """The calls of a table that this architecture has, by name."""
    column = _MACHINES[machine].column
    rows = (row.split(":") for row in table.split())
    return {row[0]: int(row[column]) for row in rows if row[column]}


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("<HBBI", code, yes, no, value)


_TOLD = [_step(_RETURN, _LATER)]


def _one_of(argument: int, values: tuple[int, ...], otherwise: list[bytes]) -> list[bytes]:
    steps = [_step(_LOAD, _ARG + 8 * argument)]
    for value in values:
        steps += [_step(_EQUAL, value, 0, 1), _step(_RETURN, _ALLOW)]
    return steps + otherwise


def _by_argument() -> dict[str, list[bytes]]:
    """How the calls are answered whose arguments decide."""
    # A descriptor of a terminal never gets in; what else a device may be asked is refused as by a file that is none.
    no_tty = [_step(_EQUAL, _TIOCSTI, 1, 0), _step(_EQUAL, _TIOCLINUX, 0, 1), *_TOLD, _step(_RETURN, _ERRNO | errno.ENOTTY)]
    # Unix pairs, stream (1) or sequenced packets (5), with the flags CLOEXEC and NONBLOCK: a datagram socket could be sent to others.
    kinds = tuple(kind | flags for kind in (1, 5) for flags in (0, 0o2000000, 0o4000, 0o2004000))
    return {
        "clone": [_step(_LOAD, _ARG), _step(_BITS, _NAMESPACES, 0, 1), *_TOLD, _step(_RETURN, _ALLOW)],
        "ioctl": _one_of(1, _IOCTLS, no_tty),
        "prctl": _one_of(0, _PRCTLS, _TOLD),
        "personality": _one_of(0, (0, 0xFFFFFFFF), _TOLD),
        "socketpair": [_step(_LOAD, _ARG), _step(_EQUAL, 1, 1, 0), *_TOLD, *_one_of(1, kinds, _TOLD)],
    }


def _search(blocks: list[tuple[int, list[bytes]]]) -> list[bytes]:
    """A binary search for the block that answers a number. Each block goes with the first number that it answers, in their order.

    The kernel tries a new filter with every number once, so its depth decides what a start costs.
    """
    if len(blocks) == 1:
        return blocks[0][1]
    middle = len(blocks) // 2
    below, above = _search(blocks[:middle]), _search(blocks[middle:])
    if len(below) <= 255:
        return [_step(_AT_LEAST, blocks[middle][0], len(below), 0), *below, *above]
    return [_step(_AT_LEAST, blocks[middle][0], 0, 1), _step(_ALWAYS, len(below)), *below, *above]


def assemble(machine: str = "") -> bytes:
    """The filter's instructions (struct sock_filter, 8 bytes each)."""
    machine = machine or os.uname().machine
    allowed, nothing = [_step(_RETURN, _ALLOW)], [_step(_RETURN, _ERRNO | errno.ENOSYS)]
    answers = {number: allowed for number in numbers(_ALLOWED, machine).values()}
    answers |= {number: _TOLD for table in (_REFUSED, _ENDED) for number in numbers(table, machine).values()}
    by_argument = _by_argument()
    answers |= {number: by_argument[name] for name, number in numbers(_SOME, machine).items()}
    blocks: list[tuple[int, list[bytes]]] = []
    for number in range(max(answers) + 2):
        answer = answers.get(number, nothing)
        if not blocks or blocks[-1][1] is not answer:
            blocks.append((number, answer))
    steps = [_step(_LOAD, _ARCH), _step(_EQUAL, _MACHINES[machine].arch, 1, 0), _step(_RETURN, _KILL), _step(_LOAD, _NUMBER)]
    return b"".join([*steps, _step(_AT_LEAST, _X32, 0, 1), _step(_RETURN, _KILL), *_search(blocks)])


def install(instructions: bytes) -> int:
    """Puts the calling thread, and all that comes from it, under the filter, for good. Gives the descriptor that hears of calls.

    Raises: OSError where the kernel does not take the filter.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    code = ctypes.create_string_buffer(instructions, len(instructions))
    program = struct.pack("HxxxxxxP", len(instructions) // 8, ctypes.addressof(code))
    listener = libc.syscall(_MACHINES[os.uname().machine].seccomp, 1, 8, ctypes.c_char_p(program))  # SET_MODE_FILTER, NEW_LISTENER
    if listener < 0:
        raise OSError(ctypes.get_errno(), f"seccomp: {os.strerror(ctypes.get_errno())}")
    return int(listener)


class Answers:
    """Refuses the calls that a filter told of, and names them. One object serves all listeners of a process."""

    def __init__(self) -> None:
        machine = os.uname().machine
        told = {**numbers(_SOME, machine), **numbers(_REFUSED, machine), **numbers(_ENDED, machine)}
        self.names = {number: name for name, number in told.items()}
        self.ended = set(numbers(_ENDED, machine))

    def refuse(self, listener: int) -> tuple[str, bool] | None:
        """Answers one call. Gives its name and whether it ends the program; None where the caller is gone."""
        told = bytearray(80)  # struct seccomp_notif: id, pid, flags, then struct seccomp_data
        try:
            fcntl.ioctl(listener, 0xC0502100, told)  # SECCOMP_IOCTL_NOTIF_RECV
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINTR, errno.ENOTCONN):
                return None
            raise
        cookie, _pid, _flags, number, _arch, _at, first, second = struct.unpack_from("<QIIiIQQQ", told)
        name = self.names.get(number, str(number))
        refusal = errno.ENOSYS if name.startswith("io_uring") else errno.EPERM
        try:
            fcntl.ioctl(listener, 0xC0182101, bytearray(struct.pack("<QqiI", cookie, 0, -refusal, 0)))  # SECCOMP_IOCTL_NOTIF_SEND
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
        return _label(name, first, second), name in self.ended or name == "clone"


def _label(name: str, first: int, second: int) -> str:
    if name in ("socket", "socketpair"):
        return f"{name}({_FAMILIES.get(first & 0xFFFFFFFF, first & 0xFFFFFFFF)})"
    if name == "clone":
        return "clone(namespaces)"
    if name in ("prctl", "personality"):
        return f"{name}({first & 0xFFFFFFFF:#x})"
    return f"ioctl({second & 0xFFFFFFFF:#x})" if name == "ioctl" else name
