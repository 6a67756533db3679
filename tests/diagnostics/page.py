"""The page: each grpcurl line in an sh block, with the answer that a json block shows behind it."""

import json
import re


class Question:
    """One line to type, and what is shown behind it."""

    def __init__(self, line, command, shown=None):
        self.line, self.command, self.shown = line, command, shown

    def filled(self, values):
        """The command with its variables put in, and what the reader puts in for words in capitals."""
        text = re.sub(r"\$(\w+)", lambda found: values.get(found.group(1), found.group(0)), self.command)
        return text.replace('"ENTRY"', f'"{values["ENTRY"]}"') if "ENTRY" in values else text


def read(text):
    """All questions, in order. Lines that set variables are for the reader."""
    questions, block, kind, begun = [], [], None, 0
    for number, line in enumerate(text.splitlines(), 1):
        if kind is None:
            if line.startswith("```"):
                kind, block, begun = line[3:], [], number
        elif line != "```":
            block.append((number, line))
        else:
            inside = "\n".join(line for _, line in block)
            if kind == "json":
                questions[-1].shown = json.loads(inside)
            elif kind == "sh":
                lines = inside.replace("\\\n", " ").splitlines()
                questions += [Question(begun, line.strip()) for line in lines if line.startswith("grpcurl ")]
            kind = None
    return questions


def fits(shown, answer, where=""):
    """Why an answer is not of the kind that is shown: every field that is, and the same kind of value. None if it is."""
    if isinstance(shown, dict):
        if not isinstance(answer, dict):
            return f"{where or 'it'} is no object"
        found = (fits(value, answer.get(name), f"{where}.{name}") for name, value in shown.items())
        return next((why for why in found if why), None)
    if isinstance(shown, list):
        if not isinstance(answer, list):
            return f"{where} is no list"
        for number, value in enumerate(shown):
            reasons = [fits(value, other, f"{where}[{number}]") for other in answer]
            if all(reasons):
                return reasons[0] if reasons else f"{where} is empty"
        return None
    if type(shown) is not type(answer):
        return f"{where} is {answer!r}, not as {shown!r}"
    # A constant of the protocol is one in the answer, and a number in words is one.
    for pattern in (r"[A-Z]+(_[A-Z]+)+", r"\d+"):
        if isinstance(shown, str) and re.fullmatch(pattern, shown) and not re.fullmatch(pattern, answer):
            return f"{where} is {answer!r}, not as {shown!r}"
    return None
