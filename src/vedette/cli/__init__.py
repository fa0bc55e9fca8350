"""What operators type: the only HTTP client. Runs on Linux, macOS and Windows alike.

Knows the server by its REST and gRPC doors alone; reaches no database and none of the server's
rooms. No tables.
"""
