from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FromAgent(_message.Message):
    __slots__ = ("hello", "define", "batch", "gap", "heartbeat", "renew", "answer", "signed", "result")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    DEFINE_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    RENEW_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    SIGNED_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    define: Define
    batch: Batch
    gap: Gap
    heartbeat: Heartbeat
    renew: RenewRequest
    answer: Answer
    signed: Signed
    result: Result
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., define: _Optional[_Union[Define, _Mapping]] = ..., batch: _Optional[_Union[Batch, _Mapping]] = ..., gap: _Optional[_Union[Gap, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., renew: _Optional[_Union[RenewRequest, _Mapping]] = ..., answer: _Optional[_Union[Answer, _Mapping]] = ..., signed: _Optional[_Union[Signed, _Mapping]] = ..., result: _Optional[_Union[Result, _Mapping]] = ...) -> None: ...

class ToAgent(_message.Message):
    __slots__ = ("welcome", "ack", "configuration", "renewed", "refusal", "command", "cancel", "act", "told", "trust")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATION_FIELD_NUMBER: _ClassVar[int]
    RENEWED_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    ACT_FIELD_NUMBER: _ClassVar[int]
    TOLD_FIELD_NUMBER: _ClassVar[int]
    TRUST_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    ack: Ack
    configuration: Configuration
    renewed: RenewReply
    refusal: Refusal
    command: Command
    cancel: Cancel
    act: Act
    told: Told
    trust: Trust
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., configuration: _Optional[_Union[Configuration, _Mapping]] = ..., renewed: _Optional[_Union[RenewReply, _Mapping]] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ..., command: _Optional[_Union[Command, _Mapping]] = ..., cancel: _Optional[_Union[Cancel, _Mapping]] = ..., act: _Optional[_Union[Act, _Mapping]] = ..., told: _Optional[_Union[Told, _Mapping]] = ..., trust: _Optional[_Union[Trust, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("protocol", "run_id", "welcomed_run_id", "last_seq", "clock_us", "config_revision", "facts")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    WELCOMED_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    CLOCK_US_FIELD_NUMBER: _ClassVar[int]
    CONFIG_REVISION_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    protocol: int
    run_id: str
    welcomed_run_id: str
    last_seq: int
    clock_us: int
    config_revision: int
    facts: AgentFacts
    def __init__(self, protocol: _Optional[int] = ..., run_id: _Optional[str] = ..., welcomed_run_id: _Optional[str] = ..., last_seq: _Optional[int] = ..., clock_us: _Optional[int] = ..., config_revision: _Optional[int] = ..., facts: _Optional[_Union[AgentFacts, _Mapping]] = ...) -> None: ...

class AgentFacts(_message.Message):
    __slots__ = ("hostname", "os", "machine_id", "version", "pid", "started_us", "environment_json", "tags_json", "connectors", "modules", "sandbox_json", "bundle_version", "mode")
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    OS_FIELD_NUMBER: _ClassVar[int]
    MACHINE_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    STARTED_US_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_JSON_FIELD_NUMBER: _ClassVar[int]
    TAGS_JSON_FIELD_NUMBER: _ClassVar[int]
    CONNECTORS_FIELD_NUMBER: _ClassVar[int]
    MODULES_FIELD_NUMBER: _ClassVar[int]
    SANDBOX_JSON_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_VERSION_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    hostname: str
    os: str
    machine_id: str
    version: str
    pid: int
    started_us: int
    environment_json: str
    tags_json: str
    connectors: _containers.RepeatedScalarFieldContainer[str]
    modules: _containers.RepeatedScalarFieldContainer[str]
    sandbox_json: str
    bundle_version: int
    mode: str
    def __init__(self, hostname: _Optional[str] = ..., os: _Optional[str] = ..., machine_id: _Optional[str] = ..., version: _Optional[str] = ..., pid: _Optional[int] = ..., started_us: _Optional[int] = ..., environment_json: _Optional[str] = ..., tags_json: _Optional[str] = ..., connectors: _Optional[_Iterable[str]] = ..., modules: _Optional[_Iterable[str]] = ..., sandbox_json: _Optional[str] = ..., bundle_version: _Optional[int] = ..., mode: _Optional[str] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("durable_seq", "credits", "config_revision", "clock_us", "heartbeat_ms", "reconnect_spread_ms", "agent_name", "sign", "provisional")
    DURABLE_SEQ_FIELD_NUMBER: _ClassVar[int]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    CONFIG_REVISION_FIELD_NUMBER: _ClassVar[int]
    CLOCK_US_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_MS_FIELD_NUMBER: _ClassVar[int]
    RECONNECT_SPREAD_MS_FIELD_NUMBER: _ClassVar[int]
    AGENT_NAME_FIELD_NUMBER: _ClassVar[int]
    SIGN_FIELD_NUMBER: _ClassVar[int]
    PROVISIONAL_FIELD_NUMBER: _ClassVar[int]
    durable_seq: int
    credits: int
    config_revision: int
    clock_us: int
    heartbeat_ms: int
    reconnect_spread_ms: int
    agent_name: str
    sign: bool
    provisional: bool
    def __init__(self, durable_seq: _Optional[int] = ..., credits: _Optional[int] = ..., config_revision: _Optional[int] = ..., clock_us: _Optional[int] = ..., heartbeat_ms: _Optional[int] = ..., reconnect_spread_ms: _Optional[int] = ..., agent_name: _Optional[str] = ..., sign: _Optional[bool] = ..., provisional: _Optional[bool] = ...) -> None: ...

class Define(_message.Message):
    __slots__ = ("layouts", "error_classes")
    LAYOUTS_FIELD_NUMBER: _ClassVar[int]
    ERROR_CLASSES_FIELD_NUMBER: _ClassVar[int]
    layouts: _containers.RepeatedCompositeFieldContainer[Layout]
    error_classes: _containers.RepeatedCompositeFieldContainer[ErrorClass]
    def __init__(self, layouts: _Optional[_Iterable[_Union[Layout, _Mapping]]] = ..., error_classes: _Optional[_Iterable[_Union[ErrorClass, _Mapping]]] = ...) -> None: ...

class Layout(_message.Message):
    __slots__ = ("ref", "connector", "measures", "more")
    REF_FIELD_NUMBER: _ClassVar[int]
    CONNECTOR_FIELD_NUMBER: _ClassVar[int]
    MEASURES_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    ref: int
    connector: str
    measures: _containers.RepeatedCompositeFieldContainer[Measure]
    more: bool
    def __init__(self, ref: _Optional[int] = ..., connector: _Optional[str] = ..., measures: _Optional[_Iterable[_Union[Measure, _Mapping]]] = ..., more: _Optional[bool] = ...) -> None: ...

class Measure(_message.Message):
    __slots__ = ("name", "entity", "unit", "help")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    HELP_FIELD_NUMBER: _ClassVar[int]
    name: str
    entity: str
    unit: str
    help: str
    def __init__(self, name: _Optional[str] = ..., entity: _Optional[str] = ..., unit: _Optional[str] = ..., help: _Optional[str] = ...) -> None: ...

class ErrorClass(_message.Message):
    __slots__ = ("ref", "name")
    REF_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ref: int
    name: str
    def __init__(self, ref: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class Batch(_message.Message):
    __slots__ = ("seq", "prev", "rows", "target", "at", "state", "error", "rtt", "layout", "values", "notes")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    PREV_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    RTT_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    seq: int
    prev: int
    rows: int
    target: bytes
    at: bytes
    state: bytes
    error: bytes
    rtt: bytes
    layout: bytes
    values: bytes
    notes: _containers.RepeatedCompositeFieldContainer[Note]
    def __init__(self, seq: _Optional[int] = ..., prev: _Optional[int] = ..., rows: _Optional[int] = ..., target: _Optional[bytes] = ..., at: _Optional[bytes] = ..., state: _Optional[bytes] = ..., error: _Optional[bytes] = ..., rtt: _Optional[bytes] = ..., layout: _Optional[bytes] = ..., values: _Optional[bytes] = ..., notes: _Optional[_Iterable[_Union[Note, _Mapping]]] = ...) -> None: ...

class Note(_message.Message):
    __slots__ = ("row", "message", "facts_json")
    ROW_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FACTS_JSON_FIELD_NUMBER: _ClassVar[int]
    row: int
    message: str
    facts_json: str
    def __init__(self, row: _Optional[int] = ..., message: _Optional[str] = ..., facts_json: _Optional[str] = ...) -> None: ...

class Gap(_message.Message):
    __slots__ = ("seq", "prev", "reports", "from_us", "to_us", "reason")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    PREV_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    FROM_US_FIELD_NUMBER: _ClassVar[int]
    TO_US_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    seq: int
    prev: int
    reports: int
    from_us: int
    to_us: int
    reason: str
    def __init__(self, seq: _Optional[int] = ..., prev: _Optional[int] = ..., reports: _Optional[int] = ..., from_us: _Optional[int] = ..., to_us: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("clock_us", "spooled_bytes", "spooled_reports", "dropped_reports", "config_revision", "welcomed", "bundle_version")
    CLOCK_US_FIELD_NUMBER: _ClassVar[int]
    SPOOLED_BYTES_FIELD_NUMBER: _ClassVar[int]
    SPOOLED_REPORTS_FIELD_NUMBER: _ClassVar[int]
    DROPPED_REPORTS_FIELD_NUMBER: _ClassVar[int]
    CONFIG_REVISION_FIELD_NUMBER: _ClassVar[int]
    WELCOMED_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_VERSION_FIELD_NUMBER: _ClassVar[int]
    clock_us: int
    spooled_bytes: int
    spooled_reports: int
    dropped_reports: int
    config_revision: int
    welcomed: bool
    bundle_version: int
    def __init__(self, clock_us: _Optional[int] = ..., spooled_bytes: _Optional[int] = ..., spooled_reports: _Optional[int] = ..., dropped_reports: _Optional[int] = ..., config_revision: _Optional[int] = ..., welcomed: _Optional[bool] = ..., bundle_version: _Optional[int] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("durable_seq", "credits")
    DURABLE_SEQ_FIELD_NUMBER: _ClassVar[int]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    durable_seq: int
    credits: int
    def __init__(self, durable_seq: _Optional[int] = ..., credits: _Optional[int] = ...) -> None: ...

class Configuration(_message.Message):
    __slots__ = ("revision", "targets")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    revision: int
    targets: _containers.RepeatedCompositeFieldContainer[Target]
    def __init__(self, revision: _Optional[int] = ..., targets: _Optional[_Iterable[_Union[Target, _Mapping]]] = ...) -> None: ...

class Target(_message.Message):
    __slots__ = ("id", "name", "connector", "every_ms", "timeout_ms", "settings_json", "requests_json", "keep", "drop", "thresholds_json")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONNECTOR_FIELD_NUMBER: _ClassVar[int]
    EVERY_MS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_JSON_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_JSON_FIELD_NUMBER: _ClassVar[int]
    KEEP_FIELD_NUMBER: _ClassVar[int]
    DROP_FIELD_NUMBER: _ClassVar[int]
    THRESHOLDS_JSON_FIELD_NUMBER: _ClassVar[int]
    id: int
    name: str
    connector: str
    every_ms: int
    timeout_ms: int
    settings_json: str
    requests_json: str
    keep: _containers.RepeatedScalarFieldContainer[str]
    drop: _containers.RepeatedScalarFieldContainer[str]
    thresholds_json: str
    def __init__(self, id: _Optional[int] = ..., name: _Optional[str] = ..., connector: _Optional[str] = ..., every_ms: _Optional[int] = ..., timeout_ms: _Optional[int] = ..., settings_json: _Optional[str] = ..., requests_json: _Optional[str] = ..., keep: _Optional[_Iterable[str]] = ..., drop: _Optional[_Iterable[str]] = ..., thresholds_json: _Optional[str] = ...) -> None: ...

class Command(_message.Message):
    __slots__ = ("id", "name", "target", "parameters_json", "within_ms", "rows", "bytes")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_JSON_FIELD_NUMBER: _ClassVar[int]
    WITHIN_MS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    id: int
    name: str
    target: int
    parameters_json: str
    within_ms: int
    rows: int
    bytes: int
    def __init__(self, id: _Optional[int] = ..., name: _Optional[str] = ..., target: _Optional[int] = ..., parameters_json: _Optional[str] = ..., within_ms: _Optional[int] = ..., rows: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

class Cancel(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class Answer(_message.Message):
    __slots__ = ("id", "number", "rows_json", "last", "error_class", "message", "truncated", "took_ms")
    ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    ROWS_JSON_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    ERROR_CLASS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    TOOK_MS_FIELD_NUMBER: _ClassVar[int]
    id: int
    number: int
    rows_json: bytes
    last: bool
    error_class: str
    message: str
    truncated: str
    took_ms: int
    def __init__(self, id: _Optional[int] = ..., number: _Optional[int] = ..., rows_json: _Optional[bytes] = ..., last: _Optional[bool] = ..., error_class: _Optional[str] = ..., message: _Optional[str] = ..., truncated: _Optional[str] = ..., took_ms: _Optional[int] = ...) -> None: ...

class Act(_message.Message):
    __slots__ = ("id", "document", "signatures", "cancelled")
    ID_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    id: int
    document: bytes
    signatures: _containers.RepeatedScalarFieldContainer[str]
    cancelled: bool
    def __init__(self, id: _Optional[int] = ..., document: _Optional[bytes] = ..., signatures: _Optional[_Iterable[str]] = ..., cancelled: _Optional[bool] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("id", "number", "piece", "last", "signature")
    ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    PIECE_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    id: int
    number: int
    piece: bytes
    last: bool
    signature: bytes
    def __init__(self, id: _Optional[int] = ..., number: _Optional[int] = ..., piece: _Optional[bytes] = ..., last: _Optional[bool] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Told(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, ids: _Optional[_Iterable[int]] = ...) -> None: ...

class Trust(_message.Message):
    __slots__ = ("signed",)
    SIGNED_FIELD_NUMBER: _ClassVar[int]
    signed: bytes
    def __init__(self, signed: _Optional[bytes] = ...) -> None: ...

class RenewRequest(_message.Message):
    __slots__ = ("csr_pem",)
    CSR_PEM_FIELD_NUMBER: _ClassVar[int]
    csr_pem: bytes
    def __init__(self, csr_pem: _Optional[bytes] = ...) -> None: ...

class RenewReply(_message.Message):
    __slots__ = ("certificate_pem", "authority_pem")
    CERTIFICATE_PEM_FIELD_NUMBER: _ClassVar[int]
    AUTHORITY_PEM_FIELD_NUMBER: _ClassVar[int]
    certificate_pem: bytes
    authority_pem: bytes
    def __init__(self, certificate_pem: _Optional[bytes] = ..., authority_pem: _Optional[bytes] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("reason", "message", "final")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    final: bool
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ..., final: _Optional[bool] = ...) -> None: ...

class Signed(_message.Message):
    __slots__ = ("frame", "signature", "run", "number", "terms", "layouts")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    LAYOUTS_FIELD_NUMBER: _ClassVar[int]
    frame: bytes
    signature: bytes
    run: bytes
    number: int
    terms: bytes
    layouts: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, frame: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., run: _Optional[bytes] = ..., number: _Optional[int] = ..., terms: _Optional[bytes] = ..., layouts: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Terms(_message.Message):
    __slots__ = ("layouts", "error_classes")
    LAYOUTS_FIELD_NUMBER: _ClassVar[int]
    ERROR_CLASSES_FIELD_NUMBER: _ClassVar[int]
    layouts: _containers.RepeatedCompositeFieldContainer[Term]
    error_classes: _containers.RepeatedCompositeFieldContainer[ErrorClass]
    def __init__(self, layouts: _Optional[_Iterable[_Union[Term, _Mapping]]] = ..., error_classes: _Optional[_Iterable[_Union[ErrorClass, _Mapping]]] = ...) -> None: ...

class Term(_message.Message):
    __slots__ = ("ref", "digests")
    REF_FIELD_NUMBER: _ClassVar[int]
    DIGESTS_FIELD_NUMBER: _ClassVar[int]
    ref: int
    digests: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, ref: _Optional[int] = ..., digests: _Optional[_Iterable[bytes]] = ...) -> None: ...

class FromCollector(_message.Message):
    __slots__ = ("channel", "open", "carried", "dropped", "away", "meanings", "enrol")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    CARRIED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    AWAY_FIELD_NUMBER: _ClassVar[int]
    MEANINGS_FIELD_NUMBER: _ClassVar[int]
    ENROL_FIELD_NUMBER: _ClassVar[int]
    channel: int
    open: Open
    carried: Signed
    dropped: Dropped
    away: Away
    meanings: Meanings
    enrol: EnrolThrough
    def __init__(self, channel: _Optional[int] = ..., open: _Optional[_Union[Open, _Mapping]] = ..., carried: _Optional[_Union[Signed, _Mapping]] = ..., dropped: _Optional[_Union[Dropped, _Mapping]] = ..., away: _Optional[_Union[Away, _Mapping]] = ..., meanings: _Optional[_Union[Meanings, _Mapping]] = ..., enrol: _Optional[_Union[EnrolThrough, _Mapping]] = ...) -> None: ...

class Open(_message.Message):
    __slots__ = ("public_key", "hello", "config_revision")
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    CONFIG_REVISION_FIELD_NUMBER: _ClassVar[int]
    public_key: bytes
    hello: Signed
    config_revision: int
    def __init__(self, public_key: _Optional[bytes] = ..., hello: _Optional[_Union[Signed, _Mapping]] = ..., config_revision: _Optional[int] = ...) -> None: ...

class Dropped(_message.Message):
    __slots__ = ("seq", "reports", "from_us", "to_us", "reason")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    FROM_US_FIELD_NUMBER: _ClassVar[int]
    TO_US_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    seq: int
    reports: int
    from_us: int
    to_us: int
    reason: str
    def __init__(self, seq: _Optional[int] = ..., reports: _Optional[int] = ..., from_us: _Optional[int] = ..., to_us: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class Away(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Meanings(_message.Message):
    __slots__ = ("layouts",)
    LAYOUTS_FIELD_NUMBER: _ClassVar[int]
    layouts: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, layouts: _Optional[_Iterable[bytes]] = ...) -> None: ...

class EnrolThrough(_message.Message):
    __slots__ = ("id", "request")
    ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    id: int
    request: EnrolRequest
    def __init__(self, id: _Optional[int] = ..., request: _Optional[_Union[EnrolRequest, _Mapping]] = ...) -> None: ...

class ToCollector(_message.Message):
    __slots__ = ("channel", "credits", "message", "enrolled")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ENROLLED_FIELD_NUMBER: _ClassVar[int]
    channel: int
    credits: int
    message: ToAgent
    enrolled: Enrolled
    def __init__(self, channel: _Optional[int] = ..., credits: _Optional[int] = ..., message: _Optional[_Union[ToAgent, _Mapping]] = ..., enrolled: _Optional[_Union[Enrolled, _Mapping]] = ...) -> None: ...

class Enrolled(_message.Message):
    __slots__ = ("id", "reply", "kind", "message")
    ID_FIELD_NUMBER: _ClassVar[int]
    REPLY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    id: int
    reply: EnrolReply
    kind: str
    message: str
    def __init__(self, id: _Optional[int] = ..., reply: _Optional[_Union[EnrolReply, _Mapping]] = ..., kind: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class EnrolRequest(_message.Message):
    __slots__ = ("join_token", "csr_pem", "name", "facts", "role")
    JOIN_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CSR_PEM_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    join_token: str
    csr_pem: bytes
    name: str
    facts: AgentFacts
    role: str
    def __init__(self, join_token: _Optional[str] = ..., csr_pem: _Optional[bytes] = ..., name: _Optional[str] = ..., facts: _Optional[_Union[AgentFacts, _Mapping]] = ..., role: _Optional[str] = ...) -> None: ...

class EnrolReply(_message.Message):
    __slots__ = ("name", "certificate_pem", "authority_pem", "agents_address")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_PEM_FIELD_NUMBER: _ClassVar[int]
    AUTHORITY_PEM_FIELD_NUMBER: _ClassVar[int]
    AGENTS_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    name: str
    certificate_pem: bytes
    authority_pem: bytes
    agents_address: str
    def __init__(self, name: _Optional[str] = ..., certificate_pem: _Optional[bytes] = ..., authority_pem: _Optional[bytes] = ..., agents_address: _Optional[str] = ...) -> None: ...

class Filter(_message.Message):
    __slots__ = ("targets", "components", "clusters", "states")
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    CLUSTERS_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    targets: _containers.RepeatedScalarFieldContainer[str]
    components: _containers.RepeatedScalarFieldContainer[str]
    clusters: _containers.RepeatedScalarFieldContainer[str]
    states: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, targets: _Optional[_Iterable[str]] = ..., components: _Optional[_Iterable[str]] = ..., clusters: _Optional[_Iterable[str]] = ..., states: _Optional[_Iterable[str]] = ...) -> None: ...

class SubscribeRequest(_message.Message):
    __slots__ = ("filter", "cursor")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    filter: Filter
    cursor: int
    def __init__(self, filter: _Optional[_Union[Filter, _Mapping]] = ..., cursor: _Optional[int] = ...) -> None: ...

class Frame(_message.Message):
    __slots__ = ("snapshot", "cursor", "changes", "more")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    snapshot: bool
    cursor: int
    changes: _containers.RepeatedCompositeFieldContainer[StateChange]
    more: bool
    def __init__(self, snapshot: _Optional[bool] = ..., cursor: _Optional[int] = ..., changes: _Optional[_Iterable[_Union[StateChange, _Mapping]]] = ..., more: _Optional[bool] = ...) -> None: ...

class StateChange(_message.Message):
    __slots__ = ("subject", "name", "was", "now", "at_us", "reason", "error_class", "component", "cluster")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    WAS_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    AT_US_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ERROR_CLASS_FIELD_NUMBER: _ClassVar[int]
    COMPONENT_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    subject: str
    name: str
    was: str
    now: str
    at_us: int
    reason: str
    error_class: str
    component: str
    cluster: str
    def __init__(self, subject: _Optional[str] = ..., name: _Optional[str] = ..., was: _Optional[str] = ..., now: _Optional[str] = ..., at_us: _Optional[int] = ..., reason: _Optional[str] = ..., error_class: _Optional[str] = ..., component: _Optional[str] = ..., cluster: _Optional[str] = ...) -> None: ...

class ReportFrame(_message.Message):
    __slots__ = ("snapshot", "cursor", "reports", "more", "skipped")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    snapshot: bool
    cursor: int
    reports: _containers.RepeatedCompositeFieldContainer[ReportRow]
    more: bool
    skipped: int
    def __init__(self, snapshot: _Optional[bool] = ..., cursor: _Optional[int] = ..., reports: _Optional[_Iterable[_Union[ReportRow, _Mapping]]] = ..., more: _Optional[bool] = ..., skipped: _Optional[int] = ...) -> None: ...

class RangeRequest(_message.Message):
    __slots__ = ("target", "since_us", "until_us", "limit")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    target: str
    since_us: int
    until_us: int
    limit: int
    def __init__(self, target: _Optional[str] = ..., since_us: _Optional[int] = ..., until_us: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class ReportPage(_message.Message):
    __slots__ = ("reports",)
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    reports: _containers.RepeatedCompositeFieldContainer[ReportRow]
    def __init__(self, reports: _Optional[_Iterable[_Union[ReportRow, _Mapping]]] = ...) -> None: ...

class ReportRow(_message.Message):
    __slots__ = ("target", "agent", "at_us", "state", "error_class", "rtt_s", "values", "component", "cluster")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    AT_US_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ERROR_CLASS_FIELD_NUMBER: _ClassVar[int]
    RTT_S_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    COMPONENT_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    target: str
    agent: str
    at_us: int
    state: str
    error_class: str
    rtt_s: float
    values: _containers.RepeatedCompositeFieldContainer[MeasuredValue]
    component: str
    cluster: str
    def __init__(self, target: _Optional[str] = ..., agent: _Optional[str] = ..., at_us: _Optional[int] = ..., state: _Optional[str] = ..., error_class: _Optional[str] = ..., rtt_s: _Optional[float] = ..., values: _Optional[_Iterable[_Union[MeasuredValue, _Mapping]]] = ..., component: _Optional[str] = ..., cluster: _Optional[str] = ...) -> None: ...

class MeasuredValue(_message.Message):
    __slots__ = ("name", "entity", "unit", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    entity: str
    unit: str
    value: float
    def __init__(self, name: _Optional[str] = ..., entity: _Optional[str] = ..., unit: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...

class AskRequest(_message.Message):
    __slots__ = ("target", "command", "parameters_json", "within_ms", "agent")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_JSON_FIELD_NUMBER: _ClassVar[int]
    WITHIN_MS_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    target: str
    command: str
    parameters_json: str
    within_ms: int
    agent: str
    def __init__(self, target: _Optional[str] = ..., command: _Optional[str] = ..., parameters_json: _Optional[str] = ..., within_ms: _Optional[int] = ..., agent: _Optional[str] = ...) -> None: ...

class AskReply(_message.Message):
    __slots__ = ("asked", "rows_json", "end")
    ASKED_FIELD_NUMBER: _ClassVar[int]
    ROWS_JSON_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    asked: Asked
    rows_json: bytes
    end: AnswerEnd
    def __init__(self, asked: _Optional[_Union[Asked, _Mapping]] = ..., rows_json: _Optional[bytes] = ..., end: _Optional[_Union[AnswerEnd, _Mapping]] = ...) -> None: ...

class Asked(_message.Message):
    __slots__ = ("id", "agent", "columns")
    ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    id: int
    agent: str
    columns: _containers.RepeatedCompositeFieldContainer[AnswerColumn]
    def __init__(self, id: _Optional[int] = ..., agent: _Optional[str] = ..., columns: _Optional[_Iterable[_Union[AnswerColumn, _Mapping]]] = ...) -> None: ...

class AnswerColumn(_message.Message):
    __slots__ = ("name", "type", "unit", "help")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    HELP_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    unit: str
    help: str
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ..., unit: _Optional[str] = ..., help: _Optional[str] = ...) -> None: ...

class AnswerEnd(_message.Message):
    __slots__ = ("rows", "truncated", "took_ms")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    TOOK_MS_FIELD_NUMBER: _ClassVar[int]
    rows: int
    truncated: str
    took_ms: int
    def __init__(self, rows: _Optional[int] = ..., truncated: _Optional[str] = ..., took_ms: _Optional[int] = ...) -> None: ...
