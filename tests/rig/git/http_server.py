"""Git over http(s) for tests: git-http-backend behind Python's own server, on loopback.

http_server.py ROOT PORT_FILE [--token TOKEN] [--cert FILE --key FILE]

What a path begins with makes the server misbehave: /slow/ never answers, /limited/ answers 429, /moved/ redirects on the
same host, /elsewhere/ to another one. Requests are written to ROOT/requests.log.
"""
import argparse
import base64
import http.server
import os
import ssl
import subprocess
import time

parser = argparse.ArgumentParser()
parser.add_argument("root")
parser.add_argument("port_file")
parser.add_argument("--token")
parser.add_argument("--cert")
parser.add_argument("--key")
options = parser.parse_args()
backend = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        with open(os.path.join(options.root, "requests.log"), "a", encoding="utf-8") as log:
            log.write(f"{self.command} {self.path} auth={'yes' if 'Authorization' in self.headers else 'no'}\n")

    def answer(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def misbehave(self):
        if self.path.startswith("/slow/"):
            time.sleep(60)
            return True
        if self.path.startswith("/limited/"):
            self.answer(429, [("Retry-After", "7")])
            return True
        if self.path.startswith("/moved/"):
            self.answer(301, [("Location", self.path.replace("/moved/", "/", 1))])
            return True
        if self.path.startswith("/elsewhere/"):
            self.answer(301, [("Location", "http://127.0.0.2:9" + self.path.replace("/elsewhere/", "/", 1))])
            return True
        return False

    def is_allowed(self):
        if options.token is None:
            return True
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        return kind == "Basic" and base64.b64decode(value).decode().partition(":")[2] == options.token

    def run_backend(self, body):
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": options.root, "GIT_HTTP_EXPORT_ALL": "1",
            "HOME": options.root, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
            "GIT_CONFIG_KEY_1": "uploadpack.allowAnySHA1InWant", "GIT_CONFIG_VALUE_1": "true",
            "REQUEST_METHOD": self.command, "PATH_INFO": path, "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
            "REMOTE_USER": "", "REMOTE_ADDR": "127.0.0.1",
        }
        run = subprocess.run([os.path.join(backend, "git-http-backend")], input=body, env=environment,
                             capture_output=True, check=False)
        head, _, content = run.stdout.partition(b"\r\n\r\n")
        headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n") if ": " in line]
        status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
        self.answer(status, [h for h in headers if h[0] not in ("Status", "Content-Length")], content)

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.misbehave():
            return
        if self.is_allowed():
            self.run_backend(body)
        else:
            self.answer(401, [("WWW-Authenticate", 'Basic realm="git"')], b"who are you?\n")

    do_GET = do_POST = serve


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
if options.cert:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(options.cert, options.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
with open(options.port_file + ".tmp", "w", encoding="utf-8") as port_file:
    port_file.write(str(server.server_address[1]))
os.rename(options.port_file + ".tmp", options.port_file)
server.serve_forever()
