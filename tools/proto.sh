#!/bin/sh
# Generate the link's Python from proto/; $1 is the Python, $2 where to (default: the tree).
set -eu

python=$1
into=${2:-src/vedette/link}

"$python" -m grpc_tools.protoc -Iproto \
    --python_out="$into" --pyi_out="$into" --grpc_python_out="$into" proto/vedette.proto
# Of dbmon's door only the messages: its one method is served without a generated servicer. What
# others push over HTTP has no service.
"$python" -m grpc_tools.protoc -Iproto --python_out="$into" --pyi_out="$into" \
    proto/dbmon.proto proto/intake.proto
# protoc imports its own output from the top level; -i without a suffix means two things to two seds.
sed 's/^import vedette_pb2 as vedette__pb2/from vedette.link import vedette_pb2 as vedette__pb2/' \
    "$into/vedette_pb2_grpc.py" > "$into/vedette_pb2_grpc.py.new"
mv "$into/vedette_pb2_grpc.py.new" "$into/vedette_pb2_grpc.py"
