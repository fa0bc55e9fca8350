"""Our proto file against dbmon's table: one number moved, and its clients read nothing."""

from google.protobuf.descriptor import FieldDescriptor
from tests.link.dbmon_contract import METHOD, SERVICE, TABLE

from vedette.link import dbmon, dbmon_pb2

KINDS = {
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_BYTES: "bytes",
}


def kind_of(field: FieldDescriptor) -> str:
    if field.message_type is not None:
        return f"{'repeated ' if field.is_repeated else ''}{field.message_type.name}"
    return KINDS[field.type]


def test_every_field_has_its_name_its_number_and_its_type():
    messages = dbmon_pb2.DESCRIPTOR.message_types_by_name.values()
    ours = {(m.name, f.name, f.number, kind_of(f)) for m in messages for f in m.fields}
    assert ours == set(TABLE)


def test_the_service_is_called_as_dbmon_calls_it():
    [service] = dbmon_pb2.DESCRIPTOR.services_by_name.values()
    [method] = service.methods
    assert (method.name, method.input_type.name, method.output_type.name) == METHOD
    assert service.full_name == dbmon.SERVICE == f"dbmon.{SERVICE}"
