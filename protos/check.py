#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds protos/ to the descriptors that the Envoy and gRPC projects publish on PyPI.

    python3 -m venv .venv-protos
    .venv-protos/bin/pip install xds-protos grpcio-health-checking grpcio-reflection
    .venv-protos/bin/python protos/check.py

Our files may hold a part of upstream's messages and fields (COMPLETE names those that must hold all);
whatever they hold must agree. Needs protoc. Prints one line per disagreement and exits 1 if there is any.
"""

import importlib
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from google.protobuf import descriptor_pb2

PROTOS = Path(__file__).resolve().parent

PACKAGES = ("xds-protos", "grpcio-health-checking", "grpcio-reflection")

# Python modules whose names do not follow from the path, and what their protobuf package is called.
# PyPI has reflection as v1alpha only; v1 differs from it in nothing but the package.
MODULES = {
    "grpc/health/v1/health.proto": ("grpc_health.v1.health_pb2", "grpc.health.v1"),
    "grpc/reflection/v1/reflection.proto": ("grpc_reflection.v1alpha.reflection_pb2", "grpc.reflection.v1alpha"),
}

# Files that must lack nothing upstream has.
COMPLETE = {
    "envoy/extensions/filters/http/ext_proc/v3/processing_mode.proto",
    "envoy/service/auth/v3/attribute_context.proto",
    "envoy/service/auth/v3/external_auth.proto",
    "envoy/service/ext_proc/v3/external_processor.proto",
    "envoy/service/network_ext_proc/v3/network_external_processor.proto",
    "envoy/type/v3/http_status.proto",
    "grpc/health/v1/health.proto",
    "grpc/reflection/v1/reflection.proto",
}

# Messages (with all they hold) and fields that the newest xds-protos lacks, and why we hold them.
# Once it has one, that is compared like any other, and the line here can go.
EXT_PROC = "envoy.service.ext_proc.v3."
NETWORK_EXT_PROC = "envoy.service.network_ext_proc.v3."
NEWER_139 = "in Envoy 1.39, newer than xds-protos 1.85.0"
NEWER_140 = "in Envoy 1.40, newer than xds-protos 1.85.0"
NEWER = {
    EXT_PROC + "HttpBody.drain_complete": NEWER_140,
    EXT_PROC + "ProcessingRequest.ClientWindowUpdate": NEWER_140,
    EXT_PROC + "ProcessingRequest.FlowControlInit": NEWER_140,
    EXT_PROC + "ProcessingRequest.client_window_update": NEWER_140,
    EXT_PROC + "ProcessingRequest.flow_control_init": NEWER_140,
    EXT_PROC + "ProcessingResponse.ServerWindowUpdate": NEWER_140,
    EXT_PROC + "ProcessingResponse.TypedDynamicMetadataEntry": NEWER_140,
    EXT_PROC + "ProcessingResponse.request_drain_requests": NEWER_140,
    EXT_PROC + "ProcessingResponse.request_drain_responses": NEWER_140,
    EXT_PROC + "ProcessingResponse.server_window_update": NEWER_140,
    EXT_PROC + "ProcessingResponse.streamed_immediate_response": NEWER_139,
    EXT_PROC + "ProcessingResponse.typed_dynamic_metadata": NEWER_140,
    EXT_PROC + "StreamedBodyResponse.drain_complete": NEWER_140,
    EXT_PROC + "StreamedImmediateResponse": NEWER_139,
    NETWORK_EXT_PROC + "ProcessingRequest.AttributesEntry": NEWER_140,
    NETWORK_EXT_PROC + "ProcessingRequest.attributes": NEWER_140,
    NETWORK_EXT_PROC + "ProcessingResponse.close_stream_to_ext_proc_server": NEWER_139,
}

# Fields upstream has changed since: what xds-protos says, and what holds now. Anything else on
# either side is an error.
CHANGED = {
    # xds-protos 1.85.0 is a snapshot from before 11 went to streamed_immediate_response; the
    # descriptors inside Envoy 1.39 and 1.40 have 12.
    EXT_PROC + "ProcessingResponse.request_drain": ("optional bool = 11", "optional bool = 12"),
}

Field = descriptor_pb2.FieldDescriptorProto


def load_ours(directory):
    """Our files, as protoc reads them."""
    names = sorted(str(path.relative_to(directory)) for path in directory.rglob("*.proto"))
    with tempfile.NamedTemporaryFile() as output:
        command = ["protoc", f"--proto_path={directory}", f"--descriptor_set_out={output.name}", *names]
        try:
            subprocess.run(command, check=True)
        except FileNotFoundError:
            sys.exit("check.py: no protoc; install it: apt-get install protobuf-compiler libprotobuf-dev")
        except subprocess.CalledProcessError:
            sys.exit("check.py: protoc rejects our files")
        return descriptor_pb2.FileDescriptorSet.FromString(Path(output.name).read_bytes()).file


def load_theirs(name, package):
    """Upstream's file of that name, its package renamed to ours where the two are meant to differ."""
    module, their_package = MODULES.get(name, (name.removesuffix(".proto").replace("/", ".") + "_pb2", package))
    file = descriptor_pb2.FileDescriptorProto()
    importlib.import_module(module).DESCRIPTOR.CopyToProto(file)
    if name in MODULES and file.package == their_package:
        rename(file, their_package, package)
    return file


