"""The comments of one pull request (GitHub) and one merge request (GitLab), as far as a script that keeps one comment sees
them: pages, who wrote what, the longest comment, wrong tokens; and faults on demand.

fake.py FOLDER: writes FOLDER/port when it listens. FOLDER/comments.json is what there is, FOLDER/log has a line for each
request: method, path, code. A line "CODE TIMES [METHOD]" in FOLDER/fault is answered instead."""
import http.server, json, os, re, sys, urllib.parse

folder = sys.argv[1]
GITHUB, GITLAB = "token-of-github", "token-of-gitlab"
LIMITS = {"github": 65536, "gitlab": 1000000}


def path_of(name):
    return os.path.join(folder, name)


def load():
    try:
        with open(path_of("comments.json")) as file:
            return json.load(file)
    except FileNotFoundError:
        return []


def save(comments):
    with open(path_of("comments.json"), "w") as file:
        json.dump(comments, file)


def fault(method):
    try:
        with open(path_of("fault")) as file:
            code, times, *only = file.read().split()
    except (FileNotFoundError, ValueError):
        return None
    if int(times) == 0 or (only and only[0] != method):
        return None
    with open(path_of("fault"), "w") as file:
        file.write(" ".join([code, str(int(times) - 1)] + only))
    return int(code)


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, code, value):
        with open(path_of("log"), "a") as file:
            file.write(f"{self.command} {self.path} {code}\n")
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def run(self):
        size = int(self.headers.get("Content-Length") or 0)
        sent = self.rfile.read(size)
        broken = fault(self.command)
        if broken == 1:
            return self.answer(200, b"<html>maintenance</html>")
        if broken:
            return self.answer(broken, {"message": f"broken on demand ({broken})"})
        where = urllib.parse.urlsplit(self.path)
        host = "github" if where.path.startswith("/repos/") else "gitlab"
        if host == "github" and self.headers.get("Authorization") != f"Bearer {GITHUB}":
            return self.answer(401, {"message": "Bad credentials"})
        if host == "gitlab" and self.headers.get("PRIVATE-TOKEN") != GITLAB:
            return self.answer(401, {"message": "401 Unauthorized"})
        if where.path == "/user":
            return self.answer(200, {"id": 42, "username": "project_5_bot"})
        return self.comments(host, where, sent)

    def comments(self, host, where, sent):
        lists = {"github": "/repos/o/r/issues/7/comments", "gitlab": "/projects/5/merge_requests/7/notes"}
        ones = {"github": "/repos/o/r/issues/comments/", "gitlab": "/projects/5/merge_requests/7/notes/"}
        change = {"github": "PATCH", "gitlab": "PUT"}[host]
        all_of_them = load()
        if self.command == "GET" and where.path == lists[host]:
            query = dict(urllib.parse.parse_qsl(where.query))
            size, page = int(query.get("per_page", 20)), int(query.get("page", 1))
            return self.answer(200, all_of_them[size * (page - 1):size * page])
        body = json.loads(sent.decode())["body"] if sent else ""
        if len(body) > LIMITS[host]:
            return self.answer(422, {"message": "Validation Failed: the body is too long"})
        if self.command == "POST" and where.path == lists[host]:
            me = {"user": {"login": "github-actions[bot]"}} if host == "github" else {"author": {"id": 42}}
            all_of_them.append({"id": 1000 + len(all_of_them), "body": body, **me})
            save(all_of_them)
            return self.answer(201, all_of_them[-1])
        found = [c for c in all_of_them if where.path == ones[host] + str(c["id"])]
        if self.command == change and found:
            found[0]["body"] = body
            save(all_of_them)
            return self.answer(200, found[0])
        return self.answer(404, {"message": "Not Found"})

    do_GET = do_POST = do_PATCH = do_PUT = run


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(path_of("port.new"), "w") as file:
    file.write(str(server.server_port))
os.rename(path_of("port.new"), path_of("port"))
server.serve_forever()
