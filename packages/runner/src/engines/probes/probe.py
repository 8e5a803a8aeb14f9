"""The self-attack in Python. Each attempt reports one line: its name, then `held` or `LEAK`."""

import os
import socket
import sys
import time

attack, secret_file, reversed_canary, port, amount, mark = sys.argv[1:7]
canary = reversed_canary[::-1].encode()


def attempt(name, action):
    try:
        leaked = action()
    except (OSError, MemoryError) as error:
        print(name, 'held', type(error).__name__, flush=True)
    else:
        print(name, 'held' if leaked is False else 'LEAK', flush=True)


def environment():
    for process in os.listdir('/proc'):
        try:
            with open(f'/proc/{process}/environ', 'rb') as file:
                if canary in file.read():
                    return True
        except OSError:
            continue
    return False


def core_pattern():
    os.close(os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY))


def memory():
    blocks = []
    for _ in range(int(amount)):
        blocks.append(bytearray(b'x') * (1 << 20))


def forks():
    # Children keep the mark as their name, so that the machine can be searched for them afterwards.
    with open('/proc/self/comm', 'w') as file:
        file.write(mark)
    for index in range(int(amount)):
        if os.fork() == 0:
            leave_group(index)
            os.closerange(0, 16)
            while True:
                time.sleep(1)


def leave_group(index):
    try:
        if index % 2:
            os.setsid()
    except OSError:
        pass


if attack == 'reach':
    attempt('file', lambda: open(secret_file, 'rb').read())
    attempt('environment', environment)
    attempt('network', lambda: socket.create_connection(('127.0.0.1', int(port)), 1))
    attempt('hypervisor', lambda: socket.socket(40, socket.SOCK_STREAM))
    attempt('core_pattern', core_pattern)
else:
    attempt(attack, {'memory': memory, 'forks': forks}[attack])