def rename(file, old, new):
    """Puts the package `new` for `old` in the file's name for itself and in all references."""

    def renamed(reference):
        return f".{new}." + reference.removeprefix(f".{old}.") if reference.startswith(f".{old}.") else reference

    def rename_fields(messages):
        for message in messages:
            rename_fields(message.nested_type)
            for field in message.field:
                field.type_name = renamed(field.type_name)

    file.package = new
    rename_fields(file.message_type)
    for service in file.service:
        for method in service.method:
            method.input_type, method.output_type = renamed(method.input_type), renamed(method.output_type)


class Checker:
    """Compares file by file; collects errors, notes and counts."""

    def __init__(self):
        self.errors = []
        self.notes = []
        self.counts = dict.fromkeys(("files", "messages", "fields", "enums", "values", "services", "methods"), 0)
        self.newer = 0
        self.compared = set()
        self.allowed = dict.fromkeys(NEWER, False)

    def error(self, name, ours, theirs):
        self.errors.append(f"{self.file}: {name.removeprefix(self.package + '.')}: ours {ours}, theirs {theirs}")

    def same(self, name, ours, theirs):
        if ours != theirs:
            self.error(name, ours, theirs)

    def pairs(self, prefix, ours, theirs, complete):
        """Yields (full name, ours, theirs) for what both have and reports what one side lacks."""
        theirs_by_name = {item.name: item for item in theirs}
        for item in ours:
            name = f"{prefix}.{item.name}"
            their_item = theirs_by_name.pop(item.name, None)
            if name in NEWER:
                self.allowed[name] = True
                if their_item is None:
                    self.newer += 1
                    continue
                self.notes.append(f"check.py: {name} is in xds-protos now; drop it from NEWER")
            if their_item is None:
                self.error(name, "present", "absent")
            else:
                yield name, item, their_item
        if complete:
            for name in theirs_by_name:
                self.error(f"{prefix}.{name}", "absent", "present")

    def check_file(self, ours, theirs):
        self.file, self.package = ours.name, ours.package
        self.counts["files"] += 1
        complete = ours.name in COMPLETE
        self.same("package", ours.package, theirs.package)
        self.same("syntax", ours.syntax or "proto2", theirs.syntax or "proto2")
        self.check_messages(ours.package, ours.message_type, theirs.message_type, complete)
        self.check_enums(ours.package, ours.enum_type, theirs.enum_type, complete)
        for name, our_service, their_service in self.pairs(ours.package, ours.service, theirs.service, complete):
            self.counts["services"] += 1
            for method, our, their in self.pairs(name, our_service.method, their_service.method, complete):
                self.counts["methods"] += 1
                self.same(method, describe_method(our), describe_method(their))

    def check_messages(self, prefix, ours, theirs, complete):
        for name, our, their in self.pairs(prefix, ours, theirs, complete):
            self.counts["messages"] += not our.options.map_entry
            self.same(name, *("map entry" if side.options.map_entry else "message" for side in (our, their)))
            for field, our_field, their_field in self.pairs(name, our.field, their.field, complete):
                self.counts["fields"] += not our.options.map_entry
                self.check_field(field, describe_field(our, our_field), describe_field(their, their_field))
            self.check_numbers(name, our, their)
            self.check_messages(name, our.nested_type, their.nested_type, complete)
            self.check_enums(name, our.enum_type, their.enum_type, complete)

    def check_field(self, name, ours, theirs):
        before, now = CHANGED.get(name, (None, None))
        self.compared.add(name)
        if theirs == before:
            self.same(name, ours, now)
        else:
            if before:
                self.notes.append(f"check.py: {name} has changed in xds-protos too; drop it from CHANGED")
            self.same(name, ours, theirs)

    def check_numbers(self, prefix, ours, theirs):
        """A number means one field only, also where upstream's has another name."""
        their_names = {
            field.number: field.name for field in theirs.field if f"{prefix}.{field.name}" not in CHANGED
        }
        for field in ours.field:
            their_name = their_names.get(field.number, field.name)
            if their_name != field.name:
                self.error(f"{prefix}.{field.name}", f"number {field.number}", f"gives it to {their_name}")
            if any(span.start <= field.number < span.end for span in theirs.reserved_range):
                self.error(f"{prefix}.{field.name}", f"number {field.number}", "reserves it")

    def check_enums(self, prefix, ours, theirs, complete):
        for name, our, their in self.pairs(prefix, ours, theirs, complete):
            self.counts["enums"] += 1
            # An enum we hold we hold whole: a value left out would read as unknown.
            for value, our_value, their_value in self.pairs(name, our.value, their.value, complete=True):
                self.counts["values"] += 1
                self.same(value, our_value.number, their_value.number)

    def check_allow_list(self):
        for name, used in self.allowed.items():
            if not used:
                self.errors.append(f"check.py: {name}: in NEWER, but not in our files")
        for name in CHANGED.keys() - self.compared:
            self.errors.append(f"check.py: {name}: in CHANGED, but not compared")


