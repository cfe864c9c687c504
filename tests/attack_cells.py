"""Cells that try to cheat, spy, break or outlive the grader. Each runs in a notebook whose only honest answer is 1.5.

A cell that reaches what it must not prints STOLEN. Words in @...@ are filled in by test_attacks.py: @judge@ (a process
id), @solution@, @reference@, @other@ (another submission), @secret@ (a file in a home), @victim@ (a file that everybody
may write), @port@, @socket@, @abstract@ (listening sockets of the grader's machine), @secret_text@ (what the judge's
memory holds).
"""

from __future__ import annotations

RIGHT = "__import__('torch').nn.functional.one_hot(labels.long(), classes).float()"  # as if stolen; never in a name


def reading(path: str) -> str:
    """Return a cell that reads a file in three ways."""
    return f"""
import os, subprocess, shutil
for way in (lambda: open({path!r}).read(), lambda: os.listdir({path!r}),
            lambda: subprocess.run(['cat', {path!r}], capture_output=True, check=True).stdout,
            lambda: (os.symlink({path!r}, 'link'), open('link').read())[1],
            lambda: (os.link({path!r}, 'hard'), open('hard').read())[1],
            lambda: shutil.copy({path!r}, 'copy')):
    try:
        if way(): print('STOLEN')
    except Exception as error: print(type(error).__name__)
"""


def library(call: str) -> str:
    """Return a cell that makes a call of the C library and prints STOLEN if it works."""
    return f"import ctypes, os\nc = ctypes.CDLL(None, use_errno=True)\nif {call} >= 0: print('STOLEN')"


def answering(body: str, before: str = "") -> str:
    """Return a cell that answers task 1.3 with `body`."""
    return f"{before}\ndef one_hot(labels, classes):\n    {body}"


TAMPERING = {
    "require does nothing": "import coursekit.checks as c\nc.require = lambda *a, **k: None",
    "expect_close does nothing": "import coursekit.checks as c\nc.expect_close = lambda *a, **k: None\n"
    + answering("return labels"),
    "every task passes": "import coursekit.checks as c\nc.Task.run = lambda s, *a: c.Outcome(s, 'passed')",
    "a lab with more points": "import coursekit.checks as c\nc.Lab.points = property(lambda s: 10**6)\n"
    "c.Outcome.earned = property(lambda s: 10**6)",
    "isinstance says yes": "import builtins\nbuiltins.isinstance = lambda *a: True",
    "all, any, abs lie": "import builtins\nbuiltins.all = lambda *a: True\nbuiltins.any = lambda *a: False\n"
    "builtins.abs = lambda x: 0",
    "numpy says close": "import numpy\nnumpy.isclose = numpy.allclose = lambda *a, **k: numpy.True_\n" + answering("return 1"),
    "torch says equal": "import torch\ntorch.equal = torch.allclose = lambda *a, **k: True\n" + answering("return labels"),
    "the compiler is replaced": "import ast, builtins\nbuiltins.compile = ast.parse = lambda *a, **k: None",
    "the import system is replaced": "import builtins\nbuiltins.__import__ = lambda *a, **k: None",
    "a finder for every module": "import sys\nclass F:\n    def find_spec(self, *a): raise SystemExit\n"
    "sys.meta_path.insert(0, F())",
    "a trace on every call": "import sys\ndef t(f, e, a):\n    f.f_locals.clear()\n    return t\nsys.settrace(t)",
    "worker answers everything with True": "import coursegrade.sandbox.worker as w\n"
    "w.Notebook.answer = lambda s, r: {'value': {'type': 'bool', 'is': True}}",
    "bench finds every name": "import coursekit.student as s\ns.Bench.do_has = lambda *a: True",
    "encode sends what it likes": "import coursegrade.sandbox.worker as w\nw.encode = lambda v: {'type': 'passed', 'is': 1}\n"
    + answering("return 1"),
    "the garbage collector is searched": "import gc\nfor o in gc.get_objects():\n"
    "    if type(o).__name__ in ('Lab', 'Task') and getattr(o, 'tasks', getattr(o, 'function', None)): print('STOLEN')",
    "the frames are walked": "import sys\nf = sys._getframe()\nwhile f:\n"
    "    if 'rng' in f.f_locals or 'expected' in f.f_locals: print('STOLEN')\n    f = f.f_back",
    "the checks are imported": "import coursekit.labs.lab_01_tensors\nprint('STOLEN')",
    "the checks are found by inspect": "import importlib.util as u\ns = u.find_spec('coursekit.labs.lab_01_tensors')\n"
    "print(s.loader.get_source('x') and 'STOLEN' if s else '')",
    "the cache is read": "import pathlib, coursekit\nfor p in pathlib.Path(coursekit.__file__).parent.rglob('*.pyc'):\n"
    "    try:\n        if b'one_hot' in p.read_bytes(): print('STOLEN')\n    except OSError: pass",
    "the judge's modules in memory": "import sys\n"
    "if any('judge' in m or ('.labs.lab_' in m and 'fixtures' not in m) for m in sys.modules): print('STOLEN')",
    "nbgrader's way in": "import os\nos.environ['NBGRADER_EXECUTION'] = 'autograde'\nfrom coursekit.checks import check\n"
    "check('1.3')",
    "progress is written": "from coursekit import progress\nimport os\n"
    "open(os.environ['COURSE_ROOT'] + '/build/progress.json', 'w').write('{}')",
}

