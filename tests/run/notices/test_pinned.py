"""A pinned connection goes to the address that was checked and to no other, and never into a private network unasked."""

import contextlib
import socket
import ssl
import subprocess
import threading

import pytest

from policyloop.core.errors import BadSetting, NotDelivered
from policyloop.run.notices.pinned import checked_addresses, is_public, place_of, post
from receiver import receiving


def place(url, allow=()):
    return place_of(url, allow=allow)


def send(url, *, allow=(), **arguments):
    return post(place(url, allow), b"{}", headers={"content-type": "application/json"}, allow=allow, **arguments)


class Connections:
    """Takes the place of the network: where a connection was to go, none of which is made."""

    def __init__(self):
        self.asked = []

    def __call__(self, address, timeout_s):
        self.asked.append(address)
        raise ConnectionRefusedError("nobody is there")


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8"])
def test_an_address_of_the_open_network_is_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",  # shared by customers of one provider
        "192.0.2.1",  # for documentation
        "198.18.0.1",  # for benchmarks
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd12:3456::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "2002:7f00:0001::1",  # 6to4 of 127.0.0.1
        "64:ff9b::7f00:1",  # NAT64 of 127.0.0.1
        "64:ff9b::a9fe:a9fe",
    ],
)
def test_an_address_that_is_not_of_the_open_network_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "127.1",
        "0x7f.1",
        "169.254.169.254",
        "2852039166",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:ffff:a9fe:a9fe]",
        "0.0.0.0",
        "10.1.2.3",
        "100.64.1.1",
        "224.0.0.1",
    ],
)
def test_no_spelling_of_a_private_address_is_connected_to(host):
    connections = Connections()

    with pytest.raises(NotDelivered, match=r"leads to .*, which is no public address\. .* allow it by name: `notify\.allow"):
        send(f"https://{host}/", connect=connections)

    assert connections.asked == []


def test_one_private_address_among_public_ones_is_enough_to_refuse():
    connections = Connections()

    with pytest.raises(NotDelivered, match=r"leads to 10\.0\.0\.7"):
        send("https://hooks.example/", resolve=lambda host, port: [("8.8.8.8", port), ("10.0.0.7", port)], connect=connections)

    assert connections.asked == []


def test_a_name_that_leads_elsewhere_the_second_time_is_looked_up_once_and_the_checked_address_is_called():
    answers, connections = iter([[("8.8.8.8", 443)], [("127.0.0.1", 443)]]), Connections()

    with pytest.raises(NotDelivered, match="ConnectionRefusedError: nobody is there"):
        send("https://rebinding.example/", resolve=lambda host, port: next(answers), connect=connections)

    assert connections.asked == [("8.8.8.8", 443)]
    assert next(answers) == [("127.0.0.1", 443)]  # it was never asked for


def test_an_address_that_does_not_answer_gives_way_to_the_next_that_was_checked():
    connections = Connections()

    with pytest.raises(NotDelivered):
        send("https://two.example/", resolve=lambda host, port: [("8.8.8.8", port), ("8.8.4.4", port)], connect=connections)

    assert connections.asked == [("8.8.8.8", 443), ("8.8.4.4", 443)]


def test_a_host_that_is_allowed_by_name_may_be_private_and_another_name_for_it_is_not_allowed():
    with receiving() as receiver:
        url = f"http://localhost:{receiver.port}/hook"

        assert send(url, allow=["localhost"]) == 204

        with pytest.raises(BadSetting, match="http can be read on the way"):
            send(f"http://127.0.0.1:{receiver.port}/hook", allow=["localhost"])
        with pytest.raises(NotDelivered, match="no public address"):
            send(f"https://127.0.0.1:{receiver.port}/hook", allow=["localhost"])
    assert len(receiver.got) == 1


def test_the_receiver_is_told_its_own_name_and_path():
    with receiving() as receiver:
        send(receiver.url, allow=["127.0.0.1"])

    ((path, headers, body),) = receiver.got
    assert (path, headers["host"], body) == ("/hook?team=a", f"127.0.0.1:{receiver.port}", b"{}")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status):
    refused = pytest.raises(NotDelivered, match=f"answered {status}, a redirect, which is not followed")

    with receiving() as elsewhere, receiving(status, location=elsewhere.url) as receiver, refused:
        send(receiver.url, allow=["127.0.0.1"])

    assert (len(receiver.got), elsewhere.got) == (1, [])


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
def test_only_200_to_299_says_that_it_was_taken(status):
    with receiving(status) as receiver, pytest.raises(NotDelivered, match=f"answered {status}; expected 200 to 299"):
        send(receiver.url, allow=["127.0.0.1"])


def test_a_receiver_that_drips_its_answer_is_cut_off():
    is_over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip():
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while not is_over.wait(0.02):
                    with contextlib.suppress(OSError):
                        connection.sendall(b"x-a: b\r\n")

        dripping = threading.Thread(target=drip)
        dripping.start()
        with pytest.raises(NotDelivered, match="did not take it"):
            send(f"http://127.0.0.1:{server.getsockname()[1]}/", allow=["127.0.0.1"], whole_s=0.2)
        is_over.set()
        dripping.join()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("hooks.example.com/x", "it does not name a host"),
        ("ftp://hooks.example.com/", "its scheme is 'ftp'"),
        ("file:///etc/passwd", "it does not name a host"),
        ("https://me:word@hooks.example.com/", "a user, a password or a fragment"),
        ("https://hooks.example.com/#x", "a user, a password or a fragment"),
        ("https://127.0.0.1#@hooks.example.com/", "a user, a password or a fragment"),
        ("https://hooks.example.com\\@127.0.0.1/", "it does not name a host"),
        ("https://hooks.example.com/a b", "it does not name a host"),
        ("https://hooks.example.com/\r\nx: y", "it does not name a host"),
        ("https://hooks.example.com:99999/", "Port out of range"),
        ("https://hö.example.com/", "it does not name a host"),
        ("https:///x", "it does not name a host"),
        ("http://hooks.example.com/", "has to be allowed by name"),
    ],
)
def test_a_url_that_cannot_be_trusted_to_be_what_it_seems_is_refused(url, why):
    with pytest.raises(BadSetting, match=why):
        place(url)


def test_a_name_that_leads_nowhere_is_told():
    with pytest.raises(NotDelivered, match="leads to no address"):
        checked_addresses(place("https://gone.example/"), allow=(), resolve=lambda host, port: [])


@pytest.fixture
def certificate(tmp_path):
    """A certificate for `localhost`, signed by itself, and its key."""
    key, made = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(made)]
    try:
        subprocess.run([*command, *names], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("makes a certificate with openssl, which is not installed")
    return key, made


@pytest.fixture
def encrypted(certificate):
    key, made = certificate

    def wrap(server):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)

    with receiving(wrap=wrap) as receiver:
        yield receiver


def test_the_certificate_is_checked_against_the_name_though_the_connection_goes_to_an_address(
    encrypted, certificate, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    to_it = {"resolve": lambda host, port: [("127.0.0.1", encrypted.port)]}

    assert send("https://localhost/hook", allow=["localhost"], **to_it) == 204

    with pytest.raises(NotDelivered, match="Hostname mismatch"):
        send("https://other.internal/hook", allow=["other.internal"], **to_it)
    assert [headers["host"] for _, headers, _ in encrypted.got] == ["localhost"]


def test_a_certificate_that_nobody_vouches_for_is_refused(encrypted):
    with pytest.raises(NotDelivered, match="self-signed certificate"):
        send(f"https://localhost:{encrypted.port}/hook", allow=["localhost"])

    assert encrypted.got == []
