"""Have the fork server start a function's worker, and stand in for it: the program of a function's ``bootstrap``.

Arguments: the server's socket, the module that the worker runs, and the module's argument. The worker gets this
process's environment, folder and output. This process ends as the worker does; if this process is ended, so is the
worker.

Every start of a worker takes this program, so it imports only modules that are part of the interpreter: no ``json``, no
``socket``.
"""

import _socket
import marshal
import os
import sys


def main(address: str, module: str, argument: str) -> None:
    request = marshal.dumps((dict(os.environ), os.getcwd(), module, argument))  # noqa: PTH109 - no pathlib
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    # A relative address, since absolute ones may be longer than the 108 bytes of `sockaddr_un`.
    folder, name = os.path.split(address)
    os.chdir(folder)
    connection.connect(name)
    output = b"".join(descriptor.to_bytes(4, sys.byteorder) for descriptor in (1, 2))
    connection.sendmsg([len(request).to_bytes(4)], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, output)])
    connection.sendall(request)
    answer = connection.recv(4)
    # There is no answer if the server has ended.
    code = int.from_bytes(answer, signed=True) if answer else 1
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
