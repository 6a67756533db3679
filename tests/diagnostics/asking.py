"""A grpcurl line, asked by a client of our own: what it knows of the services it asks of the server (reflection)."""

import json
import pathlib
import shlex
import shutil
import subprocess

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

# Flags of grpcurl that take a value, as far as the page uses them.
VALUED = ("-cacert", "-cert", "-key", "-d", "-max-time", "-H")
PATIENCE = 20


class Refused(Exception):
    """What the server said no to, or why it was not reached."""


class Call:
    """A line, read as grpcurl reads it: flags, the server, a symbol."""

    def __init__(self, line):
        self.line, self.flags, rest = line, {}, []
        words = iter(shlex.split(line)[1:])
        for word in words:
            if word in VALUED:
                self.flags[word] = next(words)
            elif word.startswith("-"):
                raise Refused(f"{word} is no flag that this check knows")
            else:
                rest.append(word)
        self.server = rest.pop(0)
        self.verb = rest.pop(0) if rest[0] in ("list", "describe") else None
        self.symbol = rest.pop(0) if rest else ""

    def channel(self):
        """A channel with what the flags say, and nothing else."""
        files = (self.flags.get(flag) for flag in ("-cacert", "-key", "-cert"))
        read = [file and pathlib.Path(file).read_bytes() for file in files]
        return grpc.secure_channel(self.server, grpc.ssl_channel_credentials(*read))

    def ask(self):
        """The answers, as grpcurl prints them: one, or those of a stream until the time is over."""
        with self.channel() as channel:
            try:
                answers = list(self.answers(channel))
            except grpc.RpcError as error:
                raise Refused(f"{error.code().name}: {error.details()}") from error
        self.ask_grpcurl()
        return answers

    def answers(self, channel):
        """What the server says, in the order in which it says it."""
        database = ProtoReflectionDescriptorDatabase(channel)
        if self.verb == "list":
            yield {"services": list(database.get_services())}
            return
        pool = descriptor_pool.DescriptorPool(database)
        if self.verb == "describe":
            described = pool.FindServiceByName(self.symbol)
            yield {"methods": [method.name for method in described.methods]}
            return
        service, name = self.symbol.rsplit("/", 1)
        try:
            method = pool.FindServiceByName(service).FindMethodByName(name)
        except KeyError as unknown:
            raise Refused(f"there is no {self.symbol}") from unknown
        kinds = [message_factory.GetMessageClass(kind) for kind in (method.input_type, method.output_type)]
        try:
            request = json_format.Parse(self.flags.get("-d", "{}"), kinds[0]())
        except json_format.ParseError as wrong:
            raise Refused(f"the request: {wrong}") from wrong
        metadata = [tuple(part.strip() for part in self.flags["-H"].split(":", 1))] if "-H" in self.flags else None
        timeout = float(self.flags.get("-max-time", PATIENCE))
        path, codecs = f"/{self.symbol}", (kinds[0].SerializeToString, kinds[1].FromString)
        if not method.server_streaming:
            call = channel.unary_unary(path, *codecs)
            yield as_json(call(request, timeout=timeout, metadata=metadata))
            return
        stream = channel.unary_stream(path, *codecs)(request, timeout=timeout, metadata=metadata)
        # It goes on until the time is over; the first answer says all.
        yield as_json(next(stream))
        stream.cancel()

    def ask_grpcurl(self):
        """The same with grpcurl itself, where it is: the line as it is, but for what must not be done twice."""
        if shutil.which("grpcurl") and "Resolve" not in self.symbol:
            run = subprocess.run(shlex.split(self.line), capture_output=True, text=True, timeout=60)
            # A stream ends with its time.
            if run.returncode != 0 and "-max-time" not in self.flags:
                raise Refused(f"grpcurl says {run.stderr}")


def as_json(message):
    """As grpcurl prints it: names in camel case, what is empty left out."""
    return json_format.MessageToDict(message)


def as_text(answer):
    """For people."""
    return json.dumps(answer, indent=2, ensure_ascii=False)


def known(answers):
    """What the reader has seen by now, and types where the page has a word in capitals."""
    entries = [change["id"] for answer in answers for change in answer.get("changes", []) if "reason" in change]
    return {"ENTRY": entries[0]} if entries else {}