LOOK_ALIKES = {
    "a tensor that equals all": answering(
        "return T(labels.float())",
        "import torch\nclass T(torch.Tensor):\n    def __eq__(s, o): return True\n    @classmethod\n"
        "    def __torch_function__(c, f, t, a=(), k=None): return True",
    ),
    "an array that equals all": answering(
        "return labels.numpy().view(A)",
        "import numpy\nclass A(numpy.ndarray):\n    def __array_ufunc__(s, *a, **k): return True",
    ),
    "a number that equals all": answering(
        "return F(1)", "class F(float):\n    def __eq__(s, o): return True\n    def __sub__(s, o): return 0"
    ),
    "an object with a false class": answering(
        "return O()", "import torch\nclass O:\n    __class__ = torch.Tensor\n    shape = dtype = None"
    ),
    "a dict that lies": answering("return D()", "class D(dict):\n    def __getattr__(s, n): return s\n"
                                  "    def __bool__(s): return True"),
    "an object that runs when unpickled": answering(
        "return P()", "class P:\n    def __reduce__(s): return (print, ('STOLEN',))"
    ),
    "a tensor of nothing but NaN": answering("return torch.full((*labels.shape, classes), float('nan'))", "import torch"),
    "a sparse tensor": answering("return torch.zeros(*labels.shape, classes).to_sparse()", "import torch"),
    "a tensor without memory": answering("return torch.empty(*labels.shape, classes, device='meta')", "import torch"),
    "a tensor expanded beyond memory": answering("return torch.zeros(1).expand(10**6, 10**6)", "import torch"),
    "an endless generator": answering("return iter(int, 1)"),
    "a list nested a thousand deep": answering("x = []\n    for _ in range(1000): x = [x]\n    return x"),
    "a list that holds itself": answering("x = []\n    x.append(x)\n    return x"),
    "ten million numbers": answering("return [0] * 10_000_000"),
    "a number of a million digits": answering("return 10 ** 1_000_000"),
    "a string with escapes": answering("raise ValueError('\\x1b[2J\\x1b]0;pwned\\x07\\u202e\\ud800[red]</td><script>')"),
    "an error that cannot be shown": answering("raise E()", "class E(Exception):\n    def __str__(s): raise s"),
    "an error that claims no attempt": answering("raise NotImplementedError()"),
    "a result that changes its mind": answering("return C()", "class C(list):\n    def __iter__(s): raise SystemExit"),
}

PIPES = {
    "replies on every descriptor": """
import os, json
line = b'\\n' + json.dumps({'value': {'type': 'bool', 'is': True}}).encode() + b'\\n'
for d in range(256):
    try: os.write(d, line * 50)
    except OSError: pass
""",
    "replies from a thread": """
import threading, os, time
def forge():
    while True:
        for d in range(3, 8):
            try: os.write(d, b'{"value": {"type": "bool", "is": true}}\\n')
            except OSError: pass
        time.sleep(0.001)
threading.Thread(target=forge, daemon=True).start()
""",
    "replies from a process that stays": """
import os, time
if os.fork() == 0:
    os.setsid()
    while True:
        os.write(4, b'{"value": {"type": "bool", "is": true}}\\n'); time.sleep(0.001)
""",
    "ready messages": "import os\nfor _ in range(100): os.write(4, b'\\n{\"ready\": true}\\n')",
    "newlines without end": "import os\nwhile True: os.write(4, b'\\n' * 65536)",
    "a line without end": "import os\nwhile True: os.write(4, b'x' * 65536)",
    "brackets without end": "import os\nos.write(4, b'[' * 60000 + b'\\n')",
    "many small parts": "import os\nos.write(4, b'[' + b'[],' * 3_000_000 + b'[]]\\n')",
    "bytes that are no text": "import os\nos.write(4, bytes(range(256)) * 100 + b'\\n')",
    "all descriptors closed": "import os\nos.closerange(0, 256)",
    "the channel turned round": "import os\nos.dup2(4, 3); os.dup2(3, 4)",
    "the questions read away": "import os\nos.set_blocking(3, False)\nos.read(3, 10**6)",
    "reply, then a wrong one": answering("import os\n    os.write(4, b'{\"value\": {\"type\": \"Tensor\", \"dtype\": \"float32\","
                                         " \"shape\": [0, 9223372036854775807], \"is\": \"\"}}\\n')"),
    "an array with false sizes": answering("import os\n    os.write(4, b'{\"value\": {\"type\": \"ndarray\", \"dtype\": \"float64\","
                                           " \"shape\": [4294967296, 4294967296], \"is\": \"\"}}\\n')"),
    "a Handle of nobody": answering("import os\n    os.write(4, b'{\"value\": {\"type\": \"Handle\", \"is\": -1, \"of\": \"x\"}}\\n')"),
}

