"""A proxy that knows CONNECT, on a free port of loopback: connect.py FILE. FILE gets its port, then a line per request."""
import socketserver
import select
import socket
import sys


class Tunnel(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline().decode("latin-1").split()
        while self.rfile.readline() not in (b"\r\n", b"\n", b""):
            pass
        if len(line) < 2 or line[0] != "CONNECT":
            self.wfile.write(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n")
            return
        note(line[1])
        host, port = line[1].rsplit(":", 1)
        with socket.create_connection((host.strip("[]"), int(port))) as there:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            relay(self.connection, there)


def relay(here, there):
    while True:
        for ready in select.select([here, there], [], [])[0]:
            data = ready.recv(65536)
            if not data:
                return
            (there if ready is here else here).sendall(data)


def note(text):
    with open(sys.argv[1], "a", encoding="utf-8") as file:
        file.write(text + "\n")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


with Server(("127.0.0.1", 0), Tunnel) as server:
    note(str(server.server_address[1]))
    server.serve_forever()
