from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PullRequest(_message.Message):
    __slots__ = ("clusterId", "nbProbes")
    CLUSTERID_FIELD_NUMBER: _ClassVar[int]
    NBPROBES_FIELD_NUMBER: _ClassVar[int]
    clusterId: str
    nbProbes: int
    def __init__(self, clusterId: _Optional[str] = ..., nbProbes: _Optional[int] = ...) -> None: ...

class Probe(_message.Message):
    __slots__ = ("clusterID", "status", "data", "timestamp")
    CLUSTERID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    clusterID: str
    status: str
    data: bytes
    timestamp: str
    def __init__(self, clusterID: _Optional[str] = ..., status: _Optional[str] = ..., data: _Optional[bytes] = ..., timestamp: _Optional[str] = ...) -> None: ...

class PullReply(_message.Message):
    __slots__ = ("clusterId", "probes")
    CLUSTERID_FIELD_NUMBER: _ClassVar[int]
    PROBES_FIELD_NUMBER: _ClassVar[int]
    clusterId: str
    probes: _containers.RepeatedCompositeFieldContainer[Probe]
    def __init__(self, clusterId: _Optional[str] = ..., probes: _Optional[_Iterable[_Union[Probe, _Mapping]]] = ...) -> None: ...
