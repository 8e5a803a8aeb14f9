"""Forks Python interpreters into boxes that bubblewrap has made: starting Python in each costs twice what the box does.

This process never runs anybody's code. Each order names a box; a child joins the box's control groups and namespaces,
gives up every right it has, puts on the box's system-call filter, and only then returns to the loader, which waits for
the parcel. Whatever fails on that way ends the child. The module runs as root, and is gone from the interpreter before the
program starts.
"""

import ctypes
import gc
import os
import select

BOX_USER = 65534
CLONE_NEWPID = 0x20000000
# Mounts, control groups, host name, IPC, users and network.
NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x40000000

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2
CAPABILITY_VERSION_3 = 0x20080522
SIGKILL = 9
RLIMIT_FSIZE, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_NOFILE = 1, 3, 4, 7

libc = ctypes.CDLL(None, use_errno=True)
word = ctypes.c_ulong


def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def prctl(option, value=0, pointer=None):
    check(libc.prctl(option, word(value), pointer, word(0), word(0)))


class Filter(ctypes.Structure):
    _fields_ = [('length', ctypes.c_ushort), ('instructions', ctypes.c_char_p)]


with open(os.environ.pop('ASSAY_NURSERY'), 'rb') as file:
    code = file.read()
system_call_filter = Filter(len(code) // 8, code)


def enter_box():
    """Serves orders, one a line, until there are none. Returns only in a child that is in its box."""
    gc.collect()
    gc.freeze()
    waiting = b''
    children = {}
    events = select.poll()
    events.register(0, select.POLLIN)
    receiving = True
    while receiving or children:
        for descriptor, _ in events.poll():
            if descriptor in children:
                events.unregister(descriptor)
                tell_end(descriptor, *children.pop(descriptor))
                continue
            received = os.read(0, 65536)
            if not received:
                events.unregister(0)
                receiving = False
            *orders, waiting = (waiting + received).split(b'\n')
            for order in orders:
                child = fork_into_box(*order.decode().split('\t'))
                if child is None:
                    continue
                if child[0] == 0:
                    return
                descriptor = os.pidfd_open(child[0])
                children[descriptor] = child
                events.register(descriptor, select.POLLIN)
    os._exit(0)


def tell_end(descriptor, child, name):
    os.close(descriptor)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    report(f'ended {name} {status if status >= 0 else 128 - status}')


def fork_into_box(name, first_process, directory, file_bytes, open_files, *groups):
    """The child's id and name; 0 in the child, which is then in its box; None when there is no such box any more."""
    try:
        box = os.pidfd_open(int(first_process))
        # Only what is forked after this is in the box's process namespace.
        check(libc.setns(box, CLONE_NEWPID))
    except OSError as error:
        report(f'failed {name} {error}')
        return None
    child = os.fork()
    if child == 0:
        try:
            join(box, directory, groups)
            limit(int(file_bytes), int(open_files))
            confine()
            report(f'ready {name}')
            os.closerange(4, 256)
        except BaseException as error:
            report(f'failed {name} {type(error).__name__} {error}'.replace('\n', ' '))
            os._exit(125)
    else:
        os.close(box)
    return child, name


def join(box, directory, groups):
    prctl(PR_SET_PDEATHSIG, SIGKILL)
    for group in groups:
        put(f'{group}/cgroup.procs', b'0')
    open_pipes(directory)
    os.setgroups([])
    check(libc.setns(box, NAMESPACES))


def put(path, text):
    file = os.open(path, os.O_WRONLY)
    os.write(file, text)
    os.close(file)


def report(line):
    os.write(REPORTS, line.encode() + b'\n')


def open_pipes(directory):
    for descriptor, (pipe, flags) in enumerate(
        (('in', os.O_RDONLY), ('out', os.O_WRONLY), ('err', os.O_WRONLY), ('parcel', os.O_RDWR))
    ):
        opened = os.open(f'{directory}/{pipe}', flags)
        if opened != descriptor:
            os.dup2(opened, descriptor)
            os.close(opened)


def limit(file_bytes, open_files):
    for resource, most in (
        (RLIMIT_CORE, 0),
        (RLIMIT_FSIZE, file_bytes),
        (RLIMIT_NOFILE, open_files),
        (RLIMIT_STACK, 64 << 20),
    ):
        check(libc.setrlimit(resource, ctypes.byref((word * 2)(most, most))))


def confine():
    """In the box's namespaces, still with every right in them: gives them up for good."""
    os.setsid()
    capability = 0
    while libc.prctl(PR_CAPBSET_DROP, word(capability), None, word(0), word(0)) == 0:
        capability += 1
    os.setresgid(BOX_USER, BOX_USER, BOX_USER)
    os.setresuid(BOX_USER, BOX_USER, BOX_USER)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    check(libc.capset(ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)())))
    # Both are undone by a change of user, and so come after it.
    prctl(PR_SET_PDEATHSIG, SIGKILL)
    prctl(PR_SET_DUMPABLE, 1)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    os.umask(0o022)
    os.chdir('/work')
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(system_call_filter))
    verify()


def verify():
    """What the kernel says of this process: the last word before a stranger's program."""
    with open('/proc/self/status', 'rb') as file:
        status = dict(line.split(b':\t', 1) for line in file.read().splitlines() if b':\t' in line)
    user = b'\t'.join([str(BOX_USER).encode()] * 4)
    expected = {b'Uid': user, b'Gid': user, b'NoNewPrivs': b'1', b'Seccomp': b'2'}
    nothing = {name: b'0' * 16 for name in (b'CapInh', b'CapPrm', b'CapEff', b'CapBnd', b'CapAmb')}
    for name, value in {**expected, **nothing}.items():
        if status.get(name) != value:
            raise PermissionError(f'{name.decode()} is {status.get(name)}')


# Descriptors up to 3 are the program's: nothing else may end up among them.
REPORTS = 9
os.dup2(1, REPORTS, inheritable=False)
os.dup2(2, 3)