SPYING = {
    "the solution": reading("@solution@"),
    "the reference": reading("@reference@"),
    "another submission": reading("@other@"),
    "a secret in a home": reading("@secret@"),
    "the list of passwords": reading("/etc/shadow"),
    "the judge's memory": reading("/proc/@judge@/mem"),
    "the judge's environment": reading("/proc/@judge@/environ"),
    "the judge's descriptors": reading("/proc/@judge@/fd"),
    "every process's environment": "import glob\nfor p in glob.glob('/proc/[0-9]*/environ'):\n    try:\n"
    "        if b'@secret_text@' in open(p, 'rb').read(): print('STOLEN')\n    except OSError: pass",
    "ptrace of the judge": library("c.ptrace(16, @judge@, 0, 0)"),
    "the judge's memory by a system call": library("c.process_vm_readv(@judge@, 0, 0, 0, 0, 0)"),
    "a descriptor of the judge's": library("c.syscall(434, @judge@, 0)"),
    "a file by its handle": library("c.open_by_handle_at(-100, 0, 0)"),
    "a namespace of its own": library("c.unshare(0x10000000)"),
    "a mount": library("c.mount(b'none', b'/tmp', b'tmpfs', 0, 0)"),
    "io_uring": library("c.syscall(425, 8, ctypes.create_string_buffer(256))"),
    "eBPF": library("c.syscall(321, 0, 0, 0)"),
    "the kernel's keys": library("c.syscall(250, 0, -3, 1)"),
    "the 32-bit calls": library("c.syscall(0x40000000 + 39)"),
    "a TCP port of this machine": "import socket\nsocket.create_connection(('127.0.0.1', @port@), 2)\nprint('STOLEN')",
    "a socket with a path": "import socket\nsocket.socket(socket.AF_UNIX).connect('@socket@')\nprint('STOLEN')",
    "a socket with a name": "import socket\nsocket.socket(socket.AF_UNIX).connect('\\0@abstract@')\nprint('STOLEN')",
    "a datagram pair": "import socket\na, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
    "a.sendto(b'x', '@socket@')\nprint('STOLEN')",
    "shared memory": library("c.shmget(1, 4096, 0o1666)"),
    "a message queue": library("c.mq_open(b'/attack', 0o102, 0o666, 0)"),
}

KILLING = {
    "the judge is killed": "import os\nos.kill(@judge@, 9)\nprint('STOLEN')",
    "the judge is stopped": "import os, signal\nos.kill(@judge@, signal.SIGSTOP)\nprint('STOLEN')",
    "the parents are killed": "import os\nwhile True: os.kill(os.getppid(), 9)",
    "everybody is killed": "import os\nos.kill(-1, 9)",
    "every number is killed": "import os\nfor n in range(2, 70000):\n    if n != os.getpid():\n        try: os.kill(n, 9)\n"
    "        except OSError: pass",
    "the judge's limits are lowered": "import resource\nresource.prlimit(@judge@, resource.RLIMIT_CPU, (1, 1))\nprint('STOLEN')",
    "a signal by a file's owner": "import fcntl, os\nr, w = os.pipe()\nfcntl.fcntl(r, fcntl.F_SETOWN, @judge@)\nprint('STOLEN')",
    "a child that lives on": "import os, time\nif os.fork() == 0:\n    time.sleep(600)",
    "a grandchild of its own session": "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
    "        os.setsid()\n        time.sleep(600)\n    os._exit(0)",
    "a grandchild in the call": answering("import os, time\n    if os.fork() == 0:\n        os.setsid()\n"
                                          "        if os.fork() == 0: time.sleep(600)\n        os._exit(0)"),
    "a program in the background": "import subprocess\nsubprocess.Popen(['sleep', '600'], start_new_session=True)",
    "a child that minds no signal": "import os, signal, time\nif os.fork() == 0:\n"
    "    for s in range(1, 64):\n        try: signal.signal(s, signal.SIG_IGN)\n        except (OSError, ValueError): pass\n"
    "    time.sleep(600)",
    "a thread that outlives the first one": "import os, ctypes, threading, time\nif os.fork() == 0:\n"
    "    threading.Thread(target=time.sleep, args=(600,)).start()\n    ctypes.CDLL(None).pthread_exit(None)",
    "Python ends": "import os\nos._exit(0)",
    "Python ends in the call": answering("import os; os._exit(0)"),
    "a wild pointer": "import ctypes\nctypes.string_at(0)",
    "abort": "import os\nos.abort()",
    "an endless loop": "while True: pass",
    "an endless loop in the call": answering("while True: pass"),
    "an endless loop that minds no error": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "exit at the end": "import atexit, sys\natexit.register(lambda: open('x', 'w'))\nsys.exit()",
    "endless recursion": "import sys\nsys.setrecursionlimit(10**8)\ndef f(): f()\nf()",
    "the fork is replaced": "import os\nos.fork = lambda: 0",
    "waiting is replaced": "import os\nos.waitpid = os.wait = lambda *a: (0, 0)",
}

