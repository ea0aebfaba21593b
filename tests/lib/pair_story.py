#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The story that every pair of tests/pairs goes through, told to the program.

usage: pair_story.py SUTURE COMMANDS FOLDER [--host HOST] [--every] [--accept]
                     [--without-entries] [--unseen]

FOLDER holds the programs `old` and `new`. The builder makes a hotpatch, and two
processes of the old program live through it while they are asked COMMANDS:

    ask, apply, ask, revert, ask the rest      must equal the old program
    ask, apply, ask, revert, ask, apply, ask the rest      ... the new program

To the questions before the last the old and the new program must give the same
answers, else the states that they lead to cannot be compared: those that tell
the programs apart are asked in the last part only. What a program writes to
standard error is part of its answers.

--every     replace every function; those that never leave the stack are found
            out by trying, and left
--accept    accept each sign that the builder sees
--without-entries   before the last part, ask nothing that makes objects: those
            are what the signs are about
--unseen    no question needs to tell the old program from the new one
"""

import argparse
import difflib
import json
import os
import re
import select
import subprocess
import sys
import time

PATIENCE = 120  # seconds for an answer


class Failure(Exception):
    """What the test was for."""


class Busy(Exception):
    """A function that does not leave the stack; its name."""


class Script:
    """The questions, and how to know that an answer has ended."""

    def __init__(self, path):
        self.lines = []  # (text, only asked at the end)
        self.mask = self.entry = self.error = None
        self.arguments = ""
        with open(path, encoding="ascii") as file:
            for line in file:
                self.read(line.rstrip("\n"))

    def read(self, line):
        key = re.match(r"(end|probe|mask|entry|error|arguments): (.*)", line)
        if key:
            value = key[2] if key[1] in ("probe", "arguments") else re.compile(key[2].encode())
            setattr(self, key[1], value)
            return
        if line.startswith("#"):
            return
        is_last = line.startswith("! ")
        text = line[2:] if is_last else line
        text = re.sub(r"\{(.)\*(\d+)\}", lambda m: m[1] * int(m[2]), text)
        times = re.match(r"(\d+) times (.*)", text)
        texts = [text]
        if times:
            texts = [times[2].replace("#", str(i)) for i in range(int(times[1]))]
        for each in texts:
            self.lines.append((each.encode().decode("unicode_escape").encode("latin-1"), is_last))

    def is_entry(self, text):
        return self.entry is not None and self.entry.match(text)


class Process:
    """A program that is asked questions."""

    OVER = b"(it has ended)"

    def __init__(self, argv, script):
        self.script = script
        env = dict(os.environ, STORE_WORD="open", STORE_LEVEL="0")
        self.popen = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, env=env)
        self.pid = self.popen.pid
        self.is_over = False

    def read(self, until):
        answer = b""
        out = self.popen.stdout.fileno()
        deadline = time.monotonic() + PATIENCE
        while until is None or not re.search(until.pattern + rb"\Z", answer):
            if not select.select([out], [], [], max(0, deadline - time.monotonic()))[0]:
                raise Failure(f"no answer; so far: {answer!r}")
            more = os.read(out, 65536)
            if not more:
                self.is_over = True
                break
            answer += more
        return answer

    def ask(self, text):
        """The answer to a question; the program may end."""
        if self.is_over:
            return self.OVER
        self.popen.stdin.write(text + b"\n" + self.script.probe.encode() + b"\n")
        self.popen.stdin.flush()
        answer = self.read(self.script.end)
        return self.script.mask.sub(b"(masked)", answer) if self.script.mask else answer

    def ask_all(self, texts):
        return [(text, self.ask(text)) for text in texts]

    def end(self):
        """The rest of its output and its exit status."""
        self.popen.stdin.close()
        rest = b"" if self.is_over else self.read(None)
        return [(b"(end of input)", rest + b"status %d" % self.popen.wait(PATIENCE))]

    def kill(self):
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        self.popen.stdout.close()
        if not self.popen.stdin.closed:
            try:
                self.popen.stdin.close()
            except OSError:
                pass


def show(transcript):
    return [f"{text!r:.100} -> {answer!r}" for text, answer in transcript]


def compare(what, expected, got):
    if expected != got:
        diff = difflib.unified_diff(show(expected), show(got), "expected", "got", n=1, lineterm="")
        raise Failure(what + "\n" + "\n".join(diff))


class Story:
    def __init__(self, args):
        self.args = args
        self.script = Script(args.commands)
        self.hotpatch = os.path.join(args.folder, "story.hotpatch")

    def argv(self, side):
        path = os.path.join(self.args.folder, side)
        return [self.args.host, path] if self.args.host else [path, *self.script.arguments.split()]

    def play(self, side, texts):
        """What a program that nobody patches answers."""
        process = Process(self.argv(side), self.script)
        try:
            return process.ask_all(texts) + process.end()
        finally:
            process.kill()

    def first_unfit(self, old, new):
        """The first question that both answer differently, or that may be asked but a few times."""
        error = self.script.error
        for i, (a, b) in enumerate(zip(old, new)):
            if a != b or (error and error.search(a[1])):
                return i
        return None

    def choose(self):
        """The questions to which both answer alike, also when repeated; all of them."""
        full = [text for text, _ in self.script.lines]
        quiet = [text for text, is_last in self.script.lines if not is_last
                 and not (self.args.without_entries and self.script.is_entry(text))]
        told = 0
        while True:
            old = self.play("old", quiet * 3)
            new = self.play("new", quiet * 3)
            at = self.first_unfit(old, new)
            if at is None:
                break
            if at >= 3 * len(quiet):
                raise Failure(f"they end differently: {old[-1]} {new[-1]}")
            told += old[at] != new[at]
            del quiet[at % len(quiet)]
        if any(answer == Process.OVER for _, answer in old):
            raise Failure("the program ends too early")
        return quiet, full, told

    def suture(self, command, *options, status=0):
        if self.args.every and command == "apply":
            options += ("--timeout", "0.5")
        while True:
            done = subprocess.run([self.args.suture, command, *options], capture_output=True,
                                  text=True, timeout=300, check=False)
            # On a busy machine a thread may get no processor to stop on: "try again".
            if done.returncode != 5 or "could not be stopped in time" not in done.stdout:
                break
        where = re.search(r"thread \d+ (?:is running|will return into) (\S+)", done.stdout)
        if self.args.every and done.returncode == 5 and where:
            raise Busy(where[1])
        if done.returncode != status:
            raise Failure(f"suture {command} {' '.join(options)}: exit status {done.returncode}, "
                          f"not {status}: {done.stdout}{done.stderr}")
        return done.stdout

    def build(self, *options):
        """Builds the hotpatch, with the signs accepted that were seen before."""
        accepted = []
        command = [self.args.suture, "build", os.path.join(self.args.folder, "old"),
                   os.path.join(self.args.folder, "new"), "-o", self.hotpatch, "--json", *options]
        for _ in range(2):
            done = subprocess.run(command + accepted, capture_output=True, text=True, timeout=300,
                                  check=False)
            if done.returncode == 0:
                return
            if done.returncode != 3 or not self.args.accept or accepted:
                break
            for reason in json.loads(done.stdout)["files"][0]["reasons"]:
                name = ":" + reason["function"] if reason["function"] else ""
                accepted += ["--accept", f"{reason['code']}{name}=no object of the kind is alive"]
        raise Failure(f"suture build: exit status {done.returncode}: {done.stdout}{done.stderr}")

    def live(self, quiet, last, n_applies, end_with):
        """A process's life: applied `n_applies` times, reverted between."""
        process = Process(self.argv("old"), self.script)
        options = (self.hotpatch, "--pid", str(process.pid))
        seen = []
        try:
            seen += process.ask_all(quiet)
            for i in range(n_applies):
                self.suture("apply", *options)
                self.suture("verify", *options)
                if i + 1 < n_applies or end_with == "old":
                    seen += process.ask_all(quiet)
                    self.suture("revert", *options)
                    self.suture("verify", *options, status=5)
                if i + 1 < n_applies:
                    seen += process.ask_all(quiet)
            return seen + process.ask_all(last) + process.end()
        except Failure as failure:
            raise Failure(f"{failure}\nbefore it: {show(seen[-3:])}") from None
        finally:
            process.kill()

    def tell(self):
        quiet, full, told = self.choose()
        old = self.play("old", quiet * 2 + full)
        new = self.play("new", quiet * 3 + full)
        told += self.play("new", quiet * 2 + full) != old
        if not told and not self.args.unseen:
            raise Failure("no question tells the old program from the new one")
        left = ["--every-function"] if self.args.every else []
        while True:
            self.build(*left)
            try:
                compare("reverted, it must answer as the old program does", old,
                        self.live(quiet, full, 1, "old"))
                compare("patched, it must answer as the new program does", new,
                        self.live(quiet, full, 2, "new"))
                return
            except Busy as busy:
                if str(busy) in left:
                    raise Failure(f"busy with {busy}, which was left") from None
                left += ["--leave", str(busy)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("suture")
    parser.add_argument("commands")
    parser.add_argument("folder")
    parser.add_argument("--host")
    for flag in ("every", "accept", "without-entries", "unseen"):
        parser.add_argument("--" + flag, action="store_true")
    story = Story(parser.parse_args())
    try:
        story.tell()
    except Failure as failure:
        print(failure)
        sys.exit(1)


main()