def describe_field(message, field):
    """Everything about a field that the wire or the generated code shows."""
    words = [Field.Label.Name(field.label).removeprefix("LABEL_").lower()]
    words.append(field.type_name.removeprefix(".") or Field.Type.Name(field.type).removeprefix("TYPE_").lower())
    if field.type_name and field.type != Field.TYPE_MESSAGE:
        words.append(f"({Field.Type.Name(field.type).removeprefix('TYPE_').lower()})")
    words.append(f"= {field.number}")
    if field.HasField("oneof_index"):
        words.append(f"in oneof {message.oneof_decl[field.oneof_index].name}")
    if field.proto3_optional:
        words.append("with presence")
    return " ".join(words)


def describe_method(method):
    """A method's messages, and which way they stream."""
    sent = "stream " * method.client_streaming + method.input_type
    received = "stream " * method.server_streaming + method.output_type
    return f"({sent}) returns ({received})"


def main():
    checker = Checker()
    for ours in load_ours(PROTOS):
        try:
            theirs = load_theirs(ours.name, ours.package)
        except ModuleNotFoundError as error:
            checker.errors.append(f"{ours.name}: no such file upstream ({error})")
            continue
        checker.check_file(ours, theirs)
    checker.check_allow_list()
    for line in checker.errors + checker.notes:
        print(line)
    if checker.errors:
        sys.exit(1)
    counts = ", ".join(f"{count} {noun}" for noun, count in checker.counts.items())
    print(f"agree with {', '.join(f'{package} {version(package)}' for package in PACKAGES)}: {counts}")
    print(f"not in xds-protos yet: {checker.newer} messages and fields; changed since: {len(CHANGED)}")


if __name__ == "__main__":
    main()
