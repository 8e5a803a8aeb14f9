"""Holds a Python interpreter at the end of its start until a parcel comes (see parcel.ts), then lets it run
/work/main.py. The interpreter was started in its box, or comes into it from the nursery (see assay_nursery.py).

Python itself imports this while it sets up `site`, before it opens the main program: so the program is the main
module as ever, with no frame of ours below it. User site packages come first in that set-up, which is why this file
lies there. What it changes in `site` it puts back.
"""

import os
import site
import sys


class DeferredPackages:
    """Runs the start-up code of installed packages (the `import` lines of .pth files) at the first import that is
    not of the standard library. Few programs need them, and on some machines they cost more than Python itself."""

    def __init__(self):
        self.waiting = []

    def add(self, sitedir, name, known_paths):
        with open(os.path.join(sitedir, name), 'rb') as file:
            lines = file.read().splitlines()
        if any(line.startswith((b'import ', b'import\t')) for line in lines):
            self.waiting.append((sitedir, name))
            return known_paths
        return add_package(sitedir, name, known_paths)

    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in sys.stdlib_module_names and name != 'distutils':
            return None
        sys.meta_path.remove(self)
        for sitedir, file in self.waiting:
            add_package(sitedir, file, None)
        return None


def take(size):
    parts = []
    while size:
        part = os.read(3, size)
        if not part:
            os._exit(125)
        size -= len(part)
        parts.append(part)
    return b''.join(parts)


def announce():
    os.write(6, b'ready\n')
    os.close(6)


def unpack():
    head = b''
    while not head.endswith(b'\n'):
        head += take(1)
    arguments, variables, _, *sizes = map(int, head.split())
    items = [take(size) for size in sizes]
    os.close(3)
    values = [os.fsdecode(item) for item in items[:arguments]]
    sys.argv += values
    sys.orig_argv += values
    for pair in items[arguments:arguments + variables]:
        name, _, value = pair.partition(b'=')
        os.environb[name] = value
    rest = items[arguments + variables:]
    for path, content in zip(rest[::2], rest[1::2]):
        write(path, content)


def write(path, content):
    try:
        os.makedirs(os.path.dirname(path) or b'.', exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o755), 'wb') as file:
            file.write(content)
    except OSError as error:
        os.write(2, b'%s: %s\n' % (path, error.strerror.encode()))
        os._exit(125)


def run_sitecustomize():
    sitecustomize()
    modules = set(sys.modules) - {'assay_loader'}
    enter_box = announce
    if 'ASSAY_NURSERY' in os.environ:
        from assay_nursery import enter_box
    home = os.environ.pop('PYTHONUSERBASE')
    sys.path[:] = [path for path in sys.path if not path.startswith(home)]
    site.USER_BASE = site.USER_SITE = None
    site.addpackage = add_package
    site.execsitecustomize = sitecustomize
    if deferred.waiting:
        sys.meta_path.insert(0, deferred)
    enter_box()
    for name in set(sys.modules) - modules:
        del sys.modules[name]
    unpack()


add_package = site.addpackage
sitecustomize = site.execsitecustomize
deferred = DeferredPackages()
site.addpackage = deferred.add
site.execsitecustomize = run_sitecustomize