BOMBS = {
    "memory": "x = []\nwhile True: x.append(bytearray(64 << 20))",
    "memory of torch's": answering("x = [torch.ones(1 << 25) for _ in range(500)]\n    return x", "import torch"),
    "one large piece of memory": "x = bytearray(1 << 40)",
    "memory that counts for no process": "import mmap\nmmap.mmap(-1, 1 << 20)\nprint('STOLEN')",
    "the same by way of a device": "import mmap, os\n"
    "mmap.mmap(os.open('/dev/zero', os.O_RDWR), 1 << 20, mmap.MAP_SHARED)\nprint('STOLEN')",
    "processes": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "processes of their own session": "import os, time\nfor _ in range(1000):\n    try:\n        if os.fork() == 0:\n"
    "            os.setsid(); time.sleep(600)\n    except OSError: break",
    "threads": "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(600,)).start()",
    "a large file": "with open('x', 'wb') as f:\n    while True: f.write(bytes(1 << 20))",
    "many large files": "for i in range(100):\n    try: open(f'x{i}', 'wb').write(bytes(100 << 20))\n    except OSError: pass",
    "deleted files": "import os\nk = []\nfor i in range(100):\n    f = open('x', 'wb'); os.unlink('x'); f.write(bytes(100 << 20))\n    k.append(f)",
    "many small files": "for i in range(10**6): open(str(i), 'w').close()",
    "folders without a bottom": "import os\nfor _ in range(5000):\n    os.mkdir('d', 0o700); os.chdir('d')\nos.mkdir('closed', 0)",
    "descriptors": "k = []\nwhile True: k.append(open('/dev/null'))",
    "50 MB printed": "for _ in range(500): print('x' * 100_000)",
    "50 MB of errors printed": "import os\nfor _ in range(500): os.write(2, b'x' * 100_000)",
    "a regular expression without end": "import re\nre.match(r'(a+)+$', 'a' * 60 + 'b')",
}

FILES = {
    "the course's source": "import coursekit\nopen(coursekit.__file__, 'a').write('x')\nprint('STOLEN')",
    "torch's source": "import torch\nopen(torch.__file__, 'a').write('x')\nprint('STOLEN')",
    "a file open to all": "open('@victim@', 'w').write('x')\nprint('STOLEN')",
    "a file open to all, cut off": "import os\nos.truncate('@victim@', 0)\nprint('STOLEN')",
    "a file's mode": "import os\nos.chmod('@victim@', 0)",
    "a file's times": "import os\nos.utime('@victim@', (0, 0))",
    "a file removed": "import os\nos.unlink('@victim@')\nprint('STOLEN')",
    "a file renamed": "import os\nos.rename('@victim@', '@victim@.gone')\nprint('STOLEN')",
    "a file beside it": "open('@victim@.new', 'w').write('x')\nprint('STOLEN')",
    "the other submission": "open('@other@', 'w').write('x')\nprint('STOLEN')",
    "the machine's tmp": "open('/tmp/attack', 'w').write('x')\nprint('STOLEN')",
    "the shared memory folder": "open('/dev/shm/attack', 'w').write('x')\nprint('STOLEN')",
    "a device": "import os\nos.mknod('disk', 0o60600, os.makedev(8, 0))\nprint('STOLEN')",
    "a pipe where a file is read": "import os\nos.mkfifo('pipe')\nprint('STOLEN')",
    "an attribute": "import os\nos.setxattr('@victim@', 'user.x', b'x')\nprint('STOLEN')",
}

ALL = {
    f"{kind}: {name}": source
    for kind, group in {
        "tampering": TAMPERING, "look-alike": LOOK_ALIKES, "pipe": PIPES, "spying": SPYING,
        "killing": KILLING, "bomb": BOMBS, "files": FILES,
    }.items()
    for name, source in group.items()
}
