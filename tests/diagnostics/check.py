"""Asks what docs/diagnostics.md asks, as it is written there, and compares the answers with what the page shows."""

import os
import sys

import asking
import page
import readable

# Refused or unreachable without any one of them: all three are needed.
NEEDED = ("-cacert", "-cert", "-key")


def main(path, show=None):
    """Exit code 0 only if every question is answered in kind, readably, and what must be noticed is."""
    wrong, answered = [], []
    for question in page.read(path):
        line = question.filled(os.environ | asking.known(answered))
        if "$" in line or "ENTRY" in line:
            wrong.append(f"line {question.line}: a word that stands for nothing: {line}")
            continue
        call = asking.Call(line)
        try:
            answers = call.ask()
        except asking.Refused as refused:
            wrong.append(f"line {question.line}: {call.symbol}: {refused}")
            continue
        answered += answers
        if show:
            print(line, *(asking.as_text(answer) for answer in answers), sep="\n")
        wrong += [f"line {question.line}: {found}" for answer in answers for found in readable.wrong(answer)]
        if question.shown is not None and not any(page.fits(question.shown, answer) is None for answer in answers):
            reasons = [page.fits(question.shown, answer) for answer in answers]
            wrong.append(f"line {question.line}: {call.symbol} is answered otherwise: {reasons}")
    wrong += without_a_flag(path)
    print(f"{path}: {len(page.read(path))} questions", *wrong, sep="\n")
    return 1 if wrong or len(answered) < 10 else 0


def without_a_flag(path):
    """The first call of the page with one TLS flag left out each time: it must not be answered."""
    line = next(question for question in page.read(path) if " -d " not in question.command).filled(os.environ)
    for flag in NEEDED:
        call = asking.Call(line)
        if flag not in call.flags:
            yield f"the page's lines lack {flag}"
            continue
        del call.flags[flag]
        try:
            call.ask()
            yield f"{flag} is not needed: without it the call was answered"
        except (asking.Refused, OSError, ValueError):
            pass


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
