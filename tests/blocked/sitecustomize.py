"""No network in tests: sockets reach nothing but this machine.

Python imports a module of this name at its start, so with this folder on PYTHONPATH every process that the
tests start, kernels among them, is blocked; conftest.py runs the same file in the tests' own processes.
"""

import sys

LOOPBACK = ("localhost", "::1", "0.0.0.0", "::")


def allowed(host):
    """Whether a host is this machine; None and the empty name mean that it is."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if not isinstance(name, str):
        return name is None
    numbers = name.split(".")
    return name.lower() in ("", *LOOPBACK) or (numbers[0] == "127" and all(map(str.isdecimal, numbers)))


def refuse_network(event, arguments):
    """Audit hook: raise OSError where a socket would leave this machine."""
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]  # (host, port) for the internet, a path for a local socket
        host = address[0] if isinstance(address, tuple) else None
    else:
        return
    if not allowed(host):
        raise OSError(f"the tests reach no network, but something asked for {host}")


sys.addaudithook(refuse_network)
