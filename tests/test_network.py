"""No test reaches the network: neither in pytest's own processes, nor in kernels, nor in what they start."""

import socket
import subprocess
import sys

import pytest

# An address reserved for documentation: were the block to fail, nothing would answer.
OUTSIDE = ("192.0.2.1", 80)
TRY = f"""
import socket
try:
    socket.create_connection({OUTSIDE}, timeout=5)
except OSError as error:
    print(error)
"""


@pytest.mark.parametrize(
    "reach",
    [
        lambda: socket.create_connection(OUTSIDE, timeout=5),
        lambda: socket.create_connection(("2001:db8::1", 443), timeout=5),
        lambda: socket.getaddrinfo("example.org", 443),
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"?", OUTSIDE),
        lambda: socket.create_connection(("127.0.0.1.example.org", 80), timeout=5),
    ],
)
def test_the_tests_reach_nothing_outside(reach):
    with pytest.raises(OSError, match="the tests reach no network"):
        reach()


def test_processes_that_tests_start_reach_nothing_outside():
    output = subprocess.run([sys.executable, "-c", TRY], capture_output=True, text=True).stdout
    assert output == "the tests reach no network, but something asked for 192.0.2.1\n"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_reached(host):
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection((host, server.getsockname()[1]), timeout=5).close()
