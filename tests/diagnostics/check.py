"""Asks what docs/diagnostics.md asks, as it is written there, and compares the answers with what the page shows."""

import os
import pathlib
import sys

import asking
import page
import readable

# Not answered without any of these: all three flags are needed. A certificate without its key is none.
NEEDED = (("-cacert",), ("-cert", "-key"))
# What is written in its place in the page: each must be noticed.
TYPOS = (
    ("DiagnosticsService/GetLedger", "DiagnosticsService/GetLeger"),
    ('{"record": "PARA"}', '{"recrod": "PARA"}'),
    ('"recordName": "supplier invoice 1 of NORTH",\n      "ownerName"', '"recordTitle": "supplier invoice 1 of NORTH",\n      "ownerName"'),
    ('"state": "MOVE_STATE_UNDER_WAY"', '"state": 1'),
)


def main(path, show=None):
    """Exit code 0 only if every question is answered in kind, readably, and what must be noticed is."""
    text = pathlib.Path(path).read_text()
    questions, answered, wrong = page.read(text), [], []
    # What is decided is decided once: mistakes are tried before.
    for question in sorted(questions, key=lambda question: "Resolve" in question.command):
        if "Resolve" in question.command:
            wrong += without_a_flag(questions) + unnoticed(text, questions, answered)
        wrong += ask(question, answered, show)
    print(f"{path}: {len(questions)} questions, {len(TYPOS)} mistakes", *wrong, sep="\n")
    return 1 if wrong or len(answered) < len(questions) else 0


def ask(question, answered, show=None):
    """What is wrong with the answer to one question; `answered` takes it in."""
    line = question.filled(os.environ | asking.known(answered))
    if "$" in line or "ENTRY" in line:
        return [f"line {question.line}: a word that stands for nothing: {line}"]
    try:
        call = asking.Call(line)
        answers = call.ask()
    except asking.Refused as refused:
        return [f"line {question.line}: {line}: {refused}"]
    answered += answers
    if show:
        print(line, *(asking.as_text(answer) for answer in answers), sep="\n")
    wrong = [found for answer in answers for found in readable.wrong(answer)]
    if question.shown is not None:
        wrong += [found for found in (page.fits(question.shown, answer) for answer in answers) if found]
    return [f"line {question.line}: {call.symbol}: {found}" for found in wrong]


def without_a_flag(questions):
    """The first call of the page with TLS flags left out: it must not be answered."""
    wrong = []
    for flags in NEEDED:
        call = asking.Call(questions[0].filled(os.environ))
        if not set(flags) <= call.flags.keys():
            wrong.append(f"the page's lines lack one of {flags}")
            continue
        for flag in flags:
            del call.flags[flag]
        try:
            call.ask()
            wrong.append(f"{flags}: without it the call was answered")
        except asking.Refused:
            pass
    return wrong


def unnoticed(text, questions, answered):
    """Mistakes in the page that nobody would notice, in words."""
    wrong = []
    for right, mistaken in TYPOS:
        changed = page.read(text.replace(right, mistaken, 1))
        pairs = zip(questions, changed, strict=True)
        differ = [new for old, new in pairs if (old.command, old.shown) != (new.command, new.shown)]
        if len(differ) != 1:
            wrong.append(f"{right} is not in the page once, so that nothing was tried")
        elif not ask(differ[0], list(answered)):
            wrong.append(f"{right} -> {mistaken} was not noticed")
    return wrong


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
