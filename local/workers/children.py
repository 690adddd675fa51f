"""A loop over sockets and forked children, as the fork server and the parents of workers need it."""

import gc
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Callable

type Action = Callable[[], None]


class Children:
    """Calls back when a socket becomes readable or a child ends. There is one instance per process."""

    def __init__(self) -> None:
        # `poll`, because a child would share an epoll with its parent.
        self._selector = selectors.PollSelector()
        self._ended: dict[int, Callable[[int], None]] = {}
        self._wakeup, wakes = socket.socketpair()
        self._wakes = wakes
        for each in (self._wakeup, wakes):
            each.setblocking(False)
        signal.set_wakeup_fd(wakes.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(self._wakeup, selectors.EVENT_READ, self._reap)

    def watch(self, source: socket.socket, action: Action) -> None:
        """Call ``action`` whenever ``source`` is readable or was closed by the other side."""
        self._selector.register(source, selectors.EVENT_READ, action)

    def ignore(self, source: socket.socket) -> None:
        """Stop watching ``source``."""
        if source in self._selector.get_map():
            self._selector.unregister(source)

    def close(self, source: socket.socket) -> None:
        """Stop watching ``source``, and close it."""
        self.ignore(source)
        source.close()

    def fork(self, run: Callable[[], None], on_end: Callable[[int], None]) -> int:
        """Run ``run`` in a child and exit. ``on_end`` gets its exit code, or minus the signal that ended it."""
        child = os.fork()
        if child == 0:
            _exit_after(run, self._leave)
        self._ended[child] = on_end
        return child

    def serve(self, until: Callable[[], bool]) -> None:
        while not until():
            for key, _ in self._selector.select():
                # An earlier action of this round may have closed the socket, and its number may be another one's.
                if self._selector.get_map().get(key.fd) is key:
                    key.data()

    def _reap(self) -> None:
        self._wakeup.recv(4096)
        while self._ended:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                return
            self._ended.pop(child)(os.waitstatus_to_exitcode(status))

    def _leave(self) -> None:
        """Give up, in a child, what belongs to its parent."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        for key in list(self._selector.get_map().values()):
            os.close(key.fd)
        self._wakes.close()
        self._selector.close()


def _exit_after(run: Callable[[], None], leave: Action) -> None:
    """Run and exit as a Python of its own would. Never returns into the code of the parent."""
    code: object = 0
    try:
        leave()
        run()
    except SystemExit as error:
        code = error.code
    except BaseException:
        traceback.print_exc()
        code = 1
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit((code or 0) & 0xFF)


def keep_memory_shared() -> None:
    """Exempt all present objects from the garbage collector, which would write to them and so copy their pages."""
    gc.collect()
    gc.freeze()
